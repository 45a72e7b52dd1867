"""front.py: a front-end machine of Shanxi for the cases, in Python: it opens what comes with OpenSSL's command line, keeps
it, and answers as it is told."""
import csv
import http.server
import json
import os
import threading
import time

from conftest import ROOT, wait_until, write_json
from province import HOSPITAL, KEY, seal, unseal
from rest import batch


class Front:
    """exams: risStudyId -> how often it came; days: what S13 told, one after the other; lacks(told ids) -> ids."""

    def __init__(self):
        self.exams, self.days, self.reports = {}, [], {}
        self.lacks = lambda ids: []
        self.answer = None  # of S13, instead of the usual one: (status, bytes)
        self.status = 200
        self.lock = threading.Lock()
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, said = front.take(self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json;charset=UTF-8")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, body):
        if self.status != 200:
            return self.status, b"no"
        message = json.loads(body)
        if path == "/statisticalData/upload":
            assert list(message) == ["content"]
            day = json.loads(unseal(message["content"]))
            with self.lock:
                self.days.append(day)
            if self.answer:
                return self.answer
            lacking = self.lacks([uid for line in day["examInfo"] for uid in line["study_uids"]])
            data = seal(json.dumps(lacking).encode()) if lacking else ""
            return 200, json.dumps({"status": "0", "message": "SUCCESS", "data": data}).encode()
        plain = json.loads(unseal(message["data"]))
        with self.lock:
            if path == "/exam-sync":
                self.exams[plain["risStudyId"]] = self.exams.get(plain["risStudyId"], 0) + 1
        return 200, b'{"code": 1, "message": "ok", "content": null}'

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def connect(node, front, *urls, **more):
    """platforms.json with the platform "shanxi", every gate open; the node takes it up."""
    conf = os.path.join(node.data, "conf")
    with open(os.path.join(conf, "shanxi.key"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(KEY + "\n")
    own = os.path.join(conf, "platforms", "shanxi")
    os.makedirs(own, exist_ok=True)
    with open(os.path.join(ROOT, "data", "platforms", "shanxi", "exam-sync.csv"), encoding="utf-8") as table, \
            open(os.path.join(own, "exam-sync.csv"), "w", encoding="utf-8") as file:
        file.write("name,gate\n" + "".join(f"{line['name']},off\n" for line in csv.DictReader(table)))
    platform = {"name": "shanxi", "province": "shanxi", "url": " ".join(urls) or front.url, "key": "hex file:shanxi.key",
                "delay": 0, "retry_seconds": 1, "reconcile": "", "backfill_months": 0} | more
    write_json(os.path.join(conf, "platforms.json"), {"platforms": [platform]})
    write_json(os.path.join(conf, "node.json"), {"hospital": {"code": HOSPITAL}})
    begun = len(node.log())
    if node.running():
        wait_until(lambda: "conf-reloaded" in node.log()[begun:], what="the platform is taken up")


def beijing(days=0):
    """Today in Beijing, so many days later."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600 + days * 86400))


def exam(name, day, modality="CT", **more):
    return {"examId": name, "patientId": "P1", "patientName": "测试甲", "modality": [modality], "accessionNumber": [f"A{name}"],
            "studyInstanceUid": [f"1.2.840.77.{sum(map(ord, name))}.{int.from_bytes(name.encode(), 'big') % 10**15}"],
            "examTime": f"{day} 09:02:00", "status": "examined"} | more


def put_exams(node, exams):
    told = batch(node, "exams", exams)
    assert {one["status"] for one in told} <= {200, 201}, told
    return exams


def uid(one):
    return one["studyInstanceUid"][0]
