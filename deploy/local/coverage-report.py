"""Prints the lines covered of each module in Shared and Services, and of all; fails when those are too few.

usage: coverage-report.py REPORT ROOT MINIMUM
REPORT is what `llvm-cov export -summary-only` wrote, ROOT the repository's folder, MINIMUM a percentage of all lines.
"""

import collections
import json
import os
import sys

report, root, minimum = sys.argv[1], sys.argv[2], float(sys.argv[3])
modules = collections.defaultdict(lambda: [0, 0])
with open(report, encoding="utf-8") as file:
    files = json.load(file)["data"][0]["files"]
for entry in files:
    parts = os.path.relpath(entry["filename"], root).split(os.sep)
    # TestKit is what tests are made of: it is not what they are about.
    if parts[0] in ("Shared", "Services") and parts[1] != "TestKit":
        lines = entry["summary"]["lines"]
        for name in ("/".join(parts[:2]), "all"):
            modules[name][0] += lines["covered"]
            modules[name][1] += lines["count"]
total = modules.pop("all", [0, 0])
for name, (covered, count) in sorted(modules.items()) + [("Shared and Services", total)]:
    print(f"{name:<32} {covered:>6} of {count:>6} lines {100 * covered / max(count, 1):6.1f} %")
if not total[1]:
    sys.exit("coverage: no line of Shared or Services is in the report")
if 100 * total[0] < minimum * total[1]:
    sys.exit(f"coverage: {100 * total[0] / total[1]:.2f} % of all lines is less than {minimum:g} %")
