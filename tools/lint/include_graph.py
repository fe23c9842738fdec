#!/usr/bin/env python3
"""Checks who includes whom, and which headers see Boost.

A module may include the modules of the lines above its own, and itself. Another module's detail/ is closed.
The libraries of cryptography are seen by crypto/ alone, where headers for others don't show them, GnuTLS by QUIC,
blst by the two files of the ledger that run contracts with it, and RandomX by the one that proves work with it.
Tier 0 (pure code) sees no Boost, tier 1 (ports, sessions) sees boost/asio only in .cpp files and awaitable.hpp in headers,
tier 2 sees all of it. Tests, fuzz targets and benchmarks may include anything below the top.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Lowest first; modules of one line don't see each other. The design's section 2.
ORDER = [
    ["base"],
    ["crypto"],
    ["multiformats"],
    ["port"],
    ["http"],
    ["net"],
    ["routing"],
    ["discovery", "dht", "pubsub"],
    ["ipld"],
    ["store"],
    ["transfer"],
    ["exchange", "torrent"],
    ["unixfs"],
    ["names"],
    ["ledger"],
    ["account", "replica"],
    ["chat", "social", "market", "apps"],
    ["sim"],
    ["io"],
    ["host"],
    ["node"],
    ["api"],
]
LEVEL = {module: level for level, line in enumerate(ORDER) for module in line}

PURE = {"base", "crypto", "multiformats"}
EDGE = {"io", "sim", "http", "api", "node"}
# A genesis and the official suites are JSON.
READS_JSON = {"ledger"}
ALLOWED_IN_SESSION_HEADERS = {"boost/asio/awaitable.hpp", "boost/asio/any_io_executor.hpp"}
CRYPTO_LIBRARY = re.compile(r"^(openssl/|sodium|secp256k1|gnutls/|blst|randomx)")
RANDOMX_USERS = {"kith/ledger/consensus/pow/randomx.cpp"}
BLST_USERS = {"kith/ledger/evm/detail/bls12_381.cpp", "kith/ledger/evm/detail/kzg.cpp"}
# Within the ledger: validators decide on hashes, and know nothing of what these stand for; blocks are fetched
# whatever the pool and consensus think of them.
LEDGER_PART_SEES = {
    ("consensus", "bft"): {"consensus", "primitives"},
    ("sync",): {"sync", "chain", "state", "evm", "primitives"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def module_of(path: Path) -> str:
    return path.relative_to(ROOT / "kith").parts[0]


def may_see_crypto_library(path: Path, included: str) -> bool:
    name = str(path.relative_to(ROOT))
    if included.startswith("blst"):
        return name in BLST_USERS
    if included.startswith("randomx"):
        return name in RANDOMX_USERS
    if included.startswith("gnutls/"):
        return name.startswith("kith/net/transports/quic/")
    inner = path.suffix == ".cpp" or "/detail/" in name or path.name.startswith("test_")
    return name.startswith("kith/crypto/") and inner


def faults_of(path: Path):
    module = module_of(path)
    if module not in LEVEL:
        yield f"module {module} has no place in the order (tools/lint/include_graph.py)"
        return
    helper = re.search(r"^(test_\w+|fixture)\.hpp$|_(test|fuzz|bench)\.[ch]pp$", path.name) is not None
    for included in INCLUDE.findall(path.read_text()):
        if included.startswith("boost/"):
            if module in PURE:
                yield f"includes {included}, but {module} is pure code and sees no Boost"
            elif module in READS_JSON and "/detail/" in str(path) and included == "boost/json.hpp":
                continue
            elif module not in EDGE and path.suffix == ".hpp" and included not in ALLOWED_IN_SESSION_HEADERS:
                yield f"includes {included}; a session's header sees boost/asio/awaitable.hpp alone"
            continue
        if CRYPTO_LIBRARY.match(included) and not may_see_crypto_library(path, included):
            yield f"includes {included}, which crypto/ alone sees (QUIC: GnuTLS; a few files of ledger/: blst, RandomX)"
        if not included.startswith("kith/"):
            continue
        target = included.split("/")[1]
        if target == module:
            for part, sees in LEDGER_PART_SEES.items():
                if path.relative_to(ROOT).parts[:2 + len(part)] == ("kith", "ledger", *part) and \
                        included.split("/")[2] not in sees:
                    yield f"includes {included}; of the ledger, {'/'.join(part)} sees {', '.join(sorted(sees))} alone"
            continue
        if target not in LEVEL:
            yield f"includes {included}: no such module"
        elif "/detail/" in included:
            yield f"includes {included}, which is {target}'s own business"
        elif LEVEL[target] >= LEVEL[module] and not (helper and target in {"sim", "io"}):
            yield f"includes {included}, which doesn't stand below {module}"


def main() -> int:
    count = 0
    for path in sorted((ROOT / "kith").rglob("*.[ch]pp")):
        for fault in faults_of(path):
            print(f"{path.relative_to(ROOT)}: {fault}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
