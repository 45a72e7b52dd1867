"""The tables of the model and of the provinces, as the program shows them; and what a province would refuse."""
import csv
import io
import json
import os

from conftest import ROOT, wait_until, yingqiao

PLATFORMS = ("hebei", "neijiang", "shanxi", "sichuan", "xuancheng")


def table(*path):
    with open(os.path.join(ROOT, "data", *path), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def text(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def test_the_pages_are_made_from_the_tables():
    """After a change: yingqiao model --markdown > docs/model.md, tools/province_pages.sh"""
    assert text("docs", "model.md") == yingqiao("model", "--markdown").out
    for platform in PLATFORMS:
        page = text("docs", "provinces", f"{platform}.md")
        assert page[page.index("<!-- Below: made by "):] == yingqiao("fields", platform, "--markdown").out


def test_the_model_comes_out_as_it_is_kept():
    kinds = yingqiao("model", "--json").json()
    assert {k["kind"] for k in kinds} == {name[:-4] for name in os.listdir(os.path.join(ROOT, "data", "model"))}
    for kind in kinds:
        out = yingqiao("model", kind["kind"], "--csv").out
        assert out.startswith("\ufeff")  # so that Excel knows it for UTF-8
        assert list(csv.DictReader(io.StringIO(out[1:]))) == table("model", f"{kind['kind']}.csv")
        assert yingqiao("model", kind["plural"] or kind["kind"], "--json").json()[0]["member"]
    assert "patientName" in yingqiao("model", "exam").out
    assert "there is no kind" in yingqiao("model", "nothing", code=2).err


def test_every_field_of_every_interface_comes_out():
    fields = 0
    for interface in yingqiao("fields", "--json").json():
        if interface["fields"] == "0":
            assert "no field table" in yingqiao("fields", interface["platform"], interface["interface"], code=1).err
            continue
        fields += int(interface["fields"])
        if interface["way"] != "collected":
            continue
        shown = yingqiao("fields", interface["platform"], interface["interface"], "--json").json()
        kept = table("platforms", interface["platform"], f"{interface['interface']}.csv")
        assert [(f["name"], f["chinese"], f["source"], f["note"]) for f in shown] == [
            (f["name"], f["chinese"], f["source"], f["note"]) for f in kept]
    assert fields > 1300
    assert "no platform" in yingqiao("fields", "nowhere", code=2).err
    assert "no interface" in yingqiao("fields", "hebei", "nothing", code=2).err


def exams_of(node):
    return yingqiao("validate", "exam", "--json", data=node.data, code=None).json()["records"]


def test_what_a_province_would_refuse_is_said_early(nodes, tmp_path):
    """Exams that come from images only: their header has no telephone number."""
    node = nodes(queue__complete_seconds=1)
    yingqiao("demo", "--studies", "2", "--out", tmp_path / "dcm")
    studies = yingqiao("import", tmp_path / "dcm", data=node.data)
    assert studies.code == 0
    wait_until(lambda: exams_of(node) == 2, 60, "exam records from the images")
    study = yingqiao("studies", "--json", data=node.data).json()[0]
    exam = "uid:" + study["StudyInstanceUID"]

    one = yingqiao("validate", "shanxi", "exam", exam, "--json", data=node.data, code=1).json()
    missing = {f["member"] for f in one if f["what"] == "missing"}
    assert {"patTelephone", "idCard", "inhospExamItemCode", "setInfoList"} <= missing
    assert not {"patName", "sex", "modality", "studyUid", "imgExamType", "lastChangeTime"} & missing
    phone = next(f for f in one if f["member"] == "patTelephone")
    assert phone["interface"] == "exam-sync" and phone["serious"] is True
    assert "手机号" in phone["chinese"] and "exam.phone" in phone["english"]
    said = yingqiao("validate", "shanxi", "exam", exam, data=node.data, code=1).out
    assert "patTelephone  missing" in said and phone["chinese"] in said

    every = yingqiao("validate", "shanxi", "--json", data=node.data, code=1).json()
    assert every["records"] >= 2 and every["refused"] == every["records"]
    assert next(f for f in every["findings"] if f["member"] == "patTelephone")["records"] == 2
    assert f"shanxi would refuse {every['refused']} of" in yingqiao("validate", "shanxi", data=node.data, code=1).out
    yingqiao("validate", "exam", exam, data=node.data, code=0)  # by the general rules it is fine

    # no value and nobody's name is shown
    for patient in json.loads(yingqiao("studies", "--json", data=node.data).out):
        assert patient["PatientID"] not in said


def test_what_validate_does_not_know_is_said(tmp_path):
    data = tmp_path / "data"
    yingqiao("demo", "--studies", "1", "--out", tmp_path / "dcm")
    yingqiao("import", tmp_path / "dcm", data=data)
    assert "neither a platform nor a kind" in yingqiao("validate", "nonsense", data=data, code=2).err
    assert "no field table" in yingqiao("validate", "xuancheng", "exam", data=data, code=1).err
    assert "no such record" in yingqiao("validate", "exam", "nobody", data=data, code=1).err
    assert "0 of 0 records" in yingqiao("validate", data=data).out
