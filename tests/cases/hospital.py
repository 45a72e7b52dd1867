"""hospital.py: exams and reports of invented patients that Shanxi's platform has nothing to complain of, and a node that reports to
a province that is played."""
import os

from conftest import Node, free_ports, write_json
from province import HOSPITAL, KEY, first_code
from rest import LINES, tell

SETTINGS = {"hospital.code": HOSPITAL, "hospital.name": "演练医院", "hospital.insurance_code": "H14010100001",
            "hospital.insurance_name": "演练医院", "hospital.insurance_division": "140100", "hospital.level": first_code("hospital-level")}


class Hospital(Node):
    """Its addresses stay the same when it starts again."""

    def start(self, wait=True):
        super().start(wait)
        self.http_port = self.settings["http.port"]
        return self


def platform(province, **changed):
    return {"name": "shanxi", "province": "shanxi", "url": province if isinstance(province, str) else province.url,
            "key": "hex file:shanxi.key", "delay": 0, "retry_seconds": 1, "retry_most_seconds": 2, "backfill_months": 0, "reconcile": "",
            **changed}


def report_to(folder, *platforms, key=KEY):
    """platforms.json and its key in a configuration folder, and what hospital it is."""
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, "node.json"), {"hospital": {key.split(".")[1]: value for key, value in SETTINGS.items()}})
    path = os.path.join(folder, "shanxi.key")
    with open(path, "w", encoding="ascii") as file:
        file.write(key + "\n")
    os.chmod(path, 0o600)
    write_json(os.path.join(folder, "platforms.json"), {"platforms": list(platforms)})


def start(folder, *platforms, **settings):
    """A node of the hospital; its files can be fetched from it."""
    os.makedirs(folder, exist_ok=True)
    report_to(os.path.join(folder, "data", "conf"), *platforms)
    port, = free_ports(1)
    return Hospital(str(folder), {"http.port": port, "records.url_base": f"http://127.0.0.1:{port}",
                              **{key.replace("__", "."): value for key, value in settings.items()}})


# ---- records ----

def exam(number, **changed):
    return {"examId": f"E{number}", "status": "examined", "accessionNumber": f"A{number}", "studyInstanceUid": f"1.2.276.99.1.{number}",
            "requestNumber": f"L{number}", "orderId": f"O{number}", "patientId": f"P{number}", "hisPatientId": f"H{number}",
            "patientName": "赵六", "idType": "01", "idNumber": "11010519491231002X", "sex": "2", "birthDate": "1949-12-31", "age": "76",
            "ageUnit": "Y", "phone": "13800138000", "visitType": "1", "outpatientNumber": f"M{number}", "feeSource": "07",
            "itemCode": "CT01", "itemName": "胸部平扫", "nationalItemCode": first_code("recognition-item"), "nationalItemName": "胸部",
            "modality": "CT", "bodyPart": "胸部", "bodyPartCode": first_code("radiology-code"), "diagnosisCategoryCode": "J18",
            "diagnosisCategoryName": "肺炎", "diagnosisCode": "J18.9", "diagnosisName": "肺炎", "examTime": "2026-03-01 08:15:00",
            "examDepartmentName": "放射科", "examDoctorInsuranceCode": "D140100000001", "requestDoctorInsuranceCode": "D140100000002",
            "settlements": [{"settlementId": "0" * 20, "medicalListCode": "001", "feeDetailNumber": "0" * 18,
                             "bodyPartCode": first_code("radiology-code")}], **changed}


def report(number, of=None, **changed):
    return {"reportId": f"R{number}", "examId": f"E{of or number}", "status": "final", "findings": "双肺纹理清晰。",
            "impression": "未见异常。", "positive": "0", "reportDoctorName": "李四", "reportTime": "2026-03-01 08:30:00",
            "auditDoctorName": "王五", "auditTime": "2026-03-01 08:40:00", "pdfUrl": f"http://127.0.0.1:9/R{number}.pdf",
            "signedText": "双肺纹理清晰。", "certificate": "MIIB", "signatureFormat": "1", "signatureValue": "MEUC",
            "timestampValue": "MIIG", **changed}


def put(node, kind, records):
    """Many at once, or what went wrong with the first that did not go."""
    for at in range(0, len(records), 500):
        answer = tell(node, "POST", kind, records[at:at + 500], LINES)
        assert answer.status == 200, (answer.status, answer.body)
        wrong = [line for line in answer.body.decode().splitlines() if '"status":20' not in line.replace(" ", "")]
        assert not wrong, wrong[0]
