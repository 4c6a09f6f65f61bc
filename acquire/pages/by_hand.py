"""The report's part of what was done by hand, in a session of a script or a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from acquire.pages.png import small_uri
from acquire.pages.step_page import StepPage, state_of, title_of
from acquire.pages.xy_chart import Along, Series, Value, XyChart, xy_chart
from acquire.record import Done, RunRecord, StepRecord
from acquire.session.shown import told
from drivers.interfaces import known_action
from drivers.stem import EnergyAxis, Spectrum, StemSetup
from drivers.xps import RegionSpectrum

MOST = 24
"""Images, and spectra, that are drawn: the newest. The record has all."""
SIZE = 320
"""Pixels along an image's longer side in the page."""


@dataclass(frozen=True)
class Deed:
    """One thing that was done."""

    entry: int
    utc: str
    name: str
    result: str
    ended_by: str


@dataclass(frozen=True)
class Picture:
    """One image, small."""

    entry: int
    name: str
    uri: str


@dataclass(frozen=True)
class ByHandPage(StepPage):
    """What was done by hand."""

    template: str = "by_hand.html"
    deeds: tuple[Deed, ...] = ()
    pictures: tuple[Picture, ...] = ()
    charts: tuple[XyChart, ...] = ()
    runs: Mapping[str, str] = field(default_factory=dict)
    """How the session's runs ended, by the names of their folders, which are beside its own."""


def by_hand_page(record: RunRecord, step: StepRecord, view: Mapping[str, Any]) -> ByHandPage:
    """Return the page of one process's share of a session."""
    setup = next(record.done(None, "stem.setup", StemSetup), None)
    axis = None if setup is None else setup.result.energy_axis
    done = [each for each in record.all_done(step.index) if _moves(each)]
    return ByHandPage(
        step.index,
        title_of(step),
        step.kind,
        state_of(step),
        deeds=tuple(map(_deed, done)),
        pictures=tuple(_pictures(done))[-MOST:],
        charts=tuple(_charts(done, axis))[-MOST:],
        runs=view["runs"] if step.index == view["results"][-1]["step"] else {},
    )


def _moves(done: Done) -> bool:
    known = known_action(done.name)
    return known is None or known.moves


def _deed(done: Done) -> Deed:
    result = "" if done.result is None else str(done.result)
    result = told(done.result) if hasattr(done.result, "__dataclass_fields__") else result
    return Deed(done.entry, done.utc, done.name, result, done.ended_by or "its end")


def _pictures(all_done: list[Done]) -> Iterator[Picture]:
    for done in all_done:
        pixels = getattr(done.result, "pixels", None)
        if pixels is not None:
            yield Picture(done.entry, done.name, small_uri(pixels, SIZE, 1.0))


def _charts(all_done: list[Done], axis: EnergyAxis | None) -> Iterator[XyChart]:
    for done in all_done:
        match done.result:
            case Spectrum() if axis is not None:
                energies = [
                    (axis.offset + axis.scale * i) / 1e3 for i in range(len(done.result.counts))
                ]
                label = "energy / keV"
            case RegionSpectrum():
                energies = [-float(energy) for energy in done.result.binding_energies]
                label = "negative binding energy / eV"
            case _:
                continue
        chart = _chart(done, energies, label)
        if chart is not None:
            yield chart


def _chart(done: Done, energies: list[float], label: str) -> XyChart | None:
    counts = [float(count) for count in done.result.counts]
    values = tuple(Value(x, n, n, n) for x, n in zip(energies, counts, strict=True))
    if not values:
        return None
    series = Series(f"{done.name}, action {done.entry}", values)
    return xy_chart("counts", [series], Along(label, energies[0], energies[-1]))
