"""test_codecs.py: what we decode and encode, frame by frame, beside DCMTK, GDCM and pydicom.

Lossless coders give every decoder the same pixels, whatever the shape; what others wrote we read;
the pixels of every file of the shared test data are those that others see in it."""
import csv
import hashlib
import io
import os
import subprocess
import tempfile

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_pixel_data_frame
from pydicom.uid import UID

import conftest
import samples

RECODE = os.path.join(os.path.dirname(conftest.BINARY), "recode")
TESTDATA = os.environ.get("YQ_TESTDATA", os.path.join(os.path.dirname(__file__), "../../../shared/testdata"))
EXPLICIT = "1.2.840.10008.1.2.1"
J = "1.2.840.10008.1.2.4."
BASELINE, LOSSLESS, SV1, JPEGLS, NEAR, J2K_LOSSLESS, J2K = (J + n for n in ("50", "57", "70", "80", "81", "90", "91"))
RLE = "1.2.840.10008.1.2.5"


class Frames:
    """What recode made of a file."""

    def __init__(self, lines, raw):
        self.raw, self.streams, at = raw, [], 0
        for line in lines:
            length, *numbers, photometric = line.split(" ", 9)
            (self.rows, self.columns, self.samples, self.allocated, self.stored, self.high, self.signed,
             self.planar) = map(int, numbers)
            self.photometric = photometric.strip()
            self.streams.append(raw[at:at + int(length)])
            at += int(length)

    def pixels(self, number=None):
        """Colour by pixel; of all frames or of one."""
        kind = np.dtype(f"<{'i' if self.signed else 'u'}{self.allocated // 8}")
        raw = self.raw if number is None else self.streams[number]
        array = np.frombuffer(raw, kind)
        if self.planar:
            array = array.reshape(-1, self.samples, self.rows, self.columns).transpose(0, 2, 3, 1)
        return array.reshape(-1, self.rows, self.columns, self.samples)


def recode(path, **options):
    with tempfile.NamedTemporaryFile() as out:
        result = subprocess.run([RECODE, *(f"{k}={v}" for k, v in options.items()), str(path), out.name],
                                capture_output=True, env=conftest.environment())
        if result.returncode not in (0, 3):
            raise AssertionError(result.stderr.decode(errors="replace"))
        if result.returncode:
            raise ValueError(result.stderr.decode(errors="replace"))
        return Frames(result.stdout.decode().splitlines(), out.read())


def write(path, streams, syntax, shape):
    """A DICOM file of these frames; shape as in Frames."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(samples.MR), UID(samples.uid())
    meta.TransferSyntaxUID = UID(syntax)
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.is_little_endian, ds.is_implicit_VR = True, False
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.PatientName, ds.PatientID, ds.Modality = "Test^Codec", "C1", "OT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = samples.uid(), samples.uid()
    ds.SamplesPerPixel, ds.PhotometricInterpretation = shape.samples, shape.photometric
    if shape.samples > 1:
        ds.PlanarConfiguration = shape.planar
    if len(streams) > 1:
        ds.NumberOfFrames = len(streams)
    ds.Rows, ds.Columns, ds.BitsAllocated = shape.rows, shape.columns, shape.allocated
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = shape.stored, shape.high, shape.signed
    if syntax == EXPLICIT:
        raw = b"".join(streams)
        ds.add_new(0x7fe00010, "OW" if shape.allocated > 8 else "OB", raw + b"\0" * (len(raw) & 1))
    else:
        ds.add_new(0x7fe00010, "OB", encapsulate([s + b"\0" * (len(s) & 1) for s in streams]))
        ds["PixelData"].is_undefined_length = True
    ds.save_as(str(path), write_like_original=False)
    return path


# ---- other decoders; each gives an array (frames, rows, columns, samples), or None: not its kind ----

def native(path, shape):
    ds = pydicom.dcmread(str(path))
    kind = np.dtype(f"<{'i' if ds.PixelRepresentation else 'u'}{ds.BitsAllocated // 8}")
    count = int(ds.get("NumberOfFrames", 1)) * ds.Rows * ds.Columns * ds.SamplesPerPixel
    array = np.frombuffer(ds.PixelData, kind, count)
    if ds.get("PlanarConfiguration", 0) and ds.SamplesPerPixel > 1:
        array = array.reshape(-1, ds.SamplesPerPixel, ds.Rows, ds.Columns).transpose(0, 2, 3, 1)
    return array.reshape(-1, ds.Rows, ds.Columns, ds.SamplesPerPixel)


def by_tool(tool, *options):
    def decode(path, shape):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out.dcm")
            subprocess.run([tool, *options, str(path), out], check=True, capture_output=True)
            return native(out, shape)
    return decode


by_gdcm = by_tool("gdcmconv", "--raw")      # its Python module takes the interpreter with it when it crashes

DECODERS = {
    RLE: [by_tool("dcmdrle"), by_gdcm],
    SV1: [by_tool("dcmdjpeg", "+px"), by_gdcm],
    LOSSLESS: [by_tool("dcmdjpeg", "+px"), by_gdcm],
    JPEGLS: [by_tool("dcmdjpls"), by_gdcm],
    J2K_LOSSLESS: [by_gdcm],
}


class Shape:
    def __init__(self, rows, columns, samples=1, allocated=16, stored=12, signed=0, planar=0, photometric=None):
        self.rows, self.columns, self.samples, self.allocated, self.stored = rows, columns, samples, allocated, stored
        self.high, self.signed, self.planar = stored - 1, signed, planar
        self.photometric = photometric or ("RGB" if samples == 3 else "MONOCHROME2")

    def __repr__(self):
        return (f"{self.columns}x{self.rows}x{self.samples}-{self.allocated}/{self.stored}"
                f"{'s' if self.signed else ''}{'p' if self.planar else ''}")

    def draw(self, seed, frames=1):
        """Slopes with noise, over the whole range."""
        random = np.random.default_rng(seed)
        size = (frames, self.rows, self.columns, self.samples)
        y, x = np.mgrid[0:self.rows, 0:self.columns]
        ramp = (x * 3 + y * 5) / (3 * self.columns + 5 * self.rows) * (2 ** self.stored - 1)
        noise = random.integers(0, max(2, 2 ** self.stored // 16), size)
        array = (ramp[None, :, :, None].astype(np.int64) + noise) % 2 ** self.stored
        if self.signed:
            array -= 2 ** (self.stored - 1)
        return array.astype(np.dtype(f"<{'i' if self.signed else 'u'}{self.allocated // 8}"))


def native_file(path, array, shape):
    streams = [(frame.transpose(2, 0, 1) if shape.planar else frame).tobytes() for frame in array]
    return write(path, streams, EXPLICIT, shape)


SHAPES = [Shape(64, 64), Shape(37, 53, stored=16), Shape(1, 1), Shape(1, 70, stored=10), Shape(70, 1, stored=9),
          Shape(33, 47, signed=1), Shape(33, 47, stored=16, signed=1), Shape(51, 35, allocated=8, stored=8),
          Shape(45, 31, samples=3, allocated=8, stored=8), Shape(45, 31, samples=3, allocated=8, stored=8, planar=1),
          Shape(17, 23, samples=3, allocated=16, stored=16), Shape(29, 41, allocated=8, stored=6)]


@pytest.mark.parametrize("syntax", DECODERS)
@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_others_see_our_lossless_codestreams_as_they_were(tmp_path, shape, syntax):
    array = shape.draw(7, 2)
    coded = recode(native_file(tmp_path / "in.dcm", array, shape), syntax=syntax)
    path = write(tmp_path / "coded.dcm", coded.streams, syntax, coded)
    for decode in DECODERS[syntax]:
        if decode is by_gdcm and (shape.stored < shape.allocated == 8 or (shape.samples == 3 and shape.allocated == 16
                                                                          and syntax == RLE)):
            continue                            # asserts that there is no such thing; reads it wrongly
        seen = decode(path, coded)
        bits = 2 ** coded.stored - 1            # what stands above them is nobody's business
        assert seen.shape == array.shape, decode
        assert ((seen & bits) == (array & bits)).all(), decode
    ours = recode(path)
    assert (ours.pixels() == array).all()
    assert (ours.allocated, ours.stored, ours.signed) == (shape.allocated, shape.stored, shape.signed)


ENCODERS = {
    "rle": ("dcmcrle",), "jpeg-lossless-sv1": ("dcmcjpeg", "+e1"), "jpeg-lossless-p4": ("dcmcjpeg", "+el", "+sv", "4"),
    "jpeg-lossless-p7": ("dcmcjpeg", "+el", "+sv", "7"), "jpeg-ls": ("dcmcjpls",),
    "jpeg-ls-lines": ("dcmcjpls", "+il"), "jpeg-ls-planes": ("dcmcjpls", "+in"), "gdcm-j2k": ("gdcmconv", "--j2k"),
    "gdcm-jpeg": ("gdcmconv", "--jpeg"), "gdcm-jpeg-ls": ("gdcmconv", "--jpegls"), "gdcm-rle": ("gdcmconv", "--rle"),
}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_we_see_the_lossless_codestreams_of_others_as_they_were(tmp_path, encoder):
    for number, shape in enumerate(SHAPES):
        if encoder.startswith("gdcm") and (shape.stored < shape.allocated == 8 or shape.planar or
                                            shape.samples == 3 and shape.allocated == 16 or
                                            1 in (shape.rows, shape.columns)):
            continue                            # crashes, or will not
        # DCMTK mixes up the frames of colour by plane.
        array = shape.draw(number, 1 if shape.planar else 2)
        source = native_file(tmp_path / f"{number}.dcm", array, shape)
        coded = tmp_path / f"{number}-coded.dcm"
        subprocess.run([*ENCODERS[encoder], source, coded], check=True, capture_output=True)
        ours = recode(coded)
        bits = 2 ** shape.stored - 1
        assert ((ours.pixels() & bits) == (array & bits)).all(), shape


def smooth(rows=120, columns=161):
    """A coloured scene without hard edges, as lossy coders are made for."""
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    planes = [0.5 + 0.5 * np.sin(6 * x + 2 * y), 0.5 + 0.5 * np.cos(5 * y - x), (x + y) / 2]
    return (np.stack(planes, 2) * 255).astype(np.uint8)[None]


def away(a, b):
    d = np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int))
    return d.max(), d.mean()


def test_lossy_jpeg_of_colour_is_what_its_attributes_say(tmp_path):
    array, shape = smooth(), Shape(120, 161, 3, 8, 8)
    coded = recode(native_file(tmp_path / "in.dcm", array, shape), syntax=BASELINE, quality=95)
    assert (coded.photometric, coded.planar, coded.stored) == ("YBR_FULL_422", 0, 8)
    path = write(tmp_path / "coded.dcm", coded.streams, BASELINE, coded)
    ours = recode(path).pixels()
    worst, mean = away(ours, array)
    assert worst < 24 and mean < 2          # quality 95, half of the colour
    theirs = by_tool("dcmdjpeg")(path, coded)
    assert away(ours, theirs)[0] <= 1       # two roundings of one transform
    poor = recode(tmp_path / "in.dcm", syntax=BASELINE, quality=30)
    assert len(poor.raw) < len(coded.raw) / 2


def test_lossy_jpeg_2000_keeps_to_its_ratio(tmp_path):
    array, shape = smooth(), Shape(120, 161, 3, 8, 8)
    source = native_file(tmp_path / "in.dcm", array, shape)
    coded = recode(source, syntax=J2K, ratio=10)
    assert coded.photometric == "YBR_ICT"
    assert len(coded.raw) <= array.nbytes / 10 * 1.05
    path = write(tmp_path / "coded.dcm", coded.streams, J2K, coded)
    assert away(recode(path).pixels(), array)[1] < 2
    assert away(recode(path).pixels(), by_gdcm(path, coded))[0] <= 1
    whole = recode(source, syntax=J2K_LOSSLESS)
    assert whole.photometric == "YBR_RCT"
    half = recode(path, reduce=1)           # only half of it is decoded
    assert (half.rows, half.columns) == (60, 81)
    assert away(half.pixels(), array[:, ::2, ::2])[1] < 5


def test_near_lossless_jpeg_ls_is_near(tmp_path):
    for number, shape in enumerate(SHAPES):
        array = shape.draw(number)
        source = native_file(tmp_path / f"{number}.dcm", array, shape)
        coded = recode(source, syntax=NEAR, near=3)
        path = write(tmp_path / f"{number}-coded.dcm", coded.streams, NEAR, coded)
        assert away(recode(path).pixels(), array)[0] <= 3, shape
        seen = by_tool("dcmdjpls")(path, coded)
        bits = 2 ** coded.stored - 1
        assert ((seen & bits) == (recode(path).pixels() & bits)).all(), shape


# ---- pictures ----

def picture(path, kind, **options):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([RECODE, f"picture={kind}", *(f"{k}={v}" for k, v in options.items()), str(path), out.name],
                       check=True, capture_output=True, env=conftest.environment())
        return Image.open(io.BytesIO(out.read()))


def frames_of(image, mode):
    for i in range(getattr(image, "n_frames", 1)):
        image.seek(i)
        yield np.asarray(image.convert(mode))


GREY = Shape(61, 47, allocated=8, stored=8)
COLOUR = Shape(120, 161, 3, 8, 8)


@pytest.mark.parametrize("kind", ["png", "gif", "jp2"])
def test_pictures_in_grey_are_exact(tmp_path, kind):
    array = np.arange(61 * 47, dtype=np.uint8).reshape(1, 61, 47, 1)        # the whole range: shown as it is
    image = picture(native_file(tmp_path / "in.dcm", array, GREY), kind)
    assert image.format == {"png": "PNG", "gif": "GIF", "jp2": "JPEG2000"}[kind]
    assert (np.asarray(image.convert("L")) == array[0, :, :, 0]).all()


@pytest.mark.parametrize("kind", ["png", "jp2"])
def test_pictures_in_colour_are_exact(tmp_path, kind):
    array = smooth()
    image = picture(native_file(tmp_path / "in.dcm", array, COLOUR), kind)
    assert (np.asarray(image) == array[0]).all()


def test_a_gif_of_many_frames_moves(tmp_path):
    array = np.concatenate([GREY.draw(i) for i in range(5)])
    array[:, 0, 0], array[:, 0, 1] = 0, 255
    image = picture(native_file(tmp_path / "in.dcm", array, GREY), "gif")
    seen = list(frames_of(image, "L"))
    assert len(seen) == 5 and image.info["duration"] == 100 and image.info["loop"] == 0
    assert all((a == b[:, :, 0]).all() for a, b in zip(seen, array))


def test_a_gif_keeps_few_colours_and_comes_near_many(tmp_path):
    few = np.zeros((3, 120, 161, 3), np.uint8)
    few[:, 20:40] = [200, 30, 7]
    few[:, :, 50:60, 1] = np.arange(120, dtype=np.uint8)[None, :, None]
    many = np.concatenate([few, smooth()])
    image = picture(native_file(tmp_path / "in.dcm", many, COLOUR), "gif")
    seen = list(frames_of(image, "RGB"))
    assert len(seen) == 4
    assert all((a == b).all() for a, b in zip(seen[:3], few))
    worst, mean = away(seen[3], smooth()[0])
    assert worst < 50 and mean < 6


def test_a_smaller_jpeg_2000_picture(tmp_path):
    array = smooth()
    source = native_file(tmp_path / "in.dcm", array, COLOUR)
    assert away(np.asarray(picture(source, "jp2", ratio=15)), array[0])[1] < 3
    assert away(np.asarray(picture(source, "jpeg", quality=90)), array[0])[1] < 2


def expected():
    path = os.path.join(TESTDATA, "expected", "pixels.csv")
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return [row for row in csv.DictReader(file) if row["native_bytes"]]


@pytest.mark.skipif(not expected(), reason="no shared test data")
def test_the_pixels_of_every_test_file_are_those_that_others_see():
    """Lossy ones too: where decoders were found to agree, we agree with them. Where they do not, or where only one could
    decode, we may be off by two: one for the rounding of the transform, one for that of colour."""
    rows, compared, odd = expected(), 0, []
    for row in rows:
        path = os.path.join(TESTDATA, row["path"])
        try:
            ours = recode(path)
        except ValueError as e:
            odd.append((row["path"], str(e).strip()))
            continue
        raw = ours.pixels().tobytes() if ours.planar else ours.raw
        length = int(row["native_bytes"])
        if row["native_pixel_md5"]:
            same = hashlib.md5(raw[:length]).hexdigest() == row["native_pixel_md5"]
        else:
            same = like_another(path, ours)
        compared += same
        if not same:
            odd.append((row["path"], row["how"], len(raw), length))
    assert not odd
    assert compared > 150


def like_another(path, ours):
    for decode in (by_tool("dcmdjpeg"), by_gdcm):
        try:
            theirs = decode(path, ours)
        except subprocess.CalledProcessError:
            continue
        if decode is by_gdcm and ours.samples == 3:
            continue                        # leaves luminance and colour differences
        return away(ours.pixels(), theirs)[0] <= 2 or like_pillow(path, ours)
    return ours.photometric == "RGB"        # HTJ2K with loss: nobody else here decodes it


def like_pillow(path, ours):
    """Tiles of a slide that are smaller than the others: DCMTK runs their rows together."""
    ds = pydicom.dcmread(path)
    for i, stream in enumerate(generate_pixel_data_frame(ds.PixelData, ds.NumberOfFrames)):
        tile = np.asarray(Image.open(io.BytesIO(stream)).convert("RGB"))
        frame = ours.pixels(i)[0]
        if away(frame[:tile.shape[0], :tile.shape[1]], tile)[0] > 2:
            return False
        if frame[tile.shape[0]:].any() or frame[:, tile.shape[1]:].any():
            return False
    return True
