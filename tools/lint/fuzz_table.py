#!/usr/bin/env python3
"""Every *_fuzz.cpp is in the table of fuzz/table.inc with a seed corpus, and the table names nothing else."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    defined = {}
    for path in sorted((ROOT / "kith").rglob("*_fuzz.cpp")):
        for name in re.findall(r"^void fuzz_(\w+)\(", path.read_text(), re.M):
            defined[name] = path.relative_to(ROOT)
    listed = set(re.findall(r"^KITH_FUZZ\((\w+)\)", (ROOT / "fuzz/table.inc").read_text(), re.M))
    faults = [f"{defined[name]}: fuzz_{name} isn't in fuzz/table.inc" for name in sorted(defined.keys() - listed)]
    faults += [f"fuzz/table.inc: fuzz_{name} doesn't exist" for name in sorted(listed - defined.keys())]
    for name in sorted(defined.keys() & listed):
        folder = ROOT / "fuzz/corpus" / name
        if not folder.is_dir() or not any(folder.iterdir()):
            faults.append(f"fuzz/corpus/{name}: no seed corpus for fuzz_{name}")
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
