"""samples.py: instances for the cases. Invented patients; a few hundred bytes each unless a case wants more."""
import itertools
import os
import struct
import uuid
import zlib

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import dul

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
CR = "1.2.840.10008.5.1.4.1.1.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
SR = "1.2.840.10008.5.1.4.1.1.88.11"
PRIVATE_CLASS = "2.25.271828182845904523536028747135266249"

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
INVENTED = "1.2.840.10008.1.2.4.9999"       # a syntax of a later edition of the standard
PRIVATE_SYNTAX = "2.25.314159265358979323846264338327950288"
NATIVE = (dul.IMPLICIT, dul.EXPLICIT, dul.BIG_ENDIAN, dul.DEFLATED)

counter = itertools.count(1)


def uid():
    return f"2.25.{uuid.uuid4().int}"


class Instance:
    """What a sender has: announced UIDs, a transfer syntax, and the dataset as bytes."""

    def __init__(self, sop_class, sop_instance, syntax, raw, study="", series="", path=None):
        self.sop_class, self.uid, self.syntax, self.raw = sop_class, sop_instance, syntax, raw
        self.study, self.series, self.path = study, series, path

    def __repr__(self):
        return f"Instance({self.path or self.uid}, {self.syntax}, {len(self.raw)} bytes)"

    def save(self, path):
        with open(path, "wb") as out:
            out.write(part10_head(self.sop_class, self.uid, self.syntax) + self.raw)
        return path

    def dataset(self):
        return dul.decode_dataset(self.raw, self.syntax)


def part10_head(sop_class, sop_instance, syntax):
    def element(tag, vr, value):
        value += b"\0" * (len(value) & 1)
        if vr == b"OB":
            return struct.pack("<HH2sHI", 2, tag, vr, 0, len(value)) + value
        return struct.pack("<HH2sH", 2, tag, vr, len(value)) + value

    body = element(1, b"OB", b"\0\1") + element(2, b"UI", sop_class.encode())
    body += element(3, b"UI", sop_instance.encode()) + element(0x10, b"UI", syntax.encode())
    body += element(0x12, b"UI", dul.IMPLEMENTATION.encode())
    return b"\0" * 128 + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(body)) + body


def split_part10(raw):
    """(sop class, sop instance, transfer syntax, dataset bytes) of a Part 10 file."""
    assert raw[128:132] == b"DICM", "no Part 10 file"
    at, found = 132, {}
    while at + 8 <= len(raw) and raw[at:at + 2] == b"\2\0":
        element, vr = struct.unpack_from("<H2s", raw, at + 2)
        if vr in (b"OB", b"UN", b"OW", b"UT", b"SQ"):
            length, start = struct.unpack_from("<I", raw, at + 8)[0], at + 12
        else:
            length, start = struct.unpack_from("<H", raw, at + 6)[0], at + 8
        found[element] = raw[start:start + length]
        at = start + length
    text = [found.get(element, b"").rstrip(b"\0 ").decode("latin-1") for element in (2, 3, 0x10)]
    return (*text, raw[at:])


def load(path):
    """An Instance from a file; study and series are read when they are there."""
    with open(path, "rb") as file:
        raw = file.read()
    sop_class, sop_instance, syntax, body = split_part10(raw)
    study = series = ""
    try:
        head = dul.decode_dataset_head(body, syntax)
        study, series = str(head.get("StudyInstanceUID", "")), str(head.get("SeriesInstanceUID", ""))
        sop_class = str(head.get("SOPClassUID", "")) or sop_class
        sop_instance = str(head.get("SOPInstanceUID", "")) or sop_instance
    except Exception:  # broken on purpose: the case sends it as it is
        pass
    return Instance(sop_class, sop_instance, syntax, body, study, series, path)


def header(sop_class=CT, sop_instance=None, study=None, series=None, **attributes):
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = sop_instance or uid()
    dataset.StudyDate, dataset.StudyTime = "20260301", "081500"
    dataset.AccessionNumber = "A1"
    dataset.Modality = "CT"
    dataset.PatientName, dataset.PatientID = "Testperson^Erika", "P1"
    dataset.PatientBirthDate, dataset.PatientSex = "19700102", "F"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study or uid(), series or uid()
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", 1, next(counter)
    for name, value in attributes.items():
        if value is None:
            del dataset[name]
        else:
            setattr(dataset, name, value)
    return dataset


def encode(dataset, syntax=dul.EXPLICIT):
    return Instance(str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), syntax, dul.encode_dataset(dataset, syntax),
                    str(dataset.get("StudyInstanceUID", "")), str(dataset.get("SeriesInstanceUID", "")))


def instance(syntax=dul.EXPLICIT, size=512, seed=None, **attributes):
    """An image with `size` bytes of pixels. In an encapsulated syntax the fragments are noise: nobody is to look
    into them."""
    dataset = header(**attributes)
    side = max(int((size // 2) ** 0.5), 1)
    noise = noise_bytes(seed if seed is not None else next(counter), side * side * 2)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = side, side
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    if syntax in NATIVE:
        dataset.PixelData = bytes(b & 0x0F if n & 1 else b for n, b in enumerate(noise)) if size < 1 << 16 else noise
        dataset["PixelData"].VR = "OW"
    else:
        fragment = noise + b"\0" * (len(noise) & 1)
        dataset.PixelData = (struct.pack("<HHI", 0xFFFE, 0xE000, 0) +
                             struct.pack("<HHI", 0xFFFE, 0xE000, len(fragment)) + fragment)  # pydicom ends the sequence
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    return encode(dataset, syntax)


def noise_bytes(seed, count):
    import random
    return random.Random(seed).randbytes(count)


def code(value, scheme, meaning):
    one = Dataset()
    one.CodeValue, one.CodingSchemeDesignator, one.CodeMeaning = value, scheme, meaning
    return Sequence([one])


def series_of(count, **attributes):
    """Instances of one new series (of the study given, else a new one)."""
    attributes.setdefault("study", uid())
    attributes.setdefault("series", uid())
    return [instance(**attributes) for _ in range(count)]


def testdata():
    """The folder of real test files, or None."""
    here = os.path.dirname(os.path.abspath(__file__))
    folder = os.environ.get("YQ_TESTDATA") or os.path.join(here, "..", "..", "..", "shared", "testdata")
    return os.path.realpath(folder) if os.path.isfile(os.path.join(folder, "manifest.csv")) else None


def testdata_files(*topics, besides=()):
    folder = testdata()
    found = []
    for topic in sorted(os.listdir(folder)) if not topics else topics:
        if topic in besides or not os.path.isdir(os.path.join(folder, topic)):
            continue
        for root, _, names in os.walk(os.path.join(folder, topic)):
            found += [os.path.join(root, name) for name in names]
    return sorted(found)


def inflate_bomb(megabytes):
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    raw = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(megabytes)) + squeeze.flush()
    return raw + b"\0" * (len(raw) & 1)
