"""What is no still image, by WADO-URI: reports as pages and text, encapsulated documents, video. Python's HTML parser,
pydicom and Chromium judge."""
import gzip
import html.parser
import re
import shutil
import struct
import subprocess
import urllib.parse

import dul
import pydicom
import pytest
import samples
from conftest import need_tool, write_json, yingqiao
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from web import ask, jpeg_size, wado

SR = "1.2.840.10008.5.1.4.1.1.88.33"
KO = "1.2.840.10008.5.1.4.1.1.88.59"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
CDA = "1.2.840.10008.5.1.4.1.1.104.2"
STL = "1.2.840.10008.5.1.4.1.1.104.3"
ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"
VIDEO = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
MPEG2 = "1.2.840.10008.1.2.4.100"
H264 = "1.2.840.10008.1.2.4.102"
HEVC = "1.2.840.10008.1.2.4.107"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes()


def given(node, one, headers=None, **parameters):
    answer = wado(node, one, headers=headers, **parameters)
    assert answer.status == 200, (answer.status, answer.body[:300])
    return answer


# ---- pages ----


class Page(html.parser.HTMLParser):
    """A page, taken apart; wrong nesting and what could run or load something is an error."""

    VOID = {"meta", "img", "br"}
    KNOWN = VOID | {"html", "head", "title", "style", "body", "article", "header", "main", "footer", "section", "h1",
                    "h2", "h3", "h4", "h5", "h6", "p", "dl", "dt", "dd", "div", "span", "ul", "li", "a", "table",
                    "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "time"}
    DRAWN = {"svg", "defs", "pattern", "rect", "path", "text"}
    ATTRIBUTES = {"lang", "charset", "name", "content", "class", "id", "href", "src", "alt", "loading", "scope", "role",
                  "viewbox", "width", "height", "patternunits", "d", "fill", "x", "y"}

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.links, self.pictures, self.ids, self.title = [], [], [], [], [], ""
        self.curves = []
        assert text.startswith("<!DOCTYPE html>\n")
        self.feed(text)
        self.close()
        assert not self.open, self.open
        assert len(set(self.ids)) == len(self.ids), "an id twice"

    def handle_starttag(self, tag, attributes):
        assert tag in self.KNOWN | self.DRAWN and {name for name, _ in attributes} <= self.ATTRIBUTES, (tag, attributes)
        if tag == "li":
            assert self.open[-1] == "ul", self.open
        if tag in ("div", "ul", "section", "table"):
            assert not {"p", "span", "dt", "h2"} & set(self.open), self.open
        found = dict(attributes)
        assert "svg" in self.open or tag not in self.DRAWN - {"svg"}
        self.curves += [found["d"]] if tag == "path" and "class" not in found else []
        self.links += [found["href"]] if "href" in found else []
        self.pictures += [found["src"]] if "src" in found else []
        self.ids += [found["id"]] if "id" in found else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_comment(self, text):
        raise AssertionError(text)

    def handle_data(self, text):
        if "title" in self.open:
            self.title += text
        elif "style" not in self.open:
            self.words.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page(node, one, **parameters):
    answer = given(node, one, contentType="text/html", **parameters)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.body.decode("utf-8"))


# ---- reports ----


def item(relation, kind, name=None, **attributes):
    one = Dataset()
    one.RelationshipType, one.ValueType = relation, kind
    if name:
        one.ConceptNameCodeSequence = samples.code("1", "99CASES", name)
    for key, value in attributes.items():
        setattr(one, key, value)
    return one


def number(name, value, unit):
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = samples.code(unit, "UCUM", unit)
    return item("CONTAINS", "NUM", name, MeasuredValueSequence=Sequence([measured]))


def image(instance, frame=None):
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = samples.CT, instance
    if frame:
        reference.ReferencedFrameNumber = frame
    return item("CONTAINS", "IMAGE", ReferencedSOPSequence=Sequence([reference]))


def report(content, title="Report", sop_class=SR, syntax=dul.EXPLICIT, **attributes):
    attributes = {"PatientName": "Testperson^Erika=张^三", "Modality": "SR", "ValueType": "CONTAINER",
                  "ConceptNameCodeSequence": samples.code("18748-4", "LN", title), "ContinuityOfContent": "SEPARATE",
                  "CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED",
                  "ContentSequence": Sequence(content), **attributes}
    return samples.encode(samples.header(sop_class, **attributes), syntax)


@pytest.fixture(scope="module")
def chinese(node):
    findings = item("CONTAINS", "CONTAINER", "检查所见", ContinuityOfContent="SEPARATE")
    findings.ContentSequence = Sequence([item("CONTAINS", "TEXT", "描述", TextValue="两肺纹理清晰。\r\n心影不大。"),
                                         number("长径", "12.5", "mm"), number("面积", "1.1", "cm2")])
    one = report([findings, item("CONTAINS", "CODE", "结论", ConceptCodeSequence=samples.code("1", "99X", "正常"))],
                 "影像诊断报告", InstitutionName="影桥医院", PatientAge="056Y")
    assert node.send(one) == [0]
    return one


def test_a_report_is_a_page_for_a_browser(node, chinese):
    answer = given(node, chinese, headers={"Accept": BROWSER})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script" not in policy
    shown = Page(answer.body.decode("utf-8"))
    assert shown.title == "影像诊断报告"
    for words in ("张三 Testperson Erika", "女", "56岁", "影桥医院", "2026-03-01 08:15:00", "已完成", "未审核",
                  "两肺纹理清晰。 心影不大。", "长径 12.5 mm", "面积 1.1 cm²", "结论 正常"):
        assert words in shown.text, (words, shown.text)


def test_a_report_as_plain_text(node, chinese):
    answer = given(node, chinese, contentType="text/plain")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    text = answer.body.decode("utf-8")
    assert text.startswith("影像诊断报告\n============\n")
    for line in ("姓名 Name: 张三 Testperson Erika", "  两肺纹理清晰。", "  长径: 12.5 mm", "结论: 正常"):
        assert re.search(f"^{re.escape(line)}$|: {re.escape(line.strip())}$", text, re.M), (line, text)


@pytest.mark.parametrize("syntax", [dul.IMPLICIT, dul.BIG_ENDIAN, dul.DEFLATED])
def test_reports_in_every_syntax(node, syntax):
    one = report([item("CONTAINS", "TEXT", "结论", TextValue="未见异常"), number("a", "-1.5e3", "mm")], syntax=syntax)
    assert node.send(one) == [0]
    assert "结论 未见异常" in page(node, one).text and "-1.5e3 mm" in page(node, one).text


@pytest.mark.parametrize("charset, codec", [("GB18030", "gb18030"), ("gbk", "gbk"), ("UTF-8", "utf-8"),
                                            ("gb2312;q=0.5, ebcdic", "gbk"), ("*", "utf-8")])
def test_the_character_set_that_is_asked_for(node, chinese, charset, codec):
    for kind, words in (("text/html", "两肺纹理清晰。"), ("text/plain", "两肺纹理清晰。")):
        answer = given(node, chinese, contentType=kind, charset=charset)
        label = answer.headers["content-type"].split("charset=")[1]
        assert words in answer.body.decode(codec) and words.encode(codec) in answer.body
        assert "".encode(label) == b""
        if kind == "text/html":
            assert f'<meta charset="{label}">'.encode() in answer.body


def test_a_page_has_references_for_what_its_character_set_lacks(node, chinese):
    answer = given(node, chinese, contentType="text/html", charset="iso-8859-1")
    assert answer.headers["content-type"] == "text/html; charset=iso-8859-1"
    text = answer.body.decode("iso-8859-1")
    assert "&#20004;&#32954;" in text and "两肺纹理清晰。" in Page(text).text


@pytest.mark.parametrize("kind, charset", [("text/plain", "iso-8859-1"), ("text/plain", "ebcdic"),
                                           ("text/html", "ebcdic"), ("text/html", "utf-8;q=0")])
def test_character_sets_that_will_not_do(node, chinese, kind, charset):
    answer = wado(node, chinese, contentType=kind, charset=charset)
    assert answer.status == 406, (answer.status, answer.body[:300])


def test_reports_of_devices_in_every_character_set_read_the_same(node, tmp_path):
    """The samples' reports come in GB18030, and in GB 2312 with the escape sequences of ISO 2022."""
    yingqiao("demo", "--seed", 7, "--studies", 5, "--out", tmp_path / "demo", data=tmp_path / "none")
    seen = {}
    for path in (tmp_path / "demo").rglob("*.dcm"):
        head = pydicom.dcmread(path, stop_before_pixels=True)
        if head.Modality != "SR":
            continue
        one = samples.load(path)
        assert node.send(one) == [0]
        seen[str(head.get("SpecificCharacterSet"))] = page(node, one).text
    assert len(seen) == 2, seen.keys()
    for text in seen.values():
        for words in ("影桥演示医院 ", "胸廓对称，气管居中，纵隔未见移位。", "肺上叶结节，性质待定", "体积 Volume 1.23 cm³"):
            assert words in text, (words, text)


HOSTILE = ["</title><script>document.title='owned'</script>", "\"'><img src=x onerror=\"document.title='owned'\">",
           "<!--", "]]>", "</style><svg/onload=document.title='owned'>", "&lt;script&gt;", "a\u202eb", "javascript:1"]


@pytest.fixture(scope="module")
def hostile(node):
    content = []
    for text in HOSTILE:
        latin = text.encode("ascii", "ignore").decode()
        content += [item("CONTAINS", "TEXT", text, TextValue=text),
                    item("CONTAINS", "CODE", text, ConceptCodeSequence=samples.code(text[:16], text[:16], text)),
                    item("CONTAINS", "PNAME", text, PersonName=text), item("CONTAINS", latin[:16], text),
                    item("HAS CONCEPT MOD", "UIDREF", text, UID=latin), number(text, "1", text[:16])]
    one = report(content, HOSTILE[0], PatientName=HOSTILE[1], InstitutionName=HOSTILE[4], StudyDescription=HOSTILE[5])
    assert node.send(one) == [0]
    return one


@pytest.mark.filterwarnings("ignore")
def test_text_never_becomes_markup(node, hostile):
    shown = page(node, hostile)
    assert not shown.pictures and not shown.links
    for text in HOSTILE:
        assert " ".join(text.split()) in shown.text, text
    plain = given(node, hostile, contentType="text/plain").body.decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", plain) and HOSTILE[0] in plain


@pytest.mark.filterwarnings("ignore")
def test_a_browser_runs_nothing_of_a_report(node, hostile, tmp_path):
    need_tool("chromium")
    query = {"requestType": "WADO", "objectUID": hostile.uid, "contentType": "text/html"}
    url = f"http://127.0.0.1:{node.http_port}/wado?{urllib.parse.urlencode(query)}"
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
                           "--dump-dom", url], capture_output=True, timeout=120)
    dom = done.stdout.decode("utf-8", "replace")
    assert "<main" in dom, (done.returncode, done.stderr[-500:])
    assert "<script" not in dom and "<svg" not in dom and "<img" not in dom
    assert re.search("<title>(.*?)</title>", dom)[1] != "owned"


def test_links_lead_to_the_images(node):
    slices = samples.series_of(2, size=20000)
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = slices[0].series, Sequence([])
    for one in slices:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = one.sop_class, one.uid
        series.ReferencedSOPSequence.append(reference)
    study = Dataset()
    study.StudyInstanceUID, study.ReferencedSeriesSequence = slices[0].study, Sequence([series])
    selection = report([image(slices[0].uid), image(slices[1].uid, 1)], sop_class=KO, study=slices[0].study,
                       CurrentRequestedProcedureEvidenceSequence=Sequence([study]))
    assert node.send(*slices, selection) == [0, 0, 0]
    shown = page(node, selection)
    assert len(shown.pictures) == 2 and len(shown.links) == 4, "a picture and its words, each a link"
    for link in shown.pictures:
        answer = ask(node, "/" + link)
        assert (answer.status, answer.type) == (200, "image/jpeg"), (link, answer.body[:200])
        assert max(jpeg_size(answer.body)[:2]) == 192
        assert f"studyUID={slices[0].study}" in link and f"seriesUID={slices[0].series}" in link
    for link in shown.links:
        assert ask(node, "/" + link, Accept=BROWSER).type == "image/jpeg"


def test_a_report_says_where_it_refers_to_itself(node):
    referring = item("INFERRED FROM", None, ReferencedContentItemIdentifier=[1, 1])
    del referring.ValueType
    value = number("b", "2", "mm")
    value.ContentSequence = Sequence([referring])
    one = report([item("CONTAINS", "TEXT", "a", TextValue="words"), value])
    assert node.send(one) == [0]
    shown = page(node, one)
    assert shown.links == ["#c1.1"] and "c1.1" in shown.ids and "依据 inferred from 见条目 see item 1.1" in shown.text


def test_depth_and_breadth_have_bounds(node):
    def nested(depth):
        raw = b""
        kind = struct.pack("<HH2sH", 0x40, 0xA040, b"CS", 10) + b"CONTAINER "
        begin = struct.pack("<HH2sHI", 0x40, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
        end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        raw = (kind + begin) * depth + kind + end * depth
        head = samples.header(SR, Modality="SR")
        return samples.Instance(SR, str(head.SOPInstanceUID), dul.EXPLICIT,
                                dul.encode_dataset(head, dul.EXPLICIT) + raw,
                                str(head.StudyInstanceUID), str(head.SeriesInstanceUID))

    deep = nested(8000)
    wide = report([item("CONTAINS", "TEXT", "n", TextValue=f"line {n}") for n in range(20000)])
    assert node.send(deep, wide) == [0, 0]
    assert "nested deeper" in page(node, deep).text and "nested deeper" in given(
        node, deep, contentType="text/plain").body.decode()
    assert len(page(node, wide).ids) == 20000


def test_a_report_without_content_is_none(node):
    one = samples.encode(samples.header(SR, Modality="SR"))
    assert node.send(one) == [0]
    answer = wado(node, one, contentType="text/html")
    assert answer.status == 406 and b"application/dicom" in answer.body
    assert given(node, one).type == "application/dicom", "a client without wishes gets what there is"


def test_what_was_coerced_is_in_the_report(nodes, tmp_path):
    (tmp_path / "conf").mkdir()
    write_json(str(tmp_path / "conf" / "coercion.json"), [
        {"name": "hospital", "peers": ["CASES"], "actions": [{"set": "InstitutionName", "to": "影桥东院"}]}])
    node = nodes(conf=str(tmp_path / "conf"))
    one = report([item("CONTAINS", "TEXT", "a", TextValue="words")], InstitutionName="Elsewhere")
    assert node.send(one) == [0]
    text = page(node, one).text
    assert "影桥东院" in text and "Elsewhere" not in text


def test_texts_are_compressed_and_have_tags(node, chinese):
    plain = given(node, chinese, contentType="text/html")
    packed = given(node, chinese, contentType="text/html", headers={"Accept-Encoding": "gzip"})
    assert packed.headers.get("content-encoding") == "gzip" and gzip.decompress(packed.body) == plain.body
    again = wado(node, chinese, contentType="text/html", headers={"If-None-Match": plain.headers["etag"]})
    assert again.status == 304
    other = wado(node, chinese, contentType="text/html", charset="gb18030",
                 headers={"If-None-Match": plain.headers["etag"]})
    assert other.status == 200, "another character set, another tag"


@pytest.mark.filterwarnings("ignore")
def test_real_reports(node, testdata):
    shown = 0
    for path in samples.testdata_files("sr"):
        one = samples.load(path)
        if not one.sop_class.startswith("1.2.840.10008.5.1.4.1.1.88."):
            continue
        assert node.send(one) == [0]
        head = pydicom.dcmread(path)
        head.decode()
        text = page(node, one).text
        for words in texts_below(head):
            assert words in text, (path, words, text)
        plain = " ".join(given(node, one, contentType="text/plain").body.decode().split())
        for words in texts_below(head):
            assert words in plain, (path, words)
        shown += 1
    assert shown >= 5


def texts_below(dataset):
    for element in dataset.get("ContentSequence", []):
        if element.get("TextValue"):
            yield " ".join(str(element.TextValue).split())
        if element.get("ConceptCodeSequence"):
            yield str(element.ConceptCodeSequence[0].CodeMeaning)
        for measured in element.get("MeasuredValueSequence", []):
            yield str(measured.NumericValue)
        yield from texts_below(element)


# ---- waveforms ----


def channel(name, unit, sensitivity="1", baseline="0"):
    one = Dataset()
    one.ChannelSourceSequence = samples.code("1", "99CASES", name)
    one.ChannelSensitivity, one.ChannelSensitivityCorrectionFactor, one.ChannelBaseline = sensitivity, "1", baseline
    one.ChannelSensitivityUnitsSequence = samples.code(unit, "UCUM", unit)
    one.WaveformBitsStored = 16
    return one


def waveform(channels, frames, frequency=100, kind="SS", bits=16, syntax=dul.EXPLICIT, **attributes):
    """A 12-lead ECG object with one group; frames: a tuple of a sample of each channel."""
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = len(channels), len(frames)
    group.SamplingFrequency, group.MultiplexGroupLabel = str(frequency), "RHYTHM"
    group.ChannelDefinitionSequence = Sequence(channels)
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = bits, kind
    letter = {"SS": "h", "US": "H", "SB": "b", "UB": "B", "SL": "i", "UL": "I"}.get(kind, "h")
    group.WaveformData = b"".join(struct.pack(f"<{len(frame)}{letter}", *frame) for frame in frames)
    if syntax == dul.BIG_ENDIAN:  # OW: words of 16 bits
        group.WaveformData = b"".join(group.WaveformData[n:n + 2][::-1] for n in range(0, len(group.WaveformData), 2))
    group["WaveformData"].VR = "OW" if bits > 8 else "OB"
    for name, value in attributes.items():
        setattr(group, name, value)
    dataset = samples.header(ECG, Modality="ECG", WaveformSequence=Sequence([group]))
    return samples.encode(dataset, syntax)


def points(curve):
    """(x, y) of each end of a line, in mm."""
    found, x = [], 0.0
    for letter, numbers in re.findall(r"([MLV])([-\d. ]+)", curve):
        numbers = [float(number) for number in numbers.split()]
        x, y = numbers if letter != "V" else (x, numbers[0])
        found.append((x, y))
    return found


@pytest.mark.parametrize("syntax", [dul.EXPLICIT, dul.IMPLICIT, dul.BIG_ENDIAN, dul.DEFLATED])
@pytest.mark.parametrize("kind, bits", [("SS", 16), ("SL", 32)])
def test_an_ecg_is_drawn_to_scale(node, syntax, kind, bits):
    """A pulse of one millivolt a second, 10 mm high, 25 mm from the next."""
    frames = [(1000 if n % 100 == 50 else 0, -n) for n in range(1000)]
    one = waveform([channel("Lead I", "uV"), channel("Pressure", "mm[Hg]")], frames, 100, kind, bits, syntax)
    assert node.send(one) == [0]
    answer = given(node, one, headers={"Accept": BROWSER})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    shown = Page(answer.body.decode())
    assert "心电图 ECG" in shown.text and "25 mm/s, 10 mm/mV" in shown.text and "Lead I" in shown.text
    lead, pressure = map(points, shown.curves)
    base = max(y for _, y in lead)
    peaks = [x for x, y in lead if abs(base - y - 10) < 0.02]
    assert peaks == pytest.approx([12.5 + 25 * n for n in range(10)], abs=0.3)
    assert pressure == sorted(pressure) and pressure[-1][0] == pytest.approx(250, abs=0.5), "it only falls"
    assert pressure[-1][1] - pressure[0][1] == pytest.approx(25, abs=0.1)
    words = given(node, one, contentType="text/plain").body.decode()
    assert "RHYTHM: 通道 channels 2, 采样率 sampling frequency 100 Hz, 时长 duration 10 s" in words
    assert "  Lead I (uV)\n  Pressure (mm[Hg])\n" in words


def test_no_peak_is_lost_and_the_rest_is_left_out(node):
    frames = [(0,)] * 200000
    frames[4321] = (500,)
    one = waveform([channel("Lead I", "uV", "2")], frames, 1000)
    assert node.send(one) == [0]
    shown = page(node, one)
    curve = points(shown.curves[0])
    assert max(x for x, _ in curve) <= 250 and "the beginning only" in shown.text
    high = min(curve, key=lambda point: point[1])
    assert high[0] == pytest.approx(4.321 * 25, abs=0.3) and max(y for _, y in curve) - high[1] == pytest.approx(10, abs=0.02)


def test_padding_is_a_gap(node):
    frames = [(100 if n < 400 or n > 600 else -32768,) for n in range(1000)]
    one = waveform([channel("Lead I", "uV")], frames, 100, WaveformPaddingValue=struct.pack("<h", -32768))
    assert node.send(one) == [0]
    assert page(node, one).curves[0].count("M") == 2


@pytest.mark.parametrize("change", [
    {"WaveformSampleInterpretation": "MB"}, {"WaveformBitsAllocated": 64}, {"NumberOfWaveformChannels": 0},
    {"SamplingFrequency": "0"}, {"SamplingFrequency": "1e-300"}, {"SamplingFrequency": "1e300"},
    {"NumberOfWaveformSamples": 2 ** 32 - 1}, {"NumberOfWaveformChannels": 65535}, {"WaveformData": b""},
    {"ChannelDefinitionSequence": Sequence([])}])
@pytest.mark.filterwarnings("ignore")
def test_waveforms_that_contradict_themselves_do_no_harm(node, change):
    one = waveform([channel("Lead I", "uV", "1e200", "1e200"), channel("II", "V")], [(1, 2), (3, -4)] * 50, **change)
    assert node.send(one) == [0]
    shown = page(node, one)
    assert "nan" not in "".join(shown.curves) and "inf" not in "".join(shown.curves)


def test_real_ecgs(node, testdata):
    for path, most in ((f"{testdata}/ecg/waveform_ecg.dcm", 24), (f"{testdata}/ecg/wave_dfl.dcm", 12)):
        one = samples.load(path)
        assert node.send(one) == [0]
        assert len(page(node, one).curves) == most


# ---- encapsulated documents ----


def encapsulated(sop_class, value, mime, length=None, syntax=dul.EXPLICIT, **attributes):
    dataset = samples.header(sop_class, Modality="DOC", **attributes)
    dataset.MIMETypeOfEncapsulatedDocument = mime
    if value is not None:
        dataset.EncapsulatedDocument = value + b"\0" * (len(value) & 1)
        dataset["EncapsulatedDocument"].VR = "OB"
    if length is not None:
        dataset.EncapsulatedDocumentLength = length
    return samples.encode(dataset, syntax)


PDF_BYTES = b"%PDF-1.4\n" + samples.noise_bytes(5, 5000) + b"\n%%EOF"
CDA_TEXT = '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3"><title>出院小结</title>' \
           "</ClinicalDocument>\n"


@pytest.mark.parametrize("syntax", [dul.EXPLICIT, dul.IMPLICIT, dul.BIG_ENDIAN, dul.DEFLATED])
@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_a_pdf_is_what_was_put_in(node, syntax, odd, told):
    value = PDF_BYTES + (b"\n" if (len(PDF_BYTES) & 1) != odd else b"")
    one = encapsulated(PDF, value, "application/pdf", len(value) if told else None, syntax)
    assert node.send(one) == [0]
    answer = given(node, one, headers={"Accept": BROWSER})
    assert answer.headers["content-type"] == "application/pdf" and answer.body == value
    assert answer.headers["content-disposition"] == f'inline; filename="{one.uid}.pdf"'
    assert given(node, one, contentType="application/pdf").body == value
    part = wado(node, one, contentType="application/pdf", headers={"Range": "bytes=100-199"})
    if syntax != dul.DEFLATED:
        assert part.status == 206 and part.body == value[100:200]
        assert part.headers["content-range"] == f"bytes 100-199/{len(value)}"


@pytest.mark.parametrize("length", [0, 17, 10 ** 9])
def test_a_length_that_lies_is_not_believed(node, length):
    one = encapsulated(PDF, PDF_BYTES, "application/pdf", length)
    assert node.send(one) == [0]
    assert given(node, one, contentType="application/pdf").body == PDF_BYTES


@pytest.mark.parametrize("value", [None, b""])
def test_a_document_that_is_not_there(node, value):
    one = encapsulated(PDF, value, "application/pdf")
    assert node.send(one) == [0]
    assert wado(node, one, contentType="application/pdf").status == 406


@pytest.mark.parametrize("kind", ["text/xml", "application/xml"])
def test_a_cda_is_xml(node, kind):
    value = CDA_TEXT.encode()
    one = encapsulated(CDA, value, "text/XML", len(value))
    assert node.send(one) == [0]
    answer = given(node, one, contentType=kind)
    assert answer.type == kind and answer.body == value
    assert "sandbox" in answer.headers["content-security-policy"]


def test_other_documents_have_their_types(node):
    value = b"solid nothing\nendsolid nothing\n"
    one = encapsulated(STL, value, "model/stl", len(value))
    assert node.send(one) == [0]
    assert given(node, one, contentType="model/*").type == "model/stl"


@pytest.mark.parametrize("kind", ["image/jpeg", "text/html", "video/mp4", "text/xml"])
def test_a_pdf_is_nothing_else(node, kind):
    one = encapsulated(PDF, PDF_BYTES, "application/pdf", len(PDF_BYTES))
    assert node.send(one) == [0]
    assert wado(node, one, contentType=kind).status == 406


def test_real_documents(node, testdata):
    for path, kind in ((f"{testdata}/encapsulated/pdf_report.dcm", "application/pdf"),
                       (f"{testdata}/encapsulated/cda_note.dcm", "text/xml")):
        one, head = samples.load(path), pydicom.dcmread(path)
        assert node.send(one) == [0]
        answer = given(node, one, headers={"Accept": BROWSER})
        assert answer.type in (kind, "application/xml")
        assert answer.body == head.EncapsulatedDocument[:head.EncapsulatedDocumentLength]


# ---- video ----


def video(syntax, *fragments):
    """A video object with these fragments of its one frame."""
    dataset = samples.header(VIDEO, Modality="ES")
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "YBR_PARTIAL_420"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames, dataset.PlanarConfiguration = 480, 640, 50, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, len(one)) + one for one in fragments)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return samples.encode(dataset, syntax)


NOISE = samples.noise_bytes(9, 20000)
MP4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + NOISE
TRANSPORT = b"".join(b"\x47" + NOISE[n * 187:(n + 1) * 187] for n in range(100))
PROGRAM = b"\0\0\1\xba" + NOISE
STREAM2 = b"\0\0\1\xb3" + NOISE
ANNEX_B = b"\0\0\0\1\x67" + NOISE + b"\0"


@pytest.mark.parametrize("syntax, bits, kinds, suffix", [
    (H264, MP4, ["video/mp4"], "mp4"), (H264 + ".1", MP4, ["video/mp4"], "mp4"), (HEVC, MP4, ["video/mp4"], "mp4"),
    (H264, TRANSPORT, ["video/mp2t"], "ts"), (H264, ANNEX_B, ["video/h264"], "h264"),
    (HEVC, ANNEX_B, ["video/h265"], "h265"), (MPEG2, STREAM2, ["video/mpeg"], "mpg"),
    (MPEG2, PROGRAM, ["video/mpeg"], "mpg"), (MPEG2, TRANSPORT, ["video/mpeg", "video/mp2t"], "mpg")])
def test_a_video_is_what_it_is(node, syntax, bits, kinds, suffix):
    one = video(syntax, bits)
    assert node.send(one) == [0]
    for kind in kinds:
        answer = given(node, one, contentType=kind)
        assert answer.type == kind and answer.body == bits
    answer = given(node, one, contentType="video/*")
    assert answer.type == kinds[0] and answer.headers["content-disposition"].endswith(f'.{suffix}"')
    playable = kinds[0] not in ("video/h264", "video/h265")
    assert given(node, one, headers={"Accept": BROWSER}).type == (kinds[0] if playable else "application/dicom")
    for kind in {"video/mp4", "video/mpeg", "video/h264", "image/jpeg"} - set(kinds):
        assert wado(node, one, contentType=kind).status == 406, kind


def test_fragments_are_put_together(node):
    parts = [MP4[at:at + 3000] for at in range(0, len(MP4), 3000)]
    one = video(H264 + ".1", *parts)
    assert node.send(one) == [0]
    answer = given(node, one, contentType="video/mp4")
    assert answer.body == MP4 and answer.headers["accept-ranges"] == "bytes"
    part = wado(node, one, contentType="video/mp4", headers={"Range": "bytes=2990-3009"})
    assert part.status == 206 and part.body == MP4[2990:3010]


def test_a_player_seeks(node):
    one = video(H264, MP4)
    assert node.send(one) == [0]
    for wanted, first, last in (("0-", 0, len(MP4) - 1), ("5000-5999", 5000, 5999), ("-10", len(MP4) - 10, len(MP4) - 1)):
        part = wado(node, one, contentType="video/mp4", headers={"Range": f"bytes={wanted}"})
        assert part.status == 206 and part.body == MP4[first:last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(MP4)}"
    assert wado(node, one, contentType="video/mp4", headers={"Range": "bytes=999999-"}).status == 416
    head = wado(node, one, method="HEAD", contentType="video/mp4")
    assert head.status == 200 and head.headers["content-length"] == str(len(MP4)) and not head.body


@pytest.mark.parametrize("fragments", [[], [b""]])
def test_a_video_without_a_picture(node, fragments):
    one = video(H264, *fragments)
    assert node.send(one) == [0]
    assert wado(node, one, contentType="video/mp4").status == 406
    assert given(node, one, contentType="application/dicom;transfer-syntax=*").type == "application/dicom"


def test_real_videos(node, testdata):
    for name, kind in (("h264_hp41", "video/mp4"), ("mpeg2_mpml", "video/mpeg")):
        one, head = samples.load(f"{testdata}/video/{name}.dcm"), pydicom.dcmread(f"{testdata}/video/{name}.dcm")
        assert node.send(one) == [0]
        length, = struct.unpack_from("<I", head.PixelData, 12)  # behind an empty offset table
        bits = head.PixelData[16:16 + length]
        answer = given(node, one, headers={"Accept": "video/*"})
        assert answer.type == kind and answer.body == bits
        if shutil.which("ffprobe"):
            done = subprocess.run(["ffprobe", "-v", "error", "-"], input=answer.body, capture_output=True)
            assert done.returncode == 0, done.stderr
