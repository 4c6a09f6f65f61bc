"""What a session that broke off has left behind: its record, its runs, the action it was in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

from acquire.launch import SESSION
from acquire.record import RunRecord
from drivers.codec import unpack
from drivers.errors import RunFolderError
from drivers.lab import Identity, Lab

LAB = "lab_file"
"""Key of the record's facts: the lab as the session was asked for it, before it was met."""


def broken_off(lab: Lab, out: Path, seed: int) -> Path | None:
    """Return the folder of the newest session of this lab that broke off; None without."""
    for path in sorted(out.glob(f"*-{SESSION}-*/run.db"), reverse=True):
        try:
            with RunRecord(path.parent) as record:
                if (
                    record.meta.get("origin") == SESSION
                    and record.meta.get("seed") == str(seed)
                    and record.state == "interrupted"
                    and record.meta.get(LAB) == lab.written()
                ):
                    return path.parent
        except RunFolderError:
            continue
    return None


def runs_of(home: Path, out: Path) -> Iterator[Path]:
    """Yield the folders of the runs that were begun in the session whose folder is `home`."""
    for path in sorted(out.glob("*/run.db")):
        try:
            with RunRecord(path.parent) as record:
                of = record.meta.get("home")
        except RunFolderError:
            continue
        if of is not None and (path.parent / of).resolve() == home.resolve():
            yield path.parent


def known_identity(folder: Path, role: str) -> Identity | None:
    """Return the instrument with which a session began; None where it has used none so far."""
    with RunRecord(folder) as record:
        done = next(record.done(None, f"{role}.identity", Identity), None)
    return None if done is None else done.result


def asked(method: Callable[..., Any], request: str) -> list[Any]:
    """Return the arguments of a driver's method that the journal holds as canonical JSON."""
    hints = [kind for name, kind in get_type_hints(method).items() if name != "return"]
    return [unpack(kind, value, ()) for kind, value in zip(hints, json.loads(request), strict=True)]
