#!/usr/bin/env python3
"""Compares data/platforms/ with the texts of the five documents, field by field: names and their
order, lengths, types, required or not, and how many there are. The fields are taken out of the texts
by spec_text.py alone. What the scan broke is repaired by REPAIRS below, each with its reason.

Also: every source names members that data/model/ has, every dictionary is one of ours, and every
member's note says which fields it serves.

    check_fields.py [SPECS]     (SPECS: $YQ_SPECS, or ../shared/specs beside the repository)

Exit status 0 fine, 1 something differs, 77 there are no specs."""

import csv
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from spec_text import find, header_tables, lines_of, rows_of, shanxi_wide, squeeze  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLATFORMS = {"shanxi": "山西", "hebei": "河北", "neijiang": "内江", "sichuan": "四川"}

# (platform, interface, name as the text has it): (name, why)
REPAIRS = {
    ("hebei", "PATIENT_STUDY_REPORT", "CHECK_DEPTNAME"): ("CHECK_DEPT_NAME", "broken over two lines without its underscore"),
    ("neijiang", "V_DocReport", "SpecimenFixxative"): ("SpecimenFixative", "the x at the line's end is printed twice"),
    ("neijiang", "v_report_cloud", "CheckMethodExamineType"): ("ExamineType", "the name before and after a revision"),
    ("neijiang", "DICOMStudyRetrieve-result", "PatientIDPatNo"): ("PatientID", "the name before and after a revision"),
    ("neijiang", "byQueryKey-result", "orrptTime"): ("rptTime", "the end of ReportDoct|or slipped a row down"),
}
# What the documents say they have.
COUNTS = {
    ("shanxi", "exam-sync"): 113, ("shanxi", "SetInfo"): 4, ("shanxi", "report-sync"): 70,
    ("shanxi", "images-list"): 11, ("hebei", "PATIENT_STUDY_REPORT"): 36, ("hebei", "PATIENT_LAB_REPORT"): 27,
    ("hebei", "PATIENT_LAB_REPORT_DETAIL"): 19, ("neijiang", "V_DocRequest"): 40, ("neijiang", "V_StudyInfo"): 10,
    ("neijiang", "V_DocImage"): 21, ("neijiang", "V_DocReport"): 128, ("neijiang", "V_DocReport_F"): 6,
    ("neijiang", "v_report_cloud"): 48, ("neijiang", "fetchReport-result"): 124, ("sichuan", "exam-query"): 19,
}
REQUIRED = {"是": "yes", "Y": "yes", "必填": "yes", "N": "no", "应填": "if present", "选填": "no", "不填": "no", "": "no"}

problems = []


def problem(where, text):
    problems.append(f"{where}: {text}")


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ours(platform, interface):
    return table(ROOT / "data/platforms" / platform / f"{interface}.csv")


def compare(platform, interface, rows, no="no"):
    """Row by row. `no`: what 否 means in this document."""
    where = f"{platform}/{interface}"
    mine = ours(platform, interface)
    if len(rows) != len(mine):
        problem(where, f"the text has {len(rows)} fields, the table {len(mine)}")
        return
    for theirs, field in zip(rows, mine):
        name = theirs["name"].lstrip("-")
        name = REPAIRS.get((platform, interface, name), (name, ""))[0]
        at = f"{where} {field['name']}"
        if name != field["name"]:
            problem(at, f"the text says {name}")
        length = {"18,3": "19"}.get(theirs["length"], theirs["length"])
        if length != field["length"]:
            problem(at, f"length {field['length'] or 'none'}, in the text {length or 'none'}")
        if theirs["type"] != field["type"]:
            problem(at, f"type {field['type']}, in the text {theirs['type']}")
        word = theirs["required"][:2] if theirs["required"][:2] in REQUIRED else theirs["required"][:1]
        if no is not None and REQUIRED.get(word, no) != field["required"]:
            problem(at, f"required {field['required']}, in the text {theirs['required'] or 'nothing'}")
    compared[where] = len(rows)


compared = {}


def check_shanxi(specs):
    text = lines_of(specs, "shanxi-v2.1.txt")
    exam = find(text, r"^\(一\) 检查数据参数$")
    settlement = find(text, r"^SetInfoDTO 定义", exam)
    report = find(text, r"^\(二\) 报告数据参数$", settlement)
    end = find(text, r"^六、附录", report)
    compare("shanxi", "exam-sync", shanxi_wide(text, exam, settlement), no="if present")
    compare("shanxi", "SetInfo", rows_of(*header_tables(text, settlement, report)[0]))
    compare("shanxi", "report-sync", shanxi_wide(text, report, end), no="if present")
    tables = [rows_of(*t) for t in header_tables(text, find(text, r"^四、接口规范", 200), exam)]
    plain = {"envelope": 0, "examMergeReport-sync": 5, "images-list": 8, "exam-get": 10, "report-get": 12,
             "series-get": 14, "sign-request": 16, "sign-answer": 17, "addSignJob": 18, "addSignJob-answer": 19,
             "getAuthSignResult": 20, "getAuthSignResult-answer": 21, "createAndGetTssInfo": 22,
             "createAndGetTssInfo-answer": 23, "pkcs1-verifyDataSign": 24, "pkcs7-verifyDataSign": 25, "verifyTS": 26,
             "verifyTS-answer": 27, "SEF_VerifySeal": 28, "SEF_VerifySeal-answer": 29, "statisticalData-upload": 30,
             "statisticalData-upload-answer": 31}
    for interface, number in plain.items():
        compare("shanxi", interface, tables[number])
    compare("shanxi", "envelope-answer", tables[1], no=None)  # its third column is headed 必填 and has meanings
    compare("shanxi", "series-get-item", tables[15][3:])


def keys_of(lines):
    return {squeeze(key) for line in lines for key in re.findall(r'["“]\s*([A-Za-z_ ]+?)\s*["”]\s*[:：]', line)}


def compare_keys(platform, interfaces, lines, beside):
    """The names of these tables are the keys of the objects drawn there, but for those `beside`."""
    where = f"{platform}/{interfaces[0]}.."
    mine = {field["name"] for interface in interfaces for field in ours(platform, interface)}
    drawn = keys_of(lines)
    for name in sorted(drawn - mine - set(beside)):
        problem(where, f"the text has {name}, which no table has")
    for name in sorted(mine - drawn - set(beside)):
        problem(where, f"the tables have {name}, which the text has not")
    for interface in interfaces:
        compared[f"{platform}/{interface}"] = len(ours(platform, interface))


def check_hebei(specs):
    text = lines_of(specs, "hebei-v1.5.txt")
    start = find(text, r"^##### 2\.1\.1\.1\.1")
    tables = header_tables(text, start, find(text, r"^## 2\.1\.2 ", start))
    for interface, t in zip(("PATIENT_STUDY_REPORT", "PATIENT_LAB_REPORT", "PATIENT_LAB_REPORT_DETAIL"), tables):
        compare("hebei", interface, rows_of(*t))
    start = find(text, r"^## 2\. 2\. 2\. 2")
    end = find(text, r"^## 2\.2\.3 ", start)
    compare("hebei", "getDicomFile-answer", [r for t in header_tables(text, start, end) for r in rows_of(*t)])
    part = [find(text, rf"^#* ?2\.2\.3\.{n} ", end) for n in range(1, 7)] + [find(text, r"^### 3 ", end)]
    request = find(text, r"/api/getDicomFile")
    compare_keys("hebei", ["getDicomFile"], text[request:find(text, "出参示例", request)], {"apiSign"})  # the header has no quotes
    heads = {"App_id", "Authorization", "data"}
    compare_keys("hebei", ["getToken", "getToken-answer"], text[part[0]:part[1]], heads)
    compare_keys("hebei", ["refreshToken", "refreshToken-answer"], text[part[1]:part[2]], heads)
    compare_keys("hebei", ["saveAuthUser", "saveAuthUser-answer"], text[part[2]:part[3]], heads)
    compare_keys("hebei", ["hrPage", "hrPage-answer"], text[part[3]:part[4]], heads)
    compare_keys("hebei", ["getHrInfo", "getHrInfo-study", "getHrInfo-lab"], text[part[4]:part[5]],
                 heads | {"code", "msg", "relation"})
    compare_keys("hebei", ["restJcJyYyInfo", "restJcJyYyInfo-answer", "restJcJyYyInfo-study",
                           "restJcJyYyInfo-study-detail", "restJcJyYyInfo-lab", "restJcJyYyInfo-lab-detail"],
                 text[part[5]:part[6]], heads | {"code", "msg"})


def check_neijiang(specs):
    text = lines_of(specs, "neijiang-v0.94.txt")
    start = find(text, r"^4.1.3 电子申请单数据交易视图（V_DocRequest）$")
    end = find(text, r"^10 附录一", start)
    tables = [rows_of(*t) for t in header_tables(text, start, end)]
    plain = {"V_DocRequest": 0, "V_StudyInfo": 1, "V_DocImage": 2, "V_DocImage_File": 3, "V_DocReport": 4,
             "V_DocReport_F": 5, "v_report_cloud": 6, "fetchReport-result": 10, "DICOMStudyRetrieve": 12,
             "DICOMStudyRetrieve-result": 13, "byQueryKey": 14, "byQueryKey-result": 16, "open-index": 17,
             "QR-index": 18, "summaryData-result": 22, "smr-studies": 23, "smr-studies-502": 25}
    for interface, number in plain.items():
        compare("neijiang", interface, tables[number])
    for interface, number, first, last in (("fetchReport", 8, 0, 3), ("fetchReport-query", 8, 3, 5),
                                           ("summaryData", 20, 0, 3), ("summaryData-query", 20, 3, 5),
                                           ("smrMark", 24, 0, 12), ("smrMark-smrInfo", 24, 12, 18),
                                           ("smrMark-502", 26, 0, 10), ("smrMark-502-smrInfo", 26, 10, 16)):
        compare("neijiang", interface, tables[number][first:last])
    answer = find(text, r"^8.1.2.1 获取检查互认范围内检查明细$", start)
    outside = {"code", "message", "result", "requestId", "visitId", "study", "examine"}
    compare_keys("neijiang", ["smr-studies-study", "smr-studies-examine", "smr-studies-examine-detail"],
                 text[answer:find(text, r"^8.1.2.2 提交互认结果$", answer)], outside)
    answer = find(text, r"^8.2.2.1 获取对应项目", start)
    again = {f["name"] for f in ours("neijiang", "byQueryKey-result")} | {"PatSection", "room", "studyDoc", "adtTime", "finding"}
    compare_keys("neijiang", ["smr-studies-502-data"], text[answer:find(text, r"^8.2.2.2 提交互认结果$", answer)],
                 outside | again | {"token", "dataList"})
    codes = [re.match(r"[^\t]+\t([A-Za-z]+)\t([YN])", line) for line in text[find(text, r"^请求参数\t参数名\t是否必填"):end]]
    printed = [(m.group(1), m.group(2)) for m in codes if m]
    mine = [(f["name"], "Y" if f["required"] == "yes" else "N") for f in ours("neijiang", "qr-code")]
    if printed != mine:
        problem("neijiang/qr-code", f"the text has {printed}")
    compared["neijiang/qr-code"] = len(mine)


def check_sichuan(specs):
    text = lines_of(specs, "sichuan-t-shia-014-2-2024.txt")
    body = find(text, r"^表 1 ")
    part = [body] + [find(text, rf"^ ?4\.3\.{n} ", body) for n in range(2, 7)] + [len(text)]
    asked = {"token": 0, "exam-query": 2, "exam-recent": 3, "exam-similar": 4, "share": 5}
    for interface, number in asked.items():
        tables = [interface] + (["exam-similar-project"] if interface == "exam-similar" else [])
        compare_keys("sichuan", tables, text[part[number]:part[number + 1]], set())
    flat = [" ".join(text[part[n]:part[n + 1]]) for n in range(6)]
    for interface, number in (("exam-query", 2), ("exam-recent", 3), ("exam-similar", 4), ("exam-similar-project", 4)):
        for field in ours("sichuan", interface):
            m = re.search(rf"\b{field['name']}\s+(?:ROOT|project_list)\s+(\w+)\s+([是否])", flat[number])
            if not m:
                if field["name"] != "project_list":  # it has neither type nor a mark
                    problem(f"sichuan/{interface} {field['name']}", "the text has no row for it")
            elif REQUIRED.get(m.group(2), "no") != field["required"] or m.group(1) != field["type"]:
                problem(f"sichuan/{interface} {field['name']}", f"the text says {m.group(1)} {m.group(2)}")
    rows = {"callback": r"\b(app_id|content)\s+(String)\s+(是)", "callback-content": r"\b(\w+)\s+(string)\s+(是)"}
    for interface, pattern in rows.items():
        printed = re.findall(pattern, flat[1])
        if [(f["name"], f["type"], "是") for f in ours("sichuan", interface)] != printed:
            problem(f"sichuan/{interface}", f"the text has {printed}")
        compared[f"sichuan/{interface}"] = len(printed)
    for interface, number in (("token-answer", 0), ("exam-query-answer", 2), ("exam-recent-answer", 3),
                              ("exam-similar-answer", 4)):
        for field in ours("sichuan", interface):
            if not re.search(rf"\b{field['name']}\s+(ROOT|data|data->url)\b", flat[number]):
                problem(f"sichuan/{interface} {field['name']}", "the text has no row for it")
        compared[f"sichuan/{interface}"] = len(ours("sichuan", interface))


def check_xuancheng(specs):
    text = lines_of(specs, "xuancheng-interface-list.txt")
    printed = [squeeze(text[at + 1]).lower() for at, line in enumerate(text[:-1]) if re.fullmatch(r"\t\d+", line.rstrip())]
    mine = [squeeze(f["chinese"]).lower() for f in table(ROOT / "data/platforms/xuancheng/index.csv")]
    if printed != mine:
        problem("xuancheng", f"the text has {[p for p in printed if p not in mine]}, ours {[m for m in mine if m not in printed]}")
    compared["xuancheng"] = len(mine)


def check_inside():
    """What our own tables say of each other; needs no documents."""
    kinds = {p.stem: {f["member"]: f for f in table(p)} for p in (ROOT / "data/model").glob("*.csv")}
    dictionaries = {f["name"] for f in table(ROOT / "data/dictionaries/index.csv")}
    for platform, chinese in PLATFORMS.items():
        for index in table(ROOT / "data/platforms" / platform / "index.csv"):
            fields = ours(platform, index["interface"])
            where = f"{platform}/{index['interface']}"
            want = COUNTS.get((platform, index["interface"]), len(fields))
            if len(fields) != want or str(len(fields)) != index["fields"]:
                problem(where, f"has {len(fields)} fields, {want} are wanted, index.csv says {index['fields']}")
            for field in fields:
                if field["dictionary"] and field["dictionary"] not in dictionaries:
                    problem(f"{where} {field['name']}", f"there is no dictionary {field['dictionary']}")
                said = re.sub(r'"[^"]*"', "", field["source"]) + " " + field["when"]
                for kind, member in re.findall(r"\b([a-z][a-z-]*)\.([A-Za-z]\w*)", said):
                    if kind in ("hospital", "node"):  # of no record: the build knows these names
                        continue
                    line = kinds.get(kind, {}).get(member)
                    if not line:
                        problem(f"{where} {field['name']}", f"there is no member {kind}.{member}")
                        continue
                    part = next((p for p in line["note"].split("；") if p.startswith(chinese + " ")), "")
                    if field["name"] not in part[len(chinese) + 1:].split("、"):
                        problem(f"data/model/{kind}.csv {member}", f"its note lacks {chinese} {field['name']}")
    for kind, members in kinds.items():
        for name, line in members.items():
            if not line["chinese"] or not line["note"]:
                problem(f"data/model/{kind}.csv {name}", "has no Chinese name or note")
            if line["dictionary"] and line["dictionary"] not in dictionaries:
                problem(f"data/model/{kind}.csv {name}", f"there is no dictionary {line['dictionary']}")


def main():
    specs = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("YQ_SPECS", ROOT.parent / "shared/specs"))
    check_inside()
    there = (specs / "shanxi-v2.1.txt").exists()
    if there:
        for check in (check_shanxi, check_hebei, check_neijiang, check_sichuan, check_xuancheng):
            check(specs)
    for line in problems:
        print(line)
    if not there:
        print(f"the documents are not in {specs}: fields were compared with each other only, not with the texts")
        return 1 if problems else 77
    for (platform, interface, name), (repaired, why) in REPAIRS.items():
        print(f"repaired: {platform}/{interface} {name} -> {repaired}: {why}")
    everything = {f"{p}/{i['interface']}" for p in PLATFORMS for i in table(ROOT / "data/platforms" / p / "index.csv")}
    for left in sorted(everything - set(compared)):
        print(f"not compared (no table of its own in the text): {left}")
    print(f"{len(compared)} interfaces with {sum(compared.values())} fields compared, {len(problems)} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
