"""Names as hospitals write them: character sets that are not what they are called, and how people are found."""
import json
import os
import struct
from urllib.parse import quote

import dul
import pytest
import samples

CHARSET = (0x0008, 0x0005)


def elements(raw, explicit=True):
    """(tag, offset, end) of the first top-level elements, up to the patient's name."""
    at = 0
    while at + 8 <= len(raw):
        group, element = struct.unpack_from("<HH", raw, at)
        if explicit and raw[at + 4:at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"UC"):
            head, (length,) = 12, struct.unpack_from("<I", raw, at + 8)
        elif explicit:
            head, (length,) = 8, struct.unpack_from("<H", raw, at + 6)
        else:
            head, (length,) = 8, struct.unpack_from("<I", raw, at + 4)
        if length == 0xffffffff or (group, element) > (0x0010, 0x0010):
            return
        yield (group, element), at, at + head + length
        at += head + length


def relabelled(one, label):
    """The same object under another Specific Character Set; None: under none."""
    explicit = one.syntax != dul.IMPLICIT
    raw, new = one.raw, b""
    if label is not None:
        value = label.encode() + b" " * (len(label) % 2)
        new = struct.pack("<HH", *CHARSET) + (b"CS" + struct.pack("<H", len(value)) if explicit
                                              else struct.pack("<I", len(value))) + value
    place = 0
    for tag, start, end in list(elements(raw, explicit)):
        if tag == CHARSET:
            raw, place = raw[:start] + raw[end:], start
            break
        if tag < CHARSET:
            place = end
    return samples.Instance(one.sop_class, one.uid, one.syntax, raw[:place] + new + raw[place:], one.study, one.series)


def completed(one):
    """With the UIDs without which an object is none."""
    assert one.syntax == dul.EXPLICIT
    instance, study, series = samples.uid(), samples.uid(), samples.uid()
    raw = one.raw
    for group, number, value in ((8, 0x16, one.sop_class), (8, 0x18, instance), (0x20, 0xd, study), (0x20, 0xe, series)):
        value = value.encode() + b"\0" * (len(value) % 2)
        raw += struct.pack("<HH2sH", group, number, b"UI", len(value)) + value
    return samples.Instance(one.sop_class, instance, one.syntax, raw, study, series)


def written(charset, label, **names):
    """An object whose texts are in `charset` (Python's name of it), called `label`."""
    one = samples.instance(SpecificCharacterSet="ISO_IR 100",
                           **{key: value.encode(charset).decode("latin-1") for key, value in names.items()})
    return relabelled(one, label)


def bare(name):
    return str(name).rstrip("=")


def name_of(node, one, **keys):
    row, = node.find("STUDY", StudyInstanceUID=one.study, PatientName=None, charset="ISO_IR 192", **keys)
    return bare(row.PatientName)


def suspects(node):
    return {row["StudyInstanceUID"]: row for row in node.cli("studies", "--suspect", "--json").json()}


@pytest.fixture
def files(testdata):
    with open(os.path.join(testdata, "expected", "charset.json")) as file:
        expected = json.load(file)
    found = {}
    for name in sorted(os.listdir(os.path.join(testdata, "charset"))):
        one = samples.load(os.path.join(testdata, "charset", name))
        if not one.study:  # two files are no more than a name and a sequence
            one = completed(one)
        found[name] = one, expected.get(name, {}).get("PatientName")
    return found


def check_all(node, ones):
    """{what: (object, expected name)}: stored, named rightly for a workstation and for the terminal, and given back as
    they came."""
    wrong, listed, seen = [], {}, {}
    for what, (one, expected) in ones.items():
        if one.study in seen:  # some files are versions of one object
            node.cli("delete", "--study", one.study)
        seen[one.study] = what, expected
        assert node.send(one) == [0x0000], what
        told = name_of(node, one)
        if expected and told != bare(expected):
            wrong.append((what, told, expected))
        if node.get_one(one) != one.raw:
            wrong.append((what, "other bytes"))
    listed = {row["StudyInstanceUID"]: bare(row.get("PatientName", "")) for row in
              node.cli("studies", "--json", "--limit", 0).json()}
    wrong += [(what, listed[study], expected) for study, (what, expected) in seen.items()
              if expected and listed[study] != bare(expected)]
    assert not wrong, wrong


def test_every_label_of_the_test_files(node, files):
    check_all(node, files)


# which of the files can be told by their bytes alone
BY_BYTES = ["zh_gbk.dcm", "zh_gbk_trail_5c.dcm", "zh_gb18030_4byte.dcm", "zh_utf8.dcm", "zh_ir58.dcm", "GH1301.dcm",
            "chrGB2312.dcm", "chrH31.dcm", "chrI2.dcm", "chrX1.dcm", "chrX2.dcm", "chrFren.dcm", "chrGerm.dcm"]


@pytest.mark.parametrize("label", [None, "ISO_IR 100", "ISO_IR 6", "KLINGON", "ISO_IR 192", "GB18030",
                                   "\\ISO 2022 IR 149"])
def test_twins_of_the_test_files_under_wrong_labels(node, files, label):
    ones = {}
    for name, (one, expected) in files.items():
        known = name in BY_BYTES
        if label == "\\ISO 2022 IR 149":
            known = name in ("zh_utf8.dcm", "zh_ir58.dcm", "chrH31.dcm", "chrI2.dcm")  # GBK can be Korean by its bytes
        if label == "GB18030" and name in ("chrFren.dcm", "chrGerm.dcm"):
            known = False  # every word of Latin-1 can be GBK: who says so is believed
        ones[f"{name} as {label}"] = relabelled(one, label), expected if known else None
    check_all(node, ones)


def test_files_that_came_mislabelled_are_read(nodes, files):
    node, wrong = nodes(), []
    for name, expected in (("zh_gbk_said_latin1.dcm", "张"), ("zh_gbk_undeclared.dcm", "张"),
                           ("zh_utf8_undeclared.dcm", "")):
        one, _ = files[name]
        assert node.send(one) == [0x0000]
        told = name_of(node, one)
        if not any("\u4e00" <= c <= "\u9fff" for c in told) or expected not in told:
            wrong.append((name, told))
        assert suspects(node)[one.study]["guessed"]
        node.cli("delete", "--study", one.study)
    assert not wrong, wrong


@pytest.mark.parametrize("charset, label, read_as", [
    ("gbk", "ISO_IR 100", "GB18030"), ("gbk", None, "GB18030"), ("gbk", "ISO_IR 6", "GB18030"),
    ("gbk", "ISO_IR 192", "GB18030"), ("utf-8", "ISO_IR 100", "ISO_IR 192"), ("utf-8", "GB18030", "ISO_IR 192"),
    ("utf-8", None, "ISO_IR 192")])
def test_names_under_wrong_labels(node, charset, label, read_as):
    for name in ("张^三", "Zhang^Cheng=張^誠", "欧阳^娜娜", "李^喆", "王^玥", "仇^婷婷"):
        one = written(charset, label, PatientName=name, StudyDescription="診斷記錄，胸部平扫")
        assert node.send(one) == [0x0000]
        assert name_of(node, one) == name
        row, = node.find("STUDY", StudyInstanceUID=one.study, StudyDescription=None, charset="ISO_IR 192")
        assert row.StudyDescription == "診斷記錄，胸部平扫"  # 0x5C in it parted nothing
        assert node.get_one(one) == one.raw
        suspect = suspects(node)[one.study]
        assert suspect["read_as"] == read_as and suspect["declared"] == (label or "") and suspect["guessed"]
        assert suspect["source"] == "CASES" and suspect["PatientName"] == name


def test_latin_names_stay_latin(node):
    for name in ("Buc^Jérôme", "Äneas^Rüdiger", "MÜLLER^GRÖßE", "Ødegård^Åse", "Núñez^Íñigo"):
        one = written("latin-1", "ISO_IR 100", PatientName=name, StudyDescription="Épaule droite, à créer")
        assert node.send(one) == [0x0000]
        assert name_of(node, one) == name
    assert not suspects(node)


def test_a_peers_entry_says_what_it_writes(nodes):
    node = nodes()
    node.stop()
    node.ae_add("RU1", "127.0.0.1", 0, "--assume-charset", "ISO_IR 144")
    node.ae_add("RU2", "127.0.0.1", 0, "--assume-charset", "always ISO_IR 144")
    node.start_again()
    listed = {peer["aet"]: peer["assume_charset"] for peer in node.cli("ae", "list", "--json").json()}
    assert listed["RU1"] == "ISO_IR 144" and listed["RU2"] == "always ISO_IR 144"
    for aet, label in (("RU1", None), ("RU1", "ISO_IR 100"), ("RU2", None), ("RU2", "ISO_IR 126")):
        one = written("iso8859-5", label, PatientName="Люксембург")
        assert node.send(one, aet=aet) == [0x0000]
        assert name_of(node, one) == "Люксембург"
        assert one.study not in suspects(node)  # somebody said so: no guess
    assert "wants a defined term" in node.cli("ae", "add", "X", "h", 1, "--assume-charset", "always", code=2).err


def test_what_is_fetched_from_a_peer_is_read_by_its_entry_and_needs_no_right_to_store(nodes):
    pacs, node = nodes(dicom__aet="RU1"), nodes()
    one = written("iso8859-5", None, PatientName="Люксембург")
    assert pacs.send(one) == [0x0000]
    node.ae_add("RU1", "127.0.0.1", pacs.dicom_port, "--may", "query", "--assume-charset", "ISO_IR 144")
    node.cli("pull", "RU1", f"StudyInstanceUID={one.study}")
    assert name_of(node, one) == "Люксембург" and one.study not in suspects(node)


def test_a_reindex_reads_anew_what_a_peer_sent(nodes):
    node = nodes()
    one = written("iso8859-5", None, PatientName="Люксембург")
    assert node.send(one, aet="RU1") == [0x0000]
    assert name_of(node, one) != "Люксембург" and suspects(node)[one.study]["source"] == "RU1"
    node.stop()
    node.ae_add("RU1", "127.0.0.1", 0, "--assume-charset", "ISO_IR 144")
    node.cli("reindex")
    node.start_again()
    assert name_of(node, one) == "Люксембург" and not suspects(node)


def test_a_guess_that_was_settled_is_no_suspect(node):
    one = written("gbk", None, PatientName="张^三")
    node.send(one)
    out = node.cli("studies", "--suspect").out
    assert "张三" in out and one.study in out and "assume_charset" in out and "nothing" in out
    node.cli("studies", "--settle", one.study, "PatientName=张^山")
    assert node.cli("studies", "--suspect").out == "no character set was guessed\n"
    assert "no filter" in node.cli("studies", "--suspect", "PatientID=1", code=2).err


def test_no_object_is_refused_for_its_characters(node):
    ones = [written("latin-1", label, PatientName=name) for label in (None, "ISO_IR 100", "ISO_IR 192", "GB18030", "X")
            for name in ("\xff\xfe", "a\x80b", "\x1b$)", "\x1b$B;", "\xd5", "\x81\x30")]
    assert set(node.send(ones)) == {0x0000}
    for one in ones:
        assert node.get_one(one) == one.raw
        assert len(node.find("STUDY", StudyInstanceUID=one.study, PatientName=None)) == 1


# ---- questions ----


def ask(node, charset, label, key, **more):
    """A C-FIND whose identifier holds `key` as PatientName in `charset`, labelled `label`."""
    value = key.encode(charset)
    value += b" " * (len(value) % 2)
    def element(group, number, vr, data):
        return struct.pack("<HH2sH", group, number, vr, len(data)) + data
    says = b"" if label is None else element(8, 5, b"CS", label.encode() + b" " * (len(label) % 2))
    raw = (says + element(8, 0x52, b"CS", b"STUDY ") + element(0x10, 0x10, b"PN", value)
           + element(0x20, 0xd, b"UI", b""))
    abstract = dul.FIND["study"]
    with node.associate([(abstract, [dul.EXPLICIT])], "CASES", **more) as association:
        association.ask(dul.C_FIND, abstract, raw)
        *pending, final = association.answers()
        assert final.Status == 0x0000
        return [one.dataset for one in pending]


def label_and_name(raw):
    found = {tag: raw[start + 8:end].rstrip(b" \0") for tag, start, end in elements(raw)}
    return found[CHARSET].decode(), found[0x0010, 0x0010]


def test_a_mislabelled_question_is_understood_and_answered(node):
    one = written("gbk", "GB18030", PatientName="张^三")
    node.send(one)
    for charset, label, answer in (("gbk", None, ("GB18030", "gbk")), ("gbk", "ISO_IR 100", ("GB18030", "gbk")),
                                   ("gbk", "GB18030", ("GB18030", "gbk")), ("utf-8", None, ("ISO_IR 192", "utf-8")),
                                   ("utf-8", "ISO_IR 100", ("ISO_IR 192", "utf-8")),
                                   ("gbk", "GBK", ("GBK", "gbk"))):
        raw, = ask(node, charset, label, "张*")
        assert label_and_name(raw) == (answer[0], "张^三".encode(answer[1])), (charset, label)


def test_an_answer_that_its_set_cannot_hold(nodes):
    for setting, label, charset in (("utf-8", "ISO_IR 192", "utf-8"), ("gb18030", "GB18030", "gb18030")):
        node = nodes(dicom__fallback_charset=setting)
        node.send(written("gbk", "GB18030", PatientName="张^三"), written("latin-1", "ISO_IR 100", PatientName="Zoë"))
        told = {label_and_name(raw) for raw in ask(node, "latin-1", "ISO_IR 100", "*")}
        assert told == {(label, "张^三".encode(charset)), ("ISO_IR 100", "Zoë".encode("latin-1"))}
        raw, = ask(node, "latin-1", "ISO_IR 100", "Zo*")
        assert label_and_name(raw) == ("ISO_IR 100", "Zoë".encode("latin-1"))
        raw, = ask(node, "latin-1", "ISO_IR 144", "Zo*")
        assert label_and_name(raw) == (label, "Zoë".encode(charset))


# ---- people by pinyin ----

FUZZY = b"\0\0\1"
PEOPLE = {"A": "张^三", "B": "Zhang^San=张^三", "C": "ZHANG^SAN", "D": "单^田芳", "E": "李^四", "F": "欧阳^娜", "G": "吕^布",
          "H": "曾^国藩", "I": "解^晓东", "J": "仇^英"}


@pytest.fixture(scope="module")
def people(shared_nodes):
    node = shared_nodes()
    node.send([samples.instance(PatientName=name, PatientID=pid) for pid, name in PEOPLE.items()])
    return node


def found(node, name, **more):
    rows = node.find("STUDY", PatientName=name, PatientID=None, charset="ISO_IR 192", **more)
    return "".join(sorted(str(row.PatientID) for row in rows))


SOUNDS = [("zhangsan", "ABC"), ("zhang^san", "ABC"), ("ZHANG SAN", "ABC"), ("zs", "ABC"), ("zhang*", "ABC"),
          ("z*s?", "ABC"), ("张三", "AB"), ("张*", "AB"), ("＊三", "AB"), ("*san", "ABC"), ("shan*", "D"), ("dantianfang", "D"),
          ("stf", "D"), ("ouyang*", "F"), ("oyn", "F"), ("lvbu", "G"), ("lu^bu", "G"), ("zengguofan", "H"), ("cgf", "H"),
          ("xie*", "I"), ("jiexiaodong", "I"), ("qiuying", "J"), ("chou*", "J"), ("wangwu", ""), ("三", "")]


@pytest.mark.parametrize("name, pids", SOUNDS)
def test_people_are_found_by_pinyin(people, name, pids):
    assert found(people, name, extended=FUZZY) == pids
    rows = json.loads(people.fetch("/api/v1/studies?PatientName=" + quote(name))[2])["studies"]
    assert "".join(sorted(row["PatientID"] for row in rows)) == pids
    rows = people.cli("studies", f"PatientName={name}", "--json").json()
    assert "".join(sorted(row["PatientID"] for row in rows)) == pids


def test_pinyin_in_c_find_is_for_who_asks_for_it(people):
    assert found(people, "zhangsan") == "" and found(people, "zs") == ""
    assert found(people, "ZHANG san") == "BC"  # the characters, without regard to case and separators
    rows = people.find("PATIENT", root="patient", PatientName="zs", PatientID=None, extended=FUZZY)
    assert sorted(str(row.PatientID) for row in rows) == ["A", "B", "C"]


def test_fuzzy_matching_is_negotiated_as_the_setting_says(nodes):
    abstract = dul.FIND["study"]
    for setting, answered, asked, unasked in (("negotiated", 1, "A", ""), ("always", 1, "A", "A"), ("never", 0, "", "")):
        node = nodes(dicom__find_pinyin=setting)
        node.send(samples.instance(PatientName="张^三", PatientID="A"))
        with node.associate([(abstract, [dul.EXPLICIT])], extended={abstract: FUZZY}) as association:
            assert association.extended[abstract][2] == answered
        assert (found(node, "zhangsan", extended=FUZZY), found(node, "zhangsan")) == (asked, unasked)


def test_a_settled_name_is_found_and_the_old_one_not(node):
    one = samples.instance(PatientName="张^三", PatientID="A")
    node.send(one)
    node.cli("studies", "--settle", one.study, "PatientName=李^四")
    assert found(node, "zs", extended=FUZZY) == "" and found(node, "张三") == ""
    assert found(node, "lisi", extended=FUZZY) == "A" and found(node, "李*") == "A"
    node.cli("delete", "--study", one.study)
    assert found(node, "lisi", extended=FUZZY) == ""
