"""Exams and reports go to a platform: in order, once, and what changed again; a platform that is away delays nobody; what does
not get through says why. The platform is played here, and opens envelopes by Python's own SM4."""
import base64
import contextlib
import csv
import http.server
import io
import json
import os
import re
import signal
import sqlite3
import threading
import time
import urllib.request

import pytest

from conftest import KILL_AT, free_ports, killing, wait_until, write_json, yingqiao
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from rest import put, tell

KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
HOSPITAL = "12140000405700042Q"

def unseal(text):
    cipher = Cipher(algorithms.SM4(bytes.fromhex(KEY)), modes.ECB()).decryptor()
    plain = cipher.update(base64.b64decode(text)) + cipher.finalize()
    unpad = padding.PKCS7(128).unpadder()
    return json.loads(unpad.update(plain) + unpad.finalize())


class Platform:
    """A front-end machine. `answer(path, message)` says what becomes of a call: "yes", a number (HTTP status), "cut", or the
    text of a no. `taken`: [(path, message)] in their order; `calls`: [(when, path, message)] with those it did not take."""

    def __init__(self, port=0):
        self.answer = lambda path, message: "yes"
        self.taken, self.calls, self.lock = [], [], threading.Lock()
        platform = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                message = unseal(body["data"])
                with platform.lock:
                    platform.calls.append((time.monotonic(), self.path, message))
                    what = platform.answer(self.path, message)
                    if what == "yes":
                        platform.taken.append((self.path, message))
                if what == "cut":
                    self.close_connection = True
                    return
                status = what if isinstance(what, int) else 200
                text = json.dumps({"code": 1 if what == "yes" else 0, "message": what if isinstance(what, str) else "",
                                   "content": None}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 100

            def handle_error(self, *args):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def told(self):
        """"exam E1", "report R1", in the order they were taken."""
        with self.lock:
            return [name_of(*one) for one in self.taken]

    def latest(self):
        """{"exam E1": message}"""
        with self.lock:
            return {name_of(*one): one[1] for one in self.taken}


def name_of(path, message):
    return f"exam {message['risStudyId']}" if path == "/exam-sync" else f"report {message['recordNum']}"


@pytest.fixture
def platforms():
    open_ones = []

    def begin(port=0):
        open_ones.append(Platform(port))
        return open_ones[-1]
    begin.all = open_ones
    yield begin
    for one in open_ones:
        with contextlib.suppress(OSError):
            one.close()


def ungated(folder):
    """The hospital's own lines: the gate looks at nothing."""
    os.makedirs(f"{folder}/platforms/shanxi", exist_ok=True)
    for interface in ("exam-sync", "report-sync"):
        rows = csv.DictReader(io.StringIO(yingqiao("fields", "shanxi", interface, "--csv").out.lstrip("﻿")))
        with open(f"{folder}/platforms/shanxi/{interface}.csv", "w", encoding="utf-8") as file:
            file.write("name,gate\n" + "".join(f"{row['name']},off\n" for row in rows))


def configure(node, *platforms_, gate=False):
    folder = f"{node.data}/conf"
    if not gate:
        ungated(folder)
    with open(f"{folder}/shanxi.key", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(KEY)
    write_json(f"{folder}/platforms.json", {"platforms": [
        {"province": "shanxi", "key": "hex file:shanxi.key", "delay": 0, "backfill_months": 0, "reconcile": "",
         "retry_seconds": 1, "retry_most_seconds": 1, "timeout": 10, **one} for one in platforms_]})
    for _ in range(2):
        begun = len(node.log())
        node.process.send_signal(signal.SIGHUP)
        wait_until(lambda: re.search(r"conf-reloaded|conf-kept", node.log()[begun:]), 20, "a reload")
    assert "conf-reloaded" in node.log()[begun:], node.log()[begun:]


@pytest.fixture
def node(nodes):
    return nodes(hospital__code=HOSPITAL)


def exam(node, name, **more):
    said = put(node, f"exams/{name}", {"itemName": ["CT"], **more})
    assert said.status in (200, 201), said.body


def report(node, name, exam_id, **more):
    said = put(node, f"reports/{name}", {"examId": exam_id, **more})
    assert said.status in (200, 201), said.body


def waits_for(platform, *names, seconds=20):
    wait_until(lambda: platform.told() == list(names), seconds, f"{names}, not {platform.told()}")


def settled(node, to=None):
    """The queue's entries when none is on its way."""
    def quiet():
        entries = node.queue("--all", *(["--to", to] if to else []))
        return entries if entries and all(one["state"] in ("done", "held", "refused", "dropped") for one in entries) else None
    return wait_until(quiet, 30, "a quiet queue")


def entry_of(node, exam_id, to="shanxi"):
    return next(one for one in node.queue("--all", "--to", to) if one.get("exam") == exam_id)


# ---- order, once, newest ----

def test_exam_before_report_each_content_once_and_what_changed_again(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url})
    report(node, "R1", "E1")  # before its exam
    wait_until(lambda: any(one["state"] == "held" for one in node.queue()), 20, "the report waits")
    assert "is not here" in node.queue()[0]["why"] and node.queue()[0]["report"] == "R1"
    exam(node, "E1")
    waits_for(platform, "exam E1", "report R1")
    exam(node, "E1")  # the same again
    exam(node, "E1", examDepartmentName="放射科")
    waits_for(platform, "exam E1", "report R1", "exam E1", "report R1")  # a report says where the exam was made
    assert platform.latest()["exam E1"]["examDeptName"] == "放射科"
    report(node, "R1", "E1", impression="未见异常")
    waits_for(platform, "exam E1", "report R1", "exam E1", "report R1", "report R1")
    settled(node)
    said = node.cli("delivered", "E1").out
    assert re.search(r"report:R1 +done +3 ", said) and "exam E1 to shanxi: done" in said
    assert node.cli("delivered", "E1", "--json").json()[0]["messages"][0]["message"] == "exam"
    node.cli("queue", "retry", str(entry_of(node, "E1")["id"]))
    waits_for(platform, "exam E1", "report R1", "exam E1", "report R1", "report R1", "exam E1", "report R1")


def test_what_changes_while_it_is_sent_goes_again(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url})
    changed = threading.Event()

    def answer(path, message):
        if not changed.is_set():
            changed.set()
            exam(node, "E1", examDepartmentName="二")
        return "yes"
    platform.answer = answer
    exam(node, "E1", examDepartmentName="一")
    waits_for(platform, "exam E1", "exam E1")
    assert platform.latest()["exam E1"]["examDeptName"] == "二"


def test_what_is_removed_here_is_marked_at_the_platform(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url})
    exam(node, "E1")
    report(node, "R1", "E1")
    waits_for(platform, "exam E1", "report R1")
    assert str(platform.latest()["report R1"].get("checkStatus")) != "5"
    assert tell(node, "DELETE", "reports/R1").status in (200, 204)
    waits_for(platform, "exam E1", "report R1", "report R1")
    assert str(platform.latest()["report R1"]["checkStatus"]) == "5"
    assert tell(node, "DELETE", "exams/E1").status in (200, 204)
    wait_until(lambda: platform.told().count("exam E1") == 2, 20)
    assert str(platform.latest()["exam E1"]["disableFlag"]) == "1"


# ---- away ----

def test_a_platform_that_is_away_delays_nobody_and_is_asked_by_one_when_it_may_be_back(node, platforms):
    port, = free_ports(1)
    well = platforms()
    configure(node, {"name": "away", "url": f"http://127.0.0.1:{port}", "couriers": 4, "retry_seconds": 2, "retry_most_seconds": 2},
              {"name": "well", "url": well.url})
    for n in range(8):
        exam(node, f"E{n}")
    wait_until(lambda: len(well.told()) == 8, 20, "the other one has all")
    wait_until(lambda: re.search(r'queue_paused\{to="away",kind="report"\} 1', metrics(node)), 20, "its lane pauses")
    assert all(one["state"] in ("pending", "retry") for one in node.queue("--to", "away"))
    assert any("tried" in one["why"] and "in vain" in one["why"] for one in node.queue("--to", "away"))
    back = Platform(port)
    platforms.all.append(back)
    wait_until(lambda: len(back.told()) == 8, 30, "what waited goes")
    assert sorted(back.told()) == [f"exam E{n}" for n in range(8)]
    wait_until(lambda: re.search(r'queue_sent_total\{to="away",kind="report"\} 8', metrics(node)), 20)
    assert re.search(r'queue_retries_total\{to="away",kind="report"\} [1-9]', metrics(node))


def metrics(node):
    with urllib.request.urlopen(f"{node.http}/metrics") as answer:
        return answer.read().decode()


def test_the_next_address_is_taken_where_one_does_not_answer(node, platforms):
    port, = free_ports(1)
    platform = platforms()
    configure(node, {"name": "shanxi", "url": f"http://127.0.0.1:{port} {platform.url}"})
    for n in range(3):
        exam(node, f"E{n}")
    wait_until(lambda: len(platform.told()) == 3, 20)
    settled(node)
    calls = node.cli("requests", "shanxi", "--json").json()
    assert {one["status"] for one in calls} == {0, 200}
    assert [one["failed"] for one in calls].count(True) <= 2  # the first ones only


def test_one_call_in_five_fails_and_all_arrive_as_last_changed(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url, "couriers": 4})
    counter = iter(range(10 ** 9))
    platform.answer = lambda path, message: ["yes", "yes", 500, "yes", "yes", "yes", "yes", "cut", "yes", "yes"][next(counter) % 10]
    for n in range(40):
        exam(node, f"E{n}", examDepartmentName="一")
        report(node, f"R{n}", f"E{n}")
    for n in range(0, 40, 2):
        exam(node, f"E{n}", examDepartmentName="二")

    def whole():
        latest = platform.latest()
        return len(latest) == 80 and all(latest[f"exam E{n}"]["examDeptName"] == ("一" if n % 2 else "二") for n in range(40))
    wait_until(whole, 60, "all are there")
    told = platform.told()
    for n in range(40):
        assert told.index(f"exam E{n}") < told.index(f"report R{n}")
    assert all(one["state"] == "done" for one in settled(node))


# ---- no ----

def test_a_no_counts_after_some_tries_and_holds_back_what_is_behind_it(node, platforms):
    platform = platforms()
    platform.answer = lambda path, message: "科室编码不存在" if path == "/exam-sync" and message["risStudyId"] == "E1" else "yes"
    configure(node, {"name": "shanxi", "url": platform.url})
    exam(node, "E1")
    report(node, "R1", "E1")
    exam(node, "E2")
    entries = settled(node)
    assert {one["exam"]: one["state"] for one in entries} == {"E1": "refused", "E2": "done"}
    assert platform.told() == ["exam E2"] and len(platform.calls) == 5
    refused = entry_of(node, "E1")
    assert "科室编码不存在" in refused["reason"]
    said = node.cli("queue", "show", str(refused["id"])).out
    assert re.search(r"report:R1 +waits .*waits for exam", said), said
    assert node.cli("delivered", "E1", code=1).out.count("科室编码不存在") >= 1
    assert node.health()[1]["queue"]["alert"] or wait_until(lambda: node.health()[1]["queue"]["alert"], 20)
    failed = node.cli("requests", "shanxi", "--exam", "E1", "--failed", "--json").json()
    assert len(failed) == 4 and "科室编码不存在" in failed[-1]["answer"]
    platform.answer = lambda path, message: "yes"
    node.cli("queue", "retry", "--to", "shanxi")
    waits_for(platform, "exam E2", "exam E1", "report R1")


def test_what_the_province_would_refuse_is_held_until_it_is_mended(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url}, gate=True)
    exam(node, "E1")
    entry, = settled(node)
    assert entry["state"] == "held" and "the province would refuse" in entry["why"], entry
    assert platform.calls == []
    wait_until(lambda: re.search(r'queue_withheld\{to="shanxi",kind="report"\} 1', metrics(node)), 20)
    ungated(f"{node.data}/conf")
    node.wait_for_log(r"conf-reloaded")
    node.cli("queue", "retry", "--to", "shanxi")
    waits_for(platform, "exam E1")


def only(node, interface, *fields):
    """The gate looks at these fields only."""
    path = f"{node.data}/conf/platforms/shanxi/{interface}.csv"
    lines = [line for line in open(path, encoding="utf-8") if line.split(",")[0] not in fields]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)


def test_a_setting_that_was_missing_lets_what_was_held_go(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url})
    only(node, "exam-sync", "fixmedinsCode")
    begun = len(node.log())
    wait_until(lambda: "conf-reloaded" in node.log()[begun:], 20)
    exam(node, "E1")
    entry, = settled(node)
    assert entry["state"] == "held" and "fixmedinsCode" in entry["why"], entry
    write_json(f"{node.data}/conf/node.json", {"hospital": {"insurance_code": "H14010000001"}})
    waits_for(platform, "exam E1")
    assert platform.latest()["exam E1"]["fixmedinsCode"] == "H14010000001"


def test_a_code_that_is_mapped_lets_what_was_held_go(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url})
    only(node, "exam-sync", "maritalStatus")
    begun = len(node.log())
    wait_until(lambda: "conf-reloaded" in node.log()[begun:], 20)
    exam(node, "E1", maritalStatus="已")
    exam(node, "E2")
    waits_for(platform, "exam E2")
    wait_until(lambda: entry_of(node, "E1")["state"] == "held", 20)
    node.cli("codes", "set", "marital-status", "已", "marital-status", "20")
    waits_for(platform, "exam E2", "exam E1")
    assert platform.latest()["exam E1"]["maritalStatus"] == "20"


def test_hold_release_drop_by_the_platforms_name(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url})
    node.cli("queue", "hold", "--to", "shanxi", "--reason", "they asked us to")
    exam(node, "E1")
    exam(node, "E2")
    wait_until(lambda: len(node.queue()) == 2, 20)
    assert "they asked us to" in node.queue()[0]["why"]
    node.cli("queue", "drop", str(entry_of(node, "E2")["id"]), "--reason", "a test patient")
    node.cli("queue", "release", "--to", "shanxi")
    waits_for(platform, "exam E1")
    assert entry_of(node, "E2")["state"] == "dropped"
    exam(node, "E2", examDepartmentName="二")  # it is another one now
    waits_for(platform, "exam E1", "exam E2")


# ---- limits ----

def test_calls_keep_to_rate_and_hours(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url, "rate": 300, "couriers": 4})
    for n in range(6):
        exam(node, f"E{n}")
    wait_until(lambda: len(platform.told()) == 6, 30)
    times = sorted(when for when, _, _ in platform.calls)
    assert times[-1] - times[0] >= 0.95, times  # five pauses of 0.2 s
    hour = time.gmtime(time.time() + 8 * 3600).tm_hour  # the cases' TZ
    configure(node, {"name": "shanxi", "url": platform.url, "windows": f"{(hour + 3) % 24:02}:00-{(hour + 4) % 24:02}:00"})
    exam(node, "F")
    wait_until(lambda: any("outside the hours" in one["why"] for one in node.queue()), 20)
    assert len(platform.calls) == 6
    configure(node, {"name": "shanxi", "url": platform.url})
    wait_until(lambda: "exam F" in platform.told(), 20)


# ---- what is kept of it ----

def test_no_personal_value_is_in_catalog_calls_or_log(nodes, platforms, tmp_path):
    key = tmp_path / "records.key"
    node = nodes(hospital__code=HOSPITAL)
    node.cli("records", "key", key)
    node.start_again(records__encrypt="personal", records__key_file=key)
    platform = platforms()
    secret = ("欧阳雪梅", "140105198002030026", "13912345678", "1980-02-03")
    platform.answer = lambda path, message: f"患者{secret[0]} {secret[1]} {secret[3].replace('-', '')} 已存在"
    configure(node, {"name": "shanxi", "url": platform.url})
    exam(node, "E1", patientName=secret[0], idNumber=secret[1], phone=secret[2], birthDate=secret[3], idType="01", sex="2")
    assert settled(node)[0]["state"] == "refused"
    assert platform.calls[0][2]["patName"] == secret[0]  # the platform gets it as it is
    opened = ["--set", f"records.key_file={key}"]
    shown = node.cli("requests", "shanxi", "--show", "1", *opened).out
    assert '"risStudyId":"E1"' in shown.replace(": ", ":") and "已存在" in shown
    said = [shown, node.cli("queue", "list").out, node.cli("delivered", "E1", code=1).out, node.log(),
            node.cli("requests", "shanxi", "--json", *opened).out]
    node.stop()
    with open(f"{node.data}/catalog.sqlite", "rb") as file:
        catalog = file.read()
    for value in secret:
        assert not any(value in text for text in said), value
        assert value.encode() not in catalog, value
    with contextlib.closing(sqlite3.connect(f"{node.data}/catalog.sqlite")) as db:
        requests = [row[0] for row in db.execute("SELECT request FROM platform_call")]
    assert requests and all(b"risStudyId" not in (one if isinstance(one, bytes) else one.encode()) for one in requests)  # sealed


def test_the_last_calls_are_a_ring(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url, "keep_requests": 5})
    for n in range(12):
        exam(node, f"E{n}")
    wait_until(lambda: len(platform.told()) == 12, 20)
    settled(node)
    calls = node.cli("requests", "shanxi", "--json").json()
    assert len(calls) == 5 and [one["id"] for one in calls] == [8, 9, 10, 11, 12]
    assert len(node.cli("requests", "shanxi", "--limit", "2", "--json").json()) == 2
    assert node.cli("requests", "shanxi", "--show", "1", code=1).err


# ---- crash ----

@pytest.mark.skipif(not os.path.exists(KILL_AT), reason="YQ_KILL_AT does not name the library that kills (CTest sets it)")
def test_killed_before_each_of_its_steps_nothing_is_lost(nodes, platforms, tmp_path, monkeypatch):
    """From the change on: into the ledger, planned, claimed, sent, noted. What was acknowledged arrives, as last changed."""
    arm = tmp_path / "arm"
    monkeypatch.setenv("LD_PRELOAD", killing())
    monkeypatch.setenv("YQ_KILL_ARM", str(arm))
    node = nodes(hospital__code=HOSPITAL)
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url})
    kept, died, step = {}, 0, 0
    while step < 60:
        step += 1
        arm.write_text(str(step))
        name, survived = f"E{step}", True
        try:
            exam(node, name, examDepartmentName=f"科{step}")
            kept[f"exam {name}"] = f"科{step}"
            wait_until(lambda: f"exam {name}" in platform.told() or not node.running(), 20)
            wait_until(lambda: not node.running() or all(one["state"] == "done" for one in states(node)), 20)
            survived = node.running()
        except (OSError, ConnectionError):
            survived = False
        if not survived:
            assert node.process.wait(60) == -signal.SIGKILL
            node.process = None
            died += 1
        else:
            node.kill9()
        arm.unlink()
        node.start()
        if survived and step > died + 1:
            break
    wait_until(lambda: set(kept) <= set(platform.told()), 30, "all that was acknowledged")
    latest = platform.latest()
    assert {name: latest[name]["examDeptName"] for name in kept} == kept
    assert died >= 5, f"{died}: it was killed at its steps, not beside them"
    assert all(one["state"] == "done" for one in settled(node))


def states(node):
    with contextlib.closing(sqlite3.connect(f"file:{node.data}/catalog.sqlite?mode=ro", uri=True, timeout=10)) as db:
        names = ["gathering", "pending", "retry", "sending", "held", "refused", "done", "dropped"]
        return [{"state": names[row[0]]} for row in db.execute("SELECT state FROM outbox_job WHERE kind = 2")]


def test_kill_9_at_any_moment_and_all_arrive_as_last_changed(nodes, platforms):
    node = nodes(hospital__code=HOSPITAL)
    platform = platforms()
    counter = iter(range(10 ** 9))
    platform.answer = lambda path, message: 500 if next(counter) % 5 == 0 else "yes"
    configure(node, {"name": "shanxi", "url": platform.url, "couriers": 4})
    wanted = {}
    for round_ in range(4):
        for n in range(30):
            name = f"E{n}"
            exam(node, name, examDepartmentName=f"{round_}.{n}")
            wanted[f"exam {name}"] = f"{round_}.{n}"
            if n == 10:
                report(node, f"R{round_}", name, impression=str(round_))
                wanted[f"report R{round_}"] = None
        done = len(platform.taken)
        wait_until(lambda: len(platform.taken) > done + round_ * 3, 30, "some go")
        node.kill9()
        node.start()

    def whole():
        latest = platform.latest()
        return all(name in latest and (value is None or latest[name]["examDeptName"] == value) for name, value in wanted.items())
    wait_until(whole, 60, "all are there")
    assert all(one["state"] == "done" for one in settled(node))


def test_a_preliminary_report_waits_for_its_audit(node, platforms):
    platform = platforms()
    configure(node, {"name": "shanxi", "url": platform.url})
    exam(node, "E1")
    report(node, "R1", "E1", status="preliminary")
    report(node, "R2", "E1", status="final")
    waits_for(platform, "exam E1", "report R2")
    assert {one["state"] for one in settled(node)} == {"done"}  # nothing is held for it
    report(node, "R1", "E1", status="final")
    waits_for(platform, "exam E1", "report R2", "report R1")
