"""The report's part of a lift-out: how it ended, its stages, welds, thickness, cold and doses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acquire.fib.approach import Approach
from acquire.fib.lift_out_data import LiftOutData, Span, read_lift_out, shots
from acquire.pages.lift_out_charts import brightness_chart, temperature_chart, thickness_chart
from acquire.pages.lift_out_words import Verdict, told_species, verdict
from acquire.pages.stage_pictures import Chosen, StagePicture, drawn
from acquire.pages.step_page import StepPage, state_of, title_of
from acquire.pages.weld_evidence import WeldEvidence, welds
from acquire.pages.xy_chart import XyChart
from acquire.record import RunRecord, StepRecord
from protocols.lift_out import ELECTRON_DOSE, ION_CHARGE, ION_DOSE, NEEDLE_TRAVEL
from protocols.units import CHARGE, CURRENT, VOLTAGE

LITRE = 1e-3
"""m³."""


@dataclass(frozen=True)
class Asked:
    """A question of a stage, asked once or again and again."""

    text: str
    times: int
    answer: str
    """The newest; empty while there is none."""


@dataclass(frozen=True)
class StageShown:
    """One stage with its images."""

    name: str
    state: str
    seconds: float | None
    asked: tuple[Asked, ...]
    pictures: tuple[StagePicture, ...]


@dataclass(frozen=True)
class Used:
    """What was used up, beside its limit."""

    name: str
    text: str
    share: float
    """Of the limit."""


@dataclass(frozen=True)
class Milled:
    """What was milled for one purpose."""

    purpose: str
    patterns: int
    current: str
    charge: str
    seconds: float


@dataclass(frozen=True)
class LiftOutPage(StepPage):
    """A lift-out."""

    template: str = "lift_out.html"
    verdict: Verdict | None = None
    stages: tuple[StageShown, ...] = ()
    welds: tuple[WeldEvidence, ...] = ()
    charts: tuple[tuple[str, XyChart], ...] = ()
    """Each with what it is called."""
    used: tuple[Used, ...] = ()
    milled: tuple[Milled, ...] = ()


def lift_out_page(record: RunRecord, step: StepRecord, view: Mapping[str, Any]) -> LiftOutPage:
    """Return the page of a lift-out as far as it has gone."""
    data = read_lift_out(record, step)
    images, approach = Chosen(data), Approach(data)
    for shot in shots(record, step):
        images.see(shot)
        approach.see(shot)
    result = step.result or {}
    return LiftOutPage(
        step.index,
        title_of(step),
        step.kind,
        state_of(step),
        facts=tuple(_facts(data, result)),
        verdict=verdict(data, step.result, view),
        stages=tuple(_shown(span, images, view) for span in data.spans),
        welds=tuple(welds(data, images.pairs)),
        charts=tuple(_charts(data, approach)),
        used=tuple(_used(data, result, view["budgets"])),
        milled=tuple(_milled(data)),
    )


def _shown(span: Span, images: Chosen, view: Mapping[str, Any]) -> StageShown:
    return StageShown(
        span.name.replace("_", " "),
        span.state,
        span.duration,
        tuple(_asked(span, view)),
        tuple(drawn(shot) for shot in images.of_stage(span.name)),
    )


def _asked(span: Span, view: Mapping[str, Any]) -> Iterator[Asked]:
    answers: dict[str, list[str]] = {}
    for each in view["questions"]:
        if each["text"].startswith(f"{span.name}: "):
            answers.setdefault(each["text"], []).append(each["answer"] or "")
    for text, given in answers.items():
        yield Asked(text.split(": ", 1)[1], len(given), given[-1])


def _charts(data: LiftOutData, approach: Approach) -> Iterator[tuple[str, XyChart]]:
    named = (
        ("Thickness", thickness_chart(data)),
        ("Contact", brightness_chart(data, approach.brightness)),
        ("Temperature", temperature_chart(data)),
    )
    for name, chart in named:
        if chart is not None:
            yield name, chart


def _used(
    data: LiftOutData, result: Mapping[str, Any], budgets: Mapping[str, Any]
) -> Iterator[Used]:
    asked = data.asked
    yield _beside("ion dose of images", budgets, ION_DOSE, asked.ion_dose_limit, 1.0, "C/m²")
    yield _beside("charge of patterns", budgets, ION_CHARGE, asked.ion_charge_limit, 1e6, "µC")
    limit = asked.electron_dose_limit
    yield _beside("electron dose of images", budgets, ELECTRON_DOSE, limit, 1.0, "e/Å²")
    yield _beside("way of the needle", budgets, NEEDLE_TRAVEL, asked.needle_travel_limit, 1e3, "mm")
    litres = result.get("ln2_l")
    if litres is None and data.readings:
        litres = data.readings[-1].status.ln2_used / LITRE
    if litres is not None:
        yield _amount("liquid nitrogen", litres, asked.ln2_limit / LITRE, "l")


def _beside(
    name: str, budgets: Mapping[str, Any], kind: str, limit: float, per: float, unit: str
) -> Used:
    spent = budgets.get(kind, {}).get("spent") or 0.0
    return _amount(name, spent * per, limit * per, unit)


def _amount(name: str, spent: float, limit: float, unit: str) -> Used:
    return Used(name, f"{spent:.3g} of {limit:.3g} {unit} allowed", spent / limit)


def _milled(data: LiftOutData) -> Iterator[Milled]:
    for purpose in dict.fromkeys(mill.purpose for mill in data.mills):
        of = [mill for mill in data.mills if mill.purpose == purpose]
        currents = sorted({mill.current for mill in of})
        yield Milled(
            purpose,
            sum(mill.patterns for mill in of),
            ", ".join(CURRENT.suggest(float(f"{each:.3g}")) for each in currents),
            CHARGE.suggest(float(f"{sum(mill.charge for mill in of):.3g}")).replace("u", "µ"),
            sum(mill.seconds for mill in of),
        )


def _facts(data: LiftOutData, result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    asked = data.asked
    yield "ions", told_species(data)
    yield (
        "ion beam",
        f"{VOLTAGE.suggest(asked.ions.voltage)}, images with "
        + CURRENT.suggest(asked.ions.imaging_current),
    )
    yield (
        "electron beam",
        f"{VOLTAGE.suggest(asked.electrons.voltage)}, " + CURRENT.suggest(asked.electrons.current),
    )
    target = asked.target
    yield (
        "thickness asked",
        f"{target.thickness * 1e9:g} nm; below {target.at_most * 1e9:g}, "
        f"above {target.at_least * 1e9:g} nm",
    )
    depth = result.get("interface_depth_m")
    yield (
        "interface",
        f"{asked.interface * 1e6:.3g} µm deep as expected"
        + (f", seen at {depth * 1e6:.3g} µm" if depth is not None else ""),
    )
    if result.get("ice_m"):
        low, high = result["ice_m"]
        yield "ice grown", f"{low * 1e9:.0f} to {high * 1e9:.0f} nm, estimated"
