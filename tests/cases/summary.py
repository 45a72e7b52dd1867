"""summary.py BUILD: the last words of tools/test.sh: what pytest found per file, and what was skipped and why."""
import collections
import glob
import os
import sys
import xml.etree.ElementTree as ElementTree


def main(build):
    total, skipped, bad = collections.Counter(), collections.Counter(), 0
    for path in sorted(glob.glob(os.path.join(build, "cases", "*.xml"))):
        name = os.path.splitext(os.path.basename(path))[0]
        counts = collections.Counter(passed=0)
        for case in ElementTree.parse(path).iter("testcase"):
            kinds = {child.tag for child in case}
            kind = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
            counts[kind] += 1
            for reason in case.iter("skipped"):
                skipped[f"{name}: {reason.get('message')}"] += 1
        total += counts
        bad += counts["failed"]
        print(f"pytest {name}: " + ", ".join(f"{n} {kind}" for kind, n in counts.items() if n))
    for reason, count in skipped.items():
        print(f"skipped {count} of {reason}")
    print("pytest, all: " + (", ".join(f"{n} {kind}" for kind, n in total.items() if n) or "no cases were run"))
    return 1 if bad else 0


sys.exit(main(sys.argv[1]))
