"""Reading a run: its state, flags, results and data, whether it is finished, going on or cut off.

Readers only ever read. They may open the folder while the run goes on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from acquire.journal import check_version
from acquire.lease import is_held
from acquire.pictures import Pictures
from acquire.rows import unpack_row
from drivers.codec import unpack
from drivers.errors import RunFolderError
from drivers.interfaces import known_action

T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """One action that has an outcome."""

    entry: int
    name: str
    """Role and method, such as stem.spectrum."""
    arguments: list[Any]
    """As canonical JSON gives them: numbers, text, dicts."""
    result: Any
    time_s: float
    """When it ended, seconds since the run began."""
    utc: str
    ended_by: str | None
    step: int | None = None
    """Index of the step that it belongs to."""
    begun_s: float = 0.0
    """When it was asked for, seconds since the run began."""


@dataclass(frozen=True)
class Tried(Generic[T]):
    """One action that was tried, with what it read."""

    entry: int
    arguments: list[Any]
    """As canonical JSON gives them."""
    attempts: list[tuple[float, list[T]]]
    """Of each attempt when it began, seconds since the run began, and its readings."""


@dataclass(frozen=True)
class Decided:
    """One value that steered a step."""

    entry: int
    name: str
    value: Any
    time_s: float
    """When it was decided, seconds since the run began."""


@dataclass(frozen=True)
class StepRecord:
    """One step as it was asked for."""

    index: int
    kind: str
    request: dict[str, Any]
    """The step in SI numbers."""
    result: dict[str, Any] | None
    """Its result, if it has ended."""
    ended_by: str | None


class RunRecord:
    """A run's folder, open for reading."""

    def __init__(self, folder: Path) -> None:
        """Open `folder`.

        Raises:
            RunFolderError: it holds no run, or one of another version.
        """
        self.folder = folder
        path = folder / "run.db"
        if not path.is_file():
            raise RunFolderError(f"{folder} is not the folder of a run: it has no run.db")
        self._db = _open(path)
        check_version(self._db, path)
        self.meta: dict[str, str] = dict(self._db.execute("SELECT key, value FROM meta"))
        self._pictures = Pictures(folder, simulated=self.simulated)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> RunRecord:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def simulated(self) -> bool:
        """True when any instrument of the run is a simulator."""
        return self.meta.get("simulated") == "true"

    @property
    def state(self) -> str:
        """running, finished, stopped, fault, waiting (for an answer) or interrupted."""
        events = [event for event in self.events("session") if event["state"]]
        newest = events[-1]["state"] if events else "interrupted"
        if newest == "running":
            return "running" if is_held(self.folder) else "interrupted"
        return str(newest)

    @property
    def paused(self) -> bool:
        """True when the operator paused the run and has not said go on."""
        said = [e["verb"] for e in self.events("operator") if e["verb"] in ("pause", "resume")]
        return said[-1:] == ["pause"]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind, oldest first, each with `time_s` and `utc`."""
        rows = self._db.execute(
            "SELECT value, time_s, utc FROM event WHERE kind=? ORDER BY id", (kind,)
        )
        return [{**json.loads(value), "time_s": time, "utc": utc} for value, time, utc in rows]

    def steps(self) -> list[StepRecord]:
        """Return the steps that have begun."""
        results = {
            step: json.loads(value)
            for step, value in self._db.execute("SELECT step, value FROM entry WHERE kind='result'")
        }
        rows = self._db.execute(
            "SELECT step, name, request FROM entry WHERE kind='step' ORDER BY id"
        )
        return [
            StepRecord(
                index,
                kind,
                json.loads(request),
                results.get(index, {}).get("result"),
                results.get(index, {}).get("ended_by"),
            )
            for index, kind, request in rows
        ]

    def flags(self, step: int | None = None) -> list[dict[str, Any]]:
        """Return the flags in the order they were raised: flag, raised_at, policy, step."""
        where, values = ("", ()) if step is None else ("AND step=?", (step,))
        rows = self._db.execute(
            f"SELECT step, value FROM entry WHERE kind='flag' {where} ORDER BY id", values
        )
        return [{**json.loads(value), "step": index} for index, value in rows]

    def decisions(self, step: int) -> dict[str, Any]:
        """Return the values that steered a step, by name; of several, the newest."""
        return {each.name: each.value for each in self.decided(step)}

    def decided(self, step: int) -> list[Decided]:
        """Return every value that steered a step, oldest first."""
        rows = self._db.execute(
            "SELECT id, name, value, time_s FROM entry WHERE kind='decide' AND step=? ORDER BY id",
            (step,),
        )
        return [Decided(entry, name, json.loads(value), time) for entry, name, value, time in rows]

    def questions(self) -> list[dict[str, Any]]:
        """Return the questions, oldest first."""
        rows = self._db.execute(
            "SELECT id, text, choices, safe, asked_utc, answer, answered_by"
            " FROM question ORDER BY id"
        )
        names = ("id", "text", "choices", "safe", "asked_utc", "answer", "answered_by")
        return [
            dict(zip(names, (*row[:2], json.loads(row[2]), *row[3:]), strict=True)) for row in rows
        ]

    def done(self, step: int | None, name: str, kind: type[T]) -> Iterator[Done]:
        """Yield the actions `name` of a step that have an outcome, results as `kind`."""
        where, values = ("", ()) if step is None else ("AND e.step=?", (step,))
        yield from self._done(f"AND e.name=? {where}", (name, *values), lambda _: kind)

    def all_done(self, step: int | None = None) -> Iterator[Done]:
        """Yield every action that has an outcome, oldest first.

        Results are as the interface of their role says; of an unknown one, plain dicts and lists.
        """

        def kind(name: str) -> Any:
            known = known_action(name)
            return Any if known is None else known.result

        where, values = ("", ()) if step is None else ("AND e.step=?", (step,))
        yield from self._done(where, values, kind)

    def _done(
        self, where: str, values: Sequence[Any], kind: Callable[[str], Any]
    ) -> Iterator[Done]:
        rows = self._db.execute(
            "SELECT e.id, e.name, e.request, o.value, o.arrays, o.time_s, o.utc, o.ended_by, "
            "e.step, e.time_s FROM entry e JOIN outcome o ON o.entry=e.id WHERE e.kind='do' "
            f"{where} ORDER BY e.id",
            values,
        )
        for entry, name, request, value, arrays, time, utc, ended_by, step, begun in rows:
            tree, held = unpack_row(value, arrays, self._pictures.read)
            result = None if tree is None else unpack(kind(name), tree, held)
            asked = json.loads(request)
            yield Done(entry, name, asked, result, time, utc, ended_by, step, begun)

    def readings(self, step: int, name: str, kind: type[T]) -> Iterator[Tried[T]]:
        """Yield each action `name` of a step that was tried, with its readings by attempt."""
        entries = self._db.execute(
            "SELECT id, request FROM entry WHERE kind='do' AND name=? AND step=? ORDER BY id",
            (name, step),
        ).fetchall()
        for entry, request in entries:
            begun = dict(
                self._db.execute(
                    "SELECT n, begun_s FROM attempt WHERE entry=?", (entry,)
                ).fetchall()
            )
            rows = self._db.execute(
                "SELECT attempt, value, arrays FROM block WHERE entry=? ORDER BY n", (entry,)
            )
            blocks: dict[int, list[T]] = {number: [] for number in sorted(begun)}
            for number, value, arrays in rows:
                tree, unpacked = unpack_row(value, arrays, self._pictures.read)
                blocks[number].append(unpack(kind, tree, unpacked))
            attempts = [(begun[number], held) for number, held in blocks.items()]
            yield Tried(entry, json.loads(request), attempts)

    def reading_times(self, entry: int) -> list[float]:
        """Return when each reading of an action came, seconds since the run began."""
        rows = self._db.execute("SELECT time_s FROM block WHERE entry=? ORDER BY n", (entry,))
        return [time for (time,) in rows]

    def with_readings(self) -> list[str]:
        """Return the actions (role.method) that gave readings on their way."""
        sql = "SELECT DISTINCT e.name FROM entry e JOIN block b ON b.entry=e.id ORDER BY e.name"
        return [name for (name,) in self._db.execute(sql)]

    def last_block(self, name: str, kind: type[T]) -> T | None:
        """Return the newest reading of an action `name` as `kind`; None where there is none."""
        row = self._db.execute(
            "SELECT b.value, b.arrays FROM block b JOIN entry e ON e.id=b.entry WHERE e.name=? "
            "ORDER BY b.entry DESC, b.n DESC LIMIT 1",
            (name,),
        ).fetchone()
        if row is None:
            return None
        tree, arrays = unpack_row(row[0], row[1], self._pictures.read)
        found: T = unpack(kind, tree, arrays)
        return found

    def last_utc(self) -> str | None:
        """Return the date of the newest thing in the record; None where there is nothing."""
        row = self._db.execute(
            "SELECT utc FROM (SELECT utc, time_s FROM outcome UNION ALL SELECT utc, time_s FROM"
            " event UNION ALL SELECT utc, time_s FROM entry) ORDER BY time_s DESC LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])

    def has_spent(self) -> bool:
        """Return True if any action that spends something of the specimen has been tried."""
        sql = "SELECT 1 FROM attempt WHERE reserved<>'[]' LIMIT 1"
        return self._db.execute(sql).fetchone() is not None

    def spends(self) -> list[tuple[str, int, list[Any], bool]]:
        """Return (kind of action, entry, spend row, settled?) of every attempt."""
        rows = self._db.execute(
            "SELECT e.name, a.entry, a.reserved, a.spent"
            " FROM attempt a JOIN entry e ON e.id=a.entry"
        )
        return [
            (name, entry, row, spent is not None)
            for name, entry, reserved, spent in rows
            for row in json.loads(reserved if spent is None else spent)
        ]


def _open(path: Path) -> sqlite3.Connection:
    """Open read-only; a journal left by a crash may need its WAL read first."""
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        db.execute("SELECT 1 FROM meta").fetchone()
        return db
    except sqlite3.Error:
        pass
    try:
        db = sqlite3.connect(path)
        db.execute("PRAGMA query_only=ON")
        db.execute("SELECT 1 FROM meta").fetchone()
        return db
    except sqlite3.Error as error:
        raise RunFolderError(f"{path}: not a journal that can be read: {error}") from None
