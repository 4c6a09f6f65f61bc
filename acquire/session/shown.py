"""Pictures of what a session returns, in a notebook: images to scale, spectra over their axis.

The drivers know nothing of it: formatters are registered with the IPython that runs, if one does.
What a simulator made says so in its picture.
"""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from drivers.fib import BeamPicture
from drivers.stem import EnergyAxis, Image, Spectrum
from drivers.xps import RegionSpectrum

PNG = "image/png"
DPI = 100


@dataclass(frozen=True)
class Origin:
    """What a picture says of where its data are from."""

    simulated: bool
    energy_axis: EnergyAxis | None = None
    """Of an EDS spectrum."""


class Shown:
    """Draws what was returned, with what is known of its origin."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._origins: dict[int, tuple[weakref.ref[Any], Origin]] = {}

    def remember(self, result: Any, origin: Origin) -> None:
        """Keep in mind where a result is from, as long as it lives."""
        if isinstance(result, tuple(DRAW)):
            key = id(result)
            gone = weakref.ref(result, lambda _: self._origins.pop(key, None))
            self._origins[key] = (gone, origin)

    def png(self, result: Any) -> bytes:
        """Return a picture of a result as a PNG file."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        _, origin = self._origins.get(id(result), (None, Origin(simulated=False)))
        figure = Figure(figsize=(6.4, 4.2), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        title = DRAW[type(result)](axes, result, origin)
        axes.set_title(f"{title}{', SIMULATED' if origin.simulated else ''}", fontsize=10)
        file = BytesIO()
        figure.savefig(file, format="png")
        return file.getvalue()

    def words(self, result: Any, printer: Any, cycle: bool) -> None:
        """Print a result in a line, for a prompt without pictures."""
        printer.text(told(result))


def told(result: Any) -> str:
    """Return a result in a line: its kind and figures, not its arrays."""
    parts = []
    for name, value in vars(result).items():
        shape = getattr(value, "shape", None)
        figure = f"{value:.4g}" if isinstance(value, float) else repr(value)
        parts.append(f"{name}={figure if shape is None else f'<{value.dtype} {shape}>'}")
    return f"{type(result).__name__}({', '.join(parts)})"


def _image(axes: Any, image: Image | BeamPicture, origin: Origin) -> str:
    rows, columns = image.pixels.shape
    width, height = columns * image.pixel_size, rows * image.pixel_size
    per, unit = (1e6, "µm") if width >= 1e-6 else (1e9, "nm")
    x, y = (image.x, image.y) if isinstance(image, Image) else (0.0, 0.0)
    sides = (x - width / 2, x + width / 2, y + height / 2, y - height / 2)
    low, high = _percentiles(image.pixels)
    extent = [side * per for side in sides]
    axes.imshow(image.pixels, cmap="gray", extent=extent, vmin=low, vmax=high)
    axes.locator_params(nbins=5)
    axes.set_xlabel(f"x / {unit}")
    axes.set_ylabel(f"y / {unit}")
    if isinstance(image, Image):
        return f"dark field, {image.dose:.3g} e/Å²"
    return f"{image.beam} image, {image.charge * 1e12:.3g} pC"


def _percentiles(pixels: Any) -> tuple[float, float]:
    import numpy as np

    low, high = np.percentile(pixels, (0.5, 99.5))
    return float(low), float(high)


def _spectrum(axes: Any, spectrum: Spectrum, origin: Origin) -> str:
    import numpy as np

    channels = np.arange(len(spectrum.counts))
    axis = origin.energy_axis
    x = channels if axis is None else (axis.offset + axis.scale * channels) / 1e3
    axes.step(x, spectrum.counts, where="mid", linewidth=0.9)
    axes.set_xlabel("channel" if axis is None else "energy / keV")
    axes.set_ylabel("counts")
    axes.margins(x=0)
    return f"EDS, {spectrum.live_time:.3g} s live, {spectrum.electrons:.3g} electrons"


def _region(axes: Any, region: RegionSpectrum, origin: Origin) -> str:
    axes.step(region.binding_energies, region.counts, where="mid", linewidth=0.9)
    axes.invert_xaxis()
    axes.set_xlabel("binding energy / eV")
    axes.set_ylabel("counts")
    axes.margins(x=0)
    return f"XPS, {region.sweeps} x {region.dwell:.3g} s a channel"


DRAW: dict[type, Any] = {
    Image: _image,
    BeamPicture: _image,
    Spectrum: _spectrum,
    RegionSpectrum: _region,
}
"""How each kind of result is drawn; it returns the title."""


def show_in_notebooks() -> Shown:
    """Return what draws results; the IPython that runs, if one does, uses it from now on."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return Shown()
    pictures = shell.display_formatter.formatters[PNG]
    try:
        before = pictures.lookup_by_type(Image)
    except KeyError:
        before = None
    if isinstance(shown := getattr(before, "__self__", None), Shown):
        return shown
    shown = Shown()
    for kind in DRAW:
        pictures.for_type(kind, shown.png)
        shell.display_formatter.formatters["text/plain"].for_type(kind, shown.words)
    return shown
