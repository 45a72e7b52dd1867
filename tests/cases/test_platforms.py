"""platforms.json as an IT person meets it: an example to fill in, mistakes with file and line, taken up while running."""
import json
import re

import pytest

from conftest import write_json, yingqiao

SHANXI = {"name": "shanxi", "province": "shanxi", "url": "http://127.0.0.1:1/", "key": "hex file:shanxi.key",
          "backfill_months": 0, "reconcile": ""}


@pytest.fixture
def conf(tmp_path):
    (tmp_path / "conf").mkdir()

    def put(platforms, **peers):
        text = platforms if isinstance(platforms, str) else json.dumps({"platforms": platforms}, indent=1)
        (tmp_path / "conf" / "platforms.json").write_text(text)
        return tmp_path
    put.folder = tmp_path / "conf"
    return put


def test_the_example_comes_with_a_new_node_in_both_languages(node):
    text = open(f"{node.data}/conf/platforms.json").read()
    assert '"province": "shanxi"' in text and "前置机" in text and "front-end machine" in text
    assert json.loads(node.cli("check").out[node.cli("check").out.index("{"):])["platforms"] == []


def test_check_prints_what_counts(conf):
    out = yingqiao("check", data=conf([SHANXI])).out
    printed = json.loads(out[out.index("{"):])["platforms"][0]
    assert printed["name"] == "shanxi" and printed["upload"] == "separate" and printed["couriers"] == 2
    assert "public_key" not in printed


@pytest.mark.parametrize("change, said", [
    ({"uplod": "merged"}, r"unknown key \"uplod\" \(did you mean \"upload\"\?\)"),
    ({"channel_key": "file:x"}, "belongs to platforms of province neijiang, this one is shanxi"),
    ({"windows": "22-6"}, "parts of the day such as 22:00-06:00"),
    ({"url": "10.1.2.3:80"}, r"takes http://host"),
    ({"key": "2a77be8ebc9c90cd25ccd1d31dce7a77"}, "says where the key is"),
    ({"hosts": "front.example"}, "are addresses"),
    ({"reconcile": "later"}, "a time of the day"),
])
def test_a_mistake_is_told_with_file_and_line_and_no_key(conf, change, said):
    key, = change
    data = conf([dict(SHANXI) | change])
    line = next(n for n, text in enumerate((conf.folder / "platforms.json").read_text().split("\n"), 1) if f'"{key}"' in text)
    err = yingqiao("check", data=data, code=1).err
    assert re.search(rf"platforms\.json:{line}: .*{said}", err), err
    assert "2a77" not in err


def test_a_peer_and_a_platform_have_different_names(conf):
    write_json(f"{conf.folder}/peers.json", [{"aet": "shanxi", "host": "10.1.2.3"}])
    assert "is the AE title of a peer" in yingqiao("check", data=conf([SHANXI]), code=1).err


def test_the_manual_lists_the_keys():
    told = yingqiao("help", "check").out
    assert re.search(r"^  backfill_months +months of exams", told, re.M)
    assert "keys of a platform in platforms.json" in told


def test_a_running_node_takes_a_change_up_and_keeps_what_it_has_when_it_is_wrong(node):
    write_json(f"{node.data}/conf/platforms.json", {"platforms": [dict(SHANXI, enabled=False)]})
    node.wait_for_log(r"conf-reloaded")
    write_json(f"{node.data}/conf/platforms.json", {"platforms": [dict(SHANXI, url="nowhere")]})
    node.wait_for_log(r"platforms\.json:6: .url. takes")


def test_check_says_which_key_cannot_be_had_and_never_what_it_is(conf):
    data = conf([SHANXI])
    err = yingqiao("check", data=data).err
    assert 'platform shanxi: "key"' in err and "shanxi.key" in err
    key = conf.folder / "shanxi.key"
    key.write_text("2a77be8ebc9c90cd25ccd1d31dce7a77\n")
    key.chmod(0o644)
    err = yingqiao("check", data=data).err
    assert 'platform shanxi: "key"' in err and "2a77" not in err
    key.chmod(0o600)
    done = yingqiao("check", data=data)
    assert 'platform shanxi: "key"' not in done.err and "2a77" not in done.out + done.err


def test_check_warns_of_what_a_platform_would_stumble_over(conf):
    data = conf([SHANXI])
    said = yingqiao("check", data=data).err
    assert "hospital.code is not set" in said and "records.url_base is empty" in said
    write_json(f"{conf.folder}/node.json", {"hospital": {"code": "12140000405700042C", "level": "2"},
                                           "records": {"url_base": "http://10.1.2.3:8080"}})
    said = yingqiao("check", data=data).err
    assert "no unified social credit code" in said and 'hospital.level "2"' in said and "url_base" not in said
    write_json(f"{conf.folder}/node.json", {"hospital": {"code": "12140000405700042Q", "level": "02"},
                                           "records": {"url_base": "http://10.1.2.3:8080"}})
    said = yingqiao("check", data=data).err
    assert "hospital." not in said and "url_base" not in said, said
