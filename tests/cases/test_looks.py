"""What an image is and how it wants to be shown, frame by frame, as pydicom reads it: pixels, look-up tables, palettes,
overlays, functional groups, presentation states. Of real files and of ones made here in every layout."""
import csv
import hashlib
import json
import os
import subprocess
import zlib

import conftest
import numpy
import pydicom
import pytest
import samples
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixel_data_handlers.util import _expand_segmented_lut
from pydicom.sequence import Sequence

DESCRIBE = os.path.join(os.path.dirname(conftest.BINARY), "describe")
IMPLICIT, EXPLICIT, BIG, DEFLATED = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
LAYOUTS = (IMPLICIT, EXPLICIT, BIG, DEFLATED)
FUNCTIONS = {"LINEAR": 0, "LINEAR_EXACT": 1, "SIGMOID": 2}
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
XA = ("1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2")
GRAYSCALE_STATE = "1.2.840.10008.5.1.4.1.1.11.1"


def describe(path, pixels, *state, code=0):
    done = subprocess.run([DESCRIBE, str(path), str(pixels), *map(str, state)], capture_output=True, timeout=300,
                          env=conftest.environment())
    assert done.returncode == code, (path, done.stderr.decode())
    return json.loads(done.stdout) if code == 0 else done.stderr.decode().strip()


def crc(values):
    return zlib.crc32(numpy.asarray(values, "<u2").tobytes())


# ---- what pydicom says ----

def words(element, big=False):
    """The 16-bit words of a look-up table's data, under whatever VR."""
    value = element.value
    if isinstance(value, bytes):
        return numpy.frombuffer(value[:len(value) // 2 * 2], ">u2" if big else "<u2").astype(int).tolist()
    return [v & 0xffff for v in (value if isinstance(value, (list, tuple, pydicom.multival.MultiValue)) else [value])]


def expected_lut(item, signed, big):
    """Of well-formed tables only."""
    entries, first, bits = item[0x0028, 0x3002].value
    data = words(item[0x0028, 0x3006], big)
    entries = entries or 65536
    if len(data) < entries:
        data = [byte for word in data for byte in (word & 255, word >> 8)]
    data = data[:entries]
    if signed and first > 32767:
        first -= 65536
    return {"entries": entries, "first": first, "bits": bits, "crc": crc(data)}


def listed(value):
    if value is None or value == "":
        return []
    return [float(v) for v in (value if isinstance(value, pydicom.multival.MultiValue) else [value])]


def macros(ds, frame):
    groups = []
    if "PerFrameFunctionalGroupsSequence" in ds and len(ds.PerFrameFunctionalGroupsSequence) > frame:
        groups.append(ds.PerFrameFunctionalGroupsSequence[frame])
    if ds.get("SharedFunctionalGroupsSequence"):
        groups.append(ds.SharedFunctionalGroupsSequence[0])
    return groups


def macro(ds, frame, name):
    for group in macros(ds, frame):
        if group.get(name):
            return group.get(name)[0]
    return ds


def expected_aspect(ds, frame):
    for where, name in ((ds, "PixelAspectRatio"), (macro(ds, frame, "PixelMeasuresSequence"), "PixelSpacing"),
                        (ds, "PixelSpacing"), (ds, "ImagerPixelSpacing"), (ds, "NominalScannedPixelSpacing")):
        ratio = listed(where.get(name))
        if len(ratio) >= 2 and min(ratio) > 0:
            return ratio[0] / ratio[1]
    return 1


def expected_overlays(ds, frame):
    planes = []
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0010) not in ds:
            continue
        origin = ds[group, 0x0050].value if (group, 0x0050) in ds else [1, 1]
        plane = {"group": group, "rows": ds[group, 0x0010].value, "columns": ds[group, 0x0011].value,
                 "row": origin[0], "column": origin[1], "region": int(ds[group, 0x0040].value == "R")}
        frames = (group, 0x0015) in ds or (group, 0x0051) in ds
        first = ds[group, 0x0051].value if (group, 0x0051) in ds else 1
        count = int(ds[group, 0x0015].value) if (group, 0x0015) in ds else 1
        if frames and not first <= frame + 1 < first + count:
            continue
        if (group, 0x3000) not in ds:
            plane["bit"] = ds[group, 0x0102].value
        else:
            array = ds.overlay_array(group).reshape(count, -1)[frame + 1 - first if frames else 0]
            plane["crc"] = zlib.crc32(numpy.packbits(array, bitorder="little").tobytes())
        planes.append(plane)
    return planes


def check_look(ds, frame, look, big=False):
    rescale, voi = macro(ds, frame, "PixelValueTransformationSequence"), macro(ds, frame, "FrameVOILUTSequence")
    slope, intercept = rescale.get("RescaleSlope"), rescale.get("RescaleIntercept")
    assert look["slope"] == (float(slope) if slope not in (None, "") else 1)
    assert look["intercept"] == (float(intercept) if intercept not in (None, "") else 0)
    windows = [list(w) for w in zip(listed(voi.get("WindowCenter")), listed(voi.get("WindowWidth"))) if w[1] > 0]
    assert look["windows"] == windows[:16]
    assert look["function"] == FUNCTIONS.get(voi.get("VOILUTFunction"), 0)
    assert look["inverse"] == int(ds.get("PresentationLUTShape") == "INVERSE")
    assert abs(look["aspect"] - expected_aspect(ds, frame)) < 1e-9
    signed = ds.get("PixelRepresentation") == 1
    if ds.get("ModalityLUTSequence") and ds.get("SOPClassUID") not in XA:
        assert look["modality"] == expected_lut(ds.ModalityLUTSequence[0], signed, big)
        signed = False
    else:
        assert look["modality"]["entries"] == 0
    signed = signed or look["intercept"] < 0
    assert look["voi"] == [expected_lut(item, signed, big) for item in voi.get("VOILUTSequence") or ()]
    assert look["overlays"] == expected_overlays(ds, frame)


def palette_of(ds, index, big):
    name = ("Red", "Green", "Blue")[index]
    entries, first, bits = ds[f"{name}PaletteColorLookupTableDescriptor"].value
    entries = entries or 65536
    if f"{name}PaletteColorLookupTableData" in ds:
        data = words(ds[f"{name}PaletteColorLookupTableData"], big)
        if len(data) < entries:
            data = [byte for word in data for byte in (word & 255, word >> 8)]
    else:
        raw = ds[f"Segmented{name}PaletteColorLookupTableData"].value
        size = 1 if bits == 8 else 2
        if big and size == 2:
            raw = numpy.frombuffer(raw, ">u2").astype("<u2").tobytes()
        data = _expand_segmented_lut(tuple(numpy.frombuffer(raw, "<u1" if size == 1 else "<u2").tolist()),
                                     "<%dB" if size == 1 else "<%dH")
    return numpy.array(data[:entries], int)


def check_palette(ds, frame, big=False):
    colours = [palette_of(ds, i, big) for i in range(3)]
    if max(c.max() for c in colours) < 256:
        colours = [c * 257 for c in colours]
    for want, got in zip(colours, frame["palette"]):
        assert got["entries"] == len(want) and got["bits"] == 16
        assert got["crc"] == crc(want)


# ---- real files ----

def images(besides=("malformed", "malformed-generated", "malformed-mutated", "hostile-corpus", "video")):
    for path in samples.testdata_files(besides=besides):
        try:
            ds = pydicom.dcmread(path, force=True)
        except Exception:  # not for pydicom to read
            continue
        if any(name in ds for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")) and "Rows" in ds:
            yield path, ds


def test_real_files_say_what_pydicom_says(testdata, tmp_path):
    seen = 0
    for path, ds in images():
        frames = describe(path, "-")
        big = ds.file_meta.get("TransferSyntaxUID") == BIG if hasattr(ds, "file_meta") else False
        assert len(frames) == int(ds.get("NumberOfFrames") or 1), path
        for number, frame in enumerate(frames):
            assert (frame["rows"], frame["columns"]) == (ds.Rows, ds.Columns), path
            if not frame["float"]:
                assert frame["signed"] == ds.PixelRepresentation, path
            try:
                check_look(ds, number, frame["look"], big)
                if ds.PhotometricInterpretation == "PALETTE COLOR":
                    check_palette(ds, frame, big)
            except AssertionError as error:
                raise AssertionError(f"{path}, frame {number + 1}: {error}") from error
        seen += 1
    assert seen > 100


def test_pixels_of_real_files_are_the_expected_ones(testdata, tmp_path):
    with open(os.path.join(testdata, "expected", "pixels.csv"), newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["lossy"] == "0" and line["native_pixel_md5"]]
    wrong = []
    for line in lines:
        path = os.path.join(testdata, line["path"])
        describe(path, tmp_path / "pixels")
        with open(tmp_path / "pixels", "rb") as file:
            pixels = file.read()
        if hashlib.md5(pixels).hexdigest() != line["native_pixel_md5"]:
            wrong.append((line["path"], len(pixels), line["native_bytes"], line["decoded_photometric"]))
    assert len(lines) > 100 and not wrong


# ---- made here ----

def image(rows=4, columns=6, bits=16, frames=1, signed=0, **values):
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SECONDARY_CAPTURE, "2.25.77"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored = rows, columns, bits, bits
    ds.HighBit, ds.PixelRepresentation = bits - 1, signed
    if frames > 1:
        ds.NumberOfFrames = frames
    for name, value in values.items():
        setattr(ds, name, value)
    count = rows * columns * frames * ds.SamplesPerPixel
    ds.PixelData = bytes(i * 7 & 255 for i in range(count * bits // 8 if bits > 1 else (count + 7) // 8))
    if len(ds.PixelData) % 2:
        ds.PixelData += b"\0"
    ds["PixelData"].VR = "OW" if bits > 8 else "OB"
    return ds


def write(ds, path, syntax=EXPLICIT):
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.is_little_endian, ds.is_implicit_VR = syntax != BIG, syntax == IMPLICIT
    pydicom.dcmwrite(path, ds, write_like_original=False)
    return path


def lut(descriptor, data, vr="US"):
    item = Dataset()
    item.add_new(0x00283002, "US", descriptor)
    item.add_new(0x00283006, vr, data)
    return item


def ow(values, syntax):
    """Words as they have to stand in the file: pydicom does not turn bytes."""
    return numpy.asarray(values, ">u2" if syntax == BIG else "<u2").tobytes()


@pytest.mark.parametrize("syntax", LAYOUTS)
@pytest.mark.parametrize("vr", ("US", "OW"))
def test_look_up_tables_in_every_layout(tmp_path, syntax, vr):
    ramp, long = [i * 16 for i in range(256)], [i ^ 0x5a5a for i in range(4096)]
    data = (lambda v: ow(v, syntax)) if vr == "OW" else (lambda v: v)
    ds = image(ModalityLUTSequence=Sequence([lut([256, 0, 12], data(ramp), vr)]),
               VOILUTSequence=Sequence([lut([4096, 0, 16], data(long), vr), lut([256, 3, 12], data(ramp[::-1]), vr)]),
               WindowCenter=[40.5, 30, 1], WindowWidth=["400", "0", "1e3"], VOILUTFunction="SIGMOID",
               PresentationLUTShape="INVERSE", PixelAspectRatio=[4, 3])
    (frame,) = describe(write(ds, tmp_path / "one", syntax), tmp_path / "pixels")
    look = frame["look"]
    assert look["modality"] == {"entries": 256, "first": 0, "bits": 12, "crc": crc(ramp)}
    assert look["voi"] == [{"entries": 4096, "first": 0, "bits": 16, "crc": crc(long)},
                           {"entries": 256, "first": 3, "bits": 12, "crc": crc(ramp[::-1])}]
    assert look["windows"] == [[40.5, 400], [1, 1000]] and look["function"] == 2 and look["inverse"] == 1
    assert look["aspect"] == 4 / 3


# descriptor, words, VR, signed pixels -> first, bits, values
ODD_TABLES = {
    "first value below zero": ([4, 65532, 8], [1, 2, 3, 4], "US", 1, -4, 8, [1, 2, 3, 4]),
    "large first value of unsigned pixels": ([4, 65532, 8], [1, 2, 3, 4], "US", 0, 65532, 8, [1, 2, 3, 4]),
    "8 bits in pairs": ([4, 0, 8], [0x0201, 0x0403], "OW", 0, 0, 8, [1, 2, 3, 4]),
    "8 bits in pairs, 16 said": ([4, 0, 16], [0x0201, 0x0403], "OW", 0, 0, 8, [1, 2, 3, 4]),
    "wider than said": ([3, 0, 8], [1, 300, 4000], "US", 0, 0, 12, [1, 300, 4000]),
    "nonsense for bits": ([3, 0, 0], [1, 2, 255], "US", 0, 0, 8, [1, 2, 255]),
    "fewer than said": ([100, 0, 16], [1, 2, 40000], "US", 0, 0, 16, [1, 2, 40000]),
    "more than said": ([2, 0, 16], [1, 2, 3, 4], "US", 0, 0, 16, [1, 2]),
}


@pytest.mark.parametrize("name", ODD_TABLES)
@pytest.mark.parametrize("syntax", (EXPLICIT, BIG))
def test_tables_that_are_not_as_described(tmp_path, name, syntax):
    descriptor, data, vr, signed, first, bits, values = ODD_TABLES[name]
    ds = image(signed=signed, VOILUTSequence=Sequence([lut(descriptor, ow(data, syntax) if vr == "OW" else data, vr)]))
    (frame,) = describe(write(ds, tmp_path / "one", syntax), tmp_path / "pixels")
    assert frame["look"]["voi"] == [{"entries": len(values), "first": first, "bits": bits, "crc": crc(values)}]


def test_a_table_of_65536_entries_says_0(tmp_path):
    values = [i // 2 for i in range(65536)]
    ds = image(ModalityLUTSequence=Sequence([lut([0, 0, 16], ow(values, EXPLICIT), "OW")]))
    (frame,) = describe(write(ds, tmp_path / "one"), tmp_path / "pixels")
    assert frame["look"]["modality"] == {"entries": 65536, "first": 0, "bits": 16, "crc": crc(values)}


def test_the_tables_of_angiography_are_not_for_showing(tmp_path):
    ds = image(ModalityLUTSequence=Sequence([lut([4, 0, 8], [4, 3, 2, 1])]))
    ds.SOPClassUID = XA[0]
    (frame,) = describe(write(ds, tmp_path / "one"), tmp_path / "pixels")
    assert frame["look"]["modality"]["entries"] == 0


def palette_image(syntax, descriptor, bits=8, **tables):
    ds = image(bits=bits, PhotometricInterpretation="PALETTE COLOR")
    for tag in range(0x00281101, 0x00281104):
        ds.add_new(tag, "US", descriptor)
    for tag, values in zip(range(0x00281201, 0x00281204), tables.get("data", ())):
        ds.add_new(tag, "OW", ow(values, syntax))
    for tag, values in zip(range(0x00281221, 0x00281224), tables.get("segments", ())):
        ds.add_new(tag, "OW", ow(values, syntax))
    return ds


@pytest.mark.parametrize("syntax", LAYOUTS)
def test_palettes(tmp_path, syntax):
    wide = [[i * 257 ^ c for i in range(256)] for c in (0, 77, 4000)]
    ds = palette_image(syntax, [256, 0, 16], data=wide)
    (frame,) = describe(write(ds, tmp_path / "one", syntax), tmp_path / "pixels")
    assert [p["crc"] for p in frame["palette"]] == [crc(c) for c in wide]
    # Small values under 16 bits, and bytes in pairs, are of 8 bits.
    small = [[i, 255 - i, 7][c] for c in range(3) for i in range(256)]
    colours = [small[c * 256:c * 256 + 256] for c in range(3)]
    for data in (colours, [[a | b << 8 for a, b in zip(c[::2], c[1::2])] for c in colours]):
        ds = palette_image(syntax, [256, 0, 16], data=data)
        (frame,) = describe(write(ds, tmp_path / "one", syntax), tmp_path / "pixels")
        assert [p["crc"] for p in frame["palette"]] == [crc([v * 257 for v in c]) for c in colours]


@pytest.mark.parametrize("syntax", LAYOUTS)
def test_segmented_palettes(tmp_path, syntax):
    segments = [
        [0, 2, 100, 60000, 1, 20, 1000, 0, 1, 5, 2, 2, 0, 0, 1, 9, 65535],  # discrete, linear, indirect
        [0, 1, 7, 1, 54, 7],
        [0, 1, 65535, 1, 3, 0, 1, 51, 12345],
    ]
    ds = palette_image(syntax, [55, 0, 16], segments=segments)
    (frame,) = describe(write(ds, tmp_path / "one", syntax), tmp_path / "pixels")
    check_palette(ds, frame, syntax == BIG)


@pytest.mark.parametrize("segments", (
    [1, 5, 300],  # a line from nowhere
    [0, 5, 1, 2],  # cut off
    [0, 1, 9, 2, 1, 6, 0],  # indirect to itself
    [0, 1, 9, 2, 1, 999, 0],  # to nowhere
    [3, 1, 9],
), ids=str)
def test_broken_segments_make_no_palette_but_pixels_are_read(tmp_path, segments):
    ds = palette_image(EXPLICIT, [10, 0, 16], segments=[segments] * 3)
    (frame,) = describe(write(ds, tmp_path / "one"), tmp_path / "pixels")
    assert [p["entries"] for p in frame["palette"]] == [0, 0, 0]
    assert (tmp_path / "pixels").read_bytes() == ds.PixelData


def put_overlay(ds, group, rows, columns, frames=0, origin=0, syntax=EXPLICIT, kind="G", at=(1, 1)):
    ds.add_new((group, 0x0010), "US", rows)
    ds.add_new((group, 0x0011), "US", columns)
    if frames:
        ds.add_new((group, 0x0015), "IS", frames)
    if origin:
        ds.add_new((group, 0x0051), "US", origin)
    ds.add_new((group, 0x0040), "CS", kind)
    ds.add_new((group, 0x0050), "SS", list(at))
    ds.add_new((group, 0x0100), "US", 1)
    ds.add_new((group, 0x0102), "US", 0)
    count = rows * columns * max(frames, 1)
    bits = numpy.array([(i * 5 // 3 ^ i // 7) & 1 for i in range(count)], numpy.uint8)
    raw = numpy.packbits(bits, bitorder="little").tobytes()
    raw += b"\0" * (len(raw) % 2)
    ds.add_new((group, 0x3000), "OW", numpy.frombuffer(raw, "<u2").astype(">u2" if syntax == BIG else "<u2").tobytes())
    return bits.reshape(max(frames, 1), -1)


@pytest.mark.parametrize("syntax", LAYOUTS)
def test_overlays(tmp_path, syntax):
    ds = image(rows=5, columns=7, frames=4)
    planes = {0x6000: put_overlay(ds, 0x6000, 5, 7, 3, 2, syntax),  # 35 bits a frame: none but the first on a byte
              0x6002: put_overlay(ds, 0x6002, 3, 3, 0, 0, syntax, "R", (-1, 6)),
              0x601e: put_overlay(ds, 0x601e, 5, 7, 0, 4, syntax)}
    frames = describe(write(ds, tmp_path / "one", syntax), tmp_path / "pixels")
    seen = [{p["group"]: p["crc"] for p in frame["look"]["overlays"]} for frame in frames]
    packed = {g: [zlib.crc32(numpy.packbits(f, bitorder="little").tobytes()) for f in p] for g, p in planes.items()}
    whole = {0x6002: packed[0x6002][0]}
    assert seen == [whole, {0x6000: packed[0x6000][0], **whole}, {0x6000: packed[0x6000][1], **whole},
                    {0x6000: packed[0x6000][2], **whole, 0x601e: packed[0x601e][0]}]
    region = frames[0]["look"]["overlays"][0]
    assert region["region"] == 1 and (region["row"], region["column"], region["rows"]) == (-1, 6, 3)


def test_a_long_overlay_is_read_from_its_place(tmp_path):
    for syntax in (EXPLICIT, BIG):
        ds = image(rows=500, columns=501, frames=40)
        bits = put_overlay(ds, 0x6000, 500, 501, 40, 1, syntax)
        frames = describe(write(ds, tmp_path / "one", syntax), tmp_path / "pixels")
        for frame, plane in zip(frames, bits):
            (seen,) = frame["look"]["overlays"]
            assert seen["crc"] == zlib.crc32(numpy.packbits(plane, bitorder="little").tobytes())


def test_overlays_that_are_not_all_there(tmp_path):
    ds = image()
    put_overlay(ds, 0x6000, 4, 6)
    ds[0x6000, 0x0010].value = 60000
    ds[0x6000, 0x0011].value = 60000
    embedded = (("6002", 15, True), ("6004", 3, False), ("6006", 16, False))
    ds.BitsStored, ds.HighBit = 12, 11
    for group, bit, _ in embedded:
        group = int(group, 16)
        for element, vr, value in ((0x10, "US", 4), (0x11, "US", 6), (0x40, "CS", "G"), (0x50, "SS", [1, 1]),
                                   (0x100, "US", 16), (0x102, "US", bit)):
            ds.add_new((group, element), vr, value)
    (frame,) = describe(write(ds, tmp_path / "one"), tmp_path / "pixels")
    assert [(p["group"], p["bit"]) for p in frame["look"]["overlays"]] == [(0x6002, 15)]


@pytest.mark.parametrize("syntax", LAYOUTS)
def test_functional_groups(tmp_path, syntax):
    def item(**values):
        ds = Dataset()
        for name, value in values.items():
            setattr(ds, name, value)
        return ds

    def group(frame):
        groups = Dataset()
        groups.FrameVOILUTSequence = Sequence([item(WindowCenter=frame, WindowWidth=frame + 1)])
        if frame % 2:
            groups.PixelValueTransformationSequence = Sequence([item(RescaleIntercept=-frame, RescaleSlope=2)])
        return groups

    ds = image(frames=5)
    shared = Dataset()
    shared.PixelValueTransformationSequence = Sequence([item(RescaleIntercept=-1024, RescaleSlope=0.5)])
    shared.PixelMeasuresSequence = Sequence([item(PixelSpacing=[2, 1])])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence([group(i) for i in range(5)])
    path = write(ds, tmp_path / "one", syntax)
    for number, frame in enumerate(describe(path, tmp_path / "pixels")):
        check_look(pydicom.dcmread(path), number, frame["look"])
        assert frame["look"]["windows"] == [[number, number + 1]]
    # The same under VR UN, as it comes from somebody who does not know them.
    if syntax == EXPLICIT:
        buffer = pydicom.filebase.DicomBytesIO()
        buffer.is_little_endian = buffer.is_implicit_VR = True
        for item_ in ds.PerFrameFunctionalGroupsSequence:
            pydicom.filewriter.write_sequence_item(buffer, item_, ["iso8859"])
        del ds.PerFrameFunctionalGroupsSequence
        ds.add_new(0x52009230, "OB", buffer.getvalue())  # pydicom does not write it under UN
        raw = write(ds, path).read_bytes()
        assert raw.count(b"\0\x52\x30\x92OB") == 1
        path.write_bytes(raw.replace(b"\0\x52\x30\x92OB", b"\0\x52\x30\x92UN"))
        assert [f["look"]["windows"] for f in describe(path, tmp_path / "pixels")] == [
            [[number, number + 1]] for number in range(5)]


def test_shutters(tmp_path):
    ds = image(ShutterShape=["RECTANGULAR", "CIRCULAR", "POLYGONAL"], ShutterLeftVerticalEdge=2,
               ShutterRightVerticalEdge=5, ShutterUpperHorizontalEdge=1, ShutterLowerHorizontalEdge=4,
               CenterOfCircularShutter=[2, 3], RadiusOfCircularShutter=7,
               VerticesOfThePolygonalShutter=[1, 1, 1, 6, 4, 3], ShutterPresentationValue=40000)
    (frame,) = describe(write(ds, tmp_path / "one"), tmp_path / "pixels")
    assert frame["look"]["shutter"] == {"grey": 40000, "group": 0, "rectangle": [2, 5, 1, 4], "circle": [2, 3, 7],
                                        "vertices": [1, 1, 1, 6, 4, 3]}


@pytest.mark.parametrize("syntax", LAYOUTS)
def test_floating_point_pixels(tmp_path, syntax):
    for bits, name, kind in ((32, "FloatPixelData", "f4"), (64, "DoubleFloatPixelData", "f8")):
        ds = image(frames=3)
        values = numpy.linspace(-1e3, 1e6, 72)
        for element in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
            delattr(ds, element)
        ds.BitsAllocated = bits
        setattr(ds, name, values.astype((">" if syntax == BIG else "<") + kind).tobytes())
        frames = describe(write(ds, tmp_path / "one", syntax), tmp_path / "pixels")
        assert all(f["float"] and f["bits"] == [bits, bits, bits - 1] for f in frames) and len(frames) == 3
        assert (tmp_path / "pixels").read_bytes() == values.astype("<" + kind).tobytes()


# what is changed -> what it is taken for
REPAIRS = {
    "no photometric interpretation": ({"PhotometricInterpretation": None}, {"photometric": "MONOCHROME2"}),
    "no samples": ({"SamplesPerPixel": None}, {"samples": 1}),
    "no pixel representation": ({"PixelRepresentation": None}, {"signed": 0}),
    "high bit too low": ({"HighBit": 3}, {"bits": [16, 16, 15]}),
    "high bit beyond the cell": ({"HighBit": 31}, {"bits": [16, 16, 15]}),
    "no bits stored": ({"BitsStored": None, "HighBit": None}, {"bits": [16, 16, 15]}),
    "no bits allocated": ({"BitsAllocated": None, "BitsStored": 12, "HighBit": 11}, {"bits": [16, 12, 11]}),
    "no frames": ({"NumberOfFrames": 0}, {"frames": 1}),
    "RGB of one sample": ({"PhotometricInterpretation": "RGB"}, {"photometric": "MONOCHROME2", "samples": 1}),
}


@pytest.mark.parametrize("name", REPAIRS)
def test_what_is_missing_or_wrong_is_put_right(tmp_path, name):
    changes, wanted = REPAIRS[name]
    ds = image()
    for attribute, value in changes.items():
        if value is None:
            delattr(ds, attribute)
        else:
            setattr(ds, attribute, value)
    (frame,) = describe(write(ds, tmp_path / "one"), tmp_path / "pixels")
    assert {key: frame[key] for key in wanted} == wanted
    assert (tmp_path / "pixels").read_bytes() == ds.PixelData


def test_what_cannot_be_true_is_said(tmp_path):
    for changes, word in (({"BitsStored": 17}, "bad-input"), ({"Rows": 0}, "bad-input"), ({"Rows": 5}, "bad-input"),
                          ({"SamplesPerPixel": 4}, "refused"), ({"BitsAllocated": 24}, "refused")):
        ds = image(**changes)
        if "Rows" in changes or "SamplesPerPixel" in changes:
            ds.PixelData = image().PixelData
            ds["PixelData"].VR = "OW"
        assert describe(write(ds, tmp_path / "one"), tmp_path / "pixels", code=1).startswith(word + ": ")


def test_more_pixels_than_said_and_fragments_that_should_not_be(tmp_path):
    ds = image()
    ds.PixelData += b"\1\2\3\4" * 10
    describe(write(ds, tmp_path / "one"), tmp_path / "pixels")
    assert (tmp_path / "pixels").read_bytes() == ds.PixelData[:48]
    # Native pixels under an encapsulated syntax are what they are.
    raw = (tmp_path / "one").read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    (tmp_path / "one").write_bytes(raw)
    describe(tmp_path / "one", tmp_path / "pixels")
    assert (tmp_path / "pixels").read_bytes() == ds.PixelData[:48]


def test_an_icon_is_not_the_image(tmp_path):
    ds = image()
    icon = image(rows=2, columns=2, bits=8)
    del icon.SOPClassUID, icon.SOPInstanceUID
    ds.IconImageSequence = Sequence([icon])
    describe(write(ds, tmp_path / "one"), tmp_path / "pixels")
    assert (tmp_path / "pixels").read_bytes() == ds.PixelData
    del ds.PixelData
    assert describe(write(ds, tmp_path / "one"), tmp_path / "pixels", code=1).startswith("absent: ")


# ---- presentation states ----

def reference(uid="2.25.77", frames=None):
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = SECONDARY_CAPTURE, uid
    if frames:
        item.ReferencedFrameNumber = frames
    return Sequence([item])


def state(**values):
    ds = Dataset()
    ds.SpecificCharacterSet = "GB18030"
    ds.SOPClassUID, ds.SOPInstanceUID = GRAYSCALE_STATE, "2.25.78"
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = "2.25.79", reference()
    ds.ReferencedSeriesSequence = Sequence([series])
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def item_of(**values):
    ds = Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def shown(tmp_path, of, by, syntax=EXPLICIT):
    return describe(write(of, tmp_path / "image"), tmp_path / "pixels", write(by, tmp_path / "state", syntax),
                    "2.25.77")


@pytest.mark.parametrize("syntax", LAYOUTS)
def test_a_presentation_state_replaces_what_the_image_says(tmp_path, syntax):
    ds = image(frames=2, RescaleIntercept=-1000, RescaleSlope=3, WindowCenter=1, WindowWidth=2,
               PresentationLUTShape="INVERSE", ShutterShape="CIRCULAR", CenterOfCircularShutter=[1, 1],
               RadiusOfCircularShutter=2, PixelAspectRatio=[2, 1])
    put_overlay(ds, 0x6000, 4, 6)
    put_overlay(ds, 0x6002, 4, 6)
    by = state(
        RescaleIntercept=-5, RescaleSlope=1,
        SoftcopyVOILUTSequence=Sequence([
            item_of(WindowCenter=30, WindowWidth=60, ReferencedImageSequence=reference(frames=2)),
            item_of(WindowCenter=40, WindowWidth=80, ReferencedImageSequence=reference("2.25.1")),
            item_of(WindowCenter=50, WindowWidth=100)]),
        DisplayedAreaSelectionSequence=Sequence([item_of(
            DisplayedAreaTopLeftHandCorner=[6, 1], DisplayedAreaBottomRightHandCorner=[2, 4],
            PresentationSizeMode="MAGNIFY", PresentationPixelMagnificationRatio=2.5,
            PresentationPixelAspectRatio=[1, 4])]),
        ImageRotation=90, ImageHorizontalFlip="Y", PresentationLUTShape="IDENTITY",
        ShutterShape="BITMAP", ShutterOverlayGroup=0x6004, ShutterPresentationValue=9)
    by.add_new((0x6002, 0x1001), "CS", "LAYER")
    bitmap = put_overlay(by, 0x6004, 4, 6, syntax=syntax)
    first, second = (frame["look"] for frame in shown(tmp_path, ds, by, syntax))
    assert (first["windows"], second["windows"]) == ([[50, 100]], [[30, 60]])
    assert (first["slope"], first["intercept"], first["inverse"], first["aspect"]) == (1, -5, 0, 0.25)
    assert first["area"] == [2, 2, 1, 6, 4, 2.5] and (first["rotation"], first["flipped"]) == (90, 1)
    assert first["shutter"] == {"grey": 9, "group": 0x6004, "rectangle": None, "circle": None, "vertices": []}
    assert [p["group"] for p in first["overlays"]] == [0x6002, 0x6004]
    assert first["overlays"][1]["crc"] == zlib.crc32(numpy.packbits(bitmap, bitorder="little").tobytes())


def test_what_a_state_does_not_say_is_identity(tmp_path):
    ds = image(RescaleIntercept=-1000, RescaleSlope=3, WindowCenter=1, WindowWidth=2, PixelAspectRatio=[2, 1])
    put_overlay(ds, 0x6000, 4, 6)
    (frame,) = shown(tmp_path, ds, state())
    look = frame["look"]
    assert (look["slope"], look["intercept"], look["windows"], look["overlays"]) == (1, 0, [], [])
    assert (look["aspect"], look["area"], look["rotation"], look["flipped"]) == (2, None, 0, 0)


def test_graphics_and_texts_of_a_state(tmp_path):
    def graphic(kind, points, units="PIXEL", **values):
        return item_of(GraphicAnnotationUnits=units, GraphicDimensions=2, NumberOfGraphicPoints=len(points) // 2,
                       GraphicData=points, GraphicType=kind, **values)

    by = state(
        GraphicLayerSequence=Sequence([
            item_of(GraphicLayer="TOP", GraphicLayerOrder=2, GraphicLayerRecommendedDisplayGrayscaleValue=0x8000),
            item_of(GraphicLayer="LOW", GraphicLayerOrder=1,
                    GraphicLayerRecommendedDisplayCIELabValue=[35580, 53665, 50856])]),  # sRGB red
        GraphicAnnotationSequence=Sequence([
            item_of(GraphicLayer="TOP", GraphicObjectSequence=Sequence([
                graphic("CIRCLE", [3, 2, 4, 2], GraphicFilled="N"), graphic("STAR", [1, 1, 2, 2])])),
            item_of(GraphicLayer="LOW", ReferencedImageSequence=reference(), GraphicObjectSequence=Sequence([
                graphic("POLYLINE", [0, 0, 6, 0, 6, 4.5, 0, 0], GraphicFilled="Y"),
                graphic("ELLIPSE", [0, 0, 1, 1]),  # too few points
                graphic("POINT", [0.25, 0.75], "DISPLAY")])),
            item_of(GraphicLayer="LOW", ReferencedImageSequence=reference("2.25.1"), GraphicObjectSequence=Sequence([
                graphic("POINT", [1, 1])])),
            item_of(GraphicLayer="LOW", TextObjectSequence=Sequence([
                item_of(BoundingBoxAnnotationUnits="DISPLAY", AnchorPointAnnotationUnits="PIXEL",
                        UnformattedTextValue="左肺\r\n\"3\\4\" mm", BoundingBoxTopLeftHandCorner=[0.1, 0.2],
                        BoundingBoxBottomRightHandCorner=[0.5, 0.3],
                        BoundingBoxTextHorizontalJustification="CENTER", AnchorPoint=[3.5, 2],
                        AnchorPointVisibility="Y"),
                item_of(UnformattedTextValue="nowhere")]))]))
    (frame,) = shown(tmp_path, image(), by)
    graphics, (caption,) = frame["look"]["graphics"], frame["look"]["captions"]
    assert [g["shape"] for g in graphics] == [1, 0, 3]  # the lower layer first
    assert graphics[0]["points"] == [0, 0, 6, 0, 6, 4.5, 0, 0] and graphics[0]["filled"] == 1
    assert graphics[1]["display"] == 1 and graphics[1]["points"] == [0.25, 0.75]
    assert graphics[2]["rgb"] == [128, 128, 128] and graphics[2]["display"] == 0
    assert all(abs(a - b) <= 1 for a, b in zip(graphics[0]["rgb"], (255, 0, 0)))
    assert caption["text"] == "左肺\n\"3\\4\" mm" and caption["justify"] == 1
    assert caption["anchor"] == [0, 1, 3.5, 2]
    assert numpy.allclose(caption["box"], [1, 0.1, 0.2, 0.5, 0.3])


@pytest.mark.parametrize("change, word", (
    (lambda ds: setattr(ds, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), "bad-input"),
    (lambda ds: setattr(ds, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.11.4"), "refused"),
    (lambda ds: setattr(ds.ReferencedSeriesSequence[0], "ReferencedImageSequence", reference("2.25.1")), "absent"),
    (lambda ds: setattr(ds.ReferencedSeriesSequence[0], "ReferencedImageSequence", reference(frames=[2, 3])), "absent"),
    (lambda ds: delattr(ds, "ReferencedSeriesSequence"), "absent"),
))
def test_states_that_do_not_apply(tmp_path, change, word):
    by = state()
    change(by)
    said = describe(write(image(), tmp_path / "image"), tmp_path / "pixels", write(by, tmp_path / "state"), "2.25.77",
                    code=1)
    assert said.startswith(word + ": ")


def test_real_states(testdata, tmp_path):
    ct = os.path.join(testdata, "ct-series-philips-head-phantom", "ct_010.dcm")
    uid = pydicom.dcmread(ct, stop_before_pixels=True).SOPInstanceUID
    (frame,) = describe(ct, tmp_path / "pixels", os.path.join(testdata, "pr", "gsps_for_ct_010.dcm"), uid)
    look = frame["look"]
    assert (look["intercept"], look["windows"], look["area"]) == (-1024, [[40, 80]], [0, 1, 1, 512, 512, 1])
    by = os.path.join(testdata, "pr", "prLUTs.dcm")
    (frame,) = describe(os.path.join(testdata, "pr", "imageForPrLUTs.dcm"), tmp_path / "pixels", by,
                        "1.2.276.0.7230010.3.200.6.3.1")
    ds, look = pydicom.dcmread(by), frame["look"]
    assert look["modality"] == expected_lut(ds.ModalityLUTSequence[0], False, False)
    assert look["voi"] == [expected_lut(ds.SoftcopyVOILUTSequence[0].VOILUTSequence[0], False, False)]
    assert look["presentation"] == expected_lut(ds.PresentationLUTSequence[0], False, False)
