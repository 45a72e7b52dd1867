"""What the documents claim is what the code has."""
import os
import re

from conftest import yingqiao

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def text(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def test_the_conformance_statement_lists_every_indexed_attribute_and_no_other():
    code = set(re.findall(r'X\(\s*(\w+), 0x[0-9a-f]{8}, "(\w\w)", YQ_(\w+),', text("include", "yq", "attr.h")))
    stated = re.findall(r"^\| (PATIENT|STUDY|SERIES|IMAGE) \| (\w+) \| .* \| (\w\w) \|", text("docs", "conformance.md"), re.M)
    assert len(code) > 60
    assert {(name, vr, level) for level, name, vr in stated} == code


def test_both_readmes_say_the_same_commands():
    def commands(name):
        return re.findall(r"^    (?:tools|yingqiao).*$", text(name), re.M)
    english, chinese = commands("README.md"), commands("README.zh-CN.md")
    assert len(english) > 10
    assert [one.split(" --note")[0] for one in english] == [one.split(" --note")[0] for one in chinese]


def test_the_page_of_wado_is_made_from_its_table():
    """After a change: build/.../yingqiao help --wado > docs/wado.md"""
    assert text("docs", "wado.md") == yingqiao("help", "--wado").out


def test_links_between_documents_lead_somewhere():
    for name in ("README.md", "README.zh-CN.md", "docs/operations.md", "docs/architecture.md", "docs/conformance.md", "docs/wado.md"):
        for link in re.findall(r"\]\(([^)#]+)", text(*name.split("/"))):
            if "://" not in link:
                assert os.path.exists(os.path.join(ROOT, os.path.dirname(name), link)), f"{name}: {link}"


def test_the_architecture_names_files_that_exist():
    for path in re.findall(r"`((?:src|include)/[\w/.]+\.(?:c|cc|h))`", text("docs", "architecture.md")):
        assert os.path.exists(os.path.join(ROOT, path)), path


def test_the_room_table_says_what_each_room_is_linked_to():
    stated = dict(re.findall(r"^\| `(\w+)` \| .* \| ([\w ]+) \|$", text("docs", "architecture.md"), re.M))
    for room in ("model", "text", "conf", "dcm", "image", "form", "seal", "store", "catalog", "trail"):
        found = re.search(rf"yq_room\({room}\s[^)]*?\bON ([\w ]+?)\s*(?:LIBS|\))", text("src", room, "CMakeLists.txt"))
        assert found and set(found[1].split()) == set(stated[room].split()), room
