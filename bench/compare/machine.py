"""On what, and with what, it was measured. No names of hosts or people."""

import json
import os
import platform
import subprocess
from pathlib import Path

from harness import environment


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=environment.ROOT)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().partition("\n")[0]


def _last_word(*command):
    return (first_line(*command).split() or ["missing"])[-1]


def _field(path, name):
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _go_module(module):
    text = (environment.INTEROP / "peers/go/go.mod").read_text()
    return next((line.split()[1] for line in text.splitlines() if line.strip().startswith(f"{module} v")), "unknown")


def _crate(name):
    lines = (environment.INTEROP / "peers/rust/Cargo.lock").read_text().splitlines()
    at = lines.index(f'name = "{name}"') if f'name = "{name}"' in lines else None
    return lines[at + 1].split('"')[1] if at is not None else "unknown"


def _npm_package(name):
    packages = json.loads((environment.INTEROP / "peers/js/package-lock.json").read_text())["packages"]
    return packages.get(f"node_modules/{name}", {}).get("version", "unknown")


def machine(folder):
    return {
        "cores": os.cpu_count(),
        "processor": _field("/proc/cpuinfo", "model name"),
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / (1 << 20):.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "file system": first_line("findmnt", "-n", "-o", "FSTYPE", "-T", str(folder)) or "unknown",
        "TCP congestion control": Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip(),
    }


def versions():
    commit = first_line("git", "rev-parse", "--short", "HEAD")
    return {
        "kith": f"{_last_word(str(environment.kith_binary()), 'version')}, tree {commit or 'unknown'}",
        "Kubo": _last_word(str(environment.peers_dir() / "ipfs"), "version"),
        "go-libp2p": _go_module("github.com/libp2p/go-libp2p"),
        "go-libp2p-pubsub": _go_module("github.com/libp2p/go-libp2p-pubsub"),
        "rust-libp2p": _crate("libp2p"),
        "js-libp2p": _npm_package("libp2p"),
        "libtorrent": _last_word("/usr/bin/python3", "-c", "import libtorrent; print(libtorrent.__version__)"),
        "iperf3": " ".join(first_line("iperf3", "--version").split()[1:2]) or "missing",
        "OpenSSL": " ".join(first_line("openssl", "version").split()[1:2]) or "missing",
        "coreutils": _last_word("sha256sum", "--version"),
        "Python": platform.python_version(),
    }


def load():
    """Of the last minute, as the kernel counts it: about 0 on a machine that does nothing else."""
    return float(Path("/proc/loadavg").read_text().split()[0])


def markdown(facts, heading):
    return f"{heading}: " + "; ".join(f"{name} {value}" for name, value in facts.items() if value) + "."
