"""The node as a client of other people's HTTP servers (src/peer/web.c), against servers that are slow, cut off, talk too
much, are not who they should be. tests/peer/web_call.c calls."""
import json
import os
import socket
import ssl
import threading
import time

import pytest

from conftest import BINARY, run, wait_until

TOOL = os.path.join(os.path.dirname(BINARY), "web_call")


def call(*words, code=0, timeout=60):
    done = run(TOOL, *words, timeout=timeout, env=dict(os.environ, http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1"))
    assert done.code == code and not done.err, done.err
    answers = [json.loads(line) for line in done.out.splitlines()]
    return answers[0] if len(answers) == 1 else answers


class Server:
    """Bytes and pauses as they are given: answers(n-th request) -> list of bytes and seconds; closes after a None."""

    def __init__(self, answers, context=None):
        self.answers, self.context = answers, context
        self.requests, self.connections = [], 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.over = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path="/", scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                while self.one(connection):
                    pass
        except OSError:
            pass

    def one(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            got = connection.recv(65536)
            if not got:
                return False
            head += got
        head, body = head.split(b"\r\n\r\n", 1)
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields.get(b"content-length", 0)):
            body += connection.recv(65536)
        self.requests.append((head.decode(), body))
        for part in self.answers(len(self.requests)):
            if part is None:
                return False
            if isinstance(part, bytes):
                connection.sendall(part)
            else:
                self.over.wait(part)
        return True

    def stop(self):
        self.over.set()
        self.socket.close()


def plain(body=b"{}", status="200 OK", more=""):
    return f"HTTP/1.1 {status}\r\nContent-Type: Application/JSON;charset=UTF-8\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


@pytest.fixture
def server():
    made = []

    def make(answers, context=None):
        fixed = answers if callable(answers) else lambda n: answers
        made.append(Server(fixed, context))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def test_a_call_and_its_answer(server):
    s = server([plain(b'{"code":1}')])
    got = call("header=encryption-type: SM4\nContent-Type: application/json;charset=UTF-8\n", "body={\"data\":1}", "POST", s.url("/exam-sync"))
    assert got["ok"] and got["status"] == 200 and got["media"] == "application/json" and got["sent"] and got["took_us"] > 0
    assert bytes.fromhex(got["answer"]) == b'{"code":1}'
    head, body = s.requests[0]
    assert head.startswith("POST /exam-sync HTTP/1.1\r\n") and "encryption-type: SM4" in head and "Expect" not in head
    assert body == b'{"data":1}'


def test_a_status_is_an_answer(server):
    s = server([plain(b"no", "500 Oh")])
    got = call("GET", s.url())
    assert got["ok"] and got["status"] == 500 and s.requests[0][0].startswith("GET / ")


def test_a_redirect_is_not_followed(server):
    s = server([plain(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n")])
    assert call("body=x", "POST", s.url())["status"] == 302
    assert len(s.requests) == 1


def test_connections_are_kept_and_opened_anew_when_they_were_closed(server):
    s = server(lambda n: [plain()] if n < 3 else [plain(), None])
    words = ["body=x"] + ["POST", s.url("/a")] * 5
    assert [a["status"] for a in call(*words)] == [200] * 5
    assert s.connections == 3 and len(s.requests) == 5  # three by the first one, then one each


@pytest.mark.parametrize("parts, code, words", [
    ([None], "peer-gone", "closed the connection without an answer"),
    ([b"HTTP/1.1 200 OK\r\nContent-Le", None], "peer-gone", "cut its answer off"),
    ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nServer: x\r\n", None], "peer-gone", "cut its answer off"),
    ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", None], "peer-gone", "cut its answer off"),
    ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", None], "peer-gone", "cut its answer off"),
    ([b"hello world, this is no HTTP at all\r\n\r\n", None], "peer-gone", "no HTTP"),
    ([b"HTTP/1.1 200 OK\r\n", 30], "timeout", "did not answer in time"),
    ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", 30], "timeout", "did not answer in time"),
])
def test_what_breaks_off_is_told_in_plain_words(server, parts, code, words):
    s = server(parts)
    got = call("total=500", "body=x", "POST", s.url("/secret?name=zhang"))
    assert not got["ok"] and got["code"] == code and words in got["error"] and got["sent"], got
    assert f"127.0.0.1:{s.port}" in got["error"] and "secret" not in got["error"] and "zhang" not in got["error"]


@pytest.mark.parametrize("head", [b"Content-Length: 1000000\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_an_answer_has_a_bound(server, head):
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n" if b"chunked" in head else b"x" * 1024
    s = server([b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"] + [chunk] * 1000 + [None])
    got = call("most=10000", "GET", s.url())
    assert got["code"] == "full" and "more than 10000 bytes" in got["error"] and got["length"] <= 10000


def test_a_head_has_a_bound(server):
    s = server([b"HTTP/1.1 200 OK\r\n"] + [b"X-A: " + b"b" * 1000 + b"\r\n"] * 2000)
    assert call("GET", s.url())["code"] == "full"


def test_who_waits_can_be_stopped(server):
    s = server([20])
    begun = time.monotonic()
    got = call("stop=300", "body=x", "POST", s.url())
    assert got["code"] == "busy" and "given up" in got["error"] and got["sent"]
    assert time.monotonic() - begun < 10


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    got = call("GET", f"http://127.0.0.1:{port}/x")
    assert got["code"] == "peer-gone" and "Connection refused" in got["error"] and not got["sent"]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://user:geheim@127.0.0.1:1/", "http://", "x://y"])
def test_other_addresses_are_not_called(url):
    got = call("GET", url)
    assert got["code"] == "bad-input" and "geheim" not in got["error"], got


# ---- TLS ----


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """ca.pem; server.pem for 127.0.0.1; other.pem for another host; client.pem; stranger-ca.pem."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*words):
        done = run("openssl", *words, cwd=folder)
        assert done.code == 0, done.err
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for ca in ("ca", "stranger"):
        openssl("req", "-x509", *ec, "-days", "400", "-subj", f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
    for name, also in (("server", "IP:127.0.0.1"), ("other", "DNS:other.example"), ("client", "DNS:client")):
        (folder / f"{name}.ext").write_text(f"subjectAltName={also}\n")
        openssl("req", *ec, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-days", "300", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    return folder


def secure(pki, name="server", clients=False, newest=ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pki / "ca.pem")
    return context


def test_tls_with_a_ca_of_ones_own(server, pki):
    s = server([plain()], secure(pki))
    answers = call(f"ca={pki}/ca.pem", "GET", s.url(scheme="https"), "GET", s.url(scheme="https"))
    assert [a["status"] for a in answers] == [200, 200] and s.connections == 1


@pytest.mark.parametrize("ca, name", [("stranger.pem", "server"), ("ca.pem", "other"), (None, "server")])
def test_a_certificate_that_is_not_believed(server, pki, ca, name):
    s = server([plain()], secure(pki, name))
    words = [f"ca={pki}/{ca}"] if ca else []
    got = call(*words, "GET", s.url(scheme="https"))
    assert got["code"] == "refused" and "is not believed" in got["error"] and not got["sent"], got
    assert not s.requests
    assert call("any=1", "GET", s.url(scheme="https"))["status"] == 200


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_of_ours_is_wanted(server, pki, newest):
    s = server([plain()], secure(pki, clients=True, newest=newest))
    got = call(f"ca={pki}/ca.pem", "GET", s.url(scheme="https"))
    assert got["code"] in ("refused", "peer-gone"), got  # TLS 1.3 tells too late for some to hear
    if newest == ssl.TLSVersion.TLSv1_3:
        assert "wants a certificate of this node" in got["error"], got
    got = call(f"ca={pki}/ca.pem", f"certificate={pki}/client.pem", f"key={pki}/client.key", "GET", s.url(scheme="https"))
    assert got["status"] == 200
    got = call(f"ca={pki}/ca.pem", f"certificate={pki}/client.pem", f"key={pki}/server.key", "GET", s.url(scheme="https"))
    assert got["code"] == "refused" and "our certificate or key" in got["error"], got


def test_files_that_are_not_there(server, pki):
    s = server([plain()], secure(pki))
    got = call("ca=/nonexistent/ca.pem", "GET", s.url(scheme="https"))
    assert got["code"] == "refused" and "cannot be read" in got["error"], got


def test_no_tls_there(server):
    s = server(lambda n: [plain()])
    got = call("total=3000", "GET", s.url(scheme="https"))
    assert not got["ok"], got


def test_an_old_tls_is_not_spoken(server, pki):
    context = secure(pki)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    s = server([plain()], context)
    assert call(f"ca={pki}/ca.pem", "GET", s.url(scheme="https"))["code"] == "refused"
    wait_until(lambda: s.connections, 5)
