#!/usr/bin/env python3
"""Bans real clocks, real randomness, sleeps and raw threads outside io/: one leak, and no simulation repeats itself."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BANNED = {
    r"\b(steady|system|high_resolution)_clock\b": "a real clock; use port::Clock or port::WallClock",
    r"\bsteady_timer\b|\bsystem_timer\b|\bdeadline_timer\b": "a real timer; use port::Clock",
    r"\brandom_device\b|\bmt19937|\bstd::rand\b|\bsrand\b|\bgetrandom\b|\bRAND_bytes\b|\brandombytes_": "real randomness; use env.prng or env.random",
    r"\bstd::\w+_distribution\b": "differs between standard libraries; use Prng",
    r"\bthis_thread\b|\bstd::(j?thread)\b|\busleep\b|\bnanosleep\b": "threads and sleeps belong to io/",
    r"\bgettimeofday\b|\bclock_gettime\b|\btime\(nullptr\)|\btime\(NULL\)": "a real clock",
    r"\bstd::(unordered_)?map<[\w:]+\s*\*": "pointer keys make the order an accident; key by id",
}
# kith/crypto/random.cpp is where io's CryptoRandom gets its bytes. OpenSSL makes its own randomness for RSA keys and TLS, which no simulation uses.
EXEMPT = {"kith/io", "kith/crypto/random.cpp", "cmd"}


def main() -> int:
    count = 0
    for path in sorted((ROOT / "kith").rglob("*.[ch]pp")):
        name = str(path.relative_to(ROOT))
        if any(name == exempt or name.startswith(exempt + "/") for exempt in EXEMPT) or re.search(r"_(test|bench)\.[ch]pp$", name):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = line.split("//")[0]
            for pattern, why in BANNED.items():
                if re.search(pattern, code):
                    print(f"{name}:{number}: {why}: {line.strip()}")
                    count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
