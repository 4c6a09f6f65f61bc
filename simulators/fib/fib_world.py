"""The world of a simulated FIB: its time, its state, its solid, and the ledger of what happened.

Each physical effect is committed with the solid that it leaves, in one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.clock import Clock
from simulators.world import World

PARTS, SHORTEST = 30, 1.0
"""Slices of an action on a clock that jumps, and the shortest of them, s."""
_TABLES = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, number INTEGER NOT NULL, kind TEXT NOT NULL, of TEXT NOT NULL,
    t REAL NOT NULL, seconds REAL NOT NULL, ions REAL NOT NULL, electrons REAL NOT NULL,
    note TEXT NOT NULL, ions_total REAL NOT NULL, electrons_total REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS arrays (name TEXT PRIMARY KEY, shape TEXT NOT NULL, data BLOB NOT NULL);
"""
_COLUMNS = "number, kind, of, t, seconds, ions, electrons, note"


@dataclass(frozen=True)
class Event:
    """One physical effect, a row of the ledger."""

    kind: str
    """begin, beam, end (of an exposure), stage, needle, gas, cool, lamella, or `unsafe: ...`."""
    t: float
    """World time when it was complete, s."""
    number: int = 0
    """Of the exposure, from 1; 0 for what is none."""
    of: str = ""
    """What is exposed: a pattern's purpose, or the image."""
    seconds: float = 0.0
    ions: float = 0.0
    """Charge that left the ion column, C."""
    electrons: float = 0.0
    note: str = ""


def read_events(db: sqlite3.Connection, where: str = "1", *values: object) -> list[Event]:
    """Return rows of a world's ledger, in the order in which they happened."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM events WHERE {where} ORDER BY id", values)
    return [
        Event(kind, t, number, of, seconds, ions, electrons, note)
        for number, kind, of, t, seconds, ions, electrons, note in rows
    ]


def read_arrays(db: sqlite3.Connection) -> dict[str, npt.NDArray[np.float64]]:
    """Return the arrays that a world keeps, by name."""
    return {
        name: np.frombuffer(data, np.float64).reshape(json.loads(shape)).copy()
        for name, shape, data in db.execute("SELECT name, shape, data FROM arrays")
    }


class FibWorld(World):
    """Time, state, arrays and ledger of one simulated FIB."""

    def __init__(self, path: Path | None, clock: Clock, *, seed: int, down_time: float) -> None:
        """Open the world in the file `path`, or make it; None keeps it in memory.

        Raises:
            InputError: the file is something else.
        """
        super().__init__(path, clock, seed=seed, down_time=down_time)
        self._db.executescript(_TABLES)
        last = self._db.execute(
            "SELECT ions_total, electrons_total FROM events ORDER BY id DESC LIMIT 1"
        ).fetchone()
        self.ion_charge: float = last[0] if last else 0.0
        self.electron_charge: float = last[1] if last else 0.0
        """C that have ever left each column unblanked; only grow."""
        self._kept = read_arrays(self._db)

    def longest(self, seconds: float) -> float:
        """Return the longest slice (s) of something that takes so many seconds."""
        return self.longest_slice(max(seconds / PARTS, SHORTEST))

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Have all that is kept in this block be kept, or nothing of it; blocks may nest."""
        if self._db.in_transaction:
            yield
        else:
            with super().at_once():
                yield

    def record(self, event: Event) -> None:
        """Put one physical effect into the ledger, for good; within `at_once` with its state."""
        ions, electrons = self.ion_charge + event.ions, self.electron_charge + event.electrons
        row = (event.number, event.kind, event.of, event.t, event.seconds)
        self._db.execute(
            f"INSERT INTO events ({_COLUMNS}, ions_total, electrons_total) "
            f"VALUES ({', '.join('?' * 10)})",
            (*row, event.ions, event.electrons, event.note, ions, electrons),
        )
        self.ion_charge, self.electron_charge = ions, electrons
        self._saved = max(self._saved, event.t)
        self.put("time", self._saved)

    def count(self, kind: str) -> int:
        """Return how many effects of that kind the ledger holds."""
        (found,) = self._db.execute(
            "SELECT COUNT(*) FROM events WHERE kind = ?", (kind,)
        ).fetchone()
        return int(found)

    @property
    def arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """Copies of the arrays that are kept, by name."""
        return {name: array.copy() for name, array in self._kept.items()}

    def keep(self, arrays: Mapping[str, npt.NDArray[np.float64]]) -> None:
        """Keep arrays in place of those of their names; one that has not changed costs nothing."""
        for name, array in arrays.items():
            if name in self._kept and np.array_equal(self._kept[name], array):
                continue
            self._kept[name] = array.copy()
            self._db.execute(
                "INSERT OR REPLACE INTO arrays VALUES (?, ?, ?)",
                (name, json.dumps(array.shape), array.tobytes()),
            )
