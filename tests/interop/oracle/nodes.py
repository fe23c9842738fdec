"""kith's development chain and anvil, as two that answer the same questions."""

import gzip
import http.client
import json
import os
import platform
import re
import time
from pathlib import Path

from harness import environment
from harness.process import Process

# The contract of EIP-2935, which anvil puts into each chain; the hashes that it keeps are those of anvil's blocks.
OF_ANVIL = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
READY_SECONDS = 60
ANSWER_SECONDS = 600
_MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
ANVIL = environment.JS_PEERS / "node_modules" / "@foundry-rs" / f"anvil-linux-{_MACHINE}" / "bin" / "anvil"


class NodeFailed(Exception):
    pass


class Node:
    """One that runs. `ask` takes pairs of method and parameters, and gives for each the result or the error object."""

    def __init__(self, name, process, port):
        self.name, self.process, self._port = name, process, port

    def ask(self, requests):
        if not requests:
            return []
        body = [{"jsonrpc": "2.0", "id": i, "method": method, "params": params} for i, (method, params) in enumerate(requests)]
        # A line of its own for each: on a slow machine one that waits for the other chain would be closed meanwhile.
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        try:
            line.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            answers = json.loads(line.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NodeFailed(f"{self.name}: {error!r}\n{self.process.log()[-2000:]}") from error
        finally:
            line.close()
        if not isinstance(answers, list):
            raise NodeFailed(f"{self.name}: {answers}")
        answers.sort(key=lambda answer: answer["id"])
        return [Failure(answer["error"]) if "error" in answer else answer["result"] for answer in answers]

    def must(self, method, *params):
        (answer,) = self.ask([(method, list(params))])
        if isinstance(answer, Failure):
            raise NodeFailed(f"{self.name}: {method}: {answer}")
        return answer

    def stop(self):
        self.process.stop()


class Failure:
    """An answer that is an error."""

    def __init__(self, error):
        self.code, self.message, self.data = error.get("code"), str(error.get("message")), error.get("data")

    def __repr__(self):
        return f"error {self.code} {self.message!r} {self.data or ''}".rstrip()


def _port_of(process, read):
    deadline = time.monotonic() + READY_SECONDS
    while True:
        port = read()
        if port:
            return port
        if not process.alive() or time.monotonic() > deadline:
            raise NodeFailed(process.log())
        time.sleep(0.005)


def start_kith(genesis, gas_limit, folder):
    binary = environment.require(environment.kith_binary(), "build it, or name it in KITH_BIN")
    port_file = folder / "port"
    port_file.unlink(missing_ok=True)
    process = Process([binary, "chain", "dev", "--port=0", f"--port-file={port_file}", f"--genesis={genesis}", f"--gas-limit={gas_limit}",
                       "--accounts=1", "--silent"], env={**os.environ, "KITH_PATH": str(folder / "home")})
    port = _port_of(process, lambda: port_file.exists() and port_file.read_text().strip())
    return Node("kith", process, int(port))


def require_anvil():
    return environment.require(ANVIL, "install it by tests/interop/peers/build.sh js")


def start_anvil(genesis, gas_limit, folder):
    binary = require_anvil()
    content = json.loads(Path(genesis).read_text())
    process = Process(
        [binary, "--host", "127.0.0.1", "--port", "0", "--init", genesis, "--hardfork", "osaka", "--chain-id", content["config"]["chainId"],
         "--gas-limit", gas_limit, "--timestamp", int(content["timestamp"], 16), "--accounts", "1", "--order", "fifo", "--no-mining",
         "--enable-tx-gas-limit", "--disable-min-priority-fee", "--disable-default-create2-deployer", "--disable-console-log",
         "--threads", "1", "--cache-path", folder / "cache", "--memory-limit", 1 << 32],
        # Its cache and its settings would be in the home; a proxy for what it asks itself, nobody needs.
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}, cwd=folder)

    def port():
        said = re.search(r"Listening on 127\.0\.0\.1:(\d+)", process.log())
        return said and said[1]
    return Node("anvil", process, int(_port_of(process, port)))


def state_of(anvil):
    """All of anvil's accounts but its own: address -> (nonce, balance, code, storage)."""
    state = json.loads(gzip.decompress(bytes.fromhex(anvil.must("anvil_dumpState")[2:])))
    accounts = {}
    for address, account in state["accounts"].items():
        storage = {int(key, 16): int(value, 16) for key, value in account["storage"].items()}
        nonce = account["nonce"] if isinstance(account["nonce"], int) else int(account["nonce"], 16)
        accounts[bytes.fromhex(address[2:])] = (nonce, int(account["balance"], 16), bytes.fromhex(account["code"][2:]), storage)
    accounts.pop(OF_ANVIL, None)
    return accounts
