"""DICOM objects on URLs that are signed, expire, and are good for the one object only; fetched with curl."""
import hashlib
import hmac
import io
import json
import os
import time

import pydicom
import pytest
import samples
from conftest import need_tool, run
from test_coercion import rule, set_to, write_rules
from web import ask


def handed_out(node, one, expires=None, **other):
    """As the documentation says how such a URL is signed."""
    key = {"study": one.study, "series": one.series, "uid": one.uid, **other}
    path = "/objects/{study}/{series}/{uid}".format(**key)
    expires = int(time.time()) + 600 if expires is None else expires
    with open(os.path.join(node.data, "url.key")) as file:
        secret = bytes.fromhex(file.read().strip())
    mark = hmac.new(hmac.new(secret, b"object-url", "sha256").digest(), f"GET\n{path}\n{expires}".encode(), "sha256")
    return f"{path}?expires={expires}&signature={mark.hexdigest()}"


def at_rest(node, one):
    path, = [path for path in node.objects() if os.path.basename(path).startswith(one.uid + ".")]
    with open(path, "rb") as file:
        return file.read()


@pytest.fixture
def public(nodes):
    """A node that everybody reaches, who shows a token; what it has: three objects of a study."""
    node = nodes()
    with open(os.path.join(node.data, "conf", "tokens.json"), "w") as file:
        json.dump({"tokens": [{"name": "viewer", "secret": "reader-token-0123456789abcdef"}]}, file)
    os.chmod(os.path.join(node.data, "conf", "tokens.json"), 0o600)
    with open(os.path.join(node.data, "url.key"), "w") as file:
        file.write(hashlib.sha256(os.urandom(16)).hexdigest())
    os.chmod(os.path.join(node.data, "url.key"), 0o600)
    node.start_again(http__bind="0.0.0.0")
    ones = samples.series_of(3, size=300000)
    assert node.send(*ones) == [0, 0, 0]
    return node, ones


def test_curl_gets_the_file_as_it_is_stored(public, tmp_path):
    need_tool("curl")
    node, ones = public
    for one in ones:
        out = tmp_path / f"{one.uid}.dcm"
        done = run("curl", "-sS", "--fail", "-o", out, node.http + handed_out(node, one))
        assert done.code == 0, done
        assert out.read_bytes() == at_rest(node, one)
        assert pydicom.dcmread(out).SOPInstanceUID == one.uid
    answer = ask(node, handed_out(node, ones[0]))
    assert (answer.status, answer.type) == (200, "application/dicom")
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "no-referrer"


def test_pieces_and_conditions(public, tmp_path):
    node, (one, *_) = public
    whole, url = at_rest(node, one), handed_out(node, one)
    part = ask(node, url, Range="bytes=1000-1999")
    assert (part.status, part.body) == (206, whole[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole)}"
    assert ask(node, url, Range="bytes=-10").body == whole[-10:]
    assert ask(node, url, Range=f"bytes={len(whole)}-").status == 416
    head = ask(node, url, "HEAD")
    assert head.status == 200 and head.headers["content-length"] == str(len(whole)) and not head.body
    assert ask(node, url, If_None_Match=head.headers["etag"]).status == 304
    (tmp_path / "half").write_bytes(whole[:150000])
    assert run("curl", "-sS", "--fail", "-C", "-", "-o", tmp_path / "half", node.http + url).code == 0
    assert (tmp_path / "half").read_bytes() == whole, "a download that broke off goes on"
    assert ask(node, url, "POST").status in (405, 413)


def test_it_is_good_for_one_object_and_time(public):
    node, (one, two, _) = public
    url = handed_out(node, one)
    path, query = url.split("?")
    expires, signature = (part.split("=")[1] for part in query.split("&"))
    other = f"/objects/{two.study}/{two.series}/{two.uid}"
    forged = [f"{other}?{query}", f"{path}?expires={int(expires) + 1}&signature={signature}",
              f"{path}?expires={expires}&signature={signature[:-1]}", f"{path}?expires={expires}&signature=",
              f"{path}?expires={expires}", f"{path}?signature={signature}", path, f"{path}?expires=-1&signature={signature}",
              f"{path}?expires=9{expires}{expires}&signature={signature}",
              path.replace(one.series, samples.uid()) + "?" + query, path.replace(one.study, "x") + "?" + query,
              path.replace(one.study, "1" * 70) + "?" + query, path + "1?" + query]
    for forgery in forged:
        assert ask(node, forgery).status == 403, forgery
    assert ask(node, path + "/?" + query).status in (401, 404)
    assert ask(node, url).status == 200
    past = ask(node, handed_out(node, one, int(time.time()) - 1))
    assert past.status == 410 and b"expired" in past.body
    with open(os.path.join(node.data, "url.key"), "w") as file:
        file.write("00" * 32)
    assert ask(node, url).status == 403, "without the old key all URLs are void"


def without_trace(answer):
    said = answer.json()
    said.pop("trace", None)
    return answer.status, said


def test_what_is_refused_does_not_tell_what_is_here(public):
    node, (one, *_) = public
    here = ask(node, handed_out(node, one)[:-1] + "x")
    gone = ask(node, handed_out(node, one, uid=samples.uid())[:-1] + "x")
    assert without_trace(here) == without_trace(gone)
    past = int(time.time()) - 5
    assert without_trace(ask(node, handed_out(node, one, past))) == without_trace(
        ask(node, handed_out(node, one, past, uid=samples.uid())))
    assert ask(node, handed_out(node, one, uid=samples.uid())).status == 404
    assert ask(node, handed_out(node, one, series=samples.uid())).status == 404, "signed, and not of that series"


def test_the_audit_trail_tells_who_fetched_it(public):
    node, (one, two, _) = public
    ask(node, handed_out(node, one))
    ask(node, handed_out(node, one), Range="bytes=500-")
    ask(node, handed_out(node, one), "HEAD")
    ask(node, handed_out(node, two)[:-1] + "x")
    ask(node, handed_out(node, two, 1000))
    told = node.cli("audit", "--json").out
    assert told.count("by a signed URL") == 1, "a file that is fetched in pieces is told once"
    assert "URL of an object that is not ours" in told and "URL of an object that has expired" in told
    assert "signature=" not in told and "signature=" not in node.log()


def test_coerced_values_are_in_it(nodes, tmp_path):
    conf = tmp_path / "conf"
    conf.mkdir()
    write_rules(conf, [rule(set_to("PatientID", "NEW"))])
    node = nodes(conf=str(conf))
    with open(os.path.join(node.data, "url.key"), "w") as file:
        file.write("ab" * 32)
    os.chmod(os.path.join(node.data, "url.key"), 0o600)
    one = samples.instance(PatientID="OLD")
    assert node.send(one, aet="CT1") == [0]
    answer = ask(node, handed_out(node, one))
    assert pydicom.dcmread(io.BytesIO(answer.body)).PatientID == "NEW"
    assert pydicom.dcmread(io.BytesIO(at_rest(node, one))).PatientID == "OLD"
    assert ask(node, handed_out(node, one), Range="bytes=0-199").body == answer.body[:200]
    assert ask(node, handed_out(node, one), Range="bytes=200-").body == answer.body[200:]
