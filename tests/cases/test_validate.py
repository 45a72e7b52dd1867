"""What is wrong with a record, and what a province would refuse of it, by records that came over REST."""
import csv
import json
import os
import random

import pytest
from conftest import ROOT, yingqiao
from rest import batch, get, put

CARD, HOSPITAL = "11010519491231002X", "91350100M000100Y43"  # the standards' own examples


def terms(*path):
    with open(os.path.join(ROOT, "data", "dictionaries", *path), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes()


@pytest.fixture
def name():
    return f"V{random.randrange(10**12)}"


def good_exam():
    item = terms("shanxi", "recognition-item.csv")[0]
    return {
        "status": "examined", "accessionNumber": ["A1"], "studyInstanceUid": ["1.2.840.1"], "requestNumber": "Q1",
        "orderNumber": ["O1"], "hospitalCode": HOSPITAL, "hospitalName": "影桥医院", "insuranceHospitalCode": "H14010000001",
        "hospitalLevel": terms("shanxi", "hospital-level.csv")[0]["code"], "insuranceDivision": "140100", "patientId": "P1",
        "patientName": "测试甲", "idType": "01", "idNumber": CARD, "sex": "2", "birthDate": "1949-12-31", "age": 76,
        "ageUnit": "Y", "phone": "13800000000", "visitType": "1", "outpatientNumber": "OP1", "requestTime": "2026-03-01 08:00:00",
        "requestDoctorInsuranceCode": "D140100000002", "itemCode": ["CT01"], "itemName": ["胸部平扫"],
        "nationalItemCode": [item["code"]], "nationalItemName": [item["chinese"]], "recognizable": True, "modality": ["CT"],
        "bodyPartCode": [terms("shanxi", "radiology-code.csv")[0]["code"]], "diagnosisCategoryCode": ["J98"],
        "diagnosisCategoryName": ["呼吸"], "diagnosisCode": ["J98.4"], "diagnosisName": ["肺部阴影"],
        "examTime": "2026-03-01 09:00:00", "examDepartmentName": "放射科", "examDoctorInsuranceCode": "D140100000001",
        "settlements": [{"settlementId": "0" * 20, "medicalListCode": "M1", "feeDetailNumber": "0" * 18,
                         "bodyPartCode": [terms("shanxi", "radiology-code.csv")[0]["code"]]}]}


def findings(node, *what):
    """[(member, what)] of `validate`, and whether anything would be refused."""
    done = yingqiao("validate", *what, "--json", data=node.data, code=None)
    return {(f["member"], f["what"]) for f in done.json()}, done.code


def test_a_good_exam_is_taken_everywhere(node, name):
    said = put(node, f"exams/{name}", good_exam())
    assert (said.status, said.json()["findings"]) == (201, [])
    assert findings(node, "exam", name) == (set(), 0)
    assert findings(node, "shanxi", "exam", name) == (set(), 0)
    assert "nothing to mend" in yingqiao("validate", "shanxi", "exam", name, data=node.data).out


# what is done to the good exam -> what is said of it by the general rules, and by Shanxi
WRONG = [
    ({"idNumber": "110105194912310021"}, ("idNumber", "check-digit"), ("idCard", "check-digit")),
    ({"idNumber": "110105491231002"}, ("idNumber", "id-card"), ("idCard", "check-digit")),
    ({"birthDate": "1949-12-30"}, ("birthDate", "birth-date"), None),
    ({"sex": "1"}, ("sex", "sex"), None),
    ({"sex": "女"}, ("sex", "not-in-dictionary"), ("sex", "not-in-dictionary")),
    ({"hospitalCode": "91350100M000100Y44"}, ("hospitalCode", "check-digit"), None),
    ({"phone": "1380000000"}, ("phone", "phone"), None),
    ({"phone": None}, None, ("patTelephone", "missing")),
    ({"examTime": "2026-03-01 07:00:00"}, ("examTime", "time-order"), None),
    ({"modality": ["ct"]}, ("modality", "format"), None),
    ({"studyInstanceUid": ["1.2.0840"]}, ("studyInstanceUid", "uid"), None),
    ({"insuranceDivision": "991100"}, ("insuranceDivision", "format"), None),
    ({"bodyPartCode": ["XXXXXXXXX"]}, ("bodyPartCode", "not-in-dictionary"), ("bodyCode", "not-in-dictionary")),
    ({"age": 20}, ("age", "age"), None),
    ({"ageUnit": None}, ("ageUnit", "missing"), ("ageUnit", "missing")),
    ({"visitType": "3"}, None, ("inPatientId", "missing")),
    ({"settlements": []}, None, ("setInfoList", "missing")),
    ({"settlements": [{"settlementId": "1"}]}, ("settlements[0].medicalListCode", "missing"), ("setInfoList[0].medListCode", "missing")),
    ({"deviceCode": "9" * 21}, None, ("deviceCode", "too-long")),
    ({"patientName": None}, ("patientName", "missing"), ("patName", "missing")),
]


@pytest.mark.parametrize("change, general, shanxi", WRONG, ids=[f"{next(iter(c))}-{n}" for n, (c, _, _) in enumerate(WRONG)])
def test_what_is_wrong_is_named_and_nothing_else(node, name, change, general, shanxi):
    exam = {**good_exam(), **change}
    answer = put(node, f"exams/{name}", {member: value for member, value in exam.items() if value is not None})
    assert answer.status == 201, answer.body  # it is kept all the same
    kept = {(f["member"], f["what"]) for f in answer.json()["findings"]}
    said, _ = findings(node, "exam", name)
    assert said == kept
    assert general in said if general else not said
    refused, code = findings(node, "shanxi", "exam", name)
    assert refused >= ({shanxi} if shanxi else set())
    assert bool(refused) == (code == 1)
    if not shanxi:
        assert not refused
    for value in change.values():  # the value itself is never said
        if isinstance(value, str) and len(value) > 3:
            assert value not in yingqiao("validate", "exam", name, data=node.data, code=None).out


def test_a_report_is_looked_at_with_its_exam(node, name):
    put(node, f"exams/{name}", {**good_exam(), "hisPatientId": "H1"})
    report = {"status": "final", "examId": [name], "findings": "两肺纹理清晰", "impression": "未见异常", "positive": "0",
              "reportDoctorName": "报告甲", "reportTime": "2026-03-01 10:00:00", "auditDoctorName": "审核乙",
              "auditTime": "2026-03-01 11:00:00"}
    assert put(node, f"reports/{name}", report).json()["findings"] == []
    refused, code = findings(node, "shanxi", "report", name)
    assert code == 1
    assert {("pdf_path", "missing"), ("CAData", "missing"), ("SignValue", "missing")} <= refused
    of_the_exam = {"patId", "xno", "labNum", "risStudyId", "categoryName", "itemName", "dep", "checkDate", "modality"}
    assert not of_the_exam - {"categoryName"} & {member for member, _ in refused}
    assert ("categoryName", "missing") in refused  # the exam has no body part
    hebei, _ = findings(node, "hebei", "report", name)
    assert ("PATIENT_NAME", "missing") not in hebei and ("VISIT_NUMBER", "missing") in hebei
    neijiang, _ = findings(node, "neijiang", "report", name)
    assert ("Nationality", "missing") in neijiang and ("PatName", "missing") not in neijiang
    assert ("ExamineBodyACR", "missing") not in neijiang  # the platform finds it by itself


def test_programs_ask_the_same_over_http(node, name):
    exam = {**good_exam(), "deviceCode": "9" * 21}
    del exam["phone"]
    put(node, f"exams/{name}", exam)
    assert get(node, f"exams/{name}/findings").json()["findings"] == []
    said = get(node, f"exams/{name}/findings", platform="shanxi").json()["findings"]
    assert {(f["member"], f["what"]) for f in said} == findings(node, "shanxi", "exam", name)[0]
    assert {(f["member"], f["what"]) for f in said} == {("patTelephone", "missing"), ("deviceCode", "too-long")}
    for platform in ("nowhere", "xuancheng"):
        answer = get(node, f"exams/{name}/findings", platform=platform)
        assert (answer.status, answer.type) == (400, "application/problem+json")
    assert get(node, f"consents/{name}/findings", platform="shanxi").status == 404
    assert get(node, f"exams/{name}x/findings", platform="shanxi").status == 404


def test_a_lab_report_is_looked_at_with_each_result(node, name):
    lab = {"hospitalCode": HOSPITAL, "patientName": "测试乙", "reportTime": "2026-03-01 10:00:00",
           "results": [{"itemCode": "K", "itemName": "钾", "quantity": "4.1", "unit": "mmol/L", "loinc": "2345-8"},
                       {"itemCode": "NA", "itemName": "钠" * 101, "value": "正常"}]}
    said = {(f["member"], f["what"]) for f in put(node, f"labs/{name}", lab).json()["findings"]}
    assert said == {("results[0].loinc", "check-digit")}
    refused, _ = findings(node, "hebei", "lab", name)
    assert ("results[1].LAB_INDEX_NAME", "too-long") in refused  # 202 bytes in GBK, of 200
    assert ("results[0].LAB_INDEX_NAME", "too-long") not in refused
    assert {("results[0].LAB_DETAIL_NO", "missing"), ("ID_CARD_NO", "missing")} <= refused
    assert ("results[0].LAB_NUMBER", "missing") not in refused  # it is the lab's


def test_local_codes_count_as_what_they_are_mapped_to(nodes, tmp_path):
    node = nodes()
    put(node, "exams/E1", {**good_exam(), "sex": "女", "nationalItemCode": None, "nationalItemName": None})
    put(node, "exams/E1", {k: v for k, v in {**good_exam(), "sex": "女"}.items() if not k.startswith("nationalItem")})
    before, _ = findings(node, "shanxi", "exam", "E1")
    assert {("sex", "not-in-dictionary"), ("examItemCode", "missing")} <= before
    item = terms("shanxi", "recognition-item.csv")[0]["code"]
    table = tmp_path / "codes.csv"
    table.write_text("list,source,code,name,dictionary,national\n"
                     f"sex,,女,女,sex,2\nexam-item,,CT01,胸部平扫,recognition-item,{item}\n", encoding="utf-8")
    yingqiao("codes", "import", table, data=node.data)
    assert findings(node, "shanxi", "exam", "E1") == (set(), 0)


def test_a_summary_counts_records_and_not_findings(nodes):
    node = nodes()
    lines = []
    for n in range(60):  # every third without a telephone number, every fifth with a wrong id card
        exam = {"examId": f"G{n}", **good_exam(), "accessionNumber": [f"A{n}"], "studyInstanceUid": [f"1.2.840.{n + 1}"]}
        if n % 3 == 0:
            del exam["phone"]
        if n % 5 == 0:
            exam["idNumber"] = "110105194912310021"
        lines.append(exam)
    assert {line["status"] for line in batch(node, "exams", lines)} == {201}
    shanxi = yingqiao("validate", "shanxi", "--json", data=node.data, code=1).json()
    assert (shanxi["records"], shanxi["refused"]) == (60, 28)
    assert [(f["member"], f["records"]) for f in shanxi["findings"]] == [("patTelephone", 20), ("idCard", 12)]
    general = yingqiao("validate", "exam", "--json", data=node.data, code=1).json()
    assert [(f["member"], f["what"], f["records"]) for f in general["findings"]] == [("idNumber", "check-digit", 12)]
    assert (general["records"], general["refused"]) == (60, 12)
    assert json.dumps(general).count("110105") == 0
