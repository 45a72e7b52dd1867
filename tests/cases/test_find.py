"""A workstation's view of the node: what it finds, and how it is told."""
import struct

import dul
import pytest
import samples
from conftest import identifier, run


class Archive:
    """Four studies of three patients, known by name."""

    def __init__(self):
        s = samples
        self.ones = {}
        zhang = dict(PatientName="Zhang^San=张^三=", PatientID="P-ZHANG", PatientBirthDate="19600506", PatientSex="M")
        li = dict(PatientName="Li^Si=李^四=", PatientID="P-LI", PatientBirthDate="19750808", PatientSex="F")
        mueller = dict(PatientName="Müller^Änne", PatientID="P-MUELLER", PatientBirthDate="19990101", PatientSex="F")
        chest = s.code("CHEST", "99TEST", "胸部平扫")
        self.zhang_ct = self.study("zhang ct", zhang, "20260110", "081500", "A-100", "CT", [3, 2],
                                   StudyDescription="胸部CT平扫", ProcedureCodeSequence=chest, BodyPartExamined="CHEST")
        self.zhang_mr = self.study("zhang mr", zhang, "20260215", "230000.5", "A-101", "MR", [4], sop_class=s.MR,
                                   StudyDescription="Head")
        self.li_cr = self.study("li cr", li, "20260215", "0700", "B-200", "CR", [1], sop_class=s.CR,
                                StudyDescription="Hand 2 views", ReferringPhysicianName="Wang^Wu=王^五=")
        self.mueller = self.study("mueller", mueller, "20260301", "120000", "", "CT", [1],
                                  StudyDescription="50% contrast_agent")

    def study(self, name, patient, date, time, accession, modality, counts, **more):
        study = samples.uid()
        self.ones[study] = []
        for number, count in enumerate(counts, 1):
            series = samples.uid()
            for n in range(count):
                self.ones[study].append(samples.instance(
                    study=study, series=series, StudyDate=date, StudyTime=time, AccessionNumber=accession,
                    Modality=modality, SeriesNumber=number, InstanceNumber=n + 1,
                    SeriesDescription=f"series {number}", **patient, **more))
        return study

    def all(self):
        return [one for ones in self.ones.values() for one in ones]


@pytest.fixture(scope="module")
def archive():
    return Archive()


@pytest.fixture(scope="module")
def node(shared_nodes, archive):
    node = shared_nodes()
    assert set(node.send(archive.all())) == {0x0000}
    return node


def studies(node, **keys):
    """Study UIDs that match, in both information models alike where the level allows it."""
    keys.setdefault("StudyInstanceUID", None)
    return {str(row.StudyInstanceUID) for row in node.find("STUDY", **keys)}


def test_without_keys_every_study_is_found_once(node, archive):
    rows = node.find("STUDY", StudyInstanceUID=None)
    assert sorted(str(row.StudyInstanceUID) for row in rows) == sorted(archive.ones)


def test_every_level_of_both_models_answers(node, archive):
    patients = node.find("PATIENT", root="patient", PatientID=None, NumberOfPatientRelatedStudies=None,
                         NumberOfPatientRelatedSeries=None, NumberOfPatientRelatedInstances=None)
    counts = {str(row.PatientID): (row.NumberOfPatientRelatedStudies, row.NumberOfPatientRelatedSeries,
                                   row.NumberOfPatientRelatedInstances) for row in patients}
    assert counts == {"P-ZHANG": (2, 3, 9), "P-LI": (1, 1, 1), "P-MUELLER": (1, 1, 1)}
    for root, above in (("study", {}), ("patient", {"PatientID": "P-ZHANG"})):
        of_study = dict(above, StudyInstanceUID=archive.zhang_ct)
        assert len(node.find("STUDY", root=root, **of_study)) == 1
        rows = node.find("SERIES", root=root, SeriesInstanceUID=None, SeriesNumber=None,
                         NumberOfSeriesRelatedInstances=None, **of_study)
        assert {(row.SeriesNumber, row.NumberOfSeriesRelatedInstances) for row in rows} == {(1, 3), (2, 2)}
        first = next(row.SeriesInstanceUID for row in rows if row.SeriesNumber == 1)
        rows = node.find("IMAGE", root=root, SeriesInstanceUID=str(first), SOPInstanceUID=None, InstanceNumber=None,
                         SOPClassUID=None, Rows=None, **of_study)
        assert {row.InstanceNumber for row in rows} == {1, 2, 3}
        assert {str(row.SOPClassUID) for row in rows} == {samples.CT}
        assert all(row.Rows > 0 and row.QueryRetrieveLevel == "IMAGE" for row in rows)


def test_an_answer_has_what_was_asked_and_where_to_get_it(node, archive):
    row, = node.find("STUDY", StudyInstanceUID=archive.zhang_ct, PatientName=None, PatientID=None, StudyDate=None,
                     AccessionNumber=None, ModalitiesInStudy=None, NumberOfStudyRelatedSeries=None,
                     NumberOfStudyRelatedInstances=None, StudyDescription=None, RetrieveAETitle=None,
                     SOPClassesInStudy=None, PatientBirthDate=None)
    assert (row.PatientID, row.StudyDate, row.AccessionNumber) == ("P-ZHANG", "20260110", "A-100")
    assert (row.NumberOfStudyRelatedSeries, row.NumberOfStudyRelatedInstances) == (2, 5)
    assert row.ModalitiesInStudy == "CT" and str(row.SOPClassesInStudy) == samples.CT
    assert row.StudyDescription == "胸部CT平扫" and row.PatientName.ideographic == "张^三"
    assert row.RetrieveAETitle == node.aet and row.QueryRetrieveLevel == "STUDY"


@pytest.mark.parametrize("key, value, found", [
    ("PatientID", "P-LI", ["li_cr"]),
    ("PatientID", "P-NOBODY", []),
    ("PatientID", "P-*", ["zhang_ct", "zhang_mr", "li_cr", "mueller"]),
    ("PatientID", "P-?I", ["li_cr"]),
    ("PatientID", "p-li", []),
    ("AccessionNumber", "A-10?", ["zhang_ct", "zhang_mr"]),
    ("AccessionNumber", "B-200", ["li_cr"]),
    ("AccessionNumber", "*", ["zhang_ct", "zhang_mr", "li_cr", "mueller"]),
    ("StudyDescription", "*views", ["li_cr"]),
    ("StudyDescription", "50%*", ["mueller"]),
    ("StudyDescription", "50_ contrast_agent", []),
    ("StudyDescription", "*contrast?agent", ["mueller"]),
    ("PatientSex", "F", ["li_cr", "mueller"]),
    ("PatientBirthDate", "19600506", ["zhang_ct", "zhang_mr"]),
    ("PatientBirthDate", "19700101-", ["li_cr", "mueller"]),
    ("StudyDate", "20260215", ["zhang_mr", "li_cr"]),
    ("StudyDate", "20260101-20260131", ["zhang_ct"]),
    ("StudyDate", "-20260214", ["zhang_ct"]),
    ("StudyDate", "20260216-", ["mueller"]),
    ("StudyDate", "20260215-20260301", ["zhang_mr", "li_cr", "mueller"]),
    ("StudyTime", "0700", ["li_cr"]),
    ("StudyTime", "070000-081500", ["li_cr", "zhang_ct"]),
    ("StudyTime", "2200-", ["zhang_mr"]),
    ("ModalitiesInStudy", "CT", ["zhang_ct", "mueller"]),
    ("ModalitiesInStudy", "C*", ["zhang_ct", "mueller", "li_cr"]),
    ("SOPClassesInStudy", samples.MR, ["zhang_mr"]),
    ("ReferringPhysicianName", "*王*", ["li_cr"]),
])
def test_keys_match_as_the_standard_says(node, archive, key, value, found):
    assert studies(node, charset="ISO_IR 192", **{key: value}) == {getattr(archive, name) for name in found}


@pytest.mark.parametrize("name", ["Zhang^San", "ZHANG^SAN", "zhang^*", "*三*", "Zhang*", "张^三", "Zhang^San=张^三"])
def test_a_patient_is_found_by_a_name_as_people_write_it(node, archive, name):
    assert studies(node, charset="ISO_IR 192", PatientName=name) == {archive.zhang_ct, archive.zhang_mr}


def test_missing_parts_of_a_name_are_empty_parts(nodes):
    """Zhang is Zhang^^^^ (PS3.5 6.2.1), so Zhang^* means him too; a third group need not be asked for."""
    node = nodes()
    short, long = samples.instance(PatientName="Zhang"), samples.instance(PatientName="Zhang^San=张^三=zhang^san")
    assert node.send(short, long) == [0x0000, 0x0000]
    for name, found in (("Zhang^*", [short, long]), ("Zhang^*^*", [short, long]), ("*^*", [short, long]),
                        ("Zhang^San^*", [long]), ("Zhang^", [short]), ("Zhang^San=张^三", [long]), ("=张^三", [long])):
        assert studies(node, charset="ISO_IR 192", PatientName=name) == {one.study for one in found}, name


def test_a_patient_id_above_the_level_may_be_a_pattern_but_stars_alone_are_an_id(nodes):
    node = nodes()
    stars, one, two = (samples.instance(PatientID=name) for name in ("***", "P1", "P2"))
    assert node.send(stars, one, two) == [0x0000] * 3
    for value, found in (("***", [stars]), ("P?", [one, two]), ("P1", [one]), ("*", [stars, one, two]), ("??", [])):
        assert studies(node, root="patient", PatientID=value) == {each.study for each in found}, value
    got, answers = node.get("STUDY", root="patient", PatientID="P*", StudyInstanceUID=one.study)
    assert got == [], "to fetch takes an id, not a pattern"


def test_group_lengths_are_no_keys(node, archive):
    """Old workstations send them; an empty one in an answer would be no number."""
    def element(tag, value):
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value

    raw = (element(0x00080000, struct.pack("<I", 99)) + element(0x00080052, b"STUDY ") +
           element(0x00100000, struct.pack("<I", 99)) + element(0x00100020, b"P-LI"))
    with node.associate([(dul.FIND["study"], [dul.IMPLICIT])]) as association:
        association.ask(dul.C_FIND, dul.FIND["study"], raw)
        pending, final = association.answers()
    assert final.Status == 0x0000
    row = dul.decode_dataset(pending.dataset)
    assert row.PatientID == "P-LI" and not [one.tag for one in row if one.tag.element == 0]


def test_a_name_in_gb18030_is_the_same_name(node, archive):
    assert studies(node, charset="GB18030", PatientName="*李*") == {archive.li_cr}
    assert studies(node, charset="GBK", PatientName="*李*") == {archive.li_cr}


def test_a_list_of_uids_matches_each_of_them(node, archive):
    wanted = [archive.zhang_ct, archive.mueller]
    assert studies(node, StudyInstanceUID=wanted + [samples.uid()]) == set(wanted)
    many = wanted + [samples.uid() for _ in range(2000)]
    assert studies(node, StudyInstanceUID=many) == set(wanted)


def test_dates_and_times_are_one_range_when_that_was_agreed_upon(node, archive):
    keys = dict(StudyDate="20260110-20260215", StudyTime="0800-0800")
    assert studies(node, extended=b"\0\1", **keys) == {archive.zhang_ct, archive.li_cr}
    assert studies(node, **keys) == set()


def test_a_code_inside_a_sequence_is_a_key(node, archive):
    item = samples.Dataset()
    item.CodeValue = "CHEST"
    assert studies(node, ProcedureCodeSequence=samples.Sequence([item])) == {archive.zhang_ct}
    item.CodeValue = "FOOT"
    assert studies(node, ProcedureCodeSequence=samples.Sequence([item])) == set()
    item.CodeValue = item.CodeMeaning = ""
    row, = node.find("STUDY", StudyInstanceUID=archive.zhang_ct, ProcedureCodeSequence=samples.Sequence([item]))
    assert row.ProcedureCodeSequence[0].CodeValue == "CHEST"
    assert row.ProcedureCodeSequence[0].CodeMeaning == "胸部平扫"


def test_a_key_the_node_does_not_know_excludes_nothing(node, archive):
    assert studies(node, StudyInstanceUID=archive.li_cr, MilitaryRank="General") == {archive.li_cr}


def test_relational_queries_need_no_keys_of_the_levels_above(node, archive):
    abstract = dul.FIND["study"]
    with node.associate([(abstract, [dul.IMPLICIT])], extended={abstract: b"\1"}) as association:
        assert association.extended[abstract][0] == 1
        association.ask(dul.C_FIND, abstract, identifier("IMAGE", PatientID="P-ZHANG", Modality="MR",
                                                          SOPInstanceUID=None))
        *rows, final = association.answers()
        assert final.Status == 0x0000
        found = {str(dul.decode_dataset(row.dataset).SOPInstanceUID) for row in rows}
        assert found == {one.uid for one in archive.ones[archive.zhang_mr]}


def test_the_answers_charset_can_hold_the_answer(node, archive):
    row, = node.find("STUDY", StudyInstanceUID=archive.zhang_ct, PatientName=None, charset="ISO_IR 100")
    assert row.SpecificCharacterSet == "ISO_IR 192" and row.PatientName.ideographic == "张^三"
    row, = node.find("STUDY", StudyInstanceUID=archive.zhang_ct, PatientName=None, charset="GB18030")
    assert row.SpecificCharacterSet == "GB18030" and row.PatientName.ideographic == "张^三"
    row, = node.find("STUDY", StudyInstanceUID=archive.mueller, PatientName=None, charset="ISO_IR 100")
    assert row.SpecificCharacterSet == "ISO_IR 100" and row.PatientName == "Müller^Änne"


@pytest.mark.parametrize("syntax", [dul.IMPLICIT, dul.EXPLICIT, dul.BIG_ENDIAN])
def test_a_query_is_understood_and_answered_in_the_syntax_agreed_upon(node, archive, syntax):
    row, = node.find("IMAGE", syntax=syntax, StudyInstanceUID=archive.li_cr, SeriesInstanceUID=None,
                     SOPInstanceUID=None, Rows=None)
    assert row.Rows == 16


def test_findscu_agrees(node, archive):
    done = run("findscu", "-S", "-aec", node.aet, "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=P-LI",
               "-k", "StudyInstanceUID", "127.0.0.1", node.port)
    assert done.code == 0 and archive.li_cr in done.out + done.err, done


@pytest.mark.parametrize("what, keys", [
    ("no level", dict(level=None, StudyInstanceUID=None)),
    ("an unknown level", dict(level="FRAME", StudyInstanceUID=None)),
    ("the patient level in study root", dict(level="PATIENT", PatientID=None)),
])
def test_a_query_that_makes_no_sense_is_refused_in_words(node, what, keys):
    rows, final = node.find_all(keys.pop("level"), **keys)
    assert rows == [] and final.Status & 0xF000 in (0xA000, 0xC000), what
    assert final.ErrorComment
    assert node.echo() == 0x0000


def test_after_cancel_no_more_answers_come(nodes):
    node = nodes()
    ones = [samples.instance(study=samples.uid(), size=8) for _ in range(300)]
    assert set(node.send(ones)) == {0x0000}
    abstract = dul.FIND["study"]
    with node.associate([(abstract, [dul.IMPLICIT]), (dul.VERIFICATION, [dul.IMPLICIT])]) as association:
        # Asked and cancelled in one breath, so that the cancel is there before the answers are through.
        number, asked = association.need(abstract), dul.encode_dataset(identifier("STUDY", StudyInstanceUID=None))
        command = dul.encode_command(CommandField=dul.C_FIND, MessageID=9, AffectedSOPClassUID=abstract, Priority=0,
                                     CommandDataSetType=1)
        cancel = dul.encode_command(CommandField=dul.C_CANCEL, MessageIDBeingRespondedTo=9, CommandDataSetType=0x0101)
        association.raw(dul.pdu(4, dul.pdv(number, command, True)) + dul.pdu(4, dul.pdv(number, asked)) +
                        dul.pdu(4, dul.pdv(number, cancel, True)))
        answers = list(association.answers())
        assert answers[-1].Status == 0xFE00
        assert len(answers) < 300
        assert association.echo() == 0x0000


def test_a_cancel_of_something_else_cancels_nothing(node, archive):
    abstract = dul.FIND["study"]
    with node.associate([(abstract, [dul.IMPLICIT])]) as association:
        association.cancel(abstract, 77)
        association.ask(dul.C_FIND, abstract, identifier("STUDY", StudyInstanceUID=None))
        *rows, final = association.answers()
        assert final.Status == 0x0000 and len(rows) == len(archive.ones)


def test_beyond_the_limit_the_node_says_so(nodes):
    node = nodes(dicom__find_limit=3)
    ones = [samples.instance(study=samples.uid()) for _ in range(5)]
    assert set(node.send(ones)) == {0x0000}
    rows, final = node.find_all("STUDY", StudyInstanceUID=None)
    assert len(rows) == 3 and final.Status == 0xA700
    rows, final = node.find_all("STUDY", StudyInstanceUID=[one.study for one in ones[:3]])
    assert len(rows) == 3 and final.Status == 0x0000


def test_values_that_are_stars_do_no_harm(nodes):
    """Some scanners anonymise by *** : a wildcard in a query, and no date at all."""
    node = nodes()
    stars = dict(PatientName="***", PatientID="***")
    starred = samples.series_of(3, **stars)
    for one in starred:
        dataset = one.dataset()
        dataset.add_new("StudyDate", "LO", "***")
        raw = dul.encode_dataset(dataset, dul.EXPLICIT).replace(b"LO\4\0*** ", b"DA\4\0*** ")
        one.raw = raw
    other = samples.instance(PatientID="P-2")
    assert set(node.send(starred, other)) == {0x0000}
    assert {str(row.PatientID) for row in node.find("PATIENT", root="patient", PatientID=None)} == {"***", "P-2"}
    rows = node.find("STUDY", root="patient", PatientID="***", StudyInstanceUID=None, StudyDate=None)
    assert [str(row.StudyInstanceUID) for row in rows] == [starred[0].study]
    rows = node.find("SERIES", root="patient", PatientID="***", StudyInstanceUID=starred[0].study,
                     SeriesInstanceUID=None)
    assert [str(row.SeriesInstanceUID) for row in rows] == [starred[0].series]
    assert studies(node, StudyDate="20260101-20261231") == {other.study}
    assert node.count(StudyInstanceUID=starred[0].study) == 3


def test_real_files_with_stars_are_found(nodes, testdata):
    node = nodes()
    files = samples.testdata_files("mr-series-uih-dti")
    assert set(node.send(files)) == {0x0000}
    one = samples.load(files[0])
    row, = node.find("STUDY", root="patient", PatientID="***", StudyInstanceUID=None,
                     NumberOfStudyRelatedInstances=None)
    assert row.StudyInstanceUID == one.study and row.NumberOfStudyRelatedInstances == len(files)


def test_real_names_are_told_as_the_table_has_them(nodes, testdata):
    import json
    import os
    node = nodes(store__duplicates="replace")
    with open(os.path.join(testdata, "expected", "charset.json")) as file:
        expected = json.load(file)
    wrong = []
    for name, decoded in expected.items():
        path = os.path.join(testdata, name if "/" in name else os.path.join("charset", name))
        decoded = decoded.get("PatientName") if isinstance(decoded, dict) else decoded
        if not decoded or not os.path.exists(path):
            continue
        one = samples.load(path)
        if not one.study or node.send(one) != [0x0000]:
            continue
        row, = node.find("STUDY", StudyInstanceUID=one.study, PatientName=None, charset="ISO_IR 192")
        if str(row.PatientName).rstrip("=") != decoded.rstrip("="):
            wrong.append((name, str(row.PatientName), decoded))
        node.cli("delete", "--study", one.study)
    assert not wrong, wrong
