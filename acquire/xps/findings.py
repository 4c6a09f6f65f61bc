"""What a whole depth profile says: boundaries, their order, energies, composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acquire.xps.boundary import Place
from acquire.xps.composition import composition
from acquire.xps.energy import Energy, mean
from acquire.xps.line_watch import LineWatch
from acquire.xps.order import order
from drivers.xps import XpsSetup
from protocols.xps import DepthProfile


@dataclass(frozen=True)
class DepthFindings:
    """What all cycles so far say."""

    boundaries: tuple[Mapping[str, Any], ...]
    """Onsets, plateaus, falls in the order of their etch time; keys as in `show --json`."""
    order: str
    lines: Mapping[str, Mapping[str, Any]]
    composition: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as a result has it."""
        return {
            "boundaries": [dict(each) for each in self.boundaries],
            "order": self.order,
            "lines": {line: dict(each) for line, each in self.lines.items()},
            "composition": dict(self.composition),
        }


def findings(
    step: DepthProfile, setup: XpsSetup, watches: Mapping[str, LineWatch]
) -> DepthFindings:
    """Return what the watches have found."""
    for watch in watches.values():
        if watch.begin is not None:
            watch.settle()
    boundaries = [found for watch in watches.values() for found in _boundaries(watch)]
    boundaries.sort(key=lambda found: float(found["etch_time_s"]))
    begins = {
        line: place for line, watch in watches.items() if (place := watch.first_begin) is not None
    }
    if step.etch_rate:
        boundaries = [_with_depth(found, step, begins) for found in boundaries]
    readings = {line: watch.readings for line, watch in watches.items()}
    cycles = {line: watch.cycles for line, watch in watches.items()}
    return DepthFindings(
        tuple(boundaries),
        order(begins),
        {line: _line(watch) for line, watch in watches.items()},
        composition(step, setup, readings, cycles),
    )


def _boundaries(watch: LineWatch) -> list[dict[str, Any]]:
    """Return the places that a line's flags have told, the latest begin found again from all."""
    found = []
    begins = [flag for flag in watch.flags if flag.kind in ("onset", "returns")]
    for flag in watch.flags:
        if flag.place.get("interval_etch_s") is None:
            continue
        place = dict(flag.place)
        if flag in begins[-1:] and watch.begin is not None:
            place["etch_time_s"] = watch.begin.value
            place["interval_etch_s"] = (watch.begin.low, watch.begin.high)
        keys = ("cycle", "etch_time_s", "interval_etch_s", "binding_energy_eV")
        told = {key: place[key] for key in keys if key in place}
        found.append({"of": flag.of, "kind": flag.kind, **told})
    return found


def _line(watch: LineWatch) -> dict[str, Any]:
    """Return the binding energies of a line's states; its own is that of the state seen first."""
    by_state: dict[str | None, list[Energy]] = {}
    for energy in watch.energies:
        if energy is not None:
            by_state.setdefault(energy.state, []).append(energy)
    if not by_state:
        return {"none": _why_none(watch)}
    states = {state or "unknown": _told(state, each) for state, each in by_state.items()}
    first = next(iter(states.values()))
    return {**first, "states": states} if len(states) > 1 else first


def _told(state: str | None, energies: Sequence[Energy]) -> dict[str, Any]:
    value, uncertainty = mean(energies)
    return {
        "binding_energy_eV": round(value, 3),
        "uncertainty_eV": round(uncertainty, 3),
        "species": state,
        "cycles": len(energies),
    }


def _why_none(watch: LineWatch) -> str:
    if not watch.there:
        return f"no line has appeared in {len(watch.cycles)} cycles"
    if any(one.mine and watch.strong(one) for one in watch.cycles):
        return "no charge reference was there together with the line"
    return f"the line stays below {watch.at_least:g} times the square root of its background"


def _with_depth(
    found: Mapping[str, Any], step: DepthProfile, begins: Mapping[str, Place]
) -> dict[str, Any]:
    """Return a boundary with its depth, in the units of the declared rates."""
    low, high = found["interval_etch_s"]
    depth, *interval = (depth_at(t, step, begins) for t in (found["etch_time_s"], low, high))
    return {**found, "depth": depth, "interval_depth": tuple(interval)}


def depth_at(time: float, step: DepthProfile, begins: Mapping[str, Place]) -> float:
    """Return the depth after `time` seconds of etching, by the declared rates one after another.

    Where none is declared for the surface, the first that is holds from there.
    """
    changes = [(0.0, rate) for key, rate in step.etch_rate.items() if key == "surface"]
    changes += [(begins[k].value, rate) for k, rate in step.etch_rate.items() if k in begins]
    changes.sort()
    if not changes:
        return 0.0
    starts = [0.0, *(start for start, _ in changes[1:]), float("inf")]
    return sum(
        rate * max(0.0, min(time, end) - start)
        for (_, rate), start, end in zip(changes, starts, starts[1:], strict=False)
    )
