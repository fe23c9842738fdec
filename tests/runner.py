"""Runs unittest suites the way all of ours end: a JUnit file if wanted, and one line, N passed, N failed, N skipped."""

import time
import unittest
import xml.etree.ElementTree as ET
from dataclasses import dataclass

TEXT_MAX = 20_000


@dataclass
class Outcome:
    name: str
    state: str = "passed"
    text: str = ""
    seconds: float = 0.0


def recorder():
    """What the interop tests do with each outcome, for docs/interop.md; other suites have nothing to record."""
    try:
        from harness.proofs import record
    except ImportError:
        return None
    return record


class Result(unittest.TextTestResult):
    """Keeps one outcome for each test, and one for each part (subTest) or class that failed to begin or was skipped.

    A test with failed parts is one failed test; its skipped parts are listed one by one.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.outcomes = []
        self._record = recorder()
        self._current = None
        self._started = 0.0

    def startTest(self, test):
        self._started = time.monotonic()
        self._current = Outcome(test.id())
        self.outcomes.append(self._current)
        super().startTest(test)

    def stopTest(self, test):
        self._current.seconds = time.monotonic() - self._started
        if self._record:
            self._record(test, self._current.state)
        self._current = None
        super().stopTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok ({time.monotonic() - self._started:.1f} s)")
        self._newline = True

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._failed(test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            told = self.failures if issubclass(err[0], test.failureException) else self.errors
            self._failed(test, f"{subtest}\n{told[-1][1]}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if self._current is not None and test.id() == self._current.name:
            if self._current.state == "passed":
                self._current.state, self._current.text = "skipped", reason
        else:
            self.outcomes.append(Outcome(test.id(), "skipped", reason))

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._current.state, self._current.text = "skipped", "expected to fail"

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._failed(test, "passes, though it was expected to fail")

    def _failed(self, test, text):
        if self._current is None:  # A class or module whose set-up failed.
            self._current_outside(test, text)
            return
        self._current.state = "failed"
        self._current.text += text[:TEXT_MAX]

    def _current_outside(self, test, text):
        self.outcomes.append(Outcome(test.id(), "failed", text[:TEXT_MAX]))
        if self._record:
            self._record(test, "failed")

    def count(self, state):
        return sum(outcome.state == state for outcome in self.outcomes)


def write_junit(path, suite, outcomes):
    def printable(text):
        return "".join(c if c in "\n\t" or c >= " " else "?" for c in text)

    root = ET.Element("testsuite", name=suite, tests=str(len(outcomes)),
                      failures=str(sum(o.state == "failed" for o in outcomes)),
                      skipped=str(sum(o.state == "skipped" for o in outcomes)))
    for outcome in outcomes:
        classname, _, name = outcome.name.rpartition(".")
        case = ET.SubElement(root, "testcase", classname=printable(classname), name=printable(name),
                             time=f"{outcome.seconds:.3f}")
        if outcome.state == "failed":
            ET.SubElement(case, "failure").text = printable(outcome.text)
        if outcome.state == "skipped":
            ET.SubElement(case, "skipped", message=printable(outcome.text))
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def run(suite, stream, junit=None, name="tests"):
    """Runs, writes the file, prints the line. Returns the exit code: 1 if a test failed or none was there."""
    result = unittest.TextTestRunner(stream=stream, verbosity=2, resultclass=Result).run(suite)
    stream.flush()
    if junit:
        write_junit(junit, name, result.outcomes)
    passed, failed, skipped = (result.count(state) for state in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not result.outcomes else 0
