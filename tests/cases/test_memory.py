"""An object of any size streams through: the node keeps none of it in memory."""
import concurrent.futures
import io
import os
import struct

import dul
import pytest
import samples
from conftest import BINARY, ROOT, sanitized

MEGABYTES = 2048 if os.environ.get("YQ_BIG") else 320
ALLOWED_KB = 48 * 1024  # page tables, buffers, the allocator's habits: far below the object


def plain_binary():
    """A build whose memory means something."""
    if not sanitized():
        return BINARY
    release = os.path.join(ROOT, "build", "release", "yingqiao")
    if os.path.exists(release):
        return release
    pytest.skip("memory means nothing under a sanitizer, and build/release/yingqiao is not there")


class Endless(io.RawIOBase):
    """head, then `count` bytes that are cheap to make and to check."""

    def __init__(self, head, count):
        self.head, self.left = head, count
        self.block = samples.noise_bytes(9, 1 << 20)
        self.at = 0

    def read(self, size=-1):
        if self.head:
            part, self.head = self.head[:size], self.head[size:]
            return part
        size = min(size, self.left, len(self.block) - self.at)
        part = self.block[self.at:self.at + size]
        self.at = (self.at + size) % len(self.block)
        self.left -= size
        return part


@pytest.fixture
def node(nodes):
    return nodes(binary=plain_binary())


def big(megabytes):
    """(instance without its pixels, file-like object with all of it, size)"""
    head = samples.instance(size=8)
    count = megabytes << 20
    at = head.raw.rindex(b"\xe0\x7f\x10\x00")
    head.raw = head.raw[:at] + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, count)
    return head, Endless(head.raw, count), len(head.raw) + count


def test_a_huge_object_comes_in_and_goes_out_with_flat_memory(node, tmp_path):
    assert node.send(samples.instance()) == [0x0000]
    before = node.peak_kb()
    one, body, size = big(MEGABYTES)
    with node.associate([(one.sop_class, [one.syntax])], timeout=600) as association:
        assert association.store(one.sop_class, one.uid, body).Status == 0x0000
    assert node.peak_kb() - before < ALLOWED_KB, "while it came in"

    expected, received = Endless(one.raw, MEGABYTES << 20), 0
    with node.associate([(dul.GET["study"], [dul.IMPLICIT]), (one.sop_class, [one.syntax])], roles=[one.sop_class],
                        timeout=600) as association:
        identifier = samples.Dataset()
        identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", one.study
        association.ask(dul.C_GET, dul.GET["study"], identifier)
        context, raw = association.part(True)
        while True:  # piece by piece: the test has no room for it either
            _, flags, data = association.next_pdv()
            while data:
                wanted = expected.read(len(data))
                assert data[:len(wanted)] == wanted
                data, received = data[len(wanted):], received + len(wanted)
            if flags & 2:
                break
        association.respond(dul.Message(context, dul.decode_command(raw), None), 0x0000)
        assert list(association.answers())[-1].Status == 0x0000
    assert received == size
    assert node.peak_kb() - before < ALLOWED_KB, "while it went out by C-GET"

    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=600)
    connection.request("GET", f"/wado?requestType=WADO&studyUID={one.study}&seriesUID={one.series}"
                              f"&objectUID={one.uid}&contentType=application%2Fdicom")
    answer = connection.getresponse()
    assert answer.status == 200
    total = 0
    while part := answer.read(1 << 20):
        total += len(part)
    connection.close()
    assert total > size
    assert node.peak_kb() - before < ALLOWED_KB, "while it went out by HTTP"
    assert not node.staging()


def test_four_large_objects_at_once_need_no_more_than_four_buffers(node):
    import threading
    node.send(samples.instance())
    before = node.peak_kb()
    statuses = []

    def send():
        one, body, _ = big(48)
        with node.associate([(one.sop_class, [one.syntax])], timeout=600) as association:
            statuses.append(association.store(one.sop_class, one.uid, body).Status)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert statuses == [0x0000] * 4
    assert node.peak_kb() - before < ALLOWED_KB


def test_an_object_larger_than_allowed_is_refused_before_it_fills_the_disk(nodes):
    node = nodes(store__max_object_mb=1)
    one = samples.instance(size=3_000_000)
    small = samples.instance()
    with node.associate([(one.sop_class, [one.syntax])]) as association:
        assert association.store(one.sop_class, one.uid, one.raw).Status & 0xFF00 == 0xA700
        assert association.store(small.sop_class, small.uid, small.raw).Status == 0x0000
    assert len(node.objects()) == 1 and not node.staging()


def test_memory_does_not_grow_with_the_number_of_associations(node):
    def visits(count):
        for _ in range(count):
            with node.associate([(samples.CT, [dul.EXPLICIT]), (dul.FIND["study"], [dul.IMPLICIT])]) as association:
                one = samples.instance()
                association.store(one.sop_class, one.uid, one.raw)
    visits(100)
    before = node.rss_kb()
    visits(300)
    assert node.rss_kb() - before < 16 * 1024


def test_memory_does_not_grow_with_the_number_of_pictures(node, demo_files):
    """Plain and compressed images, in their own size and scaled, over and over, from eight connections."""
    assert set(node.send(*demo_files)) == {0}
    uids = [uid for uid in (samples.load(path).uid for path in demo_files) if node.picture(uid)]
    assert len(uids) > 5
    asked = [uid + more for uid in uids for more in ("", "&rows=64&columns=64", "&region=0.2,0.2,0.7,0.8")]

    def look(times):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert all(pool.map(node.picture, asked * times))

    look(max(1, 600 // len(asked)))
    before, files = node.rss_kb(), node.open_files()
    look(max(1, 3000 // len(asked)))
    assert node.rss_kb() - before < 16 * 1024
    assert node.open_files() <= files + 8
