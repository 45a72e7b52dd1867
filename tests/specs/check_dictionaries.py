#!/usr/bin/env python3
"""Compares data/dictionaries/ with the texts of the five documents, code by code: every code and its
name as printed, how many there are, and nothing beside them. The codes are taken out of the texts
here, knowing only where each table stands and how it is laid out. Where our table differs from the
print, REPAIRS below has the printed one and why; what a row's note says was printed must be so.

Also: the canonical dictionaries are there, every dictionary that data/model/ and data/platforms/
name exists, and each conversion of a document's table into the canonical one is whole.

    check_dictionaries.py [SPECS]     (SPECS: $YQ_SPECS, or ../shared/specs beside the repository)

Exit status 0 fine, 1 something differs, 77 there are no specs."""

import collections
import csv
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "data" / "dictionaries"
troubles = []


def trouble(text):
    troubles.append(text)


def squeeze(text):
    """Without the scan's blanks and TeX, brackets of one width."""
    text = text.replace("$\\gamma$", "γ").replace("\\geq", "≥").replace("\\leq", "≤").replace("$", "")
    text = text.replace("（", "(").replace("）", ")").replace("，", ",")
    return re.sub(r"\s+", "", text)


def rows(name):
    with open(DATA / (name + ".csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


INDEX = {row["name"]: row for row in rows("index")}
CONVERSIONS = rows("conversions")


def terms(name):
    return rows(INDEX[name]["as"] or name)


# ---- the texts ----

class Text:
    def __init__(self, folder, name):
        self.lines = (folder / name).read_text(encoding="utf-8").split("\n")

    def find(self, pattern, start=0):
        for at in range(start, len(self.lines)):
            if re.search(pattern, self.lines[at]):
                return at
        raise LookupError(f"no line fits {pattern}")

    def between(self, begin, end):
        start = self.find(begin)
        return self.lines[start + 1:self.find(end, start + 1)]


HEADS = {"编码", "代码", "值", "名称", "民族名称", "OID", "序号", "项目分类", "-----"}


def cells(lines):
    for line in lines:
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) > 1 and fields[0] not in HEADS:
            yield fields


def columns(lines, code, name, width):
    """Tables of several columns beside each other: (code, name) wherever there is a code."""
    for fields in cells(lines):
        for at in range(0, len(fields), width):
            if len(fields) > at + max(code, name) and fields[at + code]:
                yield fields[at + code], fields[at + name]


def listed(text, pattern, divider):
    """"1-平扫；2-增强" within one cell of a field table."""
    line = text.lines[text.find(pattern)]
    return [(code, name) for code, name in re.findall(divider, line)]


# ---- what each document has ----

def shanxi(text):
    part = lambda begin, end, code=0, name=1, width=99: list(columns(text.between(begin, end), code, name, width))
    yield "sex", part(r"^\(一\) 生理性别", r"^\(二\)")
    yield "patient-type", part(r"^\(二\) 患者类型", r"^\(三\)")
    yield "marital-status", part(r"^\(三\) 婚姻", r"^\(四\)")
    yield "occupation", part(r"^\(四\) 职业", r"^\(五\)")
    yield "visit-card-type", part(r"^\(五\) 就诊卡", r"^\(六\)")
    yield "id-type", part(r"^\(六\) 证件类型", r"^\(七\)", width=2)
    yield "division", part(r"^\(七\) 中华", r"^\(八\)", code=1, name=0, width=3)
    yield "ethnic-group", part(r"^\(八\) 民族", r"^\(九\)", code=3, name=0, width=4)
    yield "fee-source", part(r"^\(九\) 医疗", r"^\(十\)", width=2)
    yield "exam-status", part(r"^\(十\) 检查状态", r"^\(十一\)")
    yield "report-status", part(r"^\(十一\) 报告", r"^\(十二\)")
    yield "exam-type", part(r"^\(十二\) 影像", r"^\(十三\)", width=2)
    yield "radiology-code", part(r"^\(十三\) 常用", r"^\(十四\)", width=2)
    yield "hospital-level", part(r"^\(十四\) 医院级别", r"^\(十五\) 检查", width=2)
    items = [line.split("\t") for line in text.between(r"^\(十五\) 检查", r"^附件 2")]
    yield "recognition-item", [(f[4].strip(), f[3]) for f in items if len(f) == 5 and f[1].isdigit()]
    number = r"(\d+)\s*-\s*([^；;，,\s(（\t]+)"
    yield "dep", listed(text, r"\tdep\t", number)
    yield "check-status", listed(text, r"\tcheckStatus\t", number)
    yield "exam-way", listed(text, r"\texamWay\t", number)
    yield "positive", listed(text, r"\tcheckPositiveMark\t", number)
    yield "print-status", listed(text, r"\tprintStatus\t", number)
    yield "film-paid", listed(text, r"\tdigfilmPayStatus\t", number)
    yield "last-audit", listed(text, r"\tisLastAudit\t", number)
    yield "signature-format", listed(text, r"\tSignType\t", r"(\d)-(PKCS\d)")
    yield "film-type", listed(text, r"\tefilmType\t", r"(\d): (\S+)")
    yield "age-unit", listed(text, r"\tageUnit\t", r"([YMDH])-\s*([^；;\s]+)")
    yield "emergency", listed(text, r"\tisEmergency\t", number)
    yield "disabled", listed(text, r"\tdisableFlag\t", r"(\d)-(未删除|已删除)")
    devices = re.search(r"\tinstra\t.*\t([A-Z]+(?:、[A-Z]+)+) 等", "\n".join(text.lines))
    yield "device-type", [(code, None) for code in devices[1].split("、")] + [("OT", None)]
    yield "answer", listed(text, r"^code\tInteger\t错误代码", r"(\d) 表示(成功|失败)")
    yield "statistics-answer", listed(text, r"^status\tstring\t错误代码", r"(-?\d) 表示(成功|失败)")
    yield "file-data-type", listed(text, r"^fileDataType\t", r"(\d): ([\u4e00-\u9fff]+)")
    yield "sign-job-status", listed(text, r"^jobStatus\t", r"([A-Z]+): ?([^,，)]+)")


def hebei(text):
    def part(number, after):
        out = []
        for line in text.between(rf"^#+ {re.escape(number)} ", after):
            fields = line.split("\t")
            if len(fields) < 3 or fields[0] == "值":
                continue
            if fields[0]:
                out.append([fields[0], fields[1]])
            else:  # a row that goes on behind a page break
                out[-1][1] += fields[1]
        return [(squeeze(code), name) for code, name in out]

    names = ["patient-type", "visit-card-type", "id-type", "abnormal-flag", "exam-type", "sex", "comparison",
             "lab-result-type", "lab-method", "exam-method"]
    text.lines.append("### end")
    for at, name in enumerate(names, 1):
        yield name, part(f"3.{at}", rf"^#+ 3\.{at + 1} " if at < 10 else "^### end")
    at = text.find(r"^MASCULINE\t")
    yield "positive", re.findall(r"(\d)：(\S+?)(?:；|$)", "".join(line.split("\t")[-1] if i else line.split("\t")[1]
                                                             for i, line in enumerate(text.lines[at:at + 1])) +
                                 squeeze(text.lines[at + 2].split("\t")[1]))
    whole = re.sub(r"\s+", "", "".join(text.lines))
    inline = lambda pattern: re.findall(r"(\d)[.:：]?(?:\s*)([\u4e00-\u9fff]+)", re.search(pattern, whole)[1])
    yield "record-category", inline(r"记录类别（(.*?)）")
    yield "study-category", inline(r"检查类别代码（(.*?)）")
    yield "study-result", inline(r"检查结果代码\((.*?)\)")
    yield "recognition", inline(r"是否互认[,，](.*?)”")
    yield "data-source", re.findall(r"(\d):(来源(?:本地|省))", re.search(r"数据来源[:：](1:.*?)”", whole)[1])
    yield "has-images", inline(r"是否有影像(.*?)”")
    yield "image-answer", re.findall(r"(\d):([\u4e00-\u9fff]+)", re.search(r"返回状态\((.*?)\)", whole)[1])
    yield "answer", re.findall(r"(\d{3})([\u4e00-\u9fff]+)", re.search(r"\"code\":\"(200成功,500失败)\"", whole)[1])
    yield "image-sex", re.findall(r"([FM0]):([\u4e00-\u9fff]+)", re.search(r"患者性别\(F:(.*?)\)", whole)[0])
    yield "result-prompt", inline(r"结果提示\(?（?(1\..*?)\)?[)）]")


def neijiang(text):
    start = text.find(r"^10 附录一：数据值域代码表$")
    names = {1: "boolean", 2: "modify-flag", 3: "exam-result", 4: "data-source", 5: "diagnosis-type",
             6: "diagnosis-category", 7: "exam-type", 8: "modality", 9: "diagnosis-agreement", 10: "revocation",
             11: "patient-type", 12: "operation-body-part", 13: "anesthesia-method"}
    here, seen = [], 0
    for line in text.lines[start + 1:]:
        title = re.match(r"^表\s*(\d+)", line)
        if title:
            seen += 1
            if int(title[1]) != seen:
                trouble(f"neijiang: table {title[1]} in the place of {seen}")
            yield names[seen], here
            here = []
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) >= 3 and fields[0] not in HEADS and fields[1]:
            here.append((fields[1], fields[2]))
    if seen != 13:
        trouble(f"neijiang: {seen} tables of 13")
    yield "person-id-type", re.findall(r"(\d\d)：([^；。]+)", text.lines[text.find(r"^2\. 个人标识类型：")])
    at = text.find(r"^smrMessage参考值")
    yield "refusal-reason", [(f[0], f[1].rstrip("；。")) for f in (line.split("\t") for line in text.lines[at + 2:at + 8])]
    at = text.find(r"^8\.2\.5 互认项目参考[^\t]*$")
    listing = [line.split("\t") for line in text.lines[at:at + 80]]
    yield "recognition-item", [(f[0], f[3]) for f in listing if len(f) == 5 and f[0].isdigit()]
    yield "node", list(columns(text.between(r"^8\.2\.3 节点字典表$", r"^8\.2\.4"), 0, 1, 99))[1:]
    yield "anesthesia-medicine", listed(text, r"\tAneCAndWCode\t", r"(\d) ([^;\s]+)")
    yield "positive", listed(text, r"\tRequisitionNote\t", r"(\d+)：([^，\s]+)") + listed(
        text, r"^\t*20：阴性|20：阴性$", r"(20)：(阴性)")
    yield "sex", [(code, None) for code in
                  re.search(r"\tPatSex\t.*\t([A-Z]/[A-Z]/[A-Z])$", "\n".join(text.lines), re.M)[1].split("/")]
    flags = text.lines[text.find(r"\tVisitFlag\t")].split("请填写：")[1].split("/")
    yield "visit-flag", [(flag, flag) for flag in flags]
    yield "critical", listed(text, r"\tcriticalValue\t", r"(\d)([是否])")
    yield "interim", listed(text, r"\tinterimReport\t", r"(\d)([是否])")
    yield "has-images", listed(text, r"\tIsImage\t", r"(\d): ([\u4e00-\u9fff]+)")
    yield "report-type", listed(text, r"\tReportType\t", r"(\d)：([^，\t]+)")
    yield "answer", sorted({tuple(line.split("\t")[:2]) for line in text.lines if re.match(r"^[NE]\d{4}\t", line)})
    yield "recognition", listed(text, r"\tsmrMark\t", r"(\d): (不?互认)")


def sichuan(text):
    whole = "".join(text.lines)
    yield "authorized", re.findall(r"(\d) (不?授权)", re.search(r"has_authorize string 是 (0.*?1 授权)", whole)[1])


# What each document must have at least: counts that its text, or INTERFACES.md, tells.
COUNTS = {
    "shanxi/radiology-code": 481, "shanxi/recognition-item": 320, "shanxi/division": 34, "shanxi/ethnic-group": 56,
    "shanxi/occupation": 13, "shanxi/id-type": 13, "shanxi/fee-source": 10, "shanxi/hospital-level": 14,
    "shanxi/visit-card-type": 10, "shanxi/marital-status": 8, "shanxi/report-status": 7, "shanxi/exam-status": 5,
    "shanxi/exam-type": 6, "shanxi/sex": 4, "shanxi/patient-type": 4, "shanxi/dep": 11, "shanxi/check-status": 5,
    "shanxi/exam-way": 10, "hebei/patient-type": 5, "hebei/visit-card-type": 6, "hebei/id-type": 13,
    "hebei/abnormal-flag": 6, "hebei/exam-type": 11, "hebei/sex": 4, "hebei/comparison": 4, "hebei/lab-result-type": 3,
    "neijiang/person-id-type": 13, "neijiang/refusal-reason": 6, "neijiang/recognition-item": 53,
}
# Spot checks, read by eye: (dictionary, code, name).
SPOTS = [
    ("shanxi/radiology-code", "B020ZYZZZ", "颅脑CT普通扫描(平扫)"), ("shanxi/radiology-code", "BW3350ZZZ", "胸部MRI平扫加增强扫描"),
    ("shanxi/radiology-code", "BT000ZZZZ", "膀胱造影"), ("shanxi/radiology-code", "BG30ZYZZZ", "肾上腺MRI普通扫描"),
    ("shanxi/recognition-item", "DR010012506", "鼻窦华氏位"), ("shanxi/recognition-item", "CT020072506", "胸部CT平扫"),
    ("shanxi/recognition-item", "MR090022506", "颈部MRI平扫"), ("shanxi/visit-card-type", "TS", "市管干部、在编军人"),
    ("shanxi/ethnic-group", "25", "水族"), ("shanxi/ethnic-group", "1", "汉族"), ("shanxi/division", "140000", "山西省"),
    ("hebei/lab-method", "HPV-DNA-1", "人乳头瘤病毒(HPV)核酸检测"), ("hebei/exam-method", "BRAIN-MR-3", "磁共振平扫(1T≤场强<3T)"),
    ("hebei/exam-type", "10", "心电检查"), ("neijiang/modality", "XA", "X光血管造影"),
    ("neijiang/person-id-type", "21", "区域联盟就诊卡"), ("neijiang/operation-body-part", "99", "其他"),
]
# (dictionary, printed code) -> why our name is not the printed one; the printed stands in our row's note.
RENAMED = {
    ("shanxi/ethnic-group", "21"): "低族", ("shanxi/ethnic-group", "32"): "松佬族", ("shanxi/ethnic-group", "55"): "路巴族",
    ("shanxi/radiology-code", "BT00ZZZZ"): "静脉肾孟造影(IVP)",
}
RECODED = {  # settled by the letters beside them, and by which numbers are free
    "shanxi/ethnic-group": {"水族": "5", "毛南族": "6", "乌孜别克族": "3"},
}
FREE = {"shanxi/print-status", "neijiang/positive"}  # of which the scan has a part only
CANONICAL = ("sex id-type patient-type exam-status record-status exam-type exam-way radiology-code positive "
             "abnormal-flag age-unit visit-card-type signature-format lab-result-type comparison lab-method "
             "item-category refusal-reason hl7/sex dicom/sex").split()


def printed_of(name, row):
    """The code of one of our rows as the document prints it."""
    repaired = re.search(r"(?:代码修复：|^)原文印作 (\w+)$", row["note"])
    if repaired:
        return repaired[1]
    return RECODED.get(name, {}).get(row["chinese"], row["code"])


def compare(name, printed):
    ours = terms(name)
    if int(INDEX[name]["count"]) != len(ours):
        trouble(f"{name}: index.csv says {INDEX[name]['count']}, there are {len(ours)}")
    if name in COUNTS and len(ours) != COUNTS[name]:
        trouble(f"{name}: {len(ours)} codes, {COUNTS[name]} are wanted")
    if name in FREE:
        printed = [pair for pair in printed if pair[0] in {row["code"] for row in ours}]
    theirs = collections.Counter(squeeze(code) for code, _ in printed)
    mine = collections.Counter(printed_of(name, row) for row in ours)
    if theirs != mine and not (name in FREE and set(theirs) <= set(mine)):
        trouble(f"{name}: printed only {sorted((theirs - mine).elements())}, ours only {sorted((mine - theirs).elements())}")
    meant = collections.defaultdict(set)
    for code, chinese in printed:
        meant[squeeze(code)].add(chinese and squeeze(chinese))
    for row in ours:
        code = printed_of(name, row)
        chinese = squeeze(row["chinese"])
        if chinese in meant[code] or code not in theirs or None in meant[code]:  # None: printed without a name
            continue
        if RENAMED.get((name, code)) and squeeze(RENAMED[name, code]) in meant[code] and "原文印作" in row["note"]:
            continue
        trouble(f"{name} {code}: ours {row['chinese']}, printed {sorted(meant[code])}")
    return len(ours)


def check_structure():
    """What the codes say of themselves."""
    codes = terms("shanxi/radiology-code")
    odd = [row["code"] for row in codes if not re.fullmatch(r"B[0-9A-Z]{8}", row["code"])]
    for row in codes:
        if row["code"] in odd and "照原文" not in row["note"]:
            trouble(f"radiology-code {row['code']} has not nine characters, and is not marked")
    twice = [code for code, n in collections.Counter(row["code"] for row in codes).items() if n > 1]
    if sorted(twice) != ["BP0KZZZZA", "BQ2FZUZZZ"]:
        trouble(f"radiology-code: twice {twice}")
    items = terms("shanxi/recognition-item")
    kinds = collections.Counter(row["code"][:2] for row in items)
    if kinds != {"DR": 120, "CT": 120, "MR": 80}:
        trouble(f"recognition-item: {kinds}")
    numbers = collections.defaultdict(list)
    for row in items:
        if not re.fullmatch(r"(DR|CT|MR)\d{5}2506", row["code"]):
            trouble(f"recognition-item {row['code']}")
        if row["parent"][:2] != row["code"][:2]:
            trouble(f"recognition-item {row['code']} stands under {row['parent']}")
        numbers[row["code"][:4]].append(int(row["code"][4:7]))
    for part, here in numbers.items():
        if here != list(range(1, len(here) + 1)):
            trouble(f"recognition-item {part}: {here}")
    groups = {int(row["code"]) for row in terms("shanxi/ethnic-group")}
    if groups != set(range(1, 57)):
        trouble(f"ethnic-group: {sorted(set(range(1, 57)) ^ groups)}")
    return len(odd)


def check_use():
    """Names in our other tables; conversions that leave nothing out."""
    for name in CANONICAL:
        if name not in INDEX:
            trouble(f"there is no dictionary {name}")
    for folder in ("model", "platforms"):
        for path in sorted((ROOT / "data" / folder).rglob("*.csv")):
            with open(path, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    if row.get("dictionary") and row["dictionary"] not in INDEX:
                        trouble(f"{path.name}: there is no dictionary {row['dictionary']}")
    pairs = collections.defaultdict(set)
    for row in CONVERSIONS:
        pairs[row["from"], row["to"]].add(row["code"])
    for (origin, target), codes in sorted(pairs.items()):
        if "/" in origin:  # into a document's table nothing may be lost; out of one, some codes mean nothing to us
            continue
        if target.split("/")[0] in ("hl7", "dicom"):
            continue
        have = {row["code"] for row in terms(target)}
        missing = {row["code"] for row in terms(origin)} - codes - (have if "*" in codes else set())
        if missing and (origin, target) not in PARTIAL:
            trouble(f"{origin} -> {target}: nothing for {sorted(missing)}")


PARTIAL = {
    ("patient-type", "hebei/record-category"),  # "other" has no place there
    ("id-type", "hl7/identifier-type"),
}


def main():
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("YQ_SPECS")
    folder = pathlib.Path(given) if given else ROOT.parent / "shared" / "specs"
    check_use()
    odd = check_structure()
    if not folder.is_dir():
        for text in troubles:
            print(text)
        print(f"skipped: the texts of the documents are not at {folder}; the tables by themselves were looked at")
        return 1 if troubles else 77
    compared, names = 0, set()
    for document, file, read in (("shanxi", "shanxi-v2.1.txt", shanxi), ("hebei", "hebei-v1.5.txt", hebei),
                                 ("neijiang", "neijiang-v0.94.txt", neijiang),
                                 ("sichuan", "sichuan-t-shia-014-2-2024.txt", sichuan)):
        for name, printed in read(Text(folder, file)):
            names.add(f"{document}/{name}")
            compared += compare(f"{document}/{name}", printed)
    for name, code, chinese in SPOTS:
        if not any(row["code"] == code and squeeze(row["chinese"]) == squeeze(chinese) for row in terms(name)):
            trouble(f"{name} has no {code} {chinese}")
    for name in COUNTS:
        if name not in names:
            trouble(f"{name} was not compared")
    for text in troubles:
        print(text)
    left = sorted(name for name in INDEX if name.split("/")[0] in ("shanxi", "hebei", "neijiang", "sichuan")
                  and name not in names and not INDEX[name]["as"])
    print(f"{len(names)} dictionaries, {compared} codes compared with the texts; {odd} radiology codes kept as printed; "
          f"only referred to in the texts: {', '.join(left)}; {len(troubles)} troubles")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
