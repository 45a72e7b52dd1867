"""Watched folders: JSON, CSV as spreadsheets write it, XML, PDFs beside; done and failed with the reason."""
import csv
import io
import json
import os
import sqlite3
import stat
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree as ET
import zlib

import pytest
from conftest import Node, sanitized, wait_until, write_json
from pdfs import pdf
from web import ask

KINDS = ["exam", "report", "lab", "lab-device", "lab-quality", "item", "consent", "recognition", "viewing", "patient"]
CHINESE = {"检查号": "CT2026001", "患者编号": "P0001", "姓名": "张伟", "性别": "男", "出生日期": "1980/3/1", "检查类型": "CT",
           "检查时间": "2026/3/1 8:05", "影像所见": "两肺纹理清晰，\n未见异常。", "诊断意见": "未见明显异常", "报告号": "R2026001",
           "报告状态": "已审核", "报告时间": "2026/3/1 9:00"}


class Watched:
    """A node with one watched folder."""

    def __init__(self, tmp_path, name="inbox", **source):
        self.path = tmp_path / "share" / name
        self.path.mkdir(parents=True)
        self.source = {"name": name, "type": "folder", "path": str(self.path), "seconds": 1, "settle_seconds": 1, **source}
        self.node = Node(tmp_path, {"log.format": "text"}, wait=False)
        self.node.process.kill()
        self.node.process.wait()
        self.conf = os.path.join(self.node.data, "conf")
        os.makedirs(self.conf, exist_ok=True)
        self.configure()
        self.node.start()

    def configure(self, **changes):
        self.source.update(changes)
        write_json(os.path.join(self.conf, "sources.json"), {"sources": [self.source]})

    def mapping(self, name, *lines):
        os.makedirs(os.path.join(self.conf, "mapping"), exist_ok=True)
        with open(os.path.join(self.conf, "mapping", f"{name}.csv"), "w", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["kind", "member", "source", "note"])
            writer.writerows([*line, ""] for line in lines)

    def put(self, name, content):
        """As a careful sender does: written beside, then renamed."""
        content = content if isinstance(content, bytes) else content.encode()
        (self.path / f".{name}").write_bytes(content)
        os.rename(self.path / f".{name}", self.path / name)

    def done(self, name):
        return next(iter((self.path / "done").glob(f"*/{name}")), None)

    def failed(self, name):
        path = self.path / "failed" / name
        return path if path.exists() else None

    def wait_done(self, name, seconds=25):
        return wait_until(lambda: self.done(name), seconds, f"{name} in done: {self.tree()}\n{self.node.log()[-3000:]}")

    def wait_failed(self, name, seconds=25):
        return wait_until(lambda: self.failed(name), seconds, f"{name} in failed: {self.tree()}\n{self.node.log()[-3000:]}")

    def reason(self, name):
        return (self.path / "failed" / f"{name}.reason.txt").read_text(encoding="utf-8-sig")

    def tree(self):
        return sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*") if not p.is_dir())

    def records(self, kind):
        """{id: (version, record)} of the latest versions, from the catalog itself: also while the node is down."""
        with sqlite3.connect(f"file:{self.node.data}/catalog.sqlite?mode=ro", uri=True) as db:
            rows = db.execute("SELECT r.name, v.version, v.content FROM record r JOIN record_version v ON v.record = r.id "
                              "WHERE r.kind = ? ORDER BY v.version", (KINDS.index(kind),)).fetchall()
        found = {}
        for name, version, content in rows:
            if isinstance(content, bytes):
                content = content.decode() if content[:1] == b"{" else zlib.decompress(content).decode()
            found[name] = (version, json.loads(content) if content else None)
        return found

    def record(self, kind, name):
        """As a client of the node's own interface gets it."""
        answer = ask(self.node, f"/api/v1/{kind}s/{urllib.parse.quote(name, safe='')}?personal=true")
        assert answer.status == 200, answer.body
        return answer.json()


@pytest.fixture
def watch(tmp_path):
    made = []

    def make(**source):
        made.append(Watched(tmp_path, **source))
        return made[-1]
    yield make
    for one in made:
        one.node.stop()


def table(rows, encoding, delimiter=",", newline="\r\n"):
    """As a spreadsheet writes it."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


# ---- the forms ----

def test_a_csv_of_chinese_excel_becomes_exam_and_report(watch):
    w = watch(mapping="ris-export")
    w.put("export.csv", table([CHINESE], "gb18030"))
    w.wait_done("export.csv")
    exam, report = w.record("exam", "CT2026001"), w.record("report", "R2026001")
    assert (exam["patientName"], exam["sex"], exam["birthDate"], exam["examTime"]) == \
        ("张伟", "1", "1980-03-01", "2026-03-01 08:05:00")
    assert (report["status"], report["findings"], report["examId"]) == ("final", "两肺纹理清晰，\n未见异常。", ["CT2026001"])
    assert "folder:inbox" in ask(w.node, "/api/v1/exams/CT2026001/history").body.decode()
    assert len(w.tree()) == 1, w.tree()


@pytest.mark.parametrize("encoding,delimiter", [("utf-8-sig", ","), ("utf-8", ";"), ("utf-16", "\t"), ("gbk", ",")])
def test_csv_comes_in_other_encodings_and_with_other_marks(watch, encoding, delimiter):
    w = watch(mapping="ris-export")
    w.put("a.csv", table([CHINESE, {**CHINESE, "检查号": '="0007"', "报告号": '="0008"'}], encoding, delimiter))
    w.wait_done("a.csv")
    assert w.record("exam", "CT2026001")["patientName"] == "张伟"
    assert set(w.records("exam")) == {"CT2026001", "0007"} and set(w.records("report")) == {"R2026001", "0008"}


def test_lines_of_one_laboratory_report_are_one_record(watch):
    w = watch(mapping="lis-export")
    rows = [{"检验流水号": f"L{n}", "姓名": "李娜", "检验项目": "血常规", "报告时间": "2026-03-01 10:00", "指标代码": code, "指标名称": name,
             "结果": value, "单位": "10^9/L", "参考值": "3.5-9.5"}
            for n in (1, 2) for code, name, value in (("WBC", "白细胞", "5.6"), ("PLT", "血小板", "210"))]
    w.put("lab.csv", table(rows, "gb18030"))
    w.wait_done("lab.csv")
    for name in ("L1", "L2"):
        assert [(r["itemCode"], r["value"]) for r in w.record("lab", name)["results"]] == [("WBC", "5.6"), ("PLT", "210")]


def test_json_in_our_own_form_and_mapped(watch):
    w = watch()
    w.put("own.json", json.dumps([{"kind": "exam", "examId": "J1", "patientName": "王芳", "modality": ["MR"]},
                                  {"kind": "lab", "labId": "L1", "results": [{"itemCode": "K", "value": "4.1"}]}]))
    w.wait_done("own.json")
    assert w.record("exam", "J1")["modality"] == ["MR"]
    assert w.record("lab", "L1")["results"][0]["value"] == "4.1"
    w.put("lines.ndjson", "".join(json.dumps({"kind": "exam", "examId": f"N{n}"}) + "\n" for n in range(3)))
    w.wait_done("lines.ndjson")
    assert {"N0", "N1", "N2"} <= set(w.records("exam"))
    w.mapping("theirs", ("lab", "labId", "head.no"), ("lab", "patientName", "head/patient/name"),
              ("lab-result", "itemCode", "items[]/code"), ("lab-result", "value", "items[]/val"))
    w.configure(mapping="theirs", records="data/list")
    w.node.wait_for_log("conf-reloaded")
    w.put("theirs.json", json.dumps({"ok": True, "data": {"list": [
        {"head": {"no": 12345678901234567890, "patient": {"name": "赵强"}}, "items": [{"code": "A", "val": 1.50}, {"code": "B", "val": "x"}]}]}}))
    w.wait_done("theirs.json")
    lab = w.record("lab", "12345678901234567890")
    assert lab["patientName"] == "赵强" and [(r["itemCode"], r["value"]) for r in lab["results"]] == [("A", "1.5"), ("B", "x")]


def test_xml_with_its_declared_encoding(watch):
    w = watch(enabled=False)
    w.mapping("theirs", ("exam", "examId", "@id"), ("exam", "patientName", "patient/name"), ("exam", "modality", "device/type"),
              ("lab", "labId", "lab/no"), ("lab-result", "itemCode", "lab/results[]/code"), ("lab-result", "value", "lab/results[]/value"))
    w.configure(enabled=True, mapping="theirs")
    root = ET.Element("exams")
    for n in range(2):
        exam = ET.SubElement(root, "exam", id=f"X{n}")
        ET.SubElement(ET.SubElement(exam, "patient"), "name").text = "孙丽"
        for kind in ("CT", "PT"):
            ET.SubElement(ET.SubElement(exam, "device"), "type").text = kind
        lab = ET.SubElement(exam, "lab")
        ET.SubElement(lab, "no").text = f"XL{n}"
        results = ET.SubElement(lab, "results")
        for code in "AB":
            result = ET.SubElement(results, "result")
            ET.SubElement(result, "code").text = code
            ET.SubElement(result, "value").text = "<1"
    for encoding in ("utf-8", "GBK", "gb2312"):
        w.put(f"{encoding}.xml", ET.tostring(root, encoding=encoding, xml_declaration=True))
        w.wait_done(f"{encoding}.xml")
    assert {k: v[0] for k, v in w.records("exam").items()} == {"X0": 1, "X1": 1}, "the same again is no new version"
    assert w.record("exam", "X1")["patientName"] == "孙丽" and w.record("exam", "X1")["modality"] == ["CT", "PT"]
    assert [(r["itemCode"], r["value"]) for r in w.record("lab", "XL1")["results"]] == [("A", "<1"), ("B", "<1")]


def test_xml_that_would_fetch_something_is_refused(watch):
    w = watch(kind="exam")
    secret = w.path.parent / "secret"
    secret.write_text("geheim")
    w.put("evil.xml", f'<!DOCTYPE e [<!ENTITY x SYSTEM "file://{secret}">]><exams><exam><examId>&x;</examId></exam></exams>')
    w.wait_failed("evil.xml")
    assert "DOCTYPE" in w.reason("evil.xml") and not w.records("exam")
    w.put("bomb.xml", '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(9)) + "]><l><e><examId>&j;</examId></e></l>")
    w.wait_failed("bomb.xml")


# ---- what is wrong ----

def test_one_bad_row_does_not_keep_the_others_back(watch):
    w = watch(mapping="ris-export")
    rows = [{**CHINESE, "检查号": f"E{n}", "报告号": f"R{n}", "姓名": f"患者{n}"} for n in range(5)]
    rows[3]["出生日期"] = "昨天"
    w.put("batch.csv", table(rows, "gb18030"))
    w.wait_failed("batch.csv")
    assert set(w.records("exam")) == {"E0", "E1", "E2", "E4"}
    reason = w.reason("batch.csv")
    assert "line 8" in reason and "birthDate" in reason and "出生日期" in reason and "不是日期" in reason
    assert "昨天" not in reason and "患者3" not in reason, "no values of patients"
    with open(w.failed("batch.failed.csv"), encoding="utf-8-sig", newline="") as file:
        left = list(csv.DictReader(file))
    assert [row["检查号"] for row in left] == ["E3"]
    left[0]["出生日期"] = "1980-03-01"
    w.put("batch.failed.csv", table(left, "utf-8-sig"))  # mended, and in again
    w.wait_done("batch.failed.csv")
    assert set(w.records("exam")) == {"E0", "E1", "E2", "E3", "E4"}
    assert "患者3" not in w.node.log() and "昨天" not in w.node.log()


@pytest.mark.parametrize("name,content,why", [
    ("a.json", "[{\"kind\": \"exam\", \"examId\": \"1\"}, {\"kind\":", "JSON"),
    ("b.xml", "<exams><exam><examId>1</examId>", "XML"),
    ("c.csv", "examId,patientName\n1,\"open\n", "引号"),
    ("d.csv", "kind,patientName\nexam,x\n", "examId"),
    ("e.csv", "examId,patientName\n1,x\n", "kind"),
    ("f.csv", "kind,examId,idNumber\nexam,1,1.30103E+17\n", "1.2E+17"),
    ("g.csv", "kind,examId\nexam,1,2,3\n", "heading"),
    ("h.json", "[{\"kind\": \"exam\", \"examId\": \"1\", \"patientNam\": \"x\"}]", "patientNam"),
    ("i.csv", "kind,examId,clinicalDiagnosis\nexam,1,右肺上叶占位待查\nexam,2,右肺上叶".encode("gb18030") + b"\xff\xff\n", "字符集"),
    ("j.txt", b"\x00\x01\x02", "字节"),
])
def test_what_cannot_be_taken_is_told_with_its_reason(watch, name, content, why):
    w = watch()
    w.put(name, content)
    w.wait_failed(name)
    assert why in w.reason(name), w.reason(name)
    assert w.reason(name).startswith("来源 source: inbox")


def test_lab_results_with_a_bad_line_fail_as_a_whole(watch):
    w = watch(enabled=False)
    w.mapping("theirs", ("lab", "labId", "no"), ("lab-result", "itemCode", "code"), ("lab-result", "quantity", "value"))
    w.configure(enabled=True, mapping="theirs")
    rows = [{"no": no, "code": code, "value": value} for no, code, value in
            (("A", "K", "4"), ("A", "NA", "140"), ("B", "K", "high"), ("B", "NA", "141"), ("C", "K", "5"))]
    w.put("l.csv", table(rows, "utf-8"))
    w.wait_failed("l.csv")
    assert set(w.records("lab")) == {"A", "C"} and len(w.record("lab", "A")["results"]) == 2
    assert w.failed("l.failed.csv").read_text(encoding="utf-8-sig").splitlines() == ["no,code,value", "B,K,high", "B,NA,141"]


# ---- when a file is taken ----

def test_what_is_not_complete_is_left_alone(watch):
    w = watch(kind="exam")
    for name in (".hidden.csv", "a.csv.tmp", "a.csv.part", "~$a.csv", "a.xlsx", "b.filepart"):
        (w.path / name).write_text("examId\nNO\n")
    with open(w.path / "slow.csv", "w") as slow:
        slow.write("examId\nS1\n")
        slow.flush()
        w.put("whole.csv", "examId\nW1\n")
        w.wait_done("whole.csv")
        wait_until(lambda: "somebody is writing to it" in w.node.cli("folder", "status").out, 20)
        begun = w.node.log().count("outcome=done")
        w.put("whole2.csv", "examId\nW2\n")
        w.wait_done("whole2.csv")
        assert w.node.log().count("outcome=done") == begun + 1 and (w.path / "slow.csv").exists()
        slow.write("S2\n")
    w.wait_done("slow.csv")
    assert set(w.records("exam")) == {"W1", "W2", "S1", "S2"}
    assert len(w.tree()) == 9, w.tree()


def test_with_a_marker_a_file_waits_for_it(watch):
    w = watch(kind="exam", marker=".ok")
    w.put("a.csv", "examId\nA\n")
    w.put("b.csv", "examId\nB\n")
    w.put("b.csv.ok", "")
    w.wait_done("b.csv")
    assert set(w.records("exam")) == {"B"} and "its marker is not there" in w.node.cli("folder", "status").out
    w.put("a.ok", "")
    w.wait_done("a.csv")
    assert not list(w.path.glob("*.ok"))


def test_links_devices_and_paths_are_not_followed(watch):
    w = watch(kind="report", marker="")
    outside = w.path.parent / "outside.csv"
    outside.write_text("reportId\nOUT\n")
    os.symlink(outside, w.path / "link.csv")
    os.link(outside, w.path / "hard.csv")
    os.mkfifo(w.path / "pipe.csv")
    (w.path.parent / "x.pdf").write_bytes(pdf())
    w.put("path.csv", "reportId,pdfFile\nP1,../x.pdf\nP2,/etc/passwd\n")
    w.wait_failed("path.csv")
    assert "PDF" in w.reason("path.csv")
    status = w.node.cli("folder", "status", "--json").json()[0]
    why = {one["name"]: one["why"] for one in status["files"] if one["place"] == "waiting"}
    assert why == {"link.csv": "it is a symbolic link", "hard.csv": "it has a second name (hard link)", "pipe.csv": "it is no file"}
    assert not w.records("report") and outside.read_text() == "reportId\nOUT\n"


def test_a_subfolder_that_is_a_link_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "share" / "inbox").mkdir(parents=True)
    os.symlink(elsewhere, tmp_path / "share" / "inbox" / "done")
    os.rename(tmp_path / "share", tmp_path / "kept")
    w = Watched(tmp_path, kind="exam", enabled=False)
    try:
        os.symlink(elsewhere, w.path / "working")
        w.configure(enabled=True)
        w.put("a.csv", "examId\nA\n")
        w.node.wait_for_log("folder-trouble")
        assert (w.path / "a.csv").exists() and not list(elsewhere.iterdir())
        os.unlink(w.path / "working")
        w.wait_done("a.csv")
    finally:
        w.node.stop()


def test_a_folder_that_cannot_be_used_is_told_once_and_taken_up_later(watch):
    w = watch(kind="exam")
    os.rename(w.path, w.path.parent / "away")
    w.node.wait_for_log("folder-trouble.*inbox")
    wait_until(lambda: w.node.cli("folder", "status", code=1).out, 5)
    os.rename(w.path.parent / "away", w.path)
    w.node.wait_for_log("folder-well")
    assert w.node.log().count("folder-trouble") == 1
    w.put("a.csv", "examId\nA\n")
    w.wait_done("a.csv")


def test_a_full_disk_keeps_the_file_until_there_is_room(watch):
    w = watch(kind="exam", enabled=False)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0755", "tmpfs", str(w.path)], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        w.put("a.csv", "examId,birthDate\nA,2026-03-01\nB,?\n")
        with open(w.path / "filler.bin", "wb", buffering=0) as filler:
            with pytest.raises(OSError):
                while True:
                    filler.write(b"x" * 4096)
        w.configure(enabled=True)
        w.node.wait_for_log("folder-trouble")
        assert (w.path / "a.csv").exists() or (w.path / "working" / "a.csv").exists()
        os.unlink(w.path / "filler.bin")
        w.wait_failed("a.csv")
        w.node.wait_for_log("folder-well")
        assert set(w.records("exam")) == {"A"} and "birthDate" in w.reason("a.csv")
        w.configure(enabled=False)
        w.node.wait_for_log("conf-reloaded(.|\n)*conf-reloaded")
    finally:
        subprocess.run(["umount", "-l", str(w.path)], check=True)


# ---- PDFs ----

def test_pdfs_beside_are_kept_with_their_reports(watch):
    w = watch(kind="report")
    w.put("r1.pdf", pdf(text="one"))
    w.put("r1.json", json.dumps({"reportId": "R1"}))
    w.wait_done("r1.json")
    wait_until(lambda: w.done("r1.pdf"), 10)
    assert len(w.record("report", "R1")["pdf"]) == 64
    w.put("two.pdf", pdf(text="two"))
    w.put("three.pdf", pdf(text="three"))
    w.put("list.csv", "reportId,pdfFile\nR2,two.pdf\nR3,three.pdf\nR4,\n")
    w.wait_done("list.csv")
    pdfs = {name: w.record("report", name).get("pdf") for name in ("R2", "R3", "R4")}
    assert pdfs["R2"] != pdfs["R3"] and pdfs["R4"] is None
    wait_until(lambda: w.done("three.pdf") and w.done("two.pdf"), 10)


def test_a_report_waits_for_the_pdf_it_names(watch):
    w = watch(kind="report")
    w.put("late.csv", "reportId,pdfFile\nR1,late.pdf\nR2,\n")
    wait_until(lambda: "R2" in w.records("report"), 30)
    assert "R1" not in w.records("report") and (w.path / "working" / "late.csv").exists()
    w.put("late.pdf", pdf())
    w.wait_done("late.csv")
    assert w.record("report", "R1")["pdf"] and w.records("report")["R2"][0] == 1


def test_a_pdf_that_does_not_come_or_is_none_is_told(watch):
    w = watch(kind="report", pdf_seconds=1)
    w.put("never.csv", "reportId,pdfFile\nR1,never.pdf\nR2,\n")
    w.wait_failed("never.csv")
    assert "PDF" in w.reason("never.csv") and "never.pdf" not in w.reason("never.csv")
    w.put("bad.pdf", b"no pdf at all")
    os.utime(w.path / "bad.pdf", (1, 1))
    w.put("bad.csv", "reportId,pdfFile\nR3,bad.pdf\n")
    w.wait_failed("bad.csv")
    assert set(w.records("report")) == {"R2"} and (w.path / "bad.pdf").exists()
    w.configure(pdf="required")
    w.node.wait_for_log("conf-reloaded")
    w.put("without.json", json.dumps({"reportId": "R5"}))
    w.wait_failed("without.json")
    w.put("with.pdf", pdf())
    w.put("with.json", json.dumps({"reportId": "R6"}))
    w.wait_done("with.json")
    assert set(w.records("report")) == {"R2", "R6"}


# ---- crashes, sizes, two nodes ----

def test_a_crash_loses_nothing_and_makes_no_second_version(watch):
    w = watch(kind="exam")
    rows = 10000
    w.put("big.csv", "examId,patientName\n" + "".join(f"B{n},患者{n}\n" for n in range(rows)))
    for kill in range(4):
        seen = len(w.records("exam"))
        wait_until(lambda: len(w.records("exam")) > seen or w.done("big.csv"), 60, every=0.005)
        if w.done("big.csv"):
            break
        w.node.kill9()
        assert (w.path / "working" / "big.csv").exists()
        w.node.start()
    w.wait_done("big.csv", 300)
    found = w.records("exam")
    assert len(found) == rows and {version for version, _ in found.values()} == {1}


def test_two_nodes_on_one_folder_take_each_file_once(tmp_path):
    w = Watched(tmp_path, kind="exam")
    other = tmp_path / "other"
    other.mkdir()
    second = Node(other, wait=False)
    second.process.kill()
    second.process.wait()
    os.makedirs(os.path.join(second.data, "conf"), exist_ok=True)
    write_json(os.path.join(second.data, "conf", "sources.json"), {"sources": [w.source]})
    second.start()
    try:
        for n in range(40):
            w.put(f"f{n}.csv", f"examId\nE{n}\n")
        wait_until(lambda: all(w.done(f"f{n}.csv") for n in range(40)), 60, f"{w.tree()}")
        taken = [node.log().count("outcome=done") for node in (w.node, second)]
        assert sum(taken) == 40, taken
        assert not w.failed("f0.csv")
    finally:
        w.node.stop()
        second.stop()


def test_ten_thousand_rows_take_little_memory(watch):
    w = watch(kind="exam")
    line = "{n},患者{n},M,1980-03-01,胸部CT平扫，未见异常。未见异常。未见异常。未见异常。\n"

    def peak():
        with open(f"/proc/{w.node.pid}/status") as status:
            return int(next(one for one in status if one.startswith("VmHWM")).split()[1])
    head = "examId,patientName,sex,birthDate,clinicalDiagnosis\n"
    w.put("small.csv", head + "".join(line.format(n=f"S{n}") for n in range(500)))
    w.wait_done("small.csv")
    before = peak()
    began = time.monotonic()
    w.put("big.csv", head + "".join(line.format(n=f"B{n}") for n in range(10000)))
    w.wait_done("big.csv", 300)
    print(f"10 000 rows in {time.monotonic() - began:.1f} s, peak {before} -> {peak()} kB")
    assert len(w.records("exam")) == 10500
    if not sanitized():
        assert peak() - before < 30000


def test_a_file_that_is_too_large_is_refused_before_it_is_read(watch):
    w = watch(kind="exam", most_mb=1)
    with open(w.path / ".large.csv", "wb") as file:
        file.truncate(2 << 20)
    os.rename(w.path / ".large.csv", w.path / "large.csv")
    w.wait_failed("large.csv")
    assert "most_mb" in w.reason("large.csv")


def test_the_same_name_twice_is_kept_twice(watch):
    w = watch(kind="exam")
    for n in range(3):
        w.put("a.csv", f"examId\nA{n}\n")
        wait_until(lambda: f"A{n}" in w.records("exam") and not (w.path / "working" / "a.csv").exists(), 30)
    assert w.done("a.csv") and w.done("a.2.csv") and w.done("a.3.csv")


def test_what_was_done_long_ago_goes(watch):
    w = watch(kind="exam", done_days=30, enabled=False)
    old = w.path / "done" / "2020-01-01"
    old.mkdir(parents=True)
    (old / "a.csv").write_text("x")
    (w.path / "done" / "keep").mkdir()
    (w.path / "done" / "keep" / "b.csv").write_text("x")
    w.configure(enabled=True)
    w.node.wait_for_log("folder-purged .*files=1")
    assert not old.exists() and (w.path / "done" / "keep" / "b.csv").exists()


def test_replace_takes_away_what_a_file_does_not_have(watch):
    w = watch(kind="exam")
    w.put("a.csv", "examId,patientName,bed\nA,张伟,7\n")
    w.wait_done("a.csv")
    w.put("b.csv", "examId,patientName\nA,张伟明\n")
    w.wait_done("b.csv")
    assert (w.record("exam", "A")["patientName"], w.record("exam", "A")["bed"]) == ("张伟明", "7")
    w.configure(how="replace")
    w.node.wait_for_log("conf-reloaded")
    w.put("c.csv", "examId,patientName\nA,张伟明\n")
    w.wait_done("c.csv")
    assert "bed" not in w.record("exam", "A")


# ---- the commands ----

def test_folder_test_shows_what_a_file_would_become_and_keeps_nothing(watch, tmp_path):
    w = watch(mapping="ris-export")
    path = tmp_path / "try.csv"
    path.write_bytes(table([{**CHINESE, "别的列": "x"}, {**CHINESE, "检查号": "2", "出生日期": "?"}], "gb18030"))
    done = w.node.cli("folder", "test", path, "--source", "inbox", "--json", code=1)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(one["line"], one["kind"]) for one in lines[:2]] == [(2, "exam"), (2, "report")]
    assert lines[0]["record"]["patientName"] == "张伟"
    assert '"别的列"' in done.err and "birthDate" in done.err and "不是日期" in done.err
    assert "张伟" in w.node.cli("folder", "test", path, "--source", "inbox", code=1).out
    assert not w.records("exam") and path.exists()
    assert "no source" in w.node.cli("folder", "test", path, "--source", "other", code=1).err


def test_folder_status_lists_what_waits_and_what_failed(watch):
    w = watch(kind="exam")
    w.put("bad.csv", "patientName\nx\n")
    w.wait_failed("bad.csv")
    w.put("good.csv", "examId\nA\n")
    w.wait_done("good.csv")
    w.put("lonely.pdf", pdf())
    status = w.node.cli("folder", "status").out
    assert "1 waiting, 0 being taken, 3 in failed, 1 done" in status or "2 in failed" in status, status
    assert "bad.csv.reason.txt" in status and "no record has named this PDF" in status
    assert stat.S_IMODE(os.stat(w.path / "failed").st_mode) & 0o007 == 0
