"""A short line scan and its undisturbed run, for tests of the campaign itself."""

from __future__ import annotations

from pathlib import Path

from acquire.torture.course import Course, survey
from acquire.torture.people import Rule
from drivers.lab import simulated_lab
from protocols.loader import load_protocol

PROTOCOL = """\
kind: eds_line_scan
survey: {field: 1 um, pixels: 64, dwell: 20 us, probe_current: 25 pA}
start: {edge_of: dark_field, offset: -100 nm}
length: 200 nm
points: 12
strip: 500 nm
probe_current: 100 pA
dwell: 500 ms
dose_limit: 1e5 e/angstrom^2
background_points: 5
watch: [{element: N}]
"""


def course_of(folder: Path) -> Course:
    """Return the course of the scan on the simulated microscope."""
    file = folder / "scan.yaml"
    file.write_text(PROTOCOL, encoding="utf-8")
    lab = simulated_lab({"stem": {}})
    return survey(load_protocol(file), lab, 3, Rule(), folder / "course")


def boundary(course: Course, name: str, action: str) -> int:
    """Return the number of the second boundary of a name at which an action was the newest."""
    found = [n for n, b in enumerate(course.boundaries) if (b.name, b.action) == (name, action)]
    return found[min(1, len(found) - 1)]
