"""Recorded data through a protocol's procedure and analysis, as if they came now."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from acquire.cycling.fit_recording import fitted_cells
from acquire.xps.fit_recording import fitted_profiles
from drivers.action import result_of
from drivers.cell_recording import is_cell
from drivers.clock import JumpingClock
from drivers.errors import InputError
from drivers.lab import Chosen, Lab, known_drivers
from drivers.open_lab import open_lab
from drivers.recorded_potentiostat import RecordedPotentiostat
from drivers.recorded_xps import RecordedXps, is_vamas
from drivers.stem import Stem, StemSetup
from protocols.beam_damage import BeamDamage
from protocols.eds import EdsLineScan, PointStart, StemImage
from protocols.eds_map import MOST_PIXELS, EdsMap
from protocols.lift_out import LiftOut
from protocols.loader import LoadedProtocol
from protocols.protocol import AnyStep
from protocols.units import TIME, parse

NEXUS = (".nxs", ".nx5", ".nexus")
"""How NeXus files are called; other HDF5 files are taken for HyperSpy's."""


def recorded_lab(file: Path, etch_per_cycle: float | None = None) -> Lab:
    """Return a lab in which the recording stands for the instrument that its kind of file is of.

    Args:
        file: of a microscope, of an XPS spectrometer or of a potentiostat.
        etch_per_cycle: seconds of etching between two cycles of a depth profile that stores none.

    Raises:
        InputError: an etch time is given for another recording than of a depth profile.
    """
    settings: dict[str, Any] = {"file": str(file.resolve())}
    xps = is_vamas(file) or file.suffix.lower() in NEXUS
    if etch_per_cycle is not None:
        if not xps:
            raise InputError(
                "--etch-per-cycle is of depth profiles, VAMAS or NXmpes (.nxs); leave it out for "
                f"{file.name}"
            )
        settings["etch_per_cycle"] = etch_per_cycle
    role = "potentiostat" if is_cell(file) else "xps" if xps else "stem"
    spec = known_drivers()[f"recorded-{role}"]
    checked = spec.settings.model_validate(settings)
    chosen = Chosen(role, f"recorded-{role}", spec, None, checked, spec.limits())
    return Lab(f"recording {file.name}", "jumping", (chosen,))


def origin(file: Path, lab: Lab) -> str:
    """Return what the run's record says of where its data come from.

    For a depth profile also how the file's values became counts, where there is a doubt.
    """
    with open_lab(lab, clock=JumpingClock()) as opened:
        recorded: Any = next(iter(opened.drivers.values()))
        notes = recorded.recording.all_notes if isinstance(recorded, RecordedXps) else ()
    return "; ".join((f"replay of {file}", *notes))


def parse_etch_time(text: str) -> float:
    """Return an etch time in seconds.

    Raises:
        InputError: it is no positive time with its unit.
    """
    try:
        seconds = parse(text, TIME)
    except PydanticCustomError as error:
        raise InputError(f"--etch-per-cycle: {error.message()}") from None
    if not seconds > 0:
        raise InputError(f"--etch-per-cycle {text}: write a time above zero, such as 60s")
    return seconds


def parse_line(text: str) -> tuple[float, float, float, float]:
    """Return x0, y0, x1, y1 in pixels.

    Raises:
        InputError: it is not four finite numbers.
    """
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise InputError(f"--line {text!r} is not a line; write it like 10,20,70,20 (pixels)")
    if numbers[:2] == numbers[2:]:
        raise InputError(f"--line {text!r} has no length; give two different points")
    x0, y0, x1, y1 = numbers
    return x0, y0, x1, y1


def fitted(
    protocol: LoadedProtocol, lab: Lab, line: Sequence[float] | None, strip: int | None
) -> LoadedProtocol:
    """Return the protocol with its line scans drawn into the recording, one position a pixel.

    A map takes the whole recording, one pixel a pixel; a depth profile its regions and cycles; a
    cell its holds.

    Args:
        protocol: as loaded; its elements, analysis and policies stay.
        lab: of `recorded_lab`.
        line: x0, y0, x1, y1 in pixels of the recording, from its upper left; None keeps the
            protocol's own start and length.
        strip: pixels across the line that are summed; None keeps the protocol's strip.

    Raises:
        InputError: the line leaves the recording, or a step cannot be replayed.
    """
    if any(isinstance(step, LiftOut) for step in protocol.steps):
        raise InputError(
            "a recording cannot be cut again: lift_out needs a FIB, or a simulated one; take the "
            "step out of the protocol"
        )
    if any(isinstance(step, BeamDamage) for step in protocol.steps):
        raise InputError(
            "a recording cannot be exposed again: beam_damage needs a microscope, or a simulated "
            "one; take the step out of the protocol"
        )
    with open_lab(lab, clock=JumpingClock()) as opened:
        recorded: Any = next(iter(opened.drivers.values()))
        drawn = line is not None or strip is not None
        if drawn and isinstance(recorded, (RecordedXps, RecordedPotentiostat)):
            raise InputError("--line and --strip are of EDS recordings; leave them out")
        if isinstance(recorded, RecordedPotentiostat):
            steps = fitted_cells(protocol.steps, recorded.recording)
        elif isinstance(recorded, RecordedXps):
            steps = fitted_profiles(protocol.steps, recorded.recording, recorded.etch_times)
        else:
            setup, size = recorded.setup(), _size(recorded, protocol)
            steps = tuple(_fitted(step, setup, size, line, strip) for step in protocol.steps)
    kept = {"title": protocol.title, "steps": [step.model_dump(mode="json") for step in steps]}
    text = json.dumps(kept, indent=1) + "\n"
    return replace(protocol, steps=steps, text=text, units=False)


def _size(stem: Stem, protocol: LoadedProtocol) -> tuple[int, int]:
    """Return columns and rows of the recording."""
    settings = next(
        step.image if isinstance(step, StemImage) else step.survey
        for step in protocol.steps
        if isinstance(step, (StemImage, EdsLineScan, EdsMap))
    )
    image = result_of(stem.image(settings))
    rows, columns = image.pixels.shape
    return columns, rows


def _fitted(
    step: AnyStep,
    setup: StemSetup,
    size: tuple[int, int],
    line: Sequence[float] | None,
    strip: int | None,
) -> AnyStep:
    if isinstance(step, EdsLineScan):
        return _fit(step, setup, size, line, strip)
    return _whole(step, setup, size) if isinstance(step, EdsMap) else step


def _whole(step: EdsMap, setup: StemSetup, size: tuple[int, int]) -> EdsMap:
    """Return the map over the whole recording.

    Raises:
        InputError: it is a line, or larger than a map may be.
    """
    columns, rows = size
    if rows < 2 or columns * rows > MOST_PIXELS:
        raise InputError(
            f"the recording has {columns} x {rows} pixels; a map needs 2 rows and at most "
            f"{MOST_PIXELS} pixels: use a line scan, or crop it in HyperSpy"
        )
    pixel = setup.probe_size
    changed = {
        "drift": None,
        "dose_limit": 1e12,
        "survey": {**step.survey.model_dump(), "field": setup.largest_field},
        "centre": {"x": 0.0, "y": 0.0, "angle": 0.0},
        "width": columns * pixel,
        "height": rows * pixel,
        "columns": columns,
        "rows": rows,
    }
    return EdsMap.model_validate({**step.model_dump(), **changed})


def _fit(
    step: EdsLineScan,
    setup: StemSetup,
    size: tuple[int, int],
    line: Sequence[float] | None,
    strip: int | None,
) -> EdsLineScan:
    pixel = setup.probe_size
    field = setup.largest_field
    changed: dict[str, Any] = {"drift": None, "dose_limit": 1e12}
    changed["survey"] = {**step.survey.model_dump(), "field": field}
    if strip is not None:
        changed["strip"] = strip * pixel
    if line is not None:
        x0, y0, x1, y1 = line
        _check_inside(line, size)
        centre = ((size[0] - 1) / 2, (size[1] - 1) / 2)
        length = math.hypot(x1 - x0, y1 - y0)
        points = max(2, math.floor(length + 1e-6) + 1)
        changed["start"] = PointStart(
            x=(x0 - centre[0]) * pixel,
            y=(y0 - centre[1]) * pixel,
            angle=math.atan2(y1 - y0, x1 - x0),
        ).model_dump()
        changed |= {"length": length * pixel, "points": points}
        changed["background_points"] = min(step.background_points, max(5, points // 6))
    return EdsLineScan.model_validate({**step.model_dump(), **changed})


def _check_inside(line: Sequence[float], size: tuple[int, int]) -> None:
    for value, most, name in zip(line, (*size, *size), ("x0", "y0", "x1", "y1"), strict=True):
        if not 0 <= value <= most - 1:
            raise InputError(
                f"--line: {name} = {value:g} is outside the recording of {size[0]} x {size[1]} "
                f"pixels; write {name} from 0 to {most - 1}"
            )
