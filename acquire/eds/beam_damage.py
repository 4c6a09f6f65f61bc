"""A dose series on an area that is given up: exposure after exposure until it has had its dose.

The area is not made to follow the specimen's drift, as that would take images in between; it is
large, and a second survey image says at the end how far it moved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from acquire.eds.drift import measure_shift
from acquire.eds.edge import line_from
from acquire.eds.fade_watch import IMAGING, FadeDetector, exposure_of
from acquire.flags import Flag
from acquire.run import Run
from drivers.stem import Area, Image, Stem
from protocols.beam_damage import BeamDamage
from protocols.eds import DOSE, EdgeStart
from protocols.errors import InputError

MOVED = 0.1
"""Share of the area's narrower side by which it may move without a flag: as much of it is undamaged
then, and hides up to as large a share of the loss."""


def beam_damage(step: BeamDamage, stem: Stem, run: Run) -> dict[str, Any]:
    """Run the series and return its result as `show --json` gives it."""
    setup = run.do(stem.setup)
    survey = run.do(stem.image, step.survey)
    area = run.decide("area", area_of(step, survey))
    watch = FadeDetector(step, setup)
    dose, ended = survey.dose, ""
    for index in range(step.planned_exposures):
        spectrum = run.do(stem.spectrum, area, step.probe_current, step.dwell)
        exposure = exposure_of(spectrum, dose, step)
        dose += exposure.during
        ended = run.decide("ended by", _follow(step, watch.update(exposure), run))
        run.progress(index + 1, step.planned_exposures, f"{dose:.4g} e/Å²")
        if ended:
            break
    closing = run.do(stem.image, step.survey)
    moved = _moved(step, survey, closing, run)
    return {
        **watch.result(),
        "area": {
            "x_m": area.x,
            "y_m": area.y,
            "width_m": area.along,
            "height_m": area.across,
            "angle_rad": area.angle,
        },
        "exposures": len(watch.exposures),
        "exposures_lost": sum(each.listened <= 0 for each in watch.exposures),
        "series_ended_by": ended or "its last exposure",
        "moved": moved,
        IMAGING: survey.dose + closing.dose,
        DOSE: dose + closing.dose,
    }


def area_of(step: BeamDamage, survey: Image) -> Area:
    """Return the area to expose.

    Raises:
        NoEdgeError: an edge is asked for and the image shows none that can be trusted.
        InputError: the area leaves the image.
    """
    half = step.width / 2
    if isinstance(step.centre, EdgeStart):
        start: Any = step.centre.model_copy(update={"offset": step.centre.offset - half})
    else:
        cos, sin = math.cos(step.centre.angle), math.sin(step.centre.angle)
        place = {"x": step.centre.x - half * cos, "y": step.centre.y - half * sin}
        start = step.centre.model_copy(update=place)
    try:
        line = line_from(start, step.width, 2, survey, strip=step.height)
    except InputError as error:
        raise InputError(
            f"the area of {step.width * 1e9:.4g} x {step.height * 1e9:.4g} nm does not lie within "
            f"the survey image: {error}".split("; move")[0]
            + "; move centre inwards, make the area smaller, or widen survey.field"
        ) from None
    x, y = line.at(half)
    return Area(x=x, y=y, along=step.width, across=step.height, angle=line.angle)


def _follow(step: BeamDamage, flags: Sequence[Flag], run: Run) -> str:
    """Raise the flags; return what ends the series, empty where nothing does."""
    policies = {each.element: each.on_fade for each in step.watch}
    ended = ""
    for flag in flags:
        policy = policies[flag.of]
        if policy == "end_series":
            ended = ended or f"fade of {flag.of}"
        run.flag(flag, "note" if policy == "end_series" else policy)
    return ended


def _moved(step: BeamDamage, before: Image, after: Image, run: Run) -> dict[str, Any]:
    """Return how far the specimen moved under the area, and flag what is too far."""
    side = min(step.width, step.height)
    shift = measure_shift(before, after, largest=side)
    if shift.refusal is not None:
        note = f"how far the area moved is not known: {shift.refusal}"
        run.flag(Flag("drift", "area", step.planned_exposures, note=note))
        return {"none": shift.refusal}
    length = math.hypot(shift.dx, shift.dy)
    if length > MOVED * side:
        note = (
            f"the area moved by {length * 1e9:.3g} nm, {length / side:.0%} of its narrower side: "
            "what drifted in was undamaged, so losses are larger than told; let the stage settle, "
            "or make the area larger"
        )
        run.flag(Flag("drift", "area", step.planned_exposures, {"moved_m": length}, note=note))
    return {"value_m": length, "uncertainty_m": shift.uncertainty, "direction": shift.determined}
