"""A child process that ends when the test does, whatever happens."""

import atexit
import ctypes
import os
import signal
import subprocess
import tempfile

STOP_SECONDS = 10
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_running = set()


def _die_with_parent():
    # Covers the case that no clean-up of ours runs: the runner itself is killed.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A program with its stderr in a file, so that it never blocks on it and a failed test can show it.

    Start it from the main thread alone: Linux ends it with the thread that started it.
    """

    def __init__(self, command, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None):
        self.command = [str(part) for part in command]
        self._log = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            self.command, env=env, cwd=cwd, stdin=stdin, stdout=stdout or self._log, stderr=self._log,
            preexec_fn=_die_with_parent)
        _running.add(self)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def log(self):
        """What it has written so far to stderr (and stdout, if nobody else reads that)."""
        # Not by seeking: the place in the file is the program's as well, which would write over what is there.
        fd = self._log.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def wait(self, seconds):
        return self.popen.wait(seconds)

    def stop(self, how=signal.SIGTERM, seconds=STOP_SECONDS):
        """Asks it to end, and kills it when it doesn't in time. Returns its exit code. May be called twice."""
        if self.alive():
            self.popen.send_signal(how)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(STOP_SECONDS)
        _running.discard(self)
        return self.popen.returncode


@atexit.register
def _stop_all():
    for process in list(_running):
        process.stop()
