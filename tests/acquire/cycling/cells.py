"""A short run of a cell, as a folder for tests that read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from acquire.launch import begin_run, resume_run
from acquire.operator import Command, send
from protocols.loader import load_protocol
from tests.campaigns.cycling_runs import cell_lab
from tests.campaigns.scan import desk

PROTOCOL = """
kind: cycling
name: a short life
nominal: {capacity: 1.47 uAh, basis: by area, source: Joule 2020}
also: [{capacity: 1.91 uAh, basis: by mass, source: Joule 2020}]
record: {every: 7 s, voltage_change: 5 mV}
safety: {voltage_min: 3.3 V, voltage_max: 5.2 V, current_max: 15 uA}
pre_flight: {voltage_min: 2.5 V, voltage_max: 5.0 V, pulse: {rate: C/10}}
schedule:
  - do: loop
    times: 1
    steps:
      - {do: charge, rate: C/2, until: [{voltage: 5.1 V}]}
      - {do: discharge, rate: C/2, until: [{voltage: 3.5 V}]}
  - do: loop
    times: 9
    steps:
      - {do: charge, rate: 5C, until: [{voltage: 5.1 V}]}
      - {do: discharge, rate: 5C, until: [{voltage: 3.5 V}]}
  - {do: rest, duration: 10 min}
"""


class Crash(BaseException):
    """The process dies."""


def written(folder: Path, text: str = PROTOCOL) -> Path:
    """Write a protocol into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cell.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def at_reading(number: int, then: Callable[[], None]) -> Callable[[str], None]:
    """Return a boundary that does something when so many readings have come."""
    seen = 0

    def boundary(name: str) -> None:
        nonlocal seen
        if name == "reading waiting":
            seen += 1
            if seen == number:
                then()

    return boundary


def dying(readings: int) -> Callable[[str], None]:
    """Return a boundary at which the process dies after so many readings."""

    def die() -> None:
        raise Crash

    return at_reading(readings, die)


def lived(
    out: Path,
    text: str = PROTOCOL,
    *,
    dies_at: int | None = None,
    stops_at: int | None = None,
    **settings: Any,
) -> Path:
    """Cycle a simulated cell and return the run's folder.

    The process may die at a reading, or the operator stop it.
    """

    def stop() -> None:
        (run,) = [path.parent for path in out.glob("*/run.db")]
        send(run, Command("stop", "the test"))

    boundary = None if dies_at is None else dying(dies_at)
    boundary = boundary if stops_at is None else at_reading(stops_at, stop)
    protocol = load_protocol(str(written(out.parent / f"{out.name}-protocol", text)))
    try:
        begin_run(protocol, cell_lab(**settings), out, seed=3, desk=desk(boundary))
    except Crash:
        assert dies_at is not None
    (run,) = [path.parent for path in out.glob("*/run.db")]
    return run


def gone_on(run: Path) -> None:
    """Go on with a run whose process died."""
    assert resume_run(run, desk=desk()).exit_code == 0
