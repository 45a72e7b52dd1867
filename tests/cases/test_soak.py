"""An hour's worth of a busy node pressed into half a minute: everything at once, and what it uses stays flat.

YQ_SOAK_SECONDS makes it longer. Memory means something only in a build without sanitizers, so that one is asked.
"""
import collections
import contextlib
import http.client
import os
import random
import re
import socket
import threading
import time

import dul
import pytest
import samples
from test_memory import plain_binary

SECONDS = int(os.environ.get("YQ_SOAK_SECONDS", "24"))
GROWTH_KB = 12 * 1024  # the allocator's arenas settle in the first third; a leak of 1 KB a message is many times this
SPARE_FILES, SPARE_THREADS = 36, 12       # at most 16 idle connections to the catalog are kept, two files each


class Load:
    """Threads that each repeat one thing until told to stop, and say what went wrong."""

    def __init__(self, node):
        self.node, self.stopping, self.trouble, self.done = node, threading.Event(), [], {}
        self.lock, self.stored, self.deleted, self.threads = threading.Lock(), {}, set(), []

    def start(self, name, once):
        def work():
            chance = random.Random(name)
            while not self.stopping.is_set():
                try:
                    once(chance)
                except Exception as error:  # noqa: BLE001 - told to the test
                    self.trouble.append(f"{name}: {error!r}")
                    return
                with self.lock:
                    self.done[name] = self.done.get(name, 0) + 1
        self.threads.append(threading.Thread(target=work, name=name))
        self.threads[-1].start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self.threads), "a client hangs"

    def some(self, chance):
        with self.lock:
            return self.stored[chance.choice(list(self.stored))]

    # ---- what people do ----

    def store(self, chance):
        study = samples.uid()
        group = [samples.instance(study=study, size=chance.choice((300, 3000, 200_000))) for _ in range(5)]
        if chance.random() < 0.3 and self.stored:
            group.append(self.some(chance))  # sent again
        assert self.node.send(*group) == [0] * len(group)
        with self.lock:
            self.stored.update({one.uid: one for one in group if one.uid not in self.deleted})

    def find(self, chance):
        with self.node.associate([(dul.FIND["study"], [dul.IMPLICIT])]) as association:
            for _ in range(10):
                one = self.some(chance)
                dataset = samples.Dataset()
                dataset.QueryRetrieveLevel, dataset.StudyInstanceUID = "STUDY", one.study
                dataset.PatientName = chance.choice(("", "*", "Nobody^At^All"))
                association.ask(dul.C_FIND, dul.FIND["study"], dataset)
                assert list(association.answers())[-1].Status == 0

    def get(self, chance):
        one = self.some(chance)
        _, answers = self.node.get("STUDY", [dul.EXPLICIT], [one.sop_class], StudyInstanceUID=one.study)
        assert answers[-1].Status in (0, 0xA702, 0xB000) or one.uid in self.deleted, hex(answers[-1].Status)

    def move(self, chance):
        one = self.some(chance)
        answers = self.node.move("STUDY", "SECOND", StudyInstanceUID=one.study)
        assert answers[-1].Status in (0, 0xB000, 0xA702), hex(answers[-1].Status)

    def fetch(self, chance):
        one = self.some(chance)
        content = chance.choice(("application/dicom", "image/jpeg", "image/png", "image/gif"))
        status, _, _ = self.node.fetch(f"/wado?requestType=WADO&studyUID={one.study}&seriesUID={one.series}"
                                       f"&objectUID={one.uid}&contentType={content.replace('/', '%2F')}")
        assert status in (200, 404, 406, 410), (content, status)
        assert self.node.fetch("/metrics")[0] == 200

    def annoy(self, chance):
        """Port scanners, cut cables, garbage."""
        with socket.create_connection(("127.0.0.1", self.node.dicom_port), timeout=30) as sock:
            kind = chance.randrange(3)
            if kind == 0:
                sock.sendall(chance.randbytes(200))
            elif kind == 1:
                sock.sendall(dul.associate_rq([(1, samples.CT, [dul.EXPLICIT])])[:50])
        one = samples.instance(size=100_000)
        association = self.node.associate([(one.sop_class, [one.syntax])])
        association.sock.close()
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.node.http_port, timeout=30)
            connection.request("GET", "/wado?" + "x=%zz&" * chance.randrange(40))
            connection.getresponse()
            connection.close()
        time.sleep(0.05)  # a pace, not a wait

    def administer(self, chance):
        title = f"PEER{chance.randrange(10)}"
        self.node.cli("ae", "add", title, "127.0.0.1", "1", code=None)
        self.node.cli("ae", "remove", title, code=None)
        with self.lock:
            uid = chance.choice(list(self.stored)) if len(self.stored) > 200 else None
            one = self.stored.pop(uid) if uid else None
            if one:
                self.deleted.add(one.uid)
        if one:
            self.node.cli("delete", "--instance", one.uid)
        self.node.cli("studies", "--limit", "5", "--json")


def use_of(node):
    """(resident KB, open files, threads)"""
    with open(f"/proc/{node.pid}/status") as file:
        status = file.read()
    return (int(re.search(r"VmRSS:\s+(\d+)", status)[1]), len(os.listdir(f"/proc/{node.pid}/fd")),
            int(re.search(r"Threads:\s+(\d+)", status)[1]))


def open_files(node):
    """How often each of its open files is open."""
    folder = f"/proc/{node.pid}/fd"
    names = collections.Counter()
    for fd in os.listdir(folder):
        with contextlib.suppress(OSError):
            names[re.sub(r"\d+", "N", os.readlink(os.path.join(folder, fd)).replace(node.data, ""))] += 1
    return dict(names)


def settled(measure, enough, seconds=60):
    """What is measured, as soon as it is low enough; at the end as it is."""
    deadline = time.monotonic() + seconds
    while measure() > enough and time.monotonic() < deadline:
        time.sleep(0.1)
    return measure()


@pytest.fixture
def pair(nodes):
    binary = plain_binary()
    return nodes(binary=binary), nodes(binary=binary, dicom__aet="SECOND")


def test_everything_at_once_for_long_leaves_memory_and_files_flat(pair):
    node, second = pair
    node.configure([{"aet": "SECOND", "port": second.dicom_port}], [{"name": "all", "to": "SECOND"}])
    load = Load(node)
    chance = random.Random(1)
    for _ in range(4):
        load.store(chance)
    quiet = use_of(node)
    seen = []
    for name in ("store", "store-too", "find", "get", "move", "fetch", "annoy", "administer"):
        load.start(name, getattr(load, name.split("-")[0]))
    began = time.monotonic()
    while time.monotonic() - began < SECONDS and not load.trouble:
        seen.append(use_of(node))
        load.stopping.wait(0.25)
    load.stop()
    assert not load.trouble, load.trouble
    assert len(load.done) == 8, f"somebody never got a turn: {load.done}"
    third = len(seen) // 3
    for what, allowed, place in (("KB of memory", GROWTH_KB, 0), ("files", SPARE_FILES, 1), ("threads", SPARE_THREADS, 2)):
        middle = max(one[place] for one in seen[third:2 * third])
        end = max(one[place] for one in seen[2 * third:])
        assert end - middle <= allowed, f"{what} grew from {middle} to {end}: {[one[place] for one in seen]}"

    # When all have left, what they used is given back.
    for what, place, spare in (("files", 1, SPARE_FILES), ("threads", 2, 1)):
        left = settled(lambda: use_of(node)[place], quiet[place] + spare)
        assert left <= quiet[place] + spare, f"{what}: {quiet[place]} before, {left} after: {open_files(node)}"

    # Nothing that was acknowledged is lost, and nothing is damaged.
    kept = set(load.stored)
    rows = node.find("IMAGE", extended=b"\1", SOPInstanceUID=None)
    assert kept <= {row.SOPInstanceUID for row in rows}
    assert node.verify() == "no damage"
    assert node.echo() == 0

    # What was forwarded meanwhile has arrived, all of it.
    node.wait_for_queue(lambda jobs: not jobs, 300)
    there = {row.SOPInstanceUID for row in second.find("IMAGE", extended=b"\1", SOPInstanceUID=None)}
    assert kept <= there
