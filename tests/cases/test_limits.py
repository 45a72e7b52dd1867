"""What a single peer may: the studies it sees, how fast it may go, how many associations it may have."""
import json
import os
import threading
import time

import pytest

import dul
import samples
from conftest import wait_until, yingqiao


def peers(node, *entries):
    """Writes peers.json; waits until the running node has it."""
    entries = [{"aet": "CASES", "host": "127.0.0.1"}, *entries]
    before = node.log().count("conf-reloaded")
    path = os.path.join(node.data, "conf", "peers.json")
    with open(path + ".new", "w") as file:
        json.dump(entries, file)
    os.chmod(path + ".new", 0o640)
    os.rename(path + ".new", path)
    wait_until(lambda: node.log().count("conf-reloaded") > before, 20, node.log()[-2000:])


@pytest.fixture
def hospital(nodes):
    """Two patients: A with a CT of the east (and a report in it), an MR of the west and an MR without institution;
    B with an MR of the west."""
    node = nodes()

    def make(patient, modality, place, study=None):
        more = {"InstitutionName": place} if place else {}
        return samples.instance(PatientID=patient, Modality=modality, StudyInstanceUID=study or samples.uid(),
                                SeriesInstanceUID=samples.uid(), SOPInstanceUID=samples.uid(), **more)
    ct = make("A", "CT", "东院放射科")
    all_of_them = {"ct": ct, "sr": make("A", "SR", "东院放射科", ct.study), "mr": make("A", "MR", "西院"),
                   "nowhere": make("A", "MR", None), "b": make("B", "MR", "西院")}
    assert node.send(*all_of_them.values()) == [0] * 5
    return node, all_of_them


def seen(node, aet, level="IMAGE", **keys):
    keys = {"SOPInstanceUID": None, **keys} if level == "IMAGE" else keys
    return node.find(level, aet=aet, extended=b"\1", **keys)


LOOKERS = [
    ({"modalities": ["CT"]}, {"ct", "sr"}),
    ({"modalities": ["M*", "US"]}, {"mr", "nowhere", "b"}),
    ({"institutions": ["西院"]}, {"mr", "b"}),
    ({"institutions": ["*院*"]}, {"ct", "sr", "mr", "b"}),
    ({"modalities": ["MR"], "institutions": ["东院*"]}, set()),
    ({"modalities": ["SR"], "institutions": ["东院*"]}, {"ct", "sr"}),
    ({"modalities": ["'; DROP TABLE study; --"]}, set()),
]


def test_what_a_peer_may_not_see_is_as_if_it_were_not_there(hospital):
    node, made = hospital
    names = {one.uid: name for name, one in made.items()}
    peers(node, *({"aet": f"LOOK{n}", "host": "127.0.0.1", "sees": sees} for n, (sees, _) in enumerate(LOOKERS)))
    for n, (sees, expected) in enumerate(LOOKERS):
        aet = f"LOOK{n}"
        studies = {made[name].study for name in expected}
        assert {names[row.SOPInstanceUID] for row in seen(node, aet)} == expected, sees
        assert {row.StudyInstanceUID for row in node.find("STUDY", aet=aet, StudyInstanceUID=None)} == studies, sees
        assert {row.SeriesInstanceUID for row in seen(node, aet, "SERIES", SeriesInstanceUID=None)} == \
               {made[name].series for name in expected}, sees
        patients = node.find("PATIENT", "patient", aet=aet, PatientID=None, NumberOfPatientRelatedStudies=None,
                             NumberOfPatientRelatedSeries=None, NumberOfPatientRelatedInstances=None)
        assert len(patients) == len({"B" if name == "b" else "A" for name in expected}), sees
        for row in patients:
            visible = {name for name in expected if (name == "b") == (row.PatientID == "B")}
            assert int(row.NumberOfPatientRelatedInstances) == len(visible), (sees, row)
            assert int(row.NumberOfPatientRelatedSeries) == len(visible), (sees, row)
            assert int(row.NumberOfPatientRelatedStudies) == len({made[name].study for name in visible}), (sees, row)
    assert len(seen(node, "CASES")) == 5  # who has no "sees" sees all
    assert yingqiao("check", data=node.data).json  # and check prints what was written
    assert '"sees": {"modalities": ["M*", "US"]}' in yingqiao("check", data=node.data).out


def test_what_a_peer_may_not_see_it_can_neither_get_nor_move_anywhere(hospital):
    node, made = hospital
    with dul.Acceptor() as acceptor:
        peers(node, {"aet": "LOOK", "host": "127.0.0.1", "sees": {"institutions": ["西院"]}},
              {"aet": "DEST", "host": "127.0.0.1", "port": acceptor.port})
        for name, one in made.items():
            expected = int(name in ("mr", "b"))
            for level, keys in (("STUDY", {}), ("SERIES", {"SeriesInstanceUID": one.series}),
                                ("IMAGE", {"SeriesInstanceUID": one.series, "SOPInstanceUID": one.uid})):
                got, answers = node.get(level, classes=[one.sop_class], aet="LOOK", StudyInstanceUID=one.study, **keys)
                assert (len(got), answers[-1].Status) == (expected, 0), (name, level)
            last = node.move("STUDY", "DEST", aet="LOOK", StudyInstanceUID=one.study)[-1]
            assert (last.Status, last.NumberOfCompletedSuboperations) == (0, expected), name
        last = node.move("PATIENT", "DEST", "patient", aet="LOOK", PatientID="A")[-1]
        assert last.NumberOfCompletedSuboperations == 1
        assert {uid for uid, *_ in acceptor.stored} == {made["mr"].uid, made["b"].uid}


def test_a_peer_goes_no_faster_than_it_may_and_others_are_not_slowed(nodes):
    node = nodes()
    big = [samples.instance(size=600_000, StudyInstanceUID=samples.uid()) for _ in range(4)]
    size = sum(len(one.raw) for one in big)
    with dul.Acceptor() as acceptor:
        peers(node, {"aet": "SLOW", "host": "127.0.0.1", "port": acceptor.port, "kb_per_second": 1024})

        def timed(call):
            begun = time.monotonic()
            call()
            return time.monotonic() - begun
        least = 0.75 * size / (1024 * 1024)  # a quarter of a second is free
        fast = timed(lambda: node.send(*big))
        assert timed(lambda: node.send(*big, aet="SLOW")) > least
        took = []
        threads = [threading.Thread(target=lambda: took.append(timed(lambda: node.send(*big, aet="SLOW"))))
                   for _ in range(2)]  # two associations share what the peer has
        for one in threads:
            one.start()
        beside = timed(lambda: node.send(*big))
        for one in threads:
            one.join()
        assert max(took) > 1.75 * least, took
        assert beside < max(took) and fast < max(took)
        moved = timed(lambda: [node.move("STUDY", "SLOW", StudyInstanceUID=one.study) for one in big])
        assert moved > least
        assert {uid for uid, *_ in acceptor.stored} == {one.uid for one in big}


def test_a_node_stops_at_once_though_a_slow_peer_is_within_a_message(nodes):
    node = nodes(dicom__unknown_peers="refuse")
    peers(node, {"aet": "SLOW", "host": "127.0.0.1", "kb_per_second": 16})
    one = samples.instance(size=8_000_000)
    trouble = []

    def send():
        try:
            node.send(one, aet="SLOW")
        except Exception as error:
            trouble.append(error)
    thread = threading.Thread(target=send)
    thread.start()
    node.wait_for_log(r'association-begin .*aet="SLOW"')
    begun = time.monotonic()
    node.stop()
    assert time.monotonic() - begun < 60
    thread.join()
    assert trouble and not node.objects()


def test_a_peer_has_no_more_associations_than_it_may(nodes):
    node = nodes()
    peers(node, {"aet": "TWO", "host": "127.0.0.1", "max_associations": 2})
    contexts = [(dul.VERIFICATION, [dul.IMPLICIT])]
    held = [node.associate(contexts, calling="TWO") for _ in range(2)]
    with pytest.raises(dul.Rejected) as told:
        node.associate(contexts, calling="TWO")
    assert "result 2 source 3 reason 2" in str(told.value)
    assert node.echo() == 0
    for one in held:
        one.release()
