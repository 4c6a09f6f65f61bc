"""The report's part of a map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acquire.eds.map_data import MapData, read_map
from acquire.eds.scan_data import survey_of
from acquire.pages.map_chart import ElementMap, element_map
from acquire.pages.step_page import Dose, StepPage, state_of, title_of
from acquire.pages.survey_chart import Survey, outlined, survey
from acquire.record import RunRecord, StepRecord
from protocols.eds import DOSE
from protocols.units import CURRENT, LENGTH, TIME


@dataclass(frozen=True)
class MappedElement:
    """What a map says of one element, in words."""

    element: str
    line: str
    net: str
    rate: str
    limit: str


@dataclass(frozen=True)
class MapPage(StepPage):
    """A map."""

    template: str = "eds_map.html"
    survey: Survey | None = None
    survey_caption: str = ""
    elements: tuple[MappedElement, ...] = ()
    maps: tuple[ElementMap, ...] = ()


def map_page(record: RunRecord, step: StepRecord, view: Mapping[str, Any]) -> MapPage:
    """Return the page of a map as far as it has gone."""
    data = read_map(record, step)
    image = survey_of(record, step)
    named = (step.index, title_of(step), step.kind, state_of(step))
    if data is None:
        return MapPage(*named, survey=survey(image, None))
    drawn = (element_map(data, number, watch) for number, watch in enumerate(data.step.watch))
    return MapPage(
        *named,
        facts=tuple(_facts(data)),
        dose=_dose(data, step, view),
        survey=outlined(image, data.frame.corners),
        survey_caption="Dark-field survey image with the rectangle that was mapped, to scale.",
        elements=tuple(_elements(data, step.result or {})),
        maps=tuple(each for each in drawn if each is not None),
    )


def _elements(data: MapData, result: Mapping[str, Any]) -> Iterator[MappedElement]:
    for watch in data.step.watch:
        net = result.get("net_counts", {}).get(watch.element)
        limit = result.get("detection_limits", {}).get(watch.element)
        if net is None or limit is None:
            continue
        yield MappedElement(
            watch.element,
            watch.xray_line.replace("_", " "),
            f"{net['value']:.0f} ± {net['standard_error']:.0f}",
            f"{net['per_s']:.3g}",
            f"{limit['net_counts']:.3g} ({limit['net_counts_per_s']:.3g} per second)",
        )


def _dose(data: MapData, step: StepRecord, view: Mapping[str, Any]) -> Dose | None:
    """Return the dose; a recording spends none."""
    if data.identity is not None and data.identity.recorded:
        return None
    spent = (step.result or {}).get(DOSE)
    if spent is None:
        spent = view["budgets"].get(DOSE, {}).get("spent") or 0.0
    return Dose(float(spent), data.step.dose_limit)


def _facts(data: MapData) -> Iterator[tuple[str, str]]:
    step, frame = data.step, data.frame
    width, height = (
        LENGTH.suggest(float(f"{length:.4g}")) for length in (frame.pixel_width, frame.pixel_height)
    )
    asked = int(data.asked.sum())
    lost = asked - int(data.known.sum())
    yield "map", f"{LENGTH.suggest(step.width)} × {LENGTH.suggest(step.height)}"
    yield "pixels", f"{frame.columns} × {frame.rows} of {width} × {height}"
    yield "measured", f"{asked} of {frame.columns * frame.rows} pixels"
    yield "lost", f"{lost} pixels without data" if lost else "none"
    if data.identity is None or not data.identity.recorded:
        yield "probe current", CURRENT.suggest(step.probe_current)
        yield "dwell", f"{TIME.suggest(step.dwell)} on each pixel"
        yield "dose at each pixel", f"{step.dose:.4g} e/Å²"
    yield "beam energy", f"{data.setup.beam_energy / 1e3:g} keV"
    yield "resolution", f"{data.setup.resolution:.0f} eV at Mn Ka"
