"""Hosts of their own (network namespaces), and a router between them that swallows what they say:
nothing answers, nothing refuses.

A closed port says no at once; a dead switch says nothing at all. Needs
root and iproute2, else it is skipped.
"""
import itertools
import os
import shutil
import subprocess

import pytest
import samples
from conftest import BINARY, Node, finish, run, wait_until

counter = itertools.count()


def ip(*args):
    return subprocess.run(["ip", *args], capture_output=True, text=True)


class Host:
    """A network namespace; its programs are started by a script, so that they keep their own process number."""

    def __init__(self, folder, name, address):
        self.folder, self.name, self.address = str(folder), name, address
        made = ip("netns", "add", name)
        if made.returncode:
            pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
        ip("-n", name, "link", "set", "lo", "up")
        self.binary = os.path.join(self.folder, f"yingqiao-on-{name}")
        with open(self.binary, "w") as script:
            script.write(f'#!/bin/sh\nexec ip netns exec {name} {BINARY} "$@"\n')
        os.chmod(self.binary, 0o755)

    def run(self, *args):
        return run("ip", "netns", "exec", self.name, *args)



class Network:
    """Two hosts and the router between them, which can swallow what they say to each other."""

    def __init__(self, folder, number):
        names = [f"yq{os.getpid() % 100000}{letter}{number}" for letter in "abr"]
        self.made = []
        try:
            self.a, self.b = self.host(folder, names[0], "10.231.7.1"), self.host(folder, names[1], "10.231.8.1")
            self.router = self.host(folder, names[2], "")
            for host, gateway in ((self.a, "10.231.7.254"), (self.b, "10.231.8.254")):
                ends = f"{host.name}e", f"{host.name}r"
                ip("link", "add", ends[0], "netns", host.name, "type", "veth", "peer", "name", ends[1],
                   "netns", self.router.name)
                for name, end, address in ((host.name, ends[0], host.address), (self.router.name, ends[1], gateway)):
                    ip("-n", name, "address", "add", f"{address}/24", "dev", end)
                    ip("-n", name, "link", "set", end, "up")
                ip("-n", host.name, "route", "add", "default", "via", gateway)
            self.router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        except BaseException:
            self.remove()
            raise

    def host(self, folder, name, address):
        self.made.append(Host(folder, name, address))
        return self.made[-1]

    def cut(self):
        for host in (self.a, self.b):
            assert ip("-n", self.router.name, "route", "add", "blackhole", host.address).returncode == 0

    def mend(self):
        for host in (self.a, self.b):
            assert ip("-n", self.router.name, "route", "del", "blackhole", host.address).returncode == 0

    def remove(self):
        for host in self.made:
            ip("netns", "del", host.name)


@pytest.fixture
def network(tmp_path):
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need root and iproute2")
    network = Network(tmp_path, next(counter))
    started = []

    def node(host, aet, **settings):
        folder = os.path.join(str(tmp_path), aet)
        os.makedirs(folder, exist_ok=True)
        started.append(Node(folder, {"dicom.aet": aet, **settings}, host.binary))
        return started[-1]

    network.node = node
    yield network
    try:
        finish(started)
    finally:
        network.remove()


def store(network, node, folder, count):
    """A modality on the node's own host sends a study: (instances, what storescu said)."""
    study, series = samples.uid(), samples.uid()
    group = [samples.instance(study=study, series=series, size=60_000) for _ in range(count)]
    paths = [one.save(os.path.join(str(folder), f"{one.uid}.dcm")) for one in group]
    done = network.a.run("storescu", "-aec", node.aet, "127.0.0.1", str(node.dicom_port), *paths)
    assert done.code == 0, done
    return group


def arrived(node, group):
    studies = node.cli("studies", f"StudyInstanceUID={group[0].study}", "--json").json()
    return int(studies[0]["NumberOfStudyRelatedInstances"]) if studies else 0


def has(node, group):
    return arrived(node, group) == len(group)


def forwarding(network, **forward):
    """(node here that forwards all to a node there, that node)"""
    other = network.node(network.b, "THERE")
    node = network.node(network.a, "HERE", **{"queue.retry_seconds": 1, "queue.retry_most_seconds": 3})
    node.configure([{"aet": "THERE", "host": network.b.address, "port": other.dicom_port, "forward": forward}],
                   [{"name": "all", "to": "THERE"}])
    return node, other


def test_a_cut_cable_delays_nobody_and_when_it_is_mended_everything_arrives(network, tmp_path):
    node, other = forwarding(network)
    first = store(network, node, tmp_path, 2)
    wait_until(lambda: has(other, first), 60, "the first study")
    network.cut()
    groups = [store(network, node, tmp_path, 2) for _ in range(3)]  # the modality gets its success all the same
    node.wait_for_queue(lambda jobs: len(jobs) == 3 and any("no connection" in job["why"] for job in jobs), 90)
    assert not any(has(other, group) for group in groups)
    network.mend()
    for group in groups:
        wait_until(lambda: has(other, group), 120, "a study after the cut")
    node.wait_for_queue(lambda jobs: not jobs)


def test_a_cut_in_the_middle_of_a_study_loses_nothing(network, tmp_path):
    node, other = forwarding(network, kb_per_second=60)
    group = store(network, node, tmp_path, 6)
    wait_until(lambda: arrived(other, group) >= 2, 60, "the first instances")
    network.cut()
    assert arrived(other, group) < len(group), "too fast for the test"
    job, = node.queue()
    assert job["state"] == "sending"
    node.cli("queue", "hold", "--to", "THERE")  # also what hangs lets go of its courier
    node.cli("queue", "release", "--to", "THERE")
    network.mend()
    wait_until(lambda: has(other, group), 240, "the whole study")
    node.wait_for_queue(lambda jobs: not jobs)
    assert other.verify() == "no damage"


def test_a_send_and_a_move_over_a_cut_cable_end_with_a_reason(network, tmp_path):
    node, other = network.node(network.a, "HERE"), network.node(network.b, "THERE")
    node.ae_add("THERE", network.b.address, str(other.dicom_port))
    group = store(network, node, tmp_path, 2)
    network.cut()
    done = network.a.run(BINARY, "send", "THERE", "--study", group[0].study, "--data", node.data)
    assert done.code == 1 and network.b.address in done.err, done
    move = network.a.run("movescu", "-S", "-v", "-aec", "HERE", "-aem", "THERE", "-k", "QueryRetrieveLevel=STUDY",
                         "-k", f"StudyInstanceUID={group[0].study}", "127.0.0.1", str(node.dicom_port))
    assert "Refused: OutOfResourcesSubOperations" in move.err + move.out, move
    node.wait_for_log(rf" move .*THERE.*no connection to {network.b.address}")
    network.mend()
    done = network.a.run(BINARY, "send", "THERE", "--study", group[0].study, "--data", node.data)
    assert done.code == 0 and has(other, group), done
