"""`yingqiao signature`: reports and PDFs that others signed (OpenSSL's command line, DER by hand), and what was done to them since."""
import base64
import datetime
import json

import pytest

import seals
from conftest import yingqiao
from seals import RSA, SM2

TEXT = "两肺纹理清晰，未见明显异常。"


def b64(content):
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def sm2(tmp_path_factory):
    return seals.Authority(tmp_path_factory.mktemp("sm2"), SM2).certify("doctor").certify("maker").certify("stranger")


@pytest.fixture(scope="module")
def rsa(tmp_path_factory):
    return seals.Authority(tmp_path_factory.mktemp("rsa"), RSA).certify("doctor").certify("tsa", "tsa")


@pytest.fixture(scope="module")
def anchors(sm2, rsa, tmp_path_factory):
    both = tmp_path_factory.mktemp("anchors") / "both.pem"
    both.write_bytes(sm2.get("ca.pem") + rsa.get("ca.pem"))
    return both


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A node's folder in which reports are kept."""
    return tmp_path_factory.mktemp("node") / "data"


def keep(data, tmp_path, id, **members):
    line = {"reportId": id, "examId": "E1", "impression": "正常", **members}
    file = tmp_path / f"{id}.json"
    file.write_text(json.dumps(line, ensure_ascii=False) + "\n")
    yingqiao("records", "put", "report", file, data=data)


def parts(said):
    return {one["part"]: one for one in said.json()}


def states(said):
    return {one["part"]: one["state"] for one in said.json()}


def ask(data, id, *more, code=0):
    return yingqiao("signature", id, *more, "--json", data=data, code=code)


def signed_members(by, rsa, pkcs7=False, text=TEXT):
    value = b64(by.pkcs7("doctor", text.encode()) if pkcs7 else by.value("doctor", text.encode()))
    return {"signedText": text, "certificate": b64(by.der("doctor")), "signatureFormat": "2" if pkcs7 else "1", "signatureValue": value,
            "timestampValue": b64(rsa.stamp("tsa", text.encode()))}


@pytest.mark.parametrize("kind", [SM2, RSA])
@pytest.mark.parametrize("pkcs7", [False, True])
def test_a_report_that_was_signed_holds(data, tmp_path, sm2, rsa, anchors, kind, pkcs7):
    by = sm2 if kind == SM2 else rsa
    members = signed_members(by, rsa, pkcs7)
    keep(data, tmp_path, f"good-{kind}-{pkcs7}", **members)
    said = ask(data, f"good-{kind}-{pkcs7}", "--anchors", anchors)
    assert states(said) == {"stamp": "holds", "signature": "holds", "certificate": "holds"}
    of = parts(said)
    assert of["signature"]["algorithm"] == ("SM3withSM2" if kind == SM2 else "SHA256withRSA")
    assert of["signature"]["form"] == ("PKCS#7" if pkcs7 else "PKCS#1")
    assert of["signature"]["trusted"] and "CN=doctor" in of["certificate"]["subject"]
    told = yingqiao("signature", f"good-{kind}-{pkcs7}", "--anchors", anchors, data=data)
    assert "everything holds 全部成立" in told.out
    # without anchors it holds, and that nobody was judged is said
    assert "no anchors" in yingqiao("signature", f"good-{kind}-{pkcs7}", data=data).out


def test_what_was_changed_afterwards_is_said(data, tmp_path, sm2, rsa, anchors):
    good = signed_members(sm2, rsa)
    changed = {
        "text": (dict(good, signedText=TEXT + "!"), {"stamp": "wrong", "signature": "wrong", "certificate": "holds"}),
        "stamp": (dict(good, timestampValue=b64(rsa.stamp("tsa", b"other"))), {"stamp": "wrong", "signature": "holds", "certificate": "holds"}),
        "cert": (dict(good, certificate=b64(sm2.der("stranger"))), {"stamp": "holds", "signature": "wrong", "certificate": "holds"}),
        "value": (dict(good, signatureValue="no Base64"), {"stamp": "holds", "signature": "wrong", "certificate": "holds"}),
        "other": (dict(signed_members(sm2, rsa, True), certificate=b64(sm2.der("stranger"))),
                  {"stamp": "holds", "signature": "holds", "certificate": "wrong"}),
    }
    for name, (members, wanted) in changed.items():
        keep(data, tmp_path, f"changed-{name}", **members)
        said = ask(data, f"changed-{name}", "--anchors", anchors, code=1)
        assert states(said) == wanted, name
        for one in said.json():
            if one["state"] != "holds":
                assert one["english"] and any("\u4e00" <= c <= "\u9fff" for c in one["chinese"]), one
                assert one["chinese"] != "校验不通过", one
            assert TEXT not in str(one)


def test_a_stamp_over_the_signature_counts_too(data, tmp_path, sm2, rsa, anchors):
    members = signed_members(sm2, rsa)
    for name, over in (("text", members["signatureValue"].encode()), ("bytes", base64.b64decode(members["signatureValue"]))):
        keep(data, tmp_path, f"stamped-{name}", **dict(members, timestampValue=b64(rsa.stamp("tsa", over))))
        assert states(ask(data, f"stamped-{name}", "--anchors", anchors))["stamp"] == "holds"


def test_nobody_is_believed_who_leads_to_no_anchor(data, tmp_path, sm2, rsa, anchors):
    keep(data, tmp_path, "untrusted", **signed_members(sm2, rsa))
    said = parts(ask(data, "untrusted", "--anchors", rsa.anchors, code=1))
    assert said["stamp"]["state"] == "holds" and said["signature"]["state"] == "doubtful"
    assert "anchors" in said["signature"]["english"]


def test_a_report_without_signature_says_so(data, tmp_path):
    keep(data, tmp_path, "plain")
    assert "nothing here is signed" in yingqiao("signature", "plain", data=data, code=1).out
    assert yingqiao("signature", "nowhere", data=data, code=1).err
    yingqiao("signature", data=data, code=2)


def test_the_seals_of_a_reports_pdf_count(data, tmp_path, sm2, rsa, anchors):
    good = seals.sealed_pdf(lambda text: sm2.pkcs7("doctor", text), b"GM.pkcs7.detached")
    bad = good.replace(b"595 842", b"595 843")
    for name, pdf in (("sealed", good), ("broken", bad)):
        keep(data, tmp_path, name, **signed_members(sm2, rsa))
        (tmp_path / "one.pdf").write_bytes(pdf)
        yingqiao("report", "attach", name, tmp_path / "one.pdf", data=data)
    assert states(ask(data, "sealed", "--anchors", anchors))["seal"] == "holds"
    said = ask(data, "broken", "--anchors", anchors, code=1)
    assert states(said) == {"stamp": "holds", "signature": "holds", "certificate": "holds", "seal": "wrong"}


# ---- PDFs on disk ----

def look(tmp_path, pdf, *more, code=0):
    file = tmp_path / "one.pdf"
    file.write_bytes(pdf)
    return yingqiao("signature", "--file", file, *more, "--json", code=code)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("kind", [SM2, RSA])
def test_a_sealed_pdf(tmp_path, sm2, rsa, anchors, kind, order):
    by = sm2 if kind == SM2 else rsa
    pdf = seals.sealed_pdf(lambda text: by.pkcs7("doctor", text), order=order)
    one, = look(tmp_path, pdf, "--anchors", anchors).json()
    assert (one["state"], one["whole"], one["form"]) == ("holds", True, "PKCS#7")
    if kind == SM2:  # the signature says no time of its own: the dictionary's
        assert one["at"] == (seals.SOON - datetime.timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert one["trusted"]
    for changed in (pdf.replace(b"seal", b"leas"), pdf[:-1], pdf + b"\n"):
        one, = look(tmp_path, changed, "--anchors", anchors, code=1).json()
        assert one["state"] == "wrong", changed[-10:]


def test_a_pdf_stamped_and_sealed_twice(tmp_path, sm2, rsa, anchors):
    once = seals.sealed_pdf(lambda text: rsa.pkcs7("doctor", text))
    twice = seals.sealed_pdf(lambda text: rsa.stamp("tsa", text), b"ETSI.RFC3161", onto=once)
    first, second = look(tmp_path, twice, "--anchors", anchors).json()
    assert (first["state"], first["whole"], second["state"], second["whole"]) == ("holds", False, "holds", True)
    assert second["form"] == "RFC 3161"
    # something written after the last seal
    said = look(tmp_path, twice + b"9 0 obj\n<< >>\nendobj\n", "--anchors", anchors, code=1).json()
    assert [one["state"] for one in said] == ["holds", "wrong"]
    assert "added" in said[1]["english"]


@pytest.mark.parametrize("old", [False, True])
def test_an_electronic_seal(tmp_path, sm2, anchors, old):
    def made(**how):
        return seals.sealed_pdf(lambda text: seals.eseal(sm2, "doctor", "maker", sm2.sm3(text), old=old, **how), b"Vendor.eseal")
    one, = look(tmp_path, made(), "--anchors", anchors).json()
    assert (one["form"], one["seal"]) == ("GM/T 0031" if old else "GB/T 38540", "影像科报告专用章")
    assert (one["state"], one["whole"], one["trusted"]) == ("holds", True, True)
    wrong = {"changed": made().replace(b"595 842", b"595 843"), "expired": made(valid=("20200101000000Z", "20210101000000Z")),
             "listed": made(listed="stranger")}
    for name, pdf in wrong.items():
        one, = look(tmp_path, pdf, "--anchors", anchors, code=1).json()
        assert one["state"] == "wrong", name
        assert one["chinese"] != "校验不通过", one


def test_pdfs_that_only_seem_to_be_sealed(tmp_path, rsa):
    plain = seals.pdfs.pdf()
    assert look(tmp_path, plain, code=1).json() == []
    pdf = seals.sealed_pdf(lambda text: rsa.pkcs7("doctor", text))
    # /ByteRange that leaves out more than /Contents: what stands there could be anything
    begin = int(pdf.split(b"/ByteRange [0 ")[1].split()[0])
    shorter = pdf.replace(b"[0 %-10d" % begin, b"[0 %-10d" % (begin - 12))
    one, = look(tmp_path, shorter, code=1).json()
    assert one["state"] == "wrong" and "ByteRange" in one["english"]
    empty = seals.sealed_pdf(lambda text: b"\x30\x00")
    assert look(tmp_path, empty, code=1).json()[0]["state"] == "wrong"
    said = yingqiao("signature", "--file", __file__, code=1)
    assert "no PDF" in said.err


# ---- whom a platform believes ----

def test_the_anchors_of_the_platform_count(data, tmp_path, sm2, rsa, anchors):
    keep(data, tmp_path, "anchored", **signed_members(sm2, rsa))
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "stranger.pem").write_bytes(rsa.get("ca.pem"))
    platform = {"province": "shanxi", "url": "http://127.0.0.1:9", "enabled": False}
    one, two = {"name": "one", "anchors": str(anchors), **platform}, {"name": "two", "anchors": "stranger.pem", **platform}

    def ask_with(platforms, *more, code=0):
        (conf / "platforms.json").write_text(json.dumps({"platforms": platforms}))
        return yingqiao("--conf", conf, "signature", "anchored", *more, "--json", data=data, code=code)
    assert all(part["trusted"] for part in ask_with([one]).json())
    assert states(ask_with([two], code=1)) == {"stamp": "holds", "signature": "doubtful", "certificate": "doubtful"}
    assert "--platform" in ask_with([one, two], code=1).err
    assert states(ask_with([one, two], "--platform", "one"))["signature"] == "holds"
    assert "no platform three" in ask_with([one, two], "--platform", "three", code=1).err
    (conf / "stranger.pem").write_text("nothing")
    assert "anchors" in ask_with([two], code=1).err
