"""Folders as a crash or a power cut leaves them.

At a boundary of the journal a copy of the folder's files is what a crash there leaves: what SQLite
has in memory only is not in it. The log's index (`-shm`) is in no copy: no power cut leaves it.
"""

from __future__ import annotations

import os
import random
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOG = "run.db-wal"
SECTOR = 512
"""Bytes that a disk writes as one. Source: sqlite.org/atomiccommit.html, section 2."""
_WHOLE = ".tif"
"""Files that are written once, under another name: a copy may share their bytes."""


def _files(run: Path) -> Iterator[Path]:
    for path in sorted(run.rglob("*")):
        if path.is_file() and not path.name.startswith("lease") and path.suffix != ".db-shm":
            yield path


def leave(run: Path, to: Path) -> Path:
    """Copy a run's folder to `to` as a crash would leave it now, and return that."""
    for path in _files(run):
        copy = to / path.relative_to(run)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == _WHOLE:
            try:
                os.link(path, copy)
                continue
            except OSError:  # no such links there: it is copied
                pass
        shutil.copyfile(path, copy)
    return to


def state_of(run: Path) -> int:
    """Return a number that is the same while nothing changes on the disk that a resume reads."""
    found = 0
    for path in _files(run):
        if path.suffix == _WHOLE:
            found = zlib.crc32(f"{path.name} {path.stat().st_size}".encode(), found)
        elif path.relative_to(run).parts[0] != "data":
            found = zlib.crc32(path.read_bytes(), zlib.crc32(path.name.encode(), found))
    return found


@dataclass(frozen=True)
class Synced:
    """What the disk is sure to hold at one moment: the log up to its last commit, and the world."""

    log: bytes
    others: int

    @classmethod
    def of(cls, run: Path) -> Synced:
        """Look at a run's folder."""
        log = run / LOG
        others = 0
        for path in _files(run):
            if path.name.startswith(("world-", "spool-")) or path.name == "run.db":
                others = zlib.crc32(path.read_bytes(), others)
        return cls(log.read_bytes() if log.is_file() else b"", others)

    def is_before(self, later: Synced) -> bool:
        """True if from here to `later` nothing but the journal's log has grown."""
        grown = len(later.log) > len(self.log) and later.log.startswith(self.log)
        return grown and bool(self.log) and later.others == self.others


def tear(run: Path, synced: int, draw: random.Random) -> str:
    """Have a power cut in the middle of the last commit: spoil the log beyond `synced` bytes.

    Until a commit returns (`synchronous=FULL`) any of its sectors may have reached the disk, and
    any may not; the file may be as long as it became or shorter. Return what was done, in words.
    """
    with open(run / LOG, "r+b") as file:
        log = file.read()
        tail = len(log) - synced
        if draw.random() < 0.5:
            kept = draw.randrange(tail)
            file.truncate(synced + kept)
            return f"{kept} of {tail} bytes of the last commit"
        lost = 0
        for start in range(synced, len(log), SECTOR):
            if draw.random() < 0.5:
                lost += 1
                size = min(SECTOR, len(log) - start)
                file.seek(start)
                file.write(bytes(size) if draw.random() < 0.5 else draw.randbytes(size))
        return f"{lost} sectors of the last commit lost or garbage"
