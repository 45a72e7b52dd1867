"""PDFs of reports: taken when they open, kept once, given to who may see them and on URLs that expire; every version with
its own."""
import hashlib
import hmac
import http.client
import json
import os
import re
import time

import pdfs
import pytest
import samples
from conftest import need_tool, run
from test_from_images import database, send, usual
from web import Answer, ask

WRITER, READER = "writer-token-0123456789abcdef", "reader-token-0123456789abcdef"


@pytest.fixture
def node(nodes):
    return nodes(queue__complete_seconds=1)


@pytest.fixture
def report(node):
    """The path of a report that is there."""
    one = usual()
    send(node, one)
    return f"/api/v1/reports/sr:{one.uid}"


def tell(node, method, path, body=None, media="application/pdf", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=120)
    try:
        connection.request(method, path, body, {"Content-Type": media, **headers} if body is not None else headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def put(node, report, body, status=200, **headers):
    answer = tell(node, "PUT", report + "/pdf", body, **headers)
    assert answer.status == status, (answer.status, answer.body[:300])
    return answer


def detail(answer):
    assert answer.type == "application/problem+json"
    return answer.json()["detail"]


# ---- in and out ----


def test_a_pdf_goes_in_and_out(node, report):
    value = pdfs.pdf(3)
    said = put(node, report, value).json()
    assert said["version"] == 2 and said["outcome"] == "changed" and said["pages"] == 3 and said["bytes"] == len(value)
    assert said["pdf"] == hashlib.sha256(value).hexdigest()
    answer = ask(node, report + "/pdf")
    assert (answer.status, answer.type, answer.body) == (200, "application/pdf", value)
    assert answer.headers["x-content-type-options"] == "nosniff" and "no-cache" in answer.headers["cache-control"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.fullmatch(r'inline; filename="[0-9a-f]{16}\.pdf"', answer.headers["content-disposition"])
    assert ask(node, report + "/pdf?download=1").headers["content-disposition"].startswith("attachment;")
    assert ask(node, report + "/pdf", If_None_Match=answer.headers["etag"]).status == 304
    head = ask(node, report + "/pdf", "HEAD")
    assert head.status == 200 and head.headers["content-length"] == str(len(value)) and not head.body


def test_a_viewer_fetches_it_in_pieces(node, report):
    value = pdfs.large(300000)
    put(node, report, value)
    part = ask(node, report + "/pdf", Range="bytes=100000-199999")
    assert part.status == 206 and part.body == value[100000:200000]
    assert part.headers["content-range"] == f"bytes 100000-199999/{len(value)}"
    assert ask(node, report + "/pdf", Range="bytes=-50").body == value[-50:]
    assert ask(node, report + "/pdf", Range="bytes=9999999-").status == 416


def test_every_version_has_its_own(node, report):
    one, two = pdfs.pdf(1, "first"), pdfs.pdf(1, "second")
    assert ask(node, report + "/pdf").status == 404
    put(node, report, one)
    put(node, report, two)
    assert put(node, report, two).json()["outcome"] == "same"
    assert ask(node, report + "/pdf").body == two
    assert ask(node, report + "/pdf?version=2").body == one and ask(node, report + "/pdf?version=3").body == two
    assert ask(node, report + "/pdf?version=1").status == 404 and ask(node, report + "/pdf?version=4").status == 404
    for nonsense in ("0", "-1", "x", "1e9"):
        assert ask(node, report + f"/pdf?version={nonsense}").status == 400
    files = [name for _, _, names in os.walk(f"{node.data}/attachments") for name in names]
    assert sorted(files) == sorted(f"{hashlib.sha256(value).hexdigest()}.pdf" for value in (one, two))


def test_conditions(node, report):
    put(node, report, pdfs.pdf(), If_Match='"1"')
    put(node, report, pdfs.pdf(2), 412, If_Match='"1"')
    put(node, report, pdfs.pdf(2), If_Match='"2"')
    put(node, report, pdfs.pdf(3), 412, If_Match="what")


def test_what_is_not_there(node):
    assert ask(node, "/api/v1/reports/none/pdf").status == 404
    assert tell(node, "PUT", "/api/v1/reports/none/pdf", pdfs.pdf()).status == 404
    assert ask(node, "/api/v1/exams/none/pdf").status == 404 and ask(node, "/api/v1/what/none/pdf").status == 404
    assert tell(node, "PUT", "/api/v1/reports/none/pdf", b"{}", "application/json").status == 415


# ---- which are taken ----


def cut(value):
    return value[:-60]


def spoilt(value):
    at = value.index(b"stream") + 12
    return value[:at] + b"\xff" * 8 + value[at + 8:]


BAD = {
    "nothing": (b"", "empty"), "text": (b"hello", "no PDF"), "image": (b"\x89PNG\r\n\x1a\n" + b"\0" * 900, "no PDF"),
    "cut off": (cut(pdfs.pdf(2)), "cut off"), "spoilt": (spoilt(pdfs.pdf()), "page 1"),
    "no pages": (pdfs.build([b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Kids[] /Count 0>>"]), "no pages"),
    "no catalog": (pdfs.build([b"<</Type/What>>"]), "pages"), "loop": (pdfs.looping_tree(), "damaged"),
    "many pages": (pdfs.many_pages(2001), "2001 pages"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_ones_are_refused_in_plain_words(node, report, name):
    value, why = BAD[name]
    answer = tell(node, "PUT", report + "/pdf", value)
    assert answer.status in (400, 422) and (why in detail(answer) or name == "nothing"), answer.body
    assert ask(node, report + "/pdf").status == 404, "nothing of it is kept"


@pytest.mark.parametrize("value", [pdfs.pdf(xref=False), pdfs.pdf(2000), pdfs.pdf(version="2.0"), b"junk\n" + pdfs.pdf(),
                                   pdfs.pdf() + b"\n" * 900], ids=["table", "pages", "version", "before", "after"])
def test_what_every_viewer_opens_is_taken(node, report, value):
    put(node, report, value)
    assert ask(node, report + "/pdf").body == value


def test_passwords(node, report, tmp_path):
    need_tool("qpdf")
    (tmp_path / "plain.pdf").write_bytes(pdfs.pdf())
    for name, user in (("open", ""), ("closed", "secret")):
        run("qpdf", "--encrypt", user, "owner", "256", "--", tmp_path / "plain.pdf", tmp_path / f"{name}.pdf")
    put(node, report, (tmp_path / "open.pdf").read_bytes())
    assert "password" in detail(put(node, report, (tmp_path / "closed.pdf").read_bytes(), 422))


def test_large_ones(nodes):
    node = nodes(queue__complete_seconds=1, records__pdf_most_mb=1)
    one = usual()
    send(node, one)
    report = f"/api/v1/reports/sr:{one.uid}"
    put(node, report, pdfs.large((1 << 20) - 2000))
    assert "1 MB" in detail(put(node, report, pdfs.large(1 << 20), 413))


HOSTILE = {"deep tree": pdfs.page_tree(60000), "deep arrays": pdfs.nested_arrays(200000),
           "bomb": pdfs.flate_bomb(2048, 2), "many": pdfs.many_pages(100000)}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_ones_harm_nobody(node, report, name):
    """They end the process that looks at them, or its time; the node goes on."""
    assert detail(put(node, report, HOSTILE[name], 422))
    assert node.echo() is not None
    put(node, report, pdfs.pdf())


# ---- who gets it ----


@pytest.fixture
def public(nodes):
    """A node for everybody, with tokens: (node, report)."""
    node = nodes(queue__complete_seconds=1)
    path = os.path.join(node.data, "conf", "tokens.json")
    with open(path, "w") as file:
        json.dump({"tokens": [{"name": "ris", "secret": WRITER, "rights": ["write", "personal"]},
                              {"name": "viewer", "secret": READER}]}, file)
    os.chmod(path, 0o600)
    node.start_again(http__bind="0.0.0.0")
    one = usual()
    send(node, one)
    report = f"/api/v1/reports/sr:{one.uid}"
    put(node, report, pdfs.pdf(2), Authorization=f"Bearer {WRITER}")
    return node, report


def signed(node, report, query=""):
    answer = ask(node, f"{report}/pdf/url{query}", Authorization=f"Bearer {WRITER}")
    assert answer.status == 200, answer.body
    return answer.json()["url"]


def test_who_may_see_it(public):
    node, report = public
    for path in (report + "/pdf", report + "/pdf/url"):
        assert ask(node, path).status == 401
        assert ask(node, path, Authorization=f"Bearer {READER}").status == 403
        assert ask(node, path, Authorization=f"Bearer {WRITER}").status == 200
    assert put(node, report, pdfs.pdf(), 403, Authorization=f"Bearer {READER}")
    assert put(node, report, pdfs.pdf(), 401)


def test_a_url_needs_no_login(public):
    node, report = public
    url = signed(node, report)
    answer = ask(node, url)
    assert (answer.status, answer.body) == (200, pdfs.pdf(2)) and answer.headers["referrer-policy"] == "no-referrer"
    assert ask(node, url, Range="bytes=0-99").body == pdfs.pdf(2)[:100] and ask(node, url, "HEAD").status == 200
    assert ask(node, url + "&download=1").headers["content-disposition"].startswith("attachment")
    put(node, report, pdfs.pdf(5), Authorization=f"Bearer {WRITER}")
    assert ask(node, url).body == pdfs.pdf(2), "the URL of a version goes on meaning it"
    assert ask(node, signed(node, report, "?version=2")).body == pdfs.pdf(2)
    assert ask(node, signed(node, report)).body == pdfs.pdf(5)


def test_a_url_is_bound_to_one_object_and_time(public):
    node, report = public
    put(node, report, pdfs.pdf(3), Authorization=f"Bearer {WRITER}")
    url, other = signed(node, report), signed(node, report, "?version=2")
    name, expires, signature = re.fullmatch(r"/files/(\w+)\?expires=(\d+)&signature=(\w+)", url).groups()
    other_name = re.match(r"/files/(\w+)", other).group(1)
    assert int(expires) == pytest.approx(time.time() + 24 * 3600, abs=120)
    forged = [f"/files/{other_name}?expires={expires}&signature={signature}",
              f"/files/{name}?expires={int(expires) + 1}&signature={signature}",
              f"/files/{name}?expires={expires}&signature={signature[:-1]}", f"/files/{name}?expires={expires}&signature=",
              f"/files/{name}?expires={expires}", f"/files/{name}?signature={signature}", f"/files/{name}",
              f"/files/{name}?expires={expires}&signature={signature.upper()}", f"/files/x?expires={expires}&signature={signature}",
              f"/files/..%2f..%2furl.key?expires={expires}&signature={signature}",
              f"/files/{name}?expires=99999999999999999999&signature={signature}"]
    for path in forged:
        assert ask(node, path).status == 403, path
    assert ask(node, url).status == 200


def mark(node, name, expires):
    """As the documentation says how a URL is signed."""
    with open(os.path.join(node.data, "url.key")) as file:
        secret = bytes.fromhex(file.read().strip())
    key = hmac.new(secret, b"file-url", "sha256").digest()
    return hmac.new(key, f"GET\n/files/{name}\n{expires}".encode(), "sha256").hexdigest()


def test_a_url_expires(public):
    node, report = public
    name = re.match(r"/files/(\w+)", signed(node, report)).group(1)
    soon = int(time.time()) + 600
    assert ask(node, f"/files/{name}?expires={soon}&signature={mark(node, name, soon)}").status == 200
    past = int(time.time()) - 1
    answer = ask(node, f"/files/{name}?expires={past}&signature={mark(node, name, past)}")
    assert answer.status == 410 and "expired" in detail(answer)


def test_all_urls_are_void_without_the_key(public):
    node, report = public
    url = signed(node, report)
    os.remove(os.path.join(node.data, "url.key"))
    assert ask(node, url).status == 403
    assert ask(node, signed(node, report)).status == 200
    assert os.stat(os.path.join(node.data, "url.key")).st_mode & 0o077 == 0


def test_a_url_has_the_address_that_others_know(nodes):
    node = nodes(queue__complete_seconds=1, records__url_base="https://pacs.hospital.example/", records__url_hours=1)
    one = usual()
    send(node, one)
    put(node, f"/api/v1/reports/sr:{one.uid}", pdfs.pdf())
    said = ask(node, f"/api/v1/reports/sr:{one.uid}/pdf/url").json()
    assert said["url"].startswith("https://pacs.hospital.example/files/")
    assert ask(node, said["url"].replace("https://pacs.hospital.example", "")).status == 200
    assert ask(node, f"/api/v1/reports/sr:{one.uid}/pdf/url?hours=0").status == 400


def test_the_audit_trail_tells_who_had_it(public):
    node, report = public
    ask(node, signed(node, report))
    ask(node, report + "/pdf", Authorization=f"Bearer {WRITER}")
    ask(node, "/files/" + "0" * 64)
    told = node.cli("audit", "--json").out
    assert "pdf by a signed URL" in told and "URL of its PDF" in told and "URL of a PDF that is not ours" in told
    assert "signature=" not in node.log() and "signature=" not in told


# ---- commands ----


def test_the_command(node, report, tmp_path):
    name = report.rsplit("/", 1)[1]
    value, other, path = pdfs.pdf(2), pdfs.pdf(1, "second"), tmp_path / "in.pdf"
    path.write_bytes(value)
    assert "2 pages" in node.cli("report", "attach", name, path).out
    path.write_bytes(other)
    node.cli("report", "attach", name, path)
    node.cli("report", "pdf", name, "--out", tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").read_bytes() == other
    node.cli("report", "pdf", name, "2", "--out", tmp_path / "earlier.pdf")
    assert (tmp_path / "earlier.pdf").read_bytes() == value
    assert "exists" in node.cli("report", "pdf", name, "--out", tmp_path / "out.pdf", code=1).err
    url = node.cli("report", "pdf", name, "2", "--url", "3").out.strip()
    assert ask(node, url).body == value
    said = node.cli("report", "pdf", name, "--url", "1", "--json").json()
    assert said["version"] == 3 and ask(node, said["url"]).body == other
    assert node.cli("report", "pdf", "none", "--out", tmp_path / "x.pdf", code=1).err
    assert "no PDF" in node.cli("report", "pdf", name, "1", "--out", tmp_path / "x.pdf", code=1).err
    path.write_bytes(b"no pdf")
    assert "no PDF" in node.cli("report", "attach", name, path, code=1).err
    node.cli("report", code=2)
    node.cli("report", "pdf", name, "0", code=2)


# ---- keeping ----


def file_of(node, value):
    name = hashlib.sha256(value).hexdigest()
    return os.path.join(node.data, "attachments", name[:2], name + ".pdf")


def test_damage_is_found_and_mended(node, report):
    value = pdfs.pdf(2)
    put(node, report, value)
    assert "no damage" in node.verify()
    with open(file_of(node, value), "r+b") as file:
        file.write(b"#PDF")
    assert hashlib.sha256(value).hexdigest() in node.verify() and "digest differs" in node.verify()
    assert put(node, report, value).json()["outcome"] == "same"
    assert "no damage" in node.verify() and ask(node, report + "/pdf").body == value


def test_a_missing_file_is_told(node, report):
    value = pdfs.pdf(2)
    put(node, report, value)
    os.remove(file_of(node, value))
    assert ask(node, report + "/pdf").status == 503
    assert hashlib.sha256(value).hexdigest() in node.verify()
    assert node.cli("verify", code=1)


def test_a_reindex_keeps_them(node, report):
    one, two = pdfs.pdf(1, "first"), pdfs.pdf(1, "second")
    put(node, report, one)
    put(node, report, two)
    orphan = pdfs.pdf(1, "orphan")
    os.makedirs(os.path.dirname(file_of(node, orphan)), exist_ok=True)
    with open(file_of(node, orphan), "wb") as file:
        file.write(orphan)
    node.stop()
    node.cli("reindex")
    node.start()
    assert ask(node, report + "/pdf").body == two and ask(node, report + "/pdf?version=2").body == one
    with database(node) as catalog:
        assert catalog.execute("SELECT count(*), sum(pages) FROM attachment").fetchone() == (3, 3)
        assert catalog.execute("SELECT count(*) FROM attachment_use").fetchone() == (2,)
    assert "no damage" in node.verify()


def test_what_was_answered_is_there_after_a_crash(node, report):
    values = [pdfs.pdf(1, f"number {n}") for n in range(20)]
    for value in values:
        put(node, report, value)
    node.kill9()
    node.start()
    for n, value in enumerate(values):
        assert ask(node, report + f"/pdf?version={n + 2}").body == value
    assert "no damage" in node.verify()
    assert not os.listdir(os.path.join(node.data, "staging"))


def test_a_browser_shows_it_under_its_policy(node, report, tmp_path):
    """Chromium's viewer takes it: an embedder and no error page."""
    need_tool("chromium")
    put(node, report, pdfs.pdf(1, "shown"))
    picture = tmp_path / "shown.png"
    done = run("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
               f"--screenshot={picture}", "--window-size=800,600", "--virtual-time-budget=5000", node.http + report + "/pdf",
               timeout=120)
    assert picture.exists(), done
