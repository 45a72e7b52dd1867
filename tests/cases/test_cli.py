"""The command line as an operator meets it: help, check, import, peers, listings, samples, keeping house."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pydicom
import pytest

import dul
import samples
from conftest import BINARY, ROOT, environment, files_below, free_ports, run, wait_until, yingqiao

COMMANDS = ["serve", "check", "import", "ae", "user", "echo", "find", "send", "pull", "studies", "delete", "reindex",
            "verify", "demo", "help", "version"]


def new(folder, count, **values):
    """Files of one study in a folder."""
    os.makedirs(folder, exist_ok=True)
    study, ones = samples.uid(), []
    for n in range(count):
        one = samples.instance(study=study, **values)
        one.save(os.path.join(folder, f"{n:04}.dcm"))
        ones.append(one)
    return ones


# ---- understanding ----


def test_every_command_tells_about_itself():
    overview = yingqiao("help").out
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", overview, re.M), name
        told = yingqiao("help", name).out
        assert f"yingqiao {name}" in told
        assert yingqiao(name, "--help").out == told
        assert yingqiao("--help", name).out == told


def test_the_version_is_told():
    assert re.fullmatch(r"yingqiao \d+\.\d+\.\d+\n", yingqiao("version").out)
    assert yingqiao("--version").out == yingqiao("version").out


@pytest.mark.parametrize("words", [
    ["nonsense"], [], ["serve", "now"], ["check", "--nonsense"], ["import"], ["ae"], ["ae", "add", "X"],
    ["ae", "add", "X", "host", "port"], ["ae", "add", "X", "host", "1", "--may", "anything"], ["echo"],
    ["ae", "add", "X", "host", "1", "--syntax", "nonsense"], ["send", "A@h:1"], ["pull", "A@h:1"],
    ["find", "A@h:1", "Nonsense=1"], ["find", "A@h:1", "--level", "BED"], ["echo", "A@nowhere"], ["delete"],
    ["delete", "--study", "abc"], ["delete", "--study", "1.2", "--series", "1.3"], ["demo", "--studies", "many"],
    ["studies", "Nonsense=1"], ["--set", "novalue", "check"], ["check", "--data"], ["check", "-x"],
    ["studies", "--settle", "1.2.3"], ["studies", "StudyDate=yesterday"], ["studies", "--conflicts", "PatientID=1"],
])
def test_what_is_not_understood_ends_with_2_and_says_where_to_read(words, tmp_path):
    done = yingqiao(*words, data=tmp_path / "none", code=2)
    assert "yingqiao" in (done.err if words else done.out)
    assert not (tmp_path / "none").exists()


def test_the_man_page_is_that_of_the_program():
    """After a change: build/.../yingqiao help --man > docs/yingqiao.1"""
    with open(os.path.join(ROOT, "docs", "yingqiao.1")) as file:
        assert file.read() == yingqiao("help", "--man").out


def test_the_shell_completes_commands_options_and_words_of_ae(tmp_path):
    script = os.path.join(ROOT, "tools", "completion", "yingqiao.bash")

    def complete(*words):
        code = (f'source {script}; COMP_WORDS=({BINARY} {" ".join(words)}); COMP_CWORD={len(words)}; _yingqiao; '
                'printf "%s\\n" "${COMPREPLY[@]}"')
        return run("bash", "-c", code).out.split()
    assert complete("ver") == ["verify", "version"]
    assert "--settle" in complete("studies", "--")
    assert complete("ae", "''") == ["list", "add", "remove", "test"]
    assert complete("help", "rei") == ["reindex"]


# ---- configuration ----


def test_options_stand_before_or_after_the_command(tmp_path):
    after = yingqiao("check", "--set", "dicom.port=11999", "--set=dicom.aet=HOSP", data=tmp_path).out
    before = yingqiao("--set", "dicom.port=11999", "--set=dicom.aet=HOSP", "check", data=tmp_path).out
    assert before == after and "11999" in after and "HOSP" in after


def test_check_refuses_a_broken_configuration_with_file_and_line(tmp_path):
    conf = tmp_path / "node.json"
    conf.write_text('{\n  "dicom": {\n    "prot": 104\n  }\n}\n')
    done = yingqiao("check", "--conf", conf, data=tmp_path, code=1)
    assert "node.json:3" in done.err and "prot" in done.err
    assert yingqiao("check", "--set", "dicom.port=none", data=tmp_path, code=1).err.strip()
    assert "no-such" in yingqiao("check", "--conf", tmp_path / "no-such.json", data=tmp_path, code=1).err


def test_check_warns_of_what_is_probably_not_meant(tmp_path):
    assert "warning" in yingqiao("check", "--set", "dicom.unknown_peers=accept", data=tmp_path).err
    yingqiao("ae", "add", "PULLER", "192.0.2.1", "0", "--may", "retrieve", data=tmp_path)
    assert "PULLER" in yingqiao("check", data=tmp_path).err


def test_check_changes_nothing(tmp_path):
    yingqiao("check", data=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_first_start_writes_the_examples_and_keeps_what_is_there(nodes):
    node = nodes()
    conf = os.path.join(node.data, "conf")
    assert {"node.json", "peers.json"} <= set(os.listdir(conf))
    assert os.stat(node.data).st_mode & 0o7777 == 0o750
    with open(os.path.join(conf, "node.json"), "w") as file:
        file.write('{"dicom": {"find_limit": 5}}')
    node.start_again()
    with open(os.path.join(conf, "node.json")) as file:
        assert file.read() == '{"dicom": {"find_limit": 5}}'


# ---- serve ----


def test_a_port_that_is_taken_is_named_with_what_to_do(nodes, tmp_path):
    node = nodes()
    for key, port, other in (("dicom.port", node.dicom_port, "http.port"), ("http.port", node.http_port, "dicom.port")):
        free, = free_ports(1)
        done = yingqiao("serve", "--set", f"{key}={port}", "--set", f"{other}={free}", data=tmp_path / key, code=1)
        assert f"port {port}" in done.err and f"--set {key}=" in done.err


def test_a_broken_change_is_logged_and_the_earlier_configuration_stays(nodes):
    node = nodes()
    path = os.path.join(node.data, "conf", "peers.json")
    with open(path) as file:
        before = file.read()
    with open(path, "w") as file:
        file.write('{\n "nonsense"')
    node.wait_for_log(r"error conf-kept .*peers\.json:\d")
    assert node.echo() == 0
    with open(path, "w") as file:
        file.write(before)
    node.wait_for_log(r"info +conf-reloaded")


def test_a_change_that_needs_a_restart_is_named(nodes):
    node = nodes()
    with open(os.path.join(node.data, "conf", "node.json"), "w") as file:
        file.write('{"http": {"workers": 2}}')
    node.wait_for_log(r"conf-reloaded .*needs-restart=http\.workers")


def test_sighup_reads_the_configuration_again(nodes):
    node = nodes()
    os.kill(node.pid, signal.SIGHUP)
    node.wait_for_log(r"conf-reloaded")
    assert node.echo() == 0


def test_sigint_stops_in_good_order(nodes):
    node = nodes()
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(60) == 0
    assert "stopped" in node.log()


# ---- peers ----


def test_a_peer_is_added_listed_and_removed(tmp_path):
    yingqiao("ae", "add", "CT1", "192.0.2.7", 104, "--may", "store", "--syntax", dul.EXPLICIT, "--note", "三号机房",
             data=tmp_path)
    one, = [peer for peer in yingqiao("ae", "list", "--json", data=tmp_path).json() if peer["aet"] == "CT1"]
    assert one["host"] == "192.0.2.7" and one["port"] == 104 and one["may"] == ["store"]
    assert one["syntaxes"] == [dul.EXPLICIT] and one["note"] == "三号机房" and one["max_associations"] == 0
    added = yingqiao("ae", "add", "CT2", "192.0.2.8", 104, "--syntax", "explicit", "--json", data=tmp_path).json()
    assert added["syntaxes"] == [dul.EXPLICIT]
    assert yingqiao("ae", "remove", "CT2", "--json", data=tmp_path).json() == {"removed": "CT2"}
    assert re.search(r"^CT1 +192\.0\.2\.7 +104 +store +三号机房$", yingqiao("ae", "list", data=tmp_path).out, re.M)
    assert "CT1" in yingqiao("ae", "add", "CT1", "192.0.2.7", 104, data=tmp_path, code=1).err
    yingqiao("ae", "remove", "CT1", data=tmp_path)
    assert "CT1" not in yingqiao("ae", "list", data=tmp_path).out
    assert "CT1" in yingqiao("ae", "remove", "CT1", data=tmp_path, code=1).err


def test_peers_of_another_configuration_are_changed_there(tmp_path):
    conf = tmp_path / "etc" / "node.json"
    conf.parent.mkdir()
    conf.write_text("{}")
    yingqiao("ae", "add", "CT1", "192.0.2.7", 104, "--conf", conf, data=tmp_path / "data")
    assert "CT1" in (tmp_path / "etc" / "peers.json").read_text()
    assert "CT1" in yingqiao("ae", "list", "--conf", tmp_path / "etc", data=tmp_path / "data").out


def test_testing_a_peer_sends_a_small_image_of_nobody(node, storescp, tmp_path):
    port, folder = storescp()
    node.ae_add("SINK", "127.0.0.1", port)
    done = node.cli("ae", "test", "SINK")
    assert "YQ-TEST" in done.out
    path, = files_below(folder)
    got = pydicom.dcmread(path)
    assert got.PatientID == "YQ-TEST" and got.Rows == 64
    assert not node.objects(), "the node keeps nothing of it"


def test_testing_a_peer_that_is_not_there_says_why(node):
    port, = free_ports(1)
    node.ae_add("GONE", "127.0.0.1", port)
    done = node.cli("ae", "test", "GONE", code=1)
    assert "refused" in done.err and str(port) in done.err
    assert node.cli("ae", "test", "GONE", "--json", code=1).json()["ok"] is False


def test_testing_a_peer_that_takes_no_images_says_so(node):
    with dul.Acceptor(takes=lambda abstract, syntaxes: syntaxes[0] if abstract == dul.VERIFICATION else None) as peer:
        node.ae_add("ECHOER", "127.0.0.1", peer.port)
        done = node.cli("ae", "test", "ECHOER", code=1)
        assert "echo: ECHOER" in done.out and done.err.strip()


# ---- import ----


def test_folders_files_and_other_things_are_imported(node, tmp_path):
    ones = new(tmp_path / "a" / "b", 3)
    (tmp_path / "a" / "notes.txt").write_text("no DICOM")
    (tmp_path / "a" / "empty").write_bytes(b"")
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    os.mkfifo(tmp_path / "a" / "pipe")
    said = node.cli("import", tmp_path / "a", "--json").json()
    assert (said["new"], said["skipped"], said["failed"]) == (3, 2, 0)
    assert node.count(StudyInstanceUID=ones[0].study) == 3
    said = node.cli("import", tmp_path / "a" / "b" / "0000.dcm", "--json").json()
    assert (said["new"], said["already"]) == (0, 1)
    assert [node.get_one(one) for one in ones] == [one.raw for one in ones]


def test_a_dicomdir_is_imported_by_what_it_names(node, tmp_path):
    folder = tmp_path / "disc"
    ones = new(folder / "IMAGES", 2, PatientName="Disc^One")
    for n in range(2):
        os.rename(folder / "IMAGES" / f"{n:04}.dcm", folder / "IMAGES" / f"IM{n}")
    new(folder / "BESIDE", 1)
    made = run("dcmmkdir", "+D", "DICOMDIR", "+id", ".", "-Pgp", "IMAGES/IM0", "IMAGES/IM1", cwd=folder)
    if not (folder / "DICOMDIR").exists():
        pytest.skip(f"dcmmkdir did not make one: {made.err[:200]}")
    said = node.cli("import", folder / "DICOMDIR", "--json").json()
    assert (said["new"], said["failed"]) == (2, 0)
    assert node.count(StudyInstanceUID=ones[0].study) == 2
    said = node.cli("import", folder, "--json").json()
    assert (said["new"], said["already"], said["skipped"]) == (1, 2, 1)


def test_what_cannot_be_imported_is_listed_with_the_reason(node, tmp_path):
    one, = new(tmp_path / "in", 1)
    whole = (tmp_path / "in" / "0000.dcm").read_bytes()
    (tmp_path / "in" / "cut.dcm").write_bytes(whole[:200])
    done = node.cli("import", tmp_path / "in", "--json", code=1)
    said = done.json()
    assert (said["new"], said["failed"]) == (1, 1)
    failure, = said["failures"]
    assert failure["path"].endswith("cut.dcm") and failure["reason"]
    done = node.cli("import", tmp_path / "in", code=1)
    assert "cut.dcm" in done.err
    assert node.cli("import", tmp_path / "nowhere", code=1).err.count("nowhere")


def test_an_import_goes_on_after_kill_9(tmp_path):
    ones = new(tmp_path / "in", 300)
    data = tmp_path / "data"
    args = [BINARY, "import", str(tmp_path / "in"), "--data", str(data), "--set", "store.reserve_mb=0"]
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())

    def some_are_in():
        return process.poll() is not None or len(files_below(data / "objects")) >= 20
    wait_until(some_are_in, 60, "the import does not begin", every=0.002)
    process.kill()
    process.wait()
    noted = sum(path.read_text().count("\n") for path in (data / "import").glob("*.state"))
    said = yingqiao("import", tmp_path / "in", "--json", "--set", "store.reserve_mb=0", data=data).json()
    assert said["failed"] == 0 and said["passed"] == noted
    assert said["passed"] + said["already"] + said["new"] == 300
    assert not list((data / "import").glob("*.state")), "notes of a finished import are gone"
    rows = yingqiao("studies", "--json", data=data).json()
    assert [(row["StudyInstanceUID"], row["NumberOfStudyRelatedInstances"]) for row in rows] == [(ones[0].study, 300)]
    assert "no damage" in yingqiao("verify", data=data).out


# ---- listings ----


def test_studies_are_listed_filtered_and_paged(node):
    ones = [samples.instance(PatientID=f"LIST-{n}", StudyDate=f"2026030{n}") for n in range(1, 4)]
    assert node.send(ones) == [0, 0, 0]
    rows = node.cli("studies", "PatientID=LIST-*", "--json").json()
    assert [row["PatientID"] for row in rows] == ["LIST-3", "LIST-2", "LIST-1"]
    rows = node.cli("studies", "PatientID=LIST-*", "--limit", 1, "--offset", 1, "--json").json()
    assert [row["PatientID"] for row in rows] == ["LIST-2"]
    rows = node.cli("studies", "StudyDate=20260302-20260303", "--json").json()
    assert len(rows) == 2
    table = node.cli("studies", "0010,0020=LIST-1").out
    assert "2026-03-01" in table and ones[0].study in table and "LIST-2" not in table
    assert node.cli("studies", "PatientID=NOBODY").out == "no studies\n"
    assert len(node.cli("studies", "StudyDate=2026-03-01-2026-03-02", "--json").json()) == 2, "as the table shows it"
    assert "--offset 2" in node.cli("studies", "PatientID=LIST-*", "--limit", 2).out
    assert "--offset" not in node.cli("studies", "PatientID=LIST-*", "--offset", 2).out, "there are no more"


def test_chinese_names_are_found_as_people_type_them(node):
    one = samples.instance(PatientID="HAN", PatientName="Wang^Fang=王^芳", SpecificCharacterSet="GB18030",
                           StudyDescription="很长" * 500)
    assert node.send(one) == [0]
    for name in ("王芳", "王^芳", "王 芳", "*王芳*", "王*", "王^*", "*^芳", "wang fang", "Wang^*=王^*"):
        assert node.cli("studies", "PatientID=HAN", f"PatientName={name}", "--json").json(), name
    assert not node.cli("studies", "PatientID=HAN", "PatientName=王方", "--json").json()
    assert max(len(line) for line in node.cli("studies", "PatientID=HAN").out.splitlines()) < 300, "cut, with a mark"


def test_a_folder_without_a_node_is_named(tmp_path):
    for words in (["studies"], ["verify"], ["delete", "--study", "1.2"]):
        done = yingqiao(*words, data=tmp_path / "typo", code=1)
        assert "typo" in done.err and "--data" in done.err
        assert not (tmp_path / "typo").exists()


def test_names_do_not_steer_the_terminal(node):
    one = samples.instance(PatientID="EVIL", StudyDescription="\x1b]0;owned\x07")
    assert node.send(one) == [0]
    assert "\x1b" not in node.cli("studies", "PatientID=EVIL").out


# ---- the other side ----


def test_echo_find_send_and_pull_between_two_nodes(nodes, demo):
    here, there = nodes(), nodes(dicom__aet="THERE")
    here.ae_add("THERE", "127.0.0.1", there.dicom_port)
    assert "answers" in here.cli("echo", "THERE").out
    there.cli("import", demo)
    rows = here.cli("find", "THERE", "ModalitiesInStudy=CR", "--json").json()
    study = rows[0]["StudyInstanceUID"]
    assert len(rows) == 1 and rows[0]["NumberOfStudyRelatedInstances"] == 3
    assert study in here.cli("find", "THERE", f"0020,000D={study}").out
    done = here.cli("pull", "THERE", f"StudyInstanceUID={study}", "--json").json()
    assert (done["total"], done["failed"]) == (3, 0)
    assert held(here, study) == held(there, study), "pulled as it is stored, whatever its transfer syntax"
    clips = here.cli("find", "THERE", "ModalitiesInStudy=US", "--json").json()[0]["StudyInstanceUID"]
    done = here.cli("pull", "THERE", "ModalitiesInStudy=US", "--json").json()
    assert (done["total"], done["failed"]) == (2, 0)
    assert held(here, clips) == held(there, clips)
    there.cli("delete", "--study", study)
    done = here.cli("send", "THERE", "--study", study, "--json").json()
    assert (done["total"], done["completed"]) == (3, 3)
    assert len(held(there, study)) == 3 and held(here, study) == held(there, study), "sent as it is"
    assert here.cli("pull", "THERE", "PatientID=NOBODY", code=1).err


def held(node, study):
    """The digests of a study's files by their names."""
    return {os.path.basename(path): hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in node.objects()
            if f"/{study}/" in path}


def test_files_are_sent_without_being_taken_in(node, storescp, tmp_path):
    ones = new(tmp_path / "out", 3)
    (tmp_path / "out" / "readme.txt").write_text("no DICOM")
    port, folder = storescp()
    done = yingqiao("send", f"ANY@127.0.0.1:{port}", tmp_path / "out", "--json", data=tmp_path / "none").json()
    assert (done["total"], done["completed"], done["skipped"]) == (3, 3, 1)
    assert {pydicom.dcmread(path).SOPInstanceUID for path in files_below(folder)} == {one.uid for one in ones}
    assert not (tmp_path / "none").exists()


def test_a_peer_that_is_not_known_is_answered_with_the_line_to_add(tmp_path):
    done = yingqiao("echo", "NOBODY", data=tmp_path, code=1)
    assert "yingqiao ae add NOBODY" in done.err


# ---- keeping house ----


def test_what_was_deleted_can_be_had_back(node):
    ones = [samples.instance(study="1.2.3.4") for _ in range(2)]
    assert node.send(ones) == [0, 0]
    done = node.cli("delete", "--study", "1.2.3.4")
    folder = re.search(r"yingqiao import (\S+)", done.out)[1]
    assert node.count(StudyInstanceUID="1.2.3.4") == 0
    assert not node.objects()
    assert node.cli("import", folder, "--json").json()["new"] == 2
    assert node.get_one(ones[0]) == ones[0].raw
    assert "nothing under 9.9" in node.cli("delete", "--study", "9.9", code=1).err


def test_one_instance_and_one_series_are_deleted_alone(node):
    study, series = samples.uid(), samples.uid()
    ones = [samples.instance(study=study, series=series) for _ in range(3)] + [samples.instance(study=study)]
    assert node.send(ones) == [0] * 4
    assert node.cli("delete", "--instance", ones[0].uid, "--json").json()["instances"] == 1
    assert node.count(StudyInstanceUID=study) == 3
    assert node.cli("delete", "--series", series, "--json").json()["instances"] == 2
    assert node.count(StudyInstanceUID=study) == 1
    assert node.wado(ones[3])


def test_reindex_wants_the_folder_alone_and_keeps_the_old_catalog(nodes):
    node = nodes()
    one = samples.instance()
    assert node.send(one) == [0]
    done = node.cli("reindex", code=1)
    assert str(node.pid) in done.err and "stop" in done.err
    node.stop()
    assert node.cli("reindex", "--json").json()["objects"] == 1
    assert {"catalog.sqlite", "catalog.sqlite.old"} <= set(os.listdir(node.data))
    assert not [name for name in os.listdir(node.data) if name.startswith("catalog.sqlite.new")]
    node.start()
    assert node.get_one(one) == one.raw


def test_reindex_passes_over_what_is_damaged_and_says_so(nodes):
    node = nodes()
    sound, damaged = samples.instance(size=9000), samples.instance(size=9000)
    assert node.send(sound, damaged) == [0, 0]
    node.stop()
    path, = [path for path in node.objects() if damaged.uid in path]
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"damage")
    done = node.cli("reindex", code=1)
    assert path in done.err and sound.uid not in done.err and "yingqiao import" in done.err
    node.start()
    assert node.wado(sound) and node.wado(damaged) is None
    assert node.cli("import", path, "--json").json()["new"] == 1, "as it is, when somebody says so"
    assert node.wado(damaged)


def test_verify_lists_what_is_missing(node):
    one, other = samples.instance(), samples.instance()
    assert node.send(one, other) == [0, 0]
    assert node.cli("verify", "--json").json()["faults"] == 0
    gone, = [path for path in node.objects() if one.uid in path]
    os.remove(gone)
    done = node.cli("verify", "--json", code=1).json()
    assert done["faults"] == 1 and one.uid in json.dumps(done["list"])


# ---- samples ----


def test_the_same_seed_makes_the_same_files(demo, tmp_path):
    yingqiao("demo", "--seed", 7, "--out", tmp_path / "again", data=tmp_path / "none")
    names = [os.path.relpath(path, demo) for path in files_below(demo)]
    assert names == [os.path.relpath(path, tmp_path / "again") for path in files_below(tmp_path / "again")]
    for name in names:
        assert Path(demo, name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert not (tmp_path / "none").exists()


def test_the_samples_are_what_they_are_meant_to_be(demo_files):
    seen, charsets, syntaxes = {}, set(), set()
    for path in demo_files:
        one = pydicom.dcmread(path, stop_before_pixels=True)
        seen[one.Modality] = seen.get(one.Modality, 0) + 1
        value = one.SpecificCharacterSet
        charsets.add(value if isinstance(value, str) else "\\".join(value))
        syntaxes.add(one.file_meta.TransferSyntaxUID)
        # older pydicom leaves the escape sequence of ISO 2022 IR 58 in the text
        alphabetic, ideographic = str(one.PatientName).replace("\x1b$)A", "").split("=")
        assert re.fullmatch(r"[A-Za-z]+\^[A-Za-z]+", alphabetic) and re.fullmatch("[一-鿿]+\\^[一-鿿]+", ideographic)
        assert one.PatientID.startswith("YQ")
    assert seen == {"CT": 52, "MR": 40, "CR": 2, "US": 2, "SR": 1, "DOC": 1}
    assert {"GB18030", "ISO_IR 192", "\\ISO 2022 IR 58"} <= charsets
    assert {dul.EXPLICIT, dul.IMPLICIT, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70",
            "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"} <= syntaxes


def test_dciodvfy_finds_no_error_in_the_samples(demo_files):
    if not shutil.which("dciodvfy"):
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    first = [path for path in demo_files if path.endswith("0001.dcm")]
    for path in first:
        done = run("dciodvfy", path)
        assert not re.search(r"^Error", done.err, re.M), (path, done.err)


def test_the_samples_go_straight_into_a_node_once(node):
    said = node.cli("demo", "--studies", 4, "--seed", 11, "--json").json()
    assert (said["studies"], said["instances"], said["already"]) == (4, 98, 0)
    assert node.cli("demo", "--studies", 4, "--seed", 11, "--json").json()["already"] == 98
    assert len(node.cli("studies", "--json").json()) == 4
    row, = node.find("STUDY", PatientName=None, ModalitiesInStudy="MR", charset="ISO_IR 192")
    assert re.search("[一-鿿]", str(row.PatientName))
