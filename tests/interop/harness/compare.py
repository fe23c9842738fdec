"""bench/compare with tiny sizes, so that it can't rot."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from . import environment

COMPARE_SECONDS = 600


def compared(test, sections, env=None):
    """Runs it, and checks that every row of every table was measured, or says what it misses. Returns the tables."""
    with tempfile.TemporaryDirectory(prefix="kith-compare-") as folder:
        out = Path(folder, "out.json")
        command = [sys.executable, environment.ROOT / "bench/compare/run.py", "--quick", "--only", ",".join(sections),
                   "--json", out, "--folder", folder]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=COMPARE_SECONDS)
        test.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(out.read_text())["sections"]
    test.assertEqual(sorted(told), sorted(sections))
    tables = [table for name in sections for table in told[name]["tables"]]
    for table in tables:
        for row in table["rows"]:
            with test.subTest(table=table["title"], row=row["name"]):
                if not row["note"].startswith("missing: "):
                    test.assertEqual(row["note"], "")
                    test.assertGreater(min(row["samples"][table["headline"]]), 0)
        test.assertIn(f"### {table['title']}", done.stdout)
    return tables
