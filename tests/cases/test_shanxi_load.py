"""Many exams through a platform that fails one call in five, in every way it can, while the exams change and the node is killed:
all arrive exactly as they were last. YQ_EXAMS says how many (10 000 take minutes and want a release build); YQ_LOAD_REPORT
names a file for what was measured."""
import json
import os
import random
import time

from conftest import finish, sanitized, wait_until
from hospital import exam, platform, put, report, start
from province import Province

EXAMS = int(os.environ.get("YQ_EXAMS", "500"))
KILLS = max(5, EXAMS // 500)
PART = max(EXAMS // 10, 1)


class Records:
    """What the hospital says; the last of it is what must arrive."""

    def __init__(self):
        self.exams, self.reports = {}, {}

    def say(self, node, numbers, wave):
        exams = [exam(n, phone=f"138{wave}{n:07d}") for n in numbers]
        reports = [report(n, impression=f"第{wave}次：{n}") for n in numbers if n % 3]  # every third has none yet
        put(node, "exams", exams)
        put(node, "reports", reports)
        self.exams.update({one["examId"]: one["phone"] for one in exams})
        self.reports.update({one["reportId"]: one["impression"] for one in reports})

    def missing(self, said):
        """What has not arrived as it was last."""
        return ([i for i, phone in self.exams.items() if (said["exams"].get(i) or {}).get("content", {}).get("patTelephone") != phone] +
                [i for i, text in self.reports.items()
                 if (said["reports"].get(i) or {}).get("content", {}).get("inspectExamResult") != text])


def memory(node):
    """Resident now and at most, in MB."""
    with open(f"/proc/{node.pid}/status") as file:
        values = dict(line.split(":", 1) for line in file)
    return tuple(int(values[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))


def calls(province):
    return province.summary(contents=False)["calls"]


def test_all_arrive_exactly_as_last_changed(tmp_path):
    chance, records, measured = random.Random(6), Records(), {"exams": EXAMS, "kills": 0, "memory": []}
    with Province(tmp_path, "--quick", "--no-fetch", "--fail", "mixed:1=1/5", "--seed", 6) as province:
        node = start(tmp_path / "node", platform(province, couriers=8, timeout=5, verify="none"))
        begun = time.monotonic()
        try:
            half = EXAMS // 2
            for first in range(1, half + 1, PART):  # the first half without kills, changed while it goes
                records.say(node, range(first, min(first + PART, half + 1)), 1)
                records.say(node, chance.sample(range(1, first + 1), min(first, PART // 5)), 2)
                measured["memory"].append(memory(node))
            for kill in range(KILLS):  # the second with them, each while it is sending
                part = range(half + 1 + kill * (EXAMS - half) // KILLS, half + 1 + (kill + 1) * (EXAMS - half) // KILLS)
                records.say(node, part, 3)
                records.say(node, chance.sample(range(1, half + 1), PART // 5), 4 + kill)
                before = calls(province)
                wait_until(lambda: calls(province) >= before + PART // 5, 120, "calls")
                node.kill9()
                measured["kills"] += 1
                node.start()
            limit = 120 + EXAMS // 10 if not sanitized() else 240 + EXAMS // 2
            wait_until(lambda: not node.queue() and not records.missing(province.summary()), limit,
                       "the rest", every=max(1, EXAMS / 5000))
            measured["seconds"] = round(time.monotonic() - begun, 1)
            measured["memory"].append(memory(node))
            said = province.summary(contents=False)
        finally:
            finish([node])
    assert [c for c in said["complaints"] if c["serious"]] == []
    assert set(said["exams"]) == set(records.exams) and set(said["reports"]) == set(records.reports)
    same = sum(one["same"] for one in (*said["exams"].values(), *said["reports"].values()))
    assert same <= KILLS * 2 * 8, same  # what was acknowledged and not yet noted when it was killed: at most what was under way
    measured.update(calls=said["calls"], paths=said["paths"], faults=said["faults"], repeated=same)
    if os.environ.get("YQ_LOAD_REPORT"):
        with open(os.environ["YQ_LOAD_REPORT"], "w", encoding="utf-8") as file:
            json.dump(measured, file, ensure_ascii=False, indent=1)
