"""deliveries.py: how many sealed deliveries a second leave for a platform: exams and their reports, complete as Shanxi's
tables want them, to a platform of C on loopback that takes everything. Patients are invented."""
import http.client
import json
import subprocess
import time

KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"  # the document's example
HOSPITAL = {"hospital.code": "12140000405700042Q", "hospital.name": "影桥医院", "hospital.insurance_code": "H14010000001",
            "hospital.insurance_name": "影桥医院（医保）", "hospital.insurance_division": "140100", "hospital.level": "02"}
DAY = "2026-03-01 "
EXAM = {
    "status": "examined", "disabled": False, "patientName": "测试甲", "patientNamePinyin": "Ceshi Jia", "idType": "01",
    "idNumber": "11010519491231002X", "healthCardNumber": "JK1", "sex": "2", "birthDate": "1949-12-31", "age": 76, "ageUnit": "Y",
    "phone": "13800000000", "addressDivision": "140105", "address": "太原市小店区一路 1 号", "postcode": "030006",
    "householdDivision": "140200", "householdAddress": "大同市二路 2 号", "ethnicGroup": "01", "feeSource": "01", "visitType": "3",
    "inpatientNumber": "ZY1", "patientDepartmentCode": "K01", "patientDepartmentName": "呼吸内科", "wardCode": "B3", "ward": "三病区",
    "room": "301", "bed": "12", "requestName": "CT 申请单", "requestDepartmentCode": "K01", "requestDepartmentName": "呼吸内科",
    "requestDoctorCode": "D1", "requestDoctorName": "申请甲", "requestDoctorIdType": "01",
    "requestDoctorIdNumber": "110105197001010011", "requestDoctorInsuranceCode": "D140100000002", "requestTime": DAY + "08:00:00",
    "requestAuditDoctorCode": "D2", "requestAuditDoctorName": "核对乙", "requestAuditTime": DAY + "08:05:00",
    "billingDoctorName": "开单丙", "itemCode": ["CT01"], "itemName": ["胸部平扫"], "nationalItemCode": ["CT020012506"],
    "nationalItemName": ["胸部CT平扫"], "recognizable": True, "bodyPart": ["胸部"], "bodyPartCode": ["B020ZYZZZ"], "modality": ["CT"],
    "examType": ["01"], "examWay": ["1", "2"], "methodCode": ["M1"], "methodName": "平扫加增强", "clinicalDiagnosis": "肺部阴影待查",
    "diagnosisTime": DAY + "07:50:00", "diagnosisCategoryCode": ["J98"], "diagnosisCategoryName": ["呼吸系统其他疾患"],
    "diagnosisCode": ["J98.4"], "diagnosisName": ["肺部阴影"], "chiefComplaint": "咳嗽一周", "symptoms": "干咳\n夜间为甚",
    "symptomStart": "2026-02-22 00:00:00", "symptomEnd": DAY + "00:00:00", "history": "无", "allergies": "青霉素",
    "emergency": False, "registrationTime": DAY + "08:10:00", "scheduledTime": DAY + "09:00:00",
    "scheduledEndTime": DAY + "09:15:00", "scheduleStaffCode": "S1", "scheduleStaffName": "预约丁", "arrivalTime": DAY + "08:50:00",
    "examTime": DAY + "09:02:00", "examEndTime": DAY + "09:10:00", "examDepartmentCode": "FS", "examDepartmentName": "放射科",
    "examDoctorCode": "D3", "examDoctorName": "检查戊", "examDoctorIdType": "01", "examDoctorIdNumber": "11010519700101002X",
    "examDoctorInsuranceCode": "D140100000003", "operatorCode": "T1", "operatorName": "技师己", "operatorIdType": "01",
    "operatorIdNumber": "110105197001010038", "operatorInsuranceCode": "D140100000004", "deviceCode": "SB1", "deviceName": "64 排 CT",
    "deviceRoom": "CT 一室", "deviceType": "CT", "filmType": "2", "cost": 360.5, "updatedTime": DAY + "12:00:00",
    "settlements": [{"settlementId": "S1", "medicalListCode": "001", "feeDetailNumber": "F1", "bodyPartCode": ["B020ZYZZZ"]}]}
REPORT = {
    "status": "final", "findings": "双侧胸廓对称，两肺纹理清晰，未见实变；气管居中。" * 8, "impression": "胸部平扫未见异常。", "advice": "随诊",
    "positive": "0", "reportDoctorCode": "D5", "reportDoctorName": "报告庚", "reportTime": DAY + "10:00:00", "auditDoctorCode": "D6",
    "auditDoctorName": "审核辛", "auditTime": DAY + "11:00:00", "updatedTime": DAY + "11:00:01", "signedText": "原文",
    "certificate": "证书", "signatureFormat": "2", "signatureValue": "签名", "timestampValue": "时间戳"}


def exam(n):
    return {**EXAM, "examId": f"E{n}", "accessionNumber": [f"A{n}"], "studyInstanceUid": [f"1.2.826.0.1.3680043.10.1.{n}"], "requestNumber": f"RQ{n}",
            "orderNumber": [f"YZ{n}"], "orderId": [f"YZ-{n}"], "patientId": f"P{n}", "hisPatientId": f"H{n}", "visitNumber": f"JZ{n}"}


def report(n):
    return {**REPORT, "reportId": f"R{n}", "examId": [f"E{n}"], "pdfUrl": f"http://10.1.2.3/pdf/R{n}.pdf"}


def put_all(port, count):
    """Exams and reports, 250 to a request."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    for kind, make in (("exams", exam), ("reports", report)):
        for first in range(0, count, 250):
            lines = [json.dumps(make(n), ensure_ascii=False) for n in range(first, min(first + 250, count))]
            line.request("POST", f"/api/v1/{kind}", "\n".join(lines).encode(), {"Content-Type": "application/x-ndjson"})
            answer = line.getresponse()
            said = answer.read().decode().splitlines()
            if answer.status != 200 or any(json.loads(one)["status"] not in (200, 201) for one in said):
                raise SystemExit(f"records were not taken: {answer.status} {said[:2]}")


class Platform:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def ask(self):
        self.say("how far")
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(10)


def wait_for(platform, count, seconds, data, program):
    """All of them; gives up after so many seconds in which none came."""
    came, since = 0, time.monotonic()
    while came < count:
        found = platform.ask()
        if found["messages"] > came:
            came, since = found["messages"], time.monotonic()
        if time.monotonic() > since + seconds:
            said = subprocess.run([program, "queue", "--data", data], capture_output=True, text=True).stdout
            raise SystemExit(f"only {came} of {count} messages came:\n{said[:2000]}")
        time.sleep(0.05)
    return found


def run_once(run, results, build, make_server, couriers, number):
    folder = run.place(f"deliveries-{couriers}-{number}")
    (folder / "conf").mkdir(parents=True)
    key = folder / "conf/shanxi.key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    platform = Platform(build / "bench_platform")
    (folder / "conf/platforms.json").write_text(json.dumps({"platforms": [{
        "name": "shanxi", "province": "shanxi", "url": f"http://127.0.0.1:{platform.port}", "key": "hex file:shanxi.key",
        "couriers": couriers, "delay": 0, "timeout": 600, "verify": "none", "backfill_months": 0, "reconcile": ""}]}))
    server = make_server(folder, settings=[f"{name}={value}" for name, value in HOSPITAL.items()])
    server.start()
    put_all(server.http, run.exams)
    time.sleep(3)  # the jobs are there, the couriers wait for their first answers
    memory, cpu = server.memory_mb(), server.cpu()
    platform.say("go")
    found = wait_for(platform, 2 * run.exams, 15, folder, build / "yingqiao")
    what = f"deliveries, {couriers} couriers"
    results.add(what, "yingqiao", found["messages"] / found["seconds"])
    results.add(f"{what}: cpu", "yingqiao", 1000 * (server.cpu() - cpu) / found["messages"])
    results.add(f"{what}: kB", "yingqiao", found["bytes"] / found["messages"] / 1000)
    results.add(f"{what}: longest pause", "yingqiao", 1000 * found["longest_pause"])
    results.add(f"{what}: MB before", "yingqiao", memory)
    results.add(f"{what}: MB after", "yingqiao", server.memory_mb())
    server.stop()
    platform.stop()


def measure(run, results, build, make_server):
    for number in range(run.rounds):
        for couriers in (1, 2, 8):
            run_once(run, results, build, make_server, couriers, number)
