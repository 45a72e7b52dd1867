"""What comes from outside may be anything. The node refuses it cleanly, stays up, and keeps nothing half."""
import os
import random
import re
import socket
import struct
import time

import dul
import pytest
import samples
from conftest import run, wait_until

CONTEXTS = [(samples.CT, [dul.EXPLICIT]), (dul.VERIFICATION, [dul.IMPLICIT]), (dul.FIND["study"], [dul.IMPLICIT]),
            (dul.MOVE["study"], [dul.IMPLICIT])]
ASKED = [(1 + 2 * n, abstract, syntaxes) for n, (abstract, syntaxes) in enumerate(CONTEXTS)]


@pytest.fixture(scope="module")
def shared(shared_nodes):
    return shared_nodes(dicom__artim_seconds=2, dicom__stall_seconds=3, dicom__idle_seconds=20)


@pytest.fixture
def node(shared):
    """After every case the node lives, answers, and has nothing half there."""
    pid = shared.pid
    before = set(shared.objects())
    yield shared
    assert shared.running() and shared.pid == pid, shared.log()[-4000:]
    assert shared.echo() == 0x0000
    wait_until(lambda: not shared.staging(), 30, "staging is empty")
    for path in set(shared.objects()) - before:
        assert samples.load(path).study, f"half an object: {path}"


def store_command(one, message=1, dataset=True):
    return dul.encode_command(CommandField=dul.C_STORE, MessageID=message, AffectedSOPClassUID=one.sop_class,
                              AffectedSOPInstanceUID=one.uid, Priority=0, CommandDataSetType=1 if dataset else 0x0101)


def ends(sock, seconds=30):
    """The node closes the connection, after an A-ABORT or without a word; what it said until then."""
    sock.settimeout(seconds)
    said = b""
    try:
        while True:
            part = sock.recv(65536)
            if not part:
                return said
            said += part
    except ConnectionResetError:
        return said
    except socket.timeout:
        raise AssertionError(f"the connection is still open after {seconds} s; it said {said[:64].hex()}")


def connect(node):
    return socket.create_connection(("127.0.0.1", node.port), timeout=30)


# ---- legal, but not what one expects ----


def test_three_pdvs_of_unequal_length_in_one_pdu_are_taken(node):
    """Command, then dataset in three pieces of unequal length, all in one P-DATA-TF."""
    one = samples.instance(size=5000)
    with node.associate(CONTEXTS) as association:
        raw = one.raw
        parts = [raw[:100], raw[100:102], raw[102:]]
        body = dul.pdv(1, store_command(one), True)
        body += b"".join(dul.pdv(1, part, False, n == 2) for n, part in enumerate(parts))
        association.raw(dul.pdu(4, body))
        assert association.receive().Status == 0x0000
    assert node.get_one(one) == one.raw


@pytest.mark.parametrize("seed", range(4))
def test_any_legal_cut_into_pdvs_and_pdus_is_taken(node, seed):
    chance = random.Random(seed)
    ones = [samples.instance(size=chance.choice([64, 3000, 40000])) for _ in range(3)]
    with node.associate(CONTEXTS) as association:
        for n, one in enumerate(ones):
            pdvs = cut(chance, 1, store_command(one, n + 1), True) + cut(chance, 1, one.raw, False)
            while pdvs:
                taken = chance.randint(1, min(5, len(pdvs)))
                association.raw(dul.pdu(4, b"".join(pdvs[:taken])))
                del pdvs[:taken]
            assert association.receive().Status == 0x0000
    for one in ones:
        assert node.get_one(one) == one.raw


def cut(chance, context, data, command):
    pdvs, at = [], 0
    while at < len(data):
        size = chance.choice([2, 3, 17, 500, 9000, 20000])
        if chance.random() < 0.1:
            pdvs.append(dul.pdv(context, b"", command, False))
        pdvs.append(dul.pdv(context, data[at:at + size], command, at + size >= len(data)))
        at += size
    return pdvs


def test_byte_by_byte_is_a_slow_sender_and_no_more(node):
    """Association, three PDVs in one PDU, and release, one byte a packet."""
    one = samples.instance(size=64)
    body = dul.pdv(1, store_command(one), True)
    body += dul.pdv(1, one.raw[:7], False, False) + dul.pdv(1, one.raw[7:9], False, False) + dul.pdv(1, one.raw[9:])
    with connect(node) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for message, answer in ((dul.associate_rq(ASKED), 2), (dul.pdu(4, body), 4), (dul.pdu(5, bytes(4)), 6)):
            for byte in message:
                sock.sendall(bytes([byte]))
            kind, said = dul.read_pdu(sock)
            assert kind == answer
            if kind == 4:
                assert dul.decode_command(said[6:])["Status"] == 0x0000
    assert node.get_one(one) == one.raw


def test_messages_sent_ahead_are_answered_one_after_the_other(node):
    ones = samples.series_of(5)
    with node.associate(CONTEXTS) as association:
        association.raw(b"".join(dul.pdu(4, dul.pdv(1, store_command(one, n), True)) + dul.pdu(4, dul.pdv(1, one.raw))
                                 for n, one in enumerate(ones, 1)))
        answers = [association.receive() for _ in ones]
    assert [(a.MessageIDBeingRespondedTo, a.Status) for a in answers] == [(n, 0) for n in range(1, 6)]


def test_an_association_of_a_peer_that_takes_tiny_pdus_is_served(node):
    one = samples.instance(size=2000)
    assert node.send(one) == [0x0000]
    with node.associate([(dul.GET["study"], [dul.IMPLICIT]), (samples.CT, [dul.EXPLICIT])], roles=[samples.CT],
                        max_pdu=128) as association:
        got = []
        identifier = samples.Dataset()
        identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", one.study
        association.ask(dul.C_GET, dul.GET["study"], identifier)
        final = list(association.answers(lambda message: got.append(message.dataset) or 0))[-1]
        assert final.Status == 0x0000 and got == [one.raw]


# ---- PDUs that lie ----


def lying_pdus():
    one = samples.instance()
    command = store_command(one)
    good = dul.pdv(1, command, True)
    yield "a PDV longer than its PDU", dul.pdu(4, struct.pack(">IBB", 5000, 1, 3) + command)
    yield "a PDV of length 0", dul.pdu(4, struct.pack(">I", 0))
    yield "a PDV of length 1", dul.pdu(4, struct.pack(">IB", 1, 1))
    yield "a PDV of length 0 after a good one", dul.pdu(4, good + struct.pack(">I", 0))
    yield "a PDV of length 2^32-1", dul.pdu(4, struct.pack(">IBB", 0xFFFFFFFF, 1, 3) + command)
    yield "a PDV of length 2^31", dul.pdu(4, good + struct.pack(">IBB", 0x80000000, 1, 0))
    yield "a second PDV longer than what is left", dul.pdu(4, good + struct.pack(">IBB", 100, 1, 2) + b"abc")
    yield "three bytes of a PDV's length", dul.pdu(4, good + b"\0\0\0")
    yield "an empty P-DATA-TF", dul.pdu(4, b"")
    yield "a PDU of 4 GB", struct.pack(">BBI", 4, 0, 0xFFFFFFFF) + good
    yield "a PDU of 2 GB", struct.pack(">BBI", 4, 0, 0x7FFFFFFF) + good
    yield "a PDU of a type there is not", dul.pdu(0x2A, b"hello")
    yield "a second A-ASSOCIATE-RQ", dul.associate_rq(ASKED)
    yield "an A-ASSOCIATE-AC", dul.pdu(2, bytes(68))
    yield "a context that was not accepted", dul.pdu(4, dul.pdv(77, command, True))
    yield "context 0", dul.pdu(4, dul.pdv(0, command, True))
    yield "a dataset without a command", dul.pdu(4, dul.pdv(1, one.raw))
    yield "a command set that is none", dul.pdu(4, dul.pdv(1, b"\xff" * 64, True))
    yield "a command set cut short", dul.pdu(4, dul.pdv(1, command[:-3], True))
    yield "an empty command set", dul.pdu(4, dul.pdv(1, b"", True))
    yield "a command set with a length that overflows", dul.pdu(4, dul.pdv(1, command[:12] + struct.pack(
        "<HHI", 0, 2, 0xFFFFFFF0) + command[20:], True))
    yield "a command set of 2 MB", b"".join(dul.pdu(4, dul.pdv(1, bytes(65536), True, False)) for _ in range(32))
    yield "an unknown command", dul.pdu(4, dul.pdv(1, dul.encode_command(CommandField=0x0BAD, MessageID=1,
                                                                         CommandDataSetType=0x0101), True))
    yield "an answer nobody asked for", dul.pdu(4, dul.pdv(1, dul.encode_command(
        CommandField=dul.C_STORE | dul.RESPONSE, MessageIDBeingRespondedTo=9, Status=0, CommandDataSetType=0x0101), True))
    yield "a dataset in another context than its command", dul.pdu(4, good + dul.pdv(3, one.raw))
    yield "a store without a dataset", dul.pdu(4, dul.pdv(1, store_command(one, dataset=False), True))


@pytest.mark.parametrize("what, data", list(lying_pdus()), ids=[what for what, _ in lying_pdus()])
def test_a_pdu_that_lies_ends_its_own_association_only(node, what, data):
    with node.associate(CONTEXTS) as bystander:
        association = node.associate(CONTEXTS)
        try:
            association.raw(data)
            association.sock.shutdown(socket.SHUT_WR)
        except (dul.Aborted, OSError):
            pass
        ends(association.sock)
        association.close()
        assert bystander.echo() == 0x0000


def strange_requests():
    good = dul.associate_rq(ASKED)
    yield "a request cut short", good[:100]
    yield "a protocol version of the future", dul.associate_rq(ASKED, protocol=2)
    yield "another application context", dul.associate_rq(ASKED, application="1.2.3.4")
    yield "no presentation contexts", dul.associate_rq([])
    yield "a context without syntaxes", dul.associate_rq([(1, samples.CT, [])])
    yield "even context ids", dul.associate_rq([(2, samples.CT, [dul.EXPLICIT])])
    yield "the same context id twice", dul.associate_rq([(1, samples.CT, [dul.EXPLICIT])] * 2)
    yield "syntaxes that are no UIDs", dul.associate_rq([(1, samples.CT, ["../../etc/passwd", "\xff" * 90])])
    yield "a class that is no UID", dul.associate_rq([(1, "A" * 200, [dul.EXPLICIT])])
    yield "500 contexts", dul.associate_rq([(1, samples.CT, [dul.EXPLICIT])] * 500)
    yield "a thousand syntaxes", dul.associate_rq([(1, samples.CT, [f"1.2.{n}" for n in range(1000)])])
    yield "control characters in the titles", dul.associate_rq(ASKED, called="\x01\n\r", calling="A\nB\"\x7f")
    yield "an empty calling title", dul.associate_rq(ASKED, calling="")
    yield "a PDU size of 1", dul.associate_rq(ASKED, max_pdu=1)
    yield "a PDU size of 2^32-1", dul.associate_rq(ASKED, max_pdu=0xFFFFFFFF)
    yield "a length that is a lie", good[:2] + struct.pack(">I", 0x00FFFFFF) + good[6:]
    yield "a length of 4 GB", good[:2] + struct.pack(">I", 0xFFFFFFFF) + good[6:]
    yield "a length of 0", good[:2] + struct.pack(">I", 0)
    yield "items longer than the PDU", good[:6 + 68] + struct.pack(">BBH", 0x20, 0, 0xFFFF) + good[6 + 72:]
    yield "user items longer than their item", good[:-20] + b"\x55\x00\xff\xff" + good[-16:]
    yield "a role selection with a lying length", dul.pdu(1, good[6:] + dul.item(0x50, dul.item(0x54, b"\xff\xff1.2"))) 
    yield "an extended negotiation with a lying length", dul.pdu(1, good[6:] + dul.item(0x50, dul.item(0x56, b"\xff\xff")))
    yield "HTTP", b"GET /api/v1/studies HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield "TLS", bytes.fromhex("16030102000100")
    yield "zeroes", bytes(1000)
    yield "a release before all", dul.pdu(5, bytes(4))
    yield "data before all", dul.pdu(4, dul.pdv(1, b"abc", True))
    yield "an abort before all", dul.pdu(7, bytes(4))
    yield "noise", samples.noise_bytes(1, 4000)


def say_and_hang_up(node, data):
    """The node may end the connection before all is said; it has to end it."""
    with connect(node) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        ends(sock)


@pytest.mark.parametrize("what, data", list(strange_requests()), ids=[what for what, _ in strange_requests()])
def test_a_strange_request_is_refused_or_served_but_never_hurts(node, what, data):
    say_and_hang_up(node, data)
    assert all(ord(char) >= 32 or char == "\n" for char in node.log()), "control characters in the log"


def test_requests_with_flipped_bytes_never_hurt(node):
    chance = random.Random(20260301)
    good = dul.associate_rq(ASKED, extended={dul.FIND["study"]: b"\1\1"}, roles=[samples.CT])
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        say_and_hang_up(node, data)


def test_messages_with_flipped_bytes_never_hurt(node):
    chance = random.Random(20260302)
    one = samples.instance(size=64)
    good = dul.pdu(4, dul.pdv(1, store_command(one), True) + dul.pdv(1, one.raw))
    for _ in range(100):
        data = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        association = node.associate(CONTEXTS)
        try:
            association.raw(bytes(data))
            association.sock.shutdown(socket.SHUT_WR)
        except (dul.Aborted, OSError):
            pass
        ends(association.sock)
        association.close()


# ---- the silent, the slow and the forgotten ----


def test_200_silent_connections_do_not_keep_a_scanner_out(node, tmp_path):
    path = samples.instance().save(tmp_path / "one.dcm")
    silent = [connect(node) for _ in range(200)]
    try:
        done = run("storescu", "-aec", node.aet, "127.0.0.1", node.port, path, timeout=60)
        assert done.code == 0, done
        for sock in silent:
            ends(sock, 60)
    finally:
        for sock in silent:
            sock.close()


def test_a_request_that_never_ends_is_dropped_in_time(node):
    with connect(node) as sock:
        sock.sendall(dul.associate_rq(ASKED)[:50])
        ends(sock, 60)


def test_a_request_that_drips_is_dropped_all_the_same(node):
    """The time counts from the beginning: a byte now and then does not prolong it."""
    request = dul.associate_rq(ASKED)
    with connect(node) as sock:
        sock.settimeout(0.2)
        deadline = time.monotonic() + 60
        for byte in request[:-1]:
            try:
                sock.sendall(bytes([byte]))
                if sock.recv(1) == b"":
                    return
            except socket.timeout:
                assert time.monotonic() < deadline, "the node still listens"
            except OSError:
                return
    raise AssertionError("the node let the request drip to its end")


def test_an_association_that_stalls_in_a_dataset_is_reaped(node):
    one = samples.instance(size=3000)
    association = node.associate(CONTEXTS)
    association.raw(dul.pdu(4, dul.pdv(1, store_command(one), True)) + dul.pdu(4, dul.pdv(1, one.raw[:999], False, False)))
    ends(association.sock, 60)
    association.close()
    assert node.count(StudyInstanceUID=one.study) == 0


def test_an_association_that_stalls_in_a_pdu_is_reaped(node):
    one = samples.instance(size=3000)
    association = node.associate(CONTEXTS)
    association.raw(dul.pdu(4, dul.pdv(1, store_command(one), True)) + dul.pdu(4, dul.pdv(1, one.raw))[:700])
    ends(association.sock, 60)
    association.close()


def test_an_association_that_drips_is_reaped_all_the_same(node):
    """A byte now and then, within a PDU, is no progress, though it is never silence."""
    one = samples.instance(size=3000)
    association = node.associate(CONTEXTS)
    whole = dul.pdu(4, dul.pdv(1, store_command(one), True)) + dul.pdu(4, dul.pdv(1, one.raw))
    association.raw(whole[:700])
    association.sock.settimeout(0.5)
    deadline, at = time.monotonic() + 60, 700
    while at < len(whole) - 1:
        try:
            association.sock.sendall(whole[at:at + 1])
            at += 1
            if association.sock.recv(1)[:1] in (b"", b"\7"):
                break
        except socket.timeout:
            assert time.monotonic() < deadline, "the node still listens"
        except OSError:
            break
    else:
        raise AssertionError("the node let the dataset drip to its end")
    association.close()
    assert node.count(StudyInstanceUID=one.study) == 0


def test_a_receiver_that_does_not_read_is_reaped(nodes):
    node = nodes(dicom__stall_seconds=1)
    ones = samples.series_of(4, size=4_000_000)
    assert set(node.send(ones)) == {0x0000}
    association = node.associate([(dul.GET["study"], [dul.IMPLICIT]), (samples.CT, [dul.EXPLICIT])], roles=[samples.CT])
    identifier = samples.Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", ones[0].study
    association.ask(dul.C_GET, dul.GET["study"], identifier)
    wait_until(lambda: metric(node, "associations_open") == 0, 60, "the association is gone")
    association.close()


def metric(node, name):
    status, _, body = node.fetch("/metrics")
    assert status == 200
    found = re.search(rf"^\w*{name}\w*(?:\{{[^}}]*\}})? (\S+)$", body.decode(), re.M)
    assert found, body.decode()
    return float(found[1])


def test_a_forgotten_association_is_reaped(nodes):
    node = nodes(dicom__idle_seconds=1)
    association = node.associate(CONTEXTS)
    assert association.echo() == 0x0000
    ends(association.sock, 60)
    association.close()


def test_associations_that_vanish_leave_nothing_behind(node):
    for n in range(40):
        one = samples.instance(size=3000)
        association = node.associate(CONTEXTS)
        association.raw(dul.pdu(4, dul.pdv(1, store_command(one), True)) +
                        dul.pdu(4, dul.pdv(1, one.raw[:n * 20], False, False)))
        association.abort() if n % 2 else association.close()
    wait_until(lambda: not node.staging(), 30)


def test_leaked_associations_do_not_use_up_the_node(nodes):
    node = nodes(dicom__idle_seconds=1, dicom__max_associations=8)
    leaked = [node.associate(CONTEXTS) for _ in range(8)]
    def welcome():
        try:
            return node.echo() == 0x0000
        except dul.Rejected:
            return False
    wait_until(welcome, 60, "a place became free")
    for association in leaked:
        association.close()


# ---- identifiers and datasets ----


def broken_identifiers():
    good = dul.encode_dataset(samples.header())
    yield "nothing", b""
    yield "noise", samples.noise_bytes(2, 300)
    yield "a length of 4 GB", struct.pack("<HHI", 0x0010, 0x0020, 0xFFFFFFF0) + b"abc"
    yield "a key cut short", good[:41]
    yield "a sequence without end", struct.pack("<HHI", 0x0008, 0x1032, 0xFFFFFFFF)
    yield "ten thousand nested sequences", struct.pack("<HHIHHI", 8, 0x1032, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) * 10000
    yield "tags going down", struct.pack("<HHI2s", 0x0020, 0x000D, 2, b"1.") + struct.pack("<HHI6s", 8, 0x52, 6, b"STUDY ")
    yield "ten thousand keys", struct.pack("<HHI6s", 8, 0x52, 6, b"STUDY ") + b"".join(
        struct.pack("<HHI", 9, 2 * n, 0) for n in range(10000))
    level = struct.pack("<HHI6s", 8, 0x52, 6, b"STUDY ")
    yield "a pattern of stars", level + struct.pack("<HHI", 0x10, 0x10, 60000) + b"*a" * 30000
    yield "an SQL injection", level + struct.pack("<HHI", 0x10, 0x20, 36) + b"'; DROP TABLE instances; -- ' OR 1=1"
    yield "a NUL inside", level + struct.pack("<HHI", 0x10, 0x20, 4) + b"A\0B\0"
    yield "a broken charset", struct.pack("<HHI8s", 8, 5, 8, b"NONSENSE") + level + struct.pack(
        "<HHI4s", 0x10, 0x10, 4, b"\xff\xfe\x1b$")


@pytest.mark.parametrize("what, raw", list(broken_identifiers()), ids=[what for what, _ in broken_identifiers()])
def test_a_broken_identifier_is_refused_or_answered(node, what, raw):
    with node.associate(CONTEXTS) as association:
        for field, abstract, more in ((dul.C_FIND, dul.FIND["study"], {}),
                                      (dul.C_MOVE, dul.MOVE["study"], {"MoveDestination": "CASES"})):
            association.ask(field, abstract, raw, **more)
            assert list(association.answers())[-1].Status not in (0xFF00, None)
        assert association.echo() == 0x0000


def test_a_dataset_cut_anywhere_is_never_taken_as_whole_header(node):
    one = samples.instance(size=512)
    pixels = one.raw.rindex(b"\xe0\x7f\x10\x00")
    with node.associate(CONTEXTS) as association:
        for cut_at in range(0, pixels, 29):
            status = association.store(one.sop_class, one.uid, one.raw[:cut_at]).Status
            assert status is not None
            if status == 0x0000:  # all that a catalog needs may be there before the cut
                assert cut_at > one.raw.index(one.series.encode())
                node.cli("delete", "--instance", one.uid)


def test_nested_sequences_without_end_are_no_stack_overflow(node):
    one = samples.instance()
    nest = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    with node.associate(CONTEXTS) as association:
        assert association.store(one.sop_class, one.uid, nest * 200000).Status != 0x0000
        assert association.echo() == 0x0000


def test_a_deflate_bomb_costs_neither_memory_nor_the_node(node):
    before = node.peak_kb()
    contexts = [(samples.CT, [dul.DEFLATED]), (dul.VERIFICATION, [dul.IMPLICIT])]
    with node.associate(contexts) as association:
        status = association.store(samples.CT, samples.uid(), samples.inflate_bomb(300)).Status
        assert status != 0x0000
        assert association.echo() == 0x0000
    assert node.peak_kb() - before < 150_000


UGLY_UIDS = ["../../../../etc/passwd", "1.2/../../3", "1..2", ".1.2", "1.2.", "", "1.2.3\n4", "9" * 200, "1.2.a", "*", "con"]


@pytest.mark.parametrize("uid", UGLY_UIDS)
def test_uids_that_are_paths_or_patterns_never_reach_the_disk(node, uid):
    before = set(node.objects())
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        dataset = samples.instance().dataset()
        raw = dul.encode_dataset(dataset, dul.EXPLICIT)
        old = str(dataset[name].value).encode()
        old += b"\0" * (len(old) & 1)
        new = uid.encode() + b"\0" * (len(uid) & 1)
        at = raw.index(old)
        raw = raw[:at - 2] + struct.pack("<H", len(new)) + new + raw[at + len(old):]
        announced = uid if name == "SOPInstanceUID" else str(dataset.SOPInstanceUID)
        try:
            with node.associate(CONTEXTS) as association:
                assert association.store(samples.CT, announced, raw).Status != 0x0000
        except dul.Aborted:
            pass
    assert set(node.objects()) == before
    assert not os.path.exists(os.path.join(node.data, "etc"))


def test_the_same_through_the_url_is_not_found(node):
    for uid in UGLY_UIDS:
        quoted = "".join(f"%{byte:02X}" for byte in uid.encode())
        status, _, _ = node.fetch(f"/wado?requestType=WADO&studyUID={quoted}&seriesUID={quoted}&objectUID={quoted}")
        assert status in (400, 404)


def test_names_of_files_do_not_steer_the_terminal(node, tmp_path):
    (tmp_path / "bad\x1b[2J\n.dcm").write_bytes(bytes(128) + b"DICM\2\0")
    done = node.cli("import", tmp_path, code=1)
    assert "bad?[2J?.dcm: " in done.err and "\x1b" not in done.err


# ---- real files that are broken ----

BROKEN = ("malformed", "malformed-generated", "malformed-mutated", "hostile-corpus")


def raw_or_body(path):
    """What such a file holds as a dataset, as a sender would send it: what can be made out, else all of it."""
    with open(path, "rb") as file:
        raw = file.read()
    try:
        one = samples.load(path)
        return one.sop_class or samples.CT, one.uid or samples.uid(), one.syntax or dul.EXPLICIT, one.raw
    except Exception:
        return samples.CT, samples.uid(), dul.EXPLICIT, raw


def clean_uid(text, otherwise):
    return text if re.fullmatch(r"[0-9.]{1,64}", text) else otherwise


@pytest.mark.parametrize("topic", BROKEN)
def test_broken_files_sent_as_datasets_are_refused_or_kept_whole(nodes, testdata, topic):
    node = nodes(store__duplicates="replace")
    statuses = {}
    for path in samples.testdata_files(topic):
        sop_class, uid, syntax, raw = raw_or_body(path)
        sop_class, uid = clean_uid(sop_class, samples.CT), clean_uid(uid, samples.uid())
        syntax = clean_uid(syntax, dul.EXPLICIT)
        with node.associate([(sop_class, [syntax]), (dul.VERIFICATION, [dul.IMPLICIT])]) as association:
            if association.context(sop_class) is None:
                continue
            answer = association.store(sop_class, uid, raw, syntax)
            statuses[path] = answer.Status
            assert association.echo() == 0x0000, path
            if answer.Status == 0x0000:
                assert any(uid in name for name in node.objects()), path
    assert statuses and all(status is not None for status in statuses.values())
    assert node.running() and node.echo() == 0x0000
    assert not node.staging()
    assert node.verify() == "no damage"
    for row in node.find("STUDY", StudyInstanceUID=None, PatientName=None, ModalitiesInStudy=None):
        assert row.StudyInstanceUID
    status, _, _ = node.fetch("/api/v1/studies?limit=1000")
    assert status == 200


@pytest.mark.parametrize("topic", BROKEN)
def test_broken_files_are_imported_as_far_as_they_make_sense(nodes, testdata, topic):
    node = nodes(store__duplicates="replace")
    done = node.cli("import", os.path.join(testdata, topic), code=None, timeout=300)
    assert done.code in (0, 1), done
    assert node.echo() == 0x0000
    assert not node.staging()
    assert node.verify() == "no damage"


@pytest.mark.parametrize("topic", BROKEN)
def test_broken_pixels_are_never_rendered_into_a_crash(nodes, testdata, topic):
    """Every kept object is asked for as JPEG and in implicit VR: some answer, no crash."""
    node = nodes(store__duplicates="replace")
    node.cli("import", os.path.join(testdata, topic), code=None, timeout=300)
    with dul.Acceptor(takes=lambda abstract, syntaxes: dul.IMPLICIT if dul.IMPLICIT in syntaxes else None) as sink:
        node.add_destination("OLD", sink.port)
        for path in node.objects():
            one = samples.load(path)
            if not one.study:
                continue
            status, _, _ = node.fetch(f"/wado?requestType=WADO&studyUID={one.study}&seriesUID={one.series}"
                                      f"&objectUID={one.uid}&contentType=image%2Fjpeg")
            assert 200 <= status < 600, path
            assert node.move("IMAGE", "OLD", StudyInstanceUID=one.study, SeriesInstanceUID=one.series,
                             SOPInstanceUID=one.uid)[-1].Status is not None, path
            assert node.running(), path
        sink.trouble.clear()  # what was broken stays broken: our own reader may stumble
    assert node.echo() == 0x0000
