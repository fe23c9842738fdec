"""What became of each pair, a JSON object a line, in the file that KITH_MATRIX names."""

from harness.proofs import append


def record(other, case, transport, outcome):
    append([{"area": "nat", "ours": "kith", "other": other, "case": case, "transport": transport, "outcome": outcome}])
