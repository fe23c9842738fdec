#!/usr/bin/env python3
"""kith and its peers, measured side by side in one run, with the machine's own limits. Ends with tables in Markdown.

    bench/compare/run.py                        all sections, five rounds: about an hour and a half on two cores
    bench/compare/run.py --only add,link        these: add, loopback, link, perf, network, connections,
                                                gossip, queries, ledger, memory, start
    bench/compare/run.py --quick                tiny sizes, one round: whether it works, not how fast it is
    bench/compare/run.py --write --json FILE    puts the tables into docs/benchmarks.md, and all samples into FILE

What isn't there gets a row that says so, and with CI=true the run fails.
Environment as for tests/interop: KITH_BIN, KITH_PEERS.
"""

import argparse
import datetime
import importlib
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(ROOT / "tests/interop")]
# Run as a file, its folder would come first, and a module of it would stand for one of Python's.
sys.path = [folder for folder in sys.path if Path(folder or ".").resolve() != HERE]

PAGE = ROOT / "docs/benchmarks.md"
SECTIONS = {"add": "add", "loopback": "transfer", "link": "link", "perf": "perf", "network": "network",
            "connections": "connections", "gossip": "gossip", "queries": "queries", "ledger": "ledger",
            "memory": "memory", "start": "start"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), metavar="SECTION,...")
    parser.add_argument("--rounds", type=int, help="default: 5, with --quick 1")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench", help="where data and homes are meanwhile")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    if unknown := set(arguments.only) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if arguments.quick and arguments.write:
        parser.error("what --quick measures is not worth writing down")
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 5)
    return arguments


def section(run, name):
    """Its tables, and when, with how many rounds and beside how much else they were made."""
    from compare import machine

    module = importlib.import_module(f"compare.{SECTIONS[name]}")
    made = {"date": datetime.date.today().isoformat(), "rounds": run.rounds, "load before": machine.load()}
    tables = list(module.tables(run))
    return {"made": made, "tables": tables}


def text_of(result):
    from compare import machine, table

    return "\n".join(table.markdown(one) for one in result["tables"]) + "\n" + machine.markdown(result["made"], "Made")


def write_page(facts, results):
    from compare import table

    page = table.put(PAGE.read_text(), "machine", facts)
    for name, result in results.items():
        page = table.put(page, name, text_of(result))
    PAGE.write_text(page)


def main():
    arguments = parse()
    os.environ.setdefault("IPFS_TELEMETRY", "off")
    # Tests take the peer that was built last, and one with sanitizers may be that.
    if (released := ROOT / "build/release/kith-peer").exists():
        os.environ.setdefault("KITH_PEER", str(released))
    from compare import machine, measure, table

    results = {}
    with measure.Run(arguments.folder, arguments.rounds, arguments.quick) as run:
        host, versions = machine.machine(run.folder), machine.versions()
        facts = f"{machine.markdown(host, 'Machine')}\n\n{machine.markdown(versions, 'Versions')}"
        for name in (name for name in SECTIONS if name in arguments.only):
            results[name] = section(run, name)
            # At once: who ends a run of an hour early keeps what is measured.
            if arguments.write:
                write_page(facts, {name: results[name]})
    print(facts, *map(text_of, results.values()), sep="\n\n")
    if arguments.json:
        sections = {name: {"made": result["made"], "tables": [table.as_json(one) for one in result["tables"]]}
                    for name, result in results.items()}
        arguments.json.write_text(json.dumps({"machine": host, "versions": versions, "sections": sections}, indent=1))
    for fault in run.failed:
        print(f"run.py: {fault}", file=sys.stderr)
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
