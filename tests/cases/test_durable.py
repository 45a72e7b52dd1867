"""What was acknowledged stays: through kill -9, full and read-only disks, a locked or broken catalog."""
import contextlib
import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import dul
import pytest
import samples
from conftest import BINARY, KILL_AT, SANITIZER_REPORT, killing, wait_until

KILLS = int(os.environ.get("YQ_KILLS", "50"))
SENDERS = 4


class Sender(threading.Thread):
    """Sends small instances until the node dies; remembers what it was told about which."""

    def __init__(self, node, study, again):
        super().__init__(daemon=True)
        self.node, self.study, self.series = node, study, samples.uid()
        self.again = again       # instances that were in doubt: sent again first
        self.acknowledged, self.sent, self.odd = [], [], []

    def run(self):
        try:
            with self.node.associate([(samples.CT, [dul.EXPLICIT])], timeout=30) as association:
                while True:
                    one = self.again.pop() if self.again else samples.instance(
                        study=self.study, series=self.series, size=random.choice([64, 700, 30000]))
                    self.sent.append(one)
                    status = association.store(one.sop_class, one.uid, one.raw).Status
                    if status == 0x0000:
                        self.acknowledged.append(one)
                    else:
                        self.odd.append((one.uid, hex(status)))
        except (dul.Aborted, dul.Rejected, OSError):
            pass



@pytest.mark.skipif(not os.path.exists(KILL_AT), reason="YQ_KILL_AT does not name the library that kills (CTest sets it)")
def test_killed_before_each_of_its_steps_an_instance_is_wholly_there_or_not_at_all(nodes, tmp_path, monkeypatch):
    arm = tmp_path / "arm"
    monkeypatch.setenv("LD_PRELOAD", killing())
    monkeypatch.setenv("YQ_KILL_ARM", str(arm))
    node = nodes()
    acknowledged, died, step = [], 0, 0
    while step < 200:
        step += 1
        arm.write_text(str(step))
        one = samples.instance(size=3000)  # of a new study: its folders are made on the way
        try:
            with node.associate([(samples.CT, [dul.EXPLICIT])], timeout=60) as association:
                assert association.store(one.sop_class, one.uid, one.raw).Status == 0x0000
            acknowledged.append(one)
            survived = True
        except (dul.Aborted, OSError):
            assert node.process.wait(60) == -signal.SIGKILL
            survived = False
            died += 1
        if survived:
            node.kill9()
        arm.unlink()
        node.start()
        assert node.staging() == [], f"step {step}"
        assert len(node.objects()) == sum(row.NumberOfStudyRelatedInstances for row in node.find(
            "STUDY", StudyInstanceUID=None, NumberOfStudyRelatedInstances=None)), f"step {step}"
        for kept in acknowledged[-2:]:
            assert node.get_one(kept) == kept.raw, f"step {step}"
        if survived and step > died + 2:
            break
    assert died >= 10, f"{died}: it was killed at its steps, not beside them"
    assert len(node.objects()) >= len(acknowledged)
    assert node.verify() == "no damage"


def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged(nodes):
    node = nodes()
    chance = random.Random(50)
    acknowledged, in_doubt = {}, []
    for n in range(KILLS):
        # Two of the four write into one study, all start at the same moment.
        studies = [samples.uid()] * 2 + [samples.uid(), samples.uid()]
        doubtful = [in_doubt[k::SENDERS] for k in range(SENDERS)]
        senders = [Sender(node, study, again) for study, again in zip(studies, doubtful)]
        for sender in senders:
            sender.start()
        wanted = chance.randint(1, 25)
        wait_until(lambda: sum(len(s.acknowledged) for s in senders) >= wanted or not node.running(), 60,
                   "instances are acknowledged")
        time.sleep(chance.random() * 0.02)  # no waiting for anything: just another moment to die
        assert node.running(), node.log()[-4000:]
        node.kill9()
        for sender in senders:
            sender.join(60)
            assert not sender.is_alive()
            assert not sender.odd, sender.odd
        told = {one.uid: one for sender in senders for one in sender.acknowledged}
        acknowledged.update(told)
        in_doubt = [one for sender in senders for one in sender.sent if one.uid not in told]
        node.start()
        wait_until(lambda: not node.staging(), 10, "start-up sweeps staging")
        for one in told.values():
            assert samples.split_part10(node.wado(one) or b"\0" * 128 + b"DICM")[3] == one.raw, f"lost: {one}"
    assert not SANITIZER_REPORT.search(node.log())
    found = set()
    for study in {one.study for one in acknowledged.values()}:
        for series in {one.series for one in acknowledged.values() if one.study == study}:
            rows = node.find("IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID=None)
            uids = [str(row.SOPInstanceUID) for row in rows]
            assert len(uids) == len(set(uids))
            found |= set(uids)
    lost = acknowledged.keys() - found
    assert not lost, f"{len(lost)} of {len(acknowledged)} lost"
    for one in acknowledged.values():
        assert samples.split_part10(node.wado(one))[3] == one.raw
    assert node.verify() == "no damage"
    on_disk = {os.path.basename(path).rsplit(".", 2)[0] for path in node.objects()}
    for uid in on_disk - acknowledged.keys():  # stored but not told: allowed, when it is whole and can be found
        assert node.find("IMAGE", extended=b"\1", SOPInstanceUID=uid), f"a file that no row names: {uid}"
    assert len(acknowledged) > KILLS


# ---- the power fails ----


def marked(node):
    """Files, below the data folder, of rows whose file was not known to be durable when the node was killed."""
    with contextlib.closing(sqlite3.connect(os.path.join(node.data, "catalog.sqlite"))) as catalog:
        uids = [uid for uid, in catalog.execute(
            "SELECT SOPInstanceUID FROM instance JOIN unsettled ON unsettled.instance = instance.id")]
    return [path for path in node.objects() if os.path.basename(path).rsplit(".", 2)[0] in uids]


@pytest.mark.parametrize("how", ["cut", "gone", "zeroes", "empty"])
def test_a_row_that_outran_its_file_goes_at_the_next_start(nodes, how):
    """The disk may keep the row of an instance and lose its file: nobody was told of it, as both were under way."""
    node = nodes()
    ones = samples.series_of(5)
    assert node.send(ones) == [0x0000] * 5
    last = None
    while not last:  # its mark goes with the next commit, and the node itself commits now and then
        last = samples.instance(study=ones[0].study, size=9000)
        assert node.send(last) == [0x0000]
        node.kill9()
        torn = [path for path in marked(node) if last.uid in path]
        if not torn:
            ones.append(last)
            last = None
            node.start()
    os.chmod(torn[0], 0o644)
    if how == "gone":
        os.unlink(torn[0])
    else:
        length = os.path.getsize(torn[0])
        with open(torn[0], "r+b") as file:
            file.truncate(0 if how == "empty" else 4096)
            if how == "zeroes":
                file.truncate(0)
                file.truncate(length)
    node.start()
    assert re.search(rf"instance-taken-back .*sop={last.uid}", node.log()), node.log()
    assert node.wado(last) is None
    assert node.count(StudyInstanceUID=last.study) == len(ones)
    assert [node.get_one(one) for one in ones] == [one.raw for one in ones]
    assert node.send(last) == [0x0000]
    assert node.get_one(last) == last.raw
    assert node.verify() == "no damage"
    node.kill9()
    node.start()
    assert node.get_one(last) == last.raw


def test_a_whole_file_whose_row_was_in_doubt_stays(nodes):
    node = nodes()
    one = samples.instance(size=9000)
    assert node.send(one) == [0x0000]
    for _ in range(3):
        node.kill9()
        node.start()
        assert node.get_one(one) == one.raw
    assert not re.search("instance-taken-back", node.log())


def test_a_torn_file_that_no_row_names_makes_way(nodes):
    """The disk may also keep the name of a file and lose its bytes and its row."""
    first, node = nodes(), nodes()
    one = samples.instance(size=9000)
    assert first.send(one) == [0x0000]
    path = os.path.join(node.data, os.path.relpath(first.objects()[0], first.data))
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as file:
        file.truncate(os.path.getsize(first.objects()[0]))
    assert node.send(one) == [0x0000]
    assert node.get_one(one) == one.raw
    assert node.verify() == "no damage"


# ---- what an earlier version stored ----


def as_earlier(node):
    """Names and rows as they were when the digest was a SHA-256."""
    catalog = sqlite3.connect(os.path.join(node.data, "catalog.sqlite"))
    for path in node.objects():
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read())
        stem = path.rsplit(".", 2)[0]
        os.rename(path, f"{stem}.{digest.hexdigest()[:8]}.dcm")
        catalog.execute("UPDATE instance SET sha256 = ? WHERE SOPInstanceUID = ?", (digest.digest(), os.path.basename(stem)))
    catalog.commit()
    catalog.close()


def test_what_was_stored_under_a_sha_256_is_still_known(nodes):
    node = nodes()
    ones = samples.series_of(3)
    assert node.send(ones) == [0x0000] * 3
    node.stop()
    as_earlier(node)
    node.start()
    assert node.verify() == "no damage"
    assert [node.get_one(one) for one in ones] == [one.raw for one in ones]
    assert node.send(ones) == [0x0000] * 3
    assert len(node.objects()) == 3, "the same content is there already"
    damaged = node.objects()[0]
    os.chmod(damaged, 0o644)
    with open(damaged, "r+b") as file:
        file.seek(-50, os.SEEK_END)
        file.write(b"rot")
    assert node.send(ones) == [0x0000] * 3
    assert node.verify() == "no damage"
    node.stop()
    node.cli("reindex")
    node.start()
    assert node.verify() == "no damage"
    assert [node.get_one(one) for one in ones] == [one.raw for one in ones]
    other = ones[0].dataset()
    other.PatientComments = "another content"
    assert node.send(samples.encode(other)) == [0x0111]


def test_a_kill_during_one_large_object_leaves_nothing_of_it(nodes):
    node = nodes()
    one = samples.instance(size=6_000_000)
    association = node.associate([(samples.CT, [dul.EXPLICIT])])
    association.raw(dul.pdu(4, dul.pdv(1, dul.encode_command(
        CommandField=dul.C_STORE, MessageID=1, AffectedSOPClassUID=one.sop_class, AffectedSOPInstanceUID=one.uid,
        Priority=0, CommandDataSetType=1), True)))
    for at in range(0, 5_000_000, 100_000):
        association.raw(dul.pdu(4, dul.pdv(1, one.raw[at:at + 100_000], False, False)))
    wait_until(lambda: any(os.path.getsize(path) > 1_000_000 for path in node.staging()) if node.staging() else
               any(map(large_unnamed, open_files(node.pid))), 30, "the object is on its way to the disk")
    node.kill9()
    association.close()
    node.start()
    assert not node.staging() and not node.objects()
    assert node.send(one) == [0x0000]
    assert node.get_one(one) == one.raw


def open_files(pid):
    folder = f"/proc/{pid}/fd"
    return [os.path.join(folder, name) for name in os.listdir(folder)]


def large_unnamed(path):
    try:
        return os.stat(path).st_size > 1_000_000 and "deleted" in os.readlink(path)
    except OSError:
        return False


def test_sigterm_while_sending_breaks_no_promise(nodes):
    node = nodes()
    senders = [Sender(node, samples.uid(), []) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    wait_until(lambda: sum(len(s.acknowledged) for s in senders) >= 20, 60)
    node.stop()
    for sender in senders:
        sender.join(60)
    node.start()
    told = [one for sender in senders for one in sender.acknowledged]
    assert all(samples.split_part10(node.wado(one))[3] == one.raw for one in told)
    assert node.verify() == "no damage"


def test_the_same_instance_in_two_associations_at_once_is_one_instance(nodes):
    node = nodes()
    for _ in range(15):
        one = samples.instance(size=20000)
        statuses = at_once(node, [one, one, one])
        assert statuses == [0x0000] * 3
        assert node.count(StudyInstanceUID=one.study) == 1
        assert sum(one.uid in path for path in node.objects()) == 1
    assert node.verify() == "no damage"


def test_the_first_instances_of_many_senders_are_all_taken(nodes):
    """The very first moment of a node: nothing is known yet, of the disk for one."""
    node = nodes()
    for _ in range(12):
        assert at_once(node, [samples.instance() for _ in range(6)]) == [0x0000] * 6
        node.start_again()


def test_two_contents_of_one_instance_at_once_leave_one_of_them(nodes):
    node = nodes()
    for _ in range(15):
        one = samples.instance(size=20000)
        changed = one.dataset()
        changed.PatientComments = "another content"
        other = samples.encode(changed)
        assert sorted(at_once(node, [one, other])) == [0x0000, 0x0111]
        assert node.get_one(one) in (one.raw, other.raw)
        assert sum(one.uid in path for path in node.objects()) == 1
    assert node.verify() == "no damage"


def at_once(node, ones):
    ready, statuses = threading.Barrier(len(ones)), []

    def send(one):
        with node.associate([(one.sop_class, [one.syntax])]) as association:
            ready.wait(30)
            statuses.append(association.store(one.sop_class, one.uid, one.raw).Status)

    threads = [threading.Thread(target=send, args=(one,)) for one in ones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return statuses


# ---- the disk ----


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB of our own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def out_of_resources(node):
    return node.send(samples.instance())[0] & 0xFF00 == 0xA700


def unwell(node):
    """The node looks at itself once a second."""
    return wait_until(lambda: node.health() if node.health()[0] == 503 else None, 15, "health says 503")[1]["problem"]


def well(node):
    wait_until(lambda: node.health()[0] == 200, 30, "the node is well again")
    one = samples.instance()
    assert node.send(one) == [0x0000]
    return node.get_one(one) == one.raw


def test_a_full_disk_is_refused_told_and_got_over(nodes, small_disk):
    node = nodes(data=small_disk / "data", store__reserve_mb=0)
    one = samples.instance()
    assert node.send(one) == [0x0000]
    assert node.health()[0] == 200
    ballast = small_disk / "ballast"
    fill(ballast)
    big = samples.instance(size=3_000_000)
    assert node.send(big)[0] & 0xFF00 == 0xA700
    assert node.running()
    assert re.search(r"(warn|error) +instance-in.*code=full", node.log()), node.log()
    fill(ballast, "ab")
    assert unwell(node)
    assert node.get_one(one) == one.raw, "reading still works"
    ballast.unlink()
    assert well(node)
    assert node.send(big) == [0x0000]
    assert node.get_one(big) == big.raw
    assert not node.staging()
    assert node.verify() == "no damage"
    node.stop()


def test_a_disk_that_fills_up_while_many_send_keeps_every_promise(nodes, small_disk):
    node = nodes(data=small_disk / "data", store__reserve_mb=0)
    told, refused = [], []

    def send():
        with node.associate([(samples.CT, [dul.EXPLICIT])]) as association:
            while len(refused) < 40:
                one = samples.instance(size=random.choice([200, 60_000, 300_000]))
                status = association.store(one.sop_class, one.uid, one.raw).Status
                (told if status == 0x0000 else refused).append((one, status))

    threads = [threading.Thread(target=send) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(told) > 20 and {status & 0xFF00 for _, status in refused} == {0xA700}
    for one, _ in told:
        assert samples.split_part10(node.wado(one))[3] == one.raw
    assert not node.staging()
    kept = {one.uid for one, _ in told}
    assert {os.path.basename(path).rsplit(".", 2)[0] for path in node.objects()} == kept
    node.stop()


def fill(path, mode="wb"):
    with open(path, mode, 0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def test_below_the_reserve_nothing_is_taken(nodes, small_disk):
    node = nodes(data=small_disk / "data", store__reserve_mb=12)
    assert node.send(samples.instance()) == [0x0000]
    with open(small_disk / "ballast", "wb") as file:
        file.write(bytes(13 << 20))
    wait_until(lambda: out_of_resources(node), 15, "the node sees that the disk is nearly full")
    assert "reserve" in unwell(node) or "free" in unwell(node)
    os.remove(small_disk / "ballast")
    assert well(node)
    node.stop()


@pytest.fixture
def humble(tmp_path):
    """(user id, folder): somebody who may not write everywhere; root runs the node as nobody."""
    if os.geteuid() != 0:
        yield None, tmp_path
        return
    folder = tempfile.mkdtemp(prefix="yq-cases-")
    os.chmod(folder, 0o755)
    os.chown(folder, 65534, 65534)
    runs = subprocess.run([BINARY, "version"], user=65534, group=65534, capture_output=True, cwd=folder) \
        if accessible(BINARY) else None
    if not runs or runs.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"only root can run {BINARY}, and root writes everywhere")
    yield 65534, pathlib.Path(folder)
    shutil.rmtree(folder)


def accessible(path):
    """Can others reach and run it?"""
    parents = pathlib.Path(os.path.realpath(path)).parents
    return os.stat(path).st_mode & 0o001 and all(os.stat(parent).st_mode & 0o001 for parent in parents)


def test_folders_that_may_no_longer_be_written_are_refused_told_and_got_over(nodes, humble):
    user, folder = humble
    node = nodes(data=folder / "data", user=user)
    one = samples.instance()
    assert node.send(one) == [0x0000]
    places = [os.path.join(node.data, name) for name in ("staging", "objects")]
    places += [root for root, _, _ in os.walk(places[1])]
    modes = {place: os.stat(place).st_mode & 0o777 for place in places}
    for place in places:
        os.chmod(place, 0o500)
    try:
        assert out_of_resources(node) or node.send(samples.instance())[0] == 0x0124
        assert unwell(node)
        assert node.get_one(one) == one.raw
    finally:
        for place, mode in modes.items():
            os.chmod(place, mode)
    assert well(node)
    assert node.verify() == "no damage"
    node.stop()


def test_a_node_on_a_read_only_disk_says_so(nodes, small_disk):
    node = nodes(data=small_disk / "data", store__reserve_mb=0)
    assert node.send(samples.instance()) == [0x0000]
    node.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = node.cli("serve", "--set", "dicom.port=1", "--set", "http.port=0", code=1, timeout=60)
    assert re.search(r"read-only|not writable|may not|permission", done.err, re.I), done
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    node.start()
    assert well(node)
    node.stop()


# ---- the catalog ----


def test_a_catalog_that_somebody_locks_is_refused_and_comes_back(nodes):
    node = nodes()
    assert node.send(samples.instance()) == [0x0000]
    other = sqlite3.connect(os.path.join(node.data, "catalog.sqlite"), isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    one = samples.instance()
    assert node.send(one)[0] & 0xFF00 == 0xA700
    assert unwell(node)
    other.execute("ROLLBACK")
    other.close()
    assert well(node)
    assert node.send(one) == [0x0000]
    assert node.get_one(one) == one.raw
    assert len(node.objects()) == 3, "a refused instance leaves no file"
    assert node.verify() == "no damage"


def test_a_catalog_that_is_broken_is_told_and_rebuilt_from_the_files(nodes):
    node = nodes()
    ones = samples.series_of(4, PatientName="王^小明")
    assert set(node.send(ones)) == {0x0000}
    node.stop()
    catalog = os.path.join(node.data, "catalog.sqlite")
    with open(catalog, "r+b") as file:
        file.write(samples.noise_bytes(3, os.path.getsize(catalog)))
    for rest in ("-wal", "-shm"):
        if os.path.exists(catalog + rest):
            os.remove(catalog + rest)
    node.start()
    assert node.send(samples.instance())[0] & 0xFF00 == 0xA700
    rows, final = node.find_all("STUDY", StudyInstanceUID=None)
    assert rows == [] and final.Status == 0xA700
    assert "reindex" in unwell(node)
    assert "reindex" in node.log()
    assert len(node.objects()) == 4, "refused instances leave no files"
    node.stop()
    node.cli("reindex")
    node.start()
    assert node.health()[0] == 200
    row, = node.find("STUDY", StudyInstanceUID=ones[0].study, PatientName=None, NumberOfStudyRelatedInstances=None,
                     charset="ISO_IR 192")
    assert row.NumberOfStudyRelatedInstances == 4 and row.PatientName == "王^小明"
    assert [node.get_one(one) for one in ones] == [one.raw for one in ones]
    assert node.send(samples.instance()) == [0x0000]


def test_a_catalog_that_is_gone_is_rebuilt_from_the_files(nodes):
    node = nodes(store__duplicates="keep-both")
    one = samples.instance()
    changed = one.dataset()
    changed.PatientComments = "another content"
    other = samples.encode(changed)
    assert node.send(one, other) == [0x0000, 0x0000]
    served = node.get_one(one)
    node.stop()
    for name in os.listdir(node.data):
        if name.startswith("catalog.sqlite"):
            os.remove(os.path.join(node.data, name))
    node.cli("reindex")
    node.start()
    assert node.count(StudyInstanceUID=one.study) == 1
    assert served == one.raw and node.get_one(one) in (one.raw, other.raw)
    assert node.verify() == "no damage"


def test_a_deleted_study_stays_deleted_after_a_reindex(nodes):
    node = nodes()
    gone, kept = samples.instance(), samples.instance()
    assert node.send(gone, kept) == [0x0000, 0x0000]
    node.cli("delete", "--study", gone.study)
    assert node.wado(gone) is None and node.wado(kept)
    node.stop()
    node.cli("reindex")
    node.start()
    assert node.wado(gone) is None and node.wado(kept)


@pytest.mark.parametrize("how", ["flipped", "cut", "gone"])
def test_what_is_sent_again_is_whole_again(nodes, how):
    """Success for an instance that is there already is true only when its file is whole."""
    node = nodes()
    one = samples.instance(size=9000)
    assert node.send(one) == [0x0000]
    path, = node.objects()
    os.chmod(path, 0o644)
    if how == "gone":
        os.unlink(path)
    else:
        with open(path, "r+b") as file:
            if how == "cut":
                file.truncate(5000)
            else:
                file.seek(5000)
                file.write(b"rotten")
    assert node.send(one) == [0x0000]
    assert node.verify() == "no damage"
    assert node.get_one(one) == one.raw


def test_a_file_that_rots_is_found_by_verify(nodes):
    node = nodes()
    one = samples.instance(size=9000)
    assert node.send(one) == [0x0000]
    path, = node.objects()
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"rot")
    done = node.cli("verify", code=1)
    assert one.uid in done.out + done.err


def test_a_second_node_on_the_same_folder_is_refused_in_words(nodes):
    node = nodes()
    done = node.cli("serve", "--set", "dicom.port=1", "--set", "http.port=0", code=1, timeout=60)
    assert "serve.lock" in done.err or "already" in done.err or "another" in done.err, done
    assert node.echo() == 0x0000


def test_a_node_may_be_stopped_at_any_moment_of_a_visit(nodes):
    """Visits that begin, go on and end while SIGTERM arrives: the node goes in order all the same."""
    node = nodes()
    for n in range(25):
        stop = threading.Event()

        def visit():
            while not stop.is_set():
                try:
                    node.echo()
                except (dul.Aborted, dul.Rejected, dul.Released, OSError, AssertionError):
                    pass

        visitors = [threading.Thread(target=visit) for _ in range(3)]
        for visitor in visitors:
            visitor.start()
        node.echo()
        try:
            node.stop()
        finally:
            stop.set()
            for visitor in visitors:
                visitor.join(60)
        node.start()


def test_a_node_that_is_stopped_twice_goes_once(nodes):
    node = nodes()
    held = node.associate([(dul.VERIFICATION, [dul.IMPLICIT])])
    node.process.send_signal(signal.SIGTERM)
    node.process.send_signal(signal.SIGTERM)
    node.stop()
    held.close()
