#!/usr/bin/env python3
"""Tests the node's page in Chromium, against kith or Kubo, and ends with one line: N passed, N failed, N skipped.

    run.py                          kith (KITH_BIN, default build/release/kith), the page that it serves itself
    run.py --node kubo              Kubo (KITH_PEERS, default build/peers), the page from web/dist (npm run build in web/)
    run.py --dist                   kith, but the page from web/dist
    run.py --only FILE              one file of tests alone: page.test.mjs or chains.test.mjs
    run.py --junit FILE             the results as JUnit too
    run.py --picture FILE           no tests: the picture of the README, docs/images/page.png

The second node, which the page connects to and fetches from, is of the same kind. Everything stays on loopback.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WEB = ROOT / "web"
sys.path.insert(0, str(ROOT / "tests" / "interop"))

from harness import daemon  # noqa: E402
from harness.process import Process  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SERVER_SECONDS = 20
TESTS_SECONDS = 600
TEST_FILES = ["page.test.mjs", "chains.test.mjs"]


class Skip(Exception):
    """What the tests need isn't here."""


def body_of(url):
    """The body of an answer with status 200, else None."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.read().decode()
    except (urllib.error.URLError, OSError):
        return None


def origin(node):
    return node.api_url.removesuffix("/api/v0")


def serve_dist(node):
    """web/dist under an origin that has the node's RPC too. Returns the process and the page's address."""
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    if not vite.exists() or not (WEB / "dist" / "index.html").exists():
        raise Skip("web/dist is missing: npm ci && npm run build in web/")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "RPC": origin(node), "GATEWAY": node.gateway_url, "PORT": str(port)}
    server = Process(["node", vite, "preview"], env=env, cwd=WEB)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + SERVER_SECONDS
    while body_of(url) is None:
        if not server.alive() or time.monotonic() > deadline:
            log = server.log()
            server.stop()
            raise AssertionError(f"the page's server didn't start: {log}")
        time.sleep(0.05)
    return server, url


def run_script(arguments, page_url, gateway, peer, **more):
    """Runs a script that drives the browser; returns what it printed."""
    env = {**os.environ, "PAGE_URL": page_url, "PEER_ADDRESS": peer.addrs[0], "PEER_RPC": origin(peer), "CHROMIUM": CHROMIUM,
           **more}
    env.pop("GATEWAY", None)
    if gateway:
        env["GATEWAY"] = gateway
    done = subprocess.run(["node", *arguments], cwd=HERE, env=env, stdout=subprocess.PIPE, timeout=TESTS_SECONDS, check=False)
    return done.stdout.decode(errors="replace")


def results_of(tap):
    """(name, passed, what was said) of each test."""
    results = []
    for block in re.split(r"^(?=(?:not )?ok \d+ )", tap, flags=re.M)[1:]:
        verdict, name = re.match(r"(not )?ok \d+ - (.*)", block).groups()
        results.append((name.replace("\\#", "#"), verdict is None, block.strip()))
    return results


def write_junit(path, suite, results, skipped=None):
    root = ET.Element("testsuite", name=suite, tests=str(len(results)))
    for name, passed, said in results:
        case = ET.SubElement(root, "testcase", classname=suite, name=name)
        if not passed:
            ET.SubElement(case, "failure").text = said
    if skipped:
        ET.SubElement(ET.SubElement(root, "testcase", classname=suite, name="all"), "skipped", message=skipped)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path)


def prepare():
    if not Path(CHROMIUM).exists():
        raise Skip(f"{CHROMIUM} is missing: apt install chromium")
    if not shutil.which("node") or not shutil.which("npm"):
        raise Skip("node is missing: apt install nodejs npm")
    if not (HERE / "node_modules" / "playwright-core").exists():
        subprocess.run(["npm", "ci", "--loglevel=error"], cwd=HERE, check=True, stdout=sys.stderr)


def with_nodes(kind, use, dist=False):
    """Starts the two nodes and whatever serves the page, and calls use(page's address, gateway, second node)."""
    prepare()
    opened = []
    try:
        # Without a DHT: nodes that aren't connected shall not find each other.
        node = daemon.started(kind, dht=False)
        opened.append(node.close)
        peer = daemon.started(kind, dht=False)
        opened.append(peer.close)
        page_url, gateway = origin(node), None
        page = body_of(page_url + "/") if kind is daemon.Kith and not dist else None
        if page is None or "kith.svg" not in page:
            server, page_url = serve_dist(node)
            opened.append(server.stop)
        # With any free port the page knows the gateway only if it is told.
        told = body_of(page_url + "/gateway.txt")
        if told and told.startswith("http"):
            gateway = told.strip()
        print(f"page {page_url}, gateway {gateway}", file=sys.stderr)
        return use(page_url, gateway, peer)
    finally:
        for close in reversed(opened):
            close()


def test(files, *nodes):
    results = []
    for file in files:
        of_file = results_of(run_script(["--test-reporter=tap", file], *nodes))
        results += of_file or [(f"{file} starts", False, "no test ran")]
    return results


def take_picture(path):
    with_nodes(daemon.Kith, lambda *nodes: run_script(["picture.mjs"], *nodes, PICTURE=str(Path(path).resolve())))
    return 0 if Path(path).exists() else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", choices=["kith", "kubo"], default="kith")
    parser.add_argument("--dist", action="store_true")
    parser.add_argument("--only", choices=TEST_FILES)
    parser.add_argument("--junit")
    parser.add_argument("--picture", metavar="FILE")
    arguments = parser.parse_args()
    if arguments.picture:
        return take_picture(arguments.picture)
    suite = f"page.{arguments.node}"
    skipped = None
    try:
        files = [arguments.only] if arguments.only else TEST_FILES
        kind = daemon.Kith if arguments.node == "kith" else daemon.Kubo
        results = with_nodes(kind, lambda *nodes: test(files, *nodes), arguments.dist)
    except (Skip, unittest.SkipTest) as reason:
        skipped, results = str(reason), []
        print(f"skipped: {reason}", file=sys.stderr)
    for name, passed, said in results:
        print(f"{'ok  ' if passed else 'FAIL'} {name}" if passed else f"FAIL {name}\n{said}", file=sys.stderr)
    if arguments.junit:
        write_junit(arguments.junit, suite, results, skipped)
    failed = sum(not passed for _, passed, _ in results)
    print(f"{len(results) - failed} passed, {failed} failed, {int(skipped is not None)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
