"""A run as event-model documents: start, then of each stream a descriptor and events, then stop.

A stream is an action (`stem_image`), the samples of one that gives none back (`potentiostat_hold_
readings`), or the flags. Where results of one action differ in their columns or shapes, as images
of two sizes do, each has a stream of its own, numbered. Every uid follows from the run's, so that
the same run always gives the same documents.
"""

from __future__ import annotations

import inspect
import json
import math
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from acquire.bluesky.flat import data_key, flat
from acquire.bluesky.measuring import rows
from acquire.files import whole
from acquire.record import Done, RunRecord
from acquire.show import show
from drivers.interfaces import ROLES, known_action

Document = dict[str, Any]

EXIT = {"finished": "success", "stopped": "abort", "fault": "fail", "interrupted": "fail"}
"""Exit status by the run's state; a run in another state has not ended and has no stop document."""
ONCE = ("identity", "setup")
"""Readings that stand in the configuration of a stream instead of one of their own."""


def documents(folder: str | Path) -> Iterator[tuple[str, Document]]:
    """Yield the documents of a run, each with the name of its kind, in order.

    Arrays are nested lists. A figure that is unknown (NaN) is None.

    Raises:
        RunFolderError: the folder holds no run that can be read.
    """
    with RunRecord(Path(folder)) as record:
        yield from _Documents(record).all()


def export_documents(folder: Path) -> list[Path]:
    """Write the documents as `data/documents.jsonl`, a line `[name, document]` each."""
    path = folder / "data" / "documents.jsonl"
    with whole(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        for named in documents(folder):
            file.write(json.dumps(named, allow_nan=False, separators=(",", ":")) + "\n")
    return [path]


class _Documents:
    """Makes the documents of one run."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._view = show(record)
        began = record.meta["begun_utc"]
        self._began = datetime.fromisoformat(began).timestamp()
        self._start = uuid.uuid5(uuid.NAMESPACE_URL, f"liftline:{record.folder.name}:{began}")
        self._descriptors: dict[tuple[str, str], str] = {}
        self._streams: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._names: dict[str, str] = {}
        self._once: dict[str, dict[str, Any]] = {}

    def all(self) -> Iterator[tuple[str, Document]]:
        """Yield start, descriptors and events, stop."""
        yield "start", self._start_document()
        for done in self._record.all_done():
            yield from self._of_action(done)
        for name in self._names_with_readings():
            yield from self._of_readings(name)
        for flag in self._view["flags"]:
            raised = flag["raised_at"]["time_utc"]
            yield from self._event("flag", flat(flag, "flag"), _unix(raised))
        status = EXIT.get(self._view["state"])
        if status is not None:
            yield "stop", self._stop_document(status)

    def _uid(self, what: str) -> str:
        return str(uuid.uuid5(self._start, what))

    def _start_document(self) -> Document:
        meta = self._record.meta
        return {
            "uid": str(self._start),
            "time": self._began,
            "plan_name": meta.get("name", ""),
            "title": meta.get("title", ""),
            "run": self._record.folder.name,
            "simulated": self._record.simulated,
            "lab": meta.get("lab", ""),
            "seed": meta.get("seed", ""),
            "versions": {"liftline": meta.get("version", ""), "numpy": meta.get("numpy", "")},
            "steps": [_plain(step.request) for step in self._record.steps()],
        }

    def _stop_document(self, status: str) -> Document:
        ended = self._view["ended_utc"] or self._record.last_utc()
        return {
            "uid": self._uid("stop"),
            "time": self._began if ended is None else _unix(ended),
            "run_start": str(self._start),
            "exit_status": status,
            "reason": self._view["reason"],
            "num_events": {
                self._names[descriptor]: count for descriptor, count in self._events.items()
            },
            "results": _plain(self._view["results"]),
            "budgets": _plain(self._view["budgets"]),
        }

    def _of_action(self, done: Done) -> Iterator[tuple[str, Document]]:
        role, method = done.name.split(".", 1)
        stream = f"{role}_{method}"
        if method in ONCE:
            self._once.setdefault(role, {}).update(flat(done.result, stream))
        elif done.result is not None:
            columns = flat(done.result, stream) or {stream: True}
            more = {"step": done.step, "action": done.entry, "ended_by": done.ended_by or "itself"}
            asked = flat(_named(done), f"{stream}_asked")
            columns |= asked | flat(more, stream)
            yield from self._event(stream, columns, _unix(done.utc), role)

    def _names_with_readings(self) -> list[str]:
        """Return the actions whose readings are told nowhere else: their results hold no array."""
        told = {
            done.name
            for done in self._record.all_done()
            if any(isinstance(value, np.ndarray) for value in flat(done.result, "").values())
        }
        names = self._record.with_readings()
        return [name for name in names if name not in told and known_action(name) is not None]

    def _of_readings(self, name: str) -> Iterator[tuple[str, Document]]:
        known = known_action(name)
        assert known is not None
        stream = f"{name.replace('.', '_')}_readings"
        for step in self._record.steps():
            for tried in self._record.readings(step.index, name, known.block):
                times = iter(self._record.reading_times(tried.entry))
                for begun, blocks in tried.attempts:
                    samples = [
                        sample
                        for block in blocks
                        for sample in _samples(flat(block, stream), stream, begun, next(times))
                    ]
                    yield from self._pages(stream, samples, tried.entry)

    def _pages(
        self, stream: str, samples: list[tuple[float, dict[str, Any]]], entry: int
    ) -> Iterator[tuple[str, Document]]:
        """Yield the samples of one try of an action as pages of events, columns alike in each."""
        for _, alike in groupby(samples, key=lambda sample: _shape(sample[1])):
            held = [(self._began + time, row) for time, row in alike]
            columns = {**held[0][1], f"{stream}_action": entry}
            yield from self._described(stream, columns, held[0][0], stream.split("_", 1)[0])
            descriptor = self._descriptor(stream, columns)
            first = self._events[descriptor]
            self._events[descriptor] += len(held)
            numbers = range(first + 1, first + 1 + len(held))
            times = [time for time, _ in held]
            yield (
                "event_page",
                {
                    "descriptor": descriptor,
                    "uid": [self._uid(f"{descriptor}/{number}") for number in numbers],
                    "seq_num": list(numbers),
                    "time": times,
                    "data": {
                        **{key: [_plain(row[key]) for _, row in held] for key in held[0][1]},
                        f"{stream}_action": [entry] * len(held),
                    },
                    "timestamps": dict.fromkeys(columns, times),
                    "filled": {},
                },
            )

    def _event(
        self, stream: str, columns: dict[str, Any], time: float, role: str = ""
    ) -> Iterator[tuple[str, Document]]:
        yield from self._described(stream, columns, time, role)
        descriptor = self._descriptor(stream, columns)
        self._events[descriptor] += 1
        number = self._events[descriptor]
        yield (
            "event",
            {
                "descriptor": descriptor,
                "uid": self._uid(f"{descriptor}/{number}"),
                "seq_num": number,
                "time": time,
                "data": {key: _plain(value) for key, value in columns.items()},
                "timestamps": dict.fromkeys(columns, time),
                "filled": {},
            },
        )

    def _descriptor(self, stream: str, columns: dict[str, Any]) -> str:
        return self._descriptors[stream, _shape(columns)]

    def _described(
        self, stream: str, columns: dict[str, Any], time: float, role: str
    ) -> Iterator[tuple[str, Document]]:
        """Yield the descriptor of these columns, the first time that they come."""
        key = (stream, _shape(columns))
        if key in self._descriptors:
            return
        self._streams[stream] += 1
        number = self._streams[stream]
        name = stream if number == 1 else f"{stream}_{number}"
        uid = self._descriptors[key] = self._uid(f"descriptor/{name}")
        self._names[uid] = name
        once = self._once.get(role, {})
        keys = {k: data_key(k, v, f"liftline:{role or 'analysis'}") for k, v in columns.items()}
        configuration = {
            "data": {k: _plain(v) for k, v in once.items()},
            "timestamps": dict.fromkeys(once, time),
            "data_keys": {k: data_key(k, v, f"liftline:{role}") for k, v in once.items()},
        }
        yield (
            "descriptor",
            {
                "uid": uid,
                "run_start": str(self._start),
                "time": time,
                "name": name,
                "data_keys": {k: {**v, "object_name": stream} for k, v in keys.items()},
                "object_keys": {stream: list(keys)},
                "configuration": {role: configuration} if once else {},
                "hints": {
                    stream: {"fields": [k for k, v in keys.items() if v["dtype"] == "number"]}
                },
            },
        )


def _samples(
    columns: dict[str, Any], stream: str, begun: float, came: float
) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield the samples of a block with their times, s since the run began.

    Those that stand in arrays have a time of their own, since the action began; else it is when
    the block came.
    """
    own = isinstance(columns.get(f"{stream}_seconds"), np.ndarray)
    for row in rows(columns):
        yield (begun + row[f"{stream}_seconds"] if own else came), row


def _named(done: Done) -> dict[str, Any]:
    """Return what an action was asked for by the names of its arguments."""
    role, method = done.name.split(".", 1)
    names = [str(number) for number in range(len(done.arguments))]
    if known_action(done.name) is not None:
        parameters = list(inspect.signature(getattr(ROLES[role].kind, method)).parameters)
        names = parameters[1:]
    return dict(zip(names, done.arguments, strict=False))


def _shape(columns: dict[str, Any]) -> str:
    """Return what must be alike of the events of one descriptor: columns, kinds and shapes."""
    kinds = {
        key: (value.shape, value.dtype.str)
        if isinstance(value, np.ndarray)
        else type(value).__name__
        for key, value in columns.items()
    }
    return repr(sorted(kinds.items()))


def _unix(utc: str) -> float:
    return datetime.fromisoformat(utc).timestamp()


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, keys without dots and slashes, NaN and infinity as None."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist()) if value.dtype.kind == "f" else value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k.replace(".", "_").replace("/", "_"): _plain(v) for k, v in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
