"""Records from the images: an exam of each study that nobody ordered here, a report of each SR document and encapsulated
PDF; nothing twice, whatever comes again."""
import json
import os
import sqlite3

import dul
import pdfs
import pytest
import samples
from conftest import files_below, wait_until
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

BASIC_SR, COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.88.33"
DOSE_SR, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.88.59"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
KINDS = {0: "exam", 1: "report"}


@pytest.fixture
def node(nodes):
    return nodes(queue__complete_seconds=1)


def database(node):
    return sqlite3.connect(f"file:{node.data}/catalog.sqlite?mode=ro", uri=True)


def kept(node, kind=None):
    """{id: (version, source, members)} of the records that are there."""
    with database(node) as catalog:
        rows = catalog.execute("SELECT r.kind, r.name, r.version, r.source, v.content FROM record AS r JOIN "
                               "record_version AS v ON v.record = r.id AND v.version = r.version WHERE NOT r.removed")
        return {name: (version, source, json.loads(content)) for number, name, version, source, content in rows
                if kind in (None, KINDS.get(number))}


def is_settled(node):
    with database(node) as catalog:
        return not catalog.execute("SELECT count(*) FROM study WHERE registered_ms < changed_ms").fetchone()[0]


def settle(node):
    """Every study that is here was looked at."""
    wait_until(lambda: is_settled(node), 60, f"studies to be looked at\n{node.log()[-3000:]}", every=0.1)


def send(node, *things, aet="CT1"):
    assert set(node.send(*things, aet=aet)) == {0}
    settle(node)


def concept(value, scheme, name):
    return samples.code(value, scheme, name)


def text(value, scheme, name, words):
    one = Dataset()
    one.RelationshipType, one.ValueType = "CONTAINS", "TEXT"
    one.ConceptNameCodeSequence, one.TextValue = concept(value, scheme, name), words
    return one


def section(value, scheme, name, *content):
    one = Dataset()
    one.RelationshipType, one.ValueType, one.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
    one.ConceptNameCodeSequence, one.ContentSequence = concept(value, scheme, name), Sequence(content)
    return one


def verifier(name, when="20260301100000", code=None):
    one = Dataset()
    one.VerifyingOrganization, one.VerificationDateTime, one.VerifyingObserverName = "测试医院", when, name
    one.VerifyingObserverIdentificationCodeSequence = samples.code(code, "99CASES", "code") if code else Sequence()
    return one


def report(*content, study=None, final=True, after=None, sop_class=COMPREHENSIVE_SR, charset="ISO_IR 192",
           title=("18748-4", "LN", "Diagnostic Imaging Report"), syntax=dul.EXPLICIT, **attributes):
    dataset = samples.header(sop_class, study=study, Modality="SR", ContentDate="20260301", ContentTime="093000",
                             SpecificCharacterSet=charset, **attributes)
    dataset.CompletionFlag, dataset.VerificationFlag = ("COMPLETE", "VERIFIED") if final else ("PARTIAL", "UNVERIFIED")
    if final:
        dataset.VerifyingObserverSequence = Sequence([verifier("Shen^Hong=沈^红", code="D007")])
    if after:
        instance, series, study_item = Dataset(), Dataset(), Dataset()
        instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = after.sop_class, after.uid
        series.SeriesInstanceUID, series.ReferencedSOPSequence = after.series, Sequence([instance])
        study_item.StudyInstanceUID, study_item.ReferencedSeriesSequence = after.study, Sequence([series])
        dataset.PredecessorDocumentsSequence = Sequence([study_item])
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence, dataset.ContentSequence = concept(*title), Sequence(content)
    return samples.encode(dataset, syntax)


def usual(findings="两肺纹理清晰。", impression="未见异常。", **options):
    return report(section("59776-5", "LN", "Findings", text("121071", "DCM", "Finding", findings)),
                  section("19005-8", "LN", "Impressions", text("121073", "DCM", "Impression", impression)), **options)


def encapsulated(value, study=None, syntax=dul.EXPLICIT, **attributes):
    dataset = samples.header(PDF, study=study, Modality="DOC", ContentDate="20260301", ContentTime="094500",
                             DocumentTitle="检查报告", **attributes)
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = value + b"\0" * (len(value) & 1)
    dataset["EncapsulatedDocument"].VR = "OB"
    dataset.EncapsulatedDocumentLength = len(value)
    return samples.encode(dataset, syntax)


# ---- exams ----


def test_a_study_that_nobody_ordered_makes_an_exam(node):
    one = samples.instance(PatientName="Zhang^Wei=张^伟", PatientSex="M", PatientAge="045Y", PatientBirthDate="19810203",
                           StudyDescription="胸部平扫", BodyPartExamined="CHEST", InstitutionName="测试医院",
                           InstitutionalDepartmentName="放射科", StationName="CT01", Manufacturer="Maker",
                           ManufacturerModelName="Model 5", ReferringPhysicianName="Li^Na=李^娜", AccessionNumber="A77",
                           RequestingService="呼吸内科", AdmissionID="V5", CurrentPatientLocation="三病区",
                           RequestedProcedureDescription="CT 胸部", DeviceSerialNumber="S9", OperatorsName="Wu^Gang=吴^刚")
    send(node, one)
    (name, (version, source, exam)), = kept(node).items()
    assert (name, version, source) == (f"uid:{one.study}", 1, "image:CT1")
    assert exam == {
        "examId": name, "status": "examined", "accessionNumber": ["A77"], "studyInstanceUid": [one.study], "studyId": "1",
        "hospitalName": "测试医院", "patientId": "P1", "patientName": "张伟", "patientNamePinyin": "Zhang Wei", "sex": "1",
        "birthDate": "1981-02-03", "age": 45, "ageUnit": "Y", "visitNumber": "V5", "ward": "三病区",
        "requestDepartmentName": "呼吸内科", "requestDoctorName": "李娜", "itemName": ["CT 胸部"], "examName": "胸部平扫",
        "bodyPart": ["CHEST"], "modality": ["CT"], "examTime": "2026-03-01 08:15:00", "examDepartmentName": "放射科",
        "technicianName": "吴刚", "deviceCode": "S9", "deviceName": "CT01", "deviceModel": "Model 5",
        "deviceManufacturer": "Maker"}


@pytest.mark.parametrize("charset, name", [("GB18030", "欧阳娜娜"), ("GBK", "张三丰"), ("ISO 2022 IR 6\\ISO 2022 IR 58", "王小东"),
                                           ("ISO_IR 192", "李雷"), ("", "赵敏")])
def test_text_is_utf8_whatever_it_came_in(node, charset, name):
    raw = samples.header(SpecificCharacterSet="ISO_IR 192", StudyDescription="检查")
    one = samples.encode(raw)
    encoded = {"GB18030": "gb18030", "GBK": "gbk", "ISO_IR 192": "utf-8", "": "gb18030"}.get(charset)
    spelt = name.encode(encoded) if encoded else b"Wang^XiaoDong=" + b"\x1b$)A" + name.encode("gb2312")
    dataset = samples.header(SpecificCharacterSet="ISO_IR 100", PatientName=spelt.decode("latin-1"))
    one = samples.encode(dataset)
    label = charset.encode() + b" " * (len(charset) & 1)
    at = one.raw.index(b"ISO_IR 100")
    assert one.raw[at - 2:at] == b"\x0a\0"
    one.raw = one.raw[:at - 2] + len(label).to_bytes(2, "little") + label + one.raw[at + 10:]
    send(node, one)
    (_, _, exam), = kept(node).values()
    assert exam["patientName"] == name


@pytest.mark.parametrize("attributes, age", [
    ({"PatientAge": "003W"}, (21, "D")), ({"PatientAge": "018M"}, (18, "M")), ({"PatientAge": "abc"}, (56, "Y")),
    ({"PatientBirthDate": "20251115"}, (3, "M")), ({"PatientBirthDate": "20260220"}, (9, "D")),
    ({"PatientBirthDate": "20270101"}, (None, None)), ({"PatientBirthDate": ""}, (None, None))])
def test_ages(node, attributes, age):
    send(node, samples.instance(**attributes))
    (_, _, exam), = kept(node).values()
    assert (exam.get("age"), exam.get("ageUnit")) == age


@pytest.mark.parametrize("sex, code", [("M", "1"), ("F", "2"), ("O", "9"), ("", None), ("X", "0")])
def test_sexes(node, sex, code):
    send(node, samples.instance(PatientSex=sex))
    (_, _, exam), = kept(node).values()
    assert exam.get("sex") == code


def test_more_of_a_study_is_a_new_version_and_the_same_again_is_none(node):
    study = samples.uid()
    first = samples.instance(study=study, BodyPartExamined="CHEST")
    send(node, first)
    send(node, first)
    assert kept(node)[f"uid:{study}"][0] == 1
    send(node, samples.instance(study=study, BodyPartExamined="ABDOMEN", Modality="PT"))
    version, _, exam = kept(node)[f"uid:{study}"]
    assert version == 2  # the order is that of the series' UIDs
    assert sorted(exam["bodyPart"]) == ["ABDOMEN", "CHEST"] and sorted(exam["modality"]) == ["CT", "PT"]


def test_a_header_full_of_nonsense_still_makes_an_exam(node):
    one = samples.instance(StudyDate="", StudyTime="", PatientBirthDate="", PatientName="", PatientID="", AccessionNumber="",
                           StudyDescription="x" * 64, CurrentPatientLocation="a\tb")
    send(node, one)
    (name, (_, _, exam)), = kept(node).items()
    assert name == f"uid:{one.study}" and "examTime" not in exam and "patientId" not in exam


def test_deleting_a_study_leaves_its_records(node):
    one = samples.instance()
    send(node, one)
    node.cli("delete", "--study", one.study)
    settle(node)
    assert list(kept(node)) == [f"uid:{one.study}"]


def test_it_can_be_switched_off(nodes):
    node = nodes(queue__complete_seconds=1, records__from_images="false")
    send(node, samples.instance(), usual())
    assert kept(node) == {}


def test_a_peer_can_be_left_out(node):
    node.configure(peers=[{"aet": "RESEARCH", "port": 0, "records": False}])
    left, made = samples.instance(AccessionNumber="L1"), samples.instance(AccessionNumber="L2")
    send(node, left, aet="RESEARCH")
    send(node, made)
    assert list(kept(node)) == [f"uid:{made.study}"]


# ---- reports ----


def test_a_verified_report_is_final(node):
    study = samples.uid()
    one = usual("两肺纹理清晰。\r\n心影不大。", study=study)
    send(node, samples.instance(study=study), one)
    version, source, said = kept(node, "report")[f"sr:{one.uid}"]
    assert (version, source) == (1, "image:CT1")
    assert said["findings"] == "两肺纹理清晰。\n心影不大。" and said["impression"] == "未见异常。"
    assert said["status"] == "final" and said["auditDoctorName"] == "沈红" and said["auditDoctorCode"] == "D007"
    assert said["auditTime"] == "2026-03-01 10:00:00" and said["reportTime"] == "2026-03-01 09:30:00"
    assert said["examId"] == [f"uid:{study}"] and said["studyInstanceUid"] == [study] and said["patientId"] == "P1"
    assert said["modality"] == ["CT"], "of the images, not of the report"


def test_one_that_nobody_verified_is_preliminary(node):
    one = usual(final=False)
    send(node, one)
    said = kept(node, "report")[f"sr:{one.uid}"][2]
    assert said["status"] == "preliminary" and "auditDoctorName" not in said


@pytest.mark.parametrize("content, findings, impression", [
    ([text("121071", "DCM", "Finding", "leaf"), text("121073", "DCM", "Impression", "end")], "leaf", "end"),
    ([section("x1", "99OWN", "检查所见", text("a", "99OWN", "所见", "自家编码"))], "所见: 自家编码", None),
    ([section("x", "99OWN", "Chapter", section("121070", "DCM", "Findings", text("1", "99", "Size", "3 cm")))],
     "Size: 3 cm", None),
    ([text("121071", "DCM", "Finding", "one"), text("121071", "DCM", "Finding", "two")], "one\ntwo", None),
    ([text("1", "99OWN", "Remark", "no heading that is known")], "Remark: no heading that is known", None)])
def test_what_is_findings_and_impression(node, content, findings, impression):
    one = report(*content)
    send(node, one)
    said = kept(node, "report")[f"sr:{one.uid}"][2]
    assert said["findings"] == findings and said.get("impression") == impression


@pytest.mark.parametrize("syntax", [dul.IMPLICIT, dul.BIG_ENDIAN, dul.DEFLATED])
def test_reports_in_other_syntaxes(node, syntax):
    one = usual(syntax=syntax)
    send(node, one)
    assert kept(node, "report")[f"sr:{one.uid}"][2]["impression"] == "未见异常。"


def test_a_report_in_gb18030(node):
    one = usual("肝脏形态大小正常。", charset="GB18030", PatientName="Zhang^Wei=张^伟")
    send(node, one)
    said = kept(node, "report")[f"sr:{one.uid}"][2]
    assert said["findings"] == "肝脏形态大小正常。" and said["patientName"] == "张伟"


def test_a_document_that_takes_the_place_of_another_corrects_it(node):
    study = samples.uid()
    first = usual("初稿。", study=study)
    second = usual("修订。", study=study, after=first)
    third = usual("再修订。", study=study, after=second)
    send(node, first)
    send(node, second)
    send(node, third)
    (name, (version, _, said)), = kept(node, "report").items()
    assert name == f"sr:{first.uid}" and version == 3
    assert said["status"] == "corrected" and said["findings"] == "再修订。"
    send(node, samples.instance(study=study))
    assert kept(node, "report")[name][0] == 3, "nothing is taken twice"


def test_all_three_at_once_come_in_their_order(node):
    study = samples.uid()
    first = usual("初稿。", study=study)
    second = usual("修订。", study=study, after=first)
    send(node, first, second, usual("再修订。", study=study, after=second))
    (version, _, said), = kept(node, "report").values()
    assert version == 3 and said["findings"] == "再修订。"


def test_doses_key_objects_and_images_are_no_reports(node):
    study = samples.uid()
    send(node, usual(study=study, sop_class=DOSE_SR), usual(study=study, sop_class=KEY_OBJECTS), samples.instance(study=study),
         usual(study=study, title=("113701", "DCM", "X-Ray Radiation Dose Report")))
    assert kept(node, "report") == {}


@pytest.mark.parametrize("syntax", [dul.EXPLICIT, dul.DEFLATED])
def test_an_encapsulated_pdf_is_a_report_with_it(node, syntax):
    study, value = samples.uid(), pdfs.pdf(2)
    one = encapsulated(value, study, syntax)
    send(node, samples.instance(study=study), one)
    said = kept(node, "report")[f"pdf:{one.uid}"][2]
    assert said["status"] == "preliminary" and said["remark"] == "检查报告" and said["examId"] == [f"uid:{study}"]
    status, headers, body = node.fetch(f"/api/v1/reports/pdf:{one.uid}/pdf")
    assert (status, body) == (200, value)


def test_a_damaged_pdf_makes_no_report_and_harms_nobody(node):
    study = samples.uid()
    good = encapsulated(pdfs.pdf(), study)
    send(node, encapsulated(pdfs.pdf(2)[:-80], study), good, encapsulated(b"no pdf", study))
    assert list(kept(node, "report")) == [f"pdf:{good.uid}"]
    assert node.log().count("no-report-from-document") == 2


# ---- nothing twice ----


def versions(node):
    with database(node) as catalog:
        return catalog.execute("SELECT count(*) FROM record_version").fetchone()[0]


def everything(node):
    study = samples.uid()
    return [samples.instance(study=study), usual(study=study), encapsulated(pdfs.pdf(), study),
            samples.instance(AccessionNumber="A2")]


def test_a_restart_and_a_reindex_double_nothing(node):
    things = everything(node)
    send(node, *things)
    before = kept(node)
    assert len(before) == 4
    node.start_again()
    send(node, *things)
    node.stop()
    node.cli("reindex")
    node.start()
    settle(node)
    assert kept(node) == before and versions(node) == 4
    assert "no damage" in node.verify()


def test_what_was_not_looked_at_before_the_end_is_looked_at_after_it(nodes):
    node = nodes(queue__complete_seconds=3600)
    assert set(node.send(everything(node))) == {0}
    assert kept(node) == {}
    node.kill9()
    node.settings["queue.complete_seconds"] = 1
    node.start()
    settle(node)
    assert len(kept(node)) == 4


def test_an_archive_is_taken_over(nodes, tmp_path):
    """Of a node that knew nothing of records: all studies, in several turns."""
    folder = tmp_path / "files"
    folder.mkdir()
    for n in range(150):
        samples.instance(AccessionNumber=f"B{n}", PatientID=f"P{n}").save(folder / f"{n}.dcm")
    node = nodes(queue__complete_seconds=1)
    node.cli("import", str(folder))
    settle(node)
    exams = kept(node, "exam")
    assert len(exams) == 150 and {source for _, source, _ in exams.values()} == {"image:files"}
    assert node.log().count("studies-registered") > 3


def test_one_number_of_two_studies_is_one_exam(node):
    """The second study has an accession number that is known."""
    one, two = samples.instance(AccessionNumber="A5"), samples.instance(AccessionNumber="A5")
    send(node, one)
    send(node, two)
    assert list(kept(node, "exam")) == [f"uid:{one.study}"]


def test_the_number_of_another_patient_is_another_exam(node):
    one = samples.instance(AccessionNumber="A5")
    two = samples.instance(AccessionNumber="A5", PatientID="P2", PatientName="Other^Person")
    send(node, one)
    send(node, two)
    assert set(kept(node, "exam")) == {f"uid:{one.study}", f"uid:{two.study}"}


# ---- real files ----


def test_the_demo(node, demo_files):
    node.cli("import", os.path.dirname(os.path.commonprefix(demo_files)) or "/")
    settle(node)
    exams, reports = kept(node, "exam"), kept(node, "report")
    assert len(exams) == 4 and all(exam["patientName"] and exam["examTime"] for _, _, exam in exams.values())
    assert sorted(name.split(":")[0] for name in reports) == ["pdf", "sr"]
    (_, _, said), = [value for name, value in reports.items() if name.startswith("sr:")]
    assert said["status"] == "final" and "结节" in said["findings"] and said["impression"] and "复查" in said["advice"]


def test_real_documents(node, testdata):
    node.cli("import", os.path.join(testdata, "sr"), code=None)
    node.cli("import", os.path.join(testdata, "encapsulated"), code=None)
    node.cli("import", os.path.join(testdata, "charset"), code=None)
    settle(node)
    reports = kept(node, "report")
    assert any(name.startswith("pdf:") for name in reports) and any(name.startswith("sr:") for name in reports)
    for name, (_, _, said) in reports.items():
        assert said.get("pdf") or said.get("findings") or said.get("impression"), name
    assert "\ufffd" not in json.dumps([exam.get("patientName") for _, _, exam in kept(node, "exam").values()])


def test_everything_that_is_broken_harms_nobody(node, testdata):
    for folder in ("malformed", "malformed-generated", "malformed-mutated"):
        if os.path.isdir(os.path.join(testdata, folder)) and files_below(os.path.join(testdata, folder)):
            node.cli("import", os.path.join(testdata, folder), code=None)
    settle(node)
    assert node.running() and node.echo() is not None
