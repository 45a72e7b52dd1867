"""User identity negotiation (PS3.7 D.3.3.7): who a caller says it is, and whether that is checked."""
import hashlib
import json
import os
import re
import socket

import pytest

import dul
import samples
from conftest import wait_until, yingqiao
from test_limits import peers

ECHO = [(dul.VERIFICATION, [dul.IMPLICIT])]
SECRET = "correct horse battery"


def named(name, passcode=None, answer=0):
    return (2, answer, name.encode(), passcode.encode()) if passcode is not None else (1, answer, name.encode(), b"")


def asks(node, identity=None, calling="CASES"):
    """The association's answer to the identity (None: no word of it), or False when it is refused."""
    try:
        with node.associate(ECHO, calling=calling, identity=identity) as association:
            assert association.echo() == 0
            return association.believed if association.believed is not None else True
    except dul.Rejected as told:
        assert (told.result, told.source, told.reason) == (1, 1, 1)
        return False


def add_user(data, name, passcode=SECRET):
    return yingqiao("user", "add", name, data=data, input=passcode + "\n")


@pytest.fixture
def node_with(nodes):
    def begin(**settings):
        node = nodes(**settings)
        before = node.log().count("conf-reloaded")
        add_user(node.data, "ct1")
        wait_until(lambda: node.log().count("conf-reloaded") > before, 20)
        return node
    return begin


def test_nothing_is_checked_unless_it_is_configured(node_with):
    node = node_with()
    assert asks(node) is True
    for identity in (named("nobody"), named("nobody", "wrong"), (3, 0, b"ticket", b""), (4, 1, b"<saml/>", b""),
                     (5, 1, b"a.b.c", b""), (9, 1, b"?", b"?"), named("x" * 300, "y" * 3000)):
        assert asks(node, identity) is True, identity
    assert asks(node, named("nobody", answer=1)) == b""  # told that it was accepted, with an empty response
    assert asks(node, named("nobody", "wrong", answer=1)) == b""


def test_what_is_said_is_checked(node_with):
    node = node_with(dicom__user_identity="check")
    assert asks(node) is True
    assert asks(node, named("ct1", SECRET)) is True
    assert asks(node, named("ct1", SECRET, answer=1)) == b""
    for identity in (named("ct1", SECRET + "x"), named("ct1", ""), named("ct1"), named("ct2", SECRET), named("", SECRET),
                     (3, 0, b"ticket", b""), (4, 0, b"<saml/>", b""), (5, 0, b"a.b.c", b""), (0, 0, b"ct1", b""),
                     (2, 0, b"ct1\0", SECRET.encode()), named("ct1", "y" * 3000), named("c" * 5000, SECRET)):
        assert asks(node, identity) is False, identity
    assert re.search(r'association-begin .* user="ct1"', node.log())

    def refused():
        return [line for line in node.log().splitlines() if "association-refused" in line]
    wait_until(lambda: len(refused()) == 12, 20)
    refusals = refused()
    assert "passcode of the user it says it is does not fit" in refusals[0] and "yingqiao user add 'ct1'" in refusals[0]
    assert "cannot be checked" in refusals[5]
    # what was typed stands nowhere, not even as a name that nobody has
    assert SECRET not in node.log() and "ct2" not in node.log() and "ticket" not in node.log()
    with pytest.raises(dul.Rejected):
        node.associate(ECHO, identity=named(SECRET, "ct1"))
    assert SECRET not in node.log()


def test_who_does_not_say_it_is_refused_where_it_is_required(node_with):
    node = node_with(dicom__user_identity="require")
    assert asks(node) is False
    assert asks(node, named("ct1", SECRET)) is True
    node.wait_for_log(r"it does not say which user it is")


def test_a_single_peer_can_be_bound_to_a_user(node_with):
    node = node_with()
    add_user(node.data, "mr1", "another secret")
    peers(node, {"aet": "CT", "host": "127.0.0.1", "user": "ct1"}, {"aet": "ANY", "host": "127.0.0.1", "user": "*"})
    assert asks(node) is True
    assert not asks(node, calling="CT") and not asks(node, calling="ANY")
    assert asks(node, named("ct1", SECRET), calling="CT") and asks(node, named("ct1", SECRET), calling="ANY")
    assert asks(node, named("mr1", "another secret"), calling="ANY")
    assert not asks(node, named("mr1", "another secret"), calling="CT")
    node.wait_for_log(r'aet="CT".*another user than its entry in peers.json names')


def test_storescu_logs_in_with_user_and_passcode(node_with, tmp_path):
    node = node_with(dicom__user_identity="require")
    path = samples.instance().save(tmp_path / "one.dcm")
    assert node.storescu(path, options=("-usr", "ct1", "-pwd", SECRET, "-rsp")).code == 0
    assert node.storescu(path, options=("-usr", "ct1", "-pwd", "wrong")).code != 0
    assert node.storescu(path, options=("-usr", "ct1")).code != 0
    assert node.storescu(path).code != 0


@pytest.mark.parametrize("item", [b"", b"\2\0", b"\2\0\0\3ct1", b"\2\0\0\3ct1\0", b"\2\0\0\3ct1\0\7secret", b"\2\1\xff\xff"])
def test_identities_that_are_cut_off_are_malformed(node_with, item):
    node = node_with(dicom__user_identity="check")
    whole = dul.associate_rq([(1, *ECHO[0])])
    user = whole.index(b"\x50\0", 74)
    rest = whole[user + 4:] + dul.item(0x58, item)
    pdu = dul.pdu(1, whole[6:user] + dul.item(0x50, rest))
    with socket.create_connection(("127.0.0.1", node.dicom_port), timeout=60) as sock:
        sock.sendall(pdu)
        assert sock.recv(100)[:1] == b"\7"  # A-ABORT
    assert asks(node, named("ct1", SECRET)) is True


def test_the_node_says_who_it_is_when_it_calls(nodes, node_with):
    there, here = node_with(dicom__user_identity="require"), nodes()
    at = {"host": "127.0.0.1", "port": there.dicom_port}
    peers(here, {"aet": "GOOD", **at, "our_user": "ct1", "our_passcode": SECRET},
          {"aet": "BAD", **at, "our_user": "ct1", "our_passcode": "wrong passcode"},
          {"aet": "NAME", **at, "our_user": "ct1"}, {"aet": "NOBODY", **at})
    here.cli("echo", "GOOD")
    for aet in ("BAD", "NAME", "NOBODY"):
        assert "rejected" in here.cli("echo", aet, code=1).err
    shown = here.cli("check").out
    assert SECRET not in shown and '"our_passcode": "***"' in shown
    path = os.path.join(here.data, "conf", "peers.json")
    os.chmod(path, 0o644)
    assert "chmod o=" in here.cli("check", code=1).err
    here.stop()
    assert SECRET not in here.log() + there.log()


# ---- the file ----

def test_passcodes_are_kept_salted_and_hashed_and_only_for_the_nodes_user(tmp_path):
    for name in ("ct1", "张三"):
        add_user(tmp_path, name)
    path = tmp_path / "conf" / "users.json"
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert SECRET not in text
    kept = {one["name"]: one["passcode"] for one in json.loads(re.sub(r"(?m)^//.*$", "", text))}
    assert set(kept) == {"ct1", "张三"} and kept["ct1"] != kept["张三"]
    for one in kept.values():
        scheme, rounds, salt, hashed = one.split("$")
        assert scheme == "pbkdf2-sha512" and int(rounds) >= 210000
        assert hashlib.pbkdf2_hmac("sha512", SECRET.encode(), bytes.fromhex(salt), int(rounds), 32).hex() == hashed
    path.chmod(0o644)
    done = yingqiao("check", data=tmp_path, code=1)
    assert "chmod 600" in done.err and "users.json" in done.err
    path.chmod(0o600)
    path.write_text('[{"name": "x", "passcode": "secret in clear"}]')
    done = yingqiao("check", data=tmp_path, code=1)
    assert "yingqiao user add" in done.err and "clear" not in done.err
    path.write_text('[{"name": "x", "passcode": "pbkdf2-sha512$1$00$00"}]')
    assert "damaged" in yingqiao("check", data=tmp_path, code=1).err


def test_users_are_added_changed_listed_and_removed(tmp_path):
    assert "no users yet" in yingqiao("user", "list", data=tmp_path).out
    add_user(tmp_path, "ct1")
    before = (tmp_path / "conf" / "users.json").read_text()
    add_user(tmp_path, "ct1")
    assert (tmp_path / "conf" / "users.json").read_text() != before
    made = yingqiao("--json", "user", "add", "mr1", "--random", data=tmp_path).json()
    assert made["name"] == "mr1" and len(made["passcode"]) >= 32
    assert yingqiao("--json", "user", "list", data=tmp_path).json() == [{"name": "ct1"}, {"name": "mr1"}]
    yingqiao("user", "remove", "ct1", data=tmp_path)
    assert yingqiao("user", "list", data=tmp_path).out == "mr1\n"
    assert "no user ct1" in yingqiao("user", "remove", "ct1", data=tmp_path, code=1).err
    assert "8 to 256" in yingqiao("user", "add", "x", data=tmp_path, code=1, input="short\n").err
    assert "no passcode" in yingqiao("user", "add", "x", data=tmp_path, code=1).err
    yingqiao("user", "add", 'a"b', data=tmp_path, code=2)
    yingqiao("user", "add", data=tmp_path, code=2)
    yingqiao("user", data=tmp_path, code=2)
