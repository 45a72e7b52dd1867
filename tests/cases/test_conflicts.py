"""Instances that contradict their study are kept all the same; the contradiction is told until somebody settles it."""
import json
import threading

import dul
import pytest
import samples


def conflicts(node):
    return node.cli("studies", "--conflicts", "--json").out


def study_row(node, study):
    row, = node.find("STUDY", StudyInstanceUID=study, PatientName=None, PatientID=None, PatientBirthDate=None,
                     IssuerOfPatientID=None, NumberOfStudyRelatedInstances=None, charset="ISO_IR 192")
    return row


@pytest.mark.parametrize("what, first, later", [
    ("PatientName", "Testperson^Erika", "Testperson^Erna"),
    ("PatientBirthDate", "19700102", "19700201"),
    ("PatientID", "P1", "P1-WRONG"),
    ("IssuerOfPatientID", "HOSP-A", "HOSP-B"),
])
def test_the_first_value_stands_and_the_other_is_listed(nodes, what, first, later):
    node = nodes()
    study = samples.uid()
    ones = [samples.instance(study=study, **{what: first}), samples.instance(study=study, **{what: later})]
    assert node.send(ones) == [0x0000, 0x0000]
    row = study_row(node, study)
    assert str(row[what].value) == first and row.NumberOfStudyRelatedInstances == 2
    listed = conflicts(node)
    assert study in listed and what in listed and later in listed
    assert [node.get_one(one) for one in ones] == [one.raw for one in ones]
    assert later not in node.log(), "patient data in the log"


def test_a_contradiction_told_a_hundred_times_is_listed_once_per_value(nodes):
    node = nodes()
    study = samples.uid()
    ones = [samples.instance(study=study)] + [samples.instance(study=study, PatientName="Other^Name")
                                              for _ in range(10)]
    assert set(node.send(ones)) == {0x0000}
    assert 1 <= conflicts(node).count("Other^Name") <= 10


def test_an_empty_value_contradicts_nothing_and_is_filled_in_later(nodes):
    node = nodes()
    study = samples.uid()
    assert node.send(samples.instance(study=study, PatientID="", PatientBirthDate="")) == [0x0000]
    assert node.send(samples.instance(study=study, PatientID="P-77", PatientBirthDate="19800101")) == [0x0000]
    row = study_row(node, study)
    assert row.PatientID == "P-77" and row.PatientBirthDate == "19800101"
    assert "P-77" not in conflicts(node)


def test_an_empty_id_later_changes_nothing(nodes):
    node = nodes()
    study = samples.uid()
    assert node.send(samples.instance(study=study), samples.instance(study=study, PatientID="")) == [0, 0]
    row = study_row(node, study)
    assert row.PatientID == "P1" and row.NumberOfStudyRelatedInstances == 2


def test_the_same_id_from_two_issuers_is_two_patients(nodes):
    node = nodes()
    ones = [samples.instance(PatientID="1", IssuerOfPatientID=issuer, PatientName=name)
            for issuer, name in (("HOSP-A", "Alpha^A"), ("HOSP-B", "Beta^B"))]
    assert node.send(ones) == [0x0000, 0x0000]
    assert {str(study_row(node, one.study).PatientName) for one in ones} == {"Alpha^A", "Beta^B"}
    rows = node.find("PATIENT", root="patient", PatientID="1", IssuerOfPatientID=None)
    assert {str(row.IssuerOfPatientID) for row in rows} == {"HOSP-A", "HOSP-B"}


def test_a_correction_settles_it_and_outlives_a_restart(nodes):
    node = nodes()
    study = samples.uid()
    node.send(samples.instance(study=study), samples.instance(study=study, PatientName="Right^Name"))
    assert study in conflicts(node)
    node.cli("studies", "--settle", study, "PatientName=Right^Name")
    assert study_row(node, study).PatientName == "Right^Name"
    assert study not in conflicts(node)
    node.start_again()
    assert study_row(node, study).PatientName == "Right^Name"
    assert study not in conflicts(node)


def test_the_list_of_conflicts_is_json(nodes):
    node = nodes()
    study = samples.uid()
    node.send(samples.instance(study=study), samples.instance(study=study, PatientName="Other^Name"))
    assert json.loads(conflicts(node))


def test_parts_of_one_new_study_at_the_same_moment_make_one_study(nodes):
    """Four associations, each with a series of its own, all started together; twelve studies."""
    node = nodes()
    for _ in range(12):
        study = samples.uid()
        parts = [samples.series_of(2, study=study, AccessionNumber="A-9") for _ in range(4)]
        ready, statuses = threading.Barrier(4), []

        def send(part):
            with node.associate([(samples.CT, [dul.EXPLICIT])]) as association:
                ready.wait(30)
                statuses.extend(association.store(one.sop_class, one.uid, one.raw).Status for one in part)

        threads = [threading.Thread(target=send, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert statuses == [0x0000] * 8
        row, = node.find("STUDY", StudyInstanceUID=study, NumberOfStudyRelatedSeries=None,
                         NumberOfStudyRelatedInstances=None)
        assert (row.NumberOfStudyRelatedSeries, row.NumberOfStudyRelatedInstances) == (4, 8)


def test_the_same_new_patient_at_the_same_moment_is_one_patient(nodes):
    node = nodes()
    ones = [samples.instance(PatientID="P-SAME") for _ in range(8)]
    threads = [threading.Thread(target=node.send, args=(one,)) for one in ones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    row, = node.find("PATIENT", root="patient", PatientID="P-SAME", NumberOfPatientRelatedStudies=None)
    assert row.NumberOfPatientRelatedStudies == 8


def test_a_reindex_keeps_the_contradictions_in_sight(nodes):
    node = nodes()
    study = samples.uid()
    node.send(samples.instance(study=study), samples.instance(study=study, PatientName="Other^Name"))
    node.stop()
    node.cli("reindex")
    assert "Other^Name" in conflicts(node)


def test_the_real_pair_of_two_patients_in_one_study_is_told(nodes, testdata):
    node = nodes()
    path, = [p for p in samples.testdata_files("malformed-generated") if p.endswith("same_study_other_patient.dcm")]
    one = samples.load(path)
    assert node.send(samples.instance(study=one.study)) == [0x0000]
    assert node.send(one) == [0x0000]
    assert one.study in conflicts(node)
