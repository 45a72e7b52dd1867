"""A browser's, a viewer's and a watchdog's view of the node: WADO-URI, health, metrics, the list of studies."""
import concurrent.futures
import http.client
import json
import os
import re
import socket
import struct
import urllib.parse

import dul
import pydicom
import pytest
import samples

KIND = "application%2Fdicom"
TOKEN = "0123456789abcdef0123456789abcdef"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {k.lower(): v for k, v in headers}, body

    def json(self):
        return json.loads(self.body)

    @property
    def type(self):
        return self.headers.get("content-type", "").split(";")[0]


def ask(node, path, method="GET", host="127.0.0.1", **headers):
    connection = http.client.HTTPConnection(host, node.http_port, timeout=60)
    try:
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def wado(node, one, method="GET", headers=None, **more):
    query = {"requestType": "WADO", "studyUID": one.study, "seriesUID": one.series, "objectUID": one.uid, **more}
    query = {name: value for name, value in query.items() if value is not None}
    return ask(node, "/wado?" + urllib.parse.urlencode(query), method, **(headers or {}))


def jpeg_size(body):
    """(rows, columns, components) from the frame header of a JPEG."""
    assert body[:2] == b"\xff\xd8" and body[-2:] == b"\xff\xd9", body[:16]
    at = 2
    while body[at] == 0xFF:
        marker, length = body[at + 1], struct.unpack_from(">H", body, at + 2)[0]
        if marker in (0xC0, 0xC1, 0xC2):
            return struct.unpack_from(">xHHB", body, at + 4)
        at += 2 + length
    raise AssertionError("no frame header")


def report():
    """An object without pixels."""
    return samples.encode(samples.header(samples.SR, Modality="SR"))


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes(log__level="debug")


@pytest.fixture(scope="module")
def image(node):
    one = samples.instance(size=20000)
    assert node.send(one) == [0]
    return one


@pytest.fixture(scope="module")
def stored(node, image):
    """The image's file as the node keeps it."""
    path, = [path for path in node.objects() if image.uid in path]
    with open(path, "rb") as file:
        return file.read()


# ---- the stored object ----


def test_the_stored_file_comes_as_it_is(node, image, stored):
    answer = wado(node, image, contentType="application/dicom")
    assert (answer.status, answer.type) == (200, "application/dicom")
    assert answer.body == stored
    assert answer.body.endswith(image.raw)
    assert answer.headers["content-length"] == str(len(stored))
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("syntax", [dul.IMPLICIT, dul.BIG_ENDIAN, dul.DEFLATED, samples.JPEG2000, samples.HTJ2K,
                                    samples.INVENTED])
def test_every_syntax_comes_as_it_was_sent(node, syntax):
    one = samples.instance(syntax)
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="application/dicom")
    assert answer.status == 200
    assert samples.split_part10(answer.body) == (one.sop_class, one.uid, syntax, one.raw)


def test_head_says_the_same_without_a_body(node, image, stored):
    get = wado(node, image, contentType="application/dicom")
    head = wado(node, image, "HEAD", contentType="application/dicom")
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "content-type", "etag", "last-modified"):
        assert head.headers[name] == get.headers[name]


def test_what_the_client_has_is_not_sent_again(node, image):
    first = wado(node, image, contentType="application/dicom")
    for headers in ({"If_None_Match": first.headers["etag"]}, {"If_None_Match": f'"x", W/{first.headers["etag"]}'},
                    {"If_Modified_Since": first.headers["last-modified"]}):
        again = wado(node, image, contentType="application/dicom", headers=headers)
        assert (again.status, again.body) == (304, b"")
    other = wado(node, image, contentType="application/dicom", headers={"If_None_Match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize("wanted, first, last", [("0-0", 0, 0), ("100-199", 100, 199), ("-10", -10, -1),
                                                 ("128-", 128, -1), ("5-999999999", 5, -1)])
def test_a_part_of_the_file(node, image, stored, wanted, first, last):
    answer = wado(node, image, contentType="application/dicom", headers={"Range": f"bytes={wanted}"})
    first, last = first % len(stored), last % len(stored)
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(stored)}"
    assert answer.body == stored[first:last + 1]


def test_a_part_that_is_not_there(node, image, stored):
    answer = wado(node, image, contentType="application/dicom", headers={"Range": f"bytes={len(stored)}-"})
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(stored)}")


def test_the_object_uid_alone_is_enough(node, image, stored):
    answer = wado(node, image, studyUID=None, seriesUID=None, contentType="application/dicom")
    assert (answer.status, answer.body) == (200, stored)


def test_many_at_once_and_the_impatient(node, image, stored):
    """Clients that hang up in the middle harm nobody."""
    path = f"/wado?requestType=WADO&objectUID={image.uid}&contentType={KIND}"

    def fetch(n):
        if n % 3 == 0:
            with socket.create_connection(("127.0.0.1", node.http_port), timeout=60) as rude:
                rude.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                return n % 2 or rude.recv(10)
        return ask(node, path).body == stored

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(fetch, range(150)))
    assert ask(node, "/health").status == 200


# ---- another transfer syntax ----


def test_another_transfer_syntax_on_demand(node, image):
    answer = wado(node, image, contentType="application/dicom", transferSyntax=dul.IMPLICIT)
    assert answer.status == 200, answer.body
    sop_class, sop_instance, syntax, raw = samples.split_part10(answer.body)
    assert (sop_class, sop_instance, syntax) == (image.sop_class, image.uid, dul.IMPLICIT)
    assert dul.decode_dataset(raw, syntax).PixelData == image.dataset().PixelData


def test_a_transfer_syntax_that_cannot_be_made(node, image):
    assert wado(node, image, contentType="application/dicom", transferSyntax=samples.HTJ2K).status == 406
    assert wado(node, image, contentType="application/dicom", transferSyntax="none").status == 400
    assert wado(node, image, contentType="image/jpeg", transferSyntax=dul.IMPLICIT).status == 400


def test_the_syntax_it_has_is_the_file_itself(node, image, stored):
    answer = wado(node, image, contentType="application/dicom", transferSyntax=image.syntax)
    assert (answer.status, answer.body) == (200, stored)


# ---- a picture ----


@pytest.mark.parametrize("how", [
    {"contentType": "image/jpeg"}, {"contentType": "IMAGE/JPEG"}, {"contentType": "image/jpeg;q=1.0"},
    {"contentType": "application/dicom;q=0.5, image/jpeg;q=0.9"}, {"contentType": "image/png, image/jpeg"}, {},
    {"headers": {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}},
    {"headers": {"Accept": "image/avif,image/webp,image/*,*/*;q=0.8"}},
])
def test_an_image_is_shown(node, image, how):
    answer = wado(node, image, **how)
    assert (answer.status, answer.type) == (200, "image/jpeg"), answer.body[:300]
    dataset = image.dataset()
    assert jpeg_size(answer.body) == (dataset.Rows, dataset.Columns, 1)


@pytest.mark.parametrize("how", [
    {"contentType": "application/dicom"}, {"contentType": "Application/DICOM"},
    {"contentType": "image/jpeg;q=0.1,application/dicom"}, {"contentType": "application/dicom,image/jpeg"},
    {"headers": {"Accept": "application/dicom"}}, {"headers": {"Accept": "image/jpeg;q=0, */*"}},
])
def test_the_file_when_that_is_wanted_more(node, image, stored, how):
    answer = wado(node, image, **how)
    assert (answer.status, answer.type, answer.body) == (200, "application/dicom", stored)


@pytest.mark.parametrize("how", [{"contentType": "image/png"}, {"contentType": "rubbish"},
                                 {"headers": {"Accept": "text/html"}}])
def test_types_that_are_not_made(node, image, how):
    assert wado(node, image, **how).status == 406


def test_quality_is_heard(node, image):
    fine, coarse = (wado(node, image, contentType="image/jpeg", imageQuality=q) for q in (100, 5))
    assert fine.status == coarse.status == 200
    assert len(coarse.body) < len(fine.body)
    for wrong in ("0", "101", "-1", "best", "1.5"):
        assert wado(node, image, contentType="image/jpeg", imageQuality=wrong).status == 400


def test_the_same_picture_is_not_made_twice_for_one_client(node, image):
    first = wado(node, image)
    assert wado(node, image, headers={"If_None_Match": first.headers["etag"]}).status == 304
    assert wado(node, image, imageQuality=50, headers={"If_None_Match": first.headers["etag"]}).status == 200


def test_one_frame_of_several(node):
    dataset = samples.header(samples.SC, Modality="OT")
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.NumberOfFrames = 1, "MONOCHROME2", 2
    dataset.Rows, dataset.Columns = 16, 16
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    ramp = bytes(range(256))
    dataset.PixelData = ramp + ramp[::-1]
    dataset["PixelData"].VR = "OB"
    one = samples.encode(dataset)
    assert node.send(one) == [0]
    plain, first, second = (wado(node, one, frameNumber=n) for n in (None, 1, 2))
    assert plain.status == first.status == second.status == 200
    assert plain.body == first.body != second.body
    assert wado(node, one, frameNumber=3).status == 404
    assert wado(node, one, frameNumber=0).status == 400
    assert wado(node, one, frameNumber=1, contentType="application/dicom").status == 400


def test_an_object_without_pixels(node):
    one = report()
    assert node.send(one) == [0]
    answer = wado(node, one)
    assert (answer.status, answer.type) == (200, "application/dicom")
    assert wado(node, one, contentType="image/jpeg").status == 406


def test_a_kind_of_pixels_that_is_not_shown(node):
    """In a syntax that nobody here decodes: the file where that will do, otherwise the reason."""
    one = samples.instance(samples.INVENTED)
    assert node.send(one) == [0]
    assert wado(node, one).type == "application/dicom"
    assert wado(node, one, contentType="image/jpeg").status == 406
    assert wado(node, one, frameNumber=1).status == 406


def test_rows_without_pixels(node):
    one = samples.encode(samples.header(samples.CT, Rows=16, Columns=16))
    assert node.send(one) == [0]
    assert wado(node, one).type == "application/dicom"
    assert wado(node, one, contentType="image/jpeg").status == 406


def test_pixels_that_cannot_be_shown(node):
    """Noise under a JPEG 2000 label: said so, and the file is still there to fetch."""
    one = samples.instance(samples.JPEG2000)
    assert node.send(one) == [0]
    answer = wado(node, one)
    assert (answer.status, answer.type) == (406, "application/problem+json")
    assert wado(node, one, contentType="application/dicom").status == 200


# ---- what is asked wrongly ----


@pytest.mark.parametrize("change, status", [
    ({"requestType": None}, 400), ({"requestType": "wado"}, 400), ({"requestType": "RETRIEVE"}, 400),
    ({"objectUID": None}, 400), ({"objectUID": ""}, 400), ({"objectUID": "1.2.x"}, 400),
    ({"objectUID": "../../etc/passwd"}, 400), ({"objectUID": "1." * 40 + "1"}, 400), ({"objectUID": "1.2' OR 1"}, 400),
    ({"studyUID": "1..2"}, 400), ({"seriesUID": "a"}, 400),
    ({"objectUID": "1.2.3.4.5"}, 404), ({"studyUID": "1.2.3"}, 404), ({"seriesUID": "1.2.3"}, 404),
    ({"anonymize": "yes"}, 501), ({"rows": "100"}, 501), ({"columns": "100"}, 501), ({"region": "0,0,1,1"}, 501),
    ({"windowCenter": "40"}, 501), ({"windowWidth": "400"}, 501), ({"presentationUID": "1.2"}, 501),
    ({"annotation": "patient"}, 501),
])
def test_the_right_status_for_a_wrong_request(node, image, change, status):
    answer = wado(node, image, **change)
    assert (answer.status, answer.type) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"]
    if status == 501:
        assert list(change)[0] in problem["detail"]


def test_unknown_and_empty_parameters_do_no_harm(node, image):
    assert wado(node, image, charset="utf-8", viewer="x", rows="", anonymize="no").status == 200


def test_the_same_parameter_twice_is_refused(node, image):
    path = f"/wado?requestType=WADO&objectUID={image.uid}&contentType={KIND}"
    assert ask(node, path).status == 200
    assert ask(node, path + f"&objectUID={image.uid}").status == 400
    assert ask(node, path + "&%6fbjectUID=1.2").status == 400
    assert ask(node, path + "&x=%00").status == 400
    assert ask(node, path + "&x=%zz").status == 400
    assert ask(node, path + "&x=" + "y" * 9000).status == 414


def test_only_get_and_head(node):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        answer = ask(node, "/api/v1/studies", method)
        assert (answer.status, answer.headers.get("allow")) == (405, "GET, HEAD")
    assert ask(node, "/etc/passwd").status == 404
    assert ask(node, "/../../etc/passwd").status == 404


# ---- how the node is ----


def test_health(node):
    answer = ask(node, "/health")
    assert (answer.status, answer.type) == (200, "application/json")
    health = answer.json()
    assert health["status"] == "ok"
    assert health["aet"] == node.aet and health["uptime_seconds"] >= 0


def test_metrics_are_what_prometheus_reads(node, image):
    answer = ask(node, "/metrics")
    assert (answer.status, answer.type) == (200, "text/plain")
    values, types = {}, {}
    for line in answer.body.decode().splitlines():
        if line.startswith("# "):
            kind, name, text = line[2:].split(" ", 2)
            assert kind in ("HELP", "TYPE") and text
            if kind == "TYPE":
                assert name not in types
                types[name] = text
            continue
        match = re.fullmatch(r"(yingqiao_[a-z0-9_]+)(\{[a-z_]+=\"[^\"]*\"\})? ([0-9.e+-]+)", line)
        assert match, line
        assert match[1] in types
        values[match[1]] = float(match[3])
    assert all(kind == ("counter" if name.endswith("_total") else "gauge") for name, kind in types.items())
    assert values["yingqiao_instances_stored_total"] >= 1
    assert values["yingqiao_http_requests_total"] >= 1
    assert values["yingqiao_resident_bytes"] > 1e6
    assert values["yingqiao_open_fds"] > 3
    assert values["yingqiao_store_free_bytes"] > 0


def test_the_front_page_leads_on(node):
    answer = ask(node, "/")
    page = answer.body.decode()
    assert (answer.status, answer.type) == (200, "text/html")
    assert node.aet in page and "<script" not in page
    for path in ("/health", "/metrics", "/api/v1/studies"):
        assert f'href="{path}"' in page


def test_no_personal_data_in_the_log(node):
    ask(node, "/api/v1/studies?PatientName=Secretperson*&PatientID=SECRET77")
    ask(node, "/nowhere/x?PatientID=SECRET77")
    node.wait_for_log(r"http-request .*path=/nowhere/x status=404")
    assert "path=/api/v1/studies status=200" in node.log()
    assert "SECRET77" not in node.log() and "Secretperson" not in node.log()


# ---- which studies are here ----


@pytest.fixture(scope="module")
def listing(shared_nodes):
    """A node with seven studies."""
    node = shared_nodes()
    people = [("张^三", "P1", "20260101"), ("李^四", "P2", "20260102"), ("Testperson^Erika", "P3", "20260103"),
              ("Testperson^Max", "P4", "20260104"), ("Roe^Jane", "P5", "20260105"), ("Doe^John", "P6", "20260106"),
              ("王^五", "P7", "20260107")]
    for n, (name, number, day) in enumerate(people):
        modality = "MR" if n % 2 else "CT"
        one = samples.instance(PatientName=name, PatientID=number, StudyDate=day, AccessionNumber=f"ACC{n}",
                               Modality=modality)
        assert node.send(one) == [0]
    return node


def studies(node, **query):
    answer = ask(node, "/api/v1/studies?" + urllib.parse.urlencode(query))
    assert (answer.status, answer.type) == (200, "application/json"), answer.body
    return answer.json()


def test_all_studies_newest_first(listing):
    found = studies(listing)
    assert (found["total"], found["limit"], found["offset"]) == (7, 50, 0)
    assert [study["PatientID"] for study in found["studies"]] == ["P7", "P6", "P5", "P4", "P3", "P2", "P1"]
    first = found["studies"][0]
    assert first["PatientName"] == "王^五" and first["StudyDate"] == "20260107"
    assert first["NumberOfStudyRelatedInstances"] == 1
    assert first["ModalitiesInStudy"] == "CT"


@pytest.mark.parametrize("query, expected", [
    ({"PatientID": "P3"}, ["P3"]),
    ({"patientid": "P3"}, ["P3"]),
    ({"PatientName": "张*"}, ["P1"]),
    ({"PatientName": "testperson*"}, ["P4", "P3"]),
    ({"PatientName": "Testperson*", "StudyDate": "20260104"}, ["P4"]),
    ({"StudyDate": "20260102-20260103"}, ["P3", "P2"]),
    ({"StudyDate": "20260106-"}, ["P7", "P6"]),
    ({"Modality": "MR"}, ["P6", "P4", "P2"]),
    ({"ModalitiesInStudy": "MR"}, ["P6", "P4", "P2"]),
    ({"AccessionNumber": "ACC?"}, ["P7", "P6", "P5", "P4", "P3", "P2", "P1"]),
    ({"AccessionNumber": ""}, ["P7", "P6", "P5", "P4", "P3", "P2", "P1"]),
    ({"PatientID": "nobody"}, []),
    ({"PatientID": "P1' OR '1'='1"}, []),
])
def test_filters(listing, query, expected):
    found = studies(listing, **query)
    assert [study["PatientID"] for study in found["studies"]] == expected
    assert found["total"] == len(expected)


def test_paging_reaches_every_study_once(listing):
    seen, path, pages = [], "/api/v1/studies?limit=3&PatientName=*", 0
    while path:
        answer = ask(listing, path)
        seen += [study["StudyInstanceUID"] for study in answer.json()["studies"]]
        following = re.search(r'<([^>]*)>; rel="next"', answer.headers.get("link", ""))
        path = following[1] if following else None
        pages += 1
    assert (len(seen), len(set(seen)), pages) == (7, 7, 3)
    back = re.search(r'<([^>]*)>; rel="prev"', answer.headers["link"])
    assert ask(listing, back[1]).json()["offset"] == 3


@pytest.mark.parametrize("query, hint", [
    ("PatientNam=x", "PatientName"), ("patient_id=x", "PatientID"), ("Accession=1", "AccessionNumber"),
    ("xyzzyplugh=1", "attribute"), ("NumberOfStudyRelatedInstances=1", "attribute"),
    ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("offset=-1", "offset"),
    ("PatientID=1&PatientID=2", "twice"), ("PatientID=1&patientid=2", "twice"), ("PatientName=%D5%C5", "UTF-8"),
    ("PatientID=%", "percent"),
])
def test_what_is_asked_wrongly_is_said_so(listing, query, hint):
    answer = ask(listing, "/api/v1/studies?" + query)
    assert (answer.status, answer.type) == (400, "application/problem+json")
    assert hint in answer.json()["detail"]


# ---- who may come in ----


def test_a_foreign_host_name_is_refused(node):
    """A web page that points its own name at 127.0.0.1 does not reach the node."""
    assert ask(node, "/health", Host="evil.example").status == 403
    assert ask(node, "/health", Host=f"localhost:{node.http_port}").status == 200


def test_elsewhere_everybody_needs_a_token(nodes, tmp_path):
    data = tmp_path / "guarded"
    conf = data / "conf"
    conf.mkdir(parents=True)
    (conf / "tokens.json").touch(0o600)
    (conf / "tokens.json").write_text(json.dumps({"tokens": [{"name": "viewer", "secret": TOKEN}]}))
    node = nodes(data=data, http__bind="0.0.0.0")
    for path in ("/", "/metrics", "/api/v1/studies", "/wado?requestType=WADO&objectUID=1.2", "/nowhere"):
        answer = ask(node, path)
        assert (answer.status, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer")
        assert ask(node, path, Authorization="Bearer " + TOKEN[:-1] + "x").status == 401
    assert ask(node, "/health").json() == {"status": "ok"}
    assert ask(node, "/api/v1/studies", Authorization="Bearer " + TOKEN).json()["total"] == 0
    assert len(ask(node, "/health", Authorization="Bearer " + TOKEN).json()) > 1
    assert TOKEN not in node.log()


# ---- the project's own samples ----


def test_every_sample_comes_back_and_is_shown(node, demo_files):
    kinds = set()
    for path in demo_files:
        one = samples.load(path)
        assert node.send(one) == [0]
        with open(path, "rb") as file:
            sent = file.read()
        got = wado(node, one, contentType="application/dicom").body
        assert samples.split_part10(got)[3] == samples.split_part10(sent)[3]
        if (one.sop_class, one.syntax) in kinds:
            continue
        kinds.add((one.sop_class, one.syntax))
        picture = wado(node, one)
        assert (picture.status, picture.type) == (200, "image/jpeg"), (path, picture.body[:300])
        rows, columns, _ = jpeg_size(picture.body)
        head = pydicom.dcmread(path, stop_before_pixels=True)
        assert (rows, columns) == (head.Rows, head.Columns)
