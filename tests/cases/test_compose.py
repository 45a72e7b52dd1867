"""The messages a province gets: made of records, compared with what is written here by hand from the document; what
holds them back; and the hospital's own lines over the province's tables."""
import base64
import csv
import hashlib
import json
import os
import random
import subprocess

import pytest

import pdfs
from conftest import ROOT, Node, free_ports, wait_until, write_json, yingqiao
from rest import get, put

HOSPITAL = "91350100M000100Y43"
SETTINGS = {"hospital.code": HOSPITAL, "hospital.name": "影桥医院", "hospital.insurance_code": "H14010000001",
            "hospital.insurance_name": "影桥医院（医保）", "hospital.insurance_division": "140100", "hospital.level": "02"}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    one = Node(tmp_path_factory.mktemp("compose"), {"records.url_base": "http://10.1.2.3:8042"})
    hospital = json.dumps({name.split(".")[1]: value for name, value in SETTINGS.items()}, ensure_ascii=False)
    path = os.path.join(one.data, "conf", "node.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"hospital": %s, "records": {"url_base": "http://10.1.2.3:8042"}}' % hospital)
    one.conf_folder = os.path.join(one.data, "conf")
    yield one
    one.stop()


@pytest.fixture
def name():
    return f"E{random.randrange(10**12)}"


def exam_of(name):
    """Every member that 五(一) takes something from."""
    return {
        "status": "examined", "accessionNumber": ["A100", "A101"], "studyInstanceUid": ["1.2.840.5", "1.2.840.6"],
        "requestNumber": "RQ1", "orderNumber": ["YZ1"], "orderId": ["YZ-1-1"], "disabled": False,
        "updatedTime": "2026-03-01 12:00:00", "patientId": "P100", "hisPatientId": "H100", "patientName": "测试甲",
        "patientNamePinyin": "Ceshi Jia", "idType": "01", "idNumber": "11010519491231002X", "healthCardNumber": "JK1",
        "sex": "2", "birthDate": "1949-12-31", "age": 76, "ageUnit": "Y", "phone": "13800000000",
        "addressDivision": "140105", "address": "太原市小店区一路 1 号", "postcode": "030006", "householdDivision": "140200",
        "householdAddress": "大同市二路 2 号", "ethnicGroup": "01", "feeSource": "01", "visitType": "3", "visitNumber": "JZ1",
        "inpatientNumber": "ZY1", "patientDepartmentCode": "K01", "patientDepartmentName": "呼吸内科", "wardCode": "B3",
        "ward": "三病区", "room": "301", "bed": "12", "requestName": "CT 申请单", "requestDepartmentCode": "K01",
        "requestDepartmentName": "呼吸内科", "requestDoctorCode": "D1", "requestDoctorName": "申请甲", "requestDoctorIdType": "01",
        "requestDoctorIdNumber": "110105194912310046", "requestDoctorInsuranceCode": "D140100000002",
        "requestTime": "2026-03-01 08:00:00", "requestAuditDoctorCode": "D2", "requestAuditDoctorName": "核对乙",
        "requestAuditTime": "2026-03-01 08:05:00", "billingDoctorName": "开单丙", "itemCode": ["CT01"], "itemName": ["胸部平扫"],
        "nationalItemCode": ["CTPS0001"], "nationalItemName": ["胸部CT平扫"], "recognizable": True, "bodyPart": ["胸部"],
        "bodyPartCode": ["B020ZYZZZ"], "modality": ["CT"], "examType": ["01"], "examWay": ["1", "2"], "methodCode": ["M1"],
        "methodName": "平扫加增强", "clinicalDiagnosis": "肺部阴影待查", "diagnosisTime": "2026-03-01 07:50:00",
        "diagnosisCategoryCode": ["J98"], "diagnosisCategoryName": ["呼吸系统其他疾患"], "diagnosisCode": ["J98.4"],
        "diagnosisName": ["肺部阴影"], "chiefComplaint": "咳嗽一周", "symptoms": "干咳\n夜间为甚", "symptomStart": "2026-02-22 00:00:00",
        "symptomEnd": "2026-03-01 00:00:00", "history": "无", "allergies": "青霉素", "emergency": False,
        "registrationTime": "2026-03-01 08:10:00", "scheduledTime": "2026-03-01 09:00:00", "scheduledEndTime": "2026-03-01 09:15:00",
        "scheduleStaffCode": "S1", "scheduleStaffName": "预约丁", "arrivalTime": "2026-03-01 08:50:00",
        "examTime": "2026-03-01 09:02:00", "examEndTime": "2026-03-01 09:10:00", "examDepartmentCode": "FS",
        "examDepartmentName": "放射科", "examDoctorCode": "D3", "examDoctorName": "检查戊", "examDoctorIdType": "01",
        "examDoctorIdNumber": "110105194912310054", "examDoctorInsuranceCode": "D140100000003", "operatorCode": "T1",
        "operatorName": "技师己", "operatorIdType": "01", "operatorIdNumber": "110105194912310062",
        "operatorInsuranceCode": "D140100000004", "deviceCode": "SB1", "deviceName": "64 排 CT", "deviceRoom": "CT 一室",
        "deviceType": "CT", "filmType": "2", "cost": 360.5,
        "settlements": [{"settlementId": "S1", "medicalListCode": "001", "feeDetailNumber": "F1", "bodyPartCode": ["B020ZYZZZ"]}]}


# 五(一), one after the other, as the document has them; what the exam above has no value for is left out.
EXAM = [
    ("patName", "测试甲"), ("patSpellName", "Ceshi Jia"), ("cardType", "01"), ("idCard", "11010519491231002X"),
    ("magCardNum", "JK1"), ("sex", "2"), ("patBirthday", "1949-12-31"), ("patAge", "76"), ("ageUnit", "Y"),
    ("patTelephone", "13800000000"), ("currentDivisionCode", "140105"), ("currentDetailAddr", "太原市小店区一路 1 号"),
    ("currentPoscode", "030006"), ("registeredDivisionCode", "140200"), ("registeredDetailAdr", "大同市二路 2 号"),
    ("ethnic", "1"), ("fixmedinsCode", "H14010000001"), ("fixmedinsName", "影桥医院（医保）"), ("examAdmndvs", "140100"),
    ("hosplv", "02"), ("hospitalName", "影桥医院"), ("hospitalCode", HOSPITAL), ("applyNo", "YZ1"), ("applyName", "CT 申请单"),
    ("labNum", "RQ1"), ("studyUid", "1.2.840.5,1.2.840.6"), ("risStudyId", None), ("isEmergency", 0),
    ("diagnosticDeptName", "放射科"), ("diagnosticDeptCode", "FS"), ("diagnosticDoctorCode", "D3"),
    ("diagnosticDoctorIndustryCode", "D140100000003"), ("diagnosticDoctorType", "01"), ("diagnosticDoctorNo", "110105194912310054"),
    ("diagnosticDoctorName", "检查戊"), ("deptName", "呼吸内科"), ("deptNum", "K01"), ("applyDoctorCode", "D1"),
    ("applyDoctorIndustryCode", "D140100000002"), ("applyDoctorIdType", "01"), ("applyDoctorIdNo", "110105194912310046"),
    ("applyDoctorName", "申请甲"), ("applyTime", "2026-03-01 08:00:00"), ("applyVerifyTime", "2026-03-01 08:05:00"),
    ("applyVerifyDoctorCode", "D2"), ("applyVerifyDoctorName", "核对乙"), ("inhospExamItemCode", "CT01"),
    ("inhospExamItemName", "胸部平扫"), ("examItemName", "胸部CT平扫"), ("examItemCode", "CTPS0001"), ("examWay", "1,2"),
    ("examMethodCode", "M1"), ("examMethod", "平扫加增强"), ("imgExamType", "2"), ("modality", "CT"), ("bodyCode", "B020ZYZZZ"),
    ("bodyPart", "胸部"), ("medicalRecordNumber", "JZ1"), ("patientFrom", 3), ("hisPatientId", "H100"), ("patientId", "P100"),
    ("inPatientId", "ZY1"), ("ward", "三病区"), ("wardCode", "B3"), ("wardRoom", "301"), ("bedNo", "12"), ("iptptCode", "K01"),
    ("iptDepName", "呼吸内科"), ("chiefComplaint", "咳嗽一周"), ("illnessSummary", "干咳\n夜间为甚"), ("illnessHistory", "无"),
    ("clinicalDiagnosis", "肺部阴影待查"), ("diagnosisTime", "2026-03-01 07:50:00"), ("diagnosisCategoryCode", "J98"),
    ("diagnosisCategoryName", "呼吸系统其他疾患"), ("diagnosisCode", "J98.4"), ("diagnosisName", "肺部阴影"), ("algs", "青霉素"),
    ("sympBegdate", "2026-02-22 00:00:00"), ("sympEnddate", "2026-03-01 00:00:00"), ("registerTime", "2026-03-01 08:10:00"),
    ("reserveTime", "2026-03-01 09:00:00/2026-03-01 09:15:00"), ("reserveStaffCode", "S1"), ("reserveStaffName", "预约丁"),
    ("arrivalTime", "2026-03-01 08:50:00"), ("checkFinishTime", "2026-03-01 09:10:00"), ("examDeptCode", "FS"),
    ("examDeptName", "放射科"), ("examDoctorCode", "T1"), ("examDoctorIndustryCode", "D140100000004"), ("examDoctorIdType", "01"),
    ("examDoctorIdNo", "110105194912310062"), ("examDoctorName", "技师己"), ("deviceCode", "SB1"), ("deviceRoom", "CT 一室"),
    ("device", "64 排 CT"), ("deviceType", "CT"), ("examStatus", 4), ("accessionNumber", "A100,A101"),
    ("lastChangeTime", "2026-03-01 12:00:00"), ("disableFlag", 0), ("efilmType", 2), ("chargeType", "01"), ("examCharge", "360.5"),
    ("billgDrCode", "D140100000002"), ("billgDrName", "开单丙"),
    ("setInfoList", [{"setId": "S1", "medListCode": "001", "feeDetailSn": "F1", "examPart": "B020ZYZZZ"}]), ("orderName", "YZ-1-1"),
    ("mtuRecMark", "1")]

REPORT = {
    "status": "final", "findings": "两肺纹理清晰。\n未见实变。", "impression": "未见异常", "advice": "随诊", "positive": "0",
    "reportDoctorCode": "D5", "reportDoctorName": "报告庚", "reportTime": "2026-03-01 10:00:00", "auditDoctorCode": "D6",
    "auditDoctorName": "审核辛", "auditTime": "2026-03-01 11:00:00", "updatedTime": "2026-03-01 11:00:01", "signedText": "原文",
    "certificate": "证书", "signatureFormat": "2", "signatureValue": "签名", "timestampValue": "时间戳"}
# 五(二)
REPORTED = [
    ("hospitalName", "影桥医院"), ("hospitalCode", HOSPITAL), ("patId", "H100"), ("patType", 3), ("xno", "P100"), ("labNum", "RQ1"),
    ("risStudyId", None), ("categoryName", "胸部"), ("itemName", "胸部平扫"), ("itemNum", "CT01"), ("itemNumSbh", "Z" * 15),
    ("checkType", "1,2"), ("dep", 2), ("instra", "CT"), ("registerDate", "2026-03-01 08:10:00"),
    ("appointDate", "2026-03-01 09:00:00"), ("checkDate", "2026-03-01 09:02:00"), ("radioDepCode", "FS"), ("radioDepName", "放射科"),
    ("radioDoctorCode", "D3"), ("radioDoctorName", "检查戊"), ("recordNum", None), ("ACCESS_NO", None), ("reportStatus", 3),
    ("modality", "CT"), ("reportMedinsCode", HOSPITAL), ("reportDoctorCode", "D5"), ("reportDoctorName", "报告庚"),
    ("reportDate", "2026-03-01 10:00:00"), ("auditMedinsCode", HOSPITAL), ("confirmDoctorCode", "D6"),
    ("confirmDoctorName", "审核辛"), ("confirmDate", "2026-03-01 11:00:00"), ("findings", "两肺纹理清晰。\n未见实变。"),
    ("inspectExamResult", "未见异常"), ("isLastAudit", 0), ("lastAuditDoctor", "审核辛"), ("pdf_path", None), ("reportAdv", "随诊"),
    ("reportPubDate", "2026-03-01 11:00:00"), ("checkPositiveMark", 2), ("checkStatus", 4),
    ("lastChangeTime", "2026-03-01 11:00:01"), ("disableFlag", 0), ("CAData", "原文"), ("ClientCert", "证书"), ("SignType", 2),
    ("SignValue", "签名"), ("Timestampvalue", "时间戳")]


def without_doubles(pairs):
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)  # in their order


def compose(node, *words, code=0):
    """(the message, its members in their order; what was said of it)"""
    done = yingqiao("compose", *words, "--plain", "--personal", data=node.data, code=code)
    return json.loads(done.out, object_pairs_hook=without_doubles), done.err


def put_exam(node, name, **changes):
    exam = {**exam_of(name), **changes}
    answer = put(node, f"exams/{name}", {member: value for member, value in exam.items() if value is not None})
    assert answer.status == 201, answer.body


def recognised():
    """A code and name of the document's 320 items."""
    with open(os.path.join(ROOT, "data/dictionaries/shanxi/recognition-item.csv"), encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    return {"nationalItemCode": [first["code"]], "nationalItemName": [first["chinese"]]}


def test_a_full_exam_is_what_the_document_prints(node, name):
    items = recognised()
    put_exam(node, name, **items)
    expected = [(key, {"risStudyId": name, "examItemCode": items["nationalItemCode"][0],
                       "examItemName": items["nationalItemName"][0]}.get(key, value)) for key, value in EXAM]
    message, said = compose(node, "shanxi", name)
    assert said == ""
    assert list(message.items()) == expected
    # and once more: the same bytes
    again, twice = (yingqiao("compose", "shanxi", name, "--plain", "--personal", data=node.data).out for _ in range(2))
    assert again == twice


def test_a_report_with_its_exam_is_what_the_document_prints(node, name):
    put_exam(node, name, **recognised())
    answer = put(node, f"reports/R{name}", {**REPORT, "examId": [name], "pdfBase64": base64.b64encode(pdfs.pdf()).decode()})
    assert answer.status == 201, answer.body
    message, said = compose(node, "shanxi", name, "--report", f"R{name}")
    assert said == ""
    own = {"risStudyId": name, "recordNum": f"R{name}", "ACCESS_NO": f"R{name}", "pdf_path": message["pdf_path"]}
    assert message["pdf_path"].startswith("http://10.1.2.3:8042/files/")
    assert list(message.items()) == [(key, own.get(key, value)) for key, value in REPORTED]
    both = yingqiao("compose", "shanxi", name, "--report", f"R{name}", "--interface", "examMergeReport-sync", "--plain",
                    "--personal", data=node.data).json()
    assert list(both) == ["patient", "report"]
    assert both["patient"]["patName"] == "测试甲" and both["report"]["recordNum"] == f"R{name}"


def test_what_is_personal_is_masked_unless_asked_for(node, name):
    put_exam(node, name)
    masked = yingqiao("compose", "shanxi", name, "--plain", data=node.data, code=None).out
    for value in ("测试甲", "11010519491231002X", "13800000000", "太原市"):
        assert value not in masked
    assert json.loads(masked)["patName"] == "测*" and json.loads(masked)["labNum"] == "RQ1"
    told = node.cli("audit", "--json").out
    assert "composed, shown masked" in told


def test_without_plain_it_is_the_envelope_as_it_goes(node, name):
    """Opened with OpenSSL's own program, as chapter 三 says it is closed."""
    put_exam(node, name, **recognised())
    key = "2a77be8ebc9c90cd25ccd1d31dce7a77"
    with open(os.path.join(node.conf_folder, "sx.key"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(key)
    write_json(os.path.join(node.conf_folder, "platforms.json"), {"platforms": [
        {"name": "north", "province": "shanxi", "enabled": False, "url": "http://127.0.0.1:1", "key": "hex file:sx.key", "pdf": "base64"}]})
    envelope = yingqiao("compose", "north", name, data=node.data).json()
    assert list(envelope) == ["hospitalCode", "data", "timestamp", "signature"] and envelope["hospitalCode"] == HOSPITAL
    opened = subprocess.run(["openssl", "enc", "-d", "-sm4-ecb", "-K", key], input=base64.b64decode(envelope["data"]),
                            capture_output=True, check=True).stdout
    assert json.loads(opened) == compose(node, "north", name)[0]
    signed = envelope["data"] + envelope["hospitalCode"] + envelope["timestamp"]
    assert envelope["signature"] == hashlib.sha1(signed.encode()).hexdigest().upper()
    assert "nothing holds it back" in yingqiao("validate", "north", name, data=node.data).out


CHANGES = [  # what is done to the exam -> the member of which something is said, and what
    ({"phone": None}, ("patTelephone", "missing")),
    ({"sex": "女"}, ("sex", "not-in-dictionary")),
    ({"deviceCode": "9" * 21}, ("deviceCode", "too-long")),
    ({"inpatientNumber": None}, ("inPatientId", "missing")),
    ({"settlements": []}, ("setInfoList", "missing")),
    ({"settlements": [{"settlementId": "1", "bodyPartCode": ["XXXXXXXXX"]}]}, ("setInfoList[0].examPart", "not-in-dictionary")),
]


@pytest.mark.parametrize("change, said", CHANGES, ids=[one[1][0] for one in CHANGES])
def test_what_would_be_refused_holds_it_and_says_how_to_mend_it(node, name, change, said):
    put_exam(node, name, **{**recognised(), **change})
    done = yingqiao("compose", "shanxi", name, "--plain", data=node.data, code=1)
    assert f"{said[0]}  {said[1]} (held for it)" in done.err
    looked = yingqiao("validate", "shanxi", name, "--json", data=node.data, code=1).json()
    assert {"member": said[0], "what": said[1], "held": True}.items() <= next(f for f in looked if f["member"] == said[0]).items()
    text = yingqiao("validate", "shanxi", name, data=node.data, code=1).out
    assert f"exam {name}" in text and "held back until" in text


def test_a_patient_who_pays_alone_has_the_documents_fixed_values(node, name):
    put_exam(node, name, **recognised(), settlements=[], feeSource="07", insuranceItemCode=["001"])
    message, _ = compose(node, "shanxi", name)
    assert message["setInfoList"] == [
        {"setId": "0" * 20, "medListCode": "001", "feeDetailSn": "0" * 18, "examPart": "B020ZYZZZ"}]


def test_what_the_exam_lacks_is_the_patients_and_the_age_is_worked_out(node, name):
    put(node, f"patients/P{name}", {"phone": "13800000009", "idType": "01", "idNumber": "11010519491231002X",
                                   "birthDate": "2025-12-02"})
    put_exam(node, name, **recognised(), patientId=f"P{name}", phone=None, age=None, ageUnit=None, birthDate=None,
             idNumber=None, idType=None)
    message, _ = compose(node, "shanxi", name)
    assert (message["patTelephone"], message["idCard"], message["cardType"]) == ("13800000009", "11010519491231002X", "01")
    assert (message["patAge"], message["ageUnit"]) == ("2", "M")


def own(conf_folder, interface, text):
    folder = os.path.join(conf_folder, "platforms", "shanxi")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{interface}.csv")
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".part", path)
    return path


@pytest.fixture
def lone(tmp_path):
    """A folder with a configuration and no node running."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "data").mkdir()
    return tmp_path


WRONG = [
    ("exam-sync", "name,source\npatName,exam.patentName\n", 'exam-sync.csv:2: patName: "exam.patentName" is no member of exam (did you mean "exam.patientName"?)'),
    ("exam-sync", "name,source\npatName,exam.patientName\nsex,first(exam.sex\n", "exam-sync.csv:3: sex: character"),
    ("exam-sync", "name,source\nsex,\"code(exam.sex, \"\"sex\"\", \"\"shanxi/sexes\"\")\"\n", 'exam-sync.csv:2: sex: code(...) names "shanxi/sexes"'),
    ("exam-sync", "name,source\nsetInfoList,\"objects(SetInfos, exam.settlements)\"\n", "exam-sync.csv:2: setInfoList: there is no interface SetInfos"),
    ("exam-sync", "name,source\nhospitalCode,hospital.cod\n", 'exam-sync.csv:2: hospitalCode: "hospital.cod" is nothing that is known'),
    ("exam-sync", "name,gate\npatNam,warn\n", 'exam-sync.csv:2: "patNam" is no field of shanxi/exam-sync (did you mean "patName"?)'),
    ("exam-sync", "name,gate\npatName,maybe\n", 'exam-sync.csv:2: "maybe" is no gate: hold, warn or off'),
    ("exam-sync", "name,required\npatName,sometimes\n", 'exam-sync.csv:2: "sometimes" is wrong'),
    ("exam-sync", "name,gate\npatName,warn\npatName,off\n", 'exam-sync.csv:3: "patName" stands in this file twice'),
    ("exam-sync", "name,dictionary\npatName,sex\n", 'exam-sync.csv:1: "dictionary" is no column'),
    ("exam-sync", "name,gate\npatName,warn,x\n", "exam-sync.csv:2: the line has not as many cells as the heading"),
    ("exam-snyc", "name,gate\npatName,warn\n", 'platforms/shanxi/exam-snyc.csv: shanxi has no such interface with fields (did you mean "exam-sync"?)'),
]


@pytest.mark.parametrize("interface, text, said", WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_a_wrong_line_is_refused_with_its_file_and_line(lone, interface, text, said):
    own(str(lone / "conf"), interface, text)
    for command in (("check",), ("serve",)):
        done = yingqiao(*command, "--set", f"dicom.port={free_ports(1)[0]}", data=lone, code=1)
        assert said in done.err + done.out, done


def test_the_three_settings_of_a_gate(node, name, tmp_path):
    put_exam(node, name, **recognised(), phone=None)
    path = None
    try:
        for gate, code, word in (("hold", 1, "(held for it)"), ("warn", 0, "(goes all the same)"), ("off", 0, None)):
            path = own(node.conf_folder, "exam-sync", f"name,gate,note\n# of ours\npatTelephone,{gate},\"asked for, by telephone\"\n")
            done = yingqiao("compose", "shanxi", name, "--plain", data=node.data, code=code)
            assert "patTelephone" not in json.loads(done.out)
            assert (word in done.err) if word else ("patTelephone" not in done.err), done
    finally:
        os.remove(path)


def test_fields_shows_own_lines_in_their_place(lone):
    own(str(lone / "conf"), "exam-sync", "name,source,gate\norderName,exam.orderId,warn\n")
    fields = {one["name"]: one for one in yingqiao("fields", "shanxi", "exam-sync", "--json", data=lone).json()}
    assert (fields["orderName"]["source"], fields["orderName"]["gate"], fields["orderName"]["own"]) == ("exam.orderId", "warn", "2")
    assert (fields["patName"]["gate"], fields["patName"]["own"]) == ("hold", "")


def test_a_running_node_takes_up_a_changed_table_and_keeps_the_old_one_when_it_is_wrong(node, name):
    put_exam(node, name, **recognised(), phone=None)

    def findings():
        return {one["member"] for one in get(node, f"exams/{name}/findings", platform="shanxi").json()["findings"]}

    wait_until(lambda: "patTelephone" in findings(), 30, "the province's table")  # the case before had its own
    path = None
    try:
        path = own(node.conf_folder, "exam-sync", "name,gate\npatTelephone,off\n")
        wait_until(lambda: "patTelephone" not in findings(), 30, "the table to be taken up")
        own(node.conf_folder, "exam-sync", "name,gate\npatTelefone,hold\n")
        node.wait_for_log(r"exam-sync\.csv:2: \W*patTelefone")
        assert "patTelephone" not in findings()
    finally:
        os.remove(path)
    wait_until(lambda: "patTelephone" in findings(), 30, "the province's table again")


def test_what_cannot_be_composed_is_told(node, name):
    put_exam(node, name)
    for words, code, said in ((("shanxi",), 2, "a platform and an exam"), (("shansi", name), 2, "neither in platforms.json nor a province"),
                              (("shanxi", "none-such", "--plain"), 1, "there is no exam none-such"), (("hebei", name, "--plain"), 1, "--report ID"),
                              (("shanxi", name, "--interface", "exam", "--plain"), 1, "no interface exam"),
                              (("shanxi", name), 1, "platforms.json has no shanxi")):
        done = yingqiao("compose", *words, data=node.data, code=code)
        assert said in done.err, done


def test_what_is_held_goes_when_the_table_or_a_setting_allows_it(tmp_path):
    """Nobody listens at the platform's address: that an exam is tried shows that it is held no more."""
    node = Node(tmp_path)
    conf = os.path.join(node.data, "conf")
    try:
        with open(os.path.join(conf, "sx.key"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("2a77be8ebc9c90cd25ccd1d31dce7a77")
        settings = {name.split(".")[1]: value for name, value in SETTINGS.items()}
        write_json(os.path.join(conf, "platforms.json"), {"platforms": [
            {"name": "sx", "province": "shanxi", "url": f"http://127.0.0.1:{free_ports(1)[0]}", "key": "hex file:sx.key", "delay": 0,
             "reconcile": "", "backfill_months": 0}]})
        write_json(os.path.join(conf, "node.json"), {"hospital": {**settings, "insurance_division": ""}})
        node.configure()
        put_exam(node, "E1", **recognised(), phone=None)

        def state(reason):
            jobs = [one for one in node.queue("--all") if reason in json.dumps(one, ensure_ascii=False)]
            return jobs and jobs[0]["state"]

        wait_until(lambda: state("hospital.insurance_division") == "held" or state("patTelephone") == "held", 30, "the gate")
        own(conf, "exam-sync", "name,gate\npatTelephone,warn\n")
        wait_until(lambda: state("hospital.insurance_division") == "held", 30, "what is left")
        write_json(os.path.join(conf, "node.json"), {"hospital": settings})
        wait_until(lambda: node.queue("--all")[0]["state"] != "held", 30, "it is tried")
    finally:
        node.stop()
