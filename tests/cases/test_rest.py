"""Records by REST: put, changed, deleted, found, in batches; by conditions; refused with the member's name."""
import base64
import hashlib
import json
import os
import random
import re
import socket
import subprocess
import threading
import time
import urllib.parse

import pdfs
import pytest
from conftest import Node, sanitized, wait_until, yingqiao
from rest import API, JSON, LINES, batch, errors, get, patch, put, tell
from web import ask

READER, WRITER, ALL = "reader-0123456789abcdef", "writer-0123456789abcdef", "everything-0123456789abcdef"
KINDS = {"exams": "examId", "reports": "reportId", "labs": "labId", "lab-devices": "deviceId",
         "lab-qualities": "qualityId", "items": "itemCode", "consents": "consentId",
         "recognitions": "recognitionId", "viewings": "viewingId", "patients": "patientId"}


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes()


@pytest.fixture
def name():
    """An id that no other case has."""
    return f"T{random.randrange(10**12)}"


PERSON = {"patientName": "测试甲", "patientId": "P-77001", "sex": "1", "birthDate": "1980-02-03"}


# ---- one record ----


def test_put_once_twice_and_changed(node, name):
    first = put(node, f"exams/{name}", {**PERSON, "status": "examined"})
    assert (first.status, first.headers["etag"]) == (201, '"1"')
    assert first.headers["location"] == f"{API}/exams/{name}"
    said = first.json()
    assert (said["kind"], said["id"], said["version"], said["outcome"]) == ("exam", name, 1, "new")
    again = put(node, f"exams/{name}", {"status": "examined", **PERSON})  # in another order
    assert (again.status, again.headers["etag"], again.json()["outcome"]) == (200, '"1"', "same")
    assert "location" not in again.headers
    changed = put(node, f"exams/{name}", {**PERSON, "status": "reported"})
    assert (changed.status, changed.headers["etag"], changed.json()["outcome"]) == (200, '"2"', "changed")
    got = get(node, f"exams/{name}", personal="true")
    assert (got.status, got.type, got.headers["etag"]) == (200, JSON, '"2"')
    assert got.json() == {"examId": name, **PERSON, "status": "reported"}
    assert got.headers["record-source"] == "rest:local"
    assert get(node, f"exams/{name}", version=1, personal="true").json()["status"] == "examined"
    assert get(node, f"exams/{name}", version=3).status == 404
    head = tell(node, "HEAD", f"exams/{name}")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("plural", KINDS)
def test_every_kind_goes_in_and_out(node, plural, name):
    member = KINDS[plural]
    made = put(node, f"{plural}/{name}", {member: name})
    assert made.status == 201, made.body
    assert get(node, f"{plural}/{name}", personal="true").json() == {member: name}
    found = get(node, plural, **{member: name, "personal": "true"}).json()["items"]
    assert [item["id"] for item in found] == [name]
    assert tell(node, "DELETE", f"{plural}/{name}").status == 200
    assert get(node, f"{plural}/{name}").status == 410


def test_curl_can_do_it(node, name):
    url = f"{node.http}{API}/exams/{name}"
    done = subprocess.run(["curl", "-sS", "--fail-with-body", "-T", "-", "-H", "Content-Type: application/json", url],
                          input='{"sex": "2"}', capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["outcome"] == "new"
    done = subprocess.run(["curl", "-sS", "--fail-with-body", url], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"examId": name, "sex": "2"}


def test_ids_of_every_kind_of_letters(node, name):
    for id in ("影像 " + name, f"{name}/a?b#c%d&e=f", f"{name}:{'x' * 100}", name + "'\";--", "é" * 60):
        path = "exams/" + urllib.parse.quote(id, safe="")
        made = put(node, path, {"sex": "1"})
        assert made.status == 201, made.body
        assert urllib.parse.unquote(made.headers["location"]) == f"{API}/exams/{id}"
        assert ask(node, made.headers["location"]).json() == {"examId": id, "sex": "1"}
        assert tell(node, "DELETE", path).json()["id"] == id
    assert "examId" in errors(put(node, "exams/" + "x" * 129, {}))
    assert put(node, "exams/%00", {}).status == 400
    assert put(node, "exams/%FF", {}).status == 400
    assert put(node, "exams/", {}).status == 404


def test_deleted_is_gone_and_comes_again(node, name):
    assert tell(node, "DELETE", f"exams/{name}").status == 404
    assert get(node, f"exams/{name}").status == 404
    put(node, f"exams/{name}", {"sex": "1"})
    gone = tell(node, "DELETE", f"exams/{name}")
    assert (gone.status, gone.json()["outcome"]) == (200, "removed")
    assert get(node, f"exams/{name}").status == 410
    assert get(node, f"exams/{name}", version=1).json()["sex"] == "1"
    assert tell(node, "DELETE", f"exams/{name}").status == 404
    assert patch(node, f"exams/{name}", {"sex": "2"}).status == 410
    assert put(node, f"exams/{name}", {"sex": "2"}).status in (200, 201)
    assert get(node, f"exams/{name}").json()["sex"] == "2"
    versions = get(node, f"exams/{name}/history").json()["versions"]
    assert [(one["version"], one["removed"]) for one in versions] == [(1, False), (2, True), (3, False)]


def test_patch_changes_only_what_it_names(node, name):
    put(node, f"exams/{name}", {**PERSON, "accessionNumber": ["A1", "A2"], "address": "测试路一号"})
    done = patch(node, f"exams/{name}", {"sex": "2", "address": None, "accessionNumber": ["A3"]})
    assert (done.status, done.headers["etag"]) == (200, '"2"')
    expected = {"examId": name, **PERSON, "sex": "2", "accessionNumber": ["A3"]}
    assert get(node, f"exams/{name}", personal="true").json() == expected
    assert patch(node, f"exams/{name}", {}).json()["outcome"] == "same"
    assert patch(node, f"exams/{name}", {"accessionNumber": None}).status == 200
    assert "accessionNumber" not in get(node, f"exams/{name}").json()
    assert "examId" in errors(patch(node, f"exams/{name}", {"examId": "another"}))
    assert patch(node, f"exams/none-{name}", {"sex": "2"}).status == 404
    assert patch(node, f"labs/{name}", {}).status == 404


def test_patches_at_the_same_time_lose_nothing(node, name):
    put(node, f"exams/{name}", {"sex": "1"})
    members = [member for member in ("studyId", "requestNumber", "hisRequestNumber", "hospitalCode", "hospitalName",
                                     "postcode")]
    answers = []
    threads = [threading.Thread(target=lambda m=member: answers.append(patch(node, f"exams/{name}", {m: "V" + m[:9]})))
               for member in members]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {answer.status for answer in answers} == {200}, [answer.body for answer in answers]
    record = get(node, f"exams/{name}", personal="true").json()
    assert {member: record[member] for member in members} == {member: "V" + member[:9] for member in members}


def test_post_takes_the_id_from_the_record(node, name):
    made = tell(node, "POST", "exams", {"examId": name, "sex": "1"})
    assert (made.status, made.headers["location"]) == (201, f"{API}/exams/{name}")
    assert tell(node, "POST", "exams", {"examId": name, "sex": "1"}).json()["outcome"] == "same"
    assert errors(tell(node, "POST", "exams", {"sex": "1"})) == {"examId": "is missing"}
    assert tell(node, "POST", "exams", {"examId": name}, If_None_Match="*").status == 412


def test_lists_within_a_record(node, name):
    lab = {"status": "final", "results": [{"itemCode": "WBC", "itemName": "白细胞", "quantity": 5.25},
                                          {"itemCode": "RBC", "quantity": 4}]}
    assert put(node, f"labs/{name}", lab).status == 201
    assert get(node, f"labs/{name}", personal="true").json() == {"labId": name, **lab}
    said = errors(put(node, f"labs/{name}", {"results": [{}, {"itemCode": "X", "quantity": "much"}]}))
    assert list(said) == ["results[1].quantity"]


# ---- conditions ----


def test_if_match(node, name):
    path = f"exams/{name}"
    assert put(node, path, {"sex": "1"}, If_Match="*").status == 412
    assert put(node, path, {"sex": "1"}, If_Match='"1"').status == 412
    assert get(node, path).status == 404
    assert put(node, path, {"sex": "1"}, If_None_Match="*").status == 201
    assert put(node, path, {"sex": "2"}, If_None_Match="*").status == 412
    assert put(node, path, {"sex": "2"}, If_Match='"1"').headers["etag"] == '"2"'
    late = put(node, path, {"sex": "9"}, If_Match='"1"')
    assert (late.status, late.type) == (412, "application/problem+json")
    assert put(node, path, {"sex": "9"}, If_Match='"7", "2"').headers["etag"] == '"3"'
    assert put(node, path, {"sex": "0"}, If_Match='W/"3"').status == 412
    assert put(node, path, {"sex": "0"}, If_Match="*").headers["etag"] == '"4"'
    assert patch(node, path, {"sex": "1"}, If_Match='"3"').status == 412
    assert tell(node, "DELETE", path, If_Match='"3"').status == 412
    assert tell(node, "DELETE", path, If_Match='"4"').status == 200
    assert put(node, path, {"sex": "1"}, If_None_Match="*").status in (200, 201)


def test_of_many_who_make_it_first_one_wins(node, name):
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(
        put(node, f"exams/{name}", {"hospitalName": f"H{n}"}, If_None_Match="*").status)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(answers) == [201] + 7 * [412]


def test_what_the_client_has_is_not_sent_again(node, name):
    put(node, f"exams/{name}", PERSON)
    for query in ("", "?personal=true"):
        got = ask(node, f"{API}/exams/{name}{query}")
        again = ask(node, f"{API}/exams/{name}{query}", If_None_Match=got.headers["etag"])
        assert (again.status, again.body) == (304, b"")
    put(node, f"exams/{name}", {**PERSON, "sex": "2"})
    assert ask(node, f"{API}/exams/{name}", If_None_Match=got.headers["etag"]).status == 200


# ---- personal members ----


def test_personal_members_are_masked(node, name):
    secret = {"patientName": "欧阳测试", "idNumber": "110101199003070732", "phone": "13800001111"}
    put(node, f"exams/{name}", {**secret, "sex": "1"})
    shown = get(node, f"exams/{name}").json()
    assert shown["sex"] == "1" and shown["patientName"].startswith("欧")
    for member, value in secret.items():
        assert shown[member] != value and "*" in shown[member]
    (item,) = get(node, "exams", examId=name).json()["items"]
    assert item["record"] == shown
    (item,) = get(node, "exams", examId=name, personal="true").json()["items"]
    assert {member: item["record"][member] for member in secret} == secret
    assert not any(value in node.log() for value in secret.values())


def test_what_was_masked_does_not_come_back_as_a_value(node, name):
    put(node, f"exams/{name}", {"patientName": "测试乙", "sex": "1"})
    shown = get(node, f"exams/{name}")
    said = errors(put(node, f"exams/{name}", {**shown.json(), "sex": "2"}))
    assert list(said) == ["patientName"]
    assert list(errors(patch(node, f"exams/{name}", {"patientName": shown.json()["patientName"]}))) == ["patientName"]
    assert batch(node, "exams", [{**shown.json()}])[0]["errors"][0]["member"] == "patientName"
    assert put(node, f"exams/{name}", {"patientName": "测试丙"}, If_Match=shown.headers["etag"]).status == 412
    assert get(node, f"exams/{name}", personal="true").json()["patientName"] == "测试乙"
    assert put(node, f"exams/{name}", {"patientName": "王*"}).status == 200  # a name that has a star, if anybody has


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, shared_nodes):
    """A node that others may use, with tokens."""
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "tokens.json").touch(0o600)
    (folder / "tokens.json").write_text(json.dumps({"tokens": [
        {"name": "viewer", "secret": READER}, {"name": "his", "secret": WRITER, "rights": ["write"]},
        {"name": "console", "secret": ALL, "rights": ["write", "personal"]}]}))
    return shared_nodes(conf=str(folder), http__bind="0.0.0.0")


def test_a_token_has_the_rights_it_was_given(guarded, name):
    def bearer(secret):
        return {"Authorization": "Bearer " + secret}

    path = f"exams/{name}"
    assert put(guarded, path, PERSON).status == 401
    assert put(guarded, path, PERSON, **bearer(READER)).status == 403
    assert put(guarded, path, PERSON, **bearer(WRITER)).status == 201
    assert tell(guarded, "DELETE", path, **bearer(READER)).status == 403
    assert tell(guarded, "POST", "exams", [{"examId": name}], LINES, **bearer(READER)).status == 403
    assert tell(guarded, "GET", path, **bearer(READER)).json()["patientName"] != PERSON["patientName"]
    for secret, status in ((READER, 403), (WRITER, 403), (ALL, 200)):
        assert tell(guarded, "GET", path + "?personal=true", **bearer(secret)).status == status
        assert tell(guarded, "GET", f"exams?examId={name}&personal=true", **bearer(secret)).status == status
    got = tell(guarded, "GET", path + "?personal=true", **bearer(ALL))
    assert got.json()["patientName"] == PERSON["patientName"]
    assert got.headers["record-source"] == "rest:his"
    assert not any(secret in guarded.log() for secret in (READER, WRITER, ALL))


def audit_of(node):
    return node.cli("audit", "--json", "--limit", "0").out


def test_reading_and_writing_is_told_to_the_audit_trail(guarded, name):
    put(guarded, f"exams/{name}", PERSON, Authorization="Bearer " + ALL)
    tell(guarded, "GET", f"exams/{name}?personal=true", Authorization="Bearer " + ALL)
    wait_until(lambda: audit_of(guarded).count(name) >= 2, 20, audit_of(guarded)[-3000:])
    assert "console" in audit_of(guarded)


def test_a_page_of_another_host_cannot_write(node, name):
    """A form, or a script without a preflight, in the browser of somebody on this machine."""
    body = b'{"sex": "1"}'
    for type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = tell(node, "POST", "exams", body, type, Origin="http://evil.example")
        assert answer.status in (403, 415)
    for type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert tell(node, "POST", "exams", body, type).status == 415
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Origin": f"http://localhost.evil.example:{node.http_port}"}):
        for method in ("PUT", "PATCH"):
            assert tell(node, method, f"exams/{name}", body, JSON, **headers).status == 403
        assert tell(node, "POST", "exams", body, JSON, **headers).status == 403
        assert tell(node, "DELETE", f"exams/{name}", **headers).status == 403
    assert put(node, f"exams/{name}", body, Host="evil.example").status == 403
    asked = tell(node, "OPTIONS", f"exams/{name}", Origin="http://evil.example",
                 Access_Control_Request_Method="PUT")
    assert "access-control-allow-origin" not in asked.headers
    assert get(node, f"exams/{name}").status == 404
    own = f"http://127.0.0.1:{node.http_port}"
    assert put(node, f"exams/{name}", body, Origin=own, Sec_Fetch_Site="same-origin").status == 201


def test_a_page_that_may_read_writes_with_a_token_only(tmp_path_factory, shared_nodes, name):
    folder = tmp_path_factory.mktemp("cors")
    (folder / "tokens.json").touch(0o600)
    (folder / "tokens.json").write_text(json.dumps({"tokens": [{"name": "ris", "secret": WRITER, "rights": ["write"]}]}))
    node = shared_nodes(conf=str(folder), http__cors_origins="https://ris.example")
    origin = {"Origin": "https://ris.example"}
    asked = tell(node, "OPTIONS", f"exams/{name}", Access_Control_Request_Method="PUT", **origin)
    assert asked.status == 204
    assert "PUT" in asked.headers["access-control-allow-methods"]
    assert "Content-Type" in asked.headers["access-control-allow-headers"]
    assert put(node, f"exams/{name}", {}, **origin).status == 403
    made = put(node, f"exams/{name}", {}, Authorization="Bearer " + WRITER, **origin)
    assert (made.status, made.headers["access-control-allow-origin"]) == (201, "https://ris.example")
    assert "ETag" in made.headers["access-control-expose-headers"]


# ---- lists ----


@pytest.fixture(scope="module")
def listing(shared_nodes):
    node = shared_nodes()
    lines = [{"examId": f"E{n:03}", "patientId": f"P{n % 5}", "patientName": "测试丁",
              "accessionNumber": [f"ACC{n}", f"OLD{n}"], "status": "requested"} for n in range(57)]
    assert {line["status"] for line in batch(node, "exams", lines)} == {201}
    return node


def ids(answer):
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json()["items"]]


def test_filters(listing):
    assert ids(get(listing, "exams", examId="E007")) == ["E007"]
    assert ids(get(listing, "exams", accessionNumber="OLD12")) == ["E012"]
    assert len(ids(get(listing, "exams", patientId="P3"))) == 11
    assert ids(get(listing, "exams", patientId="P3", accessionNumber="ACC8")) == ["E008"]
    assert ids(get(listing, "exams", patientId="nobody")) == []
    assert len(ids(get(listing, "exams", source="rest:*", limit=1000))) == 57
    assert ids(get(listing, "exams", source="hl7:*")) == []
    assert ids(get(listing, "exams", since="2999-01-01")) == []
    assert len(ids(get(listing, "exams", since="2000-01-01T00:00:00+08:00", until="2999-01-01", limit=100))) == 57
    assert ids(get(listing, "exams", until="2000-01-01")) == []
    assert ids(get(listing, "reports")) == []
    assert ids(get(listing, "exams", order="oldest", limit=3)) == ["E000", "E001", "E002"]
    assert ids(get(listing, "exams", limit=3)) == ["E056", "E055", "E054"]
    assert "record" not in get(listing, "exams", limit=1, content="false").json()["items"][0]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_show_each_record_once_whatever_happens_meanwhile(listing, order, name):
    seen, path, pages = [], f"{API}/exams?limit=10&order={order}&source=rest:*", 0
    before = set(ids(get(listing, "exams", limit=1000)))
    while path:
        answer = ask(listing, path)
        seen += ids(answer)
        if pages == 1:  # one more, one changed, one removed that was seen
            put(listing, f"exams/{name}", {})
            put(listing, f"exams/E03{0 if order == 'newest' else 1}", {"sex": "1"})
            tell(listing, "DELETE", f"exams/{seen[0]}")
        following = re.search(r'<([^>]*)>; rel="next"', answer.headers.get("link", ""))
        assert bool(following) == ("next" in answer.json())
        path = following[1] if following else None
        pages += 1
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


@pytest.mark.parametrize("query, hint", [
    ("nothing=1", "patientId"), ("sex=1", "cannot be filtered"), ("limit=0", "limit"), ("limit=1001", "limit"),
    ("cursor=x", "cursor"), ("cursor=n", "cursor"), ("cursor=n-1", "cursor"), ("order=up", "order"),
    ("since=yesterday", "since"), ("until=2026-13-01", "until"), ("removed=maybe", "removed"),
    ("problems=maybe", "problems"), ("personal=maybe", "personal"), ("patientId=", "patientId"),
    ("patientId=%FF", "UTF-8"), ("patientId=1&patientId=2", "twice"), ("patientId=%", "percent"),
])
def test_what_is_asked_wrongly_is_said_so(listing, query, hint):
    answer = ask(listing, f"{API}/exams?{query}")
    assert (answer.status, answer.type) == (400, "application/problem+json")
    assert hint in answer.json()["detail"]


def test_problems_are_kept_beside_the_record_and_found(node, name):
    """Nothing a hospital sends is lost because a province would not like it."""
    made = put(node, f"exams/{name}", {"idType": "01", "idNumber": "110101199003070731", "sex": "1"})  # check digit
    assert made.status == 201
    found = made.json()["findings"]
    assert any(one["member"] == "idNumber" for one in found), found
    for one in found:
        assert one["chinese"] and one["english"] and one["what"] and isinstance(one["serious"], bool)
        assert "110101199003070731" not in one["chinese"] + one["english"]
    told = get(node, f"exams/{name}/findings").json()
    assert [one["member"] for one in told["findings"]] == [one["member"] for one in found]
    assert name in ids(get(node, "exams", problems="true", examId=name))
    mended = put(node, f"exams/{name}", {"idType": "01", "idNumber": "110101199003070732", "sex": "1"}).json()
    assert not any(one["what"] == "check-digit" for one in mended["findings"])


def test_history_says_who_and_what(node, name):
    put(node, f"exams/{name}", {"sex": "1", "patientName": "测试戊"})
    put(node, f"exams/{name}", {"sex": "2", "hospitalCode": "H1"})
    one, two = get(node, f"exams/{name}/history").json()["versions"]
    assert (one["version"], two["version"], two["source"]) == (1, 2, "rest:local")
    assert set(two["changed"]) == {"sex", "patientName", "hospitalCode"}
    assert one["received"] <= two["received"] and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d",
                                                               one["received"])
    assert get(node, f"exams/no-{name}/history").status == 404


# ---- what is refused ----


def test_errors_name_the_member_and_why(node, name):
    path = f"exams/{name}"
    assert "no such member" in errors(put(node, path, {"patientNam": "x"}))["patientNam"]
    assert "date" in errors(put(node, path, {"birthDate": "1980-02-30"}))["birthDate"]
    assert "255" in errors(put(node, path, {"patientName": "长" * 256}))["patientName"]
    assert "string" in errors(put(node, path, {"patientName": ["a", "b"]}))["patientName"]
    assert "number" in errors(put(node, path, {"age": "many"}))["age"]
    assert "UID" in errors(put(node, path, {"studyInstanceUid": "1.2..3"}))["studyInstanceUid"]
    assert "twice" in errors(put(node, path, b'{"sex": "1", "sex": "2"}'))["sex"]
    assert "differs" in errors(put(node, path, {"examId": "another"}))["examId"]
    assert get(node, path).status == 404


BROKEN = {
    "nothing": b"", "a bracket": b"{", "an array": b"[]", "a string": b'"x"', "two": b"{}{}", "behind": b"{} x",
    "a NUL": b'{"sex": "1\x00"}', "an escaped NUL": b'{"sex": "1\\u0000"}', "NUL behind": b"{}\x00",
    "GBK": b'{"patientName": "\xd5\xc5"}', "half a pair": b'{"patientName": "\\ud800"}',
    "deep": b'{"results": ' + b"[" * 100000 + b"]" * 100000 + b"}", "deeper": b'{"a":' * 50000 + b"1" + b"}" * 50000,
    "a comma": b'{"sex": "1",}', "single quotes": b"{'sex': '1'}", "infinity": b'{"age": Infinity}',
    "a comment": b'{"sex": "1"} // yes', "long number": b'{"age": ' + b"9" * 5000 + b"}",
    "long name": b'{"' + b"x" * 100000 + b'": 1}', "control": b'{"patientName": "a\x01b"}',
    "UTF-16": '{"sex": "1"}'.encode("utf-16"), "a list too long": b'{"results": [' + b"{}," * 2500 + b"{}]}",
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_record_is_refused(node, what, name):
    for plural in ("exams", "labs"):
        answer = put(node, f"{plural}/{name}", BROKEN[what])
        assert (answer.status, answer.type) == (400, "application/problem+json"), (what, answer.status, answer.body)
        assert get(node, f"{plural}/{name}").status == 404


def test_methods_types_and_sizes(node, name, shared_nodes):
    answer = tell(node, "POST", f"exams/{name}", {})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS")
    answer = tell(node, "OPTIONS", f"exams/{name}")
    assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS")
    assert tell(node, "DELETE", "exams").headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert tell(node, "PUT", f"exams/{name}", b"{}", "text/json").status == 415
    assert tell(node, "PUT", f"exams/{name}", b"{}", "application/json; charset=gb18030").status == 415
    assert tell(node, "PUT", f"exams/{name}", b"{}", "application/json; charset=utf-8").status == 201
    assert tell(node, "PUT", f"exams/{name}", b"x", Content_Encoding="gzip").status == 415
    assert tell(node, "DELETE", f"exams/{name}", b"{}").status == 413
    assert get(node, "nothing").status == 404 and get(node, "settlements").status == 404
    small = shared_nodes(http__body_most_mb=1)
    big = b'{"clinicalDiagnosis": "' + b"x" * (1 << 20) + b'"}'
    answer = put(small, f"exams/{name}", big)
    assert (answer.status, answer.type) == (413, "application/problem+json")

    def pieces():
        for at in range(0, len(big), 10000):
            yield big[at:at + 10000]

    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", small.http_port, timeout=60)
    connection.request("PUT", f"{API}/exams/{name}", pieces(), {"Content-Type": JSON}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    lines = batch(small, "exams", ['{"examId": "A"}\n', big.decode() + "\n", '{"examId": "B"}'])
    assert [line["status"] for line in lines] == [201, 400, 201]


def raw(node, text):
    sock = socket.create_connection(("127.0.0.1", node.http_port), timeout=60)
    sock.sendall(text)
    return sock


def test_a_connection_cut_within_a_body_leaves_nothing(node, name):
    head = f"HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nContent-Length: 1000\r\n\r\n"
    for method in ("PUT", "PATCH"):
        sock = raw(node, f"{method} {API}/exams/{name} {head}".encode() + b'{"sex": "1"}')
        sock.close()
    head = f"HTTP/1.1\r\nHost: localhost\r\nContent-Type: {LINES}\r\nTransfer-Encoding: chunked\r\n\r\n"
    line = json.dumps({"examId": name}).encode() + b"\n"
    sock = raw(node, f"POST {API}/exams {head}".encode() + b"%x\r\n" % len(line) + line + b"\r\n")
    sock.close()
    sock = raw(node, f"POST {API}/exams {head}".encode() +
               b"".join(b"%x\r\n" % len(line) + line + b"\r\n" for _ in range(30000)) + b"zz\r\n")
    while sock.recv(4096):
        pass
    sock.close()
    assert get(node, "exams", examId=name).json()["items"] == []
    assert get(node, f"exams/{name}").status == 404
    assert node.staging() == [] or all(not os.path.getsize(path) for path in node.staging())


def test_a_body_that_does_not_come_is_not_waited_for(node, name):
    sock = raw(node, f"PUT {API}/exams/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\n"
                     f"Content-Length: 100\r\n\r\n{{".encode())
    sock.settimeout(90)
    said = sock.recv(4096)
    assert said.startswith(b"HTTP/1.1 408 ")
    sock.close()


# ---- batches ----


def test_a_broken_line_does_not_stop_the_others(node, name):
    lines = [{"examId": f"{name}-1", "sex": "1"}, "broken\n", {"examId": f"{name}-2", "nothing": 1}, "\n",
             {"sex": "1"}, {"examId": f"{name}-1", "sex": "1"}, {"examId": f"{name}-1", "sex": "2"}, "   \r\n",
             f'{{"examId": "{name}-3"}}\r\n', b'{"examId": "\xff"}\n'.decode("latin-1"), f'{{"examId": "{name}-4"}}']
    told = batch(node, "exams", lines)
    assert [(one["line"], one["status"]) for one in told] == [
        (1, 201), (2, 400), (3, 400), (5, 400), (6, 200), (7, 200), (9, 201), (10, 201), (11, 201)]
    assert [one.get("outcome") for one in told] == ["new", None, None, None, "same", "changed", "new", "new", "new"]
    assert told[2]["errors"][0]["member"] == "nothing" and told[3]["errors"][0]["member"] == "examId"
    assert get(node, f"exams/{name}-1").json()["sex"] == "2"
    assert {one["outcome"] for one in batch(node, "exams", [{"examId": f"{name}-3"}, {"examId": f"{name}-4"}])} == {"same"}
    answer = tell(node, "POST", "exams", [{"examId": f"{name}-5"}, "x\n"], LINES)
    assert (answer.headers["records-kept"], answer.headers["records-refused"]) == ("1", "1")
    assert batch(node, "exams", []) == [] and batch(node, "exams", ["\n\n \n"]) == []
    assert batch(node, "exams", ["\ufeff" + f'{{"examId": "{name}-6"}}\n'])[0]["status"] == 201


def test_a_batch_of_all_kinds(node, name):
    told = batch(node, "records:batch", [
        {"exam": {"examId": name, "accessionNumber": name}}, {"report": {"reportId": name, "examId": [name]}},
        {"patients": {"patientId": name}}, {"nothing": {"examId": name}}, "{}\n", '{"exam": 7}\n', '{"exam"}\n',
        '{"exam": {"examId": "x"}, "report": {}}\n', {"lab": {"labId": name, "results": [{"itemCode": "A"}]}}])
    assert [one["status"] for one in told] == [201, 201, 201, 400, 400, 400, 400, 400, 201]
    assert get(node, f"labs/{name}").json()["results"] == [{"itemCode": "A"}]


def test_a_pdf_comes_along_with_its_report(node, name):
    pdf = pdfs.pdf(text=name)
    made = put(node, f"reports/{name}", {"pdfBase64": base64.b64encode(pdf).decode()})
    assert made.status == 201, made.body
    assert get(node, f"reports/{name}").json()["pdf"] == hashlib.sha256(pdf).hexdigest()
    assert get(node, f"reports/{name}/pdf").body == pdf
    assert "pdfBase64" in errors(put(node, f"reports/{name}", {"pdfBase64": base64.b64encode(b"%PDF-").decode()}))
    assert "pdfBase64" in errors(put(node, f"exams/{name}", {"pdfBase64": ""}))


def test_exam_and_report_are_linked(node, name):
    told = batch(node, "records:batch", [{"report": {"reportId": name, "accessionNumber": [name]}},
                                         {"exam": {"examId": name, "accessionNumber": [name]}}])
    assert [one["status"] for one in told] == [201, 201]
    for plural in ("exams", "reports"):
        (link,) = get(node, f"{plural}/{name}/links").json()["links"]
        assert (link["exam"], link["report"]) == (name, name)
    assert get(node, f"exams/no-{name}/links").status == 404 and get(node, f"items/{name}/links").status == 404


def write_lines(path, count, prefix):
    with open(path, "w", encoding="utf-8") as file:
        for n in range(count):
            file.write(json.dumps({"examId": f"{prefix}{n}", "patientId": f"P{n % 977}", "patientName": f"测试{n}",
                                   "accessionNumber": f"{prefix}A{n}", "sex": "1", "status": "reported"},
                                  ensure_ascii=False) + "\n")


def test_a_long_batch_takes_no_more_memory_than_a_short_one(nodes, tmp_path):
    count = 8000 if sanitized() else 100000
    node = nodes(http__workers=2)
    write_lines(tmp_path / "few", 5000, "F")
    write_lines(tmp_path / "many", count, "M")

    def post(name):
        subprocess.run(["curl", "-sS", "--fail", "-H", f"Content-Type: {LINES}", "-H", "Expect:", "-T",
                        str(tmp_path / name), "-X", "POST", "-o", str(tmp_path / "told"), f"{node.http}{API}/exams"],
                       check=True, timeout=600)
        with open(tmp_path / "told", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    assert {one["status"] for one in post("few")} == {201}
    before = node.peak_kb()
    told = post("many")
    assert [one["line"] for one in told] == list(range(1, count + 1))
    assert {one["status"] for one in told} == {201}
    if not sanitized():
        assert node.peak_kb() - before < 20000
    assert {one["outcome"] for one in post("few")} == {"same"}
    assert len(ids(get(node, "exams", patientId="P5", limit=1000))) >= count // 977


def test_long_batches_do_not_keep_others_waiting(nodes, tmp_path):
    node = nodes(http__workers=1)
    write_lines(tmp_path / "many", 8000, "M")
    posts = [subprocess.Popen(["curl", "-sS", "--fail", "-H", f"Content-Type: {LINES}", "-T", str(tmp_path / "many"),
                               "-X", "POST", "-o", os.devnull, f"{node.http}{API}/exams"]) for _ in range(3)]
    answered = 0
    while any(one.poll() is None for one in posts):
        assert ask(node, "/health").status == 200
        answered += 1
    assert [one.wait() for one in posts] == [0, 0, 0]
    assert answered > 10  # in between, not after


def test_kill_9_within_a_batch_keeps_what_was_acknowledged(nodes, tmp_path):
    """Batches of a few lines by several senders, until the node dies; then all of it once more."""
    node = nodes()
    acknowledged, sent, lock = set(), set(), threading.Lock()

    def sender(number):
        try:
            for n in range(10**6):
                lines = [{"examId": f"K{number}-{n}-{m}", "sex": "1"} for m in range(40)]
                with lock:
                    sent.update(line["examId"] for line in lines)
                told = batch(node, "exams", lines)
                with lock:
                    acknowledged.update(one["id"] for one in told if one["status"] in (200, 201))
        except OSError:
            pass
        except Exception as trouble:  # cut off in the middle of an answer
            assert "Incomplete" in repr(trouble) or "closed" in repr(trouble) or "Remote" in repr(trouble), trouble

    threads = [threading.Thread(target=sender, args=(number,), daemon=True) for number in range(3)]
    for one in threads:
        one.start()
    wait_until(lambda: len(acknowledged) > 400, 120)
    node.kill9()
    for one in threads:
        one.join(60)
    node.start()
    there, cursor = set(), None
    while True:
        page = get(node, "exams", limit=1000, cursor=cursor).json()
        there |= {item["id"] for item in page["items"]}
        assert all(item["record"] == {"examId": item["id"], "sex": "1"} for item in page["items"])
        cursor = page.get("next")
        if not cursor:
            break
    assert acknowledged <= there <= sent
    told = batch(node, "exams", [{"examId": id, "sex": "1"} for id in sorted(sent)])
    assert all(one["outcome"] == ("same" if one["id"] in there else "new") for one in told)


def test_stopping_does_not_wait_for_a_long_batch(nodes, tmp_path):
    node = nodes()
    write_lines(tmp_path / "many", 60000, "S")
    post = subprocess.Popen(["curl", "-sS", "-H", f"Content-Type: {LINES}", "-T", str(tmp_path / "many"), "-X", "POST",
                             "-o", str(tmp_path / "told"), f"{node.http}{API}/exams"])
    wait_until(lambda: get(node, "exams", limit=1).json()["items"], 60)
    node.stop()
    post.wait(60)
    node.start()
    if post.returncode == 0 and os.path.getsize(tmp_path / "told"):
        told = [json.loads(line) for line in open(tmp_path / "told", encoding="utf-8")]
        kept = [one["id"] for one in told if one["status"] == 201]
        assert len(told) == 60000 and 0 < len(kept) < 60000
        assert get(node, f"exams/{kept[-1]}").status == 200


@pytest.mark.parametrize("encrypt", ["none", "personal"])
def test_a_patient_is_found_by_an_id_that_is_personal(tmp_path, encrypt):
    key = str(tmp_path / "key")
    settings = {}
    if encrypt == "personal":
        yingqiao("records", "key", key)
        settings = {"records.encrypt": encrypt, "records.key_file": key}
    node = Node(tmp_path, settings)
    assert put(node, "patients/PAT4711", {"patientName": "张伟"}).status == 201
    assert put(node, "patients/PAT4711", {"patientName": "张伟"}, If_None_Match="*").status == 412
    assert put(node, "patients/PAT4711", {"patientName": "张芳"}, If_Match='"1"').status == 200
    assert len(get(node, "patients/PAT4711/history").json()["versions"]) == 2
    assert "PAT4711" not in get(node, "patients/PAT4711/history").body.decode()
    assert get(node, "patients/PAT4711/findings").json()["version"] == 2
    assert "PAT4711" not in get(node, "patients").body.decode()
    assert [one["id"] for one in get(node, "patients", personal="true").json()["items"]] == ["PAT4711"]
    node.stop()
