"""The report's part of a line scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acquire.eds.scan_data import ScanData, read_scan, survey_of
from acquire.pages.charts import Onset, Profile, Ruler, profile, ruler_for, usual_live_time
from acquire.pages.step_page import Dose, StepPage, state_of, title_of
from acquire.pages.survey_chart import Survey, survey
from acquire.record import RunRecord, StepRecord
from protocols.eds import DOSE
from protocols.units import CURRENT, LENGTH, TIME


@dataclass(frozen=True)
class Finding:
    """What was found of one element."""

    element: str
    line: str
    place: str
    interval: str
    raised: str
    evidence: str
    note: str


@dataclass(frozen=True)
class LineScanPage(StepPage):
    """A line scan."""

    template: str = "line_scan.html"
    survey: Survey | None = None
    survey_caption: str = ""
    findings: tuple[Finding, ...] = ()
    order: str = ""
    width: str = ""
    profiles: tuple[Profile, ...] = ()
    live_time: str = ""
    """To which the profiles' counts are scaled."""


def line_scan_page(record: RunRecord, step: StepRecord, view: Mapping[str, Any]) -> LineScanPage:
    """Return the page of a line scan as far as it has gone."""
    scan = read_scan(record, step)
    image = survey_of(record, step)
    if scan is None:
        picture = survey(image, None)
        return LineScanPage(step.index, title_of(step), step.kind, state_of(step), survey=picture)
    flags = [flag for flag in view["flags"] if flag["step"] == step.index]
    ruler = ruler_for(scan.step.length, scan.pitch)
    onsets = [(w.element, _onset(w.element, step, flags)) for w in scan.step.watch]
    findings = [
        _finding(watch.element, watch.xray_line, onset, step, flags, ruler)
        for watch, (_, onset) in zip(scan.step.watch, onsets, strict=True)
    ]
    return LineScanPage(
        step.index,
        title_of(step),
        step.kind,
        state_of(step),
        facts=tuple(_scan_facts(scan, ruler)),
        survey=survey(image, scan, onsets),
        survey_caption="Dark-field survey image with the scan line and the strip that was exposed, "
        "to scale. Marks across the strip are the back-dated onsets.",
        findings=tuple(findings),
        order=_order(step),
        width=_width(step, ruler),
        dose=_dose(scan, step, view),
        profiles=tuple(
            profile(scan, number, watch, onset)
            for number, (watch, (_, onset)) in enumerate(zip(scan.step.watch, onsets, strict=True))
        ),
        live_time=TIME.suggest(float(f"{usual_live_time(scan.main):.3g}")),
    )


def _onset(element: str, step: StepRecord, flags: list[dict[str, Any]]) -> Onset:
    """Return what the result says, or the newest flag where there is no result yet."""
    raised = [f for f in flags if f["of"] == element and f["kind"] in ("onset", "present")]
    newest = raised[-1] if raised else {}
    found = (step.result or {}).get("onsets", {}).get(element, newest)
    interval = found.get("interval_m")
    return Onset(
        position=found.get("position_m"),
        interval=None if interval is None else (float(interval[0]), float(interval[1])),
        raised=newest.get("raised_position_m"),
        kind="onset",
    )


def _finding(
    element: str,
    line: str,
    onset: Onset,
    step: StepRecord,
    flags: list[dict[str, Any]],
    ruler: Ruler,
) -> Finding:
    found = (step.result or {}).get("onsets", {}).get(element, {})
    of = [flag for flag in flags if flag["of"] == element and flag["kind"] == "onset"]
    flag = of[-1] if of else {}
    confidence = found.get("confidence", flag.get("confidence"))
    interval = "-"
    if onset.interval is not None:
        interval = f"{confidence * 100:g} %: " if confidence else ""
        interval += ruler.span(*onset.interval)
    missing = found.get("none", "" if step.result is not None else "not seen so far")
    place = ruler.text(onset.position) if onset.position is not None else f"no onset: {missing}"
    evidence = "-"
    if flag.get("statistic") is not None:
        evidence = f"{flag['statistic']:.1f} (flag above {flag['threshold']:.1f})"
    return Finding(
        element,
        line.replace("_", " "),
        place,
        interval,
        "-" if onset.raised is None else ruler.text(onset.raised),
        evidence,
        flag.get("note", ""),
    )


def _order(step: StepRecord) -> str:
    order = (step.result or {}).get("order", "")
    return f"{order}: the intervals are not apart" if order == "undecided" else str(order)


def _width(step: StepRecord, ruler: Ruler) -> str:
    width = (step.result or {}).get("width", {})
    if "value_m" not in width:
        return ""
    text = ruler.text(width["value_m"])
    if width.get("interval_m"):
        text += f" ({width['confidence'] * 100:g} %: {ruler.span(*width['interval_m'])})"
    return text


def _dose(scan: ScanData, step: StepRecord, view: Mapping[str, Any]) -> Dose | None:
    """Return the dose; a recording spends none."""
    if scan.identity is not None and scan.identity.recorded:
        return None
    spent = (step.result or {}).get(DOSE)
    if spent is None:
        spent = view["budgets"].get(DOSE, {}).get("spent") or 0.0
    return Dose(float(spent), scan.step.dose_limit)


def _scan_facts(scan: ScanData, ruler: Ruler) -> Iterator[tuple[str, str]]:
    step, setup = scan.step, scan.setup
    measured = len(scan.main.distance)
    lost = int(scan.main.lost.sum() + scan.refined.lost.sum())
    yield (
        "line",
        f"{LENGTH.suggest(step.length)}, pitch {LENGTH.suggest(float(f'{scan.pitch:.4g}'))}",
    )
    yield "strip", LENGTH.suggest(step.strip) if step.strip else "none: one probe position wide"
    yield "positions", f"{measured} of {step.points} measured"
    if len(scan.refined.distance):
        yield "refined", f"{len(scan.refined.distance)} positions measured after the pass"
    yield "lost", f"{lost} positions without data" if lost else "none"
    if scan.identity is None or not scan.identity.recorded:
        yield "probe current", CURRENT.suggest(step.probe_current)
        yield "dwell", f"{TIME.suggest(step.dwell)} at each position"
        yield "dose at each position", f"{step.dose:.4g} e/Å²"
    yield "beam energy", f"{setup.beam_energy / 1e3:g} keV"
    axis = setup.energy_axis
    last = axis.offset + axis.scale * (axis.channels - 1)
    yield (
        "energy axis",
        f"{axis.channels} channels of {axis.scale:g} eV, {axis.offset:g} to {last:g} eV",
    )
    yield "resolution", f"{setup.resolution:.0f} eV at Mn Ka"
