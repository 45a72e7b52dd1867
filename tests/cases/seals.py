"""seals.py: signatures, stamps and sealed PDFs as others make them: OpenSSL's command line, DER by hand; for the cases."""
import datetime
import os
import subprocess

import pdfs

SM2, RSA = "sm2", "rsa"
SOON = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))) + datetime.timedelta(hours=1)  # the certificates are there by then
EXTENSIONS = """[req]
distinguished_name=dn
[dn]
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=keyCertSign
[leaf]
keyUsage=digitalSignature,nonRepudiation
[tsa]
keyUsage=digitalSignature
extendedKeyUsage=critical,timeStamping
"""
ID = "distid:1234567812345678"


class Authority:
    """A CA of the test's own, SM2 or RSA, and whom it certifies."""

    def __init__(self, folder, kind):
        self.folder, self.kind = str(folder), kind
        self.digest = "-sm3" if kind == SM2 else "-sha256"
        self.sign_id = ["-sigopt", ID] if kind == SM2 else []
        self.put("x.cnf", EXTENSIONS.encode())
        self.new_key("ca")
        self.openssl("req", "-new", "-x509", "-days", "3650", "-utf8", "-subj", "/C=CN/O=测试/CN=CA", "-key", self.path("ca.key"), "-out",
                     self.path("ca.pem"), self.digest, *self.sign_id, "-extensions", "ca", "-config", self.path("x.cnf"))
        self.anchors = self.path("ca.pem")

    def path(self, name):
        return os.path.join(self.folder, f"{self.kind}-{name}")

    def put(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)

    def get(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def openssl(self, *args, data=b""):
        done = subprocess.run(["openssl", *args], input=data, capture_output=True, timeout=60)
        assert done.returncode == 0, (args, done.stderr.decode())
        return done.stdout

    def new_key(self, name):
        how = ["ecparam", "-genkey", "-name", "SM2"] if self.kind == SM2 else ["genrsa"]
        self.openssl(*how, "-out", self.path(name + ".key"))

    def certify(self, name, extensions="leaf", days=365):
        self.new_key(name)
        self.openssl("req", "-new", "-utf8", "-subj", f"/C=CN/O=医院/CN={name}", "-key", self.path(name + ".key"), "-out", self.path("csr"),
                     self.digest, *self.sign_id, "-config", self.path("x.cnf"))
        self.openssl("x509", "-req", "-in", self.path("csr"), "-days", str(days), "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
                     "-CAcreateserial", "-out", self.path(name + ".pem"), self.digest, *self.sign_id,
                     *(["-vfyopt", ID] if self.kind == SM2 else []), "-extfile", self.path("x.cnf"), "-extensions", extensions)
        return self

    def der(self, name):
        return self.openssl("x509", "-in", self.path(name + ".pem"), "-outform", "DER")

    def value(self, name, text):
        """The signature by itself (PKCS#1)."""
        source = self.put("text", text)
        more = ["-rawin", "-digest", "sm3", "-pkeyopt", ID] if self.kind == SM2 else ["-rawin", "-digest", "sha256"]
        return self.openssl("pkeyutl", "-sign", "-inkey", self.path(name + ".key"), "-in", source, *more)

    def pkcs7(self, name, text):
        """Detached, without signed attributes; the form of GM/T 0010 by hand, RFC 5652 by openssl cms."""
        if self.kind == RSA:
            return self.openssl("cms", "-sign", "-binary", "-outform", "DER", "-signer", self.path(name + ".pem"), "-inkey",
                                self.path(name + ".key"), data=text)
        certificate = self.der(name)
        tbs = children(children(certificate)[0])
        names = [part for part in tbs if part[0] == 0x30]
        serial = next(part for part in tbs if part[0] == 0x02)
        sm3 = seq(oid("1.2.156.10197.1.401"), b"\x05\x00")
        signer = seq(integer(1), seq(names[1], serial), sm3, seq(oid("1.2.156.10197.1.301.1"), b"\x05\x00"), octets(self.value(name, text)))
        signed = seq(integer(1), tlv(0x31, sm3), seq(oid("1.2.156.10197.6.1.4.2.1")), tlv(0xa0, certificate), tlv(0x31, signer))
        return seq(oid("1.2.156.10197.6.1.4.2.2"), tlv(0xa0, signed))

    def stamp(self, name, text, cert=True):
        """A time stamp by openssl ts (RSA)."""
        config = f"[tsa]\ndefault_tsa=a\n[a]\nserial={self.path('serial')}\nsigner_cert={self.path(name + '.pem')}\nsigner_key=" \
                 f"{self.path(name + '.key')}\nsigner_digest=sha256\ndefault_policy=1.2.3\ndigests=sha256\ness_cert_id_alg=sha1\n"
        self.put("ts.cnf", config.encode())
        self.openssl("ts", "-query", "-data", self.put("text", text), "-sha256", *(["-cert"] if cert else []), "-out", self.path("q"))
        return self.openssl("ts", "-reply", "-config", self.path("ts.cnf"), "-queryfile", self.path("q"), "-token_out")

    def sm3(self, text):
        return self.openssl("dgst", "-sm3", "-binary", data=text)


# ---- DER ----

def tlv(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 + size]) + len(body).to_bytes(size, "big") + body


def seq(*parts):
    return tlv(0x30, *parts)


def integer(number):
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def octets(content):
    return tlv(0x04, content)


def bits(content):
    return tlv(0x03, b"\0" + content)


def oid(text):
    first, second, *rest = map(int, text.split("."))
    body = b""
    for number in [40 * first + second, *rest]:
        piece = [number & 0x7f]
        while number := number >> 7:
            piece.insert(0, 0x80 | number & 0x7f)
        body += bytes(piece)
    return tlv(0x06, body)


def children(der):
    """The elements within one, each whole."""
    def header(at):
        length, size = der[at + 1], 2
        if length & 0x80:
            size += length & 0x7f
            length = int.from_bytes(der[at + 2:at + size], "big")
        return size, length
    at, parts = header(0)[0], []
    while at < len(der):
        size, length = header(at)
        parts.append(der[at:at + size + length])
        at += size + length
    return parts


# ---- electronic seals ----

def time(text):
    return tlv(0x18, text.encode())


def eseal(authority, signer, maker, digest, *, old=False, name="影像科报告专用章", valid=("20250101000000Z", "20350101000000Z"), listed=None,
          at=(SOON - datetime.timedelta(hours=8)).strftime("%Y%m%d%H%M%SZ")):
    """SES_Signature: GB/T 38540, or GM/T 0031 (old)."""
    mine, theirs = authority.der(signer), authority.der(maker)
    stamp = time if not old else (lambda text: tlv(0x17, text[2:].encode()))
    listing = seq(octets(authority.der(listed or signer)))
    kind = [integer(1)] if not old else []
    text = tlv(0x0c, name.encode())
    info = seq(seq(tlv(0x16, b"ES"), integer(4), tlv(0x16, b"test")), tlv(0x16, b"14010000000001"),
               seq(integer(1), text, *kind, listing, stamp(valid[0]), stamp(valid[0]), stamp(valid[1])),
               seq(tlv(0x16, b"png"), octets(b"\x89PNG"), integer(40), integer(40)))
    algorithm = oid("1.2.156.10197.1.501")
    if old:
        seal = seq(info, seq(octets(theirs), algorithm, bits(authority.value(maker, seq(info, octets(theirs), algorithm)))))
        tbs = seq(integer(1), seal, bits(at.encode()), bits(digest), tlv(0x16, b"/test"), octets(mine), algorithm)
        return seq(tbs, bits(authority.value(signer, tbs)))
    seal = seq(info, octets(theirs), algorithm, bits(authority.value(maker, info)))
    tbs = seq(integer(4), seal, time(at), bits(digest), tlv(0x16, b"/test"))
    return seq(tbs, octets(mine), algorithm, bits(authority.value(signer, tbs)))


# ---- PDFs ----

ROOM = 16384  # bytes of /Contents


def sealed_pdf(make, sub_filter=b"adbe.pkcs7.detached", more=b"", onto=None, order=0):
    """A PDF with a signature dictionary; make(bytes that are signed) -> what goes into /Contents. onto: added to this file."""
    parts = [b"/ByteRange [0 ########## ########## ##########]", b"/Contents <" + b"0" * (2 * ROOM) + b">"]
    entries = b"/Type/Sig /Filter/Test.Seal /SubFilter/" + sub_filter + b" /Reason (\\(a\\) >> [<obj) /Prop 1 0 R /Build << /App << /Name/X >> >> "
    dictionary = b"<<" + entries + b" ".join(parts if not order else parts[::-1]) + b" /M " + SOON.strftime("(D:%Y%m%d%H%M%S+08'00')").encode() + b" " + more + b">>"
    if onto is None:
        page = b"<</Type/Page /Parent 2 0 R /MediaBox[0 0 595 842] /Annots[5 0 R]>>"
        field = b"<</Type/Annot /Subtype/Widget /FT/Sig /T(seal) /V 4 0 R /Rect[0 0 0 0]>>"
        catalog = b"<</Type/Catalog /Pages 2 0 R /AcroForm<</SigFlags 3 /Fields[5 0 R]>>>>"
        file = pdfs.build([catalog, b"<</Type/Pages /Kids[3 0 R] /Count 1>>", page, dictionary, field])
    else:
        file = onto + b"9 0 obj\n" + dictionary + b"\nendobj\nstartxref\n0\n%%EOF\n"
    begin = file.rindex(b"/Contents <") + len(b"/Contents ")
    end = file.index(b">", begin) + 1
    numbers = b"[0 %-10d %-10d %-10d]" % (begin, end, len(file) - end)
    at = file.rindex(b"[0 ##########")
    file = file[:at] + numbers + file[at + len(numbers):]
    content = make(file[:begin] + file[end:]).hex().encode()
    return file[:begin + 1] + content + file[begin + 1 + len(content):]
