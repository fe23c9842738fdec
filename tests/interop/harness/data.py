"""The files that are moved between peers, made from a seed, and what is compared afterwards."""

import atexit
import functools
import hashlib
import os
import random
import shutil
import tempfile
from pathlib import Path

from . import environment

MIB = 1 << 20
_SEED = 20240229

BIG_FILE_BYTES = 4 * MIB if environment.SMOKE else 100 * MIB
# 10,000 entries make a sharded directory with every program; 1,000 with long names do too.
WIDE_ENTRIES = 1_000 if environment.SMOKE else 10_000


@functools.cache
def _folder():
    path = Path(tempfile.mkdtemp(prefix="kith-interop-data-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@functools.cache
def big_file():
    path = _folder() / "big.bin"
    random_bytes = random.Random(_SEED).randbytes
    with open(path, "wb") as out:
        for _ in range(BIG_FILE_BYTES // MIB):
            out.write(random_bytes(MIB))
    return path


@functools.cache
def empty_file():
    path = _folder() / "empty.txt"
    path.touch()
    return path


@functools.cache
def tree(symlinks, /):
    """A directory of files around all sizes that matter to a chunker, odd names, nesting, an empty directory."""
    path = _folder() / ("tree-with-links" if symlinks else "tree")
    rng = random.Random(_SEED)
    sizes = [0, 1, 255, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, MIB, MIB + 1, 3 * MIB + 17]
    for folder in ("", "photos", "photos/2024", "deep/er/and/deep/er"):
        (path / folder).mkdir(parents=True, exist_ok=True)
        for size in sizes:
            (path / folder / f"{size}.bin").write_bytes(rng.randbytes(size))
    for name in ("with space.txt", "umläut-ß-日本語.txt", "per%cent+plus&and#hash?.txt", ".hidden", "-dash.txt", "a" * 200):
        (path / name).write_text(name)
    (path / "zeros.bin").write_bytes(bytes(2 * MIB))
    (path / "empty-directory").mkdir()
    if symlinks:
        (path / "link-to-file").symlink_to("photos/255.bin")
        (path / "dangling-link").symlink_to("nowhere/at all")
    return path


@functools.cache
def wide_directory():
    path = _folder() / "wide"
    path.mkdir()
    for i in range(WIDE_ENTRIES):
        # Long enough that also 1,000 of them are over the limit of 256 KiB for an unsharded directory.
        (path / f"entry-{i:05d}-{'x' * (300 if environment.SMOKE else 30)}.txt"[:250]).write_bytes(b"%d\n" % i)
    return path


def sha256_of(path, offset=0, length=None):
    with open(path, "rb") as source:
        if offset == 0 and length is None:
            return hashlib.file_digest(source, "sha256").hexdigest()
        source.seek(offset)
        return hashlib.sha256(source.read(length)).hexdigest()


def listing(path):
    """What a file or directory holds: a dict from relative path to kind and content, to be compared."""
    path = Path(path)
    if not path.is_dir():
        return {"": ("file", sha256_of(path))}
    entries = {}
    for folder, folders, files in os.walk(path):
        here = Path(folder)
        for name in folders + files:
            entry = here / name
            relative = str(entry.relative_to(path))
            if entry.is_symlink():
                entries[relative] = ("link", os.readlink(entry))
            elif entry.is_dir():
                entries[relative] = ("directory", "")
            else:
                entries[relative] = ("file", sha256_of(entry))
    return entries
