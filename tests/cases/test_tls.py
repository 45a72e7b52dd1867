"""DICOM over TLS, both ways: DCMTK's tools, openssl s_client, a node to a node; and what each side is told when it does
not work."""
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

import dul
import samples
from conftest import environment, files_below, free_ports, identifier, listening, run, wait_until, yingqiao

ECHO = [(dul.VERIFICATION, [dul.IMPLICIT])]


class Authority:
    """A CA of the test's own, made with the openssl command."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        folder.mkdir()
        self.key, self.pem = str(folder / "ca.key"), str(folder / "ca.pem")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "400",
                     "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.pem)

    def openssl(self, *args):
        done = run("openssl", *args)
        assert done.code == 0, done
        return done.out

    def issue(self, name, names="IP:127.0.0.1,DNS:localhost", days=(-1, 300), key=("-newkey", "rsa:2048")):
        """(key file, certificate file); days: from, to, counted from now."""
        base = str(self.folder / name)
        self.openssl("req", *key, "-nodes", "-subj", f"/CN={name}", "-keyout", base + ".key", "-out", base + ".csr")
        os.chmod(base + ".key", 0o600)
        with open(base + ".ext", "w") as file:
            file.write(f"subjectAltName={names}\n")
        start, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + n * 86400)) for n in days)
        ca = str(self.folder / (name + ".cnf"))
        for extra, text in (("index", ""), ("serial", f"{time.time_ns():x}".zfill(16) + "\n")):
            with open(f"{base}.{extra}", "w") as file:
                file.write(text)
        with open(ca, "w") as file:
            file.write(f"[ca]\ndefault_ca=own\n[own]\ndatabase={base}.index\nserial={base}.serial\n"
                       f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=any\nunique_subject=no\n"
                       "[any]\ncommonName=supplied\n")
        self.openssl("ca", "-batch", "-notext", "-config", ca, "-cert", self.pem, "-keyfile", self.key,
                     "-startdate", start, "-enddate", end, "-extfile", base + ".ext", "-in", base + ".csr",
                     "-out", base + ".pem")
        return base + ".key", base + ".pem"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "good", "Hospital CA")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "other", "Another CA")


@pytest.fixture(scope="module")
def own(ca):
    return ca.issue("node")


@pytest.fixture(scope="module")
def device(ca):
    return ca.issue("ct1")


def with_tls(ca, own, clients="none", **more):
    return {"dicom__tls_port": "free", "dicom__tls_key": own[0], "dicom__tls_certificate": own[1],
            "dicom__tls_ca": ca.pem, "dicom__tls_clients": clients, **more}


def calling(ca=None, certificate=None):
    """A client's side for dul.Association."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca.pem)
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate[1], certificate[0])
    return context


def echoscu(port, *options, aet="ECHOSCU"):
    return run("echoscu", "-v", "-aet", aet, "-aec", "YQTEST", *options, "localhost", port)


@pytest.fixture
def tool(tmp_path):
    """tool("storescp", options...): a server of DCMTK or openssl; (port, output folder)."""
    running = []

    def begin(*command, at="-od"):
        folder = tmp_path / f"tool{len(running)}"
        folder.mkdir()
        port, = free_ports(1)
        log = open(folder.with_suffix(".log"), "ab")
        command = [str(part).replace("PORT", str(port)).replace("FOLDER", str(folder)) for part in command]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment())
        running.append((process, log))
        wait_until(lambda: listening(port) or process.poll() is not None, 20, str(command))
        assert process.poll() is None, command
        return port, str(folder)

    yield begin
    for process, log in running:
        process.kill()
        process.wait()
        log.close()


def add(node, aet, port, *more, host="localhost"):
    return node.ae_add(aet, host, port, *more)


# ---- the node is called ----

def test_dcmtks_tools_store_find_and_get_over_tls(nodes, ca, own, tmp_path):
    node = nodes(**with_tls(ca, own))
    one = samples.instance(size=600_000)
    path = one.save(tmp_path / "one.dcm")
    tls = ("+tla", "+cf", ca.pem)
    assert run("storescu", *tls, "-aec", node.aet, "localhost", node.tls_port, path).code == 0
    found = run("findscu", *tls, "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={one.study}",
                "-aec", node.aet, "localhost", node.tls_port)
    assert one.study in found.out + found.err, found
    assert node.get_one(one) == one.raw  # and over the plain port: the same bytes
    assert re.search(r'association-begin .* tls=TLSv1\.[23]', node.log())


def test_a_move_asked_for_over_tls_goes_to_storescp_over_tls(nodes, ca, own, device, tool):
    port, folder = tool("storescp", "-od", "FOLDER", "+B", "+xa", "+tls", *device, "+cf", ca.pem, "PORT")
    node = nodes(**with_tls(ca, own, "require"))
    node.ae_add("DEST", "localhost", port, "--tls")
    wait_until(lambda: "peers=1" in node.log())
    one = samples.instance(size=300_000)
    assert node.send(one) == [0]
    with node.associate([(dul.MOVE["study"], [dul.IMPLICIT])], port=node.tls_port,
                        tls=calling(ca, device)) as association:
        association.ask(dul.C_MOVE, dul.MOVE["study"], identifier("STUDY", StudyInstanceUID=one.study),
                        MoveDestination="DEST")
        assert list(association.answers())[-1].Status == 0
    assert samples.load(*files_below(folder)).raw == one.raw


@pytest.mark.parametrize("profile", ["bcp195", "bcp195-nd"])
@pytest.mark.parametrize("theirs", ["+py", "+px"])
def test_the_profiles_of_dcmtk_and_ours_understand_each_other(nodes, ca, own, profile, theirs):
    node = nodes(**with_tls(ca, own, dicom__tls_profile=profile))
    done = echoscu(node.tls_port, "+tla", "+cf", ca.pem, theirs)
    assert done.code == 0, done


def test_large_objects_go_through_tls_both_ways_bit_for_bit(nodes, ca, own):
    node = nodes(**with_tls(ca, own))
    one = samples.instance(size=9_000_001)
    context = [(one.sop_class, [one.syntax]), (dul.GET["study"], [dul.IMPLICIT])]
    with node.associate(context, tls=calling(ca), port=node.tls_port, roles=[one.sop_class]) as association:
        for _ in range(3):
            assert association.store(one.sop_class, one.uid, one.raw, one.syntax).Status == 0
    assert node.get_one(one) == one.raw
    got = []
    with node.associate(context, tls=calling(ca), port=node.tls_port, roles=[one.sop_class]) as association:
        association.ask(dul.C_GET, dul.GET["study"], identifier("STUDY", StudyInstanceUID=one.study))
        answers = list(association.answers(lambda message: got.append(message.dataset) or 0))
    assert answers[-1].Status == 0 and got == [one.raw]


def test_many_associations_over_tls_at_once(nodes, ca, own):
    node = nodes(**with_tls(ca, own))
    held = [node.associate(ECHO, tls=calling(ca), port=node.tls_port) for _ in range(20)]
    assert [one.echo() for one in held] == [0] * 20
    for one in held:
        one.release()


@pytest.mark.parametrize("old", ["-tls1", "-tls1_1"])
def test_old_versions_of_tls_are_refused(nodes, ca, own, old):
    node = nodes(**with_tls(ca, own, dicom__tls_profile="bcp195"))
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{node.tls_port}", old, "-cipher", "DEFAULT:@SECLEVEL=0")
    assert "alert protocol version" in done.err, done
    node.wait_for_log(r'connection-dropped address=127.0.0.1 reason="[^"]*TLS 1\.1 or older')


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_new_versions_of_tls_are_taken(nodes, ca, own, version):
    node = nodes(**with_tls(ca, own))
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{node.tls_port}", version, "-CAfile", ca.pem,
               "-verify_return_error")
    assert "Verify return code: 0 (ok)" in done.out, done


def test_only_the_wider_profile_takes_cbc_suites(nodes, ca, own):
    command = ("openssl", "s_client", "-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384", "-connect")
    narrow, wide = (nodes(**with_tls(ca, own, dicom__tls_profile=one)) for one in ("bcp195-nd", "bcp195"))
    assert "handshake failure" in run(*command, f"127.0.0.1:{narrow.tls_port}").err
    narrow.wait_for_log(r"no cipher suite in common")
    assert "ECDHE-RSA-AES256-SHA384" in run(*command, f"127.0.0.1:{wide.tls_port}").out
    # and nobody gets a suite without an ephemeral key
    for node in (narrow, wide):
        done = run("openssl", "s_client", "-tls1_2", "-cipher", "AES128-GCM-SHA256", "-connect",
                   f"127.0.0.1:{node.tls_port}")
        assert "handshake failure" in done.err, done


def test_plain_dicom_on_the_tls_port_and_tls_on_the_plain_port_are_told_apart(nodes, ca, own):
    node = nodes(**with_tls(ca, own))
    assert echoscu(node.tls_port).code != 0
    node.wait_for_log(r'reason="an association request without TLS came to the TLS port')
    assert echoscu(node.dicom_port, "+tla", "+cf", ca.pem).code != 0
    node.wait_for_log(r'reason="TLS came to the port without TLS: the caller must call dicom.tls_port"')
    assert node.echo() == 0


def test_certificates_of_callers_are_wanted_checked_or_not_asked_for(nodes, ca, other_ca, own, device):
    stranger, late = other_ca.issue("stranger"), ca.issue("late", days=(-20, -10))
    answers = {}
    for clients in ("none", "request", "require"):
        node = nodes(**with_tls(ca, own, clients))
        for name, certificate in (("none", None), ("good", device), ("stranger", stranger), ("late", late)):
            shown = ("+tls", *certificate) if certificate else ("+tla",)
            answers[clients, name] = echoscu(node.tls_port, *shown, "+cf", ca.pem).code == 0
        if clients == "require":
            node.wait_for_log(r"shows no certificate, and dicom.tls_clients=require wants one")
            node.wait_for_log(r"certificate of the caller is not trusted: add its CA to the file")
            node.wait_for_log(r"certificate of the caller, or of one of its CAs, has expired")
            told, = (open(one).read() for one in files_below(os.path.join(node.data, "audit")) if one.endswith(".log"))
            assert "certificate of the caller is not trusted" in told  # and the audit trail knows of it
            assert node.echo() == 0
    assert answers == {("none", "none"): True, ("none", "good"): True, ("none", "stranger"): True,
                       ("none", "late"): True, ("request", "none"): True, ("request", "good"): True,
                       ("request", "stranger"): False, ("request", "late"): False, ("require", "none"): False,
                       ("require", "good"): True, ("require", "stranger"): False, ("require", "late"): False}


def test_a_stalling_handshake_costs_nobody_else_anything(nodes, ca, own):
    node = nodes(**with_tls(ca, own, dicom__artim_seconds=2))
    silent = [socket.create_connection(("127.0.0.1", node.tls_port)) for _ in range(200)]
    for one in silent[::2]:
        one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the beginning of a greeting
    begun = time.monotonic()
    assert echoscu(node.tls_port, "+tla", "+cf", ca.pem).code == 0
    assert node.echo() == 0
    quick = time.monotonic() - begun
    silent[0].settimeout(60)
    assert silent[0].recv(100) == b""  # gone when its time was up
    assert quick < time.monotonic() - begun
    for one in silent:
        one.close()
    node.wait_for_log(r'reason="no TLS handshake in time \(dicom.artim_seconds\)"')


def test_a_flood_of_handshakes_does_not_keep_plain_callers_out(nodes, ca, own):
    node = nodes(**with_tls(ca, own))
    stop, done = threading.Event(), []

    def flood():
        while not stop.is_set():
            with socket.create_connection(("127.0.0.1", node.tls_port)) as sock:
                with calling(ca).wrap_socket(sock, server_hostname="localhost"):
                    done.append(1)
    threads = [threading.Thread(target=flood) for _ in range(4)]
    for one in threads:
        one.start()
    wait_until(lambda: len(done) > 10)
    assert [node.echo() for _ in range(10)] == [0] * 10
    stop.set()
    for one in threads:
        one.join()


def test_a_handshake_may_come_in_pieces_of_one_byte(nodes, ca, own, device):
    """Whatever byte a piece begins with: also the one that an association request without TLS begins with."""
    node = nodes(**with_tls(ca, own, "require"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = calling(ca, device).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", node.tls_port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(60)

        def flush():
            for byte in outgoing.read():
                sock.sendall(bytes([byte]))
                time.sleep(0)
        for step in (client.do_handshake, lambda: client.write(dul.associate_rq([(1, *ECHO[0])])),
                     lambda: client.read(1)):
            while True:
                try:
                    done = step()
                    flush()
                    break
                except ssl.SSLWantReadError:
                    flush()
                    piece = sock.recv(65536)
                    assert piece, node.log()[-1000:]
                    incoming.write(piece)
        assert done == b"\2"  # A-ASSOCIATE-AC


def test_who_comes_and_goes_without_a_word_is_no_event(nodes, ca, own):
    node = nodes(**with_tls(ca, own))
    for _ in range(20):
        socket.create_connection(("127.0.0.1", node.tls_port)).close()
    assert echoscu(node.tls_port, "+tla", "+cf", ca.pem).code == 0
    assert "connection-dropped" not in node.log()


def test_bytes_that_are_no_tls_do_no_harm(nodes, ca, own):
    node = nodes(**with_tls(ca, own))
    greeting = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"
    for junk in (b"GET / HTTP/1.0\r\n\r\n", os.urandom(3000), greeting, greeting * 400, b"\x16\x03\x03\xff\xff" * 99,
                 b"\x15\x03\x01\x00\x02\x01\x00", b"\x80\x2e\x01\x00\x02", b"\x17\x03\x03\x00\x00" * 50):
        with socket.create_connection(("127.0.0.1", node.tls_port)) as sock:
            sock.sendall(junk)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(60)
            try:
                while sock.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    assert echoscu(node.tls_port, "+tla", "+cf", ca.pem).code == 0


def test_the_limit_of_associations_is_told_over_tls_too(nodes, ca, own):
    node = nodes(**with_tls(ca, own, dicom__max_associations=1))
    with node.associate(ECHO, tls=calling(ca), port=node.tls_port) as held:
        with pytest.raises(dul.Rejected) as told:
            node.associate(ECHO, tls=calling(ca), port=node.tls_port)
        assert "result 2 source 3 reason 2" in str(told.value)
        assert held.echo() == 0


def test_without_a_plain_port_only_tls_is_answered(nodes, ca, own):
    node = nodes(**with_tls(ca, own, dicom__port=0))
    assert echoscu(node.tls_port, "+tla", "+cf", ca.pem).code == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", node.dicom_port), timeout=5)
    done = yingqiao("check", "--set", "dicom.port=0", data=node.data, code=1)
    assert "both 0" in done.err


# ---- who must come over TLS ----

def test_a_peer_with_tls_is_refused_without_it(nodes, ca, own, device):
    node = nodes(**with_tls(ca, own, "request", dicom__unknown_peers="refuse"))
    fingerprint = ca.openssl("x509", "-in", device[1], "-noout", "-fingerprint", "-sha256").split("=")[1].strip()
    node.ae_add("ANYTLS", "127.0.0.1", 0, "--tls")
    node.ae_add("BYNAME", "127.0.0.1", 0, "--tls", "--tls-peer", "ct1")
    node.ae_add("BYPRINT", "127.0.0.1", 0, "--tls", "--tls-peer", fingerprint)
    node.ae_add("OTHER", "127.0.0.1", 0, "--tls", "--tls-peer", "ct2")
    wait_until(lambda: "peers=4" in node.log())

    def accepted(aet, port, *options):
        return echoscu(port, *options, aet=aet).code == 0
    bare, shown = ("+tla", "+cf", ca.pem), ("+tls", *device, "+cf", ca.pem)
    assert not accepted("ANYTLS", node.dicom_port)
    node.wait_for_log(r'association-refused .*aet="ANYTLS".*wants TLS, and it came without" hint="let it call '
                      r'dicom.tls_port')
    assert accepted("ANYTLS", node.tls_port, *bare)
    for aet in ("BYNAME", "BYPRINT"):
        assert not accepted(aet, node.tls_port, *bare)
        assert accepted(aet, node.tls_port, *shown)
    assert not accepted("OTHER", node.tls_port, *shown)
    node.wait_for_log(r"certificate is not the one that its 'tls_peer' names\" hint=\"it showed fingerprint [0-9a-f]{64}")


# ---- the node calls ----

def test_the_node_sends_to_storescp_over_tls(nodes, ca, own, device, tool, tmp_path):
    port, folder = tool("storescp", "-od", "FOLDER", "+B", "+xa", "+tls", *device, "+cf", ca.pem, "PORT")
    node = nodes(**with_tls(ca, own))
    add(node, "SCP", port, "--tls", "--tls-ca", ca.pem)
    one = samples.instance(size=700_000)
    path = one.save(tmp_path / "one.dcm")
    files = ("--set", f"dicom.tls_certificate={own[1]}", "--set", f"dicom.tls_key={own[0]}")
    done = node.cli(*files, "send", "SCP", path)
    assert "1 of 1 sent" in done.out
    assert samples.load(*files_below(folder)).raw == one.raw
    done = node.cli("send", "SCP", path, code=1)  # storescp wants a certificate of the caller
    assert "demands a certificate of this node" in done.err, done


@pytest.mark.parametrize("what, host, words", [
    ("other ca", "localhost", "the certificate of the peer is not trusted: add its CA"),
    ("expired", "localhost", "has expired"),
    ("early", "localhost", "is not valid yet: compare the clocks"),
    ("wrong name", "localhost", "is for another host name"),
    ("wrong address", "127.0.0.1", "is for another host name"),
    ("plain", "localhost", "speaks no TLS on this port"),
    ("silent", "localhost", "handshake was not finished within"),
    ("old", "localhost", "refuses our TLS versions|TLS 1.1 or older"),
])
def test_why_a_call_over_tls_does_not_work_is_told_in_plain_words(nodes, ca, other_ca, tool, what, host, words):
    node = nodes()
    if what == "plain":
        port, _ = tool("storescp", "-od", "FOLDER", "PORT")
    elif what == "silent":
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    else:
        key, pem = {"other ca": lambda: other_ca.issue("scp"),
                    "expired": lambda: ca.issue("expired", days=(-30, -1)),
                    "early": lambda: ca.issue("early", days=(3, 30)),
                    "wrong name": lambda: ca.issue("wrong", "DNS:pacs.hospital.lan"),
                    "wrong address": lambda: ca.issue("wrong2", "DNS:localhost"),
                    "old": lambda: ca.issue("old")}[what]()
        old = ("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0") if what == "old" else ()
        port, _ = tool("openssl", "s_server", "-accept", "127.0.0.1:PORT", "-key", key, "-cert", pem, "-quiet", *old)
    add(node, "SCP", port, "--tls", "--tls-ca", ca.pem, host=host)
    done = node.cli("ae", "test", "SCP", code=1)
    assert re.search(words, done.err), done
    assert "echo of SCP at " in done.err
    if what == "silent":
        listener.close()


def test_a_pinned_certificate_needs_no_ca_and_no_other_is_taken(nodes, ca, other_ca, tool):
    key, pem = other_ca.issue("device", "DNS:whatever")
    port, _ = tool("storescp", "-od", "FOLDER", "+B", "+xa", "+tls", key, pem, "-ic", "PORT")
    fingerprint = ca.openssl("x509", "-in", pem, "-noout", "-fingerprint", "-sha256").split("=")[1].strip()
    node = nodes()
    add(node, "PINNED", port, "--tls", "--tls-peer", fingerprint)
    add(node, "WRONG", port, "--tls", "--tls-peer", "00" * 32)
    add(node, "TRIAL", port, "--tls", "--tls-no-verify")
    add(node, "NAMED", port, "--tls", "--tls-ca", other_ca.pem, "--tls-peer", "whatever")
    add(node, "UNKNOWN", port, "--tls", "--tls-ca", ca.pem, "--tls-peer", "whatever")
    for aet in ("PINNED", "TRIAL", "NAMED"):
        node.cli("echo", aet)
    assert "another certificate than \"tls_peer\" names" in node.cli("echo", "WRONG", code=1).err
    assert "not trusted" in node.cli("echo", "UNKNOWN", code=1).err


def test_two_nodes_speak_tls_with_each_other_both_showing_certificates(nodes, ca, own, device):
    here = nodes(dicom__aet="HERE", **with_tls(ca, own, "require"))
    there = nodes(dicom__aet="THERE", **with_tls(ca, device, "require", dicom__unknown_peers="refuse"))
    here.ae_add("THERE", "localhost", there.tls_port, "--tls", "--tls-peer", "ct1")
    there.ae_add("HERE", "127.0.0.1", 0, "--tls", "--tls-peer", "node")
    wait_until(lambda: "peers=1" in here.log() and "peers=1" in there.log())
    ones = [samples.instance(size=200_000, StudyInstanceUID=samples.uid()) for _ in range(3)]
    assert here.send(*ones) == [0] * 3
    for one in ones:
        assert here.move("STUDY", "THERE", StudyInstanceUID=one.study)[-1].Status == 0
        assert there.wado(one) == here.wado(one)
    assert re.search(r'association-begin .*aet="HERE".*peer=known tls=TLSv1.3', there.log())


def test_a_node_commits_over_tls_too(nodes, ca, own, device):
    here = nodes(dicom__aet="HERE", **with_tls(ca, own))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(device[1], device[0])
    with dul.Acceptor(tls=server) as acceptor:
        here.ae_add("CASES", "localhost", acceptor.port, "--tls", "--tls-ca", ca.pem)
        here.ae_add("CASES", "127.0.0.1", 0)
        wait_until(lambda: "peers=2" in here.log())
        assert yingqiao("echo", "CASES", data=here.data).code == 0
        assert acceptor.associations


# ---- files ----

def test_a_new_certificate_is_taken_up_without_a_restart_and_a_broken_one_is_not(nodes, ca, own, tmp_path):
    key, pem = tmp_path / "n.key", tmp_path / "n.pem"

    def put(files):
        for to, what in ((key, files[0]), (pem, files[1])):
            to.with_suffix(".new").write_bytes(open(what, "rb").read())
            to.with_suffix(".new").chmod(0o600)
            to.with_suffix(".new").rename(to)

    def serial():
        done = run("openssl", "s_client", "-connect", f"127.0.0.1:{node.tls_port}", "-CAfile", ca.pem)
        return run("openssl", "x509", "-noout", "-serial", input=done.out).out
    put(own)
    node = nodes(**with_tls(ca, (str(key), str(pem))))
    held = node.associate(ECHO, tls=calling(ca), port=node.tls_port)
    first = serial()
    pem.write_text("nothing that is a certificate\n")
    node.wait_for_log(r"tls-kept .*advice=\"the earlier certificate stays in force")
    assert serial() == first
    put(ca.issue("node2"))
    wait_until(lambda: serial() != first, 20, "the new certificate")
    assert held.echo() == 0  # on the old one, undisturbed
    held.release()
    assert "tls-reloaded" in node.log()


def test_check_names_what_is_wrong_with_certificate_and_key(tmp_path, ca, own, device):
    def check(certificate, key, **more):
        sets = [part for name, value in {"dicom.tls_certificate": certificate, "dicom.tls_key": key,
                                         "dicom.tls_port": 2762, **more}.items() for part in ("--set", f"{name}={value}")]
        return yingqiao("check", *sets, data=tmp_path, code=None)
    assert check(own[1], own[0]).code == 0
    for certificate, key, words in (
            (own[1], device[0], "is not the key of the certificate"), (own[1], tmp_path / "none", "No such file"),
            (tmp_path / "none", own[0], "No such file"), (own[0], own[0], "no certificate in PEM form"),
            (own[1], own[1], "others may read this key|no private key"), (own[1], "", "set dicom.tls_key"),
            ("", "", "there is no certificate: set dicom.tls_certificate")):
        done = check(certificate, key)
        assert done.code == 1 and re.search(words, done.err), (words, done)
    open_key = tmp_path / "open.key"
    open_key.write_bytes(open(own[0], "rb").read())
    open_key.chmod(0o644)
    done = check(own[1], open_key)
    assert done.code == 1 and f"chmod 600 {str(open_key)[:100]}" in done.err, done
    locked = tmp_path / "locked.key"
    ca.openssl("pkey", "-in", own[0], "-aes256", "-passout", "pass:secret", "-out", locked)
    locked.chmod(0o600)
    done = check(own[1], locked)
    assert done.code == 1 and "has a passphrase" in done.err, done
    done = check(own[1], own[0], **{"dicom.tls_clients": "require"})
    assert done.code == 1 and "set dicom.tls_ca" in done.err, done
    late_key, late = ca.issue("latenode", days=(-9, -2))
    done = check(late, late_key)
    assert done.code == 0 and "has expired" in done.err, done
    ec = ca.issue("ecnode", key=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"))
    assert "is not the key of" in check(own[1], ec[0]).err
    assert check(ec[1], ec[0]).code == 0


def test_the_end_of_a_certificate_is_a_metric_a_log_line_and_a_warning(nodes, ca):
    key, pem = ca.issue("soon", days=(-1, 10))
    node = nodes(**with_tls(ca, (key, pem)))
    node.wait_for_log(r'certificate-expires whose=node .*days=(9|10)')
    metrics = node.fetch("/metrics")[2].decode()
    assert 9 * 86400 < float(re.search(r"^yingqiao_certificate_expires_seconds (\S+)", metrics, re.M)[1]) < 10 * 86400
    assert float(re.search(r"^yingqiao_ca_expires_seconds (\S+)", metrics, re.M)[1]) > 300 * 86400
    status, health = node.health()
    assert status == 200 and any("expires in 9 days" in one for one in health["warnings"]), health
    quiet = nodes(**with_tls(ca, (key, pem), dicom__tls_alert_days=5))
    assert quiet.health()[1]["warnings"] == [] and "certificate-expires" not in quiet.log()
