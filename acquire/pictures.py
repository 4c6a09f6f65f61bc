"""Images as files: whole OME-TIFF, renamed into place before the journal names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.files import whole
from acquire.journal import storing
from drivers.stem import Image

if TYPE_CHECKING:
    import numpy as np


class Pictures:
    """Writes and reads the images of one run, in its folder's data/images."""

    def __init__(self, folder: Path, *, simulated: bool) -> None:
        """`folder` is the run's; the files say when they come from a simulator."""
        self._folder = folder
        self._simulated = simulated

    def save(self, entry: int, name: str, result: Any) -> list[str | None]:
        """Write the image that an action returned, and return its file's name for the journal.

        Returns:
            One name for an image, else nothing.
        """
        if not isinstance(result, Image):
            return []
        relative = f"data/images/{entry:06d}-{name.replace('.', '-')}.ome.tif"
        path = self._folder / relative
        with storing(self._folder / "run.db"), whole(path) as part:
            self._write(part, name, result)
        return [relative]

    def _write(self, path: Path, name: str, image: Image) -> None:
        import tifffile

        micrometres = image.pixel_size * 1e6
        metadata = {
            "axes": "YX",
            "Name": f"{name}{' (simulated)' if self._simulated else ''}",
            "PhysicalSizeX": micrometres,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": micrometres,
            "PhysicalSizeYUnit": "µm",
        }
        with open(path, "wb") as file:
            tifffile.imwrite(
                file, image.pixels, ome=True, metadata=metadata, photometric="minisblack"
            )

    def read(self, relative: str) -> np.ndarray[Any, Any]:
        """Return the pixels of an image that the journal names."""
        import tifffile

        pixels: np.ndarray[Any, Any] = tifffile.imread(self._folder / relative)
        return pixels
