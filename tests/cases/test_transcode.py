"""Receivers that take one transfer syntax only get their images in it, by C-MOVE, C-GET and WADO: without loss, or
as an object of its own that says what it lost. What was expensive to make is kept, and never taken for an object."""
import csv
import glob
import hashlib
import io
import os
import shutil
import signal
import threading
import zlib

import dul
import numpy
import pydicom
import pytest
import samples
from conftest import files_below, need_tool, run, wait_until
from web import wado

J = "1.2.840.10008.1.2.4."
BASELINE, LOSSLESS, SV1, JPEGLS, NEAR, J2K_LOSSLESS, J2K = (J + n for n in ("50", "57", "70", "80", "81", "90", "91"))
COMPRESSED = [samples.RLE, LOSSLESS, SV1, JPEGLS, J2K_LOSSLESS, J2K]
WITHOUT_LOSS = [dul.IMPLICIT, dul.EXPLICIT, dul.BIG_ENDIAN, dul.DEFLATED, *COMPRESSED]


def picture(rows=40, columns=52, frames=1, bits=16, stored=12, colours=1, signed=False, seed=1, **attributes):
    """A smooth image with some noise, as an Instance; what its pixels are is in .pixels."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:rows, 0:columns]
    top = 1 << stored
    values = (x * 13 + y * 7)[None, :, :, None] + random.integers(0, 9, (frames, rows, columns, colours))
    values = values % top - (top // 2 if signed else 0)
    kind = numpy.dtype(f"<{'i' if signed else 'u'}{bits // 8}")
    dataset = samples.header(**{"sop_class": samples.SC, "Modality": "OT", **attributes})
    dataset.SamplesPerPixel = colours
    dataset.PhotometricInterpretation = "RGB" if colours == 3 else "MONOCHROME2"
    if colours == 3:
        dataset.PlanarConfiguration = 0
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, stored, stored - 1
    dataset.PixelRepresentation = int(signed)
    raw = values.astype(kind).tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) & 1)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    one = samples.encode(dataset)
    one.pixels = values.astype(kind).reshape(frames, rows, columns, colours)
    return one


def pixels_by_gdcm(path, frames, rows, columns, colours, kind):
    import gdcm
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read(), path
    image = reader.GetImage()
    change = gdcm.ImageChangePlanarConfiguration()
    if colours == 3 and image.GetPlanarConfiguration():
        change.SetInput(image)
        change.SetPlanarConfiguration(0)
        assert change.Change()
        image = change.GetOutput()
    raw = image.GetBuffer().encode("utf-8", errors="surrogateescape")
    return numpy.frombuffer(raw[:frames * rows * columns * colours * kind.itemsize], kind)


DCMTK = {samples.RLE: "dcmdrle", LOSSLESS: "dcmdjpeg", SV1: "dcmdjpeg", JPEGLS: "dcmdjpls", dul.DEFLATED: "dcmconv"}


def same_pixels(raw, syntax, one, tmp_path):
    """Decoded by others: DCMTK where it can, GDCM and pydicom besides."""
    path = tmp_path / "got.dcm"
    samples.Instance(one.sop_class, one.uid, syntax, raw).save(str(path))
    expected = one.pixels
    if syntax in DCMTK:
        need_tool(DCMTK[syntax])
        plain = tmp_path / "plain.dcm"
        options = ["+cn"] if DCMTK[syntax] == "dcmdjpeg" else ["+te"] if DCMTK[syntax] == "dcmconv" else []
        done = run(DCMTK[syntax], *options, path, plain)
        assert done.code == 0, done
        seen = pydicom.dcmread(plain)
        planar = seen.get("PlanarConfiguration", 0)
        seen = numpy.frombuffer(seen.PixelData, expected.dtype)[:expected.size]
        if planar:
            shape = expected.shape
            seen = seen.reshape(shape[0], shape[3], shape[1], shape[2]).transpose(0, 2, 3, 1)
        assert (seen.reshape(expected.shape) == expected).all(), syntax
    if syntax != dul.DEFLATED:
        pytest.importorskip("gdcm")
        shape = expected.shape
        seen = pixels_by_gdcm(path, shape[0], shape[1], shape[2], shape[3], expected.dtype)
        assert (seen.reshape(shape) == expected).all(), syntax


SHAPES = {
    "grey of twelve bits": dict(),
    "eight bits, several frames": dict(bits=8, stored=8, frames=3, rows=31, columns=17),
    "signed": dict(signed=True, stored=16),
    "colour": dict(colours=3, bits=8, stored=8, rows=24, columns=33),
}


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes(log__level="debug")


@pytest.fixture(scope="module")
def images(node):
    made = {name: picture(seed=n, **shape) for n, (name, shape) in enumerate(SHAPES.items())}
    assert set(node.send(*made.values())) == {0}
    return made


def keys_of(one):
    return dict(StudyInstanceUID=one.study, SeriesInstanceUID=one.series, SOPInstanceUID=one.uid)


def get(node, one, syntax):
    got, answers = node.get("IMAGE", [syntax], [one.sop_class], **keys_of(one))
    assert answers[-1].Status == 0, answers[-1]
    assert [(uid, name) for uid, name, _ in got] == [(one.uid, syntax)]
    return got[0][2]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("syntax", WITHOUT_LOSS)
def test_who_takes_one_syntax_gets_images_in_it(node, images, syntax, shape, tmp_path):
    one = images[shape]
    same_pixels(get(node, one, syntax), syntax, one, tmp_path)


@pytest.mark.parametrize("first", COMPRESSED + [dul.BIG_ENDIAN])
def test_from_each_to_each_and_back_to_the_first_byte(nodes, images, first, tmp_path):
    """What came compressed goes out in every other syntax, and plain it is what it was before."""
    one = images["grey of twelve bits"]
    source = nodes()
    assert source.send(one) == [0]
    raw = get(source, one, first)
    target = nodes()
    packed = samples.Instance(one.sop_class, one.uid, first, raw, one.study, one.series)
    packed.pixels = one.pixels
    assert target.send(packed) == [0]
    for syntax in WITHOUT_LOSS:
        same_pixels(get(target, packed, syntax), syntax, packed, tmp_path)
    plain = dul.decode_dataset(get(target, packed, dul.EXPLICIT), dul.EXPLICIT)
    assert plain == one.dataset()


@pytest.mark.parametrize("syntax", WITHOUT_LOSS)
def test_a_move_to_who_takes_one_syntax(node, images, syntax, tmp_path):
    one = images["eight bits, several frames"]
    with dul.Acceptor(takes=lambda abstract, syntaxes: syntax if syntax in syntaxes else None) as sink:
        aet = f"ONE{sink.port}"
        node.add_destination(aet, sink.port)
        final = node.move("IMAGE", aet, **keys_of(one))[-1]
        assert (final.Status, final.NumberOfCompletedSuboperations) == (0, 1), final
        (uid, _, got, raw, _), = sink.stored
    assert (uid, got) == (one.uid, syntax)
    same_pixels(raw, syntax, one, tmp_path)


@pytest.mark.parametrize("option, syntax", [("+xi", dul.IMPLICIT), ("+xs", SV1), ("+xt", JPEGLS), ("+xv", J2K_LOSSLESS),
                                            ("+xr", samples.RLE), ("+xd", dul.DEFLATED), ("+xb", dul.BIG_ENDIAN)])
def test_storescp_as_people_run_it(node, images, storescp, option, syntax, tmp_path):
    port, folder = storescp("+B", option)
    aet = f"SCP{port}"
    node.add_destination(aet, port)
    one = images["signed"]
    done = node.movescu(aet, "IMAGE", *(f"{name}={value}" for name, value in keys_of(one).items()))
    assert done.code == 0, done
    (path,) = files_below(folder)
    got = samples.load(path)
    assert got.uid == one.uid
    same_pixels(got.raw, got.syntax, one, tmp_path)


def test_what_only_loses_is_not_made_for_who_did_not_ask(node, images):
    one = images["eight bits, several frames"]
    got, answers = node.get("IMAGE", [BASELINE], [one.sop_class], **keys_of(one))
    assert not got and answers[-1].NumberOfFailedSuboperations == 1


@pytest.mark.parametrize("syntax, options", [(BASELINE, {}), (BASELINE, {"imageQuality": 40}), (NEAR, {"imageQuality": 70}),
                                             (J2K, {"imageQuality": 70})])
@pytest.mark.parametrize("shape", ["eight bits, several frames", "colour"])
def test_with_loss_by_wado_it_is_another_object(node, images, syntax, options, shape, tmp_path):
    one = images[shape]
    answer = wado(node, one, contentType="application/dicom", transferSyntax=syntax, **options)
    assert answer.status == 200, answer.body
    again = wado(node, one, contentType="application/dicom", transferSyntax=syntax, **options)
    assert again.body == answer.body
    made = pydicom.dcmread(io.BytesIO(answer.body))
    assert made.file_meta.TransferSyntaxUID == syntax
    assert made.LossyImageCompression == "01" and made.ImageType[0] == "DERIVED"
    assert made.SOPInstanceUID != one.uid and made.SOPInstanceUID == made.file_meta.MediaStorageSOPInstanceUID
    source = made.SourceImageSequence[0]
    assert source.ReferencedSOPInstanceUID == one.uid
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"
    method = {BASELINE: "ISO_10918_1", NEAR: "ISO_14495_1", J2K: "ISO_15444_1"}[syntax]
    assert made.LossyImageCompressionMethod == method
    packed = sum(len(part) for part in pydicom.encaps.generate_pixel_data_frame(made.PixelData, one.pixels.shape[0]))
    assert abs(float(made.LossyImageCompressionRatio) / (one.pixels.nbytes / packed) - 1) < 0.05
    path = tmp_path / "lossy.dcm"
    path.write_bytes(answer.body)
    pytest.importorskip("gdcm")
    if shape != "colour":
        frames, rows, columns, colours = one.pixels.shape
        seen = pixels_by_gdcm(path, frames, rows, columns, colours, one.pixels.dtype)
        away = numpy.abs(seen.reshape(one.pixels.shape).astype(int) - one.pixels.astype(int))
        assert numpy.median(away) <= 16  # noise of nine levels on steep ramps that turn over
        if syntax == NEAR:
            assert away.max() <= 6
    if shutil.which("dciodvfy"):
        before = tmp_path / "before.dcm"
        one.save(str(before))
        known = set(run("dciodvfy", "-new", before).err.splitlines())
        new = [line for line in run("dciodvfy", "-new", path).err.splitlines()
               if line.startswith("Error") and line not in known]
        assert not new, new


# ---- real files ----


def native_md5(raw):
    """As expected/pixels.csv has it: little endian, colour by pixel, without padding."""
    dataset = dul.decode_dataset(raw, dul.EXPLICIT)
    frames, colours, cell = int(dataset.get("NumberOfFrames", 1) or 1), dataset.SamplesPerPixel, dataset.BitsAllocated
    length = (frames * dataset.Rows * dataset.Columns * colours * cell + 7) // 8
    pixels = dataset.PixelData[:length]
    if dataset.get("PlanarConfiguration", 0) == 1 and colours == 3:
        planes = numpy.frombuffer(pixels, "u1").reshape(frames, 3, dataset.Rows * dataset.Columns, cell // 8)
        pixels = planes.transpose(0, 2, 1, 3).tobytes()
    return hashlib.md5(pixels).hexdigest()


def test_real_images_in_every_syntax_and_back(nodes, testdata):
    """Each in explicit VR has the pixels that others see in it; so has what was compressed on the way."""
    first, second = (nodes(store__duplicates="replace") for _ in range(2))
    with open(os.path.join(testdata, "expected", "pixels.csv"), encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["lossy"] == "0" and row["native_pixel_md5"]]
    compared, faults = 0, []
    for row in rows:
        path = os.path.join(testdata, row["path"])
        with open(path, "rb") as file:
            if file.read(132)[128:] != b"DICM":
                continue  # bare: nothing to send it as
        one = samples.load(path)
        if first.send(one) != [0]:
            continue  # no instance: it lacks what makes one
        got, _ = first.get("IMAGE", [dul.EXPLICIT], [one.sop_class], **keys_of(one))
        if not got or native_md5(got[0][2]) != row["native_pixel_md5"]:
            faults.append((row["path"], "explicit"))
            continue
        for syntax in (samples.RLE, SV1, JPEGLS, J2K_LOSSLESS):
            packed, _ = first.get("IMAGE", [syntax], [one.sop_class], **keys_of(one))
            if not packed:
                continue  # single bits, floats, 32 bits: said by the unit tests
            assert second.send(samples.Instance(one.sop_class, one.uid, syntax, packed[0][2], one.study, one.series)) == [0]
            plain, _ = second.get("IMAGE", [dul.EXPLICIT], [one.sop_class], **keys_of(one))
            compared += 1
            halved = b"YBR_FULL_422" in got[0][2]  # leaves with its colours in full
            if not plain or (native_md5(plain[0][2]) != row["native_pixel_md5"] and not halved):
                faults.append((row["path"], syntax))
    assert not faults
    assert compared > 400


def test_broken_pixels_fail_alone(nodes):
    """Noise that calls itself compressed leaves as it is stored, and as nothing else."""
    node = nodes()
    fine = picture(seed=80)
    broken = [samples.instance(syntax, size=4000, study=fine.study) for syntax in COMPRESSED]
    assert set(node.send(fine, *broken)) == {0}
    got, answers = node.get("STUDY", [dul.EXPLICIT], [samples.CT, samples.SC], StudyInstanceUID=fine.study)
    assert [uid for uid, _, _ in got] == [fine.uid]
    assert answers[-1].NumberOfFailedSuboperations == len(broken)
    for one in broken:
        assert node.get_one(one) == one.raw
    assert node.echo() == 0


# ---- what is kept ----


def big(seed):
    return picture(rows=700, columns=700, seed=seed)


def cached(node):
    return glob.glob(os.path.join(node.data, "cache", "??", "*"))


def test_what_was_expensive_is_kept_over_a_restart_and_goes_with_its_object(nodes):
    node = nodes()
    one, other = big(1), big(2)
    assert node.send(one, other) == [0, 0]
    first = {each.uid: get(node, each, J2K_LOSSLESS) for each in (one, other)}
    assert len(cached(node)) == 2
    for each in (one, other):
        assert get(node, each, J2K_LOSSLESS) == first[each.uid]
    metrics = node.fetch("/metrics")[2].decode()
    assert "\nyingqiao_cache_hits_total 2\n" in metrics and "\nyingqiao_pixel_memory_bytes 0\n" in metrics
    get(node, one, dul.IMPLICIT)
    assert len(cached(node)) == 2  # that costs nothing
    kept = {path: os.stat(path).st_ino for path in cached(node)}
    node.stop()
    node.start()
    assert get(node, one, J2K_LOSSLESS) == first[one.uid]
    answer = wado(node, one, contentType="application/dicom", transferSyntax=J2K_LOSSLESS)
    assert samples.split_part10(answer.body)[3] == first[one.uid]
    assert {path: os.stat(path).st_ino for path in cached(node)} == kept  # found, not made again
    checked = node.cli("verify")
    assert "2" in checked.out, checked
    node.cli("delete", "--instance", one.uid)
    left, = cached(node)
    node.cli("delete", "--study", other.study)
    assert cached(node) == []
    assert left in kept


def test_what_was_damaged_in_the_cache_is_made_again(nodes):
    node = nodes()
    one = big(3)
    assert node.send(one) == [0]
    first = get(node, one, J2K_LOSSLESS)
    path, = cached(node)
    for at in (0, 1000, os.path.getsize(path) // 2, os.path.getsize(path) - 3):
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))
        assert get(node, one, J2K_LOSSLESS) == first
        assert cached(node) == [path]
    os.truncate(path, os.path.getsize(path) // 2)
    assert get(node, one, J2K_LOSSLESS) == first


def test_the_cache_is_bounded_and_can_be_off(nodes):
    node = nodes(cache__megabytes=2)
    many = [big(10 + n) for n in range(12)]
    assert set(node.send(*many)) == {0}
    for one in many:
        get(node, one, J2K_LOSSLESS)
        assert sum(map(os.path.getsize, cached(node))) <= 2 << 20
    assert 2 <= len(cached(node)) < 12
    node.start_again(cache__megabytes=0)
    before = cached(node)
    get(node, many[0], SV1)
    assert set(cached(node)) <= set(before)


def test_killed_in_the_middle_nothing_half_made_is_ever_served(nodes):
    node = nodes()
    many = [big(30 + n) for n in range(6)]
    assert set(node.send(*many)) == {0}
    expected = {}
    for round in range(3):
        seen = threading.Event()

        def ask(one):
            try:
                expected.setdefault(one.uid, get(node, one, J2K_LOSSLESS))
                seen.set()
            except Exception:  # the node was killed
                pass

        threads = [threading.Thread(target=ask, args=(one,)) for one in many]
        for thread in threads:
            thread.start()
        assert seen.wait(120)
        node.process.send_signal(signal.SIGKILL)
        node.process.wait()
        for thread in threads:
            thread.join()
        node.start()
        for one in many:
            raw = get(node, one, J2K_LOSSLESS)
            assert expected.setdefault(one.uid, raw) == raw
        for path in cached(node):
            os.unlink(path)
    assert "no row" not in node.cli("verify").out
    parts = [name for name in os.listdir(os.path.join(node.data, "cache")) if len(name) > 2]
    assert not parts, parts


def test_values_that_were_coerced_are_in_what_is_kept_too(nodes):
    """The cache has the object as it was stored: rules change what leaves, not what is kept."""
    node = nodes()
    with open(os.path.join(node.data, "conf", "coercion.json"), "w", encoding="utf-8") as file:
        file.write('[{"name": "east", "peers": ["CASES"], "actions": [{"set": "InstitutionName", "to": "East"}]}]')
    node.start_again()
    one = big(50)
    assert node.send(one) == [0]
    for _ in range(2):
        raw = get(node, one, J2K_LOSSLESS)
        assert dul.decode_dataset(raw, J2K_LOSSLESS).InstitutionName == "East"
    assert len(cached(node)) == 1


# ---- what takes much ----


def test_a_thousand_frames_take_no_more_memory_than_a_few(nodes):
    from conftest import sanitized
    node = nodes(cache__megabytes=0)
    few, many = picture(256, 256, frames=10, seed=60), picture(256, 256, frames=1000, seed=60)
    assert node.send(few, many) == [0, 0]
    for syntax in (samples.RLE, JPEGLS):
        get(node, few, syntax)
    before = node.peak_kb()
    for syntax in (samples.RLE, JPEGLS):
        raw = get(node, many, syntax)
        made = dul.decode_dataset(raw, syntax)
        assert made.NumberOfFrames == 1000
        offsets = numpy.frombuffer(made.PixelData[8:8 + 4000], "<u4")
        assert (numpy.diff(offsets.astype(int)) > 0).all() and len(offsets) == 1000
    if not sanitized():
        assert node.peak_kb() - before < 40_000  # the pixels are 131 MB


def test_many_at_once_share_the_memory_there_is(nodes):
    """Each takes more than half of the budget: they wait for each other, and all of them come."""
    node = nodes(memory__pixels_megabytes=40, cache__megabytes=0)
    one = picture(rows=1200, columns=1200, seed=70)
    large = picture(rows=3000, columns=3000, seed=71)
    assert node.send(one, large) == [0, 0]
    got = []
    threads = [threading.Thread(target=lambda: got.append(get(node, one, J2K_LOSSLESS))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6 and len(set(got)) == 1
    got, answers = node.get("IMAGE", [J2K_LOSSLESS], [large.sop_class], **keys_of(large))
    assert not got and answers[-1].NumberOfFailedSuboperations == 1
    assert "memory.pixels_megabytes" in node.log()


def test_a_small_deflated_object_cannot_make_the_node_inflate_gigabytes(node):
    squeeze = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    head = dul.encode_dataset(samples.header(), dul.EXPLICIT)
    raw = squeeze.compress(head)
    length = 4000 << 20
    raw += squeeze.compress(b"\x21\x00\x10\x10OB\0\0" + length.to_bytes(4, "little"))
    block = bytes(1 << 20)
    for _ in range(300):
        raw += squeeze.compress(block)
    raw += squeeze.flush()
    with node.associate([(samples.CT, [dul.DEFLATED]), (dul.VERIFICATION, [dul.IMPLICIT])]) as association:
        assert association.store(samples.CT, samples.uid(), raw + b"\0" * (len(raw) & 1)).Status != 0
        assert association.echo() == 0
    wait_until(lambda: "inflates to" in node.log(), 30, "the reason in the log")
