"""Exams of weeks and months go to a platform: by command and at its first connection, the oldest first, so many a minute,
on where it was after a crash, nothing twice."""
import json

import pytest

from conftest import wait_until, write_json, yingqiao
from front import Front, beijing, connect, exam, put_exams


@pytest.fixture
def front():
    one = Front()
    yield one
    one.stop()


@pytest.fixture
def node(nodes):
    return nodes()


def backfill(node, *words, code=0):
    return node.cli("backfill", "shanxi", *words, code=code)


def backfills(node):
    return json.loads(backfill(node, "--list", "--json").out)


def test_a_span_is_sent_the_oldest_first_and_nothing_else(node, front):
    put_exams(node, [exam("C", "2026-02-03"), exam("A", "2026-02-01"), exam("B", "2026-02-02"), exam("B2", "2026-02-02"),
                     exam("before", "2026-01-31"), exam("after", "2026-02-04")])
    connect(node, front, couriers=1)
    done = backfill(node, "--from", "2026-02-01", "--to", "2026-02-03", "--rate", "100000")
    assert "at most 100000 a minute" in done.out
    wait_until(lambda: backfills(node)[0]["state"] == "done")
    wait_until(lambda: len(front.exams) == 4)
    node.wait_for_queue(lambda jobs: not jobs)
    assert list(front.exams)[0] == "A" and sorted(front.exams) == ["A", "B", "B2", "C"]
    assert set(front.exams.values()) == {1}
    only, = backfills(node)
    assert only["queued"] == 4 and not only["automatic"]
    assert "3 days, 4 exams put into the queue" in backfill(node, "--list").out
    backfill(node, "--from", "2026-02-01", "--to", "2026-02-04", "--rate", "100000")
    wait_until(lambda: front.exams.get("after"))
    wait_until(lambda: backfills(node)[0]["state"] == "done")
    node.wait_for_queue(lambda jobs: not jobs)
    assert set(front.exams.values()) == {1}  # what the platform has is not sent again


def test_it_goes_as_fast_as_it_may_and_stops_when_told(node, front):
    put_exams(node, [exam(f"E{n}", "2026-02-01") for n in range(100)])
    connect(node, front)
    backfill(node, "--from", "2026-01-01", "--to", "2026-03-01", "--rate", "300")
    wait_until(lambda: 3 <= backfills(node)[0]["queued"])
    first = backfills(node)[0]
    assert first["day"] == "2026-02-01" and first["state"] == "runs" and first["queued"] < 100
    assert "backfill of shanxi, 2026-01-01 to 2026-03-01: day 32 of 60" in node.cli("queue", "list").out
    assert "is under way" in backfill(node, "--from", "2026-01-01", "--to", "2026-01-02", code=1).err
    assert "stopped" in backfill(node, "--stop").out
    at = backfills(node)[0]
    assert at["state"] == "stopped" and at["queued"] < 100
    assert "no backfill" in backfill(node, "--stop").out
    wait_until(lambda: len(front.exams) == at["queued"])
    assert backfills(node)[0]["queued"] == at["queued"]


def test_kill_9_in_between_loses_nothing_and_repeats_nothing(node, front):
    put_exams(node, [exam(f"E{n}", f"2026-02-{n % 3 + 1:02}") for n in range(60)])
    connect(node, front)
    backfill(node, "--from", "2026-02-01", "--to", "2026-02-03", "--rate", "600")
    for queued in (5, 20, 40):
        wait_until(lambda: backfills(node)[0]["queued"] >= queued)
        node.kill9()
        node.start()
    wait_until(lambda: backfills(node)[0]["state"] == "done")
    wait_until(lambda: len(front.exams) == 60)
    node.wait_for_queue(lambda jobs: not jobs)
    assert backfills(node)[0]["queued"] == 60


def test_a_platform_that_is_new_gets_the_last_months_by_itself(node, front):
    put_exams(node, [exam("new", beijing(-20)), exam("old", beijing(-70)), exam("today", beijing())])
    connect(node, front, backfill_months=1, backfill_rate=100000)
    wait_until(lambda: len(front.exams) == 2)
    assert sorted(front.exams) == ["new", "today"]
    assert node.wait_for_log(r"backfill-begun .*platform=shanxi .*connected for the first time")
    wait_until(lambda: backfills(node)[0]["state"] == "done")
    assert backfills(node)[0]["automatic"] and "first connection" in backfill(node, "--list").out
    node.stop()
    node.start()
    connect(node, front, backfill_months=3, backfill_rate=100000)
    put_exams(node, [exam("more", beijing(-1))])
    wait_until(lambda: front.exams.get("more"))
    assert len(backfills(node)) == 1 and "old" not in front.exams  # it is new only once


def test_a_platform_that_is_off_waits(node, front):
    put_exams(node, [exam("A", "2026-02-01")])
    connect(node, front, enabled=False)
    assert "no platform that exams go to" in backfill(node, "--from", "2026-02-01", "--to", "2026-02-03", code=1).err
    assert "no platform that exams go to" in node.cli("backfill", "hebei", "--from", "2026-02-01", "--to", "2026-02-03", code=1).err
    connect(node, front)
    backfill(node, "--from", "2026-02-01", "--to", "2026-02-03", "--rate", "1")
    write_json(f"{node.data}/conf/platforms.json", {"platforms": []})
    node.stop()
    node.start()
    assert backfills(node)[0]["state"] == "runs" and not front.exams


@pytest.mark.parametrize("words", [[], ["shanxi"], ["shanxi", "--from", "2026-02-01"], ["shanxi", "--from", "2026-02-30", "--to", "2026-03-01"],
                                   ["shanxi", "--from", "2026-03-02", "--to", "2026-03-01"], ["shanxi", "--rate", "0", "--list"]])
def test_what_is_not_understood(tmp_path, words):
    yingqiao("backfill", *words, data=tmp_path / "none", code=2)
