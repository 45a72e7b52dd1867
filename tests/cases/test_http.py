"""A browser's and a watchdog's view of the node: health, metrics, the list of studies, who may come in."""
import json
import re
import urllib.parse

import pytest
import samples
from web import ask

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes(log__level="debug")


@pytest.fixture(scope="module")
def image(node):
    one = samples.instance(size=20000)
    assert node.send(one) == [0]
    return one


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
    ask(node, "/api/v1/nothing/SECRET77")
    node.wait_for_log(r"http-request .*path=/api/v1/nothing status=404")
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
