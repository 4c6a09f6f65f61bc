"""The report of a run: one plain HTML page that needs nothing beside itself.

It may be written at any time, also while the run goes on or after it broke off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from acquire.files import whole
from acquire.pages.report_steps import step_pages
from acquire.pages.step_page import StepPage
from acquire.record import RunRecord
from acquire.show import show
from drivers.clock import Clock, RealClock
from drivers.lab import Identity

STATES = {
    "running": "goes on; this page shows what there was when it was written",
    "finished": "ended as the protocol foresees",
    "stopped": "was stopped early",
    "fault": "ended by a fault",
    "waiting": "waits for an answer",
    "interrupted": "broke off; go on with: liftline resume",
}
SHOWN_FILES = (
    ("Protocol", "protocol.yaml"),
    ("Lab, every default spelled out in SI units", "lab.yaml"),
    ("Specimen as used", "specimen.yaml"),
)


@dataclass(frozen=True)
class Kept:
    """A file that stands beside the journal."""

    title: str
    name: str
    text: str


@dataclass(frozen=True)
class Instrument:
    """One instrument of the run."""

    role: str
    identity: Identity

    @property
    def kind(self) -> str:
        """What its data are."""
        if self.identity.recorded:
            of = "recording of a simulation" if self.identity.simulated else "recording"
            return f"{of}, played again"
        return "simulator" if self.identity.simulated else "instrument"


def write_report(folder: Path, *, clock: Clock | None = None) -> Path:
    """Write `report.html` in the run's folder and return its path.

    Raises:
        RunFolderError: the folder holds no run that can be read.
        OSError: the page cannot be written.
    """
    with RunRecord(folder) as record:
        page = render(record, (clock or RealClock()).utc())
    path = folder / "report.html"
    with whole(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def render(record: RunRecord, written: datetime) -> str:
    """Return the report as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("acquire", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"utc": told_utc, "figure": told_figure, "duration": told_duration}
    view = show(record)
    steps: list[StepPage] = list(step_pages(record, view))
    instruments = list(_instruments(record))
    return pages.get_template("report.html").render(
        view=view,
        origin=_origin(instruments, record.simulated),
        state=STATES.get(view["state"], ""),
        title=record.meta.get("title") or view["protocol"] or view["run"],
        written=written.isoformat(),
        instruments=instruments,
        steps=steps,
        sessions=record.events("session"),
        warnings=record.events("warning"),
        operator=record.events("operator"),
        kept=list(_kept(record.folder)),
        meta=record.meta,
    )


def _origin(instruments: list[Instrument], simulated: bool) -> str:
    """Return what the banner says; empty where instruments measured all of it."""
    recorded = any(instrument.identity.recorded for instrument in instruments)
    simulated = simulated or any(instrument.identity.simulated for instrument in instruments)
    if recorded:
        return "RECORDED SIMULATION" if simulated else "RECORDED"
    return "SIMULATED" if simulated else ""


def told_utc(text: str | None) -> str:
    """Return a stamp as a person reads it, to the second."""
    if not text:
        return "unknown"
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def told_duration(seconds: float) -> str:
    """Return a duration in the unit that its size asks for."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.3g} s"


def told_figure(value: float | None, digits: int = 3) -> str:
    """Return a figure with a few significant digits; '-' where there is none."""
    return "-" if value is None else f"{value:.{digits}g}"


def _instruments(record: RunRecord) -> Iterator[Instrument]:
    """Yield the instruments that the run has spoken to."""
    try:
        lab = json.loads((record.folder / "lab.yaml").read_text(encoding="utf-8"))
        roles = sorted(lab["instruments"])
    except (OSError, ValueError, KeyError, TypeError):
        roles = ["stem"]
    for role in roles:
        found = next(record.done(None, f"{role}.identity", Identity), None)
        if found is not None:
            yield Instrument(role, found.result)


def _kept(folder: Path) -> Iterator[Kept]:
    for title, name in SHOWN_FILES:
        try:
            yield Kept(title, name, (folder / name).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            if (folder / name).exists():
                yield Kept(title, name, f"cannot be read: {error}")
