"""What the platforms of the provinces ask of the node: N203 of Neijiang, H6 of Hebei, S7 to S9 of Shanxi. The callers sign and
seal by their own code path: Python's hashlib and OpenSSL's program."""
import base64
import hashlib
import http.client
import io
import json
import os
import re
import time
import urllib.parse

import pydicom
import pytest
import rest
import samples
from conftest import need_tool, run, wait_until, write_json
from province import KEY, envelope, openssl, unseal
from test_handout import at_rest, without_trace
from web import Answer, ask

HOSPITAL = "12140000405700042Q"
ACCESS, SECRET = "123456", "abcdefg"
CHANNEL_KEY, IV = "qkzdcsilusqgph37", "2rthacazxph2qtkt"


@pytest.fixture
def serving(nodes, tmp_path):
    """serving({platform}, ..., **settings): a node with these platforms, each with `serve` on, and their keys."""
    def begin(*platforms, **settings):
        conf = tmp_path / f"conf{len(os.listdir(tmp_path))}"
        conf.mkdir()
        sm2 = conf / "hebei.pem"
        sm2.write_bytes(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"))
        (conf / "hebei.pub").write_bytes(openssl("pkey", "-in", str(sm2), "-pubout"))
        for name, key in (("shanxi.key", KEY), ("access", ACCESS), ("secret", SECRET), ("channel", CHANNEL_KEY), ("iv", IV)):
            (conf / name).write_text(key + "\n")
        write_json(str(conf / "tokens.json"), {"tokens": [{"name": "viewer", "secret": "reader-token-0123456789abcdef"}]})
        for name in os.listdir(conf):
            os.chmod(conf / name, 0o600)
        write_json(str(conf / "platforms.json"), {"platforms": [{"name": one["province"], "serve": "plain", **one}
                                                                for one in platforms]})
        settings = {"hospital__code": HOSPITAL, "hospital__name": "影桥医院", "queue__complete_seconds": 1, **settings}
        return nodes(conf=str(conf), **settings)
    return begin


SHANXI = {"province": "shanxi", "key": "hex file:shanxi.key", "enabled": True, "upload": "none", "backfill_months": 0, "reconcile": ""}
HEBEI = {"province": "hebei", "public_key": "file:hebei.pub"}
NEIJIANG = {"province": "neijiang", "access_key": "file:access", "key": "file:secret"}


def call(node, method, path, body=None, source=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=60,
                                            source_address=(source, 0) if source else None)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def told(node):
    return node.cli("audit", "--json").out


def fetch(url, tmp_path):
    need_tool("curl")
    done = run("curl", "-sS", "--fail", "-o", tmp_path / "got.dcm", url)
    assert done.code == 0, done
    return (tmp_path / "got.dcm").read_bytes()


def send_study(node, count=3, **attributes):
    """Two series, the second one first."""
    study = samples.uid()
    attributes = {"AccessionNumber": "A1", "PatientID": "P1", "PatientName": "Zhang^San=张^三", "PatientSex": "F",
                  "PatientAge": "080Y", "SpecificCharacterSet": "ISO_IR 192", "StudyDate": "20260301", "StudyTime": "081500",
                  "InstitutionName": "某医院", **attributes}
    ones = []
    for series in (2, 1):
        number = samples.uid()
        for i in range(count, 0, -1):
            ones.append(samples.instance(StudyInstanceUID=study, SeriesInstanceUID=number, SeriesNumber=str(series),
                                         InstanceNumber=str(i), **attributes))
    assert node.send(*ones) == [0] * len(ones)
    return study, sorted(ones, key=lambda one: (int(one.dataset().SeriesNumber), int(one.dataset().InstanceNumber)))


# ---- N203 ----


def sign_n203(**params):
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    return hashlib.md5((ACCESS + text + SECRET).encode()).hexdigest().upper()


def n203(node, study, hospital=HOSPITAL, names=("HospitalCode", "StudyInstanceUID", "Signature"), signature=None, **options):
    params = {names[0]: hospital, names[1]: study}
    params[names[2]] = sign_n203(**params) if signature is None else signature
    return call(node, "GET", "/Viewer/DICOMStudyRetrieve?" + urllib.parse.urlencode(params), **options)


def test_neijiang_gets_the_files_of_a_study(serving, tmp_path):
    node = serving(NEIJIANG)
    study, ones = send_study(node)
    answer = n203(node, study)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert list(said) == ["code", "message", "result"] and said["code"] == "N0000"
    assert [one["sopinstanceUID"] for one in said["result"]] == [one.uid for one in ones]
    for item, one in zip(said["result"], ones):
        data = one.dataset()
        url = item.pop("dcmDownloadUrl")
        assert item == {"hospitalCode": HOSPITAL, "hospitalName": "影桥医院", "PatientID": "P1", "studyInstanceUID": study,
                        "seriesInstanceUID": one.series, "seriesNumber": str(data.SeriesNumber), "sopinstanceUID": one.uid,
                        "sopclassUID": one.sop_class, "AccessionNumber": "A1", "Modality": str(data.get("Modality") or "")}
        assert url.startswith(f"http://127.0.0.1:{node.http_port}/objects/{study}/") and len(url) <= 512
        got = fetch(url, tmp_path)
        assert got == at_rest(node, one) and pydicom.dcmread(io.BytesIO(got)).SOPInstanceUID == one.uid
    assert list(said["result"][0]) == ["hospitalCode", "hospitalName", "PatientID", "studyInstanceUID", "seriesInstanceUID",
                                       "seriesNumber", "sopinstanceUID", "sopclassUID", "AccessionNumber", "Modality"]


def test_neijiang_names_in_any_case_and_further_parameters_are_signed(serving):
    node = serving(NEIJIANG)
    study, _ = send_study(node, 1)
    for names in (("hospitalCode", "studyInstanceUID", "signature"), ("HOSPITALCODE", "studyinstanceuid", "SIGNATURE")):
        assert n203(node, study, names=names).json()["code"] == "N0000"
    params = {"hospitalcode": HOSPITAL, "StudyInstanceUid": study}
    printed = sign_n203(HospitalCode=HOSPITAL, StudyInstanceUID=study)
    path = "/Viewer/DICOMStudyRetrieve?"
    assert call(node, "GET", path + urllib.parse.urlencode({**params, "signature": printed})).json()["code"] == "N0000", \
        "signed with the names as the document prints them"
    params["timeStamp"] = "1589167913"
    signed = {**params, "signature": sign_n203(**params)}
    assert call(node, "GET", path + urllib.parse.urlencode(signed)).json()["code"] == "N0000"
    signed["timeStamp"] = "1589167914"
    assert call(node, "GET", path + urllib.parse.urlencode(signed)).json()["code"] == "E0002"
    assert n203(node, study, signature=sign_n203(HospitalCode=HOSPITAL, StudyInstanceUID=study).lower()).json()["code"] == "N0000"


def test_neijiang_wrong_ones_learn_nothing(serving):
    node = serving(NEIJIANG)
    study, _ = send_study(node, 1)
    assert n203(node, study, signature="0" * 32).json() == {"code": "E0002", "message": "签名错误", "result": []}
    assert n203(node, study, signature="0" * 32).body == n203(node, samples.uid(), signature="0" * 32).body
    assert n203(node, study, "X", signature="0" * 32).body == n203(node, study, signature="x").body
    unknown_study, unknown_hospital = n203(node, samples.uid()), n203(node, study, "12140000405700042C")
    assert unknown_study.body == unknown_hospital.body and unknown_study.json()["code"] == "E0001"
    assert unknown_study.status == unknown_hospital.status == 200
    for params in ({}, {"HospitalCode": HOSPITAL}, {"HospitalCode": HOSPITAL, "StudyInstanceUID": study},
                   {"HospitalCode": HOSPITAL, "StudyInstanceUID": "", "Signature": "x"},
                   {"HospitalCode": HOSPITAL, "StudyInstanceUID": "1.2/..", "Signature": "x"},
                   {"HospitalCode": HOSPITAL, "hospitalcode": HOSPITAL, "StudyInstanceUID": study, "Signature": "x"}):
        answer = call(node, "GET", "/Viewer/DICOMStudyRetrieve?" + urllib.parse.urlencode(params))
        assert (answer.status, answer.json()["code"]) == (200, "E0001"), params
    audit = told(node)
    assert "DICOMStudyRetrieve (Neijiang) with a wrong signature" in audit and SECRET not in audit
    assert "Signature" not in node.log() and sign_n203(HospitalCode=HOSPITAL, StudyInstanceUID=study) not in audit


def test_neijiang_by_the_channel(serving):
    node = serving(dict(NEIJIANG, signature="channel", channel_key="file:channel", iv="file:iv"))
    study, _ = send_study(node, 1)
    text = f"{HOSPITAL}#{study}".encode()
    shown = openssl("enc", "-aes-128-cbc", "-K", CHANNEL_KEY.encode().hex(), "-iv", IV.encode().hex(), data=text).hex().upper()
    assert n203(node, study, signature=shown).json()["code"] == "N0000"
    assert n203(node, study, signature=shown.lower()).json()["code"] == "N0000"
    assert n203(node, study).json()["code"] == "E0002"
    assert n203(node, study, names=("hospitalcode", "studyinstanceuid", "signature"), signature=shown).json()["code"] == "N0000"


def test_the_codes_by_which_a_platform_calls_the_hospital(serving):
    node = serving(dict(NEIJIANG, hospital_codes="HZ001 HZ002"))
    study, _ = send_study(node, 1)
    assert n203(node, study, "HZ001").json()["result"][0]["hospitalCode"] == "HZ001"
    assert n203(node, study, "HZ002").json()["code"] == "N0000"
    for code in (HOSPITAL, "HZ001 HZ002", "HZ", "HZ003"):
        assert n203(node, study, code).json()["code"] == "E0001"


# ---- H6 ----


def sign_h6(node, body, form="der64"):
    with open(os.path.join(node.folder, "signed"), "wb") as out:
        out.write(body)
    key = os.path.join(node.conf, "hebei.pem")
    der = openssl("pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", key, "-in", out.name, "-pkeyopt",
                  "distid:1234567812345678")
    numbers = [int(text, 16) for text in re.findall(r"INTEGER +:([0-9A-F]+)", openssl("asn1parse", "-inform", "DER", data=der).decode())]
    raw = b"".join(number.to_bytes(32, "big") for number in numbers)
    assert len(raw) == 64
    return {"der64": base64.b64encode(der).decode(), "derhex": der.hex(), "raw64": base64.b64encode(raw).decode(),
            "rawhex": raw.hex().upper()}[form]


def h6(node, study, hospital=HOSPITAL, sign=None, body=None, form="der64"):
    body = body or json.dumps({"hosCode": hospital, "studyInstanceId": study}).encode()
    headers = {"apiSign": sign if sign is not None else sign_h6(node, body, form), "Content-Type": "application/json"}
    headers = {name: value for name, value in headers.items() if value}
    return call(node, "POST", "/api/getDicomFile", body, **headers)


@pytest.mark.parametrize("form", ["der64", "derhex", "raw64", "rawhex"])
def test_hebei_gets_the_files_of_a_study(serving, tmp_path, form):
    node = serving(HEBEI, records__url_base="http://pacs.example:8080/")
    study, ones = send_study(node)
    said = h6(node, study, form=form).json()
    assert list(said) == ["code", "message", "data"] and said["code"] == 0 and said["message"] == "OK"
    files = said["data"].pop("dicomlist")
    assert list(said["data"].items()) == [
        ("patientName", "张三"), ("patientId", "P1"), ("patientAge", "80Y"), ("patientSex", "F"), ("institutionName", "影桥医院"),
        ("modality", str(ones[0].dataset().get("Modality") or "")), ("studyInstanceUID", study)]
    assert [list(one) for one in files] == [["seriesInstanceUID", "seriesNumber", "sopInstanceUID", "instanceNumber",
                                            "filePath"]] * len(ones)
    assert all(isinstance(value, str) for one in files for value in one.values())
    assert [(one["sopInstanceUID"], one["seriesNumber"], one["instanceNumber"]) for one in files] == [
        (one.uid, str(one.dataset().SeriesNumber), str(one.dataset().InstanceNumber)) for one in ones]
    for item, one in zip(files, ones):
        assert item["filePath"].startswith("http://pacs.example:8080/objects/")
        got = fetch(item["filePath"].replace("http://pacs.example:8080", node.http), tmp_path)
        assert got == at_rest(node, one)


def test_hebei_wrong_ones_learn_nothing(serving):
    node = serving(HEBEI)
    study, _ = send_study(node, 1)
    body = json.dumps({"hosCode": HOSPITAL, "studyInstanceId": study}).encode()
    good = sign_h6(node, body)
    wrong = h6(node, study, sign=sign_h6(node, body + b" "))
    assert wrong.status == 200 and wrong.json() == {"code": 1, "message": "签名错误", "data": {}}
    for sign in ("", "x", good[:-4], base64.b64encode(bytes(64)).decode(), good + "A" * 2000):
        assert h6(node, study, sign=sign).body == wrong.body
        assert h6(node, samples.uid(), sign=sign).body == wrong.body
    assert h6(node, study, sign=good, body=body + b"\n").body == wrong.body, "the body as it came is signed"
    unknown_study, unknown_hospital = h6(node, samples.uid()), h6(node, study, "HZ00123")
    assert unknown_study.body == unknown_hospital.body and unknown_study.json()["code"] == 1
    for body in (b"{}", b"[]", b'"x"', b"nothing", json.dumps({"hosCode": HOSPITAL, "studyInstanceId": "x"}).encode(), b'{"hosCode":"1"}'):
        answer = h6(node, study, body=body)
        assert answer.json()["code"] == 1 and "hosCode" in answer.json()["message"]
    assert h6(node, study).json()["code"] == 0
    audit = told(node)
    assert "getDicomFile (Hebei) without a signature that is right" in audit and "张" not in node.log()
    assert call(node, "POST", "/api/getDicomFile", b" " * 70000, apiSign=good).status == 413
    assert call(node, "GET", "/api/getDicomFile").status == 405


def test_hebei_signs_sorted_pairs_where_that_is_set(serving):
    node = serving(dict(HEBEI, signed_content="pairs"))
    study, _ = send_study(node, 1)
    sign = sign_h6(node, f"hosCode={HOSPITAL}&studyInstanceId={study}".encode())
    body = json.dumps({"studyInstanceId": study, "hosCode": HOSPITAL}, indent=2).encode()
    assert h6(node, study, body=body, sign=sign).json()["code"] == 0
    assert h6(node, study, body=body).json()["code"] == 1
    assert h6(node, study, body=b"[]", sign=sign).json()["code"] == 1


@pytest.mark.parametrize("attributes, age, sex", [
    ({"PatientAge": "002M", "PatientSex": "M"}, "2M", "M"), ({"PatientAge": "000D", "PatientSex": "O"}, "0D", "O"),
    ({"PatientAge": "", "PatientSex": ""}, "", ""), ({"PatientAge": "100Y", "PatientSex": "X"}, "100Y", "O")])
def test_hebei_ages_and_sexes(serving, attributes, age, sex):
    node = serving(HEBEI)
    study, _ = send_study(node, 1, **attributes)
    data = h6(node, study).json()["data"]
    assert (data["patientAge"], data["patientSex"]) == (age, sex)


def test_hebei_modality_is_that_of_the_images(serving):
    node = serving(HEBEI)
    report = samples.instance(Modality="SR", SeriesNumber="1")
    image = samples.instance(StudyInstanceUID=report.study, Modality="MR", SeriesNumber="2")
    assert node.send(report, image) == [0, 0]
    assert h6(node, report.study).json()["data"]["modality"] == "MR"


# ---- who may ask ----


PATHS = [("GET", "/Viewer/DICOMStudyRetrieve"), ("POST", "/api/getDicomFile"), ("POST", "/exam/get"), ("POST", "/report/get"),
         ("POST", "/series/get")]


def of_unknown(node, method, path, **options):
    there = call(node, method, path, b"{}" if method == "POST" else None, **options)
    nowhere = call(node, method, path[:-1] + "x", b"{}" if method == "POST" else None, **options)
    assert without_trace(there) == without_trace(nowhere)
    assert there.headers.keys() == nowhere.headers.keys()
    return there.status


@pytest.mark.parametrize("change", [{"hosts": "10.9.9.9"}, {"serve": "no"}, {"enabled": False}], ids=str)
def test_for_strangers_there_is_nothing(serving, change):
    node = serving(*(dict(one, **change) for one in (SHANXI, HEBEI, NEIJIANG)))
    for method, path in PATHS:
        assert of_unknown(node, method, path) == 404
        assert of_unknown(node, method, path, Authorization="Bearer x") == 404


def test_a_platform_is_known_by_its_address(serving):
    node = serving(*(dict(one, hosts="127.0.0.8/31") for one in (SHANXI, HEBEI, NEIJIANG)), http__bind="0.0.0.0")
    for method, path in PATHS:
        assert of_unknown(node, method, path) == 401
        assert of_unknown(node, method, path, source="127.0.0.7") == 401
        assert call(node, method, path, b"{}" if method == "POST" else None, source="127.0.0.9").status == 200


def test_behind_a_proxy_of_this_machine_nobody_is_near(serving):
    node = serving(SHANXI)
    assert call(node, "POST", "/exam/get", b"{}").json()["code"] == 1
    assert of_unknown(node, "POST", "/exam/get", X_Forwarded_For="10.1.1.1") in (401, 404)
    assert of_unknown(node, "POST", "/exam/get", Origin="http://evil.example") == 404, "nor a page in a browser here"


# ---- S7, S8 ----


def put_exam(node, number, **members):
    members = {"accessionNumber": f"A-{number}", "requestNumber": f"Q-{number}", "patientId": "P1", "patientName": "张三", "sex": "1",
               "examTime": "2026-03-01 08:15:00", "modality": "CT", **members}
    answer = rest.put(node, f"/api/v1/exams/{number}", members)
    assert answer.status in (200, 201), answer.body


def put_report(node, number, of, **members):
    members = {"examId": of, "status": "final", "reportTime": "2026-03-01 10:00:00", "patientId": "P1", **members}
    answer = rest.put(node, f"/api/v1/reports/{number}", members)
    assert answer.status in (200, 201), answer.body


def question(node, path, sealed=False, **members):
    body = envelope(members) if sealed else members
    answer = call(node, "POST", path, json.dumps(body).encode(), Content_Type="application/json")
    assert answer.status == 200
    return answer.json()


def content(node, path, sealed=False, **members):
    said = question(node, path, sealed, **members)
    assert list(said) == ["code", "message", "content"] and said["code"] == 1, said
    return json.loads(unseal(said["content"])) if sealed else said["content"]


def exams(node, **members):
    return [one["risStudyId"] for one in content(node, "/exam/get", **members)]


def reports(node, **members):
    return [one["recordNum"] for one in content(node, "/report/get", **members)]


def test_exams_by_time_number_and_patient(serving):
    node = serving(SHANXI)
    put_exam(node, "E1")
    put_exam(node, "E2", examTime="2026-03-01 23:59:59", patientId="P2")
    put_exam(node, "E3", examTime="2026-03-02 00:00:00")
    put_exam(node, "E4", examTime=None, registrationTime="2026-03-02 07:00:00", requestNumber="Q-E1")
    assert exams(node) == ["E1", "E2", "E3", "E4"]
    day = {"startTime": "2026-03-01 00:00:00", "endTime": "2026-03-01 23:59:59"}
    assert exams(node, **day) == ["E1", "E2"]
    assert exams(node, startTime="2026-03-01 08:15:00", endTime="2026-03-01 08:15:00") == ["E1"], "both bounds are included"
    assert exams(node, startTime="2026-03-02", endTime="2026-03-02") == ["E3", "E4"]
    assert exams(node, startTime="2026-03-01 08:15:01", endTime="") == ["E2", "E3", "E4"]
    assert exams(node, applyId="Q-E1") == ["E1", "E4"] and exams(node, applyId="Q-E1", **day) == ["E1"]
    assert exams(node, patientId="P2") == ["E2"] and exams(node, patientId="P2", applyId="Q-E1") == []
    assert exams(node, patientId="", applyId=None, pageNum="", pageSize="2") == ["E1", "E2"]
    assert exams(node, pageNum=2, pageSize=3) == ["E4"] and exams(node, pageNum="99", pageSize="500") == []
    item = content(node, "/exam/get", applyId="Q-E2")[0]
    assert item["patName"] == "张三" and item["disableFlag"] in (0, "0")
    assert "/exam/get" in told(node), "questions are in the audit trail"


def test_what_was_removed_is_marked(serving):
    node = serving(SHANXI)
    put_exam(node, "E1")
    put_exam(node, "E2")
    put_report(node, "R1", "E2")
    put_report(node, "R2", "E2", status="withdrawn")
    assert rest.tell(node, "DELETE", "/api/v1/exams/E1").status in (200, 204)
    assert rest.tell(node, "DELETE", "/api/v1/reports/R1").status in (200, 204)
    flags = {one["risStudyId"]: str(one["disableFlag"]) for one in content(node, "/exam/get")}
    assert flags == {"E1": "1", "E2": "0"}
    both = content(node, "/report/get")
    assert [(one["recordNum"], str(one["disableFlag"]), str(one["checkStatus"])) for one in both] == [("R1", "1", "5"), ("R2", "1", "5")]


def test_reports_by_time_number_and_request(serving):
    node = serving(SHANXI)
    put_exam(node, "E1")
    put_exam(node, "E2")
    put_report(node, "R1", "E1")
    put_report(node, "R2", "E2", reportTime="2026-03-02 10:00:00")
    put_report(node, "R3", "E1", requestNumber="Q-E1", reportTime="2026-03-02 10:00:01")
    assert reports(node) == ["R1", "R2", "R3"]
    assert reports(node, reportId="R2") == ["R2"]
    assert reports(node, startTime="2026-03-02 10:00:00", endTime="2026-03-02 10:00:00") == ["R2"]
    wait_until(lambda: reports(node, applyId="Q-E1") == ["R1", "R3"], what="reports of the exam that was requested")
    assert reports(node, applyId="Q-E1", endTime="2026-03-01 23:59:59") == ["R1"]
    assert reports(node, applyId="Q-E1", reportId="R2") == [] and reports(node, applyId="nothing") == []
    assert reports(node, applyId="Q-E1", pageNum=2, pageSize=1) == ["R3"]


def test_a_page_goes_on_meaning_the_same_while_more_arrives(serving):
    node = serving(SHANXI)
    day = {"startTime": "2026-03-01 00:00:00", "endTime": "2026-03-01 23:59:59"}
    before = [f"E{i:02}" for i in range(12)]
    for number in before:
        put_exam(node, number)
    seen = []
    for page in range(1, 4):
        seen += exams(node, pageNum=page, pageSize=4, **day)
        put_exam(node, f"N{page}", examTime="2026-03-01 00:00:01")
        put_exam(node, before[page], examTime="2026-03-01 09:00:00")  # changed, on a page that was given already
    assert seen == before
    assert exams(node, pageNum=4, pageSize=4, **day) == ["N1", "N2", "N3"]
    assert exams(node, pageNum=1, pageSize=4, **day) == before[:4]


@pytest.mark.parametrize("members, why", [
    ({"startTime": "2026-3-1"}, "yyyy-mm-dd HH:mm:ss"), ({"endTime": "2026-02-30 00:00:00"}, "yyyy-mm-dd HH:mm:ss"),
    ({"startTime": "2026-03-02 00:00:00", "endTime": "2026-03-01 00:00:00"}, "晚于"), ({"pageNum": 0}, "pageNum"),
    ({"pageNum": -1}, "pageNum"), ({"pageNum": 1.5}, "pageNum"), ({"pageSize": 501}, "500"), ({"pageSize": "x"}, "pageSize"),
    ({"pageSize": "9" * 30}, "pageSize"), ({"applyId": ["Q"]}, "参数"), ({"applyId": {"a": 1}}, "参数"), ({"applyId": "Q" * 5000}, "参数"),
    ({"applyId": True}, "参数")])
def test_what_is_no_question_is_told_in_plain_words(serving, members, why):
    node = serving(SHANXI)
    for path in ("/exam/get", "/report/get"):
        said = question(node, path, **members)
        assert said["code"] == 0 and why in said["message"] and said["content"] == []


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"null", b'"x"', b"{", b'{"pageNum":', b"\xff\xfe{}", b"[" * 5000, b'{"a":"\0"}'])
def test_what_is_no_json_is_told_in_plain_words(serving, body):
    node = serving(SHANXI)
    for path in ("/exam/get", "/report/get", "/series/get"):
        answer = call(node, "POST", path, body)
        assert answer.status == 200 and answer.json()["code"] == 0 and answer.json()["message"]
    assert node.echo() is not None


# ---- sealed ----


def test_sealed_questions_are_opened_and_answers_sealed(serving):
    node = serving(dict(SHANXI, serve="sealed"))
    put_exam(node, "E1")
    put_report(node, "R1", "E1")
    study, _ = send_study(node, 1)
    assert [one["risStudyId"] for one in content(node, "/exam/get", True, pageNum=1, pageSize=50, applyId="Q-E1")] == ["E1"]
    assert [one["recordNum"] for one in content(node, "/report/get", True, reportId="R1")] == ["R1"]
    assert {one["STUDYIUID"] for one in content(node, "/series/get", True, studyInstanceUID=study)} == {study}
    said = question(node, "/exam/get", True)
    assert isinstance(said["content"], str) and "张三" not in json.dumps(said, ensure_ascii=False)
    assert question(node, "/exam/get", True, pageNum=0)["message"].startswith("pageNum"), "what is wrong is said plainly"


def test_what_is_not_sealed_rightly_is_refused_and_audited(serving):
    node = serving(dict(SHANXI, serve="sealed"))
    put_exam(node, "E1")
    now = int(time.time())
    good = envelope({})
    wrong = {
        "plain": {"pageNum": 1}, "no data": {k: v for k, v in good.items() if k != "data"}, "signature": dict(good, signature="0" * 40),
        "no signature": {k: v for k, v in good.items() if k != "signature"}, "other key": envelope({}, key="00" * 16),
        "changed data": dict(good, data=envelope({"applyId": "x"})["data"]), "not base64": envelope({}, data="!!!!"),
        "no block": envelope({}, data="AAAA"), "old": envelope({}, timestamp=str(now - 700)), "early": envelope({}, timestamp=str(now + 700)),
        "no time": envelope({}, timestamp="now"), "other hospital": envelope({}, hospital="12140000405700042C")}
    for name, body in wrong.items():
        said = call(node, "POST", "/exam/get", json.dumps(body).encode()).json()
        assert said["code"] == 0 and said["content"] == [], name
    sealed = [call(node, "POST", "/exam/get", json.dumps(wrong[name]).encode()).body
              for name in ("signature", "other key", "changed data", "not base64", "no block")]
    assert len(set(sealed)) == 1, "nobody learns what was wrong with it"
    for fine in (dict(good, signature=good["signature"].lower()), envelope({}, timestamp=str(now - 500)), good):
        assert call(node, "POST", "/exam/get", json.dumps(fine).encode()).json()["code"] == 1
    audit = told(node)
    assert "签名或加密有误" in audit and "timestamp" in audit


# ---- S9 ----


def series(node, **members):
    return [one["SERIESIUID"] for one in content(node, "/series/get", **members)]


def test_series_with_urls_of_their_files(serving, tmp_path):
    node = serving(SHANXI, records__url_base="http://pacs.example")
    study, ones = send_study(node, 2)
    items = content(node, "/series/get", studyInstanceUID=study)
    by_series = {}
    for one in ones:
        by_series.setdefault(one.series, []).append(one)
    assert [one["SERIESIUID"] for one in items] == [ones[2].series, ones[0].series], "as they came"
    for item in items:
        of = by_series[item["SERIESIUID"]]
        assert item["PATIENT_ID"] == "P1" and item["PATIENTNAME"] == "张三" and item["ACCESS_NO"] == "A1"
        assert item["STUDYIUID"] == study and item["STUDYDATE"].startswith("2026-03-01") and item["PATIENTSEX"] == "F"
        assert item["SERIESNO"] == str(of[0].dataset().SeriesNumber) and len(item["FILEPATH"]) == len(of)
        for url, one in zip(item["FILEPATH"], of):
            assert url.startswith("http://pacs.example/objects/")
            assert fetch(url.replace("http://pacs.example", node.http), tmp_path) == at_rest(node, one)
    text = serving(dict(SHANXI, series_content="text"))
    study, _ = send_study(text, 1)
    said = question(text, "/series/get", studyInstanceUID=study)
    assert isinstance(said["content"], str) and {one["STUDYIUID"] for one in json.loads(said["content"])} == {study}
    assert isinstance(question(text, "/exam/get")["content"], list)


def test_series_by_day_and_numbers(serving):
    node = serving(SHANXI)
    def one(day, accession, patient="P1"):
        instance = samples.instance(StudyDate=day, AccessionNumber=accession, PatientID=patient)
        assert node.send(instance) == [0]
        return instance
    first, second, third = one("20260228", "A1"), one("20260301", "A2"), one("20260302", "A3")
    assert series(node) == [first.series, second.series, third.series]
    assert series(node, startTime="2026-02-28", endTime="2026-03-01") == [first.series]
    assert series(node, startTime="2026-03-01", endTime="2026-03-02") == [second.series], "the end is not included"
    assert series(node, startTime="2026-03-01") == [second.series, third.series]
    assert series(node, endTime="2026-03-02") == [first.series, second.series]
    assert series(node, startTime="2026-03-01", endTime="2026-03-01") == []
    assert series(node, accessionNumber="A1, A3,A9") == [first.series, third.series]
    assert series(node, accessionNumber="A2") == [second.series] and series(node, accessionNumber="A9") == []
    assert series(node, studyInstanceUID=third.study) == [third.series]
    assert series(node, seriesInstanceUID=first.series) == [first.series]
    assert series(node, studyInstanceUID=third.study, seriesInstanceUID=first.series) == []
    assert series(node, pageNum=2, pageSize=2) == [third.series]
    assert question(node, "/series/get", studyInstanceUID="x")["code"] == 0
    assert question(node, "/series/get", accessionNumber="A*")["code"] == 0
    assert question(node, "/series/get", startTime="2026-03-01 10:00:00")["code"] == 0
    put_exam(node, "E3", accessionNumber="A3", requestNumber="Q3")
    wait_until(lambda: series(node, applyId="Q3") == [third.series], what="the series of the exam that was requested")
    assert series(node, applyId="Q3", studyInstanceUID=first.study) == [] and series(node, applyId="Q9") == []
    assert content(node, "/series/get", applyId="Q3")[0]["PATIENTNAME"] == "张三", "as the exam has it"
