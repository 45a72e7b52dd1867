"""Reports are signed through the platform's service (Shanxi S10): pushed to a phone or by a QR code; what must not be believed is
not; a crash, a correction and a dead service lose nothing."""
import base64
import contextlib
import csv
import io
import itertools
import json
import os
import sqlite3

import pytest
import rest
from conftest import ROOT, wait_until, write_json
from signing import APP, SECRET, Keys, Service, opened

PLATFORM = {"name": "shanxi", "province": "shanxi", "url": "http://127.0.0.1:1/", "upload": "none", "reconcile": "",
            "backfill_months": 0, "sign": "push", "sign_app": APP, "sign_key": "file:sign.key", "retry_seconds": 1,
            "retry_most_seconds": 2}
BLOCK = ("signedText", "certificate", "signatureFormat", "signatureValue", "timestampValue")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def service(keys):
    service = Service(keys)
    yield service
    service.close()
    assert not service.wrong, service.wrong


@pytest.fixture
def hospital(nodes, service, tmp_path):
    """hospital(**platform's keys): a node whose platform signs."""
    def begin(**platform):
        conf = tmp_path / "conf"
        conf.mkdir(exist_ok=True)
        (conf / "sign.key").write_text(SECRET + "\n")
        os.chmod(conf / "sign.key", 0o600)
        (conf / "signers.csv").write_text("doctor,name,userId\nD7,李医生,548a43ae04f1\n")
        write_json(str(conf / "platforms.json"), {"platforms": [PLATFORM | {"sign_url": service.url} | platform]})
        return nodes(conf=str(conf), hospital__code="12140000405701234X")
    return begin


def report(**more):
    return {"status": "final", "hospitalCode": "H1", "accessionNumber": ["A1"], "patientId": "P1", "patientName": "测试甲",
            "findings": "双肺纹理清晰。\n未见异常。", "impression": "胸部 CT 未见异常", "auditDoctorCode": "D7", "auditDoctorName": "李医生",
            "auditTime": "2026-03-01 09:00:00"} | more


def kept(node, id="R1"):
    return rest.get(node, f"reports/{id}", personal="true").json()


def job(node, id="R1"):
    return rest.get(node, f"reports/{id}/signing").json()


def sign(node, *args, **options):
    return node.cli("--conf", node.conf, "sign", *args, **options)


def wait_state(node, state, id="R1", seconds=30):
    return wait_until(lambda: job(node, id)["state"] == state and job(node, id), seconds, f"{state}: {job(node, id)}")


def bring(node, service, **more):
    """A report that waits for its doctor: the service's number of the job."""
    before = set(service.waiting())
    assert rest.put(node, "reports/R1", report(**more)).status in (200, 201)
    id, = wait_until(lambda: set(service.waiting()) - before, 20, "a job")
    wait_state(node, "waiting")
    return id


def test_a_pushed_report_gets_its_signature(hospital, service, keys):
    node = hospital()
    id = bring(node, service)
    request = service.last("addSignJob")
    text = base64.b64decode(request["data"]).decode()
    assert text.startswith("yingqiao-report-1\nreportId=R1\n") and "findings=双肺纹理清晰。\\n未见异常。\n" in text
    assert (request["userId"], request["requireQrCode"]) == ("548a43ae04f1", "N") and "测试甲" not in request["title"]
    assert not any(member in kept(node) for member in BLOCK)
    assert "signed yet" in sign(node, "show", "R1").out and "R1" in sign(node, "list").out
    service.finish(id)
    wait_state(node, "done")
    record = kept(node)
    assert record["signedText"] == text and record["signatureFormat"] == "1" and record["certificate"] == keys.certificate()
    assert keys.verifies(text.encode(), record["signatureValue"]) and keys.stamps(text.encode(), record["timestampValue"])
    versions = rest.get(node, "reports/R1/history").json()["versions"]
    assert versions[-1]["source"] == "sign:shanxi" and len(versions) == 2
    # its own signature is no reason to sign again
    assert rest.patch(node, "reports/R1", {"printStatus": "1"}).status == 200
    assert rest.put(node, "reports/R2", report(status="preliminary")).status == 201
    assert rest.put(node, "reports/R3", report(signatureValue="MEUCIQ==", signedText="R3|x")).status == 201
    assert rest.put(node, "reports/R4", report()).status == 201
    wait_state(node, "waiting", "R4")
    assert service.count("addSignJob") == 2 and job(node, "R2")["state"] == job(node, "R3")["state"] == "none"
    assert "测试甲" not in node.log() and SECRET not in node.log()


def test_a_signature_that_was_written_over_comes_back(hospital, service):
    node = hospital()
    service.finish(bring(node, service))
    wait_state(node, "done")
    signature = kept(node)["signatureValue"]
    assert rest.put(node, "reports/R1", report(remark="as the RIS has it")).status == 200
    wait_until(lambda: kept(node).get("signatureValue"), 20)
    assert kept(node)["signatureValue"] == signature and kept(node)["remark"] and service.count("addSignJob") == 1


def test_a_crash_between_the_report_and_its_job_writes_nothing_twice(hospital, service):
    node = hospital()
    service.finish(bring(node, service))
    wait_state(node, "done")
    node.stop()
    with contextlib.closing(sqlite3.connect(os.path.join(node.data, "catalog.sqlite"))) as catalog:
        catalog.execute("UPDATE signing_job SET state = 3, next_ms = 0")
        catalog.commit()
    node.start()
    wait_state(node, "done")
    assert len(rest.get(node, "reports/R1/history").json()["versions"]) == 2


def test_a_stamp_that_never_comes_leaves_the_signature(hospital, service):
    node = hospital()
    id = bring(node, service)
    service.refuses["createAndGetTssInfo"] = "时间戳服务未授权"
    service.finish(id)
    assert "时间戳服务未授权" in wait_state(node, "stuck")["english"] and "时间戳服务未授权" not in node.log()
    service.refuses.clear()
    sign(node, "start", "R1")
    wait_state(node, "done")
    assert service.count("addSignJob") == 1


def test_a_code_is_scanned(hospital, service):
    zbar = pytest.importorskip("zbar")
    from PIL import Image
    node = hospital(sign="qr")
    service.old_names = True
    id = bring(node, service, auditDoctorCode="D8")  # not in signers.csv: whoever scans
    assert service.last("addSignJob")["requireQrCode"] == "Y" and "userId" not in service.last("addSignJob")
    text = job(node)["qr"]
    assert json.loads(text)["o"] == id and sign(node, "qr", "R1").out == text + "\n"
    png = rest.get(node, "reports/R1/signing/qr")
    assert (png.status, png.type) == (200, "image/png")
    picture = Image.open(io.BytesIO(png.body)).convert("L")
    image = zbar.Image(picture.width, picture.height, "Y800", picture.tobytes())
    zbar.ImageScanner().scan(image)
    assert [symbol.data for symbol in image] == [text]
    service.finish(id)
    wait_state(node, "done")
    assert rest.get(node, "reports/R1/signing/qr").status == 404 and "qr" not in job(node)
    assert kept(node)["signatureValue"]


def test_an_expired_job_is_asked_for_again_and_then_told(hospital, service):
    node = hospital()
    assert rest.put(node, "reports/R1", report()).status == 201
    for round in range(1, 4):
        id, = wait_until(service.waiting, 20)
        wait_until(lambda: job(node)["asked"] == round, 20)
        service.expire(id)
    assert "in time" in wait_state(node, "stuck")["english"] and service.count("addSignJob") == 3
    assert "stuck" in sign(node, "list").out
    sign(node, "start", "R1")
    id, = wait_until(service.waiting, 20)
    service.finish(id)
    wait_state(node, "done")


@pytest.mark.parametrize("forged, said", [
    ("hmac", "HMAC of the result is wrong"), ("text", "does not hold"), ("user", "somebody else")])
def test_what_must_not_be_believed_is_not(hospital, service, forged, said):
    node = hospital()
    id = bring(node, service)
    service.forges = forged
    service.finish(id)
    assert said in wait_state(node, "stuck")["english"]
    assert not any(member in kept(node) for member in BLOCK) and service.count("createAndGetTssInfo") == 0
    assert "signing-stuck" in node.log() and (forged != "hmac" or "sign-result-forged" in node.log())


def test_a_stamp_over_another_text_is_not_taken(hospital, service):
    node = hospital()
    id = bring(node, service)
    service.forges = "stamp"
    service.finish(id)
    wait_until(lambda: service.count("createAndGetTssInfo") >= 2, 20)
    assert "time stamp that came back does not hold" in job(node)["english"] and "signatureValue" not in kept(node)
    service.forges = None
    wait_state(node, "done")


def test_a_doctor_declines(hospital, service):
    node = hospital()
    service.finish(bring(node, service), result="false")
    assert "declined" in wait_state(node, "stuck")["english"]


def test_a_signer_who_is_not_trusted(hospital, service, keys, tmp_path):
    (tmp_path / "other.pem").write_text(open(keys.at("tsa.pem")).read())
    node = hospital(anchors=str(tmp_path / "other.pem"))
    service.finish(bring(node, service))
    assert "not trusted" in wait_state(node, "stuck")["english"]


def test_anchors_that_are_right(hospital, service, keys, tmp_path):
    (tmp_path / "both.pem").write_text(open(keys.at("tsa.pem")).read() + open(keys.at("doctor.pem")).read())
    node = hospital(anchors=str(tmp_path / "both.pem"))
    service.finish(bring(node, service))
    wait_state(node, "done")


def test_a_dead_service_delays_nothing_else(hospital, service):
    service.broken = True
    node = hospital()
    for n in range(1, 6):
        assert rest.put(node, f"reports/R{n}", report()).status == 201
    wait_until(lambda: service.count("addSignJob") >= 2, 20)
    assert service.count("addSignJob") < 6, "one probe at a time"
    assert "HTTP 500" in sign(node, "list").out and node.log().count("platform=shanxi state=down") == 1
    service.broken = False
    for id in wait_until(lambda: len(service.waiting()) == 5 and service.waiting(), 20):
        service.finish(id)
    for n in range(1, 6):
        wait_state(node, "done", f"R{n}")
    assert "state=ok" in node.log()


def test_a_service_that_says_no_is_believed_after_some_time(hospital, service):
    service.refuses["addSignJob"] = "应用不存在"
    node = hospital()
    assert rest.put(node, "reports/R1", report()).status == 201
    assert "应用不存在" in wait_state(node, "stuck")["english"]
    assert 3 <= service.count("addSignJob") <= 8


def test_a_doctor_nobody_knows_is_found_when_the_table_has_him(hospital, service):
    node = hospital()
    assert rest.put(node, "reports/R1", report(auditDoctorCode="D9")).status == 201
    wait_until(lambda: "signers.csv has no line for doctor D9" in job(node).get("english", ""), 20, job(node))
    with open(os.path.join(node.conf, "signers.csv"), "a") as file:
        file.write("D9,王医生,1db75c43\n")
    sign(node, "start", "R1")
    wait_until(service.waiting, 20)
    assert service.last("addSignJob")["userId"] == "1db75c43"


def test_a_report_that_is_corrected_meanwhile_is_signed_anew(hospital, service, keys):
    node = hospital()
    old = bring(node, service)
    new = bring(node, service, status="corrected", impression="右肺上叶结节")
    service.finish(old)
    service.finish(new)
    wait_state(node, "done")
    assert "右肺上叶结节" in kept(node)["signedText"]
    assert keys.verifies(kept(node)["signedText"].encode(), kept(node)["signatureValue"])
    # after it was signed too; the old signature stays until there is a new one
    third = bring(node, service, status="corrected", impression="右肺上叶结节，建议复查")
    service.finish(third)
    wait_state(node, "done")
    assert "建议复查" in kept(node)["signedText"]
    # withdrawn while it waits
    bring(node, service, status="corrected", impression="撤回前")
    assert rest.patch(node, "reports/R1", {"status": "withdrawn"}).status == 200
    wait_state(node, "cancelled")


def test_cancelled_by_hand_it_stays_so_until_it_changes(hospital, service):
    node = hospital()
    bring(node, service)
    sign(node, "cancel", "R1")
    assert rest.patch(node, "reports/R1", {"printStatus": "1"}).status == 200
    assert rest.put(node, "reports/R2", report()).status == 201
    wait_state(node, "waiting", "R2")
    assert job(node)["state"] == "cancelled"
    sign(node, "cancel", "R1", code=1)
    sign(node, "show", "R9", code=1)
    assert rest.patch(node, "reports/R1", {"impression": "改"}).status == 200
    wait_state(node, "waiting")


@pytest.mark.parametrize("step", ["addSignJob", "getAuthSignResult", "createAndGetTssInfo"])
def test_killed_in_the_middle_of_a_step_it_goes_on(hospital, service, keys, step):
    node = hospital()
    killing, killed = [], []

    def kill(path, request):
        if path.endswith(step) and not killing and (step != "getAuthSignResult" or any(
                one["status"] == "FINISH" for one in service.jobs.values())):
            killing.append(path)
            node.kill9()
            killed.append(path)

    service.hook = kill
    assert rest.put(node, "reports/R1", report()).status == 201
    id = wait_until(service.waiting, 20)[0]
    if step == "addSignJob":
        wait_until(lambda: killed, 20)
        node.start()
        id = wait_until(lambda: len(service.waiting()) == 2 and service.waiting()[1], 20)
        trace, again = [request["transId"] for path, request in service.calls if path.endswith("addSignJob")]
        assert trace == again
    service.finish(id)
    wait_until(lambda: killed, 20)
    if not node.running():
        node.start()
    wait_state(node, "done")
    assert keys.verifies(kept(node)["signedText"].encode(), kept(node)["signatureValue"])
    assert service.count(step) >= 2 and service.count("addSignJob") == (2 if step == "addSignJob" else 1)


def test_old_reports_are_signed_when_a_person_says_so(hospital, service):
    node = hospital(enabled=False)
    assert rest.put(node, "reports/R1", report()).status == 201
    write_json(os.path.join(node.conf, "platforms.json"), {"platforms": [PLATFORM | {"sign_url": service.url}]})
    node.wait_for_log("conf-reloaded")
    remarks = itertools.count()
    wait_until(lambda: rest.put(node, "reports/R2", report(remark=str(next(remarks)))) and service.waiting(), 20, every=0.5)
    assert job(node)["state"] == "none"
    sign(node, "start", "R1")
    wait_state(node, "waiting")


def raw_catalog(node):
    paths = [os.path.join(node.data, name) for name in ("catalog.sqlite", "catalog.sqlite-wal")]
    return b"".join(open(path, "rb").read() for path in paths if os.path.exists(path))


def test_what_waits_is_sealed_at_rest_and_outlives_a_new_catalog(hospital, service):
    node = hospital(sign="qr")
    id = bring(node, service)
    text = job(node)["qr"]
    node.stop()
    assert b"coss.example" in raw_catalog(node)
    path = os.path.join(node.conf, "records.key")
    node.cli("records", "key", path)
    settings = {"records.encrypt": "personal", "records.key_file": path}
    options = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    node.cli("--conf", node.conf, *options, "records", "reseal")
    assert b"coss.example" not in raw_catalog(node) and "测试甲".encode() not in raw_catalog(node)
    node.cli("--conf", node.conf, *options, "reindex")
    assert sign(node, *options, "qr", "R1").out == text + "\n"
    node.settings.update(settings)
    node.start()
    assert job(node)["qr"] == text
    service.finish(id)
    wait_state(node, "done")


def test_who_may_not_see_the_patient_sees_no_code(hospital, service):
    node = hospital(sign="qr")
    node.stop()
    token = "0123456789abcdef0123456789"
    write_json(os.path.join(node.conf, "tokens.json"), {"tokens": [{"name": "wall", "secret": token}]})
    os.chmod(os.path.join(node.conf, "tokens.json"), 0o600)
    node.start_again()
    bring(node, service)
    headers = {"Authorization": f"Bearer {token}"}
    seen = rest.tell(node, "GET", "reports/R1/signing", **headers)
    assert seen.status == 200 and "qr" not in seen.json()
    assert rest.tell(node, "GET", "reports/R1/signing/qr", **headers).status == 403


# ---- before it goes up: S11, S12 ----

SM4 = "2a77be8ebc9c90cd25ccd1d31dce7a77"


@pytest.fixture
def connected(hospital, service, tmp_path):
    """The same, with a platform that takes exams and reports, and holds back nothing but signatures."""
    def begin(**platform):
        own = tmp_path / "conf" / "platforms" / "shanxi"
        os.makedirs(own)
        for name in ("exam-sync", "report-sync"):
            with open(os.path.join(ROOT, "data", "platforms", "shanxi", f"{name}.csv")) as file:
                (own / f"{name}.csv").write_text("name,gate\n" + "".join(f"{line['name']},off\n" for line in csv.DictReader(file)))
        (tmp_path / "conf" / "shanxi.key").write_text(SM4)
        os.chmod(tmp_path / "conf" / "shanxi.key", 0o600)
        node = hospital(url=service.url, upload="separate", key="hex file:shanxi.key", delay=0, **platform)
        assert rest.put(node, "exams/E1", {"accessionNumber": ["A1"], "patientId": "P1", "patientName": "测试甲"}).status == 201
        return node
    return begin


def sent(service):
    return [opened(request, SM4) for path, request in list(service.calls) if path == "/report/sync"]


def block(keys, text, stamped=None):
    text = text.encode()
    return {"signedText": text.decode(), "certificate": keys.certificate(), "signatureFormat": "1",
            "signatureValue": keys.sign(text), "timestampValue": keys.stamp(stamped or text)}


def queue_says(node, what):
    wait_until(lambda: what in node.cli("--conf", node.conf, "queue", "list", "--all").out, 30,
               node.cli("--conf", node.conf, "queue", "list", "--all").out)


def test_a_report_waits_for_its_signature_and_goes_up_with_it(connected, service, keys):
    node = connected(verify="local")
    id = bring(node, service)
    queue_says(node, "the doctor has not signed yet")
    assert not sent(service)
    service.finish(id)
    message = wait_until(lambda: sent(service), 30)[-1]
    assert keys.verifies(message["CAData"].encode(), message["SignValue"]) and str(message["SignType"]) == "1"
    assert keys.stamps(message["CAData"].encode(), message["Timestampvalue"]) and message["ClientCert"] == keys.certificate()
    assert service.count("verifyDataSign") == 0


def test_a_signature_of_the_hospital_is_checked_here_and_there_once(connected, service, keys):
    node = connected(verify="both", sign="none")
    assert rest.put(node, "reports/R1", report(**block(keys, "R1|测试甲|胸部"))).status == 201
    wait_until(lambda: sent(service), 30)
    asked = service.last("pkcs1/verifyDataSign")
    assert asked["oriData"] == "R1|测试甲|胸部" and asked["base64Cert"] == keys.certificate() and asked["base64"] is False
    assert service.count("verifyDataSign") == service.count("verifyTS") == 1 and service.count("SEF_VerifySeal") == 0
    assert rest.patch(node, "reports/R1", {"remark": "changed"}).status == 200
    wait_until(lambda: len(sent(service)) == 2, 30)
    assert service.count("verifyDataSign") == service.count("verifyTS") == 1, "not twice"


@pytest.mark.parametrize("verdicts, said", [({"pkcs1": "false"}, "does not verify"), ({"ts": "-3"}, "trusted root"),
                                            ({"ts": "-6"}, "had expired")])
def test_what_the_service_refuses_is_held(connected, service, keys, verdicts, said):
    service.verdicts = verdicts
    node = connected(verify="service", sign="none")
    assert rest.put(node, "reports/R1", report(**block(keys, "R1"))).status == 201
    queue_says(node, said)
    assert not sent(service)


def test_what_does_not_hold_here_is_held(connected, service, keys):
    node = connected(verify="local", sign="none")
    assert rest.put(node, "reports/R1", report(**block(keys, "R1") | {"signedText": "R2"})).status == 201
    queue_says(node, "the signature was not accepted")
    assert rest.put(node, "reports/R1", report(**block(keys, "R1", b"R2"))).status == 200
    queue_says(node, "time stamp")
    assert not sent(service)
    assert rest.put(node, "reports/R1", report(**block(keys, "R1"))).status == 200
    wait_until(lambda: sent(service), 30)


def test_whom_to_believe_may_change(connected, service, keys, tmp_path):
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(open(keys.at("tsa.pem"), "rb").read())
    node = connected(verify="local", sign="none", anchors=str(anchors))
    assert rest.put(node, "reports/R1", report(**block(keys, "R1"))).status == 201
    queue_says(node, "leads to none of the certificates that are believed")
    assert not sent(service)
    anchors.write_bytes(anchors.read_bytes() + open(keys.at("doctor.pem"), "rb").read())
    assert rest.patch(node, "reports/R1", {"remark": "again"}).status == 200
    wait_until(lambda: sent(service), 30)


def test_a_verifying_service_that_is_away_is_asked_again(connected, service, keys):
    node = connected(verify="service", sign="none")
    service.broken = True
    assert rest.put(node, "reports/R1", report(**block(keys, "R1"))).status == 201
    wait_until(lambda: service.count("exam-sync"), 30)
    service.broken = False
    wait_until(lambda: sent(service), 60)


@pytest.mark.parametrize("results, goes", [([0], True), ([0, 3], False), ([], False)])
def test_the_seals_of_a_pdf_are_asked_about(connected, service, keys, tmp_path, results, goes):
    import seals
    authority = seals.Authority(tmp_path, seals.SM2).certify("doctor")
    pdf = seals.sealed_pdf(lambda text: authority.pkcs7("doctor", text), b"GM.pkcs7.detached")
    service.verdicts = {"seals": results}
    node = connected(verify="service", sign="none", pdf="base64")
    assert rest.put(node, "reports/R1", report(**block(keys, "R1"), pdfBase64=base64.b64encode(pdf).decode())).status == 201
    wait_until(lambda: service.count("SEF_VerifySeal"), 30)
    assert base64.b64decode(service.last("SEF_VerifySeal")["fileData"]) == pdf
    if goes:
        wait_until(lambda: sent(service), 30)
    else:
        queue_says(node, "seal")
        assert not sent(service)


@pytest.mark.parametrize("how", ["push", "qr"])
def test_the_played_province_signs(hospital, tmp_path, how):
    """The node against `yingqiao rehearse`, whose code for signing is its own."""
    from province import Province
    with Province(tmp_path, "--sign-key", SECRET, "--polls", "2") as played:
        node = hospital(sign=how, sign_url=played.url)
        assert rest.put(node, "reports/R1", report()).status == 201
        wait_state(node, "done", seconds=60)
        assert kept(node)["timestampValue"] and kept(node)["signedText"].startswith("yingqiao-report-1\n")
