"""WADO-URI: an object by its UIDs, as a file, as a picture, as a page. PIL and pydicom judge."""
import concurrent.futures
import gzip
import io
import json
import socket
import urllib.parse

import conftest
import dul
import pydicom
import pytest
import samples
from PIL import Image
from web import ask, jpeg_size, wado

KIND = "application%2Fdicom"


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


@pytest.mark.parametrize("syntax", [samples.JPEG2000, samples.HTJ2K, samples.INVENTED])
def test_what_cannot_be_decoded_comes_as_it_was_sent(node, syntax):
    one = samples.instance(syntax)
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="application/dicom")
    assert answer.status == 200
    assert samples.split_part10(answer.body) == (one.sop_class, one.uid, syntax, one.raw)


@pytest.mark.parametrize("syntax", [dul.IMPLICIT, dul.BIG_ENDIAN, dul.DEFLATED])
def test_the_default_is_explicit_little_endian(node, syntax):
    """PS3.18 8.7.3.4, whatever it was sent in; the setting as-stored, or a wish for any syntax, leave it as it is."""
    one = samples.instance(syntax)
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="application/dicom")
    assert answer.status == 200
    sop_class, sop_instance, made, raw = samples.split_part10(answer.body)
    assert (sop_class, sop_instance, made) == (one.sop_class, one.uid, dul.EXPLICIT)
    pixels = one.dataset().PixelData
    if syntax == dul.BIG_ENDIAN:
        pixels = b"".join(pixels[n + 1:n - 1:-1] if n else pixels[1::-1] for n in range(0, len(pixels), 2))
    assert dul.decode_dataset(raw, made).PixelData == pixels
    any_syntax = wado(node, one, contentType="application/dicom;transfer-syntax=*")
    assert samples.split_part10(any_syntax.body) == (one.sop_class, one.uid, syntax, one.raw)


def test_the_default_may_be_as_stored(nodes):
    node = nodes(http__wado_default="as-stored")
    one = samples.instance(dul.IMPLICIT)
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="application/dicom")
    assert samples.split_part10(answer.body) == (one.sop_class, one.uid, dul.IMPLICIT, one.raw)


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
    later = {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert wado(node, image, contentType="application/dicom", headers=later).status == 304
    for never in ("Sat, 01 Jan 2000 00:00:00 GMT", "yesterday"):
        assert wado(node, image, contentType="application/dicom", headers={"If_Modified_Since": never}).status == 200


def test_only_in_the_state_that_the_client_knows(node, image):
    first = wado(node, image, contentType="application/dicom")
    for headers, status in (({"If_Match": first.headers["etag"]}, 200), ({"If_Match": "*"}, 200),
                            ({"If_Match": '"other"'}, 412),
                            ({"If_Unmodified_Since": first.headers["last-modified"]}, 200),
                            ({"If_Unmodified_Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412)):
        assert wado(node, image, contentType="application/dicom", headers=headers).status == status, headers


@pytest.mark.parametrize("wanted, first, last", [("0-0", 0, 0), ("100-199", 100, 199), ("-10", -10, -1),
                                                 ("128-", 128, -1), ("5-999999999", 5, -1)])
def test_a_part_of_the_file(node, image, stored, wanted, first, last):
    answer = wado(node, image, contentType="application/dicom", headers={"Range": f"bytes={wanted}"})
    first, last = first % len(stored), last % len(stored)
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(stored)}"
    assert answer.body == stored[first:last + 1]


def test_a_part_of_what_is_made(node):
    """In another transfer syntax it is no file of the store, and has parts all the same."""
    one = samples.instance(dul.BIG_ENDIAN, size=20000)
    assert node.send(one) == [0]
    whole = wado(node, one, contentType="application/dicom")
    part = wado(node, one, contentType="application/dicom",
                headers={"Range": "bytes=1000-1999", "If_Range": whole.headers["etag"]})
    assert (part.status, part.body) == (206, whole.body[1000:2000])
    assert wado(node, one, contentType="application/dicom", headers={"If_None_Match": whole.headers["etag"]}).status == 304
    implicit = wado(node, one, contentType="application/dicom", transferSyntax=dul.IMPLICIT)
    assert implicit.headers["etag"] != whole.headers["etag"]


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


LOSSLESS = ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", samples.JPEG2000,
            "1.2.840.10008.1.2.4.91"]


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_an_object_in_every_syntax_without_loss_and_back(node, syntax):
    """Nobody asked for loss, so there is none in JPEG 2000 (.91) either. What is stored so comes back as it was."""
    one = ramp()
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="application/dicom", transferSyntax=syntax)
    assert answer.status == 200, answer.body
    assert samples.split_part10(answer.body)[:3] == (one.sop_class, one.uid, syntax)
    found = pydicom.dcmread(io.BytesIO(answer.body))
    assert found.Rows == 64
    found.SOPInstanceUID = samples.uid()
    kept = samples.encode(found, syntax)
    assert node.send(kept) == [0]
    back = wado(node, kept, studyUID=None, seriesUID=None, contentType="application/dicom")
    if syntax != "1.2.840.10008.1.2.4.91":  # may have lost: comes as it is
        assert pydicom.dcmread(io.BytesIO(back.body)).PixelData == one.dataset().PixelData
        assert samples.split_part10(back.body)[2] == dul.EXPLICIT
    else:
        assert samples.split_part10(back.body)[2] == syntax


@pytest.mark.parametrize("syntax, quality", [(samples.JPEG_BASELINE, None), (samples.JPEG_BASELINE, 30),
                                             ("1.2.840.10008.1.2.4.91", 50), ("1.2.840.10008.1.2.4.81", 50)])
def test_what_loses_is_another_object(node, syntax, quality):
    one = ramp()
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="application/dicom", transferSyntax=syntax, imageQuality=quality)
    assert answer.status == 200, answer.body
    found = pydicom.dcmread(io.BytesIO(answer.body))
    assert found.file_meta.TransferSyntaxUID == syntax
    assert found.LossyImageCompression == "01" and found.LossyImageCompressionMethod
    assert found.SOPInstanceUID != one.uid
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert found.SOPInstanceUID in answer.headers["content-disposition"]
    assert wado(node, one, contentType="application/dicom", transferSyntax=syntax, imageQuality=quality).body == answer.body


def test_quality_of_an_object(node):
    one = ramp(256, 256)
    assert node.send(one) == [0]
    sizes = [len(wado(node, one, contentType="application/dicom", transferSyntax=samples.JPEG_BASELINE, imageQuality=q).body)
             for q in (5, 100)]
    assert sizes[0] < sizes[1]


def test_a_report_in_another_transfer_syntax(node, sr):
    for syntax in (dul.IMPLICIT, dul.DEFLATED):
        answer = wado(node, sr, contentType="application/dicom", transferSyntax=syntax)
        assert answer.status == 200 and samples.split_part10(answer.body)[2] == syntax
    assert wado(node, sr, contentType="application/dicom", transferSyntax=samples.JPEG2000).status == 406


def test_the_syntax_it_has_is_the_file_itself(node, image, stored):
    answer = wado(node, image, contentType="application/dicom", transferSyntax=image.syntax)
    assert (answer.status, answer.body) == (200, stored)


# ---- a picture ----


@pytest.mark.parametrize("how", [
    {"contentType": "image/jpeg"}, {"contentType": "IMAGE/JPEG"}, {"contentType": "image/jpeg;q=1.0"},
    {"contentType": "application/dicom;q=0.5, image/jpeg;q=0.9"}, {"contentType": "image/webp, image/jpeg"}, {},
    {"contentType": " image/jpeg ; q=0.5 , image/webp"}, {"contentType": "image/*"}, {"contentType": "*/*"},
    {"contentType": "image/jpeg;charset=utf-8"}, {"contentType": None, "CONTENTTYPE": "image/jpeg"},
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


@pytest.mark.parametrize("how", [{"contentType": "image/webp"}, {"contentType": "rubbish"}, {"contentType": ";;,"},
                                 {"contentType": "application/pdf"}, {"contentType": "image/jpeg;q=0"},
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
    assert wado(node, one, frameNumber=3).status == 400  # PS3.18 9.5.2.1
    assert wado(node, one, frameNumber=0).status == 400
    assert wado(node, one, frameNumber=1, contentType="application/dicom").status == 400


def test_an_object_without_pixels(node):
    one = samples.encode(samples.header("1.2.840.10008.5.1.4.1.1.11.1", Modality="PR"))
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
])
def test_the_right_status_for_a_wrong_request(node, image, change, status):
    answer = wado(node, image, **change)
    assert (answer.status, answer.type) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"]


# ---- line by line of the table ----


TABLE = conftest.yingqiao("help", "--wado", "--json").json()
RULES = {rule["name"]: rule for rule in TABLE["parameters"]}
TYPE_OF = {"picture": "image/jpeg", "dicom": "application/dicom"}
GOOD_UID = "1.2.3"


def company(name):
    """Good values of the others that a parameter needs."""
    return {other: good(RULES[other])[0] for other in RULES[name]["needs"]}


def good(rule):
    """Values at the ends of what a line allows."""
    form = rule["form"]
    if form in ("word", "words"):
        words = rule["words"].split("|")
        return words + ([",".join(words), " , ".join(reversed(words))] if form == "words" else [])
    if form == "uid":
        return [GOOD_UID]
    if form == "whole":
        return [int(rule["least"]), 2, min(int(rule["most"]), 1024)]
    if form == "decimal":
        return [rule["least"], 1, "1.5", " +2e1 ", rule["most"]]
    if form == "area":
        return ["0,0,1,1", "0.25,0.5,0.75,1.0", " 0 , 0 , .5 , 5e-1 "]
    return {"contentType": ["image/jpeg"], "charset": ["utf-8"]}[rule["name"]]


def malformed(rule):
    form = rule["form"]
    if form in ("word", "words"):
        first = rule["words"].split("|")[0]
        return ["x", first + "x", first + "|" + first, first.swapcase(), " ", ",", first + ","]
    if form == "uid":
        return ["1..2", "x", "1." * 33 + "1", "1.2 ", "../1"]
    if form == "whole":
        return [int(rule["least"]) - 1, int(rule["most"]) + 1, "-1", "1.5", "x", "1 2", "9" * 30, "0x10", "+1"]
    if form == "decimal":
        return [f"{rule['least'] - 1:.0f}", f"{rule['most'] + 1:.0f}", "x", "1,5", "nan", "inf", "1e999", "1\\2", "--1",
                "0" * 40]
    if form == "area":
        return ["0,0,1", "0,0,1,1,1", "-0.1,0,1,1", "0,0,1,1.01", "0.5,0,0.5,1", "0,1,1,0", "a,b,c,d", ",,,", "0 0 1 1"]
    return []


def asked(node, image, name, value, **more):
    rule = next(rule for rule in RULES.values() if rule["name"].lower() == name.lower())
    kind = "picture" if "picture" in rule["goes_with"] else "dicom"
    query = {"contentType": TYPE_OF[kind], **company(rule["name"]), **more}
    query[name] = value
    return wado(node, image, **query)


def test_the_table_is_complete():
    """PS3.18 tables 9.1.2-1, 9.4.1-1 and 9.5.1-1, and the annotation of earlier editions."""
    assert set(RULES) == {
        "requestType", "studyUID", "seriesUID", "objectUID", "contentType", "charset", "anonymize", "annotation",
        "imageAnnotation", "rows", "columns", "region", "windowCenter", "windowWidth", "frameNumber", "imageQuality",
        "presentationUID", "presentationSeriesUID", "transferSyntax"}
    for rule in RULES.values():
        assert set(rule["needs"] + rule["bars"] + rule["dicom_needs"]) <= set(RULES)


LINES = [name for name, rule in RULES.items() if rule["form"] not in ("uid", "list") and name != "anonymize"]


@pytest.mark.parametrize("name, value", [(name, value) for name in LINES for value in good(RULES[name])])
def test_a_good_value_is_taken(node, image, name, value):
    many_frames = name == "frameNumber" and value != 1
    answer = asked(node, image, name, value)
    assert answer.status == (400 if many_frames else 200), answer.body  # the image has one frame


@pytest.mark.parametrize("name, value", [(name, value) for name, rule in RULES.items() for value in malformed(rule)])
def test_a_malformed_value_is_refused(node, image, name, value):
    answer = asked(node, image, name, value)
    assert answer.status == RULES[name]["status"], (answer.status, answer.body)
    assert name in answer.json()["detail"]


@pytest.mark.parametrize("name, other", [(name, other) for name, rule in RULES.items() for other in rule["needs"]])
def test_a_parameter_without_the_one_that_it_needs(node, image, name, other):
    answer = asked(node, image, name, good(RULES[name])[0], **{other: None})
    assert (answer.status, name in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("name, other", [(name, other) for name, rule in RULES.items() for other in rule["bars"]])
def test_parameters_that_bar_each_other(node, image, name, other):
    more = {**company(other), other: good(RULES[other])[0]}
    answer = asked(node, image, name, good(RULES[name])[0], **more)
    assert (answer.status, "does not go with" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("name, kind", [(name, kind) for name, rule in RULES.items() for kind in TYPE_OF
                                        if kind not in rule["goes_with"]])
def test_a_parameter_with_a_media_type_that_it_does_not_go_with(node, image, name, kind):
    answer = wado(node, image, **{"contentType": TYPE_OF[kind], **company(name), name: good(RULES[name])[0]})
    assert (answer.status, "does not go with" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule["dicom_needs"]])
def test_a_parameter_that_a_file_needs_another_for(node, image, name):
    assert wado(node, image, contentType="application/dicom", **{name: good(RULES[name])[0]}).status == 400


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule["required"]])
def test_a_required_parameter_is_missing(node, image, name):
    for value in (None, ""):
        answer = wado(node, image, **{name: value})
        assert (answer.status, name in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.get("neutral")])
def test_a_word_that_says_nothing(node, image, name):
    assert wado(node, image, contentType="image/jpeg", **{name: RULES[name]["neutral"]}).status == 200


@pytest.mark.parametrize("name", RULES)
def test_names_are_taken_in_any_case_and_once(node, image, name):
    value = {"studyUID": image.study, "seriesUID": image.series, "objectUID": image.uid}.get(name, good(RULES[name])[0])
    one = asked(node, image, name, value)
    for spelling in (name.lower(), name.upper()):
        if spelling == name:
            continue
        respelt = asked(node, image, spelling, value, **{name: None})
        assert respelt.status == one.status, respelt.body
        path = urllib.parse.urlencode({"requestType": "WADO", "objectUID": image.uid, **company(name), name: value})
        twice = ask(node, f"/wado?{path}&{spelling}={urllib.parse.quote(str(value))}")
        assert twice.status == 400 and "twice" in twice.json()["detail"]


def test_the_page_is_of_this_table():
    page = conftest.yingqiao("help", "--wado").out
    for rule in RULES.values():
        assert f"| `{rule['name']}`" in page
    for one in TABLE["types"]:
        assert f"| `{one['name']}`" in page


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





# ---- the project's own samples ----


def test_every_sample_comes_back_and_is_shown(node, demo_files):
    kinds = set()
    for path in demo_files:
        one = samples.load(path)
        assert node.send(one) == [0]
        with open(path, "rb") as file:
            sent = file.read()
        got = wado(node, one, contentType="application/dicom;transfer-syntax=*").body
        assert samples.split_part10(got)[3] == samples.split_part10(sent)[3]
        if (one.sop_class, one.syntax) in kinds:
            continue
        kinds.add((one.sop_class, one.syntax))
        picture = wado(node, one)
        head = pydicom.dcmread(path, stop_before_pixels=True)
        shown = {"SR": "text/html", "DOC": "application/pdf"}.get(head.Modality, "image/jpeg")
        assert (picture.status, picture.type) == (200, shown), (path, picture.body[:300])
        if shown != "image/jpeg":
            continue
        rows, columns, _ = jpeg_size(picture.body)
        assert (rows, columns) == (head.Rows, head.Columns)


# ---- what is shown of an image ----


def ramp(rows=64, columns=128, frames=1, **attributes):
    """A picture that grows brighter to the right, and by frame; the window shows stored values as they are."""
    dataset = samples.header(samples.SC, Modality="OT", **attributes)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.WindowCenter, dataset.WindowWidth = 128, 256
    dataset.PixelData = b"".join(bytes((2 * x + 40 * n) % 256 for x in range(columns)) * rows for n in range(frames))
    dataset["PixelData"].VR = "OB"
    return samples.encode(dataset)


@pytest.fixture(scope="module")
def slope(node):
    one = ramp()
    assert node.send(one) == [0]
    return one


def picture(answer):
    assert answer.status == 200, answer.body
    return Image.open(io.BytesIO(answer.body))


def test_rows_and_columns_are_what_it_fits_into(node, slope):
    for wanted, size in (({"rows": 32}, (64, 32)), ({"columns": 32}, (32, 16)), ({"rows": 32, "columns": 32}, (32, 16)),
                         ({"rows": 128}, (256, 128)), ({"rows": 1000, "columns": 256}, (256, 128))):
        assert picture(wado(node, slope, contentType="image/jpeg", **wanted)).size == size


def test_a_region_is_that_part(node, slope):
    whole = picture(wado(node, slope, contentType="image/jpeg", imageQuality=100))
    part = picture(wado(node, slope, contentType="image/jpeg", imageQuality=100, region="0.25,0.5,0.75,1"))
    assert part.size == (64, 32)
    for x in range(0, 64, 7):
        assert abs(part.getpixel((x, 10)) - whole.getpixel((x + 32, 42))) <= 2


def test_a_window_is_applied(node, slope):
    dark = picture(wado(node, slope, contentType="image/jpeg", imageQuality=100, windowCenter=250, windowWidth=10))
    assert dark.getpixel((60, 30)) <= 2 and dark.getpixel((127, 30)) >= 200
    narrow = picture(wado(node, slope, contentType="image/jpeg", imageQuality=100, windowCenter=128, windowWidth="0.5"))
    assert narrow.getpixel((20, 30)) <= 2 and narrow.getpixel((100, 30)) >= 253


def test_words_are_drawn_into_the_corners(node):
    one = ramp(512, 512, PatientName="Zhang^San=张^三", PatientID="P7")
    assert node.send(one) == [0]
    plain = picture(wado(node, one, contentType="image/jpeg"))
    for how in ("annotation", "imageAnnotation"):
        lettered = picture(wado(node, one, contentType="image/jpeg", **{how: "patient"}))
        different = [(x, y) for x in range(0, 512, 2) for y in range(0, 512, 2)
                     if abs(plain.getpixel((x, y)) - lettered.getpixel((x, y))) > 60]
        assert len(different) > 50
        assert all(x < 256 and y < 256 or x > 300 for x, y in different)
    both = wado(node, one, contentType="image/jpeg", imageAnnotation="patient,technique")
    only = wado(node, one, contentType="image/jpeg", imageAnnotation="patient")
    assert both.status == only.status == 200 and both.body != only.body


def test_each_way_to_show_it_has_a_tag_of_its_own(node, slope):
    ways = [{}, {"rows": 32}, {"rows": 33}, {"columns": 32}, {"region": "0,0,1,1"}, {"windowCenter": 1, "windowWidth": 2},
            {"windowCenter": 2, "windowWidth": 1}, {"imageQuality": 90}, {"imageAnnotation": "patient"}]
    tags = [wado(node, slope, contentType="image/jpeg", **way).headers["etag"] for way in ways]
    assert len(set(tags)) == len(ways)


def test_a_size_that_nobody_can_make(node):
    one = ramp(64, 64)
    assert node.send(one) == [0]
    assert wado(node, one, contentType="image/jpeg", rows=16384, columns=16384).status == 400


# ---- without who it is of ----


def test_anonymized_objects_name_nobody(node):
    one = samples.instance(PatientName="Secretperson^Erika", PatientID="SECRET99", StudyDate="20260301",
                           InstitutionName="Secret Hospital")
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="application/dicom", anonymize="yes")
    assert (answer.status, answer.type) == (200, "application/dicom"), answer.body
    for secret in (b"Secret", b"SECRET", one.uid.encode(), one.study.encode(), one.series.encode()):
        assert secret not in answer.body
        assert secret.decode() not in str(answer.headers)
    assert "last-modified" not in answer.headers
    found = pydicom.dcmread(io.BytesIO(answer.body))
    assert found.PatientIdentityRemoved == "YES"
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert found.PixelData == one.dataset().PixelData
    again = wado(node, one, contentType="application/dicom", anonymize="yes")
    assert again.body == answer.body  # the same others, at any time
    part = wado(node, one, contentType="application/dicom", anonymize="yes", headers={"Range": "bytes=200-299"})
    assert (part.status, part.body) == (206, answer.body[200:300])


def test_nothing_is_sent_rather_than_something_that_names_somebody(node, image):
    """A picture has no attributes that could be taken away, and who asks so is told."""
    assert wado(node, image, contentType="image/jpeg", anonymize="yes").status == 400
    for almost in ("YES", "true", "1"):
        assert wado(node, image, contentType="application/dicom", anonymize=almost).status == 400
    document = samples.encode(samples.header("1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC", MIMETypeOfEncapsulatedDocument="application/pdf",
                                             EncapsulatedDocument=b"%PDF-1.4 Secretperson"))
    assert node.send(document) == [0]
    answer = wado(node, document, contentType="application/dicom", anonymize="yes")
    assert answer.status == 406 and b"Secretperson" not in answer.body


def test_an_anonymized_object_in_another_syntax(node):
    one = samples.instance(PatientName="Secretperson^Erika")
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="application/dicom", anonymize="yes", transferSyntax=dul.IMPLICIT)
    assert answer.status == 200
    assert samples.split_part10(answer.body)[2] == dul.IMPLICIT
    assert b"Secret" not in answer.body


# ---- all at once ----


def test_all_kinds_at_once_while_objects_come_and_go(nodes):
    """Every answer is one of those that it may be at that moment, and whole."""
    node = nodes()
    many, large, gone, ct = ramp(frames=3), ramp(600, 800), ramp(), samples.instance(size=20000)
    state = state_of(many)
    words = report()
    assert node.send(many, large, gone, ct, state, words) == [0] * 6
    ways = [(many, {"contentType": "image/gif"}, "image/gif"), (many, {"contentType": "image/jpeg"}, "image/jpeg"),
            (many, {"contentType": "image/png", "presentationUID": state.uid}, "image/png"),
            (large, {"contentType": "image/jp2"}, "image/jp2"), (large, {"rows": 64}, "image/jpeg"),
            (large, {"imageAnnotation": "patient,technique"}, "image/jpeg"), (words, {}, "text/html"),
            (large, {"contentType": "application/dicom", "transferSyntax": samples.JPEG2000}, "application/dicom"),
            (ct, {"contentType": "application/dicom", "anonymize": "yes"}, "application/dicom")]

    def fetch(n):
        if n % 10 == 9:
            answer = wado(node, gone, contentType="image/png")
            return "" if answer.status in (200, 410) else f"{answer.status} {answer.body}"
        one, how, kind = ways[n % 10]
        answer = wado(node, one, **how)
        return "" if (answer.status, answer.type) == (200, kind) else f"{how} {answer.status} {answer.body}"

    def come_and_go(_):
        for _ in range(5):
            node.cli("delete", "--instance", gone.uid)
            assert node.send(gone) == [0]
        return True

    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        moving = pool.submit(come_and_go, 0)
        assert not "".join(pool.map(fetch, range(200)))
        assert moving.result()
    assert wado(node, gone, contentType="image/png").status == 200


# ---- what is gone ----


def test_what_was_deleted_is_gone_and_not_unknown(nodes):
    node = nodes()
    first, second, other = (*samples.series_of(2), samples.instance())
    assert node.send(first, second, other) == [0, 0, 0]
    assert wado(node, first, contentType="application/dicom").status == 200
    node.cli("delete", "--study", first.study)
    for one in (first, second):
        answer = wado(node, one)
        assert (answer.status, answer.type) == (410, "application/problem+json")
        assert wado(node, one, studyUID=None, seriesUID=None).status == 410
        assert wado(node, one, studyUID=other.study).status == 404
    assert wado(node, other).status == 200
    assert wado(node, first, objectUID="1.2.3").status == 404
    node.start_again()
    assert wado(node, first).status == 410
    assert node.send(first) == [0]  # it comes again
    assert wado(node, first).status == 200
    assert wado(node, second).status == 410


def test_what_was_deleted_is_still_gone_in_a_new_catalog(nodes):
    node = nodes()
    gone, here = samples.instance(), samples.instance()
    assert node.send(gone, here) == [0, 0]
    node.cli("delete", "--study", gone.study)
    node.stop()
    node.cli("reindex")
    node.start()
    assert wado(node, gone).status == 410
    assert wado(node, here).status == 200


# ---- pages of others, compressed answers ----


def test_pages_of_others_may_not_read_what_is_here(node, image):
    """Not unless http.cors_origins names them."""
    answer = wado(node, image, headers={"Origin": "https://ris.example"})
    assert answer.status == 200
    assert not any(name.startswith("access-control") for name in answer.headers)
    preflight = ask(node, "/wado", "OPTIONS", Origin="https://ris.example", Access_Control_Request_Method="GET")
    assert preflight.status == 405


def test_pages_that_are_named_may(nodes):
    node = nodes(http__cors_origins="https://ris.example http://viewer.example:3000")
    one = samples.instance()
    assert node.send(one) == [0]
    for origin in ("https://ris.example", "http://viewer.example:3000"):
        answer = wado(node, one, headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert "Origin" in answer.headers["vary"]
        assert "Content-Range" in answer.headers["access-control-expose-headers"]
        assert wado(node, one, objectUID="1.2", headers={"Origin": origin}).headers["access-control-allow-origin"] == origin
        preflight = ask(node, "/wado", "OPTIONS", Origin=origin, Access_Control_Request_Method="GET",
                        Access_Control_Request_Headers="authorization,range")
        assert (preflight.status, preflight.body) == (204, b"")
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert "authorization" in allowed and "range" in allowed
    for origin in ("http://ris.example", "https://ris.example.evil", "https://ris.exampl", "null"):
        assert "access-control-allow-origin" not in wado(node, one, headers={"Origin": origin}).headers


def test_all_pages_may_where_the_setting_says_so(nodes):
    node = nodes(http__cors_origins="*")
    assert ask(node, "/health", Origin="https://any.example").headers["access-control-allow-origin"] == "https://any.example"


def test_texts_are_compressed_for_those_who_take_it(node):
    plain = ask(node, "/metrics")
    squeezed = ask(node, "/metrics", Accept_Encoding="gzip, deflate")
    assert "content-encoding" not in plain.headers and "Accept-Encoding" in plain.headers["vary"]
    assert squeezed.headers["content-encoding"] == "gzip"
    assert len(squeezed.body) < len(plain.body) / 2
    assert b"yingqiao_uptime_seconds" in gzip.decompress(squeezed.body)
    assert "content-encoding" not in ask(node, "/metrics", Accept_Encoding="gzip;q=0").headers
    assert "content-encoding" not in ask(node, "/health", Accept_Encoding="gzip").headers  # too short to gain by it


# ---- other pictures ----


def test_a_picture_without_loss(node, slope):
    shown = picture(wado(node, slope, contentType="image/png"))
    assert (shown.format, shown.size, shown.mode) == ("PNG", (128, 64), "L")
    exact = [shown.getpixel((x, 5)) for x in range(128)]
    assert all(abs(exact[x] - 2 * x) <= 1 for x in range(128))
    small = picture(wado(node, slope, contentType="image/jpeg;q=0.5,image/png", rows=32))
    assert (small.format, small.size) == ("PNG", (64, 32))


@pytest.mark.parametrize("name", ["image/jp2", "image/jpx"])
def test_a_picture_in_jpeg_2000(node, slope, name):
    answer = wado(node, slope, contentType=name, imageQuality=100)
    assert answer.type == name
    shown = picture(answer)
    assert (shown.format, shown.size) == ("JPEG2000", (128, 64))
    assert all(abs(shown.getpixel((x, 5)) - 2 * x) <= 1 for x in range(128))
    assert len(wado(node, slope, contentType=name, imageQuality=1).body) < len(answer.body)


def frames_of(answer):
    shown, frames = picture(answer), []
    assert shown.format == "GIF"
    for n in range(getattr(shown, "n_frames", 1)):
        shown.seek(n)
        frames.append((shown.convert("L").getpixel((10, 10)), shown.info.get("duration")))
    return frames


@pytest.mark.parametrize("attributes, duration", [
    ({"FrameTime": 40}, 40), ({"FrameTime": 40, "CineRate": 10}, 100),
    ({"FrameTime": 40, "CineRate": 10, "RecommendedDisplayFrameRate": 5}, 200),
    ({"FrameTimeVector": [0, 80, 80, 80]}, 80), ({}, 100), ({"FrameTime": 1}, 20)])
def test_all_frames_move_at_the_rate_of_the_object(node, attributes, duration):
    one = ramp(frames=4, **attributes)
    assert node.send(one) == [0]
    frames = frames_of(wado(node, one, contentType="image/gif"))
    assert [shown for _, shown in frames] == [duration] * 4
    assert all(abs(value - (20 + 40 * n)) <= 2 for n, (value, _) in enumerate(frames))
    assert len(frames_of(wado(node, one, contentType="image/gif", frameNumber=3))) == 1
    assert abs(frames_of(wado(node, one, contentType="image/gif", frameNumber=3))[0][0] - 100) <= 2
    for kind in ("image/jpeg", "image/png"):
        assert abs(picture(wado(node, one, contentType=kind)).getpixel((10, 10)) - 20) <= 3
    assert wado(node, one, contentType="image/gif", frameNumber=5).status == 400


def test_one_frame_is_a_still_gif(node, slope):
    assert len(frames_of(wado(node, slope, contentType="image/gif"))) == 1


# ---- presentation states ----


def state_of(*images, frames=None, **attributes):
    """Shows the images darker: a window from 128 up."""
    first = images[0]
    dataset = samples.header("1.2.840.10008.5.1.4.1.1.11.1", Modality="PR", study=first.study, **attributes)

    def item(**values):
        one = samples.Dataset()
        for name, value in values.items():
            setattr(one, name, value)
        return one

    references = []
    for one in images:
        reference = item(ReferencedSOPClassUID=one.sop_class, ReferencedSOPInstanceUID=one.uid)
        if frames:
            reference.ReferencedFrameNumber = frames
        references.append(reference)
    dataset.ReferencedSeriesSequence = samples.Sequence([
        item(SeriesInstanceUID=first.series, ReferencedImageSequence=samples.Sequence(references))])
    dataset.SoftcopyVOILUTSequence = samples.Sequence([item(WindowCenter=192, WindowWidth=128)])
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.PresentationCreationDate, dataset.PresentationCreationTime = "20260301", "120000"
    return samples.encode(dataset)


def test_an_image_as_a_presentation_state_shows_it(node):
    one, other = ramp(), ramp()
    state = state_of(one)
    assert node.send(one, other, state) == [0, 0, 0]
    plain = picture(wado(node, one, contentType="image/png"))
    shown = picture(wado(node, one, contentType="image/png", presentationUID=state.uid))
    assert abs(plain.getpixel((60, 5)) - 120) <= 1 and shown.getpixel((60, 5)) == 0
    assert abs(shown.getpixel((96, 5)) - 128) <= 3
    both = wado(node, one, contentType="image/png", presentationUID=state.uid, presentationSeriesUID=state.series)
    assert both.status == 200
    assert both.headers["etag"] != wado(node, one, contentType="image/png").headers["etag"]
    part = picture(wado(node, one, contentType="image/png", presentationUID=state.uid, region="0.5,0,1,1", rows=32))
    assert part.size == (32, 32)
    for change, status in (({"presentationUID": "1.2.3"}, 404), ({"presentationUID": other.uid}, 400),
                           ({"presentationUID": state.uid, "presentationSeriesUID": one.series}, 404),
                           ({"presentationUID": state.uid, "presentationSeriesUID": "1.2.3"}, 404)):
        assert wado(node, one, contentType="image/png", **change).status == status, change
    assert wado(node, other, contentType="image/png", presentationUID=state.uid).status == 400  # of another image


def test_a_presentation_state_of_some_frames(node):
    one = ramp(frames=4)
    state = state_of(one, frames=[2, 3])
    assert node.send(one, state) == [0, 0]
    assert wado(node, one, contentType="image/png", presentationUID=state.uid, frameNumber=2).status == 200
    assert wado(node, one, contentType="image/png", presentationUID=state.uid, frameNumber=1).status == 400
    assert len(frames_of(wado(node, one, contentType="image/gif", presentationUID=state.uid))) == 2


def test_a_presentation_state_that_was_deleted(nodes):
    node = nodes()
    one = ramp()
    state = state_of(one)
    assert node.send(one, state) == [0, 0]
    node.cli("delete", "--instance", state.uid)
    assert wado(node, one, contentType="image/png", presentationUID=state.uid).status == 410


# ---- reports, documents, video ----


def report(**attributes):
    """A structured report: a finding in words that need escaping, and one in Chinese."""
    dataset = samples.header(samples.SR, Modality="SR", **attributes)
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = samples.code("18748-4", "LN", "Diagnostic Imaging Report")
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"

    def text(meaning, value):
        one = samples.Dataset()
        one.RelationshipType, one.ValueType = "CONTAINS", "TEXT"
        one.ConceptNameCodeSequence = samples.code("121071", "DCM", meaning)
        one.TextValue = value
        return one

    dataset.ContentSequence = samples.Sequence([text("Finding", "no <script>alert(1)</script> & nothing else"),
                                                text("Finding", "左肺上叶结节")])
    return samples.encode(dataset)


@pytest.fixture(scope="module")
def sr(node):
    one = report()
    assert node.send(one) == [0]
    return one


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}


@pytest.mark.parametrize("how", [{"contentType": "text/html"}, {}, {"headers": BROWSER}])
def test_a_report_is_a_page(node, sr, how):
    answer = wado(node, sr, **how)
    assert (answer.status, answer.headers["content-type"].lower()) == (200, "text/html; charset=utf-8")
    page = answer.body.decode()
    assert "左肺上叶结节" in page and "<script" not in page and "&lt;script&gt;" in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("inline")


def test_a_report_is_text_in_the_character_set_that_is_asked_for(node, sr):
    for charset in ("utf-8", "GB18030", "gbk"):
        answer = wado(node, sr, contentType="text/plain", charset=charset)
        assert answer.status == 200 and answer.headers["content-type"].lower().endswith(charset.lower())
        assert "左肺上叶结节" in answer.body.decode(charset)
    assert wado(node, sr, contentType="text/plain", charset="klingon").status == 406
    assert "左肺上叶结节" in wado(node, sr, contentType="text/plain", charset="klingon,utf-8;q=0.1").body.decode()


def test_a_report_is_compressed_and_not_sent_twice(node, sr):
    answer = wado(node, sr, contentType="text/html", headers={"Accept_Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "左肺上叶结节" in gzip.decompress(answer.body).decode()
    etag = answer.headers["etag"]
    assert wado(node, sr, contentType="text/html", headers={"If_None_Match": etag}).status == 304
    assert wado(node, sr, contentType="text/plain", headers={"If_None_Match": etag}).status == 200


def test_a_report_is_no_picture(node, sr):
    assert wado(node, sr, contentType="image/jpeg").status == 406
    assert wado(node, sr, contentType="application/pdf").status == 406
    assert wado(node, sr, rows=100).status == 400
    assert wado(node, sr, contentType="application/dicom").status == 200


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
CDA = "<?xml version=\"1.0\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>出院小结</title></ClinicalDocument>\n".encode()


@pytest.mark.parametrize("sop_class, kind, content, names", [
    ("1.2.840.10008.5.1.4.1.1.104.1", "application/pdf", PDF, ["application/pdf"]),
    ("1.2.840.10008.5.1.4.1.1.104.2", "text/XML", CDA, ["text/xml", "application/xml"])])
def test_an_encapsulated_document_is_itself(node, sop_class, kind, content, names):
    one = samples.encode(samples.header(sop_class, Modality="DOC", MIMETypeOfEncapsulatedDocument=kind,
                                        EncapsulatedDocumentLength=len(content),
                                        EncapsulatedDocument=content + b"\0" * (len(content) & 1)))
    assert node.send(one) == [0]
    for name in names:
        answer = wado(node, one, contentType=name)
        assert (answer.status, answer.type, answer.body) == (200, name, content)
    assert wado(node, one).body == content
    part = wado(node, one, contentType=names[0], headers={"Range": "bytes=5-9"})
    assert (part.status, part.body) == (206, content[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(content)}"
    assert wado(node, one, contentType="text/html").status == 406


def test_video_is_sent_as_it_is_and_in_parts(node):
    stream = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + samples.noise_bytes(5, 40000)
    dataset = samples.header("1.2.840.10008.5.1.4.1.1.77.1.1.1", Modality="ES", NumberOfFrames=50, FrameTime=40)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "YBR_PARTIAL_420", 0
    dataset.Rows, dataset.Columns = 480, 640
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = pydicom.encaps.encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    one = samples.encode(dataset, "1.2.840.10008.1.2.4.102")
    assert node.send(one) == [0]
    whole = wado(node, one, contentType="video/mp4")
    assert (whole.status, whole.type, whole.body) == (200, "video/mp4", stream)
    part = wado(node, one, contentType="video/mp4", headers={"Range": "bytes=1000-1999"})
    assert (part.status, part.body) == (206, stream[1000:2000])
    assert wado(node, one).type == "video/mp4"
    assert wado(node, one, contentType="video/mpeg").status == 406
    assert wado(node, one, contentType="video/mpeg,application/dicom;q=0.1").type == "application/dicom"
    assert wado(node, one, contentType="image/jpeg").status == 406


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "image/gif", "image/jp2", "application/dicom"])
def test_head_is_get_without_a_body(node, slope, kind):
    get, head = (wado(node, slope, method, contentType=kind) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert {k: v for k, v in get.headers.items() if k != "date"} == {k: v for k, v in head.headers.items() if k != "date"}


def test_caches_know_what_an_answer_depends_on(node, slope, sr):
    assert wado(node, slope).headers["vary"] == "Accept"
    assert "vary" not in wado(node, slope, contentType="image/jpeg").headers
    assert wado(node, sr, contentType="text/html").headers["vary"] == "Accept-Encoding"


def test_head_of_a_page(node, sr):
    for headers in ({}, {"Accept_Encoding": "gzip"}):
        get, head = (wado(node, sr, method, contentType="text/html", headers=headers) for method in ("GET", "HEAD"))
        assert (head.status, head.body) == (200, b"")
        for name in ("content-length", "content-type", "etag", "content-security-policy"):
            assert head.headers[name] == get.headers[name]


def test_every_real_file_is_answered(nodes, testdata):
    """Whatever it is: a picture that can be read, a page, the file, or 406 with a reason; never a failure of the node."""
    node = nodes(store__duplicates="replace")
    seen = set()
    for path in samples.testdata_files(besides=("expected", "LICENSES", "hostile-corpus", "malformed-mutated")):
        try:
            one = samples.load(path)
            if node.send(one) != [0]:
                continue
        except Exception:  # no DICOM, or nothing that can be sent: of no concern here
            continue
        for kind in (None, "image/png", "text/html"):
            answer = wado(node, one, studyUID=None, seriesUID=None, contentType=kind, rows=kind == "image/png" and 64 or None)
            assert answer.status in (200, 400, 406), (path, kind, answer.body[:300])
            if answer.status == 200 and answer.type.startswith("image/"):
                Image.open(io.BytesIO(answer.body)).load()
            seen.add((answer.status, answer.type))
    assert {(200, "image/jpeg"), (200, "image/png"), (200, "text/html"), (200, "application/dicom"),
            (200, "application/pdf"), (200, "text/xml"), (200, "video/mp4"), (200, "video/mpeg")} <= seen


# ---- a real browser ----


def browse(tmp_path, url, *options):
    conftest.need_tool("chromium")
    done = conftest.run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                        "--no-first-run", "--disable-background-networking", "--disable-component-update",
                        f"--user-data-dir={tmp_path / 'profile'}", *options, url, timeout=120)
    assert done.code == 0, done
    return done.out


def test_a_browser_shows_an_image(node, tmp_path):
    one = ramp(256, 256)
    assert node.send(one) == [0]
    url = f"{node.http}/wado?requestType=WADO&objectUID={one.uid}&windowCenter=128&windowWidth=256"
    shot = tmp_path / "shot.png"
    browse(tmp_path, url, f"--screenshot={shot}", "--window-size=400,400", "--hide-scrollbars")
    shown = Image.open(shot).convert("RGB")
    greys = {shown.getpixel((x, 200)) for x in range(shown.size[0])}
    assert len({grey for grey in greys if grey[0] == grey[1] == grey[2]}) > 50, "a ramp has many grey levels"


def test_a_browser_shows_a_report(node, sr, tmp_path):
    page = browse(tmp_path, f"{node.http}/wado?requestType=WADO&objectUID={sr.uid}", "--dump-dom")
    assert "左肺上叶结节" in page and "alert(1)" in page and "<script>alert" not in page
