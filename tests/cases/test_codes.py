"""The hospital's own codes: what comes without a national one is counted, mapped by hand, by suggestion or by a table
that a spreadsheet saved, and counts from the next record on."""
import csv
import io
import json

import conftest
import hl7.client
import pytest
import rest

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def offline(nodes):
    """A folder of a node that does not run."""
    one = nodes()
    one.stop()
    return one


def codes(node, *args, code=0):
    return node.cli("codes", *args, code=code)


def asked(node, *args):
    return codes(node, *args, "--json").json()


def table(text):
    """What a spreadsheet shows of a CSV: ="01" is 01."""
    rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))
    plain = [[cell[2:-1] if cell.startswith('="') else cell.lstrip("'") for cell in row] for row in rows]
    return [dict(zip(plain[0], row)) for row in plain[1:]]


def test_set_and_unset(offline):
    codes(offline, "set", "exam-item", "CT001", "recognition-item", "CT010312506", "--name", "头颅CT平扫")
    codes(offline, "set", "exam-item", "CT001", "radiology-code", "B020ZYZZZ")
    codes(offline, "set", "sex", "男", "sex", "1", "--source", "hl7:ris")
    listed = asked(offline, "list")
    assert [(row["list"], row["source"], row["code"], row["national"], row["means"]) for row in listed] == [
        ("exam-item", "", "CT001", "B020ZYZZZ", "颅脑 CT 普通扫描(平扫)"),
        ("exam-item", "", "CT001", "CT010312506", "头颅 CT 平扫"), ("sex", "hl7:ris", "男", "1", "男性")]
    assert [row["code"] for row in asked(offline, "list", "--list", "sex")] == ["男"]
    assert "头颅 CT 平扫" in codes(offline, "list").out
    codes(offline, "unset", "exam-item", "CT001", "--dictionary", "radiology-code")
    assert [row["national"] for row in asked(offline, "list", "--list", "exam-item")] == ["CT010312506"]
    assert "no such code" in codes(offline, "unset", "exam-item", "CT009", code=1).err


def test_what_is_no_national_code_is_refused(offline):
    assert "sex has no code 7" in codes(offline, "set", "sex", "X", "sex", "7", code=1).err
    assert "no dictionary sexes" in codes(offline, "set", "sex", "X", "sexes", "1", code=1).err
    assert "too long" in codes(offline, "set", "sex", "X" * 200, "sex", "1", code=1).err
    assert codes(offline, "set", "sex", "X", "sex", code=2)
    assert codes(offline, "frobnicate", code=2)
    assert asked(offline, "list") == []
    codes(offline, "set", "lab-item", "K", "city-item", "002501010010000", "--force")
    assert asked(offline, "list")[0]["dictionary"] == "city-item"


def test_suggestions(offline):
    best = asked(offline, "suggest", "左膝关节MR平扫")
    assert best[0]["dictionary"] == "recognition-item" and best[0]["code"] == "MR050122506" and best[0]["score"] > 0.8
    assert {one["dictionary"] for one in best} == {"recognition-item", "neijiang/recognition-item", "radiology-code"}
    assert all(a["score"] >= b["score"] for a, b in zip(best, best[1:]) if a["dictionary"] == b["dictionary"])
    only = asked(offline, "suggest", "男", "--list", "sex", "--least", "0.1", "--most", "1")
    assert [(one["dictionary"], one["code"]) for one in only] == [("sex", "1")]
    assert codes(offline, "suggest", "胸片", "--dictionary", "radiology-code").out.split()[1] == "radiology-code"
    assert "nothing is like it" in codes(offline, "suggest", "zzzz").out
    assert "no dictionary" in codes(offline, "suggest", "x", "--dictionary", "nowhere", code=1).err
    assert codes(offline, "suggest", "x", "--least", "2", code=2)


def test_dictionaries_are_listed(offline):
    names = {one["name"]: one["count"] for one in asked(offline, "dictionary")}
    assert names["radiology-code"] == 481 and names["recognition-item"] == 320 and names["hebei/lab-method"] > 80
    one = asked(offline, "dictionary", "neijiang/refusal-reason")
    assert "8.2.4" in one["source"] and [term["code"] for term in one["terms"]] == list("123456")
    assert "女性" in codes(offline, "dictionary", "sex").out
    assert "no dictionary" in codes(offline, "dictionary", "nowhere", code=1).err


def test_a_table_goes_out_and_comes_back(offline, tmp_path):
    file = tmp_path / "codes.csv"
    for code, name in (("01", "前导零"), ("3-1", "像日期"), ("=1+1", '公式 "引号", 逗号'), ("MAR1", "-减号"), ("普通", "普通")):
        codes(offline, "set", "exam-item", code, "recognition-item", "CT010312506", f"--name={name}")
    codes(offline, "set", "patient-type", "体检", "patient-type", "4")
    codes(offline, "export", str(file))
    raw = file.read_bytes()
    assert raw.startswith(BOM) and b"\r\n" in raw
    assert b',"=""01""",' in raw and b",'-" in raw  # a spreadsheet makes neither a number nor a formula of it
    rows = table(raw)
    assert {row["本地代码"]: row["本地名称"] for row in rows}["=1+1"] == '公式 "引号", 逗号'
    before = asked(offline, "list")
    for row in before:
        codes(offline, "unset", row["list"], row["code"])
    assert asked(offline, "list") == []
    assert asked(offline, "import", str(file)) == {"set": 6, "passed_over": 0}
    assert asked(offline, "list") == before


def saved_by_excel(rows, charset="gbk"):
    """As Excel saves a CSV: no byte order mark, the local character set, blank cells at the end."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(list(row) + [""] for row in rows)
    return out.getvalue().encode(charset)


def test_gbk_from_excel(offline, tmp_path):
    file = tmp_path / "院内代码.csv"
    file.write_bytes(saved_by_excel([
        ["国家代码", "备注", "国家字典", "本地名称", "本地代码", "本地字典"],
        ["CT010312506", "随便写", "recognition-item", "颅脑平扫（门诊）", "A1", "exam-item"],
        ["3", "", "id-type", "护照", "hz", "id-type"],  # Excel has made 3 of 03
        ["", "", "recognition-item", "未定", "A2", "exam-item"],
        ["", "", "", "", "", ""]]))
    assert asked(offline, "import", str(file), "--dry-run") == {"set": 2, "passed_over": 1}
    assert asked(offline, "list") == []
    assert "2 mapped, 1 without" in codes(offline, "import", str(file)).out
    assert [(row["code"], row["name"], row["national"]) for row in asked(offline, "list")] == [
        ("A1", "颅脑平扫（门诊）", "CT010312506"), ("hz", "护照", "03")]


@pytest.mark.parametrize("content, why", [
    (b"", "empty"),
    ("本地字典,本地代码,国家字典\n".encode(), "no column 国家代码"),
    (b"list,code,dictionary,national,code\n", "stands twice"),
    (b"list,code,dictionary,national\n\xff\xff\xff", "neither UTF-8 nor GBK"),
    (b'list,code,dictionary,national\nsex,"M,sex,1\n', ":2: a field has a line break"),
    (b"list,code,dictionary,national\nsex,M,sex,1\nsex,F,sex,7\nsex,G,sexes,1\n,H,sex,1\n", "3 lines are wrong"),
    (b"list,code,dictionary,national\nsex," + b"M" * 300 + b",sex,1\n", ":2: a value is too long"),
])
def test_a_wrong_table_is_refused_whole(offline, tmp_path, content, why):
    file = tmp_path / "codes.csv"
    file.write_bytes(content)
    assert why in codes(offline, "import", str(file), code=1).err
    assert asked(offline, "list") == []


def test_lines_are_named(offline, tmp_path):
    file = tmp_path / "codes.csv"
    file.write_bytes(b"list,code,dictionary,national\nsex,M,sex,1\nsex,F,sex,7\n")
    assert f"{file}:3: sex has no code 7" in codes(offline, "import", str(file), code=1).err
    assert asked(offline, "import", str(file), "--force") == {"set": 2, "passed_over": 0}
    assert "absent.csv" in codes(offline, "import", str(tmp_path / "absent.csv"), code=1).err


# ---- while records come in ----

def order(number, sender="RIS", sex="M", item="CT001^头颅CT平扫（门诊）", card=""):
    return "\r".join([
        f"MSH|^~\\&|{sender}|H|YQ|H|20260301081500||ORM^O01|M{number}{sex}{item[:5]}|P|2.4|||||CHN|UNICODE UTF-8",
        f"PID|1||P{number}^^^H^PI||测试{number}||19800102|{sex}",
        "PV1|1|O",
        f"ORC|NW|O{number}|F{number}",
        f"OBR|1|O{number}|F{number}|{item}|||20260301080000"]) + "\r"


def sent(node, *messages):
    with hl7.client.MLLPClient("127.0.0.1", node.hl7_port) as client:
        for message in messages:
            answer = client.send_message(message.encode()).decode()
            assert "MSA|AA" in answer or "MSA|CA" in answer, answer


@pytest.fixture
def hospital(nodes, tmp_path):
    conf = tmp_path / "conf"
    conf.mkdir()
    (port,) = conftest.free_ports(1)
    (conf / "sources.json").write_text(json.dumps({"sources": [
        {"name": "ris", "type": "hl7", "application": "RIS"}, {"name": "his", "type": "hl7", "application": "HIS"}]}))
    one = nodes(conf=str(conf), hl7__port=port)
    one.hl7_port = port
    return one


def unmapped(node, *args):
    return {(row["list"], row["source"], row["code"]): row for row in asked(node, "unmapped", *args)}


def test_what_comes_without_a_national_code_is_counted(hospital):
    sent(hospital, *(order(number, sex="公") for number in range(3)), order(3, "HIS", sex="公"), order(4))
    seen = unmapped(hospital)
    assert seen["sex", "hl7:ris", "公"]["times"] == 3 and seen["sex", "hl7:his", "公"]["times"] == 1
    item = seen["exam-item", "hl7:ris", "CT001"]
    assert item["times"] == 4 and item["name"] == "头颅CT平扫（门诊）"
    assert item["first"] <= item["last"]
    assert not [key for key in seen if key[2] in ("M", "1")]  # what the tables know is no question
    assert "公" in codes(hospital, "unmapped", "--list", "sex").out
    # the best suggestion is the right one
    row = next(row for row in asked(hospital, "suggest") if row["code"] == "CT001" and row["source"] == "hl7:ris")
    assert row["suggestions"][0]["code"] == "CT010312506"
    assert "CT010312506" in codes(hospital, "suggest").out
    # mapped for one sender, it is none of the questions any more
    codes(hospital, "set", "sex", "公", "sex", "1", "--source", "hl7:ris")
    seen = unmapped(hospital)
    assert ("sex", "hl7:ris", "公") not in seen and ("sex", "hl7:his", "公") in seen
    sent(hospital, order(5, sex="公"))
    assert ("sex", "hl7:ris", "公") not in unmapped(hospital)
    codes(hospital, "unset", "sex", "公")
    assert unmapped(hospital)["sex", "hl7:ris", "公"]["times"] == 3
    codes(hospital, "forget", "sex")
    assert not unmapped(hospital, "--list", "sex")


def test_the_unmapped_go_out_with_suggestions_and_come_back_filled_in(hospital, tmp_path):
    file = tmp_path / "unmapped.csv"
    sent(hospital, order(1), order(2, item="DR7^胸部正侧位片"))
    codes(hospital, "export", str(file), "--unmapped", "--list", "exam-item", "--dictionary", "recognition-item")
    rows = table(file.read_bytes())
    assert {(row["本地代码"], row["建议代码"], row["国家代码"]) for row in rows} == {
        ("CT001", "CT010312506", ""), ("DR7", "DR020062506", "")}
    filled = [list(rows[0])] + [list(dict(row, 国家代码=row["建议代码"]).values()) for row in rows]
    file.write_bytes(saved_by_excel(filled))
    assert asked(hospital, "import", str(file))["set"] == 2
    assert not unmapped(hospital, "--list", "exam-item")
    assert {row["means"] for row in asked(hospital, "list")} == {"头颅 CT 平扫", "胸部正侧位"}


def test_codes_outlive_the_node_and_a_reindex(hospital):
    sent(hospital, order(1, sex="公"))
    codes(hospital, "set", "exam-item", "CT001", "recognition-item", "CT010312506")
    sent(hospital, order(2, sex="公"))
    hospital.kill9()
    before, seen = asked(hospital, "list"), unmapped(hospital)
    assert before and seen["sex", "hl7:ris", "公"]["times"] == 2
    hospital.cli("reindex")
    assert asked(hospital, "list") == before and unmapped(hospital) == seen


def test_who_changed_codes_is_in_the_audit_trail(offline):
    codes(offline, "set", "sex", "男", "sex", "1")
    assert "codes: 1 mapped" in offline.cli("audit", "--json").out


def test_a_province_takes_what_is_mapped(nodes):
    """A record keeps what was sent; once it is mapped, the province has nothing to say against it."""
    node = nodes()
    body = {"patientName": "测试甲", "sex": "公", "visitType": "门", "itemCode": ["CT001"], "itemName": ["头颅CT平扫"],
            "status": "examined", "accessionNumber": ["A1"]}
    assert rest.put(node, "exams/E1", body).status in (200, 201)

    def refused():
        said = node.cli("validate", "shanxi", "exam", "E1", "--json", code=None).out
        return {field for field in ("sex", "patientFrom", "examItemCode", "examItemName")
                if f'"{field}"' in said}

    assert refused() >= {"sex", "examItemCode"}
    (source,) = {row["source"] for row in asked(node, "unmapped")}
    assert source.startswith("rest:") and len(asked(node, "unmapped")) == 3
    codes(node, "set", "sex", "公", "sex", "1")
    codes(node, "set", "patient-type", "门", "patient-type", "1", f"--source={source}")
    codes(node, "set", "exam-item", "CT001", "radiology-code", "B020ZYZZZ")
    codes(node, "set", "exam-item", "CT001", "recognition-item", "CT010312506")
    assert not refused() and not asked(node, "unmapped")
    kept = rest.get(node, "exams/E1").json()
    assert "公" in json.dumps(kept, ensure_ascii=False)
