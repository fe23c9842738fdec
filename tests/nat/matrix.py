"""What became of each pair, a JSON object a line, in the file that KITH_MATRIX names."""

import json
import os


def record(other, case, transport, outcome):
    path = os.environ.get("KITH_MATRIX")
    if not path:
        return
    row = {"area": "nat", "ours": "kith", "other": other, "case": case, "transport": transport, "outcome": outcome}
    with open(path, "a", encoding="utf-8") as matrix:
        matrix.write(json.dumps(row) + "\n")
