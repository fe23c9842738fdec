#!/usr/bin/env python3
"""Turns the built page into one C++ source file: a table of files, sorted by path, for kith/api/web_assets.hpp.

usage: embed.py DIST OUT.cpp     the files under DIST
       embed.py --empty OUT.cpp  a program without the page

The same files give the same source, byte for byte. OUT is left alone if it says that already.
"""

import gzip
import hashlib
import sys
from pathlib import Path

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
BYTES_A_LINE = 32
ETAG_DIGITS = 16


def literal(text):
    """`text` as a C++ string literal."""
    if not all(" " <= letter <= "~" for letter in text):
        raise SystemExit(f"embed.py: {text!r} is no name for a file of the page")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def embed(index, path, name):
    """The array of one file, and its line of the table."""
    content = path.read_bytes()
    etag = hashlib.sha256(content).hexdigest()[:ETAG_DIGITS]
    content_type = CONTENT_TYPES.get(path.suffix)
    if content_type is None:
        raise SystemExit(f"embed.py: {name}: add the content type of {path.suffix or 'such a file'} to CONTENT_TYPES")
    packed = gzip.compress(content, 9, mtime=0)
    small = len(packed) < len(content)
    stored = packed if small else content
    lines = [",".join(map(str, stored[at : at + BYTES_A_LINE])) + "," for at in range(0, len(stored), BYTES_A_LINE)]
    # An empty array isn't C++; its one byte stays outside the span.
    body = "\n".join(lines) or "0"
    array = f"constexpr std::uint8_t file_{index}[] = {{\n{body}\n}};\n"
    view = f"{{file_{index}, {len(stored)}}}"
    row = f"    {{{literal(name)}, {literal(content_type)}, {literal(etag)}, {view}, {str(small).lower()}}},\n"
    return array, row


def source(files):
    """The whole source file for `files`, pairs of a path on disk and a name to serve it under."""
    head = "// Made by web/embed.py from the built page.\n#include <cstdint>\n\n#include <kith/api/web_assets.hpp>\n\n"
    if not files:
        return head + "namespace kith::api {\n\nstd::span<const WebAsset> web_assets() { return {}; }\n\n}  // namespace kith::api\n"
    parts = [embed(index, path, name) for index, (path, name) in enumerate(files)]
    arrays = "\n".join(array for array, _ in parts)
    rows = "".join(row for _, row in parts)
    return (
        f"{head}namespace kith::api {{\nnamespace {{\n\n{arrays}\nconstexpr WebAsset assets[] = {{\n{rows}}};\n\n"
        "}  // namespace\n\nstd::span<const WebAsset> web_assets() { return assets; }\n\n}  // namespace kith::api\n"
    )


def main(arguments):
    if len(arguments) != 2:
        raise SystemExit(__doc__)
    files = []
    if arguments[0] != "--empty":
        dist = Path(arguments[0])
        if not (dist / "index.html").is_file():
            raise SystemExit(f"embed.py: {dist} has no index.html; build the page first: npm run build")
        files = sorted(
            ((path, "/" + path.relative_to(dist).as_posix()) for path in dist.rglob("*") if path.is_file()),
            key=lambda file: file[1].encode(),
        )
    out = Path(arguments[1])
    text = source(files)
    if not out.is_file() or out.read_text() != text:
        out.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
