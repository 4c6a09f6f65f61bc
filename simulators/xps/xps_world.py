"""The world of a simulated XPS: its time, its state, its craters, and the ledger of what happened.

Each physical effect is committed with the crater that it leaves, in one transaction.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path

from drivers.clock import Clock
from simulators.world import World

LONGEST = 10.0
"""Slices of an etch on a clock that jumps, s."""
SAME_PLACE = 0.2e-3
"""m within which a place of the stage is the same crater's; ours."""
_TABLES = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, number INTEGER NOT NULL, kind TEXT NOT NULL, of TEXT NOT NULL,
    t REAL NOT NULL, seconds REAL NOT NULL, dose REAL NOT NULL, note TEXT NOT NULL,
    xray_total REAL NOT NULL, etch_total REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS event_kinds ON events (kind, of);
"""
_COLUMNS = "number, kind, of, t, seconds, dose, note"


@dataclass(frozen=True)
class Event:
    """One physical effect, a row of the ledger."""

    kind: str
    """scan, x-rays, scanned; etch, ions, etched; source, neutraliser, stage."""
    t: float
    """World time when it was complete, s."""
    number: int = 0
    """Of the scan or the etch, from 1; 0 for what is neither."""
    of: str = ""
    """What is scanned or etched: the key of its draws."""
    seconds: float = 0.0
    """As asked for with scan and etch; else as it was."""
    dose: float = 0.0
    """Ions per area in the middle of the crater, C/m²."""
    note: str = ""


@dataclass(frozen=True)
class Crater:
    """What ions have done at one place of the stage."""

    x: float
    y: float
    """m, of the stage."""
    inner: float = 0.0
    """Dose (C/m² as of 5 keV) inside the smallest raster so far."""
    outer: float = 0.0
    """Dose in the rest of the analysed spot."""
    edge: float = 0.0
    """Share of the analysed spot that is that rest."""
    fluence: float = 0.0
    """Ions per area inside as they were, C/m²."""
    seconds: float = 0.0
    """Of etching here."""
    clean_since: float | None = None
    """World time (s) at which ions last removed what gas had brought; None if never."""

    def distance(self, x: float, y: float) -> float:
        """Return how far (m) along the farther axis a place of the stage is."""
        return max(abs(self.x - x), abs(self.y - y))


def read_events(db: sqlite3.Connection, where: str = "1", *values: object) -> list[Event]:
    """Return rows of a world's ledger, in the order in which they happened."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM events WHERE {where} ORDER BY id", values)
    return [
        Event(kind, t, number, of, seconds, dose, note)
        for number, kind, of, t, seconds, dose, note in rows
    ]


class XpsWorld(World):
    """Time, state, craters and ledger of one simulated XPS."""

    def __init__(self, path: Path | None, clock: Clock, *, seed: int, down_time: float) -> None:
        """Open the world in the file `path`, or make it; None keeps it in memory.

        Raises:
            InputError: the file is something else.
        """
        super().__init__(path, clock, seed=seed, down_time=down_time)
        self._db.executescript(_TABLES)
        last = self._db.execute(
            "SELECT xray_total, etch_total FROM events ORDER BY id DESC LIMIT 1"
        ).fetchone()
        self.xray_seconds: float = last[0] if last else 0.0
        """For which regions have ever been scanned; only grows."""
        self.etch_seconds: float = last[1] if last else 0.0
        """For which ions have ever been on the specimen, by the gun's timer; only grows."""
        self._craters = [Crater(**one) for one in self.get("craters") or []]

    def longest(self) -> float:
        """Return the longest slice (s) between two yields."""
        return self.longest_slice(LONGEST)

    def crater(self, x: float, y: float) -> Crater:
        """Return what ions have done at a place of the stage (m)."""
        near = [one for one in self._craters if one.distance(x, y) < SAME_PLACE]
        return near[0] if near else Crater(x, y)

    def record(self, event: Event, crater: Crater | None = None) -> None:
        """Put one physical effect into the ledger, for good, with the crater that it leaves."""
        xrays = self.xray_seconds + (event.seconds if event.kind == "x-rays" else 0.0)
        etched = self.etch_seconds + (event.seconds if event.kind == "ions" else 0.0)
        what = (event.number, event.kind, event.of, event.t)
        row = (*what, event.seconds, event.dose, event.note, xrays, etched)
        with self.at_once():
            self._db.execute(
                f"INSERT INTO events ({_COLUMNS}, xray_total, etch_total) "
                f"VALUES ({', '.join('?' * len(row))})",
                row,
            )
            self._saved = max(self._saved, event.t)
            self.put("time", self._saved)
            if crater is not None:
                others = [one for one in self._craters if one.distance(crater.x, crater.y) > 0]
                self._craters = [*others, crater]
                self.put("craters", [asdict(one) for one in self._craters])
        self.xray_seconds, self.etch_seconds = xrays, etched

    def count(self, kind: str, of: str | None = None) -> int:
        """Return how many effects of that kind, and for the same draws, the ledger holds."""
        where, values = ("kind = ?", [kind]) if of is None else ("kind = ? AND of = ?", [kind, of])
        (found,) = self._db.execute(f"SELECT COUNT(*) FROM events WHERE {where}", values).fetchone()
        return int(found)

    def left_running(self) -> list[Event]:
        """Return the effects of the last scan or etch if it has not been ended."""
        last = read_events(self._db, "id = (SELECT MAX(id) FROM events WHERE number > 0)")
        if not last or last[0].kind in ("scanned", "etched"):
            return []
        kinds = ("scan", "x-rays") if last[0].kind in ("scan", "x-rays") else ("etch", "ions")
        return read_events(self._db, "number = ? AND kind IN (?, ?)", last[0].number, *kinds)
