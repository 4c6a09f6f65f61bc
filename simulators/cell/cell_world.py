"""The world of one simulated potentiostat: time, cell, meter, and a ledger of every hold.

Like `simulators.world` it is a file of its own that outlives the process, and each physical effect
is committed when it happens.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from drivers.clock import Clock
from drivers.potentiostat import HoldOrder
from simulators.cell.cell import CellState
from simulators.world import WorldFile

_TABLES = """
CREATE TABLE IF NOT EXISTS holds (
    number INTEGER PRIMARY KEY, orders TEXT NOT NULL, began REAL NOT NULL, before TEXT NOT NULL,
    meter REAL NOT NULL, seconds REAL, ended_by TEXT, counted REAL, voltage REAL, current REAL,
    on_device INTEGER, after TEXT, collected INTEGER NOT NULL DEFAULT 0
);
"""


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


def _state_of(text: str) -> CellState:
    values = json.loads(text)
    return CellState(**{**values, "modes": tuple(values["modes"])})


class CellWorld(WorldFile):
    """Time, cell and ledger of holds of one simulated potentiostat."""

    def __init__(self, path: Path | None, clock: Clock, *, seed: int, down_time: float) -> None:
        """Open the world in the file `path`, or make it; None keeps it in memory.

        Raises:
            InputError: the file is something else.
        """
        super().__init__(path, clock, seed=seed, down_time=down_time, tables=_TABLES)

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
