"""The report's part of a dark-field image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from acquire.eds.scan_data import survey_of
from acquire.pages.step_page import Dose, StepPage, state_of, title_of
from acquire.pages.survey_chart import Survey, survey
from acquire.record import RunRecord, StepRecord
from drivers.stem import Image
from protocols.units import LENGTH


@dataclass(frozen=True)
class ImagePage(StepPage):
    """A dark-field image."""

    template: str = "stem_image.html"
    survey: Survey | None = None
    survey_caption: str = "Dark-field image."


def image_page(record: RunRecord, step: StepRecord, view: Mapping[str, Any]) -> ImagePage:
    """Return the page of a step that takes one image."""
    image = survey_of(record, step)
    return ImagePage(
        step.index,
        title_of(step),
        step.kind,
        state_of(step),
        facts=() if image is None else tuple(_image_facts(image)),
        survey=survey(image, None),
        dose=None if image is None else Dose(image.dose, float(step.request["dose_limit"])),
    )


def _image_facts(image: Image) -> Iterator[tuple[str, str]]:
    rows, columns = image.pixels.shape
    yield "image", f"{columns} × {rows} pixels of {LENGTH.suggest(image.pixel_size)}"
    yield "field of view", LENGTH.suggest(float(f"{columns * image.pixel_size:.4g}"))
