"""A scanner's view of storing: what goes in comes out, bit for bit."""
import os

import dul
import pytest
import samples
from conftest import by_contexts, need_tool, run

SYNTAXES = {
    "implicit": dul.IMPLICIT, "explicit": dul.EXPLICIT, "big endian": dul.BIG_ENDIAN, "deflated": dul.DEFLATED,
    "JPEG baseline": samples.JPEG_BASELINE, "JPEG extended": "1.2.840.10008.1.2.4.51",
    "JPEG lossless": samples.JPEG_LOSSLESS, "JPEG-LS": "1.2.840.10008.1.2.4.80", "JPEG 2000": samples.JPEG2000,
    "JPEG 2000 part 2": "1.2.840.10008.1.2.4.92", "JPIP": "1.2.840.10008.1.2.4.94", "MPEG-2": "1.2.840.10008.1.2.4.100",
    "H.264": "1.2.840.10008.1.2.4.102", "HEVC": "1.2.840.10008.1.2.4.107", "RLE": samples.RLE,
    "JPEG progressive, retired": "1.2.840.10008.1.2.4.55", "HTJ2K lossless": samples.HTJ2K_LOSSLESS,
    "HTJ2K lossless RPCL": samples.HTJ2K_LOSSLESS_RPCL, "HTJ2K": samples.HTJ2K, "JPEG XL": "1.2.840.10008.1.2.4.110",
    "deflated frames": samples.DEFLATED_FRAMES, "one of a later edition": samples.INVENTED,
    "a private one": samples.PRIVATE_SYNTAX,
}


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes()


def comes_back(node, one):
    """By C-GET in its own syntax and by WADO: the same dataset bytes."""
    assert node.get_one(one) == one.raw, f"{one} by C-GET"
    sop_class, uid, syntax, raw = samples.split_part10(node.wado(one))
    assert (sop_class, uid, syntax) == (one.sop_class, one.uid, one.syntax)
    assert raw == one.raw, f"{one} by WADO"
    return True


@pytest.mark.parametrize("name", SYNTAXES)
def test_in_every_transfer_syntax_it_is_taken_as_sent_and_comes_out_the_same(node, name):
    one = samples.instance(SYNTAXES[name], size=3000)
    assert node.send(one) == [0x0000]
    assert comes_back(node, one)


def test_all_transfer_syntaxes_fit_into_one_association(node):
    ones = [samples.instance(syntax) for syntax in SYNTAXES.values()]
    assert len(by_contexts(ones)) == 1
    assert node.send(ones) == [0x0000] * len(ones)
    assert all(node.get_one(one) == one.raw for one in ones)


def test_an_instance_of_a_private_class_is_stored_like_any_other(node):
    one = samples.instance(sop_class=samples.PRIVATE_CLASS)
    assert node.send(one) == [0x0000]
    assert comes_back(node, one)


def test_a_private_class_is_refused_at_the_door_when_the_rule_says_so(nodes):
    node = nodes(dicom__unknown_sop_classes="false")
    strange, usual = samples.instance(sop_class=samples.PRIVATE_CLASS), samples.instance()
    contexts = [(strange.sop_class, [dul.EXPLICIT]), (usual.sop_class, [dul.EXPLICIT])]
    with node.associate(contexts) as association:
        assert association.context(strange.sop_class) is None
        assert association.store(usual.sop_class, usual.uid, usual.raw).Status == 0x0000
        association.send(association.need(usual.sop_class), strange.raw, CommandField=dul.C_STORE, Priority=0,
                         MessageID=9, AffectedSOPClassUID=strange.sop_class, AffectedSOPInstanceUID=strange.uid)
        assert association.receive().Status == 0x0122, "nor through the context of another class"


def test_of_several_syntaxes_in_one_context_the_node_takes_one_that_was_offered(node):
    offered = [samples.HTJ2K, dul.EXPLICIT, dul.IMPLICIT]
    with node.associate([(samples.CT, offered)]) as association:
        syntax = association.syntax(association.need(samples.CT))
        assert syntax in offered
        one = samples.instance(syntax)
        assert association.store(one.sop_class, one.uid, one.raw).Status == 0x0000
    assert comes_back(node, one)


def test_128_presentation_contexts_are_answered_one_by_one(node):
    contexts = [(f"1.2.840.10008.5.1.4.1.1.{n}", [dul.EXPLICIT, dul.IMPLICIT]) for n in range(1, 129)]
    with node.associate(contexts) as association:
        assert len(association.results) == 128
        assert association.context(samples.CT) is not None


@pytest.mark.parametrize("max_pdu", [4096, 16384, 131072, 0])
def test_the_senders_pdu_size_does_not_matter(node, max_pdu):
    one = samples.instance(size=300000)
    with node.associate([(one.sop_class, [one.syntax])], max_pdu=max_pdu) as association:
        assert association.peer_max == 131072
        assert association.store(one.sop_class, one.uid, one.raw).Status == 0x0000
    assert comes_back(node, one)


@pytest.mark.parametrize("tool, options", [("storescu", ("-R",)), ("dcmsend", ("--no-uid-checks",))])
def test_dcmtks_senders_and_the_node_agree(nodes, demo_files, tool, options):
    """They rewrite what they send (lengths, padding), so that only counts and pixels can be compared."""
    node = nodes()
    need_tool(tool)
    plain = [one for one in map(samples.load, demo_files) if one.syntax in (dul.EXPLICIT, dul.IMPLICIT)]
    plain = plain[:: max(1, len(plain) // 20)]
    done = run(tool, "-v", "-aec", node.aet, *options, "127.0.0.1", node.port, *[one.path for one in plain])
    assert done.code == 0, done
    for one in plain:
        stored = samples.split_part10(node.wado(one))
        came, sent = dul.decode_dataset(stored[3], stored[2]), one.dataset()
        assert came.get("PixelData") == sent.get("PixelData") and came.get("PatientID") == sent.PatientID
    assert len(node.objects()) == len(plain)


def test_the_demo_files_come_back_bit_for_bit(nodes, demo_files):
    node = nodes()
    files = [samples.load(path) for path in demo_files[:: max(1, len(demo_files) // 24)]]
    assert len({one.syntax for one in map(samples.load, demo_files)}) > 2
    assert node.send(files) == [0x0000] * len(files)
    assert all(comes_back(node, one) for one in files)


def test_echoscu_is_answered(node):
    assert run("echoscu", "-aec", node.aet, "127.0.0.1", node.port).code == 0
    assert node.echo() == 0x0000


# ---- the same instance again ----


def test_the_same_instance_twice_is_one_instance(node):
    one = samples.instance()
    assert node.send(one, one) == [0x0000, 0x0000]
    assert node.send(one) == [0x0000]
    assert node.count(StudyInstanceUID=one.study) == 1
    assert sum(one.uid in path for path in node.objects()) == 1


def with_other_pixels(one):
    changed = one.dataset()
    changed.PixelData = bytes(byte ^ 0x0F for byte in changed.PixelData)
    return samples.encode(changed, one.syntax)


def test_other_content_under_the_same_uid_is_refused_and_the_first_stays(node):
    first = samples.instance()
    other = with_other_pixels(first)
    assert node.send(first, other) == [0x0000, 0x0111]
    assert node.get_one(first) == first.raw
    assert node.count(StudyInstanceUID=first.study) == 1
    assert sum(first.uid in path for path in node.objects()) == 1
    assert first.uid in node.cli("studies", "--conflicts", "--json").out


def test_a_later_copy_replaces_the_first_when_the_rule_says_so(nodes):
    node = nodes(store__duplicates="replace")
    first = samples.instance()
    other = with_other_pixels(first)
    assert node.send(first, other) == [0x0000, 0x0000]
    assert comes_back(node, other)
    assert node.count(StudyInstanceUID=first.study) == 1
    assert node.verify() == "no damage"
    assert node.send(first) == [0x0000]
    assert comes_back(node, first)


def test_both_are_kept_and_it_is_told_when_the_rule_says_so(nodes):
    node = nodes(store__duplicates="keep-both")
    first = samples.instance()
    other = with_other_pixels(first)
    assert node.send(first, other) == [0x0000, 0x0000]
    assert comes_back(node, first)
    assert node.count(StudyInstanceUID=first.study) == 1
    assert sum(first.uid in path for path in node.objects()) == 2
    assert first.uid in node.cli("studies", "--conflicts", "--json").out
    assert node.send(other) == [0x0000]
    assert sum(first.uid in path for path in node.objects()) == 2
    assert node.verify() == "no damage"


def test_a_replaced_instance_may_move_to_another_study(nodes):
    node = nodes(store__duplicates="replace")
    first = samples.instance()
    moved = first.dataset()
    moved.StudyInstanceUID, moved.SeriesInstanceUID = samples.uid(), samples.uid()
    other = samples.encode(moved)
    assert node.send(first, other) == [0x0000, 0x0000]
    assert comes_back(node, other)
    assert node.find("STUDY", StudyInstanceUID=first.study) == []
    assert node.verify() == "no damage"


# ---- what is not what it says ----


def test_a_dataset_of_another_instance_than_announced_is_refused(node):
    one, announced = samples.instance(), samples.uid()
    with node.associate([(one.sop_class, [one.syntax])]) as association:
        assert association.store(one.sop_class, announced, one.raw).Status == 0xA900
    assert node.count(StudyInstanceUID=one.study) == 0
    assert not [path for path in node.objects() if one.uid in path or announced in path]


def test_a_dataset_of_another_class_than_announced_is_refused(node):
    one = samples.instance(sop_class=samples.CT)
    with node.associate([(samples.MR, [one.syntax])]) as association:
        assert association.store(samples.MR, one.uid, one.raw).Status == 0xA900
    assert node.count(StudyInstanceUID=one.study) == 0


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
def test_without_its_uids_nothing_is_kept(node, missing):
    dataset = samples.instance().dataset()
    sop_class, uid = dataset.SOPClassUID, dataset.SOPInstanceUID
    del dataset[missing]
    with node.associate([(sop_class, [dul.EXPLICIT])]) as association:
        status = association.store(sop_class, uid, dul.encode_dataset(dataset, dul.EXPLICIT)).Status
    assert status & 0xF000 in (0xA000, 0xC000) or status in (0x0112, 0x0117), hex(status)
    assert not [path for path in node.objects() if uid in path]


def test_an_instance_without_patient_id_name_or_dates_is_kept(node):
    one = samples.instance(PatientID="", PatientName=None, PatientBirthDate=None, StudyDate="", AccessionNumber=None)
    assert node.send(one) == [0x0000]
    assert comes_back(node, one)


def test_a_dataset_of_one_byte_fragments_is_put_together(node):
    one = samples.instance(size=200)
    with node.associate([(one.sop_class, [one.syntax])]) as association:
        number, raw = association.need(one.sop_class), one.raw
        association.raw(dul.pdu(4, dul.pdv(number, dul.encode_command(
            CommandField=dul.C_STORE, MessageID=1, AffectedSOPClassUID=one.sop_class, Priority=0,
            AffectedSOPInstanceUID=one.uid, CommandDataSetType=1), True)))
        for n, byte in enumerate(raw):
            association.raw(dul.pdu(4, dul.pdv(number, bytes([byte]), False, n == len(raw) - 1)))
        assert association.receive().Status == 0x0000
    assert comes_back(node, one)


# ---- real files ----


def even(raw):
    """On the wire a dataset has an even length (PS3.8 annex E.2): of some deflated files and one other that is not so."""
    return raw + b"\0" * (len(raw) & 1)


def storable(path):
    one = samples.load(path)
    return one if one.study and one.series and one.uid and one.sop_class else None


def test_every_real_file_goes_in_and_comes_out_the_same(nodes, testdata):
    """In few associations. Variants of one object share a UID there: each replaces the one before."""
    node = nodes(store__duplicates="replace")
    ones, others = [], []
    for path in samples.testdata_files(besides=("LICENSES", "expected", "malformed", "malformed-generated",
                                                "malformed-mutated", "hostile-corpus")):
        if os.path.getsize(path) > 132 and open(path, "rb").read(132)[128:] == b"DICM":
            one = storable(path)
            (ones if one else others).append(one or path)
    assert len(ones) > 150
    refused, damaged = [], []
    for group in by_contexts(ones):
        contexts = sorted({(ones[n].sop_class, ones[n].syntax) for n in group})
        with node.associate([(a, [t]) for a, t in contexts]) as association:
            for one in (ones[n] for n in group):
                answer = association.store(one.sop_class, one.uid, one.raw, one.syntax)
                if answer.Status != 0x0000:
                    refused.append((one.path, hex(answer.Status), answer.ErrorComment))
                elif node.get_one(one) != even(one.raw) or samples.split_part10(node.wado(one))[3] != one.raw:
                    damaged.append(one.path)
    assert not refused, refused
    assert not damaged, damaged
    assert node.verify() == "no damage"


def test_a_whole_series_is_counted_as_the_table_says(nodes, testdata):
    import json
    node = nodes()
    with open(os.path.join(testdata, "expected", "hierarchy.json")) as file:
        expected = json.load(file)
    for topic in ("ct-series-philips-head-phantom", "mr-series-uih-t1", "mr-series-uih-dti"):
        files = samples.testdata_files(topic)
        done = node.storescu(files)
        assert done.code == 0, done
        for studies in expected[topic].values():
            for study, series in studies.items():
                for one, count in series.items():
                    row, = node.find("SERIES", StudyInstanceUID=study, SeriesInstanceUID=one,
                                     NumberOfSeriesRelatedInstances=None)
                    assert row.NumberOfSeriesRelatedInstances == count
