"""What arrives goes on by the rules: forwarding, the queue, prefetch."""
import os
import socket
import threading
import time

import dul
import pydicom
import pytest
import samples
from conftest import KILL_AT, environment, free_ports, killing, wait_until, yingqiao
from test_store import even, storable

EAGER = {"retry_seconds": 1, "retry_most_seconds": 2}


def to(aet, port, **forward):
    return {"aet": aet, "port": port, "forward": {**EAGER, **forward}}


def uids(instances):
    return {one.uid for one in instances}


def stored(acceptor):
    return [one[0] for one in acceptor.stored]


def came(acceptor, instances, seconds=60):
    """Waits until exactly these have come, each once."""
    acceptor.wait_for(lambda: len(acceptor.stored) >= len(instances), seconds)
    assert sorted(stored(acceptor)) == sorted(one.uid for one in instances)


def dead_port():
    """A port on which nobody listens."""
    return free_ports(1)[0]


def states(jobs):
    return sorted(job["state"] for job in jobs)


def local(offset_minutes):
    """HH:MM by the node's clock on the wall, so many minutes from now."""
    now = time.time() + 8 * 3600 + offset_minutes * 60
    return time.strftime("%H:%M", time.gmtime(now))


# ---- rules ----


def test_everything_goes_on_at_once(node):
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        ones = samples.series_of(3)
        assert set(node.send(ones)) == {0}
        came(cloud, ones)
        assert cloud.associations[0][0] == node.aet
        assert {one[0]: one[3] for one in cloud.stored} == {one.uid: one.raw for one in ones}
        node.wait_for_queue(lambda jobs: not jobs)
        done, = node.queue("--all")
        assert (done["state"], done["sent"], done["pending"]) == ("done", 3, 0)


def test_what_comes_later_of_a_study_that_is_done_goes_too(node):
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        ones = samples.series_of(4)
        node.send(ones[:2])
        came(cloud, ones[:2])
        node.wait_for_queue(lambda jobs: not jobs)
        node.send(ones[2:])
        came(cloud, ones)
        node.send(ones)  # the same again is nothing new
        other = samples.instance()
        node.send(other)
        came(cloud, ones + [other])


def test_only_what_a_rule_asks_for_goes(node):
    when = {"peer": "CT*", "modality": ["CT", "MR"], "station": "room ?", "description": "*胸部*", "body_part": "chest",
            "sop_class": "1.2.840.10008.5.1.4.1.1.2*", "time": [f"{local(-60)}-{local(60)}"]}
    fitting = {"Modality": "CT", "StationName": "ROOM 3", "SeriesDescription": "CT 胸部平扫", "BodyPartExamined": "CHEST"}
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "chest", "when": when, "to": ["CLOUD"]}])
        fits = samples.instance(**fitting)
        others = [samples.instance(**{**fitting, **other}) for other in (
            {"Modality": "CR"}, {"StationName": "ROOM 33"}, {"SeriesDescription": "CT head"}, {"BodyPartExamined": "HEAD"},
            {"sop_class": samples.MR})]
        assert set(node.send(others, aet="CT1")) == {0}
        assert node.send(samples.instance(**fitting), aet="MR1") == [0]
        assert node.send(fits, aet="CT1") == [0]
        came(cloud, [fits])
        node.configure(None, [{"name": "chest", "when": {**when, "time": [f"{local(60)}-{local(120)}"]}, "to": ["CLOUD"]}])
        assert node.send(samples.instance(**fitting), aet="CT1") == [0]
        assert node.queue() == []


def test_one_instance_goes_to_one_destination_once_however_many_rules_say_so(node):
    with dul.Acceptor() as cloud, dul.Acceptor() as pacs:
        node.configure([to("CLOUD", cloud.port), to("PACS", pacs.port)],
                       [{"name": "first", "to": ["CLOUD"]}, {"name": "second", "to": ["PACS", "CLOUD"]}])
        ones = samples.series_of(2)
        node.send(ones)
        came(cloud, ones)
        came(pacs, ones)
        assert {(job["to"], job["rule"]) for job in node.queue("--all")} == {("CLOUD", "first"), ("PACS", "second")}


def test_nothing_goes_back_to_where_it_came_from_unless_the_rule_says_so(node):
    with dul.Acceptor() as ring:
        node.configure([to("RING", ring.port)], [{"name": "all", "to": "RING"}])
        node.send(samples.instance(), aet="RING")
        assert node.queue("--all") == []
        node.configure(None, [{"name": "all", "to": "RING", "to_sender": True}])
        one = samples.instance()
        node.send(one, aet="RING")
        came(ring, [one])


@pytest.mark.parametrize("rules, complaint", [
    ({"forward": [{"name": "a", "to": "NOBODY"}]}, r"rules.json:3: .*NOBODY.*not in peers.json.*ae add NOBODY"),
    ({"pull": [{"name": "a", "from": "NOBODY"}]}, r"rules.json:3: .*NOBODY"),
    ({"forward": [{"name": "a", "to": "DEAF"}]}, r"DEAF.*no port"),
    ({"forward": [{"name": "a", "to": "CLOUD", "when": {"modalty": "CT"}}]}, r"did you mean .modality"),
    ({"forward": [{"name": "a", "to": "CLOUD", "syntax": "jpeg-baseline"}]}, r"cannot make that without loss"),
    ({"forward": [{"name": "a", "to": "CLOUD", "at": "noon"}]}, r"study-complete"),
    ({"forward": [{"name": "a", "when": {"peer": "CT9"}, "to": "CLOUD"}]}, r"CT9.*nothing could come"),
    ({"forward": [{"name": "a", "to": "CLOUD"}, {"name": "a", "to": "CLOUD"}]}, r"twice"),
    ({"forward": [{"name": "a", "to": "CLOUD", "when": {"time": "8-17"}}]}, r"22:00-06:00"),
    ({"forward": [{"to": "CLOUD"}]}, r"lacks .name"),
])
def test_a_rule_that_cannot_work_is_refused_with_its_line(tmp_path, rules, complaint):
    import json
    import re
    (tmp_path / "peers.json").write_text(json.dumps([{"aet": "CLOUD", "host": "127.0.0.1", "port": 104},
                                                     {"aet": "DEAF", "host": "127.0.0.1"}]))
    (tmp_path / "rules.json").write_text(json.dumps(rules, indent=1))
    done = yingqiao("check", "--conf", tmp_path, code=1)
    assert re.search(complaint, done.err), done.err
    assert re.search(r"rules.json:\d+: ", done.err), done.err


def test_a_peer_that_a_rule_names_is_not_taken_away(node):
    node.configure([to("CLOUD", 104)], [{"name": "all", "to": "CLOUD"}])
    done = node.cli("ae", "remove", "CLOUD", code=1)
    assert "all" in done.err and "rules.json" in done.err
    node.configure(None)
    node.cli("ae", "remove", "CLOUD")


# ---- syntaxes ----


def test_as_it_came_or_transcoded(node, storescp):
    demo = samples.instance(size=32768)
    port, folder = storescp("+B", "+xa", "-fe", ".raw")
    packed_port, packed = storescp("+B", "+xa", "-fe", ".packed")
    node.configure([to("RAW", port), to("PACKED", packed_port)],
                   [{"name": "raw", "to": "RAW", "syntax": "as-is"}, {"name": "packed", "to": "PACKED", "syntax": "jpeg-ls"}])
    node.send(demo)
    node.wait_for_queue(lambda jobs: not jobs)
    raw, = [pydicom.dcmread(os.path.join(folder, name)) for name in os.listdir(folder)]
    small, = [pydicom.dcmread(os.path.join(packed, name)) for name in os.listdir(packed)]
    assert raw.file_meta.TransferSyntaxUID == dul.EXPLICIT
    assert small.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.80"
    assert raw.SOPInstanceUID == small.SOPInstanceUID == demo.uid


def test_real_files_arrive_as_they_came(node, testdata):
    """Whatever a device makes of DICOM goes on bit for bit where the receiver takes its syntax."""
    ones, seen = [], set()
    for path in samples.testdata_files(besides=("LICENSES", "expected", "malformed", "malformed-generated",
                                                "malformed-mutated", "hostile-corpus")):
        if 132 < os.path.getsize(path) < 4 << 20 and open(path, "rb").read(132)[128:] == b"DICM":
            one = storable(path)
            if one and not {one.uid, (one.sop_class, one.syntax)} & seen:
                seen |= {one.uid, (one.sop_class, one.syntax)}
                ones.append(one)
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD", "syntax": "as-is"}])
        assert set(node.send(ones)) == {0} and len(ones) > 20
        cloud.wait_for(lambda: uids(ones) <= set(stored(cloud)), 120)
        got = {one[0]: (one[2], one[3]) for one in cloud.stored}
        assert [one.path for one in ones if got[one.uid] != (one.syntax, even(one.raw))] == []


# ---- study complete ----


def test_a_study_goes_when_nothing_more_comes(node):
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)],
                       [{"name": "whole", "to": "CLOUD", "at": "study-complete", "quiet_seconds": 2}])
        ones = samples.series_of(3)
        for one in ones:
            node.send(one)
            job, = node.queue()
            assert job["state"] == "gathering" and "complete" in job["why"]
        came(cloud, ones)
        assert len(cloud.associations) == 1


def test_a_study_is_complete_when_the_last_association_that_sends_of_it_has_ended(node):
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)],
                       [{"name": "whole", "to": "CLOUD", "at": "association-end", "quiet_seconds": 3600}])
        one, two, three = samples.series_of(3)
        contexts = [(one.sop_class, [one.syntax])]
        with node.associate(contexts, calling="A") as a, node.associate(contexts, calling="B") as b:
            assert a.store(one.sop_class, one.uid, one.raw, one.syntax).Status == 0
            assert b.store(two.sop_class, two.uid, two.raw, two.syntax).Status == 0
            a.release()
            node.wait_for_log(r'association-end.*aet="A"')
            assert states(node.queue()) == ["gathering"] and not cloud.stored
            assert b.store(three.sop_class, three.uid, three.raw, three.syntax).Status == 0
        came(cloud, [one, two, three])


def test_that_a_study_gathers_survives_a_restart(nodes):
    node = nodes()
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)],
                       [{"name": "whole", "to": "CLOUD", "at": "study-complete", "quiet_seconds": 5}])
        ones = samples.series_of(3)
        node.send(ones[:2])
        node.kill9()
        node.start_again()
        assert states(node.queue()) == ["gathering"]
        node.send(ones[2])
        came(cloud, ones)
        assert len(cloud.associations) == 1


# ---- destinations that fail ----


def test_a_destination_that_comes_back_gets_everything_in_time(node):
    port = dead_port()
    node.configure([to("CLOUD", port)], [{"name": "all", "to": "CLOUD"}])
    ones = samples.series_of(3)
    node.send(ones)
    job, = node.wait_for_queue(lambda jobs: jobs if jobs and jobs[0]["state"] == "pending" and "in vain" in jobs[0]["why"]
                               else None)
    assert "refused" in job["why"] and "again at" in job["why"]
    with dul.Acceptor(port=port) as cloud:
        came(cloud, ones)
        node.wait_for_queue(lambda jobs: not jobs)


def test_a_dead_destination_delays_neither_the_live_one_nor_the_modality(node):
    """The dead one takes connections and then says nothing: that holds its courier up for longest."""
    with socket.create_server(("127.0.0.1", 0)) as silent, dul.Acceptor() as live:
        silent_port = silent.getsockname()[1]
        node.configure([to("DEAD", silent_port), to("LIVE", live.port)], [{"name": "all", "to": ["DEAD", "LIVE"]}])
        for _ in range(3):
            ones = samples.series_of(2)
            assert set(node.send(ones)) == {0}
            live.wait_for(lambda: uids(ones) <= set(stored(live)))
        assert {job["to"] for job in node.queue()} == {"DEAD"}
        assert "sending" in states(node.queue("--to", "DEAD"))


def test_many_dead_destinations_leave_a_courier_for_the_others(nodes):
    node = nodes(queue__couriers=2)
    with socket.create_server(("127.0.0.1", 0)) as silent, dul.Acceptor() as live:
        port = silent.getsockname()[1]
        dead = [f"DEAD{n}" for n in range(3)]
        node.configure([to(aet, dead_port()) for aet in dead] + [to("LIVE", live.port)], [{"name": "all", "to": dead + ["LIVE"]}])
        first = samples.instance()
        node.send(first)
        live.wait_for(lambda: first.uid in stored(live))
        node.wait_for_queue(lambda jobs: len(jobs) == 3 and all("in vain" in job["why"] for job in jobs))
        node.configure([to(aet, port) for aet in dead] + [to("LIVE", live.port)], [{"name": "all", "to": dead + ["LIVE"]}])
        wait_until(lambda: "sending" in states(node.queue()), what="a courier is held up")
        second = samples.instance()
        node.send(second)
        live.wait_for(lambda: second.uid in stored(live))
        assert "sending" in states(node.queue())


def test_a_permanent_no_is_kept_with_its_reason_and_the_rest_goes(node):
    ones = samples.series_of(4)
    no = {ones[1].uid: 0xA900, ones[2].uid: 0xC000}
    with dul.Acceptor(on_store=lambda message, syntax: no.get(message.AffectedSOPInstanceUID, 0)) as cloud:
        node.configure([to("CLOUD", cloud.port)],
                       [{"name": "all", "to": "CLOUD", "at": "study-complete", "quiet_seconds": 1}])
        node.send(ones)
        job, = node.wait_for_queue(lambda jobs: jobs if states(jobs) == ["refused"] else None)
        assert (job["sent"], job["refused"], job["pending"]) == (2, 2, 0)
        shown = node.cli("queue", "show", job["id"], "--json").json()
        assert {one["SOPInstanceUID"]: one["reason"] for one in shown["instances"]}.keys() == no.keys()
        assert "A900" in node.cli("queue", "show", job["id"]).out
        no.clear()
        node.cli("queue", "retry", job["id"])
        node.wait_for_queue(lambda jobs: not jobs)
        assert sorted(stored(cloud)) == sorted([one.uid for one in ones] + [ones[1].uid, ones[2].uid])


def test_out_of_resources_is_tried_again(node):
    one, answers = samples.instance(), [0xA700, 0x0110, 0]
    with dul.Acceptor(on_store=lambda message, syntax: answers.pop(0)) as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        node.send(one)
        cloud.wait_for(lambda: len(cloud.stored) == 3)
        done, = node.wait_for_queue(lambda jobs: jobs if states(jobs) == ["done"] else None, 60, "--all")
        assert done["sent"] == 1


def test_a_class_that_the_receiver_does_not_take_is_refused_in_plain_words(node):
    with dul.Acceptor(takes=lambda abstract, syntaxes: None if abstract == samples.MR else syntaxes[0]) as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        node.send(samples.instance(sop_class=samples.MR))
        job, = node.wait_for_queue(lambda jobs: jobs if states(jobs) == ["refused"] else None)
        assert samples.MR in job["why"] and "queue retry" in job["why"]


def test_an_interrupted_send_goes_on_where_it_was(node):
    """The receiver goes away within the study, twice. What it acknowledged does not come again."""
    ones = samples.series_of(12)
    left = [5]

    def on_store(message, syntax):
        left[0] -= 1
        if left[0] < 0:
            left[0] = 5
            raise OSError("gone")
        return 0

    with dul.Acceptor(on_store=on_store) as cloud:
        node.configure([to("CLOUD", cloud.port)],
                       [{"name": "all", "to": "CLOUD", "at": "study-complete", "quiet_seconds": 1}])
        node.send(ones)
        node.wait_for_queue(lambda jobs: jobs and not any(job["pending"] for job in jobs), 90, "--all")
        assert sorted(stored(cloud)) == sorted(one.uid for one in ones)
        assert len(cloud.associations) == 3


def test_kill_9_in_the_middle_loses_nothing(nodes):
    node = nodes()
    ones = samples.series_of(40)
    port = []

    def slowly(message, syntax):
        time.sleep(0.02)
        return 0

    with dul.Acceptor(on_store=slowly) as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        node.send(ones)
        for part in (5, 15, 25):
            cloud.wait_for(lambda: len(set(stored(cloud))) >= part)
            node.kill9()
            node.start_again()
        cloud.wait_for(lambda: uids(ones) == set(stored(cloud)))
        node.wait_for_queue(lambda jobs: not jobs)
        assert port == [] and node.verify() == "no damage"


@pytest.mark.skipif(not os.path.exists(KILL_AT), reason="YQ_KILL_AT does not name the library that kills (CTest sets it)")
def test_killed_before_each_of_its_steps_a_delivery_comes_once_or_twice_and_never_not(nodes, tmp_path, monkeypatch):
    plain = environment()  # for commands, which are not to be killed
    arm = tmp_path / "arm"
    monkeypatch.setenv("LD_PRELOAD", killing())
    monkeypatch.setenv("YQ_KILL_ARM", str(arm))
    node = nodes()
    died, step = 0, 0
    with dul.Acceptor() as cloud:
        wait_until(lambda: os.path.exists(os.path.join(node.data, "conf", "rules.json")))
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        while step < 60:
            step += 1
            node.cli("queue", "hold", "--to", "CLOUD", env=plain)
            ones = samples.series_of(2)
            assert set(node.send(ones)) == {0}
            (tmp_path / "arm.new").write_text(str(step))
            (tmp_path / "arm.new").rename(arm)  # whole, as the node may look at any moment
            node.cli("queue", "release", "--to", "CLOUD", env=plain)
            done = lambda: not node.cli("queue", "list", "--json", env=plain).json()  # noqa: E731
            wait_until(lambda: not node.running() or done(), 60, f"step {step}", every=0.1)
            survived = node.running()
            died += not survived
            arm.unlink()
            if survived:
                node.kill9()
            node.start()
            wait_until(done, 60, f"step {step}", every=0.1)
            came = [stored(cloud).count(one.uid) for one in ones]
            assert set(came) <= {1, 2}, f"step {step}: {came}"
            if survived:
                break
    assert died >= 5, f"{died}: it was killed at its steps, not beside them"
    assert node.cli("verify", env=plain, code=None).code == 0


def test_a_job_can_be_held_while_it_is_sent(node):
    ones = samples.series_of(30)
    held = threading.Event()

    def slowly(message, syntax):  # the fourth takes longer than what is noted at once
        if len(cloud.stored) == 3:
            assert held.wait(60)
            time.sleep(1.2)
        return 0

    with dul.Acceptor(on_store=slowly) as cloud:
        node.configure([to("CLOUD", cloud.port)],
                       [{"name": "all", "to": "CLOUD", "at": "study-complete", "quiet_seconds": 1}])
        node.send(ones)
        cloud.wait_for(lambda: len(cloud.stored) >= 3)
        job, = node.queue()
        assert job["state"] == "sending"
        node.cli("queue", "hold", job["id"])
        held.set()
        job, = node.wait_for_queue(lambda jobs: jobs if jobs and jobs[0]["sent"] >= 3 else None)
        assert job["state"] == "held" and 0 < job["pending"] < 30
        node.cli("queue", "release", job["id"])
        came(cloud, ones)


def test_an_association_that_breaks_off_completes_no_study(node):
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)],
                       [{"name": "whole", "to": "CLOUD", "at": "association-end", "quiet_seconds": 3600}])
        one, two = samples.series_of(2)
        with node.associate([(one.sop_class, [one.syntax])]) as association:
            assert association.store(one.sop_class, one.uid, one.raw, one.syntax).Status == 0
            association.abort()
        node.wait_for_log("association-end.*end=aborted")
        assert states(node.queue()) == ["gathering"]
        node.send(two)
        came(cloud, [one, two])


def test_what_is_imported_beside_the_node_goes_on_too(node, tmp_path):
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        ones = samples.series_of(3)
        for one in ones:
            one.save(str(tmp_path / f"{one.uid}.dcm"))
        node.cli("import", *sorted(tmp_path.glob("*.dcm")))
        came(cloud, ones)


def test_the_queue_outlives_a_reindex(nodes):
    node = nodes()
    port = dead_port()
    node.configure([to("CLOUD", port)], [{"name": "all", "to": "CLOUD"}])
    ones = samples.series_of(3)
    node.send(ones)
    node.stop()
    node.cli("reindex")
    with dul.Acceptor(port=port) as cloud:
        node.start()
        came(cloud, ones)


def test_a_node_stops_within_a_transfer_and_goes_on_after(nodes):
    """The receiver takes an instance and does not answer: stopping must not wait for it."""
    node = nodes()
    one, held = samples.instance(), [True]

    def on_store(message, syntax):
        while held[0]:
            time.sleep(0.05)
        return 0

    with dul.Acceptor(on_store=on_store) as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        node.send(one)
        cloud.wait_for(lambda: cloud.associations)
        node.wait_for_queue(lambda jobs: states(jobs) == ["sending"])
        node.stop()
        assert states(node.queue()) == ["pending"]
        held[0] = False
        node.start()
        node.wait_for_queue(lambda jobs: not jobs)
        assert one.uid in stored(cloud)


def test_a_node_stops_while_a_peer_does_not_answer_its_association_request(nodes):
    node = nodes()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node.configure([to("CLOUD", silent.getsockname()[1])], [{"name": "all", "to": "CLOUD"}])
        node.send(samples.instance())
        node.wait_for_queue(lambda jobs: states(jobs) == ["sending"])
        begun = time.monotonic()
        node.stop()
        assert time.monotonic() - begun < 20  # an answer may take 30
    assert states(node.queue()) == ["pending"]


# ---- order, hours, bandwidth ----


def test_the_higher_priority_goes_first(node):
    port = dead_port()
    node.configure([to("CLOUD", port, retry_seconds=3, retry_most_seconds=3)],
                   [{"name": "low", "when": {"modality": "CR"}, "to": "CLOUD", "priority": "low"},
                    {"name": "high", "when": {"modality": "MR"}, "to": "CLOUD", "priority": "high"},
                    {"name": "rest", "to": "CLOUD"}])
    order = [samples.instance(Modality=modality) for modality in ("CR", "CT", "MR", "CT", "MR")]
    for one in order:
        node.send(one)
    node.cli("queue", "hold", "--to", "CLOUD")
    assert len(node.queue()) == 5
    with dul.Acceptor(port=port) as cloud:
        node.cli("queue", "release", "--to", "CLOUD")
        node.cli("queue", "retry", "--to", "CLOUD")
        cloud.wait_for(lambda: len(cloud.stored) == 5)
        assert stored(cloud) == [order[n].uid for n in (2, 4, 1, 3, 0)]


def test_nothing_goes_outside_the_hours_of_a_peer(node):
    with dul.Acceptor() as cloud:
        rules = [{"name": "all", "to": "CLOUD"}]
        node.configure([to("CLOUD", cloud.port, window=f"{local(60)}-{local(120)}")], rules)
        one = samples.instance()
        node.send(one)
        job, = node.queue()
        assert job["state"] == "pending" and "outside the hours" in job["why"]
        node.configure([to("CLOUD", cloud.port, window=[f"{local(60)}-{local(120)}", f"{local(-60)}-{local(60)}"])], rules)
        came(cloud, [one])


def test_a_limit_of_bandwidth_is_kept(node):
    """2 MB at 1 MB/s: not before a second has passed."""
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port, kb_per_second=1000)], [{"name": "all", "to": "CLOUD"}])
        one = samples.instance(size=2 << 20)
        node.send(one)
        cloud.wait_for(lambda: cloud.associations)
        begun = time.monotonic()
        came(cloud, [one])
        assert time.monotonic() - begun > 1


# ---- the queue by hand ----


def test_hold_release_and_drop(node):
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)],
                       [{"name": "all", "to": "CLOUD", "at": "study-complete", "quiet_seconds": 3600}])
        kept, dropped = samples.instance(), samples.instance()
        node.send(kept, dropped)
        by_study = {job["StudyInstanceUID"]: job["id"] for job in node.queue()}
        node.cli("queue", "hold", by_study[kept.study], "--reason", "wrong patient?")
        job, = node.queue("--state", "held")
        assert job["id"] == by_study[kept.study] and "wrong patient?" in job["why"] and "release" in job["why"]
        assert "--reason" in node.cli("queue", "drop", by_study[dropped.study], code=2).err
        node.cli("queue", "drop", by_study[dropped.study], "--reason", "a test image")
        job, = node.queue("--state", "dropped")
        assert job["id"] == by_study[dropped.study] and job["reason"] == "a test image" and job["dropped"] == 1
        node.wait_for_log("queue-dropped.*a test image")
        assert not cloud.stored
        node.cli("queue", "release", by_study[kept.study])
        came(cloud, [kept])
        node.cli("queue", "retry", by_study[dropped.study])
        came(cloud, [kept, dropped])
        node.cli("queue", "show", 4711, code=1)
        node.cli("queue", "retry", 4711, code=1)


def test_a_destination_is_held_with_what_comes_later(node):
    with dul.Acceptor() as cloud:
        node.configure([to("CLOUD", cloud.port)], [{"name": "all", "to": "CLOUD"}])
        node.cli("queue", "hold", "--to", "CLOUD", "--reason", "line down until Monday")
        ones = samples.series_of(2)
        node.send(ones)
        job, = node.queue()
        assert job["state"] == "pending" and "line down until Monday" in job["why"]
        node.cli("queue", "release", "--to", "CLOUD")
        came(cloud, ones)


def test_retry_by_another_process_takes_effect_at_once(node):
    port = dead_port()
    node.configure([to("CLOUD", port, retry_seconds=3600, retry_most_seconds=3600)], [{"name": "all", "to": "CLOUD"}])
    one = samples.instance()
    node.send(one)
    node.wait_for_queue(lambda jobs: jobs and "in vain" in jobs[0]["why"])
    with dul.Acceptor(port=port) as cloud:
        node.cli("queue", "retry", "--all")
        came(cloud, [one], 20)


def test_what_is_deleted_is_not_sent_and_that_is_seen(node):
    node.configure([to("CLOUD", dead_port())], [{"name": "all", "to": "CLOUD"}])
    one, two = samples.series_of(2)
    node.send(one, two)
    node.cli("delete", "--instance", one.uid)
    job, = node.queue()
    assert (job["pending"], job["dropped"]) == (1, 1)
    node.cli("delete", "--study", two.study)
    job, = node.queue("--all")
    assert job["state"] in ("dropped", "sending") or job["pending"] == 0
    job, = node.wait_for_queue(lambda jobs: jobs if states(jobs) == ["dropped"] else None, 60, "--all")
    assert (job["pending"], job["dropped"]) == (0, 2) and "deleted" in job["why"]


def test_what_waits_too_long_is_an_alert(node):
    import sqlite3
    node.configure([to("CLOUD", dead_port())], [{"name": "all", "to": "CLOUD"}])
    node.send(samples.instance())
    assert node.health()[1]["queue"]["alert"] is False
    with sqlite3.connect(os.path.join(node.data, "catalog.sqlite"), timeout=30) as catalog:
        catalog.execute("UPDATE outbox_job SET queued_ms = queued_ms - 2 * 3600 * 1000")
    node.wait_for_log("queue-alert.*state=on")
    wait_until(lambda: node.health()[1]["queue"]["alert"], 20, "the alert in /health")
    status, health = node.health()
    assert status == 200 and "CLOUD" in health["queue"]["problem"]
    metrics = node.fetch("/metrics")[2].decode()
    assert "yingqiao_queue_alert 1" in metrics
    assert 'yingqiao_queue_jobs{to="CLOUD",kind="forward"} 1' in metrics
    node.cli("queue", "drop", "--to", "CLOUD", "--reason", "no such cloud")
    node.wait_for_log("queue-alert.*state=off")
    assert len([line for line in node.log().splitlines() if "queue-alert" in line]) == 2


# ---- nodes among themselves ----


def neighbours(nodes, *names):
    """Nodes that know each other."""
    all_nodes = [nodes(dicom__aet=name) for name in names]
    return all_nodes, [to(one.aet, one.port) for one in all_nodes]


def test_two_nodes_that_forward_to_each_other_do_not_go_round_in_circles(nodes):
    (a, b), peers = neighbours(nodes, "A", "B")
    a.configure(peers, [{"name": "over", "to": "B"}])
    b.configure(peers, [{"name": "back", "to": "A"}])
    ones = samples.series_of(3)
    a.send(ones)
    wait_until(lambda: b.count(StudyInstanceUID=ones[0].study) == 3)
    assert b.queue("--all") == []


def test_three_nodes_in_a_ring(nodes):
    (a, b, c), peers = neighbours(nodes, "A", "B", "C")
    for one, other in ((a, "B"), (b, "C"), (c, "A")):
        one.configure(peers, [{"name": "on", "to": other}])
    ones = samples.series_of(4)
    b.send(ones)
    for one in (a, b, c):
        wait_until(lambda: one.count(StudyInstanceUID=ones[0].study) == 4)
        one.wait_for_queue(lambda jobs: not jobs)
    assert a.queue("--all")[0]["sent"] == 4  # B said that it has them already


def test_the_node_in_the_middle_is_killed_and_everything_arrives(nodes):
    (a, b, c), peers = neighbours(nodes, "A", "B", "C")
    a.configure(peers, [{"name": "on", "to": "B"}])
    b.configure(peers, [{"name": "on", "to": "C"}])
    ones = [one for _ in range(5) for one in samples.series_of(6)]
    a.send(ones[:20])
    wait_until(lambda: b.count() > 3)
    b.kill9()
    a.send(ones[20:])
    b.start_again()
    peers[1] = to("B", b.port)
    a.configure(peers, [{"name": "on", "to": "B"}])
    wait_until(lambda: c.count() == 30, 90)
    for one in (a, b):
        one.wait_for_queue(lambda jobs: not jobs)
    assert b.verify() == c.verify() == "no damage"


# ---- prefetch ----


def history(**attributes):
    """Four studies of a patient in the PACS, the newest first."""
    return [samples.series_of(2, PatientID="P77", StudyDate=date, Modality=modality, **attributes)
            for date, modality in (("20260201", "CT"), ("20250601", "MR"), ("20250101", "CR"), ("20100101", "CT"))]


def prefetching(nodes, by, **rule):
    (node, pacs), peers = neighbours(nodes, "NODE", "PACS")
    studies = history()
    strangers = samples.series_of(1, PatientID="P78"), samples.series_of(1, PatientID="P77", PatientBirthDate="19991231")
    pacs.send(studies, strangers)
    pacs.configure(peers)
    node.configure(peers, pull=[{"name": "priors", "from": "PACS", "by": by, **rule}])
    return node, pacs, studies


@pytest.mark.parametrize("by", ["move", "get"])
def test_earlier_studies_are_fetched_when_something_of_the_patient_arrives(nodes, by):
    node, _, studies = prefetching(nodes, by, last=2)
    new = samples.instance(PatientID="P77", StudyDate="20260301")
    node.send(new)
    wait_until(lambda: node.count() == 5)
    job, = node.wait_for_queue(lambda jobs: [job for job in jobs if job["StudyInstanceUID"] == new.study and
                                             job["state"] == "done"], 60, "--all")
    assert job["kind"] == "pull" and job["sent"] == 2
    assert {study[0].study for study in studies[:2]} | {new.study} == {
        str(one.StudyInstanceUID) for one in node.find("STUDY", StudyInstanceUID=None)}
    # what was fetched fetches nothing, and what is here is not fetched again
    node.send(samples.instance(PatientID="P77", StudyDate="20260302"))
    node.wait_for_queue(lambda jobs: not jobs)
    assert node.count() == 6


def test_earlier_studies_are_bounded_by_age_and_modality(nodes):
    year = int(time.strftime("%Y"))
    days = (year - 2012) * 365
    node, _, studies = prefetching(nodes, "move", last=10, within_days=days, modality=["CT", "MR"])
    node.send(samples.instance(PatientID="P77", StudyDate="20260301"))
    wait_until(lambda: node.count() == 5)
    node.wait_for_queue(lambda jobs: not jobs)
    found = {str(one.StudyInstanceUID) for one in node.find("STUDY", StudyInstanceUID=None, StudyDate="-20260228")}
    assert found == {studies[0][0].study, studies[1][0].study}


def test_a_pacs_that_does_not_know_us_is_said_so_or_asked_by_get(nodes):
    node, pacs, studies = prefetching(nodes, "move", last=1)
    pacs.configure([])
    new = samples.instance(PatientID="P77", StudyDate="20260301")
    node.send(new)
    job, = node.wait_for_queue(lambda jobs: jobs if states(jobs) == ["refused"] else None)
    assert "does not know NODE as a move destination" in job["why"]
    node.configure(None, pull=[{"name": "priors", "from": "PACS", "by": "move-or-get", "last": 1}])
    node.cli("queue", "retry", job["id"])
    wait_until(lambda: node.count() == 3)
    node.wait_for_queue(lambda jobs: not jobs)
