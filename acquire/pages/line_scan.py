"""The report's part of a line scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from acquire.eds.scan_data import ScanData, read_scan, survey_of
from acquire.pages.bands import UNEVEN
from acquire.pages.charts import Ruler, ruler_for, usual_live_time
from acquire.pages.findings import Finding, findings
from acquire.pages.findings_table import FoundRow, found_rows
from acquire.pages.normalised_chart import NormalisedChart, normalised_chart
from acquire.pages.profile_chart import Profile, profile
from acquire.pages.refinement import Refinement, refinement_of
from acquire.pages.spectra_chart import SpectraChart, spectra_chart
from acquire.pages.step_page import Dose, StepPage, state_of, title_of
from acquire.pages.survey_chart import Survey, survey
from acquire.pages.width import Shape, shapes_of, told_width
from acquire.pages.zones import zones
from acquire.record import RunRecord, StepRecord
from acquire.show import told_limits, told_order
from protocols.eds import DOSE
from protocols.units import CURRENT, LENGTH, TIME


@dataclass(frozen=True)
class LineScanPage(StepPage):
    """A line scan."""

    template: str = "line_scan.html"
    survey: Survey | None = None
    survey_caption: str = ""
    found: tuple[FoundRow, ...] = ()
    order: str = ""
    width: str = ""
    width_between: str = ""
    """Whose onset and whose plateau the width lies between."""
    shapes: tuple[Shape, ...] = ()
    shapes_of: str = ""
    """The element whose counts they were fitted to."""
    spread: str = ""
    """Largest difference of width among the shapes that the data do not exclude."""
    limits: str = ""
    electrons: float | None = None
    refined: Refinement | None = None
    normalised: NormalisedChart | None = None
    spectra: SpectraChart | None = None
    profiles: tuple[Profile, ...] = ()
    live_time: str = ""
    """To which the profiles' counts are scaled."""


def line_scan_page(record: RunRecord, step: StepRecord, view: Mapping[str, Any]) -> LineScanPage:
    """Return the page of a line scan as far as it has gone."""
    scan = read_scan(record, step)
    image = survey_of(record, step)
    page = LineScanPage(step.index, title_of(step), step.kind, state_of(step))
    if scan is None:
        return replace(page, survey=survey(image, None))
    flags = [flag for flag in view["flags"] if flag["step"] == step.index]
    found = findings(scan.step.watch, step.result, flags)
    ruler = ruler_for(scan.step.length, scan.pitch)
    page = replace(
        page,
        facts=tuple(_scan_facts(scan, ruler)),
        survey=survey(image, scan, found),
        survey_caption="Dark-field survey image with the scan line and the strip that was exposed, "
        "to scale. Marks across the strip are the back-dated onsets.",
        found=found_rows(found, ruler),
        dose=_dose(scan, step, view),
    )
    return _drawn(_told(page, step.result or {}, ruler), scan, found, step.result or {}, ruler)


def _told(page: LineScanPage, result: Mapping[str, Any], ruler: Ruler) -> LineScanPage:
    """Add what the result says in words; an older run's says less."""
    width = result.get("width", {})
    spread = width.get("spread_m")
    between = ""
    if "from" in width and "to" in width:
        between = f"from the onset of {width['from']} to the plateau of {width['to']}"
    return replace(
        page,
        order=told_order(result),
        width=told_width(width, ruler),
        width_between=between,
        shapes=shapes_of(width, ruler),
        shapes_of=width.get("shapes_of", ""),
        spread="" if spread is None else ruler.text(spread),
        limits=told_limits(result),
        electrons=result.get("electrons"),
        refined=refinement_of(result.get("refined"), ruler),
    )


def _drawn(
    page: LineScanPage,
    scan: ScanData,
    found: Sequence[Finding],
    result: Mapping[str, Any],
    ruler: Ruler,
) -> LineScanPage:
    """Add the drawings."""
    summed = zones(found, scan.main)
    return replace(
        page,
        normalised=normalised_chart(scan, found, result, summed),
        spectra=spectra_chart(scan, summed, ruler),
        profiles=tuple(
            profile(scan, number, watch, each.onset)
            for number, (watch, each) in enumerate(zip(scan.step.watch, found, strict=True))
        ),
        live_time=TIME.suggest(float(f"{usual_live_time(scan.main):.3g}")),
    )


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
    lost = int(scan.main.lost.sum())
    yield (
        "line",
        f"{LENGTH.suggest(step.length)}, pitch {LENGTH.suggest(float(f'{scan.pitch:.4g}'))}",
    )
    yield "strip", LENGTH.suggest(step.strip) if step.strip else "none: one probe position wide"
    yield "positions", f"{measured} of {step.points} measured"
    yield "lost", f"{lost} positions without data" if lost else "none"
    if scan.identity is None or not scan.identity.recorded:
        yield "probe current", CURRENT.suggest(step.probe_current)
        yield "dwell", _told_dwell(scan)
        yield "dose at each position", _told_dose(scan)
    yield "beam energy", f"{setup.beam_energy / 1e3:g} keV"
    axis = setup.energy_axis
    last = axis.offset + axis.scale * (axis.channels - 1)
    yield (
        "energy axis",
        f"{axis.channels} channels of {axis.scale:g} eV, {axis.offset:g} to {last:g} eV",
    )
    yield "resolution", f"{setup.resolution:.0f} eV at Mn Ka"


def _told_dwell(scan: ScanData) -> str:
    """Return the dwell that was asked for, or what was given where it is not the same all over."""
    given = scan.main.real_time[scan.main.real_time > 0]
    if scan.step.refine is None or not given.size:
        return f"{TIME.suggest(scan.step.dwell)} at each position"
    least, most = (TIME.suggest(float(f"{seconds:.3g}")) for seconds in (given.min(), given.max()))
    return f"{least} to {most}, {TIME.suggest(scan.step.dwell)} in an even scan"


def _told_dose(scan: ScanData) -> str:
    """Return the dose that was asked for, or what was given where it is not the same all over."""
    electrons = scan.main.electrons[scan.main.electrons > 0]
    if not electrons.size or electrons.max() < UNEVEN * electrons.min():
        return f"{scan.step.dose:.4g} e/Å²"
    area = scan.step.exposed_area * 1e20  # Å²
    return f"{electrons.min() / area:.4g} to {electrons.max() / area:.4g} e/Å²"
