#!/usr/bin/env python3
"""Adds up JUnit files: prints the failed and skipped tests, then `N passed, N failed, N skipped`. Ends with 1 if any failed.

A ctest entry stands for a whole binary; where that binary wrote a file of its own, its tests count and the entry doesn't.
"""
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def cases(path: Path):
    for case in ET.parse(path).getroot().iter("testcase"):
        name = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
        skipped = case.find("skipped") is not None or case.get("status") in ("notrun", "disabled")
        failed = case.find("failure") is not None or case.find("error") is not None
        yield name, "failed" if failed else "skipped" if skipped else "passed"


def main() -> int:
    outcome = {"passed": 0, "failed": 0, "skipped": 0}
    for folder in map(Path, sys.argv[1:]):
        files = sorted(folder.glob("*.xml"))
        own = {path.stem for path in files}
        for path in files:
            try:
                found = list(cases(path))
            except ET.ParseError:
                found = [(path.stem + " (its result file is cut off)", "failed")]
            for name, state in found:
                binary = name.split(".")[-1]
                if path.stem == "ctest" and binary in own and state == "passed":
                    continue
                outcome[state] += 1
                if state != "passed":
                    print(f"{state}: {folder.parent.name}/{path.stem}: {name}")
    print(f"{outcome['passed']} passed, {outcome['failed']} failed, {outcome['skipped']} skipped")
    return 1 if outcome["failed"] or not outcome["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
