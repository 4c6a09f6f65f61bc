"""Short depth profiles on the simulated spectrometer, run through the run's own machinery."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from acquire.launch import RunEnd, begin_run, resume_run
from acquire.record import RunRecord
from acquire.show import show
from drivers.lab import simulated_lab
from protocols.loader import LoadedProtocol, load_protocol
from protocols.protocol import ONE_STEP
from tests.campaigns.scan import desk


class Crash(BaseException):
    """The process dies."""


def short(**changed: Any) -> LoadedProtocol:
    """Return the published profile, a few cycles of carbon and nitrogen alone."""
    published = load_protocol("joule2020/xps-depth-profile")
    asked = published.steps[0].model_dump()
    lines = ("C 1s", "N 1s")
    regions = [{**region, "dwell": 0.02} for region in asked["regions"] if region["line"] in lines]
    watch = [{**each, "faint_sweeps": None} for each in asked["watch"] if each["line"] in lines]
    less = {"survey": None, "references": (), "stop": None, "max_cycles": 4}
    step = {**asked, "regions": regions, "watch": watch, **less, **changed}
    checked = ONE_STEP.validate_python(step)
    text = json.dumps({"steps": [checked.model_dump(mode="json")]})
    return replace(published, steps=(checked,), text=text, units=False)


def watching(line: str, **changed: Any) -> dict[str, Any]:
    """Return what `short` watches, one line of it changed."""
    watch = [
        {**each.model_dump(), **(changed if each.line == line else {})}
        for each in short().steps[0].watch  # type: ignore[union-attr]
    ]
    return {"watch": watch}


def run(
    out: Path,
    protocol: LoadedProtocol,
    boundary: Callable[[str], None] | None = None,
    **settings: Any,
) -> RunEnd:
    """Run a profile on the simulator."""
    lab = simulated_lab({"xps": settings})
    return begin_run(protocol, lab, out, seed=3, desk=desk(boundary))


def resumed(folder: Path) -> RunEnd:
    """Go on with a run."""
    return resume_run(folder, desk=desk())


def seen(folder: Path) -> dict[str, Any]:
    """Return what `show --json` says of a run."""
    with RunRecord(folder) as record:
        return show(record)
