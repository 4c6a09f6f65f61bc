"""The world of one simulated instrument: its time, its state and its ledger of truth.

It is a file of its own, apart from the run's: like a real instrument it outlives a crash of the
run. Each physical effect is committed when it happens, so that a kill at any instant leaves truth.
`synchronous=OFF` is enough for that: what a killed process has written, the system still has; a
simulated world does not lose power.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.clock import Clock, JumpingClock, ScaledClock
from protocols.errors import InputError

Place = tuple[float, float, float, float, float]
"""Centre x and y, extent along and across (m) and angle (rad) of a rectangle in the frame."""

_STATE = "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
_LEDGER = """
CREATE TABLE IF NOT EXISTS ledger (
    id INTEGER PRIMARY KEY, exposure INTEGER NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
    t REAL NOT NULL, seconds REAL NOT NULL, electrons REAL NOT NULL, current REAL NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, along REAL NOT NULL, across REAL NOT NULL,
    angle REAL NOT NULL, note TEXT NOT NULL, total REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS begun ON ledger (key) WHERE kind = 'unblank';
CREATE INDEX IF NOT EXISTS by_exposure ON ledger (exposure);
"""
_COLUMNS = "exposure, key, kind, t, seconds, electrons, current, x, y, along, across, angle, note"
WALL = 0.5
"""Wall seconds between two yields on a clock that does not jump."""
SAVE_TIME_EVERY = 1.0
"""World seconds between two notes of the time while nothing physical happens."""


@dataclass(frozen=True)
class Effect:
    """One physical effect, a row of the ledger."""

    exposure: int
    """Number of the exposure, from 1; 0 for what is none."""
    key: str
    """What is exposed: the same for the same place, whatever the dwell."""
    kind: str
    """unblank (seconds: as asked for), electrons, stuck (the blanker), blank, move or shift."""
    t: float
    """World time when it was complete, seconds."""
    seconds: float
    """How long it took."""
    electrons: float
    """Electrons that reached the specimen."""
    current: float
    """Probe current, A."""
    place: Place
    note: str = ""
    """Of an unblank, the action; of electrons, why nobody steered them."""


def read_ledger(db: sqlite3.Connection, where: str = "1", *values: object) -> list[Effect]:
    """Return rows of a world's ledger, in the order in which they happened."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM ledger WHERE {where} ORDER BY id", values)
    return [
        Effect(number, key, kind, t, seconds, electrons, current, (x, y, a, b, angle), note)
        for number, key, kind, t, seconds, electrons, current, x, y, a, b, angle, note in rows
    ]


def read_state(db: sqlite3.Connection, name: str) -> Any:
    """Return a part of a world's state; None where it has none of that name."""
    row = db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(row[0])


class WorldFile:
    """Time and state of one simulated instrument, in a file that outlives its process.

    Times are seconds since the instrument was first opened, in whole microseconds, so that a run
    that was cut off and resumed has the same times as one that was not.
    """

    def __init__(
        self, path: Path | None, clock: Clock, *, seed: int, down_time: float, tables: str
    ) -> None:
        """Open the world in the file `path`, or make it; None keeps it in memory.

        A world that exists keeps its own seed, and `down_time` seconds have passed in it. `tables`
        makes those that the instrument has besides its state.

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
            self._db.executescript(_STATE + tables)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise InputError(
                f"{path} is not the world of a simulated instrument ({error}); move it away"
            ) from None
        self._open = True
        self._kept_text: dict[str, str] = {}
        known = read_state(self._db, "seed")
        self.seed: int = seed if known is None else known
        if known is None:
            self.put("seed", seed)
        self._saved = max(self._latest(), read_state(self._db, "time") or 0.0)
        reached = max(self._saved, self._passed())
        began = reached if known is None else reached + down_time
        self._set_offset(began - clock.now())

    def _latest(self) -> float:
        """Return the newest time of the ledger, s."""
        return 0.0

    def _passed(self) -> float:
        """Return where the clock is in the world's time, s; 0 where it tells nothing.

        A clock that jumps goes on after a crash where the run's newest entry is: what had passed
        since anything was kept here, has passed.
        """
        offset = read_state(self._db, "offset")
        return self._clock.now() + offset if self.jumps and offset is not None else 0.0

    def _set_offset(self, offset: float) -> None:
        self._offset = offset
        if self.jumps:
            self.put("offset", offset)

    @property
    def jumps(self) -> bool:
        """True if nobody waits in real time."""
        return isinstance(self._clock, JumpingClock)

    def now(self) -> float:
        """Return the world's time in seconds."""
        return round(self._clock.now() + self._offset, 6)

    def wait_until(self, t: float) -> None:
        """Let time pass until the world time `t`; returns at once if that is past."""
        self._clock.sleep(t - (self._clock.now() + self._offset))

    def longest_slice(self, jumping: float) -> float:
        """Return the longest slice (s) between two yields; `jumping` is that of such a clock."""
        if self.jumps:
            return jumping
        return WALL * (self._clock.factor if isinstance(self._clock, ScaledClock) else 1.0)

    def get(self, name: str) -> Any:
        """Return a part of the state (JSON); None where there is none of that name."""
        return read_state(self._db, name)

    def put(self, name: str, value: Any) -> None:
        """Keep a part of the state; one that has not changed costs nothing."""
        text = json.dumps(value, allow_nan=False)
        if self._kept_text.get(name) != text:
            self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, text))
            self._kept_text[name] = text

    def close(self) -> None:
        """Note the time and close the file, one file then; may be repeated."""
        if self._open:
            self._open = False
            self.put("time", max(self.now(), self._saved))
            with suppress(sqlite3.OperationalError):  # somebody reads it: it stays as it is
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()


class World(WorldFile):
    """Time, state and ledger of exposures of one simulated instrument."""

    def __init__(self, path: Path | None, clock: Clock, *, seed: int, down_time: float) -> None:
        """Open the world in the file `path`, or make it; None keeps it in memory.

        Raises:
            InputError: the file is something else.
        """
        super().__init__(path, clock, seed=seed, down_time=down_time, tables=_LEDGER)
        last = self._db.execute("SELECT total FROM ledger ORDER BY id DESC LIMIT 1").fetchone()
        self.electrons: float = last[0] if last else 0.0
        """Electrons that have ever reached the specimen; only grows."""

    def _latest(self) -> float:
        (latest,) = self._db.execute("SELECT MAX(t) FROM ledger").fetchone()
        return latest or 0.0

    def live_until(self, t: float) -> None:
        """Have the world be at `t`, if it is not yet: time that passed while nobody looked."""
        self._set_offset(self._offset + max(0.0, t - (self._clock.now() + self._offset)))

    def note_time(self) -> None:
        """Keep the time now and then while nothing physical happens."""
        if self.now() - self._saved >= SAVE_TIME_EVERY:
            self._saved = self.now()
            self.put("time", self._saved)

    def commit(self, effect: Effect) -> None:
        """Put one physical effect into the ledger, for good."""
        total = self.electrons + effect.electrons
        row = (
            *(effect.exposure, effect.key, effect.kind, effect.t, effect.seconds),
            *(effect.electrons, effect.current, *effect.place, effect.note, total),
        )
        self._db.execute(
            f"INSERT INTO ledger ({_COLUMNS}, total) VALUES ({', '.join('?' * len(row))})", row
        )
        self.electrons = total
        self._saved = max(self._saved, effect.t)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Have all that is kept in this block be kept, or nothing of it."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._kept_text.clear()
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def effects_after(self, count: int) -> list[Effect]:
        """Return the ledger's effects after the first `count`."""
        return read_ledger(self._db, "id > ?", count)

    def begun(self, key: str | None = None) -> int:
        """Return how many exposures have begun: all of them, or those of one key."""
        where = "kind = 'unblank'" + ("" if key is None else " AND key = ?")
        values = () if key is None else (key,)
        (count,) = self._db.execute(f"SELECT COUNT(*) FROM ledger WHERE {where}", values).fetchone()
        return int(count)

    def unfinished(self) -> Sequence[Effect]:
        """Return the effects of the last exposure if the beam has not been blanked after it."""
        row = self._db.execute("SELECT MAX(exposure) FROM ledger").fetchone()
        effects = read_ledger(self._db, "exposure = ?", row[0] or -1)
        return [] if any(effect.kind == "blank" for effect in effects) else effects
