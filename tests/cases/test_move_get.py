"""A workstation fetches, a cloud platform pulls: C-MOVE and C-GET."""
import re
import socket
import zlib

import dul
import pytest
import samples
from conftest import files_below, need_tool, run, wait_until


class Loaded:
    """A study of two series (3 CT, 2 MR) and another study of the same patient."""

    def __init__(self):
        self.study, self.accession = samples.uid(), "ACC-77"
        common = dict(study=self.study, AccessionNumber=self.accession, PatientID="P-7", size=4000)
        self.ct = samples.series_of(3, **common)
        self.mr = samples.series_of(2, sop_class=samples.MR, Modality="MR", **common)
        self.all = self.ct + self.mr
        self.other = samples.instance(PatientID="P-7", AccessionNumber="ACC-78")


@pytest.fixture(scope="module")
def loaded():
    return Loaded()


@pytest.fixture(scope="module")
def node(shared_nodes, loaded):
    node = shared_nodes()
    assert set(node.send(loaded.all, loaded.other)) == {0x0000}
    return node


def received(acceptor):
    return {uid: raw for uid, _, _, raw, _ in acceptor.stored}


def counts(answer):
    return (answer.NumberOfRemainingSuboperations, answer.NumberOfCompletedSuboperations,
            answer.NumberOfFailedSuboperations, answer.NumberOfWarningSuboperations)


# ---- C-MOVE ----


def test_movescu_brings_a_study_to_storescp_bit_for_bit(node, loaded, storescp):
    port, folder = storescp()
    node.add_destination("STORESCP", port)
    done = node.movescu("STORESCP", "STUDY", f"StudyInstanceUID={loaded.study}")
    assert done.code == 0, done
    got = {one.uid: one.raw for one in map(samples.load, files_below(folder))}
    assert got == {one.uid: one.raw for one in loaded.all}


@pytest.mark.parametrize("root, level, keys, expected", [
    ("patient", "PATIENT", lambda s: dict(PatientID="P-7"), lambda s: s.all + [s.other]),
    ("patient", "STUDY", lambda s: dict(PatientID="P-7", StudyInstanceUID=s.study), lambda s: s.all),
    ("study", "STUDY", lambda s: dict(StudyInstanceUID=s.study), lambda s: s.all),
    ("study", "STUDY", lambda s: dict(StudyInstanceUID=[s.study, s.other.study]), lambda s: s.all + [s.other]),
    ("study", "SERIES", lambda s: dict(StudyInstanceUID=s.study, SeriesInstanceUID=s.mr[0].series), lambda s: s.mr),
    ("study", "IMAGE", lambda s: dict(StudyInstanceUID=s.study, SeriesInstanceUID=s.ct[0].series,
                                      SOPInstanceUID=[s.ct[0].uid, s.ct[2].uid]), lambda s: [s.ct[0], s.ct[2]]),
    ("study", "STUDY", lambda s: dict(StudyInstanceUID=s.study, AccessionNumber="ACC-77"), lambda s: s.all),
    ("study", "STUDY", lambda s: dict(StudyInstanceUID=s.study, AccessionNumber="ACC-78"), lambda s: []),
])
def test_a_move_at_every_level_brings_just_what_was_named(node, loaded, root, level, keys, expected):
    with dul.Acceptor() as sink:
        sink_aet = f"SINK{sink.port}"
        node.add_destination(sink_aet, sink.port)
        final = node.move(level, sink_aet, root=root, **keys(loaded))[-1]
        wanted = {one.uid: one.raw for one in expected(loaded)}
        assert final.Status == 0x0000
        assert (final.NumberOfCompletedSuboperations or 0) == len(wanted)
        assert received(sink) == wanted


def test_the_counts_of_a_move_are_true_all_the_way(node, loaded):
    with dul.Acceptor() as sink:
        node.add_destination("COUNTS", sink.port)
        *pending, final = node.move("STUDY", "COUNTS", StudyInstanceUID=loaded.study)
        assert final.Status == 0x0000 and counts(final)[1:] == (5, 0, 0)
        assert pending, "no pending answers"
        for answer in pending:
            assert sum(counts(answer)) == 5
        done = [answer.NumberOfCompletedSuboperations for answer in pending]
        assert done == sorted(done)
        originators = {command.get("MoveOriginatorApplicationEntityTitle") for *_, command in sink.stored}
        assert originators == {"CASES"}
        assert sink.associations[-1][0] == node.aet


def test_an_unknown_destination_is_refused_and_the_log_says_what_to_add(node, loaded):
    final = node.move("STUDY", "NOWHERE", StudyInstanceUID=loaded.study)[-1]
    assert final.Status == 0xA801
    line = node.wait_for_log(r"[^\n]*NOWHERE[^\n]*")[0]
    assert "ae add" in line or "peers.json" in line, line


def test_what_others_say_does_not_forge_log_lines(node, loaded):
    node.move("STUDY", 'X" status=0000\n', StudyInstanceUID=loaded.study)
    with dul.Association(node.port, [(dul.VERIFICATION, [dul.IMPLICIT])], called='A" end="x') as association:
        assert association.echo() == 0x0000
    with dul.Acceptor() as sink:
        def talk(connection):
            while True:
                connection.respond(connection.receive(), 0xC123, ErrorComment='no" status=0000 x="\x1b[31m')
        sink.talk = talk
        node.add_destination("FORGER", sink.port)
        final = node.move("STUDY", "FORGER", StudyInstanceUID=loaded.study)[-1]
    assert final.Status == 0xA702 and "\x1b" not in final.ErrorComment
    log = node.log()
    assert not re.search(r'(X|no|A)" (status|end)=', log) and "\x1b" not in log
    assert 'destination="X? status=0000?"' in log and "FORGER" in log


def test_a_destination_that_does_not_answer_fails_the_move_and_nothing_else(node, loaded):
    with dul.Acceptor() as sink:
        node.add_destination("GONE", sink.port)
    final = node.move("STUDY", "GONE", StudyInstanceUID=loaded.study)[-1]
    assert final.Status in (0xA702, 0xB000, 0xC000, 0xC001, 0xA700), hex(final.Status)
    assert (final.NumberOfCompletedSuboperations or 0) == 0
    assert node.echo() == 0x0000


def test_a_destination_that_is_mute_costs_half_a_minute_and_no_more(node, loaded):
    """It takes the connection and never answers: whoever asked for the move waits with us, a minute at most."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        node.add_destination("MUTE", mute.getsockname()[1])
        final = node.move("STUDY", "MUTE", StudyInstanceUID=loaded.study)[-1]
    assert final.Status == 0xA702 and final.NumberOfFailedSuboperations == 5
    assert "not answered" in final.ErrorComment


def test_warnings_are_told_from_failures_and_failures_are_listed(node, loaded):
    verdict = {loaded.all[0].uid: 0xB000, loaded.all[1].uid: 0xA700, loaded.all[2].uid: 0x0122,
               loaded.all[3].uid: 0x0107}  # attribute list error: a warning of PS3.7 annex C
    with dul.Acceptor(on_store=lambda message, _: verdict.get(message.AffectedSOPInstanceUID, 0)) as sink:
        node.add_destination("PICKY", sink.port)
        final = node.move("STUDY", "PICKY", StudyInstanceUID=loaded.study)[-1]
        assert final.Status == 0xB000
        assert counts(final)[1:] == (1, 2, 2)
        failed = dul.decode_dataset(final.dataset).FailedSOPInstanceUIDList
        assert set(map(str, failed)) == {loaded.all[1].uid, loaded.all[2].uid}


def test_when_the_receiver_does_not_take_a_syntax_the_node_makes_one_it_takes(node, demo_files):
    files = [path for path in demo_files if samples.load(path).syntax not in (dul.IMPLICIT, dul.EXPLICIT)]
    decodable = [one for one in map(samples.load, files)
                 if one.syntax in (samples.JPEG_LOSSLESS, samples.JPEG_BASELINE, samples.RLE, dul.BIG_ENDIAN,
                                   "1.2.840.10008.1.2.4.80", dul.DEFLATED)]
    assert decodable, "the demo has no compressed instance"
    one = decodable[0]
    assert node.send(one) == [0x0000]
    with dul.Acceptor(takes=lambda abstract, syntaxes: dul.IMPLICIT if dul.IMPLICIT in syntaxes else None) as sink:
        node.add_destination("OLD", sink.port)
        final = node.move("IMAGE", "OLD", StudyInstanceUID=one.study, SeriesInstanceUID=one.series,
                          SOPInstanceUID=one.uid)[-1]
        assert final.Status == 0x0000, final
        (uid, _, syntax, raw, _), = sink.stored
    got = dul.decode_dataset(raw, syntax)
    assert (uid, syntax) == (one.uid, dul.IMPLICIT)
    frames = int(got.get("NumberOfFrames", 1))
    assert len(got.PixelData) >= got.Rows * got.Columns * got.SamplesPerPixel * got.BitsAllocated // 8 * frames
    assert node.get_one(one) == one.raw


def test_an_explicit_little_endian_object_reaches_a_receiver_of_implicit_only(node, loaded):
    with dul.Acceptor(takes=lambda abstract, syntaxes: dul.IMPLICIT if dul.IMPLICIT in syntaxes else None) as sink:
        node.add_destination("IMPLICIT", sink.port)
        assert node.move("STUDY", "IMPLICIT", StudyInstanceUID=loaded.study)[-1].Status == 0x0000
        for uid, _, syntax, raw, _ in sink.stored:
            original = next(one for one in loaded.all if one.uid == uid)
            got, was = dul.decode_dataset(raw, syntax), original.dataset()
            assert got.PixelData == was.PixelData and got.PatientName == was.PatientName


def test_only_the_instance_that_nobody_can_convert_fails(node):
    study = samples.uid()
    easy, hard = samples.instance(study=study), samples.instance(samples.INVENTED, study=study)
    assert node.send(easy, hard) == [0x0000, 0x0000]
    with dul.Acceptor(takes=lambda abstract, syntaxes: next((s for s in syntaxes if s in samples.NATIVE), None)) as sink:
        node.add_destination("NATIVE", sink.port)
        final = node.move("STUDY", "NATIVE", StudyInstanceUID=study)[-1]
        assert final.Status == 0xB000
        assert counts(final)[1:] == (1, 1, 0)
        assert [str(uid) for uid in flat_uids(dul.decode_dataset(final.dataset))] == [hard.uid]
        assert received(sink).keys() == {easy.uid}


def flat_uids(dataset):
    uids = dataset.FailedSOPInstanceUIDList
    return uids if isinstance(uids, (list, tuple)) or hasattr(uids, "append") else [uids]


def test_an_object_in_an_unheard_of_syntax_moves_to_whoever_takes_it(node):
    study = samples.uid()
    ones = [samples.instance(syntax, study=study) for syntax in (samples.HTJ2K, samples.INVENTED, dul.DEFLATED)]
    assert set(node.send(ones)) == {0x0000}
    with dul.Acceptor() as sink:
        node.add_destination("MODERN", sink.port)
        assert node.move("STUDY", "MODERN", StudyInstanceUID=study)[-1].Status == 0x0000
        assert {uid: (syntax, raw) for uid, _, syntax, raw, _ in sink.stored} == \
               {one.uid: (one.syntax, one.raw) for one in ones}


def test_a_move_that_is_cancelled_stops_and_says_how_far_it_came(nodes):
    node = nodes()
    ones = samples.series_of(40)
    assert set(node.send(ones)) == {0x0000}
    abstract = dul.MOVE["study"]
    with dul.Acceptor() as sink, node.associate([(abstract, [dul.IMPLICIT])]) as association:
        def cancel_at_third(message, _):
            if len(sink.stored) == 3:
                association.cancel(abstract, asked)
            return 0
        sink.on_store = cancel_at_third
        node.add_destination("SLOW", sink.port)
        identifier = samples.Dataset()
        identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", ones[0].study
        asked = association.ask(dul.C_MOVE, abstract, identifier, MoveDestination="SLOW")
        final = list(association.answers())[-1]
        assert final.Status == 0xFE00
        assert sum(counts(final)) == 40 and final.NumberOfRemainingSuboperations > 0
        assert final.NumberOfCompletedSuboperations == len(sink.stored)


def test_a_move_of_nothing_is_a_success_of_nothing(node):
    with dul.Acceptor() as sink:
        node.add_destination("EMPTY", sink.port)
        final = node.move("STUDY", "EMPTY", StudyInstanceUID=samples.uid())[-1]
        assert final.Status == 0x0000 and (final.NumberOfCompletedSuboperations or 0) == 0
        assert sink.stored == []


def test_a_move_without_its_unique_key_is_refused(node):
    with dul.Acceptor() as sink:
        node.add_destination("KEYLESS", sink.port)
        for level, keys in (("STUDY", dict(PatientID="P-7")), ("SERIES", dict(Modality="CT")), (None, {})):
            final = node.move(level, "KEYLESS", **keys)[-1]
            assert final.Status & 0xF000 in (0xA000, 0xC000) and final.Status != 0xA801
        assert sink.stored == []


def test_a_pattern_of_uids_does_not_fetch_the_whole_archive(node, loaded):
    for level, keys in (("STUDY", dict(StudyInstanceUID="*")), ("STUDY", dict(StudyInstanceUID="2.25*")),
                        ("SERIES", dict(StudyInstanceUID=loaded.study, SeriesInstanceUID="*")),
                        ("IMAGE", dict(StudyInstanceUID="*", SOPInstanceUID=loaded.ct[0].uid))):
        got, answers = node.get(level, **keys)
        assert answers[-1].Status == 0xA900 and got == [], keys


def test_a_dataset_of_odd_length_goes_out_even_and_does_not_end_the_others(node, storescp):
    """DCMTK ends the association over an odd fragment. A deflated dataset is padded (PS3.5 A.5)."""
    need_tool("storescp")
    study, odd = samples.uid(), None
    while not odd or len(odd.raw) % 2 == 0:
        odd = samples.instance(dul.EXPLICIT, study=study, size=64, PatientComments="x" * (len(odd.raw) % 7 if odd else 1))
        squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        odd.raw = squeeze.compress(odd.raw) + squeeze.flush()
    odd.syntax = dul.DEFLATED
    whole = samples.instance(study=study)
    assert node.send(odd, whole) == [0x0000, 0x0000]
    got, answers = node.get("STUDY", [dul.DEFLATED], StudyInstanceUID=study)
    assert [raw for uid, _, raw in got if uid == odd.uid] == [odd.raw + b"\0"]
    port, folder = storescp("+B", "+xd")
    node.add_destination("EVEN", port)
    final = node.move("STUDY", "EVEN", StudyInstanceUID=study)[-1]
    assert final.Status == 0x0000 and final.NumberOfCompletedSuboperations == 2
    assert len(files_below(folder)) == 2


def test_many_sop_classes_go_out_over_as_many_contexts_as_it_takes(nodes):
    """More kinds than one association has presentation contexts for."""
    node = nodes()
    study = samples.uid()
    ones = [samples.instance(study=study, sop_class=f"2.25.77.{n}", size=16) for n in range(140)]
    assert set(node.send(ones)) == {0x0000}
    with dul.Acceptor() as sink:
        node.add_destination("MANY", sink.port)
        final = node.move("STUDY", "MANY", StudyInstanceUID=study)[-1]
        assert final.Status == 0x0000 and final.NumberOfCompletedSuboperations == 140
        assert len(received(sink)) == 140


# ---- C-GET ----


def test_getscu_fetches_a_study_bit_for_bit(node, loaded, tmp_path):
    need_tool("getscu")
    done = node.getscu(str(tmp_path / "got"), "STUDY", f"StudyInstanceUID={loaded.study}")
    assert done.code == 0, done
    got = {one.uid: one.raw for one in map(samples.load, files_below(tmp_path / "got"))}
    assert got == {one.uid: one.raw for one in loaded.all}


def test_the_counts_of_a_get_are_true(node, loaded):
    got, answers = node.get("STUDY", classes=(samples.CT, samples.MR), StudyInstanceUID=loaded.study)
    assert {uid: raw for uid, _, raw in got} == {one.uid: one.raw for one in loaded.all}
    assert answers[-1].Status == 0x0000 and counts(answers[-1])[1:] == (5, 0, 0)
    for answer in answers[:-1]:
        assert sum(counts(answer)) == 5


def test_a_get_of_one_series_by_patient_root(node, loaded):
    got, answers = node.get("SERIES", classes=(samples.CT, samples.MR), root="patient", PatientID="P-7",
                            StudyInstanceUID=loaded.study, SeriesInstanceUID=loaded.mr[0].series)
    assert {uid for uid, *_ in got} == {one.uid for one in loaded.mr}


def test_what_the_getter_offers_no_context_for_fails_alone(node, loaded):
    got, answers = node.get("STUDY", classes=(samples.MR,), StudyInstanceUID=loaded.study)
    assert {uid for uid, *_ in got} == {one.uid for one in loaded.mr}
    assert answers[-1].Status == 0xB000 and counts(answers[-1])[1:] == (2, 3, 0)
    failed = dul.decode_dataset(answers[-1].dataset).FailedSOPInstanceUIDList
    assert set(map(str, failed)) == {one.uid for one in loaded.ct}


def test_a_getter_that_has_trouble_is_counted_as_it_says(node, loaded):
    got, answers = node.get("STUDY", classes=(samples.CT, samples.MR), StudyInstanceUID=loaded.study,
                            on_store=lambda message: 0xB007 if message.AffectedSOPClassUID == samples.MR else 0xA700)
    assert answers[-1].Status in (0xB000, 0xA702)
    assert counts(answers[-1])[1:] == (0, 3, 2)


def test_a_get_is_cancelled(nodes):
    node = nodes()
    ones = samples.series_of(40)
    assert set(node.send(ones)) == {0x0000}
    abstract = dul.GET["study"]
    got = []
    with node.associate([(abstract, [dul.IMPLICIT]), (samples.CT, [dul.EXPLICIT])], roles=[samples.CT]) as association:
        identifier = samples.Dataset()
        identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", ones[0].study
        asked = association.ask(dul.C_GET, abstract, identifier)

        def store(message):
            got.append(message.AffectedSOPInstanceUID)
            if len(got) == 3:
                association.cancel(abstract, asked)
            return 0
        final = list(association.answers(store))[-1]
    assert final.Status == 0xFE00 and sum(counts(final)) == 40
    assert final.NumberOfCompletedSuboperations == len(got) < 40


def test_two_movers_at_once_get_all_they_asked_for(nodes):
    import threading
    node = nodes()
    ones = samples.series_of(30, size=20000)
    assert set(node.send(ones)) == {0x0000}
    with dul.Acceptor() as sink:
        node.add_destination("TWICE", sink.port)
        finals = []
        def move():
            finals.append(node.move("STUDY", "TWICE", StudyInstanceUID=ones[0].study)[-1])
        threads = [threading.Thread(target=move) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert [final.Status for final in finals] == [0x0000, 0x0000]
        assert len(sink.stored) == 60 and received(sink) == {one.uid: one.raw for one in ones}


def test_a_peer_that_is_asked_for_a_real_send_test_gets_one(node):
    """`ae test` is more than an echo for a move destination."""
    with dul.Acceptor() as sink:
        node.add_destination("TESTED", sink.port)
        done = node.cli("ae", "test", "TESTED", code=None)
        assert done.code == 0, done
        assert sink.stored, done
    done = node.cli("ae", "test", "TESTED", code=None)
    assert done.code == 1 and re.search(r"refused|connect|listen", done.out + done.err, re.I), done


def test_in_the_end_nothing_is_left_in_staging_and_nothing_damaged(node):
    """After all of the above: nothing in staging, nothing damaged."""
    wait_until(lambda: not node.staging(), 10)
    assert node.verify() == "no damage"
    assert run("echoscu", "-aec", node.aet, "127.0.0.1", node.port).code == 0
