"""Reads the field tables out of the texts of the five documents: scans, with broken names and rows.

Knows how each document prints its tables, and nothing about ours. What the scan broke is repaired in
check_fields.py, where every repair is listed with its reason."""

import pathlib
import re

TYPES = {"字符串", "整数", "日期", "日期时间", "数值", "数组", "数字", "文本", "Array", "String", "string", "int", "long",
         "date", "Integer", "array", "List<SetInfoDTO>", "Object", "Long", "Int", "对象", "boolean", "Date", "VARCHAR",
         "TEXT", "DATE", "NUMERIC", "JSONObject", "JSONArray"}


def squeeze(text):
    return re.sub(r"\s+", "", text)


class Row(dict):
    """name, chinese, type, length, required, element, note: as printed, without the scan's blanks."""


def lines_of(folder, name):
    return (pathlib.Path(folder) / name).read_text(encoding="utf-8").split("\n")


def find(lines, pattern, start=0):
    for at in range(start, len(lines)):
        if re.search(pattern, lines[at]):
            return at
    raise LookupError(f"no line fits {pattern}")


# ---- tables with a header row ----

HEADS = {
    "name": {"参数名", "数据元标识", "参数", "字段", "英文编码", "参数代码", "字段名", "参数字段", "参数字段"},
    "chinese": {"中文名", "数据元名称", "参数名称", "中文名称"},
    "type": {"数据类型", "类型", "参数类型", "字段类型"},
    "length": {"数据长度", "长度", "参数长度"},
    "required": {"填报要求", "必填项", "必须项", "必填", "是否必须", "是否必填", "是否非空", "是否必选", "必传"},
    "element": {"标识符", "数据元标识符"},
    "note": {"备注", "说明", "字段描述", "描述"},
}


def columns_of(cells):
    out = {}
    for at, cell in enumerate(cells):
        for key, words in HEADS.items():
            if squeeze(cell) in words and key not in out:
                out[key] = at
    return out if "name" in out and "type" in out else None


FURNITURE = re.compile(r"^\d+$|^[a-zA-Z]+$|^内江市医学影像数据交互标准")  # page numbers, page heads


def header_tables(lines, start, stop):
    """[(columns, rows of cells)], a table that a page break cut in two put together."""
    tables, here, text_between = [], None, False
    for at in range(start, stop):
        line = lines[at]
        if not line.strip():
            continue
        cells = [c.strip() for c in line.strip(" ").split("\t")]
        columns = columns_of(cells) if len(cells) >= 3 else None
        if columns:
            if here and sum(map(bool, here[-1])) == 1:
                here.pop()  # the caption of the table that begins here
            if tables and here is not None and tables[-1][0] == columns and not text_between:
                continue
            here = []
            tables.append((columns, here))
            text_between = False
        elif len(cells) >= 2 and here is not None:
            here.append(cells)
        elif here is not None and not FURNITURE.match(line.strip()):
            text_between = True
            here = None
    return tables


def rows_of(columns, table):
    rows = []
    width = max(columns.values()) + 1
    for cells in table:
        cells = cells + [""] * (width - len(cells))
        kind = squeeze(cells[columns["type"]])
        if kind.split("(")[0] in TYPES or (columns["name"] < columns["type"] and kind in TYPES):
            row = Row({key: squeeze(cells[at]) if key != "note" else cells[at] for key, at in columns.items()})
            row["type"] = kind.split("(")[0]
            rows.append(row)
        elif rows and not kind:  # the rest of cells that were broken over lines
            for key, at in columns.items():
                if cells[at].strip("-"):
                    rows[-1][key] = rows[-1].get(key, "") + squeeze(cells[at])
    for row in rows:
        for key in HEADS:
            row.setdefault(key, "")
    return rows


def table_after(lines, heading, number=0, until=None):
    start = find(lines, heading)
    stop = find(lines, until, start + 1) if until else min(len(lines), start + 400)
    columns, table = header_tables(lines, start, stop)[number]
    return rows_of(columns, table)


# ---- Shanxi, chapter 5: the columns slip ----

def shanxi_wide(lines, start, stop):
    rows = []
    for line in lines[start:stop]:
        cells = [c.strip() for c in line.split("\t")]
        at = next((i for i, c in enumerate(cells[:4]) if re.fullmatch(r"[A-Za-z][A-Za-z_0-9]+(?: [A-Za-z]+)?", c)), None)
        if at is None or at + 1 >= len(cells):
            continue
        rest = cells[at + 1:]
        kind = next((i for i, c in enumerate(rest) if squeeze(c) in TYPES), None)
        if kind is None:
            continue
        row = Row(name=squeeze(cells[at]), chinese=squeeze(rest[0]), type=squeeze(rest[kind]), element="", length="", required="",
                  note="")
        if kind > 1:
            row["element"] = squeeze(rest[1])
        for cell in rest[kind + 1:]:
            if not row["required"] and (re.fullmatch(r"\d+|/", cell)):
                row["length"] = cell.replace("/", "")
            elif not row["required"] and cell[:1] in ("是", "否"):
                row["required"] = cell[:1]
                row["note"] = cell[1:].strip()
            elif row["required"]:
                row["note"] += cell
        rows.append(row)
    return rows


# ---- objects drawn as JSON ----

def json_keys(lines, start, stop):
    """[(depth, key, text)] in their order, of an object drawn with its members' meanings."""
    text = " ".join(line for line in lines[start:stop])
    text = text.replace("“", '"').replace("”", '"').replace("：", ":").replace("，", ",").replace("\t", " ")
    out, depth = [], 0
    for match in re.finditer(r'[{}]|"?([A-Za-z_]+)"?\s*:\s*(?!//)("[^"]*"?|\[|\{|-?\d+)?', text):
        token = match.group(0)
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
        else:
            value = (match.group(2) or "").strip('"')
            out.append((depth, match.group(1), squeeze(value)))
            if match.group(2) == "{":
                depth += 1
    return out
