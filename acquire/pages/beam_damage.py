"""The report's part of a dose series: what fades, at which dose, and the counts that say so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from acquire.eds.fade import Decay, DoseSeries
from acquire.eds.fade_watch import AT_LEAST, INTERVAL, VALUE, series_of
from acquire.eds.scan_data import survey_of
from acquire.pages.charts import COLOURS, Tick, ticks
from acquire.pages.step_page import Dose, StepPage, state_of, title_of
from acquire.pages.survey_chart import Survey, survey
from acquire.record import RunRecord, StepRecord
from drivers.stem import Area, Image
from protocols.beam_damage import BeamDamage
from protocols.eds import DOSE
from protocols.units import CURRENT, LENGTH, TIME

LEFT, RIGHT, TOP, BOTTOM = 62.0, 926.0, 40.0, 176.0
"""The plot within a viewBox 940 wide."""
CURVE = 80
"""Points of a drawn curve."""


@dataclass(frozen=True)
class Fading:
    """What was found of one element, in words."""

    element: str
    line: str
    seen: str
    loss: str
    critical: str
    retained: str
    evidence: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One exposure in a drawing."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class FadeChart:
    """One element's counts against dose."""

    element: str
    line: str
    colour: str
    points: tuple[Point, ...]
    curve: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    interval: tuple[float, float] | None
    """Left and right of the dose at which the declared share is gone, where within the drawing."""
    raised: float | None
    """Where the fade was seen."""


@dataclass(frozen=True)
class DamagePage(StepPage):
    """A dose series."""

    template: str = "beam_damage.html"
    survey: Survey | None = None
    area: str = ""
    """Corners of the area as SVG points of the survey image."""
    fadings: tuple[Fading, ...] = ()
    charts: tuple[FadeChart, ...] = ()
    loss: str = ""


def damage_page(record: RunRecord, step: StepRecord, view: Mapping[str, Any]) -> DamagePage:
    """Return the page of a dose series; its curves are drawn when it has ended."""
    asked = BeamDamage.model_validate(step.request)
    image = survey_of(record, step)
    result = step.result or {}
    flags = {
        flag["of"]: flag
        for flag in view["flags"]
        if flag["step"] == step.index and flag["kind"] == "fade"
    }
    area = record.decisions(step.index).get("area")
    spent = result.get(DOSE, view["budgets"].get(DOSE, {}).get("spent") or 0.0)
    return DamagePage(
        step.index,
        title_of(step),
        step.kind,
        state_of(step),
        facts=tuple(_facts(asked, result)),
        dose=Dose(float(spent), asked.dose_limit),
        survey=survey(image, None),
        area="" if image is None or area is None else _corners(image, Area(**area)),
        fadings=tuple(_fading(asked, number, result, flags) for number in range(len(asked.watch))),
        charts=tuple(_charts(asked, result, flags)),
        loss=f"{asked.loss * 100:.3g} %",
    )


def _fading(
    asked: BeamDamage, number: int, result: Mapping[str, Any], flags: Mapping[str, Any]
) -> Fading:
    watch = asked.watch[number]
    flag = flags.get(watch.element)
    loss, critical, retained = (
        result.get(name, {}).get(watch.element, {"none": "the series has not ended"})
        for name in ("dose_for_loss", "critical_dose", "retained")
    )
    found = dict.fromkeys(each["none"] for each in (critical, loss, retained) if "none" in each)
    notes = [one for one in found if not any(one != two and one in two for two in found)]
    evidence = "-"
    if flag is not None:
        evidence = f"{flag['statistic']:.1f} (flag above {flag['threshold']:.1f})"
    return Fading(
        watch.element,
        watch.xray_line.replace("_", " "),
        seen="not seen" if flag is None else told_dose(flag[DOSE]),
        loss=_told(loss),
        critical=_told(critical),
        retained=_share(retained),
        evidence=evidence,
        notes=tuple(notes),
    )


def told_dose(dose: float) -> str:
    """Return a dose (e/Å²) with three digits, thousands apart; it does not break over lines."""
    return f"{_digits(dose)}\u00a0e/Å²"


def _digits(dose: float) -> str:
    return f"{float(f'{dose:.3g}'):,.9g}".replace(",", "\u202f")


def _told(figure: Mapping[str, Any]) -> str:
    if VALUE in figure:
        low, high = figure[INTERVAL]
        upper = "no upper end" if high is None else told_dose(high)
        sure = f"{figure['confidence'] * 100:g}\u00a0%"
        return f"{told_dose(figure[VALUE])} ({sure}: {_digits(low)} to {upper})"
    return f"at least {told_dose(figure[AT_LEAST])}" if AT_LEAST in figure else "-"


def _share(figure: Mapping[str, Any]) -> str:
    if "value" not in figure:
        return "-"
    low, high = figure["interval"]
    return f"{figure['value']:.0%} ({low:.0%} to {high:.0%})"


def _charts(
    asked: BeamDamage, result: Mapping[str, Any], flags: Mapping[str, Any]
) -> Iterator[FadeChart]:
    for number, watch in enumerate(asked.watch):
        series = series_of(result, watch.element)
        if series is not None:
            figure = result["dose_for_loss"][watch.element]
            curve = result["series"][watch.element]["curve"]
            decay = Decay(1.0, curve["retained"], curve["critical_dose_e_per_angstrom2"], 1.0)
            named = (watch.element, watch.xray_line.replace("_", " "))
            colour = COLOURS[number % len(COLOURS)]
            raised = flags.get(watch.element, {}).get(DOSE)
            yield _chart(named, colour, series, decay, figure.get(INTERVAL), raised)


def _chart(
    named: tuple[str, str],
    colour: str,
    series: DoseSeries,
    decay: Decay,
    interval: list[float | None] | None,
    raised: float | None,
) -> FadeChart:
    most = max(1.0, float((series.counts + series.errors).max())) * 1.04

    def x(dose: float) -> float:
        return round(LEFT + dose / series.end * (RIGHT - LEFT), 1)

    def y(left: float) -> float:
        return round(BOTTOM - min(max(left / most, 0.0), 1.0) * (BOTTOM - TOP), 1)

    doses = np.linspace(0.0, series.end, CURVE)
    drawn = zip(series.middle.tolist(), series.counts.tolist(), series.errors.tolist(), strict=True)
    shaded = None
    if interval is not None and interval[0] is not None and interval[0] < series.end:
        high = series.end if interval[1] is None else min(interval[1], series.end)
        shaded = (x(interval[0]), x(high))
    return FadeChart(
        *named,
        colour,
        points=tuple(Point(x(d), y(c), y(c - e), y(c + e)) for d, c, e in drawn),
        curve=" ".join(f"{x(d)},{y(c)}" for d, c in zip(doses, decay.at(doses), strict=True)),
        x_ticks=tuple(Tick(x(each), f"{each:g}") for each in ticks(0.0, series.end, 10)),
        y_ticks=tuple(Tick(y(each), f"{each * 100:g} %") for each in ticks(0.0, most, 5)),
        interval=shaded,
        raised=None if raised is None else x(raised),
    )


def _corners(image: Image, area: Area) -> str:
    """Return the corners of the area in pixels of the image."""
    rows, columns = image.pixels.shape
    cos, sin = math.cos(area.angle), math.sin(area.angle)
    found = []
    for u, v in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        x = area.x + u * area.along * cos - v * area.across * sin - image.x
        y = area.y + u * area.along * sin + v * area.across * cos - image.y
        pixel = image.pixel_size
        found.append(f"{x / pixel + columns / 2:.1f},{y / pixel + rows / 2:.1f}")
    return " ".join(found)


def _facts(asked: BeamDamage, result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "area given up", f"{LENGTH.suggest(asked.width)} × {LENGTH.suggest(asked.height)}"
    done = result.get("exposures")
    yield "exposures", f"{asked.planned_exposures} asked" + (f", {done} done" if done else "")
    if result.get("exposures_lost"):
        yield "lost", f"{result['exposures_lost']} exposures without data"
    if result:
        yield "ended by", str(result["series_ended_by"])
    yield "probe current", CURRENT.suggest(asked.probe_current)
    yield "dwell", f"{TIME.suggest(asked.dwell)} in each exposure, {asked.dose:.4g} e/Å²"
    moved = result.get("moved", {})
    if "value_m" in moved:
        only = " across the edge" if moved["direction"] == "across" else ""
        yield "moved meanwhile", f"{moved['value_m'] * 1e9:.2g} nm{only}"
    elif moved:
        yield "moved meanwhile", f"not known: {moved['none']}"
    yield "false alarms", f"{asked.false_alarm:.2%} of series where nothing is lost"
