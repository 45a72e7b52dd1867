"""signing.py: a stand-in of the platform's signing service (Shanxi V2.1, 四(二)4(4) to (7)) for the cases.

It signs by OpenSSL's command line with an SM2 key made for the run, stamps by `openssl ts -reply` with an RSA key, and makes
HMACs by Python's hmac: nothing of the node's own code. It refuses calls that are not signed as the document says.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import subprocess
import threading
import urllib.parse

APP, SECRET = "APP_0157E810F6894BEEB4DEC70331720557", "9f2c-secure-code"
DIGESTS = {"HmacSHA256": hashlib.sha256, "HmacSHA1": hashlib.sha1, "HmacMD5": hashlib.md5}


def openssl(*args, input=None):
    done = subprocess.run(["openssl", *map(str, args)], input=input, capture_output=True, timeout=60)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout


def mac(text, algorithm="HmacSHA256", secret=SECRET):
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), DIGESTS[algorithm]).digest()).decode()


def opened(request, key):
    """What is in an envelope (chapter 三), by OpenSSL's command line."""
    return json.loads(openssl("enc", "-d", "-sm4-ecb", "-K", key, input=base64.b64decode(request["data"])))


def joined(members):
    """Parameters that are not empty, by name, k=v&k=v: Python writes true and numbers as JSON does."""
    said = {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
    return "&".join(f"{name}={said[name]}" for name in sorted(said) if said[name] != "")


class Keys:
    """A doctor's SM2 key and certificate, and a time stamping authority's RSA ones."""

    def __init__(self, folder):
        self.folder = str(folder)
        at = self.at
        openssl("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", at("doctor.key"))
        openssl("req", "-x509", "-new", "-key", at("doctor.key"), "-sm3", "-sigopt", "distid:1234567812345678", "-days", "30",
                "-subj", "/C=CN/O=TEST/CN=DOCTOR", "-out", at("doctor.pem"))
        with open(at("tsa.cnf"), "w") as file:
            file.write("[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nextendedKeyUsage=critical,timeStamping\n"
                       f"[tsa]\ndefault_tsa=one\n[one]\nserial={at('serial')}\ncrypto_device=builtin\nsigner_digest=sha256\n"
                       "default_policy=1.2.3.4.1\ndigests=sha256,sha1,sm3\naccuracy=secs:1\nordering=no\ntsa_name=no\n"
                       "ess_cert_id_alg=sha256\n")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", at("tsa.key"), "-out", at("tsa.pem"), "-days", "30",
                "-subj", "/CN=TSA", "-config", at("tsa.cnf"))

    def at(self, name):
        return os.path.join(self.folder, name)

    def certificate(self):
        return base64.b64encode(openssl("x509", "-in", self.at("doctor.pem"), "-outform", "DER")).decode()

    def sign(self, text):
        path = self.at(f"text-{threading.get_ident()}")
        with open(path, "wb") as file:
            file.write(text)
        return base64.b64encode(openssl("pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", self.at("doctor.key"), "-in",
                                        path, "-pkeyopt", "distid:1234567812345678")).decode()

    def verifies(self, text, signature):
        """By OpenSSL's command line."""
        for name, content in (("v.text", text), ("v.sig", base64.b64decode(signature))):
            with open(self.at(name), "wb") as file:
                file.write(content)
        openssl("x509", "-in", self.at("doctor.pem"), "-pubkey", "-noout", "-out", self.at("v.pub"))
        return b"Success" in subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin", "-inkey", self.at("v.pub"), "-in", self.at("v.text"),
             "-sigfile", self.at("v.sig"), "-pkeyopt", "distid:1234567812345678"], capture_output=True, timeout=60).stdout

    def stamp(self, text):
        at = lambda name: self.at(f"{name}-{threading.get_ident()}")
        with open(at("s.text"), "wb") as file:
            file.write(text)
        openssl("ts", "-query", "-data", at("s.text"), "-sha256", "-cert", "-no_nonce", "-out", at("s.query"))
        return base64.b64encode(openssl("ts", "-reply", "-config", self.at("tsa.cnf"), "-section", "one", "-queryfile", at("s.query"),
                                        "-inkey", self.at("tsa.key"), "-signer", self.at("tsa.pem"), "-token_out")).decode()

    def stamps(self, text, token):
        with open(self.at("w.text"), "wb") as file:
            file.write(text)
        with open(self.at("w.token"), "wb") as file:
            file.write(base64.b64decode(token))
        return b"OK" in subprocess.run(["openssl", "ts", "-verify", "-data", self.at("w.text"), "-in", self.at("w.token"), "-token_in",
                                        "-CAfile", self.at("tsa.pem")], capture_output=True, timeout=60).stdout


class Service:
    def __init__(self, keys):
        self.keys = keys
        self.lock = threading.Lock()
        self.jobs = {}        # signDataId -> {"text", "user", "status", ...}
        self.calls = []       # (path, request)
        self.wrong = []       # what was wrong with calls
        self.broken = False   # answers 500 to everything
        self.refuses = {}     # path's end -> message
        self.forges = None    # "hmac", "text", "stamp", "user"
        self.verdicts = {}    # pkcs1, pkcs7 -> "true"; ts -> "1"; seals -> [0]
        self.old_names = False  # Status and Data in place of status and data
        self.hook = None      # called with (path, request) before the answer
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, said = service.answer(self.path, self.headers, body)
                out = json.dumps(said, ensure_ascii=False).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json;charset=UTF-8")
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, path):
        with self.lock:
            return sum(one.endswith(path) for one, _ in self.calls)

    def last(self, path):
        with self.lock:
            return [request for one, request in self.calls if one.endswith(path)][-1]

    # ---- what doctors do ----

    def waiting(self):
        with self.lock:
            return [id for id, job in self.jobs.items() if job["status"] == "UNSIGN"]

    def finish(self, id, result="true"):
        with self.lock:
            job = self.jobs[id]
            text = job["text"] + (b"!" if self.forges == "text" else b"")
            job["signature"] = self.keys.sign(text)
            job["result"], job["status"] = result, "FINISH"

    def expire(self, id):
        with self.lock:
            self.jobs[id]["status"] = "EXPIRE"

    # ---- calls ----

    def complain(self, what):
        self.wrong.append(what)
        return 200, {"status": 50001, "message": what}

    def answer(self, path, headers, body):
        path = urllib.parse.urlsplit(path).path
        request = json.loads(body)
        with self.lock:
            self.calls.append((path, request))
        if self.hook:
            self.hook(path, request)
        if self.broken:
            return 500, {"error": "down"}
        for end, message in self.refuses.items():
            if path.endswith(end):
                return 200, {"status": 50010, "message": message}
        if path in ("/exam-sync", "/report/sync"):
            return 200, {"code": 1, "message": "ok", "content": None}
        if path == "/sef/v1/SEF_VerifySeal":
            return 200, self.seals(request)
        signature = request.pop("signature", None)
        if request.get("version") != "1.0" or request.get("appId") != APP:
            return self.complain(f"{path}: version or appId")
        if signature != mac(joined(request), request.get("signAlgo")):
            return self.complain(f"{path}: signature")
        act = {"/coss/service/v1/addSignJob": self.add, "/coss/service/v1/getAuthSignResult": self.result,
               "/coss/service/v1/createAndGetTssInfo": self.stamp, "/coss/service/v1/verifyTS": self.verify_stamp,
               "/dsvs/v1/pkcs1/verifyDataSign": self.verify_pkcs1, "/dsvs/v1/pkcs7/verifyDataSign": self.verify_pkcs7}.get(path)
        if not act:
            return 404, {"status": 404, "message": "no such path"}
        data = act(request)
        if self.old_names:
            return 200, {"Status": "200", "message": "SUCCESS", "Data": json.dumps(data)}
        return 200, {"status": 200, "message": "SUCCESS", "data": data}

    def add(self, request):
        for name, value in (("dataType", "DATA"), ("algo", "SM3withSM2")):
            if request.get(name) != value:
                self.complain(f"addSignJob: {name}")
        if request.get("requireQrCode") not in ("Y", "N") or not 0 < int(request["expiryDate"]) <= 4320 or len(request["title"]) > 100:
            self.complain("addSignJob: requireQrCode, expiryDate or title")
        with self.lock:
            id = f"SD_{len(self.jobs) + 1:08x}-8ba2-48ce-b4ef-5a7ddcf0fb86"
            self.jobs[id] = {"text": base64.b64decode(request["data"]), "user": request.get("userId", ""), "status": "UNSIGN"}
        data = {"signDataId": id}
        if request["requireQrCode"] == "Y":
            data["qrCode"] = json.dumps({"id": APP, "sUrl": "https://coss.example/coss/mobile/v1/getServiceInfo", "o": id, "cv": "2.0"})
        return data

    def result(self, request):
        with self.lock:
            job = dict(self.jobs[request["signDataId"]])
        data = {"signDataId": request["signDataId"], "jobStatus": job["status"], "appId": APP}
        if job["status"] != "FINISH":
            return data
        user = "somebody-else" if self.forges == "user" else job["user"] or "scanned-by-1db7"
        data |= {"signResult": job["signature"], "signCert": self.keys.certificate(), "msspId": user, "userId": user,
                 "ext": "20221209102806", "result": job["result"]}
        data["hmac"] = mac(joined({name: data[name] for name in ("appId", "ext", "result", "userId")}),
                           secret="another" if self.forges == "hmac" else SECRET)
        return data

    def stamp(self, request):
        if request.get("attachCert") != "true":
            self.complain("createAndGetTssInfo: attachCert")
        return {"tsResp": self.keys.stamp(request["oriData"].encode() + (b"!" if self.forges == "stamp" else b""))}

    def verify_stamp(self, request):
        good = self.keys.stamps(request["oriData"].encode(), request["tsResp"])
        return {"verifyRes": self.verdicts.get("ts", "1" if good else "-2")}

    def verify_pkcs1(self, request):
        if not 15 <= len(request["transId"]) <= 64 or request["signAlgIdentifier"] != "SM3WithSM2":
            self.complain("pkcs1: transId or signAlgIdentifier")
        good = self.keys.verifies(request["oriData"].encode(), request["signValue"])
        return {"transId": request["transId"], "result": self.verdicts.get("pkcs1", "true" if good else "false")}

    def verify_pkcs7(self, request):
        return {"transId": request["transId"], "result": self.verdicts.get("pkcs7", "true")}

    def seals(self, request):
        if len(request["transId"]) > 36 or not isinstance(request["requestTime"], int) or request["fileDataType"] != 0:
            self.complain("SEF_VerifySeal: transId, requestTime or fileDataType")
        assert base64.b64decode(request["fileData"]).startswith(b"%PDF")
        results = self.verdicts.get("seals", [0])
        return {"transId": request["transId"], "resultCode": 0, "resultMessage": "SUCCESS",
                "fileVerifyInfo": {"totalCount": len(results), "signInfoList": [
                    {"signIndex": n, "pageIndex": 1, "verifyResult": one, "resultMsg": "?"} for n, one in enumerate(results)]}}
