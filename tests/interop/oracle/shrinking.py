"""Makes a world that shows a difference small: fewer blocks, transactions, accounts, less code."""

import copy
import json
import time

from . import programs
from .comparison import Difference, Run
from .nodes import NodeFailed
from .worlds import SIGNERS, data_of, text


def difference_of(world, run=Run, counts=None):
    """The first one, or nothing."""
    try:
        with run(world, counts) as running:
            running.whole()
    except Difference as difference:
        return difference
    return None


class Shrinker:
    """Keeps what still differs in the same way."""

    def __init__(self, world, kind, seconds, run=Run):
        self.world, self.kind, self._run = copy.deepcopy(world), kind, run
        self._end = time.monotonic() + seconds
        self.tries = 0

    def _differs(self, world):
        if time.monotonic() > self._end:
            return False
        self.tries += 1
        try:
            found = difference_of(world, self._run)
        except NodeFailed:
            return False
        return found is not None and found.kind == self.kind

    def _keep(self, change):
        """Whether the world still differs after it; then it stays changed."""
        world = copy.deepcopy(self.world)
        if change(world) is False or not self._differs(world):
            return False
        self.world = world
        return True

    def _fewer(self, find):
        """Leaves out of a list what isn't needed, by halves, quarters and so on."""
        size = max(1, len(find(self.world)) // 2)
        while True:
            at = 0
            while at < len(find(self.world)):
                def cut(world, at=at, size=size):
                    del find(world)[at:at + size]
                if not self._keep(cut):
                    at += size
            if size == 1:
                return
            size //= 2

    def shrink(self):
        self._keep(lambda world: world.update(calls=[]))
        self._keep(lambda world: world.update(blocks=world["blocks"][:1]))
        self._fewer(lambda world: world["blocks"])
        for i in range(len(self.world["blocks"])):
            self._fewer(lambda world, i=i: world["blocks"][i]["transactions"])
        self._fewer(lambda world: world["calls"])
        for account in list(self.world["genesis"]["alloc"]):
            if account not in [text(signer.address) for signer in SIGNERS[:6]]:
                self._keep(lambda world, account=account: world["genesis"]["alloc"].pop(account) and None)
        for things in self._things():
            for name in ("authorizations", "access"):
                if things(self.world).get(name):
                    self._fewer(lambda world, name=name, things=things: things(world)[name])
            for simpler in ({"value": 0}, {"gas": 100_000}, {"gas": 1_000_000}):
                self._keep(lambda world, simpler=simpler, things=things: things(world).update(simpler))
            self._less_code(lambda world, things=things: things(world), "data")
            for account in list(things(self.world).get("overrides", {})):
                self._keep(lambda world, account=account, things=things: things(world)["overrides"].pop(account) and None)
        for account in list(self.world["genesis"]["alloc"]):
            self._less_code(lambda world, account=account: world["genesis"]["alloc"][account], "code")
            self._keep(lambda world, account=account: world["genesis"]["alloc"][account].pop("storage") and None
                       if "storage" in world["genesis"]["alloc"][account] else False)
        return self.world

    def _things(self):
        found = []
        for i, block in enumerate(self.world["blocks"]):
            found += [lambda world, i=i, j=j: world["blocks"][i]["transactions"][j] for j in range(len(block["transactions"]))]
        return found + [lambda world, i=i: world["calls"][i] for i in range(len(self.world["calls"]))]

    def _less_code(self, find, key):
        """Instructions go; jumps then lead elsewhere, which matters only if the difference goes with them."""
        if not find(self.world).get(key):
            return
        if self._keep(lambda world: find(world).update({key: "0x"})):
            return
        parts = [whole for _, whole in programs.instructions(data_of(find(self.world)[key]))]
        size = max(1, len(parts) // 2)
        while True:
            at = 0
            while at < len(parts):
                fewer = parts[:at] + parts[at + size:]
                if self._keep(lambda world, fewer=fewer: find(world).update({key: text(b"".join(fewer))})):
                    parts = fewer
                else:
                    at += size
            if size == 1:
                return
            size //= 2


def told(world, difference):
    """For people, and to run again: see KITH_ORACLE_WORLD in tests/interop/README.md."""
    lines = [str(difference), "", "the world, as JSON:", json.dumps(world), ""]
    for address, account in world["genesis"]["alloc"].items():
        if len(account.get("code", "0x")) > 2:
            lines += [f"{address}:"] + ["  " + line for line in programs.disassembled(data_of(account["code"]))]
    return "\n".join(lines)
