"""One dark-field image as a step of its own."""

from __future__ import annotations

from typing import Any

from acquire.run import Run
from drivers.stem import Stem
from protocols.eds import DOSE, StemImage


def stem_image(step: StemImage, stem: Stem, run: Run) -> dict[str, Any]:
    """Take the image and return what it cost."""
    run.do(stem.setup)
    image = run.do(stem.image, step.image)
    rows, columns = image.pixels.shape
    return {
        "pixel_size_m": image.pixel_size,
        "pixels": [rows, columns],
        DOSE: run.spent(DOSE),
    }
