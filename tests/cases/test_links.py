"""Exams, reports and studies find each other; what a person decides stands; merged patients can be told apart again."""
import json
import re

import pytest
import rest
import samples
from conftest import Node, wait_until

PERSON = {"patientId": "P1", "patientName": "张伟", "birthDate": "1970-01-02", "sex": "2"}


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path, {"queue.complete_seconds": 1})  # a study is looked at when it is complete
    yield node
    node.stop()


def exam(node, number, **members):
    body = {"status": "examined", **PERSON, **members}
    assert rest.put(node, f"exams/{number}", body).status in (200, 201)


def report(node, number, **members):
    body = {"status": "final", "findings": "双肺纹理清晰。", **members}
    assert rest.put(node, f"reports/{number}", body).status in (200, 201)


def send(node, **attributes):
    one = samples.encode(samples.header(PatientName="Zhang^Wei", PatientSex="M", **attributes))
    assert node.send(one) == [0]
    return one.study


NUMBERS = {"study-uid": "number", "accession-number": "number"}  # an exam gets the UID from its images


def links(node, *options):
    """(exam, report, study, how, state) of each."""
    return sorted((one["exam"] or "", one["report"] or "", one["StudyInstanceUID"] or "",
                   NUMBERS.get(one["by"], one["by"]), one["state"])
                  for one in node.cli("link", "list", "--json", *options).json())


def wait_for(node, *wanted, options=()):
    wait_until(lambda: set(wanted) <= set(links(node, *options)), 30, f"{wanted} in {links(node, '--all')}")


def unlinked(node):
    return {(one["kind"], one["id"], one["wants"]): one["reason"]
            for one in node.cli("link", "list", "--unlinked", "--json").json()}


def test_by_accession_number_whichever_comes_first(node):
    first = send(node, AccessionNumber="A1")
    exam(node, "E1", accessionNumber=["A1"])
    report(node, "R1", accessionNumber=["A1"])
    wait_for(node, ("E1", "", first, "number", "sure"), ("E1", "R1", "", "number", "sure"),
             ("", "R1", first, "number", "sure"))
    report(node, "R2", accessionNumber=["A2"], examId=["E2"])  # the report before the order, both before the images
    assert unlinked(node)[("report", "R2", "exam")] == "exam-not-here"
    exam(node, "E2", accessionNumber=["A2"])
    wait_for(node, ("E2", "R2", "", "exam-id", "sure"))
    second = send(node, AccessionNumber="A2")
    wait_for(node, ("E2", "", second, "number", "sure"), ("", "R2", second, "number", "sure"))
    assert unlinked(node) == {}


def test_one_report_of_several_studies_names_them_with_commas(node):
    studies = [send(node, AccessionNumber=f"B{n}") for n in range(3)]
    assert rest.put(node, "reports/R1", {"status": "final", "studyInstanceUid": studies[:2],
                                         "accessionNumber": ["B2"]}).status == 201
    wait_for(node, *[("", "R1", study, "number", "sure") for study in studies[:2]],
             ("", "R1", studies[2], "number", "sure"))


def test_a_corrected_number_moves_the_link(node):
    right, wrong = send(node, AccessionNumber="C1"), send(node, AccessionNumber="C2")
    exam(node, "E1", accessionNumber=["C2"])
    wait_for(node, ("E1", "", wrong, "number", "sure"))
    exam(node, "E1", accessionNumber=["C1"])
    wait_for(node, ("E1", "", right, "number", "sure"))
    assert ("E1", "", wrong, "number", "sure") not in links(node)


def test_without_a_number_it_is_a_guess_until_confirmed(node):
    study = send(node, AccessionNumber="", StudyDate="20260301", StudyTime="081500")
    exam(node, "E1", examTime="2026-03-01 08:10:00", modality=["CT"])
    wait_for(node, ("E1", "", study, "guess", "guess"))
    assert unlinked(node)[("exam", "E1", "study")] == "guess"
    number = [one["id"] for one in node.cli("link", "list", "--guesses", "--json").json()
              if one["exam"] == "E1" and one["StudyInstanceUID"] == study][0]
    node.cli("link", "set", number)
    assert ("E1", "", study, "guess", "set") in links(node)
    assert ("exam", "E1", "study") not in unlinked(node)
    exam(node, "E1", examTime="2026-03-01 08:11:00", modality=["CT"])  # what a person decided stands
    assert ("E1", "", study, "guess", "set") in links(node)


@pytest.mark.parametrize("members, attributes", [
    ({"examTime": "2026-03-05 08:10:00"}, {}),
    ({"examTime": "2026-03-01 08:10:00", "modality": ["MR"]}, {}),
    ({"examTime": "2026-03-01 08:10:00", "patientId": "P2"}, {}),
    ({"examTime": "2026-03-01 08:10:00"}, {"PatientID": "P10"}),
], ids=["another-day", "another-modality", "another-patient", "an-id-that-begins-alike"])
def test_what_does_not_fit_is_no_guess(node, members, attributes):
    study = send(node, AccessionNumber="", StudyDate="20260301", StudyTime="081500", **attributes)
    exam(node, "E1", **{"modality": ["CT"], **members})
    wait_until(lambda: f"uid:{study}" in json.dumps(links(node)), 30, "the study is taken in")
    assert not [one for one in links(node) if one[0] == "E1"]


def test_a_number_of_two_people_is_only_a_guess(node):
    study = send(node, AccessionNumber="D1", PatientID="P9", PatientBirthDate="19991231")
    exam(node, "E1", accessionNumber=["D1"])
    wait_for(node, ("E1", "", study, "number", "guess"))
    node.cli("link", "undo", "--exam", "E1", "--study", study)
    exam(node, "E1", accessionNumber=["D1"], itemName=["胸部CT平扫"])
    send(node, AccessionNumber="D1", PatientID="P9", PatientBirthDate="19991231", study=study)
    assert not [one for one in links(node) if one[0] == "E1"]
    assert ("E1", "", study, "hand", "undone") in links(node, "--all")


def test_the_reason_why_something_has_no_link_is_told(node):
    send(node, AccessionNumber="00123", PatientID="P3", StudyDate="20260301")
    send(node, AccessionNumber="", PatientID="P4", StudyDate="20260301")
    send(node, AccessionNumber="X7", PatientID="P5", StudyDate="20260301")
    day = {"examTime": "2026-03-04 09:00:00"}
    exam(node, "alike", patientId="P3", accessionNumber=["123"], **day)
    exam(node, "device", patientId="P4", accessionNumber=["124"], **day)
    exam(node, "other", patientId="P5", accessionNumber=["125"], **day)
    exam(node, "nothing", patientId="P6", accessionNumber=["126"], **day)
    exam(node, "number", patientId="P7", **day)
    exam(node, "waits", patientId="P8", accessionNumber=["127"], status="scheduled")
    report(node, "lost")
    said = unlinked(node)
    assert {number: said[("exam", number, "study")] for number in
            ("alike", "device", "other", "nothing", "number", "waits")} == {
        "alike": "looks-alike", "device": "device-without-number", "other": "other-number",
        "nothing": "nothing-here", "number": "no-number", "waits": "not-yet"}
    assert said[("report", "lost", "exam")] == "no-exam-number"
    text = node.cli("link", "list", "--unlinked").out
    assert "looks alike" in text and "前导零" in text


def test_links_by_hand_and_wrong_ones_refused(node):
    study = send(node, AccessionNumber="")
    report(node, "R1")
    exam(node, "E1", patientId="P77")
    node.cli("link", "set", "--report", "R1", "--exam", "E1")
    node.cli("link", "set", "--exam", "E1", "--study", study)
    assert ("E1", "R1", "", "hand", "set") in links(node, "--report", "R1")
    by_exam = [one for one in node.cli("link", "list", "--report", "R1", "--json").json() if one["by_exam"]]
    assert [one["StudyInstanceUID"] for one in by_exam] == [study]
    assert "no study" in node.cli("link", "set", "--exam", "E1", "--study", "1.2.3", code=1).err
    assert node.cli("link", "set", "--exam", "E2", "--study", study, code=1).err
    assert "two of" in node.cli("link", "set", "--exam", "E1", code=2).err
    assert node.cli("link", "undo", "4711", code=1).err
    node.cli("link", "undo", "--exam", "E1", "--study", study)
    assert not links(node, "--exam", "E1", "--study", study) or ("E1", "", study, "hand", "set") not in links(node)


def test_an_exam_from_images_gives_way_to_its_order(node):
    study = send(node, AccessionNumber="F1", StudyDescription="Thorax")
    wait_for(node, (f"uid:{study}", "", study, "number", "sure"))
    exam(node, "E1", accessionNumber=["F1"])
    wait_for(node, ("E1", "", study, "number", "sure"))
    assert rest.get(node, f"exams/uid:{study}").status == 410
    assert not [one for one in links(node) if one[0].startswith("uid:")]
    assert "exam-has-order" in node.log()


def test_what_a_crash_left_unlinked_is_linked_at_the_next_start(node):
    study = send(node, AccessionNumber="G1")
    exam(node, "E1", accessionNumber=["G1"])
    wait_for(node, ("E1", "", study, "number", "sure"))
    node.kill9()
    import sqlite3
    with sqlite3.connect(f"{node.data}/catalog.sqlite") as catalog:  # as if it had been killed between both
        catalog.execute("DELETE FROM record_link")
        catalog.execute("INSERT INTO record_link_due SELECT id FROM record WHERE name = 'E1'")
    node.start()
    wait_for(node, ("E1", "", study, "number", "sure"))


def test_links_are_told_by_http(node):
    study = send(node, AccessionNumber="M1")
    exam(node, "E1", accessionNumber=["M1"])
    exam(node, "E2", patientId="P78")
    report(node, "R1", accessionNumber=["M1"])
    wait_for(node, ("E1", "R1", "", "number", "sure"), ("E1", "", study, "number", "sure"))
    answer = rest.get(node, "exams/E1/links")
    assert answer.status == 200
    assert {one.get("report") or one.get("study") for one in answer.json()["links"]} == {"R1", study}
    assert {one.get("report") or one.get("exam") for one in rest.get(node, "links", study=study).json()["links"]} == \
        {"R1", "E1"}
    assert [(one["id"], one["reason"]) for one in rest.get(node, "unlinked").json()["unlinked"]] == [("E2", "no-number")]
    assert rest.get(node, "unlinked", of="reports").json() == {"unlinked": []}
    assert rest.get(node, "links", state="guess").json() == {"links": []}
    first, = rest.get(node, "links", limit=1).json()["links"]
    assert first["id"] not in {one["id"] for one in rest.get(node, "links", before=first["id"]).json()["links"]}
    assert rest.get(node, "exams/E9/links").status == 404
    for bad in ({"state": "maybe"}, {"limit": "0"}, {"before": "x"}, {"who": "me"}):
        assert rest.get(node, "links", **bad).status == 400
    assert rest.get(node, "unlinked", of="x").status == 400


# ---- merged patients ----

def studies_of(node, patient):
    return {str(one.StudyInstanceUID) for one in node.find("STUDY", PatientID=patient, StudyInstanceUID=None)}


def exams_of(node, patient):
    answer = rest.get(node, "exams", patientId=patient, personal="true")
    assert answer.status == 200, answer.body
    return {one["id"] for one in answer.json()["items"]}


def test_a_merge_moves_everything_and_can_be_undone(node):
    mine, other = send(node, PatientID="P1", AccessionNumber="H1"), send(node, PatientID="P2", AccessionNumber="H2")
    exam(node, "E1", patientId="P1", accessionNumber=["H1"])
    exam(node, "E2", patientId="P2", accessionNumber=["H2"])
    assert rest.put(node, "labs/L2", {"patientId": "P2", "status": "final"}).status == 201
    assert rest.put(node, "patients/P2", {"patientName": "张伟"}).status == 201
    wait_for(node, ("E2", "", other, "number", "sure"))
    node.cli("merge", "patients", "P2", "P1")
    assert studies_of(node, "P1") == {mine, other} and studies_of(node, "P2") == set()
    assert {"E1", "E2"} <= exams_of(node, "P1") and "E2" not in exams_of(node, "P2")
    history = json.loads(rest.get(node, "exams/E2/history").body)
    assert "merge:1" in json.dumps(history)
    assert rest.get(node, "patients/P2", personal="true").json()["mergedInto"] == "P1"
    text = node.cli("merge", "list").out
    assert "holds" in text and not re.search(r"\bP[12]\b", text)
    assert [one["from"] for one in node.cli("merge", "list", "--personal", "--json").json()] == ["P2"]
    node.cli("merge", "undo", "1")
    assert studies_of(node, "P1") == {mine} and studies_of(node, "P2") == {other}
    assert "E2" in exams_of(node, "P2") and "E2" not in exams_of(node, "P1")
    assert "mergedInto" not in rest.get(node, "patients/P2", personal="true").json()
    assert "undone" in node.cli("merge", "undo", "1", code=1).err


def test_undoing_leaves_what_went_to_a_third_meanwhile(node):
    exam(node, "E1", patientId="P2")
    exam(node, "E2", patientId="P2")
    node.cli("merge", "patients", "P2", "P1")
    exam(node, "E1", patientId="P3")
    assert "1 that went" in node.cli("merge", "undo", "1").out
    assert "E1" in exams_of(node, "P3") and "E2" in exams_of(node, "P2")


@pytest.mark.parametrize("words", [("P1", "P1"), ("P1",), ("P1", "P2", "P3")])
def test_merges_that_are_none(node, words):
    assert node.cli("merge", "patients", *words, code=None).code in (1, 2)
    assert node.cli("merge", "undo", "99", code=1).err


def test_patient_ids_stay_out_of_the_log(node):
    send(node, PatientID="PAT4711", AccessionNumber="K1")
    exam(node, "E1", patientId="PAT4711", accessionNumber=["K1"])
    node.cli("merge", "patients", "PAT4711", "PAT4712")
    wait_until(lambda: links(node), 30, "links")
    assert "PAT471" not in node.log()
