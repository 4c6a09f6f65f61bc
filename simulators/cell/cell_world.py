"""The world of one simulated potentiostat: time, cell, meter, and a ledger of every hold.

Like `simulators.world` it is a file of its own that outlives the process, and each physical effect
is committed when it happens.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.clock import Clock, JumpingClock, ScaledClock
from drivers.potentiostat import HoldOrder
from protocols.errors import InputError
from simulators.cell.cell import CellState

_TABLES = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holds (
    number INTEGER PRIMARY KEY, orders TEXT NOT NULL, began REAL NOT NULL, before TEXT NOT NULL,
    meter REAL NOT NULL, seconds REAL, ended_by TEXT, counted REAL, voltage REAL, current REAL,
    on_device INTEGER, after TEXT, collected INTEGER NOT NULL DEFAULT 0
);
"""
WALL = 0.5
"""Wall seconds between two yields on a clock that does not jump."""


@dataclass(frozen=True)
class HoldRow:
    """One hold of the ledger; what its end tells is None while it runs."""

    number: int
    """From 1."""
    order: HoldOrder
    began: float
    """World time, s."""
    before: CellState
    """In truth, as it began."""
    meter: float
    """C that the device had counted until then, either way."""
    seconds: float | None = None
    """In truth."""
    ended_by: str | None = None
    counted: float | None = None
    """C that the device counted in it."""
    voltage: float | None = None
    """V at its end, as the device read it."""
    current: float | None = None
    """A at its end, as the device read it."""
    on_device: bool | None = None
    after: CellState | None = None
    """In truth, as it ended."""
    collected: bool = False
    """The host was told its end."""


def read_holds(db: sqlite3.Connection, where: str = "1", *values: object) -> list[HoldRow]:
    """Return rows of a world's ledger, oldest first."""
    rows = db.execute(f"SELECT * FROM holds WHERE {where} ORDER BY number", values)
    return [
        HoldRow(
            row[0],
            HoldOrder(**json.loads(row[1])),
            row[2],
            _state_of(row[3]),
            row[4],
            row[5],
            row[6],
            row[7],
            row[8],
            row[9],
            None if row[10] is None else bool(row[10]),
            None if row[11] is None else _state_of(row[11]),
            bool(row[12]),
        )
        for row in rows
    ]


def read_state(db: sqlite3.Connection, name: str) -> Any:
    """Return a part of a world's state; None where it has none of that name."""
    row = db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(row[0])


def _state_of(text: str) -> CellState:
    values = json.loads(text)
    return CellState(**{**values, "modes": tuple(values["modes"])})


class CellWorld:
    """Time, cell and ledger. Times are whole microseconds since the device was first opened."""

    def __init__(self, path: Path | None, clock: Clock, *, seed: int, down_time: float) -> None:
        """Open the world in the file `path`, or make it; None keeps it in memory.

        A world that exists keeps its own seed, and `down_time` seconds have passed in it.

        Raises:
            InputError: the file is something else.
        """
        self._clock = clock
        self._db = sqlite3.connect(
            str(path) if path else ":memory:", isolation_level=None, check_same_thread=False
        )
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise InputError(
                f"{path} is not the world of a simulated potentiostat ({error}); move it away"
            ) from None
        self._open = True
        known = self.get("seed")
        self.seed: int = seed if known is None else known
        if known is None:
            self.put("seed", seed)
        saved = float(self.get("time") or 0.0)
        self._offset = saved + (0.0 if known is None else down_time) - clock.now()

    def now(self) -> float:
        """Return the world's time in seconds."""
        return round(self._clock.now() + self._offset, 6)

    def wait_until(self, t: float) -> None:
        """Let time pass until the world time `t`; returns at once if that is past."""
        self._clock.sleep(t - (self._clock.now() + self._offset))

    def slice(self, longest: float) -> float:
        """Return how long, s, a hold may go on between two yields."""
        if isinstance(self._clock, JumpingClock):
            return longest
        return WALL * (self._clock.factor if isinstance(self._clock, ScaledClock) else 1.0)

    def get(self, name: str) -> Any:
        """Return a part of the state (JSON); None where there is none of that name."""
        return read_state(self._db, name)

    def put(self, name: str, value: Any) -> None:
        """Keep a part of the state."""
        self._db.execute(
            "INSERT OR REPLACE INTO state VALUES (?, ?)", (name, json.dumps(value, allow_nan=False))
        )

    def last(self) -> HoldRow | None:
        """Return the newest hold; None before the first."""
        rows = read_holds(self._db, "number = (SELECT MAX(number) FROM holds)")
        return rows[0] if rows else None

    def begin(self, order: HoldOrder, t: float, before: CellState, meter: float) -> HoldRow:
        """Put the beginning of a hold into the ledger, for good, and return it."""
        (number,) = self._db.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM holds").fetchone()
        row = (number, json.dumps(order.__dict__), t, json.dumps(before.__dict__), meter)
        sql = "INSERT INTO holds (number, orders, began, before, meter) VALUES (?, ?, ?, ?, ?)"
        self._db.execute(sql, row)
        return HoldRow(number, order, t, before, meter)

    def end(self, row: HoldRow) -> None:
        """Put the end of a hold into the ledger, for good."""
        assert row.after is not None
        values = (row.seconds, row.ended_by, row.counted, row.voltage, row.current)
        self._db.execute(
            "UPDATE holds SET seconds=?, ended_by=?, counted=?, voltage=?, current=?, on_device=?,"
            " after=? WHERE number=?",
            (*values, row.on_device, json.dumps(row.after.__dict__), row.number),
        )

    def collect(self, number: int) -> None:
        """Note that the host was told how a hold ended."""
        self._db.execute("UPDATE holds SET collected = 1 WHERE number = ?", (number,))

    def note_time(self) -> None:
        """Keep the time."""
        self.put("time", self.now())

    def close(self) -> None:
        """Note the time and close the file, one file then; may be repeated."""
        if self._open:
            self._open = False
            self.note_time()
            with suppress(sqlite3.OperationalError):  # somebody reads it: it stays as it is
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()
