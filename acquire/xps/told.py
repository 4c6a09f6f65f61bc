"""A depth profile in words: a table row for each cycle, and its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acquire.xps.readings import LineReading
from protocols.xps import ETCH_TIME, DepthProfile

WIDTH = 20
"""Characters of a column."""


def head_row(step: DepthProfile) -> str:
    """Return the head of the table of cycles."""
    lines = "".join(f"{watched.line:>{WIDTH}}" for watched in step.watch)
    return f"cycle  etch/s{lines}   (area in counts @ binding energy in eV; - no peak)"


def cycle_row(cycle: int, etch_time: float, row: Mapping[str, LineReading]) -> str:
    """Return one cycle as a row of the table."""
    return f"{cycle:5} {etch_time:7.0f}" + "".join(
        f"{_cell(each):>{WIDTH}}" for each in row.values()
    )


def _cell(reading: LineReading) -> str:
    if not reading.seen:
        return "-"
    where = "" if reading.binding_energy is None else f" @{reading.binding_energy:.1f}"
    return f"{reading.area:.0f}±{reading.sigma:.0f}{where}"


def told_place(flag: Mapping[str, Any]) -> str:
    """Return where in a depth profile something is: the etch time, and its interval."""
    if flag.get("etch_time_s") is None:
        return ""
    text = f" after {flag['etch_time_s']:.0f} s of etching"
    if flag.get("interval_etch_s"):
        low, high = flag["interval_etch_s"]
        text += f" ({low:.0f} to {high:.0f} s)"
    if flag.get("binding_energy_eV") is not None:
        text += f", {flag['binding_energy_eV']:.1f} eV"
    return text


def told_profile(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield a depth profile's result as a person reads it."""
    yield f"{result['cycles']} cycles, {result[ETCH_TIME]:.0f} s of etching; {result['order']}"
    for found in result.get("boundaries", ()):
        yield f"{found['kind']} of {found['of']}{told_place(found)}"
    for line, found in result.get("lines", {}).items():
        if "none" in found:
            yield f"{line}: no binding energy: {found['none']}"
            continue
        state = found["species"] or "none of the states that the protocol names"
        yield (
            f"{line}: {found['binding_energy_eV']:.2f} ± {found['uncertainty_eV']:.2f} eV, {state}"
        )
