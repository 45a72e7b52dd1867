"""Who may come in, and how a radiology IT person lets somebody in while the node runs."""
import json
import os
import re
import shlex
import subprocess

import dul
import pytest
import samples
from conftest import run, wait_until


@pytest.fixture
def closed(nodes):
    """A node as it is by default: strangers stay outside."""
    return nodes(dicom__unknown_peers="refuse")


def welcome(node, aet):
    try:
        return node.echo(aet) == 0x0000
    except dul.Rejected:
        return False


def test_a_stranger_is_refused_and_the_log_says_what_to_add(closed):
    with pytest.raises(dul.Rejected) as refusal:
        closed.echo("STRANGER")
    assert (refusal.value.result, refusal.value.source, refusal.value.reason) == (1, 1, 3)
    line = closed.wait_for_log(r"[^\n]*association-refused[^\n]*")[0]
    assert "STRANGER" in line and "127.0.0.1" in line
    assert "ae add STRANGER 127.0.0.1" in line or '"aet"' in line, line


def test_the_line_in_the_log_works_as_it_stands(closed):
    assert not welcome(closed, "STRANGER")
    line = closed.wait_for_log(r"[^\n]*association-refused[^\n]*")[0]
    command = re.search(r'yingqiao (ae add [^"]+)"', line)
    assert command, line
    words = shlex.split(command[1])
    assert words[-2] == "--data" and os.path.samefile(words[-1], closed.data)
    subprocess.run([closed.binary, *words], check=True, cwd="/", stdout=subprocess.DEVNULL)
    wait_until(lambda: welcome(closed, "STRANGER"), 5, "the new peer is not let in")


def test_a_peer_added_while_the_node_runs_is_let_in_within_a_second_or_so(closed):
    assert not welcome(closed, "CT1")
    closed.ae_add("CT1", "127.0.0.1", 104)
    wait_until(lambda: welcome(closed, "CT1"), 5, "the new peer is not let in")
    closed.cli("ae", "remove", "CT1")
    wait_until(lambda: not welcome(closed, "CT1"), 5, "the removed peer is still let in")


def test_the_list_of_peers_says_what_was_added(closed):
    closed.ae_add("CT1", "192.0.2.7", 104, "--may", "store", "--note", "room 3", "--charset", "GB18030")
    listed = closed.cli("ae", "list", "--json").json()
    text = json.dumps(listed)
    assert "CT1" in text and "192.0.2.7" in text and "room 3" in text and "GB18030" in text


def test_a_peer_may_do_what_its_rights_say_and_no_more(closed):
    rights = {"SCANNER": "store", "WORKSTN": "query,retrieve", "ASKER": "query"}
    for aet, may in rights.items():
        closed.ae_add(aet, "127.0.0.1", 104, "--may", may)
    wait_until(lambda: all(welcome(closed, aet) for aet in rights), 5)
    one = samples.instance()
    assert closed.send(one, aet="SCANNER") == [0x0000]
    everything = [(samples.CT, [dul.EXPLICIT]), (dul.FIND["study"], [dul.IMPLICIT]), (dul.MOVE["study"], [dul.IMPLICIT]),
                  (dul.VERIFICATION, [dul.IMPLICIT])]
    granted = {}
    for aet in rights:
        with closed.associate(everything, calling=aet) as association:
            granted[aet] = [association.context(abstract) is not None for abstract, _ in everything]
    assert granted == {"SCANNER": [True, False, False, True], "WORKSTN": [False, True, True, True],
                       "ASKER": [False, True, False, True]}
    assert len(closed.find("STUDY", aet="WORKSTN", StudyInstanceUID=one.study)) == 1


def test_a_peer_is_let_in_from_its_own_address_only(closed):
    closed.ae_add("FARAWAY", "192.0.2.9", 104)
    closed.ae_add("MARKER", "127.0.0.1", 104)
    wait_until(lambda: welcome(closed, "MARKER"), 5)
    assert not welcome(closed, "FARAWAY")
    assert "127.0.0.1" in closed.wait_for_log(r"[^\n]*association-refused[^\n]*FARAWAY[^\n]*")[0]


@pytest.mark.parametrize("network, let_in", [("127.0.0.0/8", True), ("127.0.0.1/32", True), ("10.0.0.0/8", False),
                                             ("0.0.0.0/0", True)])
def test_a_peer_may_be_a_whole_network(closed, network, let_in):
    closed.ae_add("NETWORK", network, 0)
    closed.ae_add("MARKER", "127.0.0.1", 104)
    wait_until(lambda: welcome(closed, "MARKER"), 5)
    assert welcome(closed, "NETWORK") == let_in


def test_the_same_title_from_two_addresses_is_two_peers(closed):
    closed.ae_add("STORESCU", "192.0.2.9", 104)
    closed.ae_add("STORESCU", "127.0.0.1", 104)
    wait_until(lambda: welcome(closed, "STORESCU"), 5)


def test_a_mistake_in_the_file_keeps_the_old_peers_and_is_told(closed):
    closed.ae_add("CT1", "127.0.0.1", 104)
    wait_until(lambda: welcome(closed, "CT1"), 5)
    path = os.path.join(closed.data, "conf", "peers.json")
    with open(path) as file:
        good = file.read()
    with open(path, "w") as file:
        file.write('"aett"'.join(good.rsplit('"aet"', 1)) + "\n")  # the last: those before are examples in comments
    closed.wait_for_log(r"peers\.json:\d+")
    assert welcome(closed, "CT1")
    with open(path, "w") as file:
        file.write(good)
    closed.ae_add("CT2", "127.0.0.1", 104)
    wait_until(lambda: welcome(closed, "CT2"), 5)


def test_the_called_title_counts_when_the_rule_says_so(nodes):
    node = nodes(dicom__check_called_aet="true")
    assert node.echo() == 0x0000
    with pytest.raises(dul.Rejected) as refusal:
        dul.Association(node.port, [(dul.VERIFICATION, [dul.IMPLICIT])], called="WRONG")
    assert refusal.value.reason == 7


def test_an_open_node_takes_everybody(node):
    assert node.echo("ANYBODY") == 0x0000


def test_too_many_associations_at_once_are_asked_to_come_later(nodes):
    node = nodes(dicom__max_associations=3)
    contexts = [(dul.VERIFICATION, [dul.IMPLICIT])]
    held = [node.associate(contexts) for _ in range(3)]
    with pytest.raises(dul.Rejected) as refusal:
        node.associate(contexts)
    assert refusal.value.result == 2  # transient
    held.pop().release()

    def room():
        try:
            return node.echo() == 0x0000
        except dul.Rejected:
            return False
    wait_until(room, 10, "a place that became free is not given away")
    for association in held:
        assert association.echo() == 0x0000
        association.release()


def test_a_wrong_peer_is_refused_by_ae_add_in_words(closed):
    for args in (("TITLE-THAT-IS-TOO-LONG", "127.0.0.1", "104"), ("X", "127.0.0.1", "99999"), ("X", "not an host", "1")):
        done = closed.cli("ae", "add", *args, code=None)
        assert done.code in (1, 2) and done.err.strip(), done
    assert run("echoscu", "-aet", "X", "-aec", closed.aet, "127.0.0.1", closed.port).code != 0
