"""The report's part of a depth profile: boundaries, spectra of every cycle, areas, composition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.pages.etch_chart import EtchChart, etch_chart
from acquire.pages.step_page import StepPage, state_of, title_of
from acquire.pages.waterfall import Waterfall, waterfall
from acquire.record import RunRecord, StepRecord
from acquire.xps.depth_watch import DepthWatch
from acquire.xps.profile_data import ProfileData, read_profile
from acquire.xps.readings import LineReading
from protocols.units import CURRENT, LENGTH
from protocols.xps import ETCH_TIME, XRAY_TIME, DepthProfile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FoundBoundary:
    """A boundary in words."""

    line: str
    kind: str
    at: str
    interval: str
    cycle: str
    evidence: str


@dataclass(frozen=True)
class FoundEnergy:
    """A line's binding energy in words."""

    line: str
    energy: str
    state: str
    note: str


@dataclass(frozen=True)
class DepthProfilePage(StepPage):
    """A depth profile."""

    template: str = "depth_profile.html"
    boundaries: tuple[FoundBoundary, ...] = ()
    order: str = ""
    waterfall: Waterfall | None = None
    areas: EtchChart | None = None
    composition: EtchChart | None = None
    composition_note: str = ""
    energies: tuple[FoundEnergy, ...] = ()


def depth_profile_page(
    record: RunRecord, step: StepRecord, view: Mapping[str, Any]
) -> DepthProfilePage:
    """Return the page of a depth profile, also while it goes on."""
    asked = DepthProfile.model_validate(step.request)
    profile = read_profile(record, step)
    flags = [flag for flag in view["flags"] if flag["step"] == step.index]
    if profile is None:
        return DepthProfilePage(step.index, title_of(step), step.kind, state_of(step))
    watch, rows = _watched(profile)
    found = step.result or watch.findings().as_dict()
    seen = [{line for line, each in row.items() if each.seen} for row in rows]
    lines = [watched.line for watched in asked.watch]
    others = [region.line for region in asked.regions if region.line not in lines]
    boundaries = found.get("boundaries", ())
    composition = found.get("composition", {})
    return DepthProfilePage(
        step.index,
        title_of(step),
        step.kind,
        state_of(step),
        facts=tuple(_facts(asked, profile, view)),
        boundaries=tuple(_boundaries(boundaries, flags)),
        order=str(found.get("order", "")),
        waterfall=waterfall(profile, [*lines, *others], seen),
        areas=etch_chart(
            "peak area, relative to the largest", profile.etch_times, _areas(rows), boundaries
        ),
        composition=_composition(profile, composition),
        composition_note=_composition_note(composition),
        energies=tuple(_energies(found.get("lines", {}))),
    )


def _watched(profile: ProfileData) -> tuple[DepthWatch, list[Mapping[str, LineReading]]]:
    """Return the analysis of what was measured, and what it says of each cycle."""
    watch = DepthWatch(profile.step, profile.setup)
    rows = []
    for cycle, etch_time in enumerate(profile.etch_times.tolist()):
        watch.update(cycle, etch_time, profile.spectra(cycle))
        rows.append(watch.row())
    return watch, rows


def _areas(rows: Sequence[Mapping[str, LineReading]]) -> dict[str, tuple[Floats, Floats]]:
    """Return each line's areas and errors in parts of its largest area; NaN where it was missed."""
    lines = dict.fromkeys(line for row in rows for line in row)
    areas = {}
    for line in lines:
        pairs = [(row[line].area, row[line].sigma) if line in row else _NONE for row in rows]
        area, sigma = np.array(pairs, np.float64).T
        largest = max(float(np.nanmax(area)), 1e-12)
        areas[line] = (area / largest, sigma / largest)
    return areas


_NONE = (np.nan, np.nan)


def _composition(profile: ProfileData, found: Mapping[str, Any]) -> EtchChart | None:
    """Return the drawing of atomic percent; None where no cycle has every line."""
    cycles = found.get("cycles", ())
    if not cycles:
        return None
    errors = found["uncertainty"]
    values = {
        element: (np.array(percent, np.float64), np.array(errors[element], np.float64))
        for element, percent in found["atomic_percent"].items()
    }
    return etch_chart("composition / atomic %", profile.etch_times[list(cycles)], values)


def _composition_note(found: Mapping[str, Any]) -> str:
    known = "known" if found.get("transmission_known") else "taken as that of the class"
    return (
        "Atomic percent of the watched elements by Scofield's cross sections, transmission "
        f"({known}) and the electrons' path; a layered surface is taken as a mixture. Standard "
        "uncertainties of counting and sensitivities."
    )


def _boundaries(
    found: Sequence[Mapping[str, Any]], flags: Sequence[Mapping[str, Any]]
) -> Iterator[FoundBoundary]:
    for each in found:
        flag = next((f for f in flags if (f["of"], f["kind"]) == (each["of"], each["kind"])), None)
        interval = each.get("interval_etch_s")
        yield FoundBoundary(
            line=each["of"],
            kind=each["kind"],
            at="-" if each.get("etch_time_s") is None else f"{each['etch_time_s']:.0f} s",
            interval="-" if interval is None else f"{interval[0]:.0f} to {interval[1]:.0f} s",
            cycle="-" if flag is None else str(flag["raised_at"]["index"]),
            evidence=_evidence(each["kind"], flag),
        )


def _evidence(kind: str, flag: Mapping[str, Any] | None) -> str:
    """Return what raised a flag: a statistic, or an area, beside its threshold."""
    if flag is None or flag["statistic"] is None:
        return "-"
    side = "below" if kind in ("falls", "gone") else "above"
    return f"{flag['statistic']:.4g} (flag {side} {flag['threshold']:.4g})"


def _energies(lines: Mapping[str, Mapping[str, Any]]) -> Iterator[FoundEnergy]:
    for line, found in lines.items():
        if "none" in found:
            yield FoundEnergy(line, "-", "-", str(found["none"]))
            continue
        energy = f"{found['binding_energy_eV']:.2f} ± {found['uncertainty_eV']:.2f}"
        yield FoundEnergy(
            line, energy, str(found.get("species") or "-"), str(found.get("note") or "")
        )


def _facts(
    asked: DepthProfile, profile: ProfileData, view: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    etch = asked.etch
    yield "cycles", f"{len(profile.etch_times)} measured of at most {asked.max_cycles}"
    yield "X-rays", f"{profile.setup.anode}, {profile.setup.photon_energy:g} eV"
    spot = (profile.setup.spot_width, profile.setup.spot_height)
    yield "analysed spot", f"{LENGTH.suggest(spot[0])} × {LENGTH.suggest(spot[1])}"
    yield (
        "etch",
        f"{etch.ion} {etch.energy / 1e3:g} keV, {CURRENT.suggest(etch.current)}, raster "
        f"{LENGTH.suggest(etch.raster_width)} × {LENGTH.suggest(etch.raster_height)}, "
        f"{etch.duration:g} s a cycle",
    )
    for kind, words, per, unit in (
        (ETCH_TIME, "etched", 1.0, "s"),
        (XRAY_TIME, "under the X-rays", 3600.0, "h"),
    ):
        budget = view["budgets"].get(kind)
        if budget is not None:
            yield (
                words,
                f"{budget['spent'] / per:.4g} of {budget['limit'] / per:.4g} {unit} allowed",
            )
    for region in asked.regions:
        yield (
            region.line,
            f"{region.start:g} to {region.stop:g} eV, step {region.step:g} eV, "
            f"{region.sweeps} × {region.dwell * 1e3:g} ms, pass energy {region.pass_energy:g} eV",
        )
