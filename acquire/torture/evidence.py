"""What a run's folder holds, read from a copy of its journal so that nothing in it is touched."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from acquire.rows import Attempt, Entry, Stamp, attempt_of
from drivers.errors import RunFolderError

Row = tuple[Any, ...]
_ACKNOWLEDGED = {
    "entry": "SELECT id, * FROM entry",
    "attempt": "SELECT entry, n, request, meter, reserved, begun_s FROM attempt",
    "end of attempt": "SELECT entry, n, ended_s, ended_by FROM attempt WHERE ended_by IS NOT NULL",
    "block": "SELECT entry, n, * FROM block",
    "outcome": "SELECT entry, * FROM outcome",
    "question": "SELECT id, entry, about, text, choices, safe, asked_utc FROM question",
    "answer": "SELECT id, answer, answered_by FROM question WHERE answer IS NOT NULL",
    "event": "SELECT id, * FROM event",
}
"""What, once committed, stays as it is; what an attempt has spent may be settled later."""
_KEYS = {"attempt": 2, "end of attempt": 2, "block": 2}
"""Columns that name a row, where it is not one."""


@dataclass(frozen=True)
class Evidence:
    """A journal at one moment, and the files that it names."""

    entries: tuple[Entry, ...]
    attempts: tuple[Attempt, ...]
    rows: Mapping[tuple[Any, ...], bytes]
    """Every row that was committed, by table and key, as a digest."""
    outcomes: Mapping[int, bytes]
    """Of each action that has an outcome a digest of it, without when it was."""
    files: Mapping[str, int | None]
    """Checksum of each data file that the journal names; None where there is none."""
    sessions: tuple[Mapping[str, Any], ...]
    cut_off: tuple[Mapping[str, Any], ...]
    """Actions of which the record says that they were cut off."""
    unsafe: tuple[str, ...]
    """What the record says could not be made safe."""
    last: Stamp | None
    """The newest moment."""

    @property
    def first_undone(self) -> int:
        """The number of the first entry that is not over: of a wait under way, or the next one."""
        if not self.entries:
            return 1
        newest = self.entries[-1]
        return newest.id if newest.kind == "sleep" else newest.id + 1

    @property
    def results(self) -> list[dict[str, Any]]:
        """Results of the steps that have ended."""
        return [json.loads(e.value or "{}")["result"] for e in self.entries if e.kind == "result"]


def evidence(run: Path, wal: int | None = None) -> Evidence:
    """Return what the folder of a run holds.

    Args:
        run: the folder.
        wal: bytes of the write-ahead log that count; None for all of it.

    Raises:
        RunFolderError: the journal cannot be opened, or is damaged.
    """
    with TemporaryDirectory(prefix="liftline-") as scratch:
        copy = Path(scratch) / "run.db"
        shutil.copyfile(run / "run.db", copy)
        log = run / "run.db-wal"
        if log.is_file():
            copy.with_name("run.db-wal").write_bytes(log.read_bytes()[:wal])
        try:
            with closing(sqlite3.connect(copy)) as db:
                return _read(db, run)
        except sqlite3.Error as error:
            raise RunFolderError(f"{run / 'run.db'} does not open: {error}") from None


def _read(db: sqlite3.Connection, run: Path) -> Evidence:
    (sound,) = db.execute("PRAGMA quick_check").fetchone()
    if sound != "ok":
        raise RunFolderError(f"{run / 'run.db'} is damaged: {sound}")
    entries = tuple(Entry(*row) for row in db.execute("SELECT * FROM entry ORDER BY id"))
    attempts = db.execute("SELECT * FROM attempt ORDER BY entry, n")
    outcomes = db.execute("SELECT entry, ended_by, value, arrays FROM outcome").fetchall()
    names = sorted(name for _, _, value, _ in outcomes for name in _files(value))
    return Evidence(
        entries,
        tuple(attempt_of(row) for row in attempts),
        dict(_rows(db)),
        {row[0]: _digest(row[1:]) for row in outcomes},
        {name: _checksum(run / name) for name in names},
        tuple(_events(db, "session")),
        tuple(_events(db, "interrupted")),
        tuple(str(event["text"]) for event in _events(db, "unsafe")),
        _last(db),
    )


def _rows(db: sqlite3.Connection) -> Iterator[tuple[tuple[Any, ...], bytes]]:
    for table, query in _ACKNOWLEDGED.items():
        keys = _KEYS.get(table, 1)
        for row in db.execute(query):
            yield (table, *row[:keys]), _digest(row[keys:])


def _digest(row: Row) -> bytes:
    return blake2b(repr(row).encode(), digest_size=12).digest()


def _files(value: str) -> list[str]:
    if '"file"' not in value:
        return []
    return [item[1] for item in json.loads(value).get("a", ()) if item[0] == "file"]


def _checksum(path: Path) -> int | None:
    return zlib.crc32(path.read_bytes()) if path.is_file() else None


def _events(db: sqlite3.Connection, kind: str) -> Iterator[dict[str, Any]]:
    for (value,) in db.execute("SELECT value FROM event WHERE kind=? ORDER BY id", (kind,)):
        yield json.loads(value)


def _last(db: sqlite3.Connection) -> Stamp | None:
    tables = ("entry", "outcome", "event")
    parts = " UNION ALL ".join(f"SELECT time_s, utc FROM {table}" for table in tables)
    row = db.execute(f"SELECT * FROM ({parts}) ORDER BY time_s DESC LIMIT 1").fetchone()
    return None if row is None else Stamp(*row)
