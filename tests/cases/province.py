"""province.py: a province's platform that is played (`yingqiao rehearse shanxi`), and requests to it that are sealed and
signed by Python and OpenSSL's program, for the cases."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import subprocess
import time

from conftest import BINARY, SANITIZER_REPORT, environment, wait_until

KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"  # the document's own example
HOSPITAL = "12140000405700042Q"  # invented, with its check digit


def openssl(*args, data=b""):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True, timeout=60).stdout


def seal(plain, key=KEY):
    return base64.b64encode(openssl("enc", "-e", "-sm4-ecb", "-K", key, data=plain)).decode()


def unseal(text, key=KEY):
    return openssl("enc", "-d", "-sm4-ecb", "-K", key, data=base64.b64decode(text))


def text_of(message):
    return message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()


def envelope(message, key=KEY, hospital=HOSPITAL, **changed):
    """The four members of chapter three."""
    members = {"hospitalCode": hospital, "data": seal(text_of(message), key), "timestamp": str(int(time.time()))}
    members.update({name: value for name, value in changed.items() if name in members})
    joined = "".join(str(members[name] or "") for name in ("data", "hospitalCode", "timestamp"))
    members["signature"] = hashlib.sha1(joined.encode()).hexdigest().upper()
    members.update(changed)
    return {name: value for name, value in members.items() if value is not None}


class Province:
    """The stand-in, running. `port`, `url`; ended by stop() or as a context. signatures: whether it verifies those of the reports."""

    def __init__(self, folder, *options, hospital=HOSPITAL, province="shanxi", signatures=False):
        options = options if signatures else (*options, "--no-signatures")
        self.log = os.path.join(str(folder), f"{province}.log")
        self.errors = os.path.join(str(folder), f"{province}.err")
        with open(self.log, "wb") as out, open(self.errors, "wb") as err:
            self.process = subprocess.Popen(
                [BINARY, "rehearse", province, "--port", "0", "--hospital", hospital, *map(str, options)], stdout=out, stderr=err,
                env=environment())
        found = wait_until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", self.said()) or self.process.poll() is not None,
                           what="the stand-in")
        assert self.process.poll() is None, open(self.errors).read()
        self.port = int(found.group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ask(self, method, path, body=None, headers=None, timeout=60):
        """(status, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, path, body, timeout=60, **headers):
        """An envelope as it stands: (status, answer as JSON)."""
        headers = {"encryption-type": "SM4", "Content-Type": "application/json",
                   **{name.replace("_", "-"): value for name, value in headers.items()}}
        status, said = self.ask("POST", path, text_of(body), headers, timeout)
        return status, json.loads(said)

    def send(self, path, message, **changed):
        """A message in its envelope: the answer's code, its message."""
        status, answer = self.post(path, envelope(message, **changed))
        assert status == 200, (status, answer)
        return answer["code"], answer["message"]

    def summary(self, contents=True):
        status, said = self.ask("GET", "/summary" if contents else "/summary?contents=no")
        assert status == 200
        return json.loads(said)

    def complaints(self, serious=True):
        """[(path, id, member, what)]; serious None: remarks too."""
        return [(c["path"], c["id"], c["member"], c["what"]) for c in self.summary(False)["complaints"]
                if serious is None or c["serious"] == serious]

    def fail(self, rules):
        status, said = self.ask("POST", "/fail", rules)
        assert status == 200, said

    def forget(self, exam):
        status, said = self.ask("POST", "/forget", exam)
        assert status == 200, said

    def reset(self):
        assert self.ask("POST", "/reset")[0] == 200

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            said = file.read()
        assert self.process.returncode == 0 and not SANITIZER_REPORT.search(said), (self.process.returncode, said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# ---- messages that are as they should be ----

def exam(number="E1", **changed):
    message = {
        "patName": "张三", "cardType": "01", "idCard": "11010519491231002X", "sex": "2", "patBirthday": "1949-12-31",
        "patAge": "76", "ageUnit": "Y", "patTelephone": "13800138000", "fixmedinsCode": "H14010100001",
        "examAdmndvs": "140100", "hosplv": first_code("hospital-level"), "hospitalName": "演练医院", "hospitalCode": HOSPITAL, "labNum": f"L{number}",
        "studyUid": f"1.2.3.{sum(number.encode())}.{len(number)}", "risStudyId": number, "inhospExamItemCode": "CT01",
        "inhospExamItemName": "胸部平扫", "examItemName": "胸部", "examItemCode": None, "imgExamType": "2", "modality": "CT",
        "bodyCode": None, "patientFrom": 1, "patientId": "P1", "outPatientId": "M1", "diagnosisCategoryCode": "J18",
        "diagnosisCategoryName": "肺炎", "diagnosisCode": "J18.9", "diagnosisName": "肺炎", "checkFinishTime": "2026-03-01 08:15:00",
        "examDeptName": "放射科", "examDoctorIndustryCode": "D140100000001", "accessionNumber": f"A{number}",
        "lastChangeTime": "2026-03-01 09:00:00", "disableFlag": 0, "billgDrCode": "D140100000002",
        "setInfoList": [{"setId": "0" * 20, "medListCode": "001", "feeDetailSn": "0" * 18, "examPart": None}],
        "orderName": "O1", "mtuRecMark": "1"}
    message["examItemCode"] = first_code("recognition-item")
    message["bodyCode"] = message["setInfoList"][0]["examPart"] = first_code("radiology-code")
    message.update(changed)
    return {name: value for name, value in message.items() if value is not None}


def report(number="R1", of="E1", **changed):
    message = {
        "hospitalName": "演练医院", "hospitalCode": HOSPITAL, "patId": "H1", "patType": 1, "xno": "P1", "labNum": f"L{of}",
        "risStudyId": of, "categoryName": "胸部", "itemName": "胸部平扫", "dep": 2, "instra": "CT",
        "checkDate": "2026-03-01 08:15:00", "radioDepName": "放射科", "recordNum": number, "ACCESS_NO": number, "reportStatus": 3,
        "modality": "CT", "reportDoctorName": "李四", "reportDate": "2026-03-01 08:30:00", "confirmDoctorName": "王五",
        "confirmDate": "2026-03-01 08:40:00", "findings": "双肺纹理清晰。", "inspectExamResult": "未见异常。", "isLastAudit": 0,
        "lastAuditDoctor": "王五", "reportPdfBase64": base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode(), "checkPositiveMark": 2,
        "checkStatus": 4, "lastChangeTime": "2026-03-01 08:40:00", "disableFlag": 0, "CAData": "双肺纹理清晰。",
        "ClientCert": "MIIB", "SignType": 1, "SignValue": "MEUC", "Timestampvalue": "MIIG"}
    message.update(changed)
    return {name: value for name, value in message.items() if value is not None}


def series(of, number="1.2.3.9.1", **changed):
    message = {"PATIENT_ID": "P1", "MODALITY": "CT", "PATIENTSEX": "F", "ACCESS_NO": of["accessionNumber"], "PATIENTNAME": "张三",
               "PATIENTAGE": "76Y", "STUDYIUID": of["studyUid"], "STUDYDATE": "2026-03-01 08:15:00", "SERIESIUID": number,
               "SERIESNO": "1", "FILEPATH": ["http://127.0.0.1:9/1.dcm"]}
    message.update(changed)
    return {name: value for name, value in message.items() if value is not None}


def first_code(dictionary):
    path = os.path.join(os.path.dirname(__file__), "..", "..", "data", "dictionaries", "shanxi", f"{dictionary}.csv")
    with open(path, encoding="utf-8") as file:
        next(file)
        return next(line.split(",")[0] for line in file if re.match(r"[A-Z0-9]{9},", line) or dictionary != "radiology-code")


# ---- the signing service ----

CODE, APP = "secure-code", "APP_0157"


def hmac_of(text, code=CODE, digest="sha256"):
    return base64.b64encode(hmac.new(code.encode(), text.encode(), digest).digest()).decode()


def service(code=CODE, **members):
    """A request to the signing service, with its common members and signature."""
    members = {"version": "1.0", "appId": APP, "signAlgo": "HMAC", **members}
    joined = "&".join(f"{name}={str(value).lower() if isinstance(value, bool) else value}"
                      for name, value in sorted(members.items()) if value not in ("", None))
    digest = {"HmacSHA1": "sha1", "HmacMD5": "md5"}.get(members["signAlgo"], "sha256")
    return {**members, "signature": hmac_of(joined, code, digest)}
