"""The audit trail: who did what, in messages of PS3.15 A.5, in files and by syslog."""
import base64
import glob
import json
import os
import re
import socket
import subprocess
import threading
import urllib.parse
import xml.etree.ElementTree as ET

import pytest

import dul
import samples
from conftest import BINARY, environment, free_ports, need_tool, run, wait_until, yingqiao

RNG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audit.rng")
LINE = re.compile(r"<(\d+)>1 (\S+Z) (\S+) yingqiao (\d+) DICOM\+RFC3881 - \ufeff(<\?xml .*)")


class Message:
    """One line of the trail, as its tables (A.5.3) speak of it."""

    def __init__(self, line):
        found = LINE.fullmatch(line)
        assert found, f"no line of RFC 5424 with a DICOM message: {line[:300]}"
        self.priority, self.host, self.pid = int(found[1]), found[3], int(found[4])
        self.text = found[5]
        self.xml = ET.fromstring(self.text)
        event = self.xml.find("EventIdentification")
        self.code, self.name = event.find("EventID").get("csd-code"), event.find("EventID").get("originalText")
        type_code = event.find("EventTypeCode")
        self.type = None if type_code is None else type_code.get("csd-code")
        self.action, self.outcome = event.get("EventActionCode"), int(event.get("EventOutcomeIndicator"))
        self.time = event.get("EventDateTime")
        assert self.time == found[2]
        self.why = event.findtext("EventOutcomeDescription")
        self.participants = self.xml.findall("ActiveParticipant")
        self.objects = self.xml.findall("ParticipantObjectIdentification")

    def user(self, role):
        """The UserID of who has a role; its AE title as _aet."""
        for one in self.participants:
            if role in [code.get("csd-code") for code in one.findall("RoleIDCode")]:
                return one
        return None

    def asked(self):
        who = [one for one in self.participants if one.get("UserIsRequestor") == "true"]
        assert len(who) <= 1, "A.5.2: only one is the requestor"
        return who[0] if who else None

    def of_kind(self, code):
        return [one for one in self.objects if one.find("ParticipantObjectIDTypeCode").get("csd-code") == code]

    def studies(self):
        return [one.get("ParticipantObjectID") for one in self.of_kind("110180")]

    def patient(self):
        one, = self.of_kind("2")
        return one.get("ParticipantObjectID"), one.findtext("ParticipantObjectName")

    def counts(self):
        return {one.get("UID"): int(one.get("NumberOfInstances")) for one in self.xml.iter("SOPClass")}

    def detail(self, kind):
        values = [one.get("value") for one in self.xml.iter("ParticipantObjectDetail") if one.get("type") == kind]
        return base64.b64decode(values[0], validate=True) if values else None

    def __repr__(self):
        return f"{self.name} {self.type or ''} {self.action} {self.outcome} {self.studies()} {self.why or ''}"


def lines(data):
    found = []
    for path in sorted(glob.glob(os.path.join(data, "audit", "audit-*.log"))):
        with open(path, "rb") as file:
            text = file.read()
        assert text.endswith(b"\n") or not text
        found += text.decode("utf-8").split("\n")[:-1]  # no other line end counts
    return found


def trail(node):
    return [Message(line) for line in lines(node.data)]


def of(node, code, **wanted):
    return [one for one in trail(node) if one.code == code and all(getattr(one, k) == v for k, v in wanted.items())]


def soon(node, code, count=1, **wanted):
    """The messages of a kind, once there are so many: an association's are written when it has ended."""
    return wait_until(lambda: (lambda found: found if len(found) >= count else None)(of(node, code, **wanted)), 20,
                      f"{count} of {code} {wanted} in {trail(node)}")


def make(study=None, uid=None, patient_id=None, patient_name=None, charset="ISO_IR 192"):
    """A small CT instance."""
    more = {"PatientID": patient_id, "PatientName": patient_name, "StudyInstanceUID": study, "SOPInstanceUID": uid}
    return samples.instance(SpecificCharacterSet=charset, **{key: value for key, value in more.items() if value})


BEGUN, ACCESSED, TRANSFERRED, DELETED, IMPORT = "110102", "110103", "110104", "110105", "110107"
ACTIVITY, READ, QUERY, ALERT, LOGIN = "110100", "110101", "110112", "110113", "110114"
DESTINATION, SOURCE, SOURCE_MEDIA = "110152", "110153", "110155"


def check(node, tmp_path):
    """Every message of the trail against the schema and against what A.5.3 wants of its kind."""
    need_tool("xmllint")
    files = []
    for number, message in enumerate(trail(node)):
        path = tmp_path / f"{number}.xml"
        path.write_text(message.text, encoding="utf-8")
        files.append(str(path))
        message.asked()
        by_outcome = {0: 85, 4: 84, 8: 83}
        assert message.priority == by_outcome[message.outcome]
        assert (message.why is not None) == (message.outcome != 0), message
        if message.code in (BEGUN, TRANSFERRED, QUERY):
            assert message.user(SOURCE) is not None and message.user(DESTINATION) is not None, message.text
        if message.code in (BEGUN, TRANSFERRED, DELETED, ACCESSED, IMPORT):
            assert len(message.studies()) == 1 and len(message.of_kind("2")) == 1, message.text
        if message.code == IMPORT:
            assert message.user(SOURCE_MEDIA).find("MediaIdentifier/MediaType").get("csd-code") == "110037"
            assert message.user(DESTINATION) is not None and message.action == "C"
        if message.code in (ACTIVITY, ALERT, QUERY, BEGUN):
            assert message.action == "E"
        if message.code == ALERT:
            assert message.type and message.detail("Alert Description")
    assert files
    done = run("xmllint", "--noout", "--relaxng", RNG, *files)
    assert done.code == 0, done.err[-3000:]


def test_a_stored_study_is_one_message_however_many_instances_it_has(node, tmp_path):
    study = samples.uid()
    group = [make(study=study) for _ in range(5)]
    with node.associate([(samples.CT, [dul.EXPLICIT])], "CT01") as association:
        for one in group:
            assert association.store(one.sop_class, one.uid, one.raw, one.syntax).Status == 0
        assert [one.studies() for one in of(node, BEGUN)] == [[study]], "told when it begins"
        assert not of(node, TRANSFERRED)
    message, = soon(node, TRANSFERRED)
    assert message.studies() == [study] and message.counts() == {samples.CT: 5}
    assert (message.action, message.outcome) == ("C", 0)
    assert message.user(SOURCE).get("UserID") == "CT01" and message.asked() is message.user(SOURCE)
    assert message.user(SOURCE).get("AlternativeUserID") == "AETITLES=CT01"
    assert message.user(SOURCE).get("NetworkAccessPointID") == "127.0.0.1"
    assert message.user(DESTINATION).get("AlternativeUserID") == f"AETITLES={node.aet}"
    assert message.user(DESTINATION).get("UserID") == str(node.pid)
    dataset = group[0].dataset()
    assert message.patient() == (dataset.PatientID, str(dataset.PatientName))
    check(node, tmp_path)


def test_the_same_again_is_read_and_what_is_refused_is_a_message_of_its_own(node, tmp_path):
    one = make()
    assert node.send(one) == [0]
    soon(node, TRANSFERRED, action="C")
    assert node.send(one) == [0]
    soon(node, TRANSFERRED, action="R")
    other, fine = make(study=one.study, uid=one.uid, patient_id="OTHER"), make(study=one.study)
    statuses = node.send(other, fine)
    assert statuses[0] != 0 and statuses[1] == 0
    failed, = soon(node, TRANSFERRED, outcome=4)
    assert failed.studies() == [one.study] and failed.counts() == {samples.CT: 1} and failed.why
    assert len(soon(node, TRANSFERRED, 2, action="C", outcome=0)) == 2
    broken = make()
    broken.raw = broken.raw[:10] + b"\xff" * 20
    assert node.send(broken)[0] != 0
    nothing_known = soon(node, TRANSFERRED, 2, outcome=4)[-1]
    assert nothing_known.studies() == ["unknown"] and nothing_known.patient()[0] == "unknown"
    assert broken.uid in nothing_known.text, "then the instance is named"
    check(node, tmp_path)


def test_an_association_that_breaks_is_told_as_broken(node, tmp_path):
    one = make()
    association = node.associate([(samples.CT, [dul.EXPLICIT])], "BREAKS")
    assert association.store(one.sop_class, one.uid, one.raw, one.syntax).Status == 0
    association.abort()
    message, = soon(node, TRANSFERRED)
    assert message.outcome == 4 and message.counts() == {samples.CT: 1} and "aborted" in message.why
    check(node, tmp_path)


def test_many_studies_over_one_association_do_not_wait_for_its_end(node):
    with node.associate([(samples.CT, [dul.EXPLICIT])], "MANY") as association:
        group = [make() for _ in range(40)]
        for one in group:
            assert association.store(one.sop_class, one.uid, one.raw, one.syntax).Status == 0
        assert len(of(node, TRANSFERRED)) == 32
    messages = soon(node, TRANSFERRED, 40)
    assert sorted(one.studies()[0] for one in messages) == sorted(one.study for one in group)


def test_a_query_is_told_with_its_identifier(node, tmp_path):
    assert node.send(make(patient_id="Q1")) == [0]
    node.find("STUDY", aet="ASKS", PatientID="Q1", StudyInstanceUID=None)
    message, = soon(node, QUERY)
    assert message.asked().get("UserID") == "ASKS" and message.outcome == 0
    what, = message.of_kind("110181")
    assert what.get("ParticipantObjectID") == dul.FIND["study"]
    assert message.detail("TransferSyntax").decode() == dul.IMPLICIT
    raw = base64.b64decode(what.findtext("ParticipantObjectQuery"), validate=True)
    assert dul.decode_dataset(raw, dul.IMPLICIT).PatientID == "Q1"
    node.find_all("NONSENSE", aet="ASKS")
    assert soon(node, QUERY, 2)[1].outcome == 4
    check(node, tmp_path)


def test_what_goes_out_is_told_with_who_asked_for_it(node, storescp, tmp_path):
    one = make()
    assert node.send(one) == [0]
    assert node.get_one(one) == one.raw
    got, = [m for m in soon(node, TRANSFERRED, 2) if m.user(SOURCE).get("UserID") == str(node.pid)]
    assert got.studies() == [one.study] and got.action == "R"
    assert got.user(DESTINATION).get("UserID") == "CASES" and got.asked() is got.user(DESTINATION)
    port, _ = storescp()
    node.add_destination("SINK", port)
    assert node.move("STUDY", "SINK", aet="MOVER", StudyInstanceUID=one.study)[-1].Status == 0
    moved, = [m for m in soon(node, TRANSFERRED, 3) if m.user(DESTINATION).get("UserID") == "SINK"]
    assert moved.asked().get("UserID") == "MOVER" and moved.outcome == 0 and moved.counts() == {samples.CT: 1}
    port, = free_ports(1)
    node.add_destination("DEAD", port)
    assert node.move("STUDY", "DEAD", aet="MOVER", StudyInstanceUID=one.study)[-1].Status != 0
    failed, = soon(node, TRANSFERRED, outcome=4)
    assert failed.user(DESTINATION).get("UserID") == "DEAD" and failed.counts() == {samples.CT: 1}
    assert soon(node, ALERT, type="110132"), "the unknown destinations before were told too"
    check(node, tmp_path)


def test_who_is_not_let_in_is_a_security_alert(nodes, tmp_path):
    node = nodes(dicom__unknown_peers="refuse")
    with pytest.raises(Exception):
        node.associate([(dul.VERIFICATION, [dul.IMPLICIT])], "STRANGER")
    alert, = soon(node, ALERT, type="110126")
    assert alert.outcome == 4 and alert.asked().get("UserID") == "STRANGER"
    assert "peers.json" in alert.detail("Alert Description").decode()
    node.ae_add("ONLYECHO", "127.0.0.1", 0, "--may", "store")
    wait_until(lambda: "conf-reloaded" in node.log(), 10)
    assert [m.detail("Alert Description").decode() for m in of(node, ALERT, type="110128")] == ["peer added: ONLYECHO"]
    read, = soon(node, ALERT, type="110131")
    assert read.detail("Alert Description").decode() == "the configuration was read anew; changed: peers.json"
    node.cli("ae", "remove", "ONLYECHO")
    person = of(node, ALERT, type="110128")[-1].asked()
    assert "@" in person.get("UserID")
    check(node, tmp_path)


def test_who_logs_in_is_told_and_who_cannot(nodes, tmp_path):
    node = nodes(dicom__user_identity="check")
    passcode = node.cli("user", "add", "ct1", "--random", "--json").json()["passcode"]
    wait_until(lambda: "conf-reloaded" in node.log(), 20)
    assert [m.detail("Alert Description").decode() for m in of(node, ALERT, type="110129")] == ["user given a passcode: ct1"]
    contexts = [(dul.VERIFICATION, [dul.IMPLICIT])]
    with node.associate(contexts, identity=(2, 0, b"ct1", passcode.encode())) as association:
        association.echo()
    with pytest.raises(dul.Rejected):
        node.associate(contexts, identity=(2, 0, b"ct1", b"wrong"))
    good, bad = soon(node, LOGIN, 2)
    assert (good.type, good.outcome, bad.outcome) == ("110122", 0, 4)
    assert good.asked().get("UserID") == bad.asked().get("UserID") == "ct1"
    assert good.asked().get("NetworkAccessPointID") == "127.0.0.1"
    assert soon(node, ALERT, type="110126"), "the refused association besides"
    assert passcode not in "".join(lines(node.data)) and "wrong" not in "".join(lines(node.data))
    check(node, tmp_path)


def test_what_is_no_tls_at_the_port_of_tls_is_a_security_alert(nodes, tmp_path):
    need_tool("openssl")
    key, certificate, (port,) = tmp_path / "key.pem", tmp_path / "certificate.pem", free_ports(1)
    assert run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
               "-out", certificate, "-days", "2", "-subj", "/CN=localhost").code == 0
    node = nodes(dicom__tls_port=port, dicom__tls_certificate=certificate, dicom__tls_key=key)
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n" * 10)
        connection.settimeout(10)
        while connection.recv(1000):
            pass
    alert, = soon(node, ALERT, type="110126")
    assert alert.outcome == 4 and alert.asked().get("NetworkAccessPointID") == "127.0.0.1"


def test_http_is_told_with_the_name_of_the_token(nodes, tmp_path):
    node = nodes()
    one = make()
    assert node.send(one) == [0]
    assert node.wado(one) is not None
    seen, = soon(node, ACCESSED)
    assert seen.action == "R" and seen.studies() == [one.study] and one.uid in seen.text
    assert seen.asked().get("UserID") == "anonymous" and seen.asked().get("NetworkAccessPointID") == "127.0.0.1"
    token = "0123456789abcdef0123456789abcdef"
    with open(os.path.join(node.data, "conf", "tokens.json"), "w") as file:
        json.dump({"tokens": [{"name": "viewer", "secret": token}]}, file)
    os.chmod(os.path.join(node.data, "conf", "tokens.json"), 0o600)
    node.start_again()
    done = run("curl", "-s", "-H", f"Authorization: Bearer {token}",
               f"{node.http}/api/v1/studies?PatientID={urllib.parse.quote('A&B')}")
    assert done.code == 0
    query, = soon(node, QUERY)
    assert query.asked().get("UserID") == "viewer", query.text
    what, = query.of_kind("10")
    assert base64.b64decode(what.findtext("ParticipantObjectQuery")) == b"/api/v1/studies?PatientID=A%26B"
    assert token not in "".join(lines(node.data))
    done = run("curl", "-s", "-H", "Host: evil.example", f"{node.http}/api/v1/studies")
    assert soon(node, ALERT, type="110126")[-1].asked().get("NetworkAccessPointID") == "127.0.0.1"
    check(node, tmp_path)


def test_names_that_would_break_xml_do_not(node, tmp_path):
    name, number = 'A"B<C>&^D\u738b\u5c0f\u4e1c', "1'<2>&3\t"
    one = make(patient_name=name, patient_id=number, charset="ISO_IR 192")
    assert node.send(one) == [0]
    message, = soon(node, TRANSFERRED)
    assert message.patient() == (number, name)
    broken = make(patient_name="X\x01Y\x1bZ", patient_id="C\x02")
    assert node.send(broken) == [0]
    message = soon(node, TRANSFERRED, 2)[1]
    assert "\x01" not in message.text and message.patient()[0].startswith("C")
    assert name not in node.log() and "1'<2>" not in node.log(), "no personal data in the log"
    check(node, tmp_path)


def test_commands_write_to_the_same_trail(node, demo, storescp, tmp_path):
    node.cli("import", demo)
    imported = soon(node, IMPORT)
    assert all(m.user(SOURCE_MEDIA).get("UserID") == f"file://{os.path.realpath(demo)}" for m in imported)
    assert all("@" in m.asked().get("UserID") for m in imported)
    studies = {m.studies()[0] for m in imported}
    assert len(imported) == len(studies) == 4
    first = sorted(studies)[0]
    port, _ = storescp()
    node.cli("send", f"SINK@127.0.0.1:{port}", "--study", first)
    sent, = of(node, TRANSFERRED)
    assert sent.studies() == [first] and "@" in sent.asked().get("UserID")
    node.cli("send", f"SINK@127.0.0.1:{port}", demo)
    assert len(of(node, TRANSFERRED)) == 5 and len(of(node, IMPORT)) == 4, "files that pass through are not imported"
    node.cli("studies", "--settle", first, "PatientName=Somebody^Else")
    changed, = of(node, ACCESSED, action="U")
    assert changed.studies() == [first] and changed.detail("Changed") == b"PatientName"
    node.cli("delete", "--study", first)
    gone, = of(node, DELETED)
    assert gone.studies() == [first] and gone.action == "D" and gone.patient()[0] != "unknown"
    node.cli("find", f"{node.aet}@127.0.0.1:{node.dicom_port}", "PatientID=X")
    assert len(of(node, QUERY)) == 2, "asked by the command, answered by the node"
    node.stop()
    node.cli("reindex")
    assert of(node, ALERT, type="110132")[-1].outcome == 0
    assert [m.type for m in of(node, ACTIVITY)] == ["110120", "110121"]
    check(node, tmp_path)


def test_fetching_from_a_peer_is_told_on_both_sides(nodes, tmp_path):
    one, other = nodes(), nodes()
    it = make()
    assert one.send(it) == [0]
    other.cli("pull", f"{one.aet}@127.0.0.1:{one.dicom_port}", f"StudyInstanceUID={it.study}")
    fetched, = soon(other, TRANSFERRED)
    assert fetched.action == "C" and fetched.user(SOURCE).get("UserID") == one.aet and "@" in fetched.asked().get("UserID")
    given = soon(one, TRANSFERRED, 2)[-1]
    assert given.action == "R" and given.user(DESTINATION).get("UserID") == "YINGQIAO"
    check(other, tmp_path)


def test_associations_and_commands_at_the_same_time_do_not_mix_lines(node, demo):
    def send(number):
        for _ in range(10):
            assert node.send(make(), aet=f"T{number}") == [0]
    threads = [threading.Thread(target=send, args=(n,)) for n in range(6)]
    commands = [subprocess.Popen([BINARY, "--data", node.data, "find", f"{node.aet}@127.0.0.1:{node.dicom_port}",
                                  "PatientID=X"], stdout=subprocess.DEVNULL, env=environment()) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads + commands:
        one.join() if one in threads else one.wait()
    messages = soon(node, TRANSFERRED, 60)
    assert len(messages) == 60 and len(of(node, BEGUN)) == 60
    assert {m.user(SOURCE).get("UserID") for m in messages} == {f"T{n}" for n in range(6)}


def test_the_files_are_for_the_node_and_its_group_alone_and_torn_lines_end(node):
    path, = glob.glob(os.path.join(node.data, "audit", "audit-*.log"))
    assert os.stat(path).st_mode & 0o777 == 0o640
    node.kill9()
    with open(path, "ab") as file:
        file.write(b"<85>1 torn")
    node.start()
    raw = [line for line in open(path, encoding="utf-8").read().split("\n") if line]
    assert [line for line in raw if not LINE.fullmatch(line)] == ["<85>1 torn"]
    shown = node.cli("audit", "--json").json()
    assert [one["type"] for one in shown] == ["Application Start", "Application Start"]


def test_what_cannot_be_written_follows_later_and_the_node_says_so(nodes):
    node = nodes(audit__required="true")
    one = make()
    folder = os.path.join(node.data, "audit")
    os.rename(folder, folder + ".away")
    with open(folder, "w"):
        pass  # in its place
    assert node.send(one, aet="BEFORE") == [0], "what was under way is taken"
    status = wait_until(lambda: (lambda got: got if got[0] == 503 else None)(node.health()), 20)
    assert "audit" in status[1]["problem"]
    with pytest.raises(Exception):
        node.associate([(dul.VERIFICATION, [dul.IMPLICIT])], "NOW")
    assert node.fetch("/api/v1/studies")[0] == 503
    os.remove(folder)
    os.rename(folder + ".away", folder)
    wait_until(lambda: node.health()[0] == 200, 20)
    assert node.send(make()) == [0]
    assert soon(node, TRANSFERRED, 2)[0].user(SOURCE).get("UserID") == "BEFORE"
    assert soon(node, ALERT)[0].asked().get("UserID") == "NOW"


def test_old_days_go_when_they_are_over(nodes, tmp_path):
    node = nodes(audit__days=30)
    folder = os.path.join(node.data, "audit")
    node.stop()
    for day in ("20200101", "20991231"):
        with open(os.path.join(folder, f"audit-{day}.log"), "w"):
            pass
    node.start()
    wait_until(lambda: not os.path.exists(os.path.join(folder, "audit-20200101.log")), 20)
    assert os.path.exists(os.path.join(folder, "audit-20991231.log"))


# ---- the command ----


def test_who_looked_at_this_study(node):
    one, other = make(), make()
    assert node.send(one, other, aet="CT01") == [0, 0]
    node.find("STUDY", aet="ASKS", PatientID="X*", StudyInstanceUID=None)
    node.wado(one)
    node.get_one(one)
    soon(node, TRANSFERRED, 3)
    shown = node.cli("audit", "--study", one.study, "--json").json()
    assert [(m["event"], m["action"]) for m in shown] == [
        ("Begin Transferring DICOM Instances", "E"), ("DICOM Instances Transferred", "C"),
        ("DICOM Instances Accessed", "R"), ("Begin Transferring DICOM Instances", "E"),
        ("DICOM Instances Transferred", "R")]
    assert all(one.study in [o["id"] for o in m["objects"]] for m in shown)
    assert [o["instances"] for m in shown for o in m["objects"] if "instances" in o] == [1, 1, 1]
    text = node.cli("audit", "--aet", "ASKS").out
    assert "Query" in text and "STUDY PatientID=X*" in text and "CT01" not in text
    assert "CT01 > YQTEST" in node.cli("audit", "--since", "1h", "--study", one.study).out
    assert node.cli("audit", "--since", "2999-01-01").out.startswith("nothing of that")
    assert "the last 1 of" in node.cli("audit", "--limit", "1").out
    assert len(of(node, READ)) == 5, "reading is told too"
    patient = one.dataset().PatientID
    assert node.cli("audit", "--patient", patient, "--json").json()
    node.cli("audit", "--since", "yesterday", code=2)
    yingqiao("audit", data=os.path.join(node.folder, "nowhere"), code=1)


# ---- the collector ----


class Collector:
    """A syslog server that keeps what it gets. RFC 6587 3.4.1, or one message a datagram."""

    def __init__(self, kind, port):
        self.kind, self.messages = kind, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.open = []
        if kind == "tcp":
            self.socket.listen()
        self.thread = threading.Thread(target=self.accept if kind == "tcp" else self.take, daemon=True)
        self.thread.start()

    def take(self):
        try:
            while got := self.socket.recv(1 << 17):
                self.messages.append(Message(got.decode("utf-8")))
        except OSError:
            pass

    def accept(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                self.open.append(connection)
                threading.Thread(target=self.read, args=(connection,), daemon=True).start()
        except OSError:
            pass

    def read(self, connection):
        held = b""
        try:
            while True:
                got = connection.recv(1 << 16)
                if not got:
                    return
                held += got
                while re.match(rb"\d+ ", held):
                    length, rest = held.split(b" ", 1)
                    if len(rest) < int(length):
                        break
                    self.messages.append(Message(rest[:int(length)].decode("utf-8")))
                    held = rest[int(length):]
        except OSError:
            pass

    def close(self):
        for one in [self.socket] + self.open:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        self.thread.join(5)


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_collector_that_was_down_gets_everything_afterwards(nodes, kind):
    port, = free_ports(1)
    node = nodes(audit__syslog=f"{kind}://127.0.0.1:{port}")
    first, second, third = make(), make(), make()
    assert node.send(first) == [0]
    soon(node, TRANSFERRED)
    node.wait_for_log("audit-collector .*state=unreachable", 20)
    assert node.health()[0] == 200, "that is nobody's illness"
    assert int(re.search(rb"audit_backlog_bytes (\d+)", node.fetch("/metrics")[2])[1]) > 0

    def has(collector, one):
        return one.study in [m.studies()[0] for m in collector.messages if m.code == TRANSFERRED]

    collector = Collector(kind, port)
    wait_until(lambda: has(collector, first), 40, "the first study at the collector")
    assert collector.messages[0].code == ACTIVITY, "from the beginning of the day"
    assert node.send(second) == [0]
    wait_until(lambda: has(collector, second), 20)
    wait_until(lambda: b"audit_backlog_bytes 0" in node.fetch("/metrics")[2], 20)
    node.wait_for_log("audit-collector .*state=ok")
    collector.close()
    assert node.send(third) == [0]
    soon(node, TRANSFERRED, 3)
    node.stop()
    seen = len(collector.messages)
    node.start()
    again = Collector(kind, port)
    wait_until(lambda: has(again, third), 40, "the third study at the collector")
    wait_until(lambda: b"audit_backlog_bytes 0" in node.fetch("/metrics")[2], 20)
    wait_until(lambda: [m.text for m in collector.messages[:seen] + again.messages][-1] == trail(node)[-1].text, 20)
    everything = {m.text for m in trail(node)}
    assert {m.text for m in collector.messages[:seen] + again.messages} == everything
    assert len(again.messages) < len(everything), "what had arrived does not come again"
    again.close()


def test_a_collector_that_does_not_read_keeps_nobody_waiting(nodes):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    node = nodes(audit__syslog=f"tcp://127.0.0.1:{listener.getsockname()[1]}")
    for _ in range(20):
        assert node.send(make()) == [0]
    assert len(soon(node, TRANSFERRED, 20)) == 20
    node.stop()
    listener.close()


def test_a_setting_that_is_no_collector_is_named(node):
    done = node.cli("check", "--set", "audit.syslog=collector:514", code=None)
    assert "audit.syslog" in done.err and "udp://host:port" in done.err
