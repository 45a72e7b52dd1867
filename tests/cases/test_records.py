"""Records: kept with every version, masked, audited, encrypted at rest; what was acknowledged stays through kill -9."""
import http.client
import json
import os
import random
import re
import signal
import subprocess
import threading

import pytest
from conftest import BINARY, environment, free_ports, sanitized, wait_until, yingqiao

PERSON = {"patientId": "PATIENT77", "patientName": "孙悟空", "idNumber": "130102198001010012", "phone": "13800138000"}
CLEAR = ["PATIENT77", "patient77", "孙悟空", "130102198001010012", "13800138000"]


def lines(path, records):
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    return path


def exam(number, **more):
    return {"examId": f"E{number}", "accessionNumber": [f"A{number}"], "ward": "ward", **more}


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def put(data, tmp_path, kind, *records, code=0, options=()):
    return yingqiao("records", "put", kind, lines(tmp_path / "in.ndjson", records), *options, data=data, code=code)


def keyed(tmp_path):
    """Options that turn encryption on."""
    key = tmp_path / "safe" / "records.key"
    key.parent.mkdir(exist_ok=True)
    if not key.exists():
        yingqiao("records", "key", key)
    return ["--set", "records.encrypt=personal", "--set", f"records.key_file={key}"]


def in_the_files(data, words):
    """Which of the words stand in the catalog and what is beside it."""
    found = set()
    for file in data.glob("catalog.sqlite*"):
        content = file.read_bytes()
        found |= {word for word in words if word.encode() in content}
    return found


def test_a_record_comes_in_changes_and_every_version_can_be_seen(data, tmp_path):
    put(data, tmp_path, "exam", exam(1, **PERSON, status="requested"))
    said = put(data, tmp_path, "exam", exam(1, **PERSON, status="scheduled"), exam(1, **PERSON, status="scheduled"))
    assert said.out.splitlines() == ["line 1: changed, version 2", "line 2: same, version 2"]
    history = yingqiao("records", "history", "exam", "E1", "--json", data=data).json()
    assert [(one["version"], one.get("changed")) for one in history] == [(1, None), (2, "status")]
    assert all(one["source"] == "hand" and "@" in one["person"] for one in history)
    first = yingqiao("records", "show", "exam", "E1", "1", "--personal", "--json", data=data).json()
    assert first == exam(1, **PERSON, status="requested")
    assert yingqiao("records", "show", "exam", "E1", "3", data=data, code=1).err.count("no such record")


def test_what_is_wrong_is_named_with_its_line_and_keeps_no_other_back(data, tmp_path):
    said = put(data, tmp_path, "exam", exam(1), exam(2, wart="x"), {"ward": "x"}, exam(3, examTime="soon"), exam(4), code=1)
    assert said.out.splitlines() == ["line 1: new, version 1", "line 5: new, version 1"]
    assert re.search(r"line 2: wart: exam has no such member", said.err)
    assert re.search(r"line 3: examId: is missing", said.err)
    assert re.search(r"line 4: examTime", said.err)
    assert "soon" not in said.err


def test_records_are_found_by_what_they_carry(data, tmp_path):
    put(data, tmp_path, "exam", exam(1, patientId="P1"), exam(2, patientId="P2", accessionNumber=["A2", "A3"]))
    put(data, tmp_path, "report", {"reportId": "R1", "patientId": "P1", "examId": "E1"})

    def found(*options):
        return [one["id"] for one in yingqiao("records", "list", "--json", *options, data=data).json()]
    assert found() == ["R1", "E2", "E1"]
    assert found("--patient", "P1") == ["R1", "E1"]
    assert found("--patient", "p1", "--kind", "report") == ["R1"]
    assert found("--accession", "A3") == ["E2"]
    assert found("--source", "hl7:*") == []
    assert found("--since", "1h", "--limit", "2") == ["R1", "E2"]
    assert found("--until", "1h") == []
    assert yingqiao("records", "list", "--kind", "exma", data=data, code=2)


def test_problems_are_counted_by_member(data, tmp_path):
    put(data, tmp_path, "exam", exam(1, sex="7"), exam(2, sex="8"), exam(3, sex="1"))
    problems = yingqiao("records", "problems", "--json", data=data).json()
    assert [one["count"] for one in problems if one["member"] == "sex"] == [2]
    listed = yingqiao("records", "list", "--findings", "--json", data=data).json()
    assert {one["id"] for one in listed} >= {"E1", "E2"}


def test_what_is_personal_is_masked_until_somebody_asks_and_that_is_told(data, tmp_path):
    put(data, tmp_path, "exam", exam(1, **PERSON))
    for command in (["list"], ["list", "--json"], ["show", "exam", "E1"], ["problems"]):
        out = yingqiao("records", *command, data=data).out
        assert not any(word in out for word in CLEAR), out
    trail = (lambda: [(one["event"], one["action"]) for one in yingqiao("audit", "--json", data=data).json()
                      if one["event"] == "Procedure Record"])
    assert trail() == [("Procedure Record", "C"), ("Procedure Record", "R")]
    assert "孙悟空" in yingqiao("records", "list", "--personal", data=data).out
    assert "130102198001010012" in yingqiao("records", "show", "exam", "E1", "--personal", data=data).out
    assert trail()[2:] == [("Procedure Record", "R")] * 2
    table = yingqiao("audit", data=data).out
    assert "exam E1 version 1" in table and "Procedure Record: read" in table and "孙悟空" not in table


def test_nothing_personal_lies_in_the_clear_when_it_is_encrypted(data, tmp_path):
    options = keyed(tmp_path)
    put(data, tmp_path, "exam", exam(1, **PERSON), options=options)
    put(data, tmp_path, "patient", PERSON, options=options)
    put(data, tmp_path, "exam", exam(1, **PERSON, bed="7"), options=options)
    assert in_the_files(data, CLEAR + ["A1"]) == {"A1"}
    shown = yingqiao("records", "show", "exam", "E1", "--personal", "--json", *options, data=data).json()
    assert shown == exam(1, **PERSON, bed="7")
    found = yingqiao("records", "list", "--patient", "PATIENT77", "--json", *options, data=data).json()
    assert [one["kind"] for one in found] == ["patient", "exam"]
    assert yingqiao("records", "show", "patient", "PATIENT77", "--personal", "--json", *options, data=data).json() == PERSON


def test_what_was_there_before_is_sealed_and_keys_change(data, tmp_path):
    put(data, tmp_path, "exam", exam(1, **PERSON), exam(2, **PERSON))
    put(data, tmp_path, "patient", PERSON)
    assert in_the_files(data, CLEAR) == set(CLEAR)
    options = keyed(tmp_path)
    done = yingqiao("records", "reseal", "--json", *options, data=data).json()
    assert done == {"versions": 3, "resealed": 3, "left": 0, "scrubbed": True}
    assert in_the_files(data, CLEAR) == set()
    yingqiao("records", "key", tmp_path / "safe" / "records.key")
    assert yingqiao("records", "reseal", "--json", *options, data=data).json()["resealed"] == 3
    assert yingqiao("records", "reseal", "--json", *options, data=data).json()["resealed"] == 0
    shown = yingqiao("records", "show", "exam", "E2", "--personal", "--json", *options, data=data).json()
    assert shown == exam(2, **PERSON)
    yingqiao("reindex", *options, data=data)
    shown = yingqiao("records", "show", "patient", "PATIENT77", "--personal", "--json", *options, data=data).json()
    assert shown == PERSON
    (data / "catalog.sqlite.old").unlink()
    assert in_the_files(data, CLEAR) == set()


def test_a_lost_key_is_an_error_and_never_garbage(data, tmp_path, nodes):
    options = keyed(tmp_path)
    key = tmp_path / "safe" / "records.key"
    put(data, tmp_path, "exam", exam(1, **PERSON), options=options)
    key.rename(tmp_path / "away.key")
    assert "records.key" in yingqiao("records", "show", "exam", "E1", *options, data=data, code=1).err
    done = subprocess.run([BINARY, "serve", "--data", data, *options, "--set", f"dicom.port={free_ports(1)[0]}", "--set", "http.port=0"],
                          capture_output=True, text=True, env=environment(), timeout=60, check=False)
    assert done.returncode == 1 and "records.key" in done.stderr
    yingqiao("records", "key", key)
    said = yingqiao("records", "show", "exam", "E1", *options, data=data, code=1)
    assert "which is not in" in said.err and "ward" not in said.out
    assert in_the_files(data, CLEAR) == set()
    put(data, tmp_path, "exam", exam(2, **PERSON), options=options)
    key.write_text(key.read_text() + "".join(one for one in (tmp_path / "away.key").read_text().splitlines(True)
                                             if one.startswith("key")))
    shown = yingqiao("records", "show", "exam", "E1", "--personal", "--json", *options, data=data).json()
    assert shown == exam(1, **PERSON)


def test_others_may_not_read_the_key(data, tmp_path):
    options = keyed(tmp_path)
    (tmp_path / "safe" / "records.key").chmod(0o644)
    said = put(data, tmp_path, "exam", exam(1), code=1, options=options)
    assert "chmod 600" in said.err


def test_a_reindex_keeps_records_and_their_versions(data, tmp_path):
    put(data, tmp_path, "exam", exam(1), exam(2))
    put(data, tmp_path, "exam", exam(1, bed="7"))
    yingqiao("reindex", data=data)
    history = yingqiao("records", "history", "exam", "E1", "--json", data=data).json()
    assert [one["version"] for one in history] == [1, 2]
    assert [one["id"] for one in yingqiao("records", "list", "--accession", "A2", "--json", data=data).json()] == ["E2"]


def test_kill_9_while_a_file_is_taken_in_loses_nothing_that_was_acknowledged(data, tmp_path):
    kills, acknowledged = 6 if sanitized() else 15, {}
    for turn in range(kills):
        path = lines(tmp_path / "many.ndjson", (exam(f"{turn}-{i}", bed=str(i)) for i in range(20000)))
        process = subprocess.Popen([BINARY, "--data", str(data), "records", "put", "exam", str(path)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
        wanted = random.randint(1, 4000)
        for number, line in enumerate(process.stdout):
            if number == wanted:
                process.send_signal(signal.SIGKILL)
            match = re.fullmatch(r"line (\d+): new, version 1\n", line)
            if match:  # the last line may have been cut
                acknowledged[f"E{turn}-{int(match.group(1)) - 1}"] = str(int(match.group(1)) - 1)
        assert process.wait(60) == -signal.SIGKILL
    listed = {one["id"]: one for one in yingqiao("records", "list", "--limit", "0", "--json", data=data).json()}
    assert acknowledged and not set(acknowledged) - set(listed)
    for one in random.sample(sorted(acknowledged), 20):
        assert yingqiao("records", "show", "exam", one, "--json", data=data).json()["bed"] == acknowledged[one]


class Sender(threading.Thread):
    """Puts records by HTTP until the node dies; remembers what was acknowledged."""

    def __init__(self, node, name):
        super().__init__(daemon=True)
        self.port, self.name_, self.kept = node.http_port, name, {}

    def run(self):
        number = 0
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            while True:
                one = exam(f"{self.name_}-{number % 50}", bed=str(number))
                connection.request("PUT", f"/api/v1/exams/{one['examId']}", json.dumps(one),
                                   {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 503:  # it stops
                    return
                assert answer.status in (200, 201, 204), answer.status
                self.kept[one["examId"]] = number
                number += 1
        except (OSError, http.client.HTTPException):
            pass


def test_kill_9_of_the_node_while_it_receives_loses_nothing_that_was_acknowledged(nodes):
    node = nodes()
    for turn in range(3 if sanitized() else 10):
        senders = [Sender(node, f"{turn}-{i}") for i in range(4)]
        for one in senders:
            one.start()
        enough = random.randint(60, 200)
        wait_until(lambda: sum(len(one.kept) for one in senders) >= enough or  # noqa: B023
                   not any(one.is_alive() for one in senders), 60)
        node.kill9()
        for one in senders:
            one.join(60)
        assert all(one.kept for one in senders)
        node.start()
        for sender in senders:
            for name, number in random.sample(sorted(sender.kept.items()), min(10, len(sender.kept))):
                shown = yingqiao("records", "show", "exam", name, "--json", data=node.data).json()
                assert int(shown["bed"]) >= number  # what was under way may have arrived too


def test_the_node_and_commands_change_one_record_without_loss(nodes, tmp_path):
    node = nodes()
    sender = Sender(node, "x")
    sender.start()
    for i in range(5):
        said = yingqiao("records", "put", "exam", lines(tmp_path / "in.ndjson", [{"examId": f"Ex-{n}", "orderNumber": [f"O{i}"]}
                                                                               for n in range(50)]), "--overlay", data=node.data)
        assert len(said.out.splitlines()) == 50
    assert sender.is_alive()
    node.stop()
    sender.join(60)
    assert os.path.exists(node.log_path) and "records-failed" not in node.log()
    history = yingqiao("records", "history", "exam", "Ex-1", "--json", data=node.data).json()
    assert [one["version"] for one in history] == list(range(1, len(history) + 1))
    assert len({one["source"] for one in history}) == 2
