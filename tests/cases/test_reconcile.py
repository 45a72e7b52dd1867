"""S13 /statisticalData/upload: a day's exams are told per modality, what the platform lacks is sent again; every night, and
for the nights that were missed."""
import json
import re

import pytest

from conftest import wait_until
from front import Front, beijing, connect, exam, put_exams, uid
from province import HOSPITAL, seal


@pytest.fixture
def front():
    one = Front()
    yield one
    one.stop()


@pytest.fixture
def node(nodes):
    return nodes()


def reconcile(node, *words, code=0):
    done = node.cli("reconcile", "shanxi", *words, code=code)
    return done


def days(node):
    return {day["date"]: day for day in json.loads(node.cli("reconcile", "shanxi", "--list", "--json").out)}


def test_a_day_is_told_and_what_is_missing_goes_again(node, front):
    connect(node, front)
    day = "2026-03-01"
    exams = put_exams(node, [exam("E1", day), exam("E2", day), exam("E3", day, "MR"), exam("E4", "2026-03-02"),
                             exam("E5", day, "US", studyInstanceUid=["1.2.840.88.1", "1.2.840.88.2"])])
    wait_until(lambda: len(front.exams) == 5)
    node.wait_for_queue(lambda jobs: not jobs)
    front.lacks = lambda ids: [uid(exams[1]), "1.2.840.88.1"]
    out = reconcile(node, "--date", day).out
    assert "4 exams told, 2 missing, 0 unknown" in out
    told, = front.days
    assert told["hospitalCode"] == HOSPITAL and told["date"] == day
    lines = {line["imgExamType"]: line for line in told["examInfo"]}
    assert sorted(lines) == ["CT", "MR", "US"]
    assert lines["CT"]["pushExamNum"] == 2 and sorted(lines["CT"]["study_uids"]) == sorted(map(uid, exams[:2]))
    assert lines["US"]["study_uids"] == ["1.2.840.88.1"] and lines["MR"]["pushExamNum"] == 1
    assert isinstance(lines["CT"]["pushImageNum"], int)
    wait_until(lambda: front.exams["E2"] == 2 and front.exams["E5"] == 2)  # the same content, and sent again
    assert front.exams["E1"] == front.exams["E3"] == front.exams["E4"] == 1
    assert days(node)[day]["missing"] == 2 and days(node)[day]["done"]
    call = next(one for one in json.loads(node.cli("requests", "shanxi", "--json").out) if one["message"] == "statistics")
    shown = node.cli("requests", "shanxi", "--show", str(call["id"])).out
    assert call["status"] == 200 and not call.get("failed") and uid(exams[0]) in shown and '"status"' in shown


def test_images_and_reports_are_counted(node, front):
    import samples
    connect(node, front)
    study = samples.uid()
    node.send(*[samples.instance(study=study) for _ in range(3)])
    put_exams(node, [exam("E1", "2026-03-01", studyInstanceUid=[study])])
    wait_until(lambda: front.exams.get("E1"))
    reconcile(node, "--date", "2026-03-01")
    line, = front.days[0]["examInfo"]
    assert line["pushImageNum"] == 3 and line["pushReportNum"] == 0 and line["study_uids"] == [study]


def test_what_was_not_told_is_left_alone_and_said(node, front):
    connect(node, front)
    one, = put_exams(node, [exam("E1", "2026-03-01")])
    wait_until(lambda: front.exams.get("E1"))
    front.lacks = lambda ids: ["9.9.9", uid(one), uid(one)]
    done = reconcile(node, "--date", "2026-03-01")
    assert "1 exams told, 1 missing, 1 unknown" in done.out and "ask the platform" in done.out


@pytest.mark.parametrize("by, told", [("exam", "E1"), ("accession", "AE1")])
def test_an_exam_may_be_told_by_another_id(node, front, by, told):
    connect(node, front, reconcile_id=by)
    put_exams(node, [exam("E1", "2026-03-01")])
    wait_until(lambda: front.exams.get("E1"))
    front.lacks = lambda ids: ids
    reconcile(node, "--date", "2026-03-01")
    assert front.days[0]["examInfo"][0]["study_uids"] == [told]
    wait_until(lambda: front.exams["E1"] == 2)


def test_the_forms_of_the_answer(node, front):
    connect(node, front)
    one, = put_exams(node, [exam("E1", "2026-03-01")])
    ids = json.dumps([uid(one)]).encode()
    for said in ({"status": "0", "data": seal(ids)}, {"status": "0", "data": seal(b'{"study_uids": ' + ids + b"}")},
                 {"status": "0", "data": "", "study_uids": [uid(one)]}, {"status": 0, "data": seal(ids)}):
        front.answer = 200, json.dumps(said).encode()
        assert "1 missing" in reconcile(node, "--date", "2026-03-01").out, said


def test_what_goes_wrong_is_told_kept_and_tried_again(node, front):
    connect(node, front)
    put_exams(node, [exam("E1", "2026-03-01")])
    for tries, (status, said, words) in enumerate([
            (200, '{"status": "-1", "message": "机构未注册"}'.encode(), "status -1.*机构未注册"),
            (200, b'{"status": -1}', "status -1"),
            (200, b"<html>", "not the platform"),
            (200, b"{}", "no status"),
            (200, b'{"status": "0", "data": "AAAA"}', "does not open"),
            (200, json.dumps({"status": "0", "data": seal(b'"x"')}).encode(), "no list"),
            (200, json.dumps({"status": "0", "data": seal(b"\xff{")}).encode(), "JSON"),
            (500, b"", "HTTP 500"), (404, b"", "HTTP 404")], 1):
        front.answer = status, said
        assert re.search(words, reconcile(node, "--date", "2026-03-01", code=1).err), words
        day = days(node)["2026-03-01"]
        assert not day["done"] and day["tries"] == tries and re.search(words, day["reason"])
    front.answer = None
    reconcile(node, "--date", "2026-03-01")
    assert days(node)["2026-03-01"]["done"]


def test_every_night_and_the_nights_that_were_missed(node, front):
    """00:00 is over in Beijing on every day: yesterday is due."""
    put_exams(node, [exam("E1", beijing(-1)), exam("E3", beijing(-3)), exam("E9", beijing(-9))])
    connect(node, front, reconcile="00:00")
    wait_until(lambda: days(node).get(beijing(-1), {}).get("done"))
    assert [day["date"] for day in front.days] == [beijing(-1)]  # a platform that is new begins with yesterday
    node.cli("reconcile", "shanxi", "--date", beijing(-5))
    wait_until(lambda: all(days(node).get(beijing(-n), {}).get("done") for n in (1, 2, 3, 4, 5)))
    assert [day["date"] for day in front.days] == [beijing(-1), beijing(-3)]  # days without exams are not told
    assert beijing(-6) not in days(node) and beijing(-9) not in days(node)


def test_a_platform_that_is_away_at_night_is_asked_later(node, front):
    put_exams(node, [exam("E1", beijing(-1))])
    front.status = 503
    connect(node, front, "http://127.0.0.1:1", front.url, reconcile="00:00")
    wait_until(lambda: days(node).get(beijing(-1), {}).get("tries"))
    node.wait_for_log(r"not-reconciled.*platform=shanxi")
    front.status = 200
    node.stop()
    node.start()
    # the pause of five minutes is in the catalog, a person need not wait for it
    assert "1 exams told" in node.cli("reconcile", "shanxi").out
    assert front.days[-1]["date"] == beijing(-1)


def test_who_cannot_be_compared_is_told(node, front):
    assert 'no platform "shanxi"' in reconcile(node, code=1).err
    connect(node, front, upload="none")
    assert "nothing is compared" in reconcile(node, code=1).err
    assert "takes a day" in reconcile(node, "--date", "yesterday", code=2).err
