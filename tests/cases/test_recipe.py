"""Recipes as an IT person tries them, `yingqiao recipe`, held against the documents' samples and OpenSSL's own program."""
import base64
import hashlib
import hmac
import json
import os
import re
import subprocess

import pytest

from conftest import BINARY, yingqiao

SHANXI_KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
PLAIN = '{"patientName":"张三","patientId":"Test123456"}'
SEALED = "laoxZiinrHrTUa1tythils6bY9/PaMJpAdm7xoKwHx0KbPEea+Am911ApbxJwJLy4QI6Vq1xoMTGEWqoUvOzOQ=="


def openssl(*args, given=b""):
    done = subprocess.run(["openssl", *args], input=given, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Desk:
    """A folder of configuration, with keys in files of it."""

    def __init__(self, folder):
        self.data, self.conf, self.platforms = folder, folder / "conf", []
        self.conf.mkdir()

    def platform(self, name, **keys):
        places = {}
        for key, value in keys.items():
            form, _, text = value.rpartition(" ") if isinstance(value, str) else ("", "", "")
            content = text.encode() if isinstance(value, str) else value
            path = self.conf / f"{name}.{key}"
            path.write_bytes(content)
            path.chmod(0o600)
            places[key] = f"{form} file:{path.name}".strip()
        self.add({"name": name, **places})
        return self

    def add(self, platform):
        self.platforms.append({"province": platform["name"].split("-")[0], "enabled": False, **platform})
        (self.conf / "platforms.json").write_text(json.dumps({"platforms": self.platforms}, indent=1))

    def own(self, province, text):
        folder = self.conf / "platforms" / province
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipes.csv").write_text(text)

    def file(self, content):
        path = self.data / "text"
        path.write_bytes(content)
        return str(path)

    def try_(self, *args, code=0):
        return yingqiao("recipe", *args, data=self.data, code=code)

    def make(self, *args):
        return self.try_(*args).out.rstrip("\n")


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


# ---- the documents' samples ----

def test_shanxi_seals_as_its_document_prints(desk):
    desk.platform("shanxi", key="hex " + SHANXI_KEY)
    assert desk.make("shanxi", "seal", desk.file(PLAIN.encode())) == SEALED
    assert desk.try_("shanxi", "seal", "--open", desk.file(SEALED.encode())).out == PLAIN


def test_shanxi_signs_three_values_by_name(desk):
    wanted = hashlib.sha1(("DATA" + "12345" + "1700000000").encode()).hexdigest().upper()
    assert desk.make("shanxi", "sign", "timestamp=1700000000", "hospitalCode=12345", "data=DATA") == wanted


def test_neijiang_signs_as_its_document_prints(desk):
    desk.platform("neijiang", access_key="123456", key="abcdefg")
    for start, end, wanted in (("adtStartTime", "adtEndTime", "287CD8197006447BA90C1DB2CF295420"),
                               ("studyStartTime", "studyEndTime", "AC9263A8B3D66E7D17A0D54C291B5165")):
        query = f'{{"{start}":"2020-01-01 00:00:00","{end}":"2020-01-02 00:00:00"}}'
        for name in ("n401-sign", "n203-sign"):
            assert desk.make("neijiang", name, "timeStamp=1589167913", "query=" + query,
                             "areaId=1asjlajsjfaslasdfasdfasfas") == wanted


def test_neijiang_makes_the_channel_that_its_document_prints(desk):
    desk.platform("neijiang", channel_key="qkzdcsilusqgph37", iv="2rthacazxph2qtkt")
    assert desk.make("neijiang", "n303-channel", "hospitalCode=57120003", "accessionNumber=000001013",
                     "studyDate=20210629", "timeStamp=1629876453773", "isai=0", "isskip=10") == (
        "E2991AA1DD58C3430407EF61A3EB072C8B3E7E73296CD1636B90EA5E85AD054EC63155779D7ED75AF74DE0F2E1FA3EDA9ACF7CD4E3D0F887"
        "27B50F0E70C880525B82764957A96891831A5E2523E12708")


def test_shanxi_s_signing_service_is_called_with_sorted_pairs(desk):
    desk.platform("shanxi", sign_key="secure-code")
    pairs = ["version=1.0", "appId=A1", "signAlgo=HmacSHA256", "empty=", "userId=U"]
    text = b"appId=A1&signAlgo=HmacSHA256&userId=U&version=1.0"
    for name, kind in (("HmacSHA256", "sha256"), ("HmacSHA1", "sha1"), ("HmacMD5", "md5")):
        wanted = base64.b64encode(hmac.new(b"secure-code", text, kind).digest()).decode()
        assert desk.make("shanxi", "coss-" + name, *pairs) == wanted
    result = base64.b64encode(hmac.new(b"secure-code", b"appId=A&ext=&result=true&userId=C", "sha256").digest()).decode()
    given = ["userId=C", "ext=", "result=true", "appId=A", "signAlgo=HmacSHA256"]
    assert desk.make("shanxi", "coss-result", *given) == result
    assert desk.make("shanxi", "coss-result", "--check", result, *given) == "right"
    wrong = desk.try_("shanxi", "coss-result", "--check", result, *given[1:], "userId=D", code=1)
    assert wrong.out == "wrong\n" and result not in wrong.err


def test_s11_s_vector_verifies_here_and_in_openssl(desk, tmp_path):
    point = base64.b64decode("BGgWZ3WCFwa9CivPXkOhmg63L0mGh+xRHWJiu6MYHl+UfK+AGFTeMjxGQAegT1lA3Qbb5wgxO1OMLUdoP+cWlp4=")
    signature = "MEUCIQCk5k/prtWmfqTTmOW46pNZO4WBk2GgR/RUehmR6DTTwAIgaosAUqZ9gTm8cv3hDshpSypV1Q8ud/C5mGXJSBkn8/8="
    desk.platform("hebei", public_key="base64 " + base64.b64encode(point).decode())
    text = desk.file(b"12345678")
    assert desk.make("hebei", "h6-sign", "--check", signature, text) == "right"
    assert desk.try_("hebei", "h6-sign", "--check", signature, desk.file(b"12345679"), code=1).out == "wrong\n"
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + point
    (tmp_path / "key").write_bytes(spki)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))
    openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", str(tmp_path / "key"), "-rawin", "-digest", "sm3",
            "-pkeyopt", "distid:1234567812345678", "-in", desk.file(b"12345678"), "-sigfile", str(tmp_path / "signature"))


# ---- against OpenSSL's own program ----

@pytest.mark.parametrize("ours, theirs, size", [
    ("sm4-ecb(key)", "sm4-ecb", 16), ("sm4-cbc(key, iv)", "sm4-cbc", 16),
    ("aes-ecb(key)", "aes-128-ecb", 16), ("aes-ecb(key)", "aes-192-ecb", 24), ("aes-ecb(key)", "aes-256-ecb", 32),
    ("aes-cbc(key, iv)", "aes-128-cbc", 16), ("aes-cbc(key, iv)", "aes-192-cbc", 24), ("aes-cbc(key, iv)", "aes-256-cbc", 32),
])
def test_a_cipher_is_openssl_s_both_ways(desk, ours, theirs, size):
    key, iv = os.urandom(size), os.urandom(16)
    desk.platform("neijiang", key="hex " + key.hex(), iv="base64 " + base64.b64encode(iv).decode())
    how = [f"-{theirs}", "-K", key.hex()] + (["-iv", iv.hex()] if "cbc" in theirs else [])
    for length, code, back in ((15, "hex", bytes.fromhex), (16, "HEX", bytes.fromhex), (1000, "base64", base64.b64decode)):
        text = os.urandom(length)
        sealed = desk.make("neijiang", "--as", f"text | {ours} | {code}", desk.file(text))
        assert openssl("enc", "-d", *how, given=back(sealed)) == text
        theirs_sealed = base64.b64encode(openssl("enc", "-e", *how, given=text))
        opened = subprocess.run([BINARY, "--data", str(desk.data), "recipe", "neijiang", "--as",
                                 f"text | {ours} | base64", "--open", desk.file(theirs_sealed)], capture_output=True, timeout=30)
        assert opened.stdout == text, opened.stderr


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sm3"])
def test_a_digest_and_its_hmac_are_openssl_s(desk, kind):
    desk.platform("shanxi", key="a-secret")
    for text in (b"", "张三\n".encode(), os.urandom(5000)):
        path = desk.file(text)
        digest = openssl("dgst", "-" + kind, "-r", path).split()[0].decode()
        assert desk.make("shanxi", "--as", f"text | {kind} | hex", path) == digest
        keyed = openssl("dgst", "-" + kind, "-hmac", "a-secret", "-r", path).split()[0].decode()
        assert desk.make("shanxi", "--as", f"text | hmac-{kind}(key) | HEX", path) == keyed.upper()


def sm2_keys(folder):
    """Private and public, as OpenSSL writes them."""
    private, public = folder / "sm2.pem", folder / "sm2.pub"
    private.write_bytes(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-pkeyopt",
                                "ec_param_enc:named_curve"))
    public.write_bytes(openssl("pkey", "-in", str(private), "-pubout"))
    return private, public


def raw_of(der):
    """r and s of a signature, 32 bytes each."""
    parts, at = b"", 2
    for _ in range(2):
        length = der[at + 1]
        parts += int.from_bytes(der[at + 2:at + 2 + length], "big").to_bytes(32, "big")
        at += 2 + length
    return parts


def test_openssl_verifies_what_is_signed_with_sm2(desk, tmp_path):
    private, public = sm2_keys(tmp_path)
    desk.platform("shanxi", key=private.read_bytes())
    text = desk.file('{"hosCode":"1","studyInstanceId":"1.2.3"}'.encode())
    for signer in ("1234567812345678", "另一个"):
        signature = tmp_path / "signature"
        signature.write_bytes(base64.b64decode(
            desk.make("shanxi", "--as", f"text | sm2-sign(key, '{signer}') | base64", text)))
        openssl("pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin", "-digest", "sm3", "-pkeyopt",
                f"distid:{signer}", "-in", text, "-sigfile", str(signature))


def test_what_openssl_signs_with_sm2_is_checked_in_every_form(desk, tmp_path):
    private, public = sm2_keys(tmp_path)
    desk.platform("hebei", public_key=public.read_bytes())
    body = b'{"hosCode":"1","studyInstanceId":"1.2.3"}'
    text = desk.file(body)
    der = openssl("pkeyutl", "-sign", "-inkey", str(private), "-rawin", "-digest", "sm3", "-pkeyopt",
                  "distid:1234567812345678", "-in", text)
    for signature in (der.hex(), der.hex().upper(), base64.b64encode(der).decode(), raw_of(der).hex(),
                      base64.b64encode(raw_of(der)).decode()):
        assert desk.make("hebei", "h6-sign", "--check", signature, text) == "right"
        assert desk.try_("hebei", "h6-sign", "--check", signature, desk.file(body + b" "), code=1).out == "wrong\n"
        desk.file(body)
    for wrong in ("x", "00", der.hex()[:-2], der.hex() + "00", raw_of(der)[::-1].hex(), "=" * 88):
        assert desk.try_("hebei", "h6-sign", "--check", wrong, text, code=1).out == "wrong\n"


# ---- opening ----

def test_whatever_is_wrong_with_what_was_sealed_the_answer_is_the_same(desk):
    desk.platform("shanxi", key="hex " + SHANXI_KEY)
    answers = {desk.try_("shanxi", "seal", "--open", desk.file(wrong.encode()), code=1).err
               for wrong in ("", "A", "not base64!", SEALED[:-4], SEALED[4:-4] + "====", SEALED[:64], SEALED[24:], "AAAA" * 4)}
    assert answers == {"yingqiao: it does not open with this key\n"}


def test_what_signs_does_not_open(desk):
    assert "nothing opens by it" in desk.try_("shanxi", "sign", "--open", desk.file(b"x"), code=1).err


# ---- keys ----

def test_a_key_that_others_may_read_is_not_used(desk):
    desk.platform("shanxi", key="hex " + SHANXI_KEY)
    (desk.conf / "shanxi.key").chmod(0o640)
    err = desk.try_("shanxi", "seal", desk.file(b"x"), code=1).err
    assert "chmod 600" in err and SHANXI_KEY not in err


def test_a_key_comes_from_a_program_without_a_shell(desk, tmp_path):
    program = tmp_path / "tell"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = 'a;b' ] && [ \"$2\" = '$HOME' ] && echo {SHANXI_KEY}\n")
    program.chmod(0o700)
    desk.add({"name": "shanxi", "key": f"hex command:{program} a;b $HOME"})
    assert desk.make("shanxi", "seal", desk.file(PLAIN.encode())) == SEALED


def test_a_key_comes_from_the_environment(desk, monkeypatch):
    desk.add({"name": "shanxi", "key": "hex env:YQ_CASE_KEY"})
    assert "YQ_CASE_KEY" in desk.try_("shanxi", "seal", desk.file(b"x"), code=1).err
    monkeypatch.setenv("YQ_CASE_KEY", SHANXI_KEY)
    assert desk.make("shanxi", "seal", desk.file(PLAIN.encode())) == SEALED


def test_a_key_of_the_wrong_length_is_told_with_what_to_do(desk):
    desk.platform("shanxi", key=SHANXI_KEY)  # without "hex"
    err = desk.try_("shanxi", "seal", desk.file(b"x"), code=1).err
    assert "32 bytes" in err and "hex file:" in err and SHANXI_KEY not in err


def test_a_key_that_is_not_set_is_named(desk):
    desk.platform("shanxi", key="hex " + SHANXI_KEY)
    assert "there is no key sign_key" in desk.try_("shanxi", "coss-HmacMD5", "a=1", code=1).err
    listed = desk.try_("shanxi").out
    assert re.search(r"^seal +key +text \| sm4-ecb\(key\) \| base64$", listed, re.M)
    assert re.search(r"^coss-HmacMD5 +sign_key \(not set\)", listed, re.M)


# ---- the hospital's own ----

def test_the_hospital_s_own_recipe_takes_the_place_of_the_province_s(desk):
    desk.platform("shanxi", key="hex " + SHANXI_KEY, iv="hex " + "0" * 32)
    desk.own("shanxi", 'name,recipe,note\nseal,"text | sm4-cbc(key, iv) | hex",told by telephone\n')
    assert re.search(r"^seal +yes +key, iv +text \| sm4-cbc", desk.try_("shanxi").out, re.M)
    sealed = desk.make("shanxi", "seal", desk.file(PLAIN.encode()))
    assert openssl("enc", "-d", "-sm4-cbc", "-K", SHANXI_KEY, "-iv", "0" * 32, given=bytes.fromhex(sealed)) == PLAIN.encode()
    listed = {one["name"]: one for one in json.loads(desk.try_("shanxi", "--json").out)}
    assert listed["seal"]["own"] and not listed["sign"]["own"] and "SM4" in listed["seal"]["note"]


@pytest.mark.parametrize("line, said", [
    ("seal,text | sm4-ebc(key) | base64", "2: recipe, character 8: a step is wanted"),
    ("seal,text | sm4-ecb(kee) | base64", '2: there is no key "kee"'),
    ("seal,text | sm3 | base64", '2: what "seal" seals must be opened'),
    ("saal,text | sm3", '2: shanxi has no recipe "saal"'),
    ("se/al,text", "is no name of a recipe"),
    ("seal", "2: name and recipe are wanted"),
])
def test_a_wrong_recipe_of_his_own_is_refused_with_file_and_line(desk, line, said):
    desk.own("shanxi", "name,recipe,note\n" + line + "\n")
    err = yingqiao("check", data=desk.data, code=1).err
    assert f"platforms/shanxi/recipes.csv:{said}" in err or said in err and "platforms/shanxi/recipes.csv:2" in err, err


def test_a_running_node_keeps_its_recipes_when_new_ones_are_wrong(node):
    folder = os.path.join(node.data, "conf", "platforms", "shanxi")
    os.makedirs(folder)
    path = os.path.join(folder, "recipes.csv")
    with open(path, "w") as file:
        file.write("name,recipe\nseal,text | sm5\n")
    node.wait_for_log(r"conf-kept .*platforms/shanxi/recipes\.csv:2: recipe, character 8")
    with open(path, "w") as file:
        file.write('name,recipe\nseal,"text | sm4-cbc(key, iv) | base64"\n')
    node.wait_for_log(r"conf-reloaded")


def test_what_is_asked_wrongly_is_said(desk):
    assert "neither a platform" in desk.try_("atlantis", code=1).err
    assert "has no recipe saal" in desk.try_("shanxi", "saal", desk.file(b"x"), code=1).err
    assert "character 8" in desk.try_("shanxi", "--as", "text | md6", desk.file(b"x"), code=1).err
    assert "parameter timestamp is missing" in desk.try_("shanxi", "sign", "data=1", "hospitalCode=2", code=1).err
    desk.try_(code=2)
