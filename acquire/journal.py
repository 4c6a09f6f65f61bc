"""The journal of a run: one SQLite file that is its truth.

`entry` holds what the procedure did, in its order: actions, decisions, questions, flags, times.
`attempt` holds each try of an action (the intent, with what it reserves), `block` the readings as
they came, `outcome` what the action returned. `event` holds what happened beside the procedure:
sessions, warnings, operator's commands, faults. Arrays stand in blobs beside the JSON that names
them.

WAL and `synchronous=FULL`: what has been committed survives a power cut. A finished run is
checkpointed and switched to journal mode DELETE: one file that opens read-only anywhere.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.rows import Attempt, Entry, Packed, Question, Stamp, attempt_of
from drivers.clock import wall_seconds
from drivers.errors import RunFolderError, StorageError

if TYPE_CHECKING:
    pass

SCHEMA_VERSION = 1
COMMIT_EVERY = 0.2
"""Wall seconds after which readings that are waiting are committed."""

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entry(
  id INTEGER PRIMARY KEY, step INTEGER, kind TEXT NOT NULL, name TEXT NOT NULL,
  request TEXT NOT NULL, value TEXT, time_s REAL NOT NULL, utc TEXT NOT NULL);
CREATE TABLE attempt(
  entry INTEGER NOT NULL, n INTEGER NOT NULL, request TEXT NOT NULL, meter REAL,
  reserved TEXT NOT NULL, advance REAL, spent TEXT,
  begun_s REAL NOT NULL, ended_s REAL, ended_by TEXT,
  PRIMARY KEY(entry, n)) WITHOUT ROWID;
CREATE TABLE block(
  entry INTEGER NOT NULL, n INTEGER NOT NULL, attempt INTEGER NOT NULL, time_s REAL NOT NULL,
  value TEXT NOT NULL, arrays BLOB, PRIMARY KEY(entry, n));
CREATE TABLE outcome(
  entry INTEGER PRIMARY KEY, ended_by TEXT, value TEXT NOT NULL, arrays BLOB,
  time_s REAL NOT NULL, utc TEXT NOT NULL);
CREATE TABLE question(
  id INTEGER PRIMARY KEY, entry INTEGER NOT NULL, about TEXT NOT NULL, text TEXT NOT NULL,
  choices TEXT NOT NULL, safe TEXT NOT NULL, asked_utc TEXT NOT NULL,
  answer TEXT, answered_by TEXT, answered_utc TEXT);
CREATE TABLE event(
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL,
  time_s REAL NOT NULL, utc TEXT NOT NULL);
"""


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the system into one that says what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"{path}: the record cannot be written: {error}. Nothing more is measured; make room "
            f"or repair the disk, then: liftline resume {path.parent}"
        ) from error


class Journal:
    """The journal of one run, open for writing by the one process that runs it."""

    def __init__(
        self,
        path: Path,
        *,
        most_bytes: float | None = None,
        boundary: Callable[[str], None] | None = None,
    ) -> None:
        """Open or begin the journal at `path`.

        Args:
            path: the file, usually `run.db` in the run's folder.
            most_bytes: refuse to grow beyond this, as a full disk would.
            boundary: called with the name of each boundary that is passed, for crash campaigns.

        Raises:
            RunFolderError: it is of another version, damaged, or not a journal.
        """
        self.path = path
        self._boundary = boundary or (lambda name: None)
        self._waiting: list[tuple[Any, ...]] = []
        self._committed_at = wall_seconds()
        self._begun = False
        self._broken = False
        try:
            # one thread at a time uses it: a session's lock sees to that
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA wal_autocheckpoint=4000")
            if most_bytes is not None:
                page = self._db.execute("PRAGMA page_size").fetchone()[0]
                self._db.execute(f"PRAGMA max_page_count={max(16, int(most_bytes // page))}")
            self._check_version()
            newest = self._db.execute("SELECT max(id) FROM entry").fetchone()[0]
        except sqlite3.Error as error:
            raise RunFolderError(
                f"{path}: not a journal that can be opened: {error}. Keep the folder as it is and "
                f"copy it before anything else"
            ) from None
        self._next_entry = (newest or 0) + 1

    def _check_version(self) -> None:
        names = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master")}
        if not names:
            self._db.executescript(f"BEGIN;{_SCHEMA};PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
            return
        check_version(self._db, self.path)

    # -- writing ----------------------------------------------------------------------------

    def set_meta(self, key: str, value: str) -> None:
        """Keep one fact about the run, at once."""
        with self._storing():
            self._execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))
            self.commit()

    def add_entry(
        self,
        step: int | None,
        kind: str,
        name: str,
        request: str,
        stamp: Stamp,
        value: str | None = None,
    ) -> int:
        """Add what the procedure does now and return its number; committed with what follows."""
        number = self._next_entry
        self._next_entry += 1
        row = (number, step, kind, name, request, value, stamp.time, stamp.utc)
        with self._storing():
            self._execute("INSERT INTO entry VALUES(?,?,?,?,?,?,?,?)", row)
        self._boundary(f"{kind} entry written")
        return number

    def add_attempt(
        self,
        entry: int,
        n: int,
        request: str,
        meter: float | None,
        reserved: Sequence[Any],
        stamp: Stamp,
    ) -> None:
        """Write the intent of an action and commit it, before the action begins."""
        text = json.dumps(reserved, separators=(",", ":"))
        row = (entry, n, request, meter, text, None, None, stamp.time, None, None)
        self._boundary("before intent")
        with self._storing():
            self._execute("INSERT INTO attempt VALUES(?,?,?,?,?,?,?,?,?,?)", row)
            self.commit()
        self._boundary("after intent")

    def add_block(self, entry: int, n: int, attempt: int, time: float, packed: Packed) -> None:
        """Keep a block of readings; committed within `COMMIT_EVERY` of wall time."""
        self._waiting.append((entry, n, attempt, time, packed.text, packed.blob))
        self._boundary("reading waiting")
        if wall_seconds() - self._committed_at > COMMIT_EVERY:
            with self._storing():
                self.commit()
            self._boundary("readings committed")

    def settle(self, entry: int, n: int, advance: float, spent: Sequence[Any]) -> None:
        """Write what an attempt spent, by its meter's advance; it replaces what it reserved."""
        text = json.dumps(spent, separators=(",", ":"))
        with self._storing():
            self._execute(
                "UPDATE attempt SET advance=?, spent=? WHERE entry=? AND n=?",
                (advance, text, entry, n),
            )

    def end_attempt(self, entry: int, n: int, ended_by: str, stamp: Stamp) -> None:
        """Write how an attempt without an outcome ended, at once."""
        with self._storing():
            self._execute(
                "UPDATE attempt SET ended_s=?, ended_by=? WHERE entry=? AND n=?",
                (stamp.time, ended_by, entry, n),
            )
            self.commit()
        self._boundary("after a failed attempt")

    def add_outcome(
        self, entry: int, ended_by: str | None, packed: Packed, stamp: Stamp, *, commit: bool = True
    ) -> None:
        """Write what an action returned; after this it is never done again."""
        self._boundary("before outcome")
        row = (entry, ended_by, packed.text, packed.blob, stamp.time, stamp.utc)
        with self._storing():
            self._execute("INSERT INTO outcome VALUES(?,?,?,?,?,?)", row)
            if commit or wall_seconds() - self._committed_at > COMMIT_EVERY:
                self.commit()
        self._boundary("after outcome")

    def add_question(
        self,
        entry: int,
        about: str,
        text: str,
        choices: Sequence[str],
        safe: str,
        utc: str,
    ) -> int:
        """Write a question, at once, and return its number."""
        with self._storing():
            row = (entry, about, text, json.dumps(list(choices)), safe, utc)
            number = self._execute(
                "INSERT INTO question(entry,about,text,choices,safe,asked_utc) VALUES(?,?,?,?,?,?)",
                row,
            ).lastrowid
            self.commit()
        self._boundary("question asked")
        return int(number or 0)

    def answer(self, question: int, choice: str, by: str, utc: str) -> None:
        """Write the answer to a question, at once."""
        with self._storing():
            self._execute(
                "UPDATE question SET answer=?, answered_by=?, answered_utc=? WHERE id=?",
                (choice, by, utc, question),
            )
            self.commit()

    def add_event(self, kind: str, value: dict[str, Any], stamp: Stamp) -> None:
        """Write something that happened beside the procedure, at once."""
        with self._storing():
            self._execute(
                "INSERT INTO event(kind,value,time_s,utc) VALUES(?,?,?,?)",
                (kind, json.dumps(value), stamp.time, stamp.utc),
            )
            self.commit()
        self._boundary(f"{kind} event")

    def _execute(self, sql: str, row: tuple[Any, ...]) -> sqlite3.Cursor:
        if not self._begun:
            self._db.execute("BEGIN IMMEDIATE")
            self._begun = True
        return self._db.execute(sql, row)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Turn a failure into a StorageError, after which nothing more is written."""
        try:
            with storing(self.path):
                yield
        except StorageError:
            self._broken = True
            raise

    def commit(self) -> None:
        """Make everything written so far survive a power cut."""
        if self._waiting:
            rows, self._waiting = self._waiting, []
            if not self._begun:
                self._db.execute("BEGIN IMMEDIATE")
                self._begun = True
            self._db.executemany("INSERT INTO block VALUES(?,?,?,?,?,?)", rows)
        if self._begun:
            self._db.execute("COMMIT")
            self._begun = False
        self._committed_at = wall_seconds()

    # -- reading what this and earlier sessions wrote ---------------------------------------

    def entries(self, after: int = 0, most: int = -1) -> Iterator[Entry]:
        """Yield the entries in the procedure's order, at most `most` (-1: all)."""
        sql = "SELECT * FROM entry WHERE id>? ORDER BY id LIMIT ?"
        for row in self._db.execute(sql, (after, most)).fetchall():
            yield Entry(*row)

    def outcome(self, entry: int) -> tuple[str | None, Packed] | None:
        """Return what ended an action and what it returned, or None."""
        row = self._db.execute(
            "SELECT ended_by, value, arrays FROM outcome WHERE entry=?", (entry,)
        ).fetchone()
        return None if row is None else (row[0], Packed(row[1], row[2]))

    def attempts(self, entry: int | None = None) -> list[Attempt]:
        """Return the attempts of one entry, or all of them, in order."""
        where, values = ("", ()) if entry is None else ("WHERE entry=?", (entry,))
        rows = self._db.execute(f"SELECT * FROM attempt {where} ORDER BY entry, n", values)
        return [attempt_of(row) for row in rows]

    def cut_off(self) -> str | None:
        """Return the action (role.method) that was tried and has no outcome; None if there is none.

        There is at most one: a procedure does one thing after the other.
        """
        row = self._db.execute(
            "SELECT e.name FROM attempt a JOIN entry e ON e.id=a.entry"
            " LEFT JOIN outcome o ON o.entry=e.id WHERE o.entry IS NULL ORDER BY e.id DESC LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])

    def unended(self) -> list[Entry]:
        """Return the actions in the middle of which the process ended, oldest first."""
        rows = self._db.execute(
            "SELECT DISTINCT e.* FROM entry e JOIN attempt a ON a.entry=e.id"
            " LEFT JOIN outcome o ON o.entry=e.id"
            " WHERE o.entry IS NULL AND a.ended_s IS NULL ORDER BY e.id"
        )
        return [Entry(*row) for row in rows]

    def last_metered(self, prefix: str) -> list[tuple[str, float, float]]:
        """Return (action, meter before, advance) of a role's settled attempts, newest first."""
        rows = self._db.execute(
            "SELECT e.name, a.meter, a.advance FROM attempt a JOIN entry e ON e.id=a.entry"
            " WHERE e.name LIKE ? AND a.meter IS NOT NULL AND a.advance IS NOT NULL"
            " ORDER BY a.entry DESC, a.n DESC LIMIT 100",
            (prefix + ".%",),
        )
        return list(rows)

    def blocks(self, entry: int) -> list[Packed]:
        """Return the readings of one entry in order."""
        rows = self._db.execute(
            "SELECT value, arrays FROM block WHERE entry=? ORDER BY n", (entry,)
        )
        return [Packed(*row) for row in rows]

    def questions(self, entry: int) -> list[Question]:
        """Return the questions of an entry, oldest first."""
        rows = self._db.execute(
            "SELECT id, about, text, choices, safe, answer FROM question WHERE entry=? ORDER BY id",
            (entry,),
        )
        return [Question(row[0], row[1], row[2], json.loads(row[3]), *row[4:]) for row in rows]

    def meta(self, key: str) -> str | None:
        """Return one fact about the run, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def last_stamp(self) -> Stamp | None:
        """Return the newest moment in the journal, or None for a new one."""
        rows = [
            self._db.execute(
                f"SELECT time_s, utc FROM {table} ORDER BY time_s DESC LIMIT 1"
            ).fetchone()
            for table in ("entry", "outcome", "event")
        ]
        stamps = [Stamp(*row) for row in rows if row is not None]
        return max(stamps, key=lambda stamp: stamp.time, default=None)

    def finish(self) -> None:
        """Make a finished run one file: checkpoint, journal mode DELETE."""
        with self._storing():
            self.commit()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode=DELETE")

    def close(self) -> None:
        """Commit and let go of the file."""
        try:
            if not self._broken:
                with self._storing():
                    self.commit()
        finally:
            self._db.close()


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a journal of another version.

    Raises:
        RunFolderError: written by another version of liftline.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise RunFolderError(
            f"{path}: this journal has version {version}, this liftline reads {SCHEMA_VERSION}; "
            f"use the liftline that wrote it (see 'liftline show', or protocol.yaml beside it)"
        )
