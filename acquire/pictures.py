"""Images as files: whole OME-TIFF, renamed into place before the journal names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquire.files import whole
from acquire.journal import storing
from drivers.errors import RunFolderError
from drivers.fib import BeamPicture
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
        if not isinstance(result, (Image, BeamPicture)):
            return []
        relative = f"data/images/{entry:06d}-{name.replace('.', '-')}.ome.tif"
        path = self._folder / relative
        with storing(self._folder / "run.db"), whole(path) as part:
            write_ome_tiff(part, self._titled(name), result.pixels, (result.pixel_size,) * 2)
        return [relative]

    def _titled(self, name: str) -> str:
        return f"{name}{' (simulated)' if self._simulated else ''}"

    def read(self, relative: str) -> np.ndarray[Any, Any]:
        """Return the pixels of an image that the journal names.

        Raises:
            RunFolderError: it is not there, or is no whole image any more.
        """
        import tifffile

        path = self._folder / relative
        try:
            pixels: np.ndarray[Any, Any] = tifffile.imread(path)
            if pixels.ndim != 2:
                raise ValueError(f"it holds {pixels.shape}, not rows and columns")
        except (OSError, ValueError, tifffile.TiffFileError) as error:
            raise RunFolderError(
                f"{path}: the journal names this image, but it cannot be read: {error}. Put it "
                f"back from a copy, then: liftline resume {self._folder}"
            ) from error
        return pixels


def write_ome_tiff(
    path: Path, name: str, pixels: np.ndarray[Any, Any], size: tuple[float, float]
) -> None:
    """Write pixels, shape (rows, columns), each `size` (m) wide and high, as an OME-TIFF file."""
    import tifffile

    width, height = (float(f"{length * 1e6:.12g}") for length in size)
    metadata = {
        "axes": "YX",
        "Name": name,
        "PhysicalSizeX": width,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": height,
        "PhysicalSizeYUnit": "µm",
    }
    with open(path, "wb") as file:
        tifffile.imwrite(file, pixels, ome=True, metadata=metadata, photometric="minisblack")
