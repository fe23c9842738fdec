#!/usr/bin/env python3
"""Makes tables of what the tests recorded in KITH_MATRIX, and puts them between the markers of docs/interop.md.

    matrix.py RECORDED [DOCUMENT]

Nothing is written where the recorded cells are fewer than those of the tables that are there, as a part of a run's are.
"""

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
CASES = ("identify", "ping", "perf", "streams")
UNCOVERED = "—"
# Why a row has no cells.
REASONS = [
    (("quic", "tls", "quic", "kith", "js"), "js-libp2p's QUIC is a package of its own, not built here"),
    (("quic", "tls", "quic", "js", "kith"), "js-libp2p's QUIC is a package of its own, not built here"),
]
ROW = ("transport", "security", "muxer", "dialer", "listener")


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def merged(rows, key):
    """The outcome of each key: one failure makes it failed."""
    cells = {}
    for row in rows:
        at = key(row)
        if cells.get(at) != "failed":
            cells[at] = row["outcome"]
    return cells


def table(head, lines):
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for line in lines:
        yield f"| {' | '.join(one or UNCOVERED for one in line)} |"


def connections(rows):
    cells = merged(rows, lambda row: (tuple(row[part] for part in ROW), row["protocol"]))
    ways = {way for way, _ in cells}
    lines = [[*way, *(cells.get((way, case), UNCOVERED) for case in CASES)] for way in ways]
    lines += [[*way, *[f"{UNCOVERED} ({why})"] * len(CASES)] for way, why in REASONS if way not in ways]
    return table([*ROW, *CASES], sorted(lines))


def protocols(rows):
    cells = merged(rows, lambda row: (row["protocol"], row["dialer"], row["listener"], row["transport"]))
    return table(["protocol", "one", "other", "transport", "outcome"], ([*at, cells[at]] for at in sorted(cells)))


def nats(rows):
    """What a pair came to; a case that ran twice and came to both says both."""
    cells = {}
    for row in rows:
        cells.setdefault((row["ours"], row["other"], row["case"], row["transport"]), set()).add(row["outcome"])
    return table(["ours", "other", "NATs", "transport", "outcome"],
                 ([*at, ", ".join(sorted(cells[at]))] for at in sorted(cells)))


def render(rows, date, tree):
    interop = [row for row in rows if row["area"] == "interop"]
    parts = [("Connections", connections, [row for row in interop if row["protocol"] in CASES]),
             ("Protocols", protocols, [row for row in interop if row["protocol"] not in CASES]),
             ("NATs", nats, [row for row in rows if row["area"] == "nat"])]
    lines = [f"{date}, tree {tree}. {UNCOVERED}: no test covers it."]
    for title, make, found in parts:
        if found:
            lines += ["", f"### {title}", "", *make(found)]
    return "\n".join(lines)


def count(text):
    """The cells that have an outcome."""
    return len(re.findall(r"\| (?=(?:passed|failed|direct|relayed)\b)", text))


def replaced(document, text):
    """The document with this text between its markers, or None where what is there has more cells."""
    before, begin, rest = document.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("no markers")
    if count(text) < count(old):
        return None
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    document = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "docs" / "interop.md"
    tree = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    text = render(read(sys.argv[1]), datetime.date.today().isoformat(), tree.stdout.strip())
    new = replaced(document.read_text(encoding="utf-8"), text)
    if new is None:
        print("matrix.py: fewer cells than the tables have; nothing written", file=sys.stderr)
        return 0
    document.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
