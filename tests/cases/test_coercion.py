"""What a peer sends is changed by explicit rules only: the stored bytes stay, what is found and what leaves is new, and
the original values go along in Original Attributes Sequence."""
import collections
import io
import json
import os
import struct
import subprocess

import dul
import pydicom
import pytest
import samples
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from conftest import free_ports, need_tool, wait_until

SYNTAXES = [*samples.NATIVE, samples.JPEG_BASELINE, samples.JPEG2000, samples.RLE]
HOSPITAL = "影桥医院东院"


def rule(*actions, name="rule", peers=("CT1",), **more):
    return {"name": name, "peers": list(peers), **more, "actions": list(actions)}


def set_to(attribute, text):
    return {"set": attribute, "to": text}


@pytest.fixture
def coercing(nodes, tmp_path):
    """coercing(rules, tables={"accession.csv": [...]}) starts a node with these rules."""
    def begin(*rules, tables=None, **settings):
        conf = tmp_path / f"conf{len(os.listdir(tmp_path))}"
        conf.mkdir()
        write_rules(conf, rules, tables)
        return nodes(conf=str(conf), **settings)
    return begin


def write_rules(conf, rules, tables=None):
    for name, pairs in (tables or {}).items():
        with open(os.path.join(conf, name), "w", encoding="utf-8", newline="") as file:
            file.write("from,to\r\n" + "".join(f'{a},"{b}"\r\n' for a, b in pairs))
    with open(os.path.join(conf, "coercion.json.new"), "w", encoding="utf-8") as file:
        json.dump(rules, file, ensure_ascii=False)
    os.rename(os.path.join(conf, "coercion.json.new"), os.path.join(conf, "coercion.json"))


def read(part10):
    return pydicom.dcmread(io.BytesIO(part10), force=False)


def got(node, one, syntax=None):
    """The instance as C-GET gives it."""
    syntax = syntax or one.syntax
    answers, _ = node.get("IMAGE", [syntax], [one.sop_class], StudyInstanceUID=one.study,
                          SeriesInstanceUID=one.series, SOPInstanceUID=one.uid)
    assert len(answers) == 1 and answers[0][:2] == (one.uid, syntax), answers
    return dul.decode_dataset(answers[0][2], syntax)


def stored(node, one):
    """The bytes at rest, without file meta information."""
    return samples.load(object_path(node, one)).raw


def object_path(node, one):
    path, = [path for path in node.objects() if os.path.basename(path).startswith(one.uid + ".")]
    return path


def originals(dataset):
    """[(reason, {keyword: original value})] of Original Attributes Sequence."""
    return [(item.ReasonForTheAttributeModification, {e.keyword: e.value for e in item.ModifiedAttributesSequence[0]})
            for item in dataset.OriginalAttributesSequence]


def without(dataset, *keywords):
    """What is left of it: tag, VR and value of each element, for comparison."""
    left = {}
    for element in dataset:
        if element.keyword not in keywords:
            left[element.tag] = (element.value if element.VR != "SQ"
                                 else [without(item, *keywords) for item in element.value])
    return left


def study_row(node, study, **keys):
    row, = node.find("STUDY", StudyInstanceUID=study, charset="ISO_IR 192", **{key: None for key in keys})
    assert {key: str(row[key].value) for key in keys} == keys
    return row


# ---- each action ----


@pytest.mark.parametrize("action, came, becomes", [
    (set_to("PatientID", "NEW"), "P1", "NEW"),
    (set_to("PatientID", ""), "P1", ""),
    (set_to("PatientID", "NEW"), None, "NEW"),
    ({"complete": "PatientID", "to": "NEW"}, "P1", "P1"),
    ({"complete": "PatientID", "to": "NEW"}, "", "NEW"),
    ({"complete": "PatientID", "to": "NEW"}, None, "NEW"),
    ({"prefix": "PatientID", "with": "E-"}, "P1", "E-P1"),
    ({"prefix": "PatientID", "with": "E-"}, "E-P1", "E-P1"),
    ({"prefix": "PatientID", "with": "E-"}, "", ""),
    ({"suffix": "PatientID", "with": "-E"}, "P1", "P1-E"),
    ({"suffix": "PatientID", "with": "-E"}, "P1-E", "P1-E"),
    ({"map": "PatientID", "by": "ids.csv"}, "P1", "N-1"),
    ({"map": "PatientID", "by": "ids.csv"}, "P2", "P2"),
    ({"map": "PatientID", "by": "ids.csv", "key": "StudyID"}, "P2", "N-1"),
])
def test_each_action(coercing, action, came, becomes):
    node = coercing(rule(action), tables={"ids.csv": [("P1", "N-1"), ("S1", "N-1")]})
    one = samples.instance(PatientID=came, StudyID="S1")
    assert node.send(one, aet="CT1") == [0]
    row, = node.find("STUDY", StudyInstanceUID=one.study, PatientID=None)
    assert str(row.PatientID or "") == becomes
    out = got(node, one)
    assert stored(node, one) == one.raw
    if becomes == (came or ""):
        assert "OriginalAttributesSequence" not in out and node.get_one(one) == one.raw
        return
    assert str(out.PatientID or "") == becomes
    (reason, values), = originals(out)
    assert reason == "COERCE" and str(values["PatientID"] or "") == (came or "") and len(values) == 1
    item, = out.OriginalAttributesSequence
    assert item.ModifyingSystem == node.aet and item.SourceOfPreviousValues == "CT1"
    assert len(str(item.AttributeModificationDateTime)) == 19
    assert without(out, "PatientID", "OriginalAttributesSequence") == without(one.dataset(), "PatientID")


def test_actions_and_rules_go_one_after_the_other_and_the_first_original_is_kept(coercing):
    node = coercing(rule(set_to("PatientID", "A"), {"prefix": "PatientID", "with": "B-"}),
                    rule({"suffix": "PatientID", "with": "-C"}, set_to("StudyID", "x"), set_to("StudyID", "1"),
                         name="second"))
    one = samples.instance()
    assert node.send(one, aet="CT1") == [0]
    out = got(node, one)
    assert out.PatientID == "B-A-C" and originals(out) == [("COERCE", {"PatientID": "P1"})]
    line, = node.cli("studies", "--coerced", "--json").json()
    assert (line["rule"], line["attribute"], line["came"], line["became"], line["source"]) == \
        ("second", "PatientID", "P1", "B-A-C", "CT1")


@pytest.mark.parametrize("sender, fits", [("CT1", True), ("CT2", False), ("MR1", True), ("MR22", False), ("XX", False)])
def test_only_what_a_rule_names_is_changed(coercing, sender, fits):
    node = coercing(rule(set_to("InstitutionName", "East"), peers=["CT1", "MR?"], modality=["CT", "MR"],
                         station=["ROOM*"]))
    ones = [samples.instance(StationName="ROOM3"), samples.instance(StationName="ELSEWHERE"),
            samples.instance(StationName="ROOM3", Modality="US")]
    assert node.send(ones, aet=sender) == [0, 0, 0]
    assert [node.get_one(one) == one.raw for one in ones] == [not fits, True, True]


def test_conditions_are_read_as_in_the_rules_of_forwarding(coercing):
    node = coercing(rule(set_to("InstitutionName", "East"), station=["room[3]?"]))
    ones = [samples.instance(StationName=name) for name in ("ROOM[3]A", "ROOM3A", "ROOM[3]")]
    assert node.send(ones, aet="CT1") == [0, 0, 0]
    assert [node.get_one(one) == one.raw for one in ones] == [False, True, True]


def test_a_study_is_one_study_by_its_coerced_values(coercing):
    """No contradiction between what a branch sends by its own ids and what is here already."""
    node = coercing(rule({"map": "PatientID", "by": "ids.csv"}, set_to("IssuerOfPatientID", "HIS")),
                    tables={"ids.csv": [("77", "P-0077")]})
    study = samples.uid()
    assert node.send(samples.instance(study=study, PatientID="P-0077", IssuerOfPatientID="HIS"), aet="HIS") == [0]
    assert node.send(samples.instance(study=study, PatientID="77"), aet="CT1") == [0]
    assert node.cli("studies", "--conflicts", "--json").json() == []
    study_row(node, study, PatientID="P-0077", IssuerOfPatientID="HIS")


def test_what_has_no_place_in_the_table_is_left_counted_and_not_told(coercing):
    node = coercing(rule({"map": "AccessionNumber", "by": "accession.csv"}, {"prefix": "PatientID", "with": "X" * 60}),
                    tables={"accession.csv": [("1", "2")]})
    one = samples.instance(AccessionNumber="SECRET-7", PatientID="PATIENT-7")
    assert node.send(one, aet="CT1") == [0]
    assert node.get_one(one) == one.raw
    _, _, metrics = node.fetch("/metrics")
    assert b"coerce_left_total 2" in metrics and b"yingqiao_coerced_total 0" in metrics
    assert "coerce-left" in node.log() and "SECRET-7" not in node.log() and "PATIENT-7" not in node.log()


# ---- each way out ----


def test_every_way_out_gives_the_same(coercing, storescp):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), {"prefix": "PatientID", "with": "E-"}))
    one = samples.instance(size=70000)
    port, folder = storescp("+xa")
    node.ae_add("DEST", "127.0.0.1", port) if not node.conf else write_peer(node, port)
    assert node.send(one, aet="CT1") == [0]
    by_get = got(node, one)
    assert node.move("STUDY", "DEST", StudyInstanceUID=one.study)[-1].Status == 0
    by_move = pydicom.dcmread(wait_until(lambda: [os.path.join(folder, n) for n in os.listdir(folder)][:1], 20)[0])
    by_wado = read(node.wado(one))
    for out in (by_get, by_move, by_wado):
        assert out.PatientID == "E-P1" and out.InstitutionName == HOSPITAL
        assert originals(out) == [("COERCE", {"InstitutionName": "", "PatientID": "P1"})] or \
            originals(out) == [("COERCE", {"InstitutionName": None, "PatientID": "P1"})]
        assert out.PixelData == one.dataset().PixelData
    assert by_wado.file_meta.MediaStorageSOPInstanceUID == one.uid
    assert by_wado.file_meta.TransferSyntaxUID == one.syntax


def write_peer(node, port):
    with open(os.path.join(node.conf, "peers.json"), "w") as file:
        json.dump([{"aet": "DEST", "host": "127.0.0.1", "port": port}], file)
    nothing = samples.uid()
    wait_until(lambda: node.move("STUDY", "DEST", StudyInstanceUID=nothing)[-1].Status != 0xA801, 10, "DEST")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_each_transfer_syntax_in_each_way_out(coercing, syntax):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), set_to("PatientID", "NEW"),
                         {"complete": "IssuerOfPatientID", "to": "HIS"}))
    one = samples.instance(syntax, size=100000 if syntax in samples.NATIVE else 50000)
    assert node.send(one, aet="CT1") == [0]
    out, came = got(node, one), one.dataset()
    changed = ("InstitutionName", "PatientID", "IssuerOfPatientID", "OriginalAttributesSequence")
    assert without(out, *changed) == without(came, *changed)
    assert (out.InstitutionName, out.PatientID, out.IssuerOfPatientID) == (HOSPITAL, "NEW", "HIS")
    assert read(node.wado(one)).PatientID == "NEW"
    assert [e.tag for e in out] == sorted(e.tag for e in out)
    assert stored(node, one) == one.raw


def test_transcoded_objects_carry_the_values_too(coercing):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL)))
    one = samples.instance(dul.EXPLICIT, size=2000)
    assert node.send(one, aet="CT1") == [0]
    for syntax in (dul.IMPLICIT, samples.RLE, dul.DEFLATED):
        out = got(node, one, syntax)
        assert out.InstitutionName == HOSPITAL and originals(out)[0][0] == "COERCE"


def test_the_demo_studies_leave_in_good_order(coercing, demo_files, tmp_path):
    """Every syntax and character set the project's samples have, read by DCMTK and pydicom."""
    need_tool("dcmdump")
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), set_to("PatientID", "NEW-ID")))
    ones = [samples.load(path) for path in demo_files]
    assert set(node.send(ones, aet="CT1")) == {0}
    for one in ones:
        body = node.wado(one)
        path = tmp_path / "out.dcm"
        path.write_bytes(body)
        dumped = subprocess.run(["dcmdump", "-q", "+U8", str(path)], capture_output=True)
        assert dumped.returncode == 0 and not dumped.stderr, dumped
        assert HOSPITAL in dumped.stdout.decode("utf-8", "replace")  # dcmdump cuts long values within a character
        out, came = read(body), pydicom.dcmread(one.path)
        came.decode(), out.decode()
        changed = ("InstitutionName", "PatientID", "OriginalAttributesSequence", "SpecificCharacterSet")
        assert without(out, *changed) == without(came, *changed), one
        assert originals(out)[0][1]["PatientID"] == came.PatientID


def faults(path):
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace")
    return {line.split(" - ")[0] for line in done.stderr.splitlines() if line.startswith("Error")}


def test_dciodvfy_finds_no_new_fault(coercing, demo_files, tmp_path):
    need_tool("dciodvfy")
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), set_to("PatientID", "NEW-ID"),
                         {"complete": "IssuerOfPatientID", "to": "HIS"}))
    ones = [samples.load(path) for path in demo_files[::7]]
    assert set(node.send(ones, aet="CT1")) == {0}
    for one in ones:
        path = tmp_path / "out.dcm"
        path.write_bytes(node.wado(one))
        assert faults(path) <= faults(one.path), one


# ---- character sets ----


@pytest.mark.parametrize("charset, raw_name, value, label", [
    ("GB18030", "张^三".encode("gb18030"), HOSPITAL, "GB18030"),
    ("GBK", "张^三".encode("gbk"), HOSPITAL, "GBK"),
    ("ISO_IR 192", "张^三".encode("utf-8"), HOSPITAL, "ISO_IR 192"),
    ("ISO_IR 100", "Müller^Jürgen".encode("latin-1"), "Hôpital", "ISO_IR 100"),
    ("ISO_IR 100", "Müller^Jürgen".encode("latin-1"), HOSPITAL, "ISO_IR 192"),
    ("ISO_IR 100", "Müller^Jürgen".encode("latin-1"), "East", "ISO_IR 100"),
    (None, b"Testperson^Erika", HOSPITAL, "ISO_IR 192"),
    (None, b"Testperson^Erika", "East", None),
    ("ISO 2022 IR 6\\ISO 2022 IR 58", b"Zhang^Xiao=\x1b\x24\x29\x41\xd5\xc5^\x1b\x24\x29\x41\xd0\xa1", HOSPITAL,
     ["ISO 2022 IR 6", "ISO 2022 IR 58"]),
    ("ISO 2022 IR 6\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "医院한", "ISO_IR 192"),
])
@pytest.mark.parametrize("syntax", [dul.EXPLICIT, dul.IMPLICIT, dul.BIG_ENDIAN])
def test_new_values_in_the_objects_own_character_set_or_all_of_it_in_utf8(coercing, charset, raw_name, value, label,
                                                                          syntax):
    node = coercing(rule(set_to("InstitutionName", value), set_to("PatientName", "New^Name")))
    dataset = samples.header(PatientName=None)
    dataset.SpecificCharacterSet = charset.split("\\") if charset else None
    if not charset:
        del dataset.SpecificCharacterSet
    texts = decode(raw_name, charset)
    dataset.add_new(0x00081030, "LO", texts.replace("^", " "))
    dataset.PatientName = texts
    inner = Dataset()
    inner.add_new(0x00400007, "LO", texts.replace("^", " "))
    own = Dataset()
    own.SpecificCharacterSet = "ISO_IR 100"
    own.add_new(0x00400007, "LO", "Größe")
    dataset.RequestAttributesSequence = Sequence([inner, own, Dataset()])
    one = samples.encode(dataset, syntax)
    came = one.dataset()
    assert node.send(one, aet="CT1") == [0]
    out = got(node, one)
    assert out.get("SpecificCharacterSet") == label
    for each in (came, out):
        each.decode()
    # pydicom leaves the escape sequence of ISO 2022 IR 58 in the text
    assert out.InstitutionName.replace("\x1b$)A", "") == value and out.PatientName == "New^Name"
    assert out.StudyDescription == came.StudyDescription
    items = out.RequestAttributesSequence
    assert [item.get("ScheduledProcedureStepDescription") for item in items] == \
        [came.StudyDescription, "Größe", None]
    assert items[1].SpecificCharacterSet == "ISO_IR 100"
    item = out.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert str(item.PatientName) == str(came.PatientName)
    if label != came.get("SpecificCharacterSet"):
        assert item.get("SpecificCharacterSet", "") == came.get("SpecificCharacterSet", "") or not charset
    else:
        assert "SpecificCharacterSet" not in item
    changed = ("InstitutionName", "PatientName", "OriginalAttributesSequence", "SpecificCharacterSet",
               "RequestAttributesSequence")
    assert without(out, *changed) == without(came, *changed)


@pytest.mark.parametrize("label", [None, "ISO_IR 100"])
@pytest.mark.parametrize("syntax", [dul.EXPLICIT, dul.IMPLICIT])
def test_text_behind_a_wrong_label_is_right_where_it_has_to_be_converted(coercing, label, syntax):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL)))
    dataset = samples.header(PatientName="Latin^Name")
    dataset.SpecificCharacterSet = "GB18030"
    dataset.PatientName, dataset.StudyDescription = "张^三丰", "胸部平扫加增强"
    raw = samples.encode(dataset, syntax).raw
    raw = relabel(raw, b"GB18030 ", label or "", syntax)
    one = samples.Instance(str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), syntax, raw,
                           dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
    assert node.send(one, aet="CT1") == [0]
    out = got(node, one)
    assert out.SpecificCharacterSet == "ISO_IR 192"
    assert (out.PatientName, out.StudyDescription) == ("张^三丰", "胸部平扫加增强")
    item = out.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert (item.SpecificCharacterSet or "") == (label or "")
    assert stored(node, one) == one.raw


def relabel(raw, came, label, syntax):
    """Another value for the first element of the dataset, (0008,0005)."""
    at = raw.index(came)
    value = label.encode() + b" " * (len(label) & 1)
    length = struct.pack("<I" if syntax == dul.IMPLICIT else "<H", len(value))
    return raw[:at - len(length)] + length + value + raw[at + len(came):]


def decode(raw, charset):
    dataset = Dataset()
    dataset.SpecificCharacterSet = charset.split("\\") if charset else None
    dataset.add_new(0x00100010, "PN", raw)
    dataset.decode()
    return str(dataset.PatientName)


def test_real_chinese_files_keep_their_label_and_text(coercing, testdata):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), set_to("PatientID", "NEW")))
    for path in samples.testdata_files("charset"):
        try:
            one = samples.load(path)
            came = pydicom.dcmread(path)
        except Exception:
            continue
        if not one.study or node.send(one, aet="CT1") != [0]:
            continue
        out = read(node.wado(one))
        assert out.PatientID == "NEW" and stored(node, one) == one.raw, path
        if out.get("SpecificCharacterSet") == came.get("SpecificCharacterSet"):
            assert str(out.get("PatientName")) == str(came.get("PatientName")), path


def taken(node, one):
    try:
        return node.send(one, aet="CT1") == [0]
    except (dul.Aborted, AssertionError):  # a file that is broken on purpose
        return False


def dump(path, *options):
    """Lines of dcmdump without indentation, how lengths are written, and what is changed on purpose; None: it cannot
    be read."""
    done = subprocess.run(["dcmdump", "-q", *options, str(path)], capture_output=True)
    if done.returncode or done.stderr:
        return None
    lines = collections.Counter()
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        tag, _, rest = line.strip().partition(" ")
        if tag.startswith(("#", "(fffe,", "(0008,0001)")) or tag.endswith(",0000)") or not tag.startswith("("):
            continue
        vr, value = rest[:2], rest[3:].rpartition(" #")[0].strip()
        lines[tag, vr, "" if vr == "SQ" else value] += 1
    return lines


@pytest.mark.parametrize("value, options", [("East", ()), (HOSPITAL, ("+U8",))])
def test_real_files_of_every_kind_leave_otherwise_unchanged(coercing, testdata, tmp_path, value, options):
    need_tool("dcmdump")
    node = coercing(rule(set_to("InstitutionName", value), set_to("PatientID", "NEW")))
    seen, other, path_out = set(), {}, tmp_path / "out.dcm"
    changed = {"(0008,0005)", "(0008,0080)", "(0010,0020)", "(0400,0561)", "(0400,0550)", "(0400,0562)", "(0400,0563)",
               "(0400,0564)", "(0400,0565)"}
    for path in samples.testdata_files(besides=("expected", "LICENSES")):
        try:
            one = samples.load(path)
        except Exception:
            continue
        if not one.study or len(one.raw) < 100 or not taken(node, one):
            continue
        body = node.wado(one)
        path_out.write_bytes(body)
        came, out = dump(object_path(node, one), *options), dump(path_out, *options)
        if came is None:
            continue
        assert out is not None, path
        differing = {line[0] for line in (came - out) + (out - came)}
        if not differing <= changed:
            other[one.study] = (path, came - out, out - came)
        if one.syntax != dul.DEFLATED and len(one.raw) > 20000 and not options:
            assert body.endswith(one.raw[-len(one.raw) // 4:]), path
        seen.add(one.syntax)
    assert len(seen) > 15, seen
    # behind a wrong label text was converted from what it is, not from what dcmdump takes it for
    for suspect in node.cli("studies", "--suspect", "--json").json() if options else []:
        other.pop(suspect["StudyInstanceUID"], None)
    assert not other, other
    assert node.verify() == "no damage"


# ---- what is there already ----


@pytest.mark.parametrize("defined", [False, True])
@pytest.mark.parametrize("syntax", [dul.EXPLICIT, dul.IMPLICIT, dul.BIG_ENDIAN, dul.DEFLATED])
@pytest.mark.parametrize("value", ["East", HOSPITAL])
def test_an_item_joins_those_that_are_there(coercing, defined, syntax, value):
    node = coercing(rule(set_to("InstitutionName", value)))
    earlier = Dataset()
    modified = Dataset()
    modified.PatientName = "Früher^Name"
    earlier.ModifiedAttributesSequence = Sequence([modified])
    earlier.AttributeModificationDateTime = "20200101120000"
    earlier.ModifyingSystem, earlier.SourceOfPreviousValues = "OTHER", "THERE"
    earlier.ReasonForTheAttributeModification = "CORRECT"
    dataset = samples.header()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.OriginalAttributesSequence = Sequence([earlier])
    for element in (dataset["OriginalAttributesSequence"], earlier["ModifiedAttributesSequence"]):
        element.is_undefined_length = not defined
        for item in element.value:
            item.is_undefined_length_sequence_item = not defined
    dataset.EncryptedAttributesSequence = Sequence([])
    one = samples.encode(dataset, syntax)
    assert node.send(one, aet="CT1") == [0]
    out = got(node, one)
    out.decode()
    assert [reason for reason, _ in originals(out)] == ["CORRECT", "COERCE"]
    assert str(originals(out)[0][1]["PatientName"]) == "Früher^Name"
    assert out.InstitutionName == value and len(out.EncryptedAttributesSequence) == 0


def test_the_same_instance_again_is_already_there_and_nothing_is_damaged(coercing):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL)))
    one = samples.instance()
    assert node.send(one, one, aet="CT1") == [0, 0]
    assert len(node.objects()) == 1 and node.verify() == "no damage"
    _, _, metrics = node.fetch("/metrics")
    assert b"yingqiao_coerced_total 1\n" in metrics


def test_rules_of_today_do_not_touch_what_was_stored_yesterday(coercing):
    node = coercing(rule(set_to("InstitutionName", "Yesterday")))
    before, after = samples.instance(), samples.instance()
    assert node.send(before, aet="CT1") == [0]
    write_rules(node.conf, [rule({"map": "InstitutionName", "by": "names.csv", "key": "PatientID"})],
                {"names.csv": [("P1", "Today")]})

    def takes_effect():
        probe = samples.instance()
        node.send(probe, aet="CT1")
        return got(node, probe).get("InstitutionName") == "Today"
    wait_until(takes_effect, 20)
    assert node.send(before, after, aet="CT1") == [0, 0]
    assert got(node, before).InstitutionName == "Yesterday" and got(node, after).InstitutionName == "Today"
    write_rules(node.conf, [rule({"map": "InstitutionName", "by": "names.csv", "key": "PatientID"})],
                {"names.csv": [("P1", "Tomorrow")]})  # the table alone is a change, too
    os.utime(os.path.join(node.conf, "coercion.json"), (0, 0))

    def tomorrow():
        probe = samples.instance()
        node.send(probe, aet="CT1")
        return got(node, probe).get("InstitutionName") == "Tomorrow"
    wait_until(tomorrow, 20)
    node.start_again()
    assert got(node, before).InstitutionName == "Yesterday"


def test_a_large_object_leaves_with_flat_memory(coercing):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL)))
    one = samples.instance(size=80 << 20)  # more than is made in memory
    assert node.send(one, aet="CT1") == [0]
    out = got(node, one)
    assert out.InstitutionName == HOSPITAL and out.PixelData == one.dataset().PixelData
    assert node.staging() == []


# ---- the program's own commands ----


def test_a_dry_run_shows_what_would_change_and_changes_nothing(coercing, tmp_path):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), {"prefix": "PatientID", "with": "E-"}, name="东院"))
    path = samples.instance().save(str(tmp_path / "one.dcm"))
    told = node.cli("--conf", node.conf, "coerce", "test", path, "--from", "CT1").out
    assert HOSPITAL in told and "E-P1" in told and "东院" in told
    listed = node.cli("--conf", node.conf, "coerce", "test", path, "--from", "CT1", "--json").json()
    assert [(one["attribute"], one["came"], one["becomes"]) for one in listed] == \
        [("InstitutionName", None, HOSPITAL), ("PatientID", "P1", "E-P1")]
    assert "nothing would be changed" in node.cli("--conf", node.conf, "coerce", "test", path, "--from", "MR1").out
    node.cli("--conf", node.conf, "coerce", "test", path, code=2)
    assert node.objects() == []


def test_the_list_counts_instances_of_a_study(coercing):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), name="东院"))
    assert node.cli("studies", "--coerced").out == "nothing was coerced\n"
    ones = samples.series_of(3)
    assert node.send(ones, aet="CT1") == [0, 0, 0]
    line, = node.cli("studies", "--coerced", "--json").json()
    assert (line["instances"], line["StudyInstanceUID"], line["rule"]) == (3, ones[0].study, "东院")
    assert "东院" in node.cli("studies", "--coerced").out
    node.cli("studies", "--coerced", "PatientID=1", code=2)


def test_check_prints_the_rules_and_warns_of_a_peer_that_is_not_there(coercing):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL)))
    done = node.cli("--conf", node.conf, "check")
    assert HOSPITAL in done.out and "CT1, which no peer of peers.json is called" in done.err


@pytest.mark.parametrize("bad, said", [
    (rule({"set": "StudyInstanceUID", "to": "1.2"}), "cannot be coerced"),
    (rule({"set": "RequestedProcedureID", "to": "1"}), "cannot be coerced"),
    (rule({"set": "Rows", "to": "1"}), "cannot be coerced"),
    (rule({"set": "PatientIdd", "to": "1"}), 'did you mean "PatientID"'),
    (rule({"set": "AccessionNumber", "to": "X" * 17}), "longer than 16 characters"),
    (rule({"set": "PatientSex", "to": "female"}), "other characters"),
    (rule({"set": "PatientBirthDate", "to": "1.1.1970"}), "is no date"),
    (rule({"set": "PatientID", "to": "a\\b"}), "backslash"),
    (rule({"set": "PatientID", "to": "a\nb"}), "control character"),
    (rule({"prefix": "StudyDate", "with": "20"}), "only attributes of VR LO and SH"),
    (rule({"set": "PatientID"}), 'lacks "to"'),
    (rule({"set": "PatientID", "with": "x"}), 'unknown key "with"'),
    (rule({"set": "PatientID", "complete": "StudyID", "to": "x"}), "one thing"),
    (rule({"change": "PatientID", "to": "x"}), "an action has one of"),
    (rule({"map": "PatientID", "by": "missing.csv"}), "there is no missing.csv"),
    (rule({"map": "PatientID", "by": "../x.csv"}), "names a .csv file"),
    (rule(), "1 to 64"),
    (rule(set_to("PatientID", "x"), peers=[]), "empty"),
    (rule(set_to("PatientID", "x"), peers=["A" * 17]), "is no AE title"),
    (rule(set_to("PatientID", "x"), name=""), '"name" has'),
    ({"name": "x", "actions": []}, "1 to 64"),
    ({"name": "x", "actions": [set_to("PatientID", "x")]}, 'lacks "peers"'),
])
def test_a_bad_rule_is_refused_with_file_and_line(nodes, tmp_path, bad, said):
    conf = tmp_path / "conf"
    conf.mkdir()
    write_rules(str(conf), [bad])
    from conftest import yingqiao
    done = yingqiao("--conf", str(conf), "check", data=tmp_path / "data", code=1)
    assert said in done.err and "coercion.json:1" in done.err, done


@pytest.mark.parametrize("table, said", [
    ("a,b\n", "ids.csv:1: the first line"),
    ("from,to\nA,1\nA,2\n", "ids.csv:3: this value stands in the table twice"),
    ("from,to\nA,1,2\n", "ids.csv:2"),
    ("from,to\nA\n", "ids.csv:2: a line has two fields"),
    ('from,to\nA,"1\n', "ids.csv:2"),
    ("from,to\nA," + "9" * 65 + "\n", "ids.csv:2: the second field is longer than 64"),
    ("from,to\n张,1\n".encode("gbk"), "CSV UTF-8"),
])
def test_a_bad_table_is_refused_with_file_and_line(tmp_path, table, said):
    from conftest import yingqiao
    conf = tmp_path / "conf"
    conf.mkdir()
    write_rules(str(conf), [rule({"map": "PatientID", "by": "ids.csv"})])
    (conf / "ids.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    assert said in yingqiao("--conf", str(conf), "check", data=tmp_path / "data", code=1).err


def test_a_running_node_keeps_the_rules_it_has_when_new_ones_are_bad(coercing):
    node = coercing(rule(set_to("InstitutionName", "Good")))
    write_rules(node.conf, [rule({"set": "SOPInstanceUID", "to": "1"})])
    node.wait_for_log("coercion.json:1")
    one = samples.instance()
    assert node.send(one, aet="CT1") == [0]
    assert got(node, one).InstitutionName == "Good"


# ---- reindex ----


def reindexed(node, *more):
    node.stop()
    told = node.cli("reindex", "--json", *more, code=None)
    node.start()
    return told.json()


def test_a_reindex_keeps_who_sent_it_when_and_what_was_coerced(coercing):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), {"prefix": "PatientID", "with": "E-"}))
    coerced, plain = samples.instance(), samples.instance()
    assert node.send(coerced, aet="CT1") == [0] and node.send(plain, aet="MR1") == [0]
    before = node.cli("studies", "--coerced", "--json").json()
    out = node.wado(coerced)
    write_rules(node.conf, [])  # the rules of today do not matter
    told = reindexed(node)
    assert (told["objects"], told["known"], told["coerced"], told["lost"]) == (2, 2, 1, False)
    assert node.cli("studies", "--coerced", "--json").json() == before
    study_row(node, coerced.study, PatientID="E-P1")
    assert node.wado(coerced) == out and node.get_one(plain) == plain.raw
    assert node.verify() == "no damage"


def test_a_reindex_keeps_corrections_and_what_was_settled(nodes):
    node = nodes()
    study = samples.uid()
    assert node.send(samples.instance(study=study), samples.instance(study=study, PatientName="Right^Name")) == [0, 0]
    node.cli("studies", "--settle", study, "PatientName=Right^Name")
    assert node.send(samples.instance(study=study, PatientID="OTHER"), aet="MR1") == [0]
    conflicts = node.cli("studies", "--conflicts", "--json").json()
    assert len(conflicts) == 1 and conflicts[0]["source"] == "MR1"
    assert reindexed(node)["corrections"] == 1
    study_row(node, study, PatientName="Right^Name")
    assert node.cli("studies", "--conflicts", "--json").json() == conflicts
    assert reindexed(node)["corrections"] == 1  # and once more, from the one that was made
    assert node.cli("studies", "--conflicts", "--json").json() == conflicts
    rows = node.find("PATIENT", root="patient", PatientName="Right*", PatientID=None)
    assert len(rows) == 1


def test_a_reindex_says_what_a_broken_catalog_cannot_tell(coercing):
    node = coercing(rule(set_to("InstitutionName", HOSPITAL)))
    one = samples.instance()
    assert node.send(one, aet="CT1") == [0]
    node.stop()
    with open(os.path.join(node.data, "catalog.sqlite"), "r+b") as file:
        file.write(b"no catalog any more" * 100)
    done = node.cli("reindex")
    assert "the old catalog could not be read in whole" in done.err and "lost" in done.err
    node.start()
    assert node.get_one(one) == one.raw
    node.stop()
    os.unlink(os.path.join(node.data, "catalog.sqlite"))
    assert "there was no old catalog" in node.cli("reindex").err
    node.start()


# ---- what is fetched ----


def test_what_is_fetched_from_a_peer_is_coerced_by_its_rules(coercing, nodes):
    pacs = nodes()
    one = samples.instance()
    assert pacs.send(one) == [0]
    node = coercing(rule(set_to("InstitutionName", HOSPITAL), peers=["PACS"]))
    with open(os.path.join(node.conf, "peers.json"), "w") as file:
        json.dump([{"aet": "PACS", "host": "127.0.0.1", "port": pacs.port}], file)
    node.cli("--conf", node.conf, "pull", f"PACS@127.0.0.1:{pacs.port}", f"StudyInstanceUID={one.study}")
    assert got(node, one).InstitutionName == HOSPITAL and stored(node, one) == one.raw


# ---- what is sent on ----


def test_forwarding_goes_by_the_coerced_values_and_carries_them_also_after_a_reindex(coercing):
    node = coercing(rule(set_to("StudyDescription", "FORWARD-ME"), {"prefix": "PatientID", "with": "E-"}))
    eager = {"retry_seconds": 1, "retry_most_seconds": 2}
    port, = free_ports(1)
    node.configure([{"aet": "CLOUD", "port": port, "forward": eager}],
                   [{"name": "some", "to": "CLOUD", "when": {"description": "forward*"}}])
    one, other = samples.instance(), samples.instance()
    assert node.send(one, aet="CT1") == [0] and node.send(other, aet="MR1") == [0]
    assert len(node.queue()) == 1
    assert reindexed(node)["known"] == 2  # what waits is not forgotten
    with dul.Acceptor(port=port) as cloud:
        cloud.wait_for(lambda: cloud.stored, 60)
        node.wait_for_queue(lambda jobs: not jobs)
        (uid, _, syntax, raw, _), = cloud.stored
    out = dul.decode_dataset(raw, syntax)
    assert (uid, out.PatientID, out.StudyDescription) == (one.uid, "E-P1", "FORWARD-ME")
    assert originals(out)[0][1]["PatientID"] == "P1"
