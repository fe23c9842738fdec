"""What is measured, and the rounds in which all of it is measured by turns."""

import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest
from dataclasses import dataclass, field
from pathlib import Path

from harness import environment
from harness.daemon import CommandError
from harness.peer import PeerError

MIB = 1 << 20
FAULTS = (AssertionError, CommandError, PeerError, OSError, subprocess.SubprocessError, TimeoutError)


@dataclass
class Column:
    key: str
    title: str
    digits: int = 0


@dataclass
class Row:
    """A contender's name and, for each column, one sample a round. `against` names the row that it's compared with."""

    name: str
    against: str = ""
    samples: dict = field(default_factory=dict)
    note: str = ""

    def add(self, sample):
        for key, value in sample.items():
            self.samples.setdefault(key, []).append(value)

    def median(self, key):
        return statistics.median(self.samples[key]) if self.samples.get(key) else None


@dataclass
class Table:
    title: str
    columns: list
    headline: str  # the column's key of which the spread is told
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    ratios: tuple = ()  # of which columns, if not of the headline alone

    def ratio_keys(self):
        return self.ratios or (self.headline,)

    def row(self, name):
        return next((row for row in self.rows if row.name == name), None)

    def ratio(self, row, key):
        """The median of the rounds' ratios: what disturbed one round disturbed both its numbers. None without any."""
        over = self.row(row.against)
        if over is None:
            return None
        pairs = zip(over.samples.get(key, []), row.samples.get(key, []))
        ratios = [first / second for first, second in pairs if second]
        return statistics.median(ratios) if ratios else None


@dataclass
class Contender:
    """Measured once a round. `measure` returns a sample: a number for each of the table's columns that it knows."""

    name: str
    measure: object
    against: str = ""


class Run:
    """What the command line asked for, a folder for what's made on the way, and what went wrong."""

    def __init__(self, folder, rounds, quick):
        self.rounds = rounds
        self.quick = quick
        self.failed = []
        self._within = folder

    def __enter__(self):
        self._within.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="compare-", dir=self._within))
        # So that homes, too, are on the disk that's being measured.
        self._before, tempfile.tempdir = tempfile.tempdir, str(self.folder)
        return self

    def __exit__(self, *_):
        tempfile.tempdir = self._before
        shutil.rmtree(self.folder, ignore_errors=True)

    def pick(self, full, quick):
        return quick if self.quick else full

    @staticmethod
    def log(text):
        print(text, file=sys.stderr, flush=True)

    def missing(self, row, reason):
        row.note = f"missing: {without_root(reason)}"
        self.log(f"  {row.name}: {row.note}")

    def went_wrong(self, row, error):
        row.note = f"failed: {without_root(str(error))[:200]}".replace("\n", " ")
        self.failed.append(f"{row.name}: {without_root(str(error))}")
        self.log(f"  {row.name}: failed: {without_root(str(error))}")

    @contextlib.contextmanager
    def excused(self, row):
        """What misses a program or goes wrong within is told in the row, and the run goes on."""
        try:
            yield
        except unittest.SkipTest as reason:
            self.missing(row, str(reason))
        except FAULTS as error:
            # Among them, in CI, that a program is missing: environment.require() sees to that.
            self.went_wrong(row, error)

    def measure(self, table, contenders, rounds=None):
        """Fills the table. All take turns within a round, so that what else the machine does hits all alike, and each
        round has an order of its own: whoever comes after one that gave back much memory finds it at hand."""
        table.rows = [Row(one.name, one.against) for one in contenders]
        turns = list(zip(contenders, table.rows))
        for number in range(rounds or self.rounds):
            self.log(f"{table.title}: round {number + 1}")
            random.Random(number).shuffle(turns)
            for one, row in turns:
                if row.note:
                    continue
                with self.excused(row):
                    sample = one.measure()
                    row.add(sample)
                    self.log(f"  {one.name}: {sample.get(table.headline, 0):,.2f}")
        return table


def without_root(text):
    return text.replace(f"{environment.ROOT}/", "")


def write_random(path, size):
    with path.open("wb") as out:
        for offset in range(0, size, MIB):
            out.write(os.urandom(min(MIB, size - offset)))
    return path


def settle():
    """Nothing that was written before is written back while something else is measured."""
    os.sync()
