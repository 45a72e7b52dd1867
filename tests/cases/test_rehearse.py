"""The stand-in of Shanxi's platform, asked by hand: envelopes sealed and signed by Python and OpenSSL's program. What is right is
taken; each kind of fault is named."""
import base64
import functools
import http.client
import http.server
import json
import threading
import time

import pytest

import province
from conftest import yingqiao
from province import APP, CODE, HOSPITAL, Province, envelope, exam, hmac_of, report, series, service


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Province(tmp_path_factory.mktemp("province"), "--no-fetch") as running:
        yield running


@pytest.fixture
def shanxi(shared):
    shared.reset()
    shared.fail("")
    return shared


def test_what_is_right_is_taken_and_kept(shanxi):
    one = exam("E1")
    assert shanxi.send("/exam-sync", one) == (1, "成功")
    assert shanxi.send("/report/sync", report("R1", "E1")) == (1, "成功")
    assert shanxi.send("/examMergeReport-sync", {"patient": exam("E2"), "report": report("R2", "E2")}) == (1, "成功")
    assert shanxi.send("/images/list", series(one)) == (1, "成功")
    said = shanxi.summary()
    assert said["complaints"] == [], said["complaints"]
    assert said["exams"]["E1"]["content"] == one and said["exams"]["E1"]["times"] == 1
    assert set(said["exams"]) == {"E1", "E2"} and set(said["reports"]) == {"R1", "R2"} and set(said["series"]) == {"1.2.3.9.1"}
    assert said["paths"]["/exam-sync"] == {"calls": 1, "taken": 1, "refused": 0, "failed": 0}


def test_the_example_of_the_document_opens(shanxi):
    sealed = "laoxZiinrHrTUa1tythils6bY9/PaMJpAdm7xoKwHx0KbPEea+Am911ApbxJwJLy4QI6Vq1xoMTGEWqoUvOzOQ=="
    code, _ = shanxi.send("/exam-sync", {}, data=sealed)
    assert code == 0
    assert ("/exam-sync", "", "patientName", "unknown-member") in shanxi.complaints()  # so it was opened


ENVELOPES = {  # fault: (what is changed, member, what)
    "no data": ({"data": None}, "data", "missing"),
    "empty timestamp": ({"timestamp": ""}, "timestamp", "missing"),
    "number as timestamp": ({"timestamp": int(time.time())}, "timestamp", "type"),
    "old": ({"timestamp": str(int(time.time()) - 4000)}, "timestamp", "window"),
    "of tomorrow": ({"timestamp": str(int(time.time()) + 86400)}, "timestamp", "window"),
    "milliseconds": ({"timestamp": str(int(time.time() * 1000))}, "timestamp", "format"),
    "other hospital": ({"hospitalCode": "12140000405700043A"}, "hospitalCode", "hospital"),
    "signature": ({"signature": "0" * 40}, "signature", "signature"),
    "another member": ({"sign": "1"}, "sign", "unknown-member"),
    "other key": ({"data": province.seal(b'{"a":1}', "00" * 16)}, "data", "seal"),
    "no base64": ({"data": "!!!!"}, "data", "seal"),
    "base64 in lines": ({"data": province.seal(b"x" * 100)[:76] + "\n" + province.seal(b"x" * 100)[76:]}, "data", "seal"),
    "no json": ({"data": province.seal(b'{"a":')}, "data", "json"),
    "no utf-8": ({"data": province.seal(b'{"a":"\xc0\xaf"}')}, "data", "json"),
    "an array": ({"data": province.seal(b"[1]")}, "data", "json"),
    "twice": ({"data": province.seal(b'{"patName":"a","patName":"b"}')}, "patName", "twice"),
}


@pytest.mark.parametrize("fault", ENVELOPES)
def test_a_wrong_envelope_is_named(shanxi, fault):
    changed, member, what = ENVELOPES[fault]
    status, answer = shanxi.post("/exam-sync", envelope(exam(), **changed))
    assert status == 200 and answer["code"] == 0
    assert ("/exam-sync", member, what) in [(c[0], c[2], c[3]) for c in shanxi.complaints()]
    assert not shanxi.summary()["exams"]


def test_headers_are_looked_at(shanxi):
    _, answer = shanxi.post("/exam-sync", envelope(exam()), encryption_type="sm4", Content_Type="text/plain")
    assert answer["code"] == 0
    assert {c[2:] for c in shanxi.complaints()} == {("encryption-type", "header"), ("Content-Type", "header")}


def test_a_small_signature_is_the_wrong_case(shanxi):
    members = envelope(exam())
    members["signature"] = members["signature"].lower()
    assert shanxi.post("/exam-sync", members)[1]["code"] == 0
    assert [c[3] for c in shanxi.complaints()] == ["signature-case"]


EXAMS = {  # fault: (what is changed, member, what)
    "lacks what is required": ({"patName": None}, "patName", "missing"),
    "has it empty": ({"patName": ""}, "patName", "missing"),
    "a number as text": ({"disableFlag": "0"}, "disableFlag", "type"),
    "a text as number": ({"sex": 2}, "sex", "type"),
    "too long": ({"patAge": "1" * 11}, "patAge", "too-long"),
    "another dictionary's": ({"sex": "F"}, "sex", "not-in-dictionary"),
    "one of several": ({"examWay": "1,77"}, "examWay", "not-in-dictionary"),
    "several types": ({"imgExamType": "2|88"}, "imgExamType", "not-in-dictionary"),
    "compact time": ({"checkFinishTime": "20260301081500"}, "checkFinishTime", "format"),
    "no such day": ({"checkFinishTime": "2026-02-30 08:15:00"}, "checkFinishTime", "format"),
    "a time as birthday": ({"patBirthday": "1949-12-31 00:00:00"}, "patBirthday", "format"),
    "half an interval": ({"reserveTime": "2026-03-01 08:00:00/"}, "reserveTime", "format"),
    "not in the document": ({"patientName": "张三"}, "patientName", "unknown-member"),
    "other hospital": ({"hospitalCode": "12140000405700043A"}, "hospitalCode", "hospital"),
    "check digit": ({"idCard": "110105194912310021"}, "idCard", "check-digit"),
    "no uid": ({"studyUid": "E14476538"}, "studyUid", "format"),
    "outpatient": ({"outPatientId": None}, "outPatientId", "missing"),
    "inpatient": ({"patientFrom": 3}, "inPatientId", "missing"),
    "no settlement": ({"setInfoList": []}, "setInfoList", "missing"),
    "settlement without": ({"setInfoList": [{"setId": "1", "medListCode": "1", "feeDetailSn": "1"}]}, "setInfoList[0].examPart", "missing"),
    "settlement as text": ({"setInfoList": ["1"]}, "setInfoList[0]", "type"),
}


@pytest.mark.parametrize("fault", EXAMS)
def test_a_wrong_exam_is_named(shanxi, fault):
    changed, member, what = EXAMS[fault]
    code, message = shanxi.send("/exam-sync", exam(**changed))
    assert code == 0 and member in message
    assert shanxi.complaints() == [("/exam-sync", "E1", member, what)]


REPORTS = {
    "other access number": ({"ACCESS_NO": "X"}, "ACCESS_NO", "differs"),
    "no pdf": ({"reportPdfBase64": None}, "pdf_path", "missing"),
    "both": ({"pdf_path": "http://127.0.0.1/a.pdf"}, "reportPdfBase64", "both"),
    "no address": ({"pdf_path": "/srv/a.pdf", "reportPdfBase64": None}, "pdf_path", "url"),
    "no pdf at all": ({"reportPdfBase64": "AAAA"}, "reportPdfBase64", "pdf"),
    "withdrawn by half": ({"disableFlag": 1}, "checkStatus", "differs"),
    "no final time": ({"isLastAudit": 1}, "lastAuditTime", "missing"),
    "before its exam": ({"risStudyId": "E7"}, "risStudyId", "order"),
    "one of its exams": ({"risStudyId": "E1,E7"}, "risStudyId", "order"),
    "no signature": ({"SignValue": None}, "SignValue", "missing"),
}


@pytest.mark.parametrize("fault", REPORTS)
def test_a_wrong_report_is_named(shanxi, fault):
    changed, member, what = REPORTS[fault]
    assert shanxi.send("/exam-sync", exam("E1"))[0] == 1
    code, message = shanxi.send("/report/sync", report(**changed))
    assert code == 0 and member in message
    assert shanxi.complaints() == [("/report/sync", "R1", member, what)]


def test_merged_is_both_or_neither(shanxi):
    both = {"patient": exam("E1"), "report": report("R1", "E1", findings=None)}
    assert shanxi.send("/examMergeReport-sync", both)[0] == 0
    assert shanxi.complaints() == [("/examMergeReport-sync", "R1", "report.findings", "missing")]
    assert not shanxi.summary()["exams"]
    both["report"] = report("R1", "E5")
    assert shanxi.send("/examMergeReport-sync", both)[0] == 0
    assert {c[3] for c in shanxi.complaints()} == {"missing", "order", "differs"}


def test_images_after_their_exam_with_whole_addresses(shanxi):
    one = exam("E1")
    assert shanxi.send("/images/list", series(one))[0] == 0
    assert [c[2:] for c in shanxi.complaints()] == [("STUDYIUID", "order")]
    assert shanxi.send("/exam-sync", one)[0] == 1
    assert shanxi.send("/images/list", series(one, FILEPATH=["1.dcm"]))[0] == 0
    assert shanxi.complaints()[-1][2:] == ("FILEPATH[0]", "url")
    assert shanxi.send("/images/list", series(one, FILEPATH=[]))[0] == 0
    assert shanxi.complaints()[-1][2:] == ("FILEPATH", "missing")
    assert shanxi.send("/images/list", series(one))[0] == 1


def test_the_same_again_is_remarked(shanxi):
    assert shanxi.send("/exam-sync", exam())[0] == 1
    assert shanxi.send("/exam-sync", exam())[0] == 1
    assert shanxi.complaints(serious=None) == [("/exam-sync", "E1", "", "same")]
    assert shanxi.send("/exam-sync", exam(patTelephone="13900139000"))[0] == 1  # another content is none
    said = shanxi.summary()["exams"]["E1"]
    assert (said["times"], said["same"], said["content"]["patTelephone"]) == (3, 1, "13900139000")
    assert shanxi.send("/report/sync", report(pdf_path="http://127.0.0.1/a.pdf?until=1", reportPdfBase64=None))[0] == 1
    assert shanxi.send("/report/sync", report(pdf_path="http://127.0.0.1/a.pdf?until=2", reportPdfBase64=None))[0] == 1
    assert shanxi.summary()["reports"]["R1"]["same"] == 1  # what signs a URL is no content


def test_a_change_that_is_older_is_remarked(shanxi):
    assert shanxi.send("/exam-sync", exam())[0] == 1
    assert shanxi.send("/exam-sync", exam(patTelephone="13900139000", lastChangeTime="2026-03-01 08:59:59"))[0] == 1
    assert shanxi.complaints(serious=None) == [("/exam-sync", "E1", "lastChangeTime", "older")]


FAULTS = {"500=next1": 500, "503=next1": 503, "500-after=next1": 500, "code0=next1": 0, "hang-up=next1": OSError,
          "cut-header=next1": json.JSONDecodeError, "cut-body=next1": http.client.IncompleteRead, "timeout:1=next1": OSError}


@pytest.mark.parametrize("rules", FAULTS)
def test_it_fails_when_it_is_told_to(shanxi, rules):
    shanxi.fail(rules)
    expected = FAULTS[rules]
    body = json.dumps(envelope(exam())).encode()
    headers = {"encryption-type": "SM4", "Content-Type": "application/json"}
    if isinstance(expected, int):
        status, said = shanxi.ask("POST", "/exam-sync", body, headers)
        assert (status == expected) if expected else (status == 200 and json.loads(said)["code"] == 0)
    else:
        with pytest.raises((expected, ConnectionError)):
            json.loads(shanxi.ask("POST", "/exam-sync", body, headers)[1])  # http.client takes half a header
    taken = rules.split("=")[0].split(":")[0] in ("500-after", "cut-header", "cut-body", "timeout")
    assert ("E1" in shanxi.summary()["exams"]) == taken
    assert shanxi.summary()["paths"]["/exam-sync"]["failed"] == 1
    assert shanxi.post("/exam-sync", json.loads(body))[1]["code"] == 1
    assert shanxi.complaints(serious=None) == []  # the caller could not know that it was taken


def test_every_third_call_of_one_path(shanxi):
    shanxi.fail("500/exam-sync=1/3")
    codes = [shanxi.ask("POST", "/exam-sync", json.dumps(envelope(exam(f"E{i}"))),
                        {"encryption-type": "SM4", "Content-Type": "application/json"})[0] for i in range(6)]
    assert codes == [200, 200, 500, 200, 200, 500]
    assert shanxi.send("/report/sync", report("R1", "E0"))[0] == 1


def test_slow_answers_are_answers(shanxi):
    shanxi.fail("slow:1=next1")
    before = time.monotonic()
    assert shanxi.send("/exam-sync", exam())[0] == 1
    assert time.monotonic() - before >= 1


@pytest.mark.parametrize("rules", ["nonsense", "500", "500=0", "500=2", "slow:x=1/2", "500=next0", "501=0.1"])
def test_rules_that_are_none_are_refused(shanxi, rules, tmp_path):
    assert shanxi.ask("POST", "/fail", rules)[0] == 400
    assert "rule of failing 1" in yingqiao("rehearse", "shanxi", "--port", "0", "--fail", rules, code=1).err


def count(shanxi, message):
    status, answer = shanxi.post("/statisticalData/upload", {"content": province.seal(province.text_of(message))})
    return answer["status"], json.loads(province.unseal(answer["data"])) if answer["data"] else answer["message"]


def test_it_says_what_it_lacks(shanxi):
    one = exam("E1")
    assert shanxi.send("/exam-sync", one)[0] == 1
    day = {"hospitalCode": HOSPITAL, "date": "2026-03-01",
           "examInfo": [{"imgExamType": "CT", "pushExamNum": 2, "study_uids": [one["studyUid"], "1.2.3.4.5"]},
                        {"imgExamType": "MR", "pushExamNum": 1, "study_uids": ["1.2.3.4.6"]}]}
    assert count(shanxi, day) == ("0", ["1.2.3.4.5", "1.2.3.4.6"])
    shanxi.forget(one["studyUid"])
    assert count(shanxi, day) == ("0", [one["studyUid"], "1.2.3.4.5", "1.2.3.4.6"])
    assert shanxi.send("/exam-sync", one)[0] == 1
    assert count(shanxi, day) == ("0", ["1.2.3.4.5", "1.2.3.4.6"])
    assert shanxi.complaints(serious=None) == []
    day["examInfo"][0]["pushExamNum"] = 5
    assert count(shanxi, day)[0] == "-1"
    assert shanxi.complaints()[-1][2:] == ("examInfo[0].pushExamNum", "differs")
    assert shanxi.post("/statisticalData/upload", {"content": "AAAA"})[1]["status"] == "-1"


def test_it_says_line_by_line_what_it_thinks(tmp_path):
    with Province(tmp_path, "--log", tmp_path / "log.txt") as own:
        own.send("/exam-sync", exam(patName=None))
        own.send("/exam-sync", exam("E\x1b[2J"))
        assert own.ask("GET", "/nowhere")[0] == 404
    said = own.said()
    assert "#1 /exam-sync 检查 E1: 拒收 refused" in said
    assert "patName [missing] 姓名：必填项没有值 / required, and there is no value" in said
    assert "\x1b" not in said and "张三" not in said
    assert "共 2 次调用 calls; 检查 exams 1" in said
    assert "拒收 refused" in (tmp_path / "log.txt").read_text()


def test_another_key_from_a_file(tmp_path):
    (tmp_path / "key").write_text("00112233445566778899aabbccddeeff\n")
    with Province(tmp_path, "--key", tmp_path / "key") as own:
        assert own.send("/exam-sync", exam())[0] == 0
        assert own.send("/exam-sync", exam(), key="00112233445566778899aabbccddeeff")[0] == 1
    (tmp_path / "key").write_text("0011")
    assert "32 hex digits" in yingqiao("rehearse", "shanxi", "--key", tmp_path / "key", code=1).err
    assert yingqiao("rehearse", "hebei", code=2)


# ---- S10 to S12 ----

@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    with Province(tmp_path_factory.mktemp("signing"), "--sign-key", CODE, "--polls", 2, signatures=True) as running:
        yield running


@pytest.fixture
def signer(signing):
    signing.reset()
    return signing


def ask(signer, path, **members):
    return signer.post(path, service(**members))[1]


def sign(signer, text, **members):
    """What getAuthSignResult says in the end."""
    answer = ask(signer, "/coss/service/v1/addSignJob", userId="doctor", title="报告", dataType="DATA", algo="SM3withSM2",
                 data=base64.b64encode(text).decode(), requireQrCode="N", transId="t1", **members)
    assert (answer["status"], answer["message"], answer["transId"]) == (200, "SUCCESS", "t1"), answer
    one = {"signDataId": answer["data"]["signDataId"]}
    for _ in range(2):
        assert ask(signer, "/coss/service/v1/getAuthSignResult", **one)["data"]["jobStatus"] == "UNSIGN"
    said = ask(signer, "/coss/service/v1/getAuthSignResult", **one)["data"]
    assert said["jobStatus"] == "FINISH" and said["signDataId"] == one["signDataId"]
    assert said["hmac"] == hmac_of(f"appId={APP}&ext={said['ext']}&result=true&userId=doctor")
    return said


def test_a_pretended_doctor_signs_after_some_questions(signer, tmp_path):
    text = "双肺纹理清晰。".encode()
    said = sign(signer, text)
    (tmp_path / "cert").write_bytes(base64.b64decode(said["signCert"]))
    (tmp_path / "sig").write_bytes(base64.b64decode(said["signResult"]))
    key = province.openssl("x509", "-inform", "DER", "-in", tmp_path / "cert", "-pubkey", "-noout")
    (tmp_path / "key").write_bytes(key)
    verified = province.openssl("dgst", "-sm3", "-verify", tmp_path / "key", "-sigopt", "distid:1234567812345678",
                                "-signature", tmp_path / "sig", data=text)
    assert verified == b"Verified OK\n"
    verify = dict(transId="1" * 16, signAlgIdentifier="SM3WithSM2", signValue=said["signResult"], base64Cert=said["signCert"])
    path = "/dsvs/v1/pkcs1/verifyDataSign"
    assert ask(signer, path, oriData=text.decode(), **verify)["data"] == {"transId": "1" * 16, "result": "true"}
    assert ask(signer, path, oriData="另一份", **verify)["data"]["result"] == "false"
    assert ask(signer, path, oriData=base64.b64encode(text).decode(), base64=True, **verify)["data"]["result"] == "true"
    assert signer.complaints(serious=None) == []


def test_the_documents_own_signature_verifies(signer):
    answer = ask(signer, "/dsvs/v1/pkcs1/verifyDataSign", transId="1234567890123456", signAlgIdentifier="SM3WithSM2",
                 oriData="12345678", verifyCert=False, deviceId="d",
                 pubKey="BGgWZ3WCFwa9CivPXkOhmg63L0mGh+xRHWJiu6MYHl+UfK+AGFTeMjxGQAegT1lA3Qbb5wgxO1OMLUdoP+cWlp4=",
                 signValue="MEUCIQCk5k/prtWmfqTTmOW46pNZO4WBk2GgR/RUehmR6DTTwAIgaosAUqZ9gTm8cv3hDshpSypV1Q8ud/C5mGXJSBkn8/8=")
    assert answer["data"]["result"] == "true"


def test_time_stamps_are_made_and_verified(signer):
    stamp = ask(signer, "/coss/service/v1/createAndGetTssInfo", oriData="test", attachCert="true")["data"]["tsResp"]
    assert b"signed-data" in province.openssl("asn1parse", "-inform", "DER", data=base64.b64decode(stamp)) or stamp
    path = "/coss/service/v1/verifyTS"
    assert ask(signer, path, oriData="test", tsResp=stamp)["data"] == {"verifyRes": "1"}
    assert ask(signer, path, oriData="tost", tsResp=stamp)["data"] == {"verifyRes": "-2"}
    assert ask(signer, path, oriData="test", tsResp="AAAA")["data"] == {"verifyRes": "-1"}
    assert signer.complaints(serious=None) == []


def test_a_digest_may_be_signed_and_a_picture_asked_for(signer):
    answer = ask(signer, "/coss/service/v1/addSignJob", dataType="HASH", algo="SM3withSM2", signAlgo="HmacSHA1",
                 data=base64.b64encode(b"x" * 32).decode(), requireQrCode="Y")
    assert base64.b64decode(answer["data"]["qrCode"]).startswith(b"\x89PNG")


REQUESTS = {
    "wrong code": (dict(code="another"), "signature", "signature"),
    "no app": (dict(appId=""), "appId", "missing"),
    "algorithm": (dict(signAlgo="SM3"), "signAlgo", "algorithm"),
    "no text": (dict(data=None), "Data", "missing"),
    "no base64": (dict(data="待签"), "data", "format"),
    "kind": (dict(dataType="PDF"), "dataType", "not-in-dictionary"),
    "too long": (dict(expiryDate="4321"), "expiryDate", "format"),
    "stranger": (dict(patient="1"), "patient", "unknown-member"),
}


@pytest.mark.parametrize("fault", REQUESTS)
def test_a_wrong_request_to_the_service_is_named(signer, fault):
    changed, member, what = REQUESTS[fault]
    members = {"dataType": "DATA", "algo": "SM3withSM2", "data": "eA==", **changed}
    answer = ask(signer, "/coss/service/v1/addSignJob", **{n: v for n, v in members.items() if v is not None})
    assert answer["status"] == 400 and "data" not in answer
    assert (member, what) in [c[2:] for c in signer.complaints()]


def test_a_job_that_is_none(signer):
    assert ask(signer, "/coss/service/v1/getAuthSignResult", signDataId="SD_1")["status"] == 400
    assert signer.complaints()[0][2:] == ("signDataId", "unknown")


def test_seals_of_a_pdf_are_counted(signer):
    request = {"transId": "d57abf092e614d91838a74f07cc6e399", "requestTime": 1761766532029, "filename": "报告", "fileDataType": 0,
               "fileData": base64.b64encode(b"%PDF-1.4\n/ByteRange [0 1 2 3]\n").decode()}
    said = signer.post("/sef/v1/SEF_VerifySeal", request)[1]
    assert (said["resultCode"], said["fileVerifyInfo"]["totalCount"]) == (0, 1)
    said = signer.post("/sef/v1/SEF_VerifySeal", {**request, "fileData": "AAAA"})[1]
    assert said["resultCode"] == 1


# ---- what is fetched ----

@pytest.fixture
def shop(tmp_path):
    """Files on a web server of Python's."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    (folder / "a.txt").write_bytes(b"no")
    (folder / "1.dcm").write_bytes(bytes(128) + b"DICM" + b"1.2.3.9.1\0")
    (folder / "2.dcm").write_bytes(bytes(128) + b"DICM" + b"1.2.3.9.2\0")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_signatures_of_reports_are_verified(signer):
    text = "双肺纹理清晰。"
    said = sign(signer, text.encode())
    stamp = ask(signer, "/coss/service/v1/createAndGetTssInfo", oriData=text, attachCert="true")["data"]["tsResp"]
    block = dict(CAData=text, ClientCert=said["signCert"], SignValue=said["signResult"], Timestampvalue=stamp)
    assert signer.send("/exam-sync", exam("E1"))[0] == 1
    assert signer.send("/report/sync", report(**block)) == (1, "成功")
    assert signer.complaints() == []
    for changed, said in (({"CAData": "另一份"}, ("SignValue", "signature")), ({"ClientCert": "MIIB"}, ("ClientCert", "certificate")),
                          ({"SignValue": "MEUC"}, ("SignValue", "signature")), ({"Timestampvalue": "MIIG"}, ("Timestampvalue", "time-stamp"))):
        assert signer.send("/report/sync", report(**{**block, **changed}))[0] == 0
        assert signer.complaints()[-1][2:] == said
    assert signer.send("/report/sync", report(**{**block, "SignType": 2}))[0] == 1
    assert ("SignValue", "stand-in") in [c[2:] for c in signer.complaints(serious=False)]


def test_pdfs_and_images_are_fetched(tmp_path, shop):
    with Province(tmp_path) as signer:
        look_at_fetches(signer, shop)


def look_at_fetches(signer, shop):
    one = exam("E1")
    assert signer.send("/exam-sync", one)[0] == 1
    for name, what in (("a.pdf", None), ("a.txt", "pdf"), ("b.pdf", "fetch")):
        code, _ = signer.send("/report/sync", report(pdf_path=f"{shop}/{name}", reportPdfBase64=None))
        assert code == (0 if what else 1)
        assert not what or signer.complaints()[-1][2:] == ("pdf_path", what)
    for names, said in ((["1.dcm"], None), (["1.dcm", "no.dcm", "1.dcm"], None), (["1.dcm", "2.dcm"], ("FILEPATH[1]", "dicom")),
                        (["a.txt", "1.dcm"], ("FILEPATH[0]", "dicom")), (["1.dcm", "no.dcm"], ("FILEPATH[1]", "fetch"))):
        code, _ = signer.send("/images/list", series(one, FILEPATH=[f"{shop}/{name}" for name in names]))
        assert code == (0 if said else 1)
        assert not said or signer.complaints()[-1][2:] == said
    assert signer.send("/images/list", series(one, FILEPATH=["http://127.0.0.1:1/1.dcm"]))[0] == 0


# ---- quick ----

def test_quick_says_the_same(tmp_path):
    with Province(tmp_path, "--quick") as own:
        assert own.send("/exam-sync", exam("E1")) == (1, "成功")
        assert own.send("/exam-sync", exam(patName=None))[0] == 0
        assert own.send("/exam-sync", exam("E2"), signature="0" * 40)[0] == 0
        assert own.send("/exam-sync", exam("E2"), data=province.seal(b"{}", "00" * 16))[0] == 0
        assert {c[3] for c in own.complaints()} == {"missing", "signature", "seal"}
    assert "quick: messages are opened by the code that seals them" in own.said()
