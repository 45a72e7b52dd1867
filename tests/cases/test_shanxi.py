"""A hospital reports to Shanxi, from end to end: orders by HL7, images by C-STORE, one report with its PDF by HL7 and one from the
RIS's database, sent in both modes to a province that is played (`yingqiao rehearse`), which has nothing to complain of."""
import base64
import contextlib
import os
import sqlite3

import pytest

import pdfs
import samples
from conftest import finish, free_ports, wait_until, write_json
from hospital import Hospital, platform, report_to
from province import APP, CODE, Province, first_code
from signing import Keys
from test_hl7 import msh, send
from test_odbc import driver

DAY = "2026-03-01"
ZSX = {  # what no usual segment has: the hospital's interface engine puts it into one of its own
    "exam": ["age", "ageUnit", "nationalItemCode", "nationalItemName", "bodyPartCode", "diagnosisCategoryCode", "diagnosisCategoryName",
             "diagnosisCode", "diagnosisName", "examDoctorInsuranceCode", "requestDoctorInsuranceCode", "orderId", "examDepartmentName",
             "bodyPart", "feeSource", "insuranceItemCode"],
    "report": ["positive", "signedText", "certificate", "signatureFormat", "signatureValue", "timestampValue"],
}
COLUMNS = ["reportId", "examId", "status", "findings", "impression", "positive", "reportDoctorName", "reportTime", "auditDoctorName",
           "auditTime", "auditDoctorCode", "pdf", "signedText", "certificate", "signatureFormat", "signatureValue", "timestampValue"]
SIGNED = "双肺清晰。"


class Ris:
    """What the hospital's systems say: an interface engine that speaks HL7, and a database of reports."""

    def __init__(self, folder, signs):
        self.path, self.signature = os.path.join(folder, "ris.db"), {}
        if signs:
            keys = Keys(folder)
            self.signature = {"signedText": SIGNED, "certificate": keys.certificate(), "signatureFormat": "1",
                              "signatureValue": keys.sign(SIGNED.encode()), "timestampValue": keys.stamp(SIGNED.encode())}
        self.sql(f"CREATE TABLE reports ({', '.join(COLUMNS)}, changed)")
        self.changes = 0

    def sql(self, text, *values):
        with contextlib.closing(sqlite3.connect(self.path, timeout=60)) as db:
            db.execute(text, values)
            db.commit()

    def sources(self):
        return {"sources": [
            {"name": "ris", "type": "hl7", "application": "RIS", "mapping": "engine"},
            {"name": "reports", "type": "odbc", "seconds": 1, "kind": "report", "mapping": "reports", "table": "reports",
             "connection": f"Driver={driver('libsqlite3odbc.so')};Database={self.path}", "change_column": "changed",
             "key_columns": "reportId"}]}

    def mappings(self):
        usual = os.path.join(os.path.dirname(__file__), "..", "..", "dicom-conf", "mapping", "hl7.csv")
        own = {f"{kind},{member},": f'{kind},{member},{"ZSR" if kind == "report" else "ZSX"}-{n},' for kind, members in ZSX.items()
               for n, member in enumerate(members, 1)}
        with open(usual, encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file]
        kept = [line for line in lines if ",".join(line.split(",")[:2]) + "," not in own]
        return {"engine": "\n".join([*kept, *own.values()]) + "\n",
                "reports": "kind,member,source,note\n" + "".join(f"report,{name},{name},\n" for name in COLUMNS)}

    # ---- messages ----

    def order(self, number, study, when="20260301080000"):
        code = first_code("radiology-code")
        own = ["76", "Y", first_code("recognition-item"), "胸部", code, "J18", "肺炎", "J18.9", "肺炎", "D140100000001",
               "D140100000002", f"O{number}", "放射科", "胸部", "07", "210300001"]
        return "\r".join([msh("ORM^O01", when=when), self.patient(), "PV1|1|O|内科||||||||||||||||M1",
                          f"ORC|NW|H{number}|E{number}|L{number}||||||||1001^李^医生",
                          f"OBR|1|H{number}|E{number}|CT01^胸部平扫" + "|" * 14 + f"ACC{number}||||||CT", f"ZDS|{study}^100^A^DICOM",
                          "ZSX|" + "|".join(own)]) + "\r"

    @staticmethod
    def patient():
        return "PID|1||P1^^^HIS^MR~H1^^^HIS^PI~11010519491231002X^^^MPS^NI~M1^^^HIS^VN||赵^六||19491231|F|||||13800138000"

    def letter(self, number, impression, status="F", when="20260301093000"):
        own = ["0", *self.signature.values()]
        pdf = base64.b64encode(pdfs.pdf(text=f"R{number} {status}")).decode()
        return "\r".join([msh("ORU^R01", when=when), self.patient(),
                          f"OBR|1|H{number}|E{number}|CT01^胸部平扫|||20260301081500|||||||||||ACC{number}||||20260301093000||CT|{status}"
                          "|||||||1002&王&医生|||1003&李&医生",
                          f"OBX|1|TX|影像所见||{SIGNED}||||||{status}", f"OBX|2|TX|诊断意见||{impression}||||||{status}",
                          f"OBX|3|ED|PDF^报告||^application^pdf^Base64^{pdf}||||||{status}", "ZSR|" + "|".join(own)]) + "\r"

    def write(self, number, impression, status="final", of=None):
        """A report in the database."""
        self.changes += 1
        row = {"reportId": f"R{number}", "examId": f"E{of or number}", "status": status, "findings": SIGNED,
               "impression": impression, "positive": "1", "reportDoctorName": "李医生", "reportTime": f"{DAY} 09:00:00",
               "auditDoctorName": "王医生", "auditTime": f"{DAY} 09:30:00", "auditDoctorCode": "1002", "pdf": pdfs.pdf(text=f"R{number}"),
               **self.signature}
        self.sql("DELETE FROM reports WHERE reportId = ?", row["reportId"])
        self.sql(f"INSERT INTO reports ({', '.join(row)}, changed) VALUES ({', '.join('?' * len(row))}, ?)", *row.values(),
                 f"{DAY} 10:00:{self.changes:02d}")


def images(study, number, count=3):
    """A series of an exam."""
    series = samples.uid()
    return [samples.instance(study=study, series=series, AccessionNumber=f"ACC{number}", PatientID="P1", PatientName="Zhao^Liu",
                             PatientSex="F", PatientAge="076Y", PatientBirthDate="19491231", StudyDate="20260301", StudyTime="081500",
                             SeriesNumber="1", InstanceNumber=str(n + 1), Modality="CT") for n in range(count)]


@pytest.fixture
def hospital(tmp_path):
    """begin(province, ...) -> (node, ris)"""
    started = []

    def begin(province, signs=True, **changed):
        ris = Ris(str(tmp_path), signs)
        conf = tmp_path / "node" / "data" / "conf"
        (conf / "mapping").mkdir(parents=True)
        report_to(str(conf), platform(province, images="list", **changed))
        (conf / "sign.key").write_text(CODE + "\n")
        (conf / "sign.key").chmod(0o600)
        (conf / "signers.csv").write_text("doctor,name,userId\n1002,王医生,548a43ae04f1\n")
        write_json(str(conf / "sources.json"), ris.sources())
        for name, text in ris.mappings().items():
            (conf / "mapping" / f"{name}.csv").write_text(text)
        http, hl7 = free_ports(2)
        node = Hospital(str(tmp_path / "node"), {"http.port": http, "hl7.port": hl7,
                                                 "queue.complete_seconds": 1, "records.url_base": f"http://127.0.0.1:{http}"})
        node.hl7_port = hl7
        started.append(node)
        return node, ris

    yield begin
    finish(started)


def report_of(said, number):
    return (said["reports"].get(f"R{number}") or said["reports"].get(f"E{number}") or {"content": {}})["content"]


@pytest.mark.parametrize("mode", ["separate", "merged"])
def test_a_hospital_reports_from_end_to_end(hospital, tmp_path, mode):
    with Province(tmp_path, "--sign-key", CODE, "--polls", 1, signatures=True) as province:
        signing = {"sign": "push", "sign_app": APP, "sign_key": "file:sign.key"} if mode == "separate" else {}
        node, ris = hospital(province, signs=not signing, upload=mode, **signing)
        studies = {number: samples.uid() for number in (1, 2)}
        for number, study in studies.items():
            assert send(node, ris.order(number, study)).code == "AA"
        wait_until(lambda: [job["state"] for job in node.queue()] == ["held"] * 2 or mode == "merged", what="orders that wait")
        series = {number: images(study, number) for number, study in studies.items()}
        for number in studies:
            assert set(node.send(*series[number])) == {0}
        assert send(node, ris.letter(1, "未见异常。")).code == "AA"
        ris.write(2, "右肺结节。")

        def arrived():
            said = province.summary()
            return (set(said["exams"]) == {"E1", "E2"} and len(said["reports"]) == 2 and len(said["series"]) == 2) and said
        wait_until(arrived, 60, lambda: province.said() + str(node.queue("--all")))
        wait_until(lambda: not node.queue(), 30, "an empty queue")
        said = province.summary()
        assert {i: one["content"]["studyUid"] for i, one in said["exams"].items()} == {f"E{n}": s for n, s in studies.items()}
        assert said["series"][series[1][0].series]["content"]["FILEPATH"].__len__() == 3
        assert said["reports"]["R2"]["content"]["inspectExamResult"] == "右肺结节。"

        # at night: the platform has lost one of them
        assert "2 exams told, 0 missing" in node.cli("reconcile", "shanxi", "--date", DAY).out
        province.forget(studies[1])
        assert "2 exams told, 1 missing" in node.cli("reconcile", "shanxi", "--date", DAY).out
        again = wait_until(lambda: province.summary()["exams"]["E1"]["times"] > said["exams"]["E1"]["times"] and province.summary(), 30,
                           "the exam that was lost")
        assert again["exams"]["E2"]["times"] == said["exams"]["E2"]["times"]
        wait_until(lambda: not node.queue(), 30, "an empty queue")
        assert "2 exams told, 0 missing" in node.cli("reconcile", "shanxi", "--date", DAY).out
        again = province.summary()
        assert [again["reports"][name]["times"] > said["reports"][name]["times"] for name in sorted(said["reports"])] == [True, False]

        assert send(node, ris.letter(1, "更正：左肺结节。", status="C", when="20260301103000")).code == "AA"
        wait_until(lambda: "更正：左肺结节。" in str(province.summary()["reports"]), 30, "the corrected report")
        ris.write(2, "右肺结节。", status="withdrawn")
        gone = wait_until(lambda: province.summary()["reports"]["R2"]["content"]["disableFlag"] == 1 and province.summary(), 30,
                          "the withdrawn report")
        assert gone["reports"]["R2"]["content"]["checkStatus"] == 5
        wait_until(lambda: not node.queue(), 30, "an empty queue")
        assert province.complaints() == []
        # the document's own samples of certificate and time stamp are longer than the document allows
        assert {(remark[2].split(".")[-1], remark[3]) for remark in province.complaints(serious=None)} <= {
            ("Timestampvalue", "too-long"), ("ClientCert", "too-long")}
