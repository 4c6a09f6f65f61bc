"""Reading a recorded EDS map or line scan: which axis is energy, which is x, in which units.

RosettaSciIO's readers are called directly, as HyperSpy does: same files, without the 15 s that
importing the EDS signal classes takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import RecordingError
from drivers.stem import EnergyAxis, StemSetup

BEAM_ENERGY_EV = 200e3
"""Where the file does not say; only metadata."""
RESOLUTION_EV = 130.0
"""At Mn Ka, where the file does not say. Source: exspy's default `eds_mn_ka`."""
ELEVATION_DEG = 35.0
"""Where the file does not say. Source: exspy's default `eds_detector_elevation`."""
AZIMUTH_DEG = 0.0
"""Where the file does not say. Source: exspy's default `eds_detector_azimuth`."""
IN_MEMORY = 2_000_000_000
"""Bytes; a larger recording stays in its file."""

_METRES = {
    "m": 1.0,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,
    "μm": 1e-6,
    "micrometer": 1e-6,
    "nm": 1e-9,
    "nanometer": 1e-9,
    "å": 1e-10,
    "angstrom": 1e-10,
    "pm": 1e-12,
}
_ELECTRONVOLTS = {"ev": 1.0, "kev": 1e3}


@dataclass(frozen=True)
class Recording:
    """A recorded map, or a line scan as a map of one row."""

    path: Path
    title: str
    data: Any
    """Counts, shape (rows, columns, channels), numpy or dask."""
    line: bool
    """True for a line scan."""
    pixel_size: float
    """m."""
    setup: StemSetup
    simulated: bool
    """True if the file says that a simulator made it."""
    live_time: npt.NDArray[np.float64] | None
    """Of each pixel where the file says, s, shape (rows, columns)."""
    real_time: npt.NDArray[np.float64] | None
    """As `live_time`."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.data.shape[0], self.data.shape[1]

    @cached_property
    def total(self) -> npt.NDArray[np.uint32]:
        """Counts of all energies, shape (rows, columns)."""
        return np.asarray(self.data.sum(axis=2, dtype=np.uint32))

    def sum(self, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Any:
        """Return the summed spectrum of some pixels, shape (channels,), uint32."""
        if not len(rows):
            return np.zeros(self.data.shape[2], np.uint32)
        top, left = int(rows.min()), int(columns.min())
        part = np.asarray(self.data[top : int(rows.max()) + 1, left : int(columns.max()) + 1])
        return part[rows - top, columns - left].sum(axis=0, dtype=np.uint32)


def read_recording(path: Path, signal: int | None = None) -> Recording:
    """Read the EDS signal of a file; `signal` counts the file's signals from 0.

    Raises:
        RecordingError: it cannot be read, holds no EDS counts, or has no calibration.
    """
    if not path.exists():
        raise RecordingError(f"{path}: there is no such file")
    chosen = _choose(path, _load(path), signal)
    axes: list[Mapping[str, Any]] = list(chosen["axes"])
    energy = _energy_index(path, axes)
    places = _places(path, axes, energy)
    pixels = _pixels(path, [axes[index] for index in places])
    channels = _energy_axis(path, axes[energy])
    turned = tuple(slice(None, None, -1) if pixel < 0 else slice(None) for pixel in pixels)
    data = _counts(path, chosen["data"].transpose([*places, energy])[turned])
    order = [place - (place > energy) for place in places]
    metadata = chosen.get("metadata", {})

    def times(name: str) -> npt.NDArray[np.float64] | None:
        recorded = [data.shape[order.index(index)] for index in range(len(order))]
        found = _pixel_times(chosen, name, recorded)
        return None if found is None else np.atleast_2d(found.transpose(order)[turned])

    return Recording(
        path=path,
        title=str(_inside(metadata, "General", "title") or path.stem),
        data=data[None] if len(places) == 1 else data,
        line=len(places) == 1,
        pixel_size=abs(pixels[-1]),
        setup=_setup(metadata, channels, abs(pixels[-1]), max(data.shape[:-1])),
        simulated=_inside(chosen, "original_metadata", "liftline", "origin") == "SIMULATED",
        live_time=times("live_time"),
        real_time=times("real_time"),
    )


def _pixels(path: Path, axes: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the size of a pixel along each axis, m, negative where the axis runs backwards.

    Raises:
        RecordingError: an axis is not calibrated, or the pixels are not square.
    """
    pixels = [_scale(path, axis, _METRES, "nm") for axis in axes]
    if max(map(abs, pixels)) > 1.01 * min(map(abs, pixels)):
        sizes = " x ".join(f"{abs(pixel) * 1e9:.4g}" for pixel in pixels)
        raise RecordingError(
            f"{path}: its pixels are {sizes} nm; only square ones serve. Rebin it in HyperSpy: "
            "s.rebin(scale=...)"
        )
    return pixels


def _load(path: Path) -> list[dict[str, Any]]:
    """Return the signals of a file as RosettaSciIO gives them, data not read yet where it can.

    Raises:
        RecordingError: no reader, or the reader failed; the message is one line.
    """
    import warnings

    from rsciio import IO_PLUGINS

    extension = path.suffix[1:].lower()
    readers = [
        p["api"] for p in IO_PLUGINS if extension in {e.lower() for e in p["file_extensions"]}
    ]
    readers.sort(key=lambda api: api != "rsciio.hspy")
    if not readers:
        raise RecordingError(
            f"{path}: no reader for {path.suffix or 'a file without extension'}; open it in "
            "HyperSpy and save it as .hspy"
        )
    failures = []
    for reader in readers:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                signals: list[dict[str, Any]] = import_module(reader).file_reader(
                    str(path), lazy=True
                )
            if signals:
                return signals
        except ImportError as error:
            failures.append(f"{_line(error)}; install rosettasciio[all]")
        except Exception as error:  # each reader has its own way to fail on a broken file
            failures.append(_line(error))
    reason = failures[0] if failures else "it is empty"
    raise RecordingError(f"{path}: cannot be read, truncated or of another kind: {reason}")


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def _choose(path: Path, signals: Sequence[dict[str, Any]], wanted: int | None) -> dict[str, Any]:
    """Return the signal with EDS counts.

    Raises:
        RecordingError: there is none, or more than one and none was named.
    """
    if wanted is not None:
        if not 0 <= wanted < len(signals):
            raise RecordingError(
                f"{path}: signal {wanted} is not there; it holds {len(signals)}, counted from 0"
            )
        signals = [signals[wanted]]
    kinds = [str(_inside(s.get("metadata", {}), "Signal", "signal_type") or "") for s in signals]
    spectra = [
        signal
        for signal, kind in zip(signals, kinds, strict=True)
        if (kind == "" or kind.startswith("EDS")) and any(map(_may_be_energy, signal["axes"]))
    ]
    if not spectra:
        held = ", ".join(sorted({kind for kind in kinds if kind})) or "no spectra"
        raise RecordingError(
            f"{path}: it has no EDS signal with an energy axis (it holds {held}); give an EDS map "
            "or line scan"
        )
    if len(spectra) > 1:
        titles = ", ".join(
            f"{index}: {_inside(signal.get('metadata', {}), 'General', 'title')}"
            for index, signal in enumerate(signals)
            if any(signal is spectrum for spectrum in spectra)
        )
        raise RecordingError(f"{path}: it has several EDS signals ({titles}); set signal to one")
    return spectra[0]


def _may_be_energy(axis: Mapping[str, Any]) -> bool:
    return _unit(axis) in _ELECTRONVOLTS or "energy" in str(axis.get("name", "")).lower()


def _unit(axis: Mapping[str, Any]) -> str:
    return str(axis.get("units") or "").strip().lower()


def _energy_index(path: Path, axes: Sequence[Mapping[str, Any]]) -> int:
    found = [index for index, axis in enumerate(axes) if _may_be_energy(axis)]
    if len(found) != 1:
        raise RecordingError(f"{path}: it has {len(found)} axes of energy; an EDS signal has one")
    return found[0]


def _places(path: Path, axes: Sequence[Mapping[str, Any]], energy: int) -> list[int]:
    """Return the indices of the axes of place, that of rows first.

    Raises:
        RecordingError: it is neither a map nor a line scan.
    """
    places = [index for index in range(len(axes)) if index != energy]
    if len(places) not in (1, 2):
        raise RecordingError(
            f"{path}: it has {len(places)} axes beside energy; a map has two, a line scan has one"
        )
    names = [str(axes[index].get("name", "")).lower() for index in places]
    if len(places) == 2 and names[0] in ("x", "width") and names[1] in ("y", "height"):
        places.reverse()
    return places


def _scale(path: Path, axis: Mapping[str, Any], units: Mapping[str, float], example: str) -> float:
    """Return an axis' step in SI units.

    Raises:
        RecordingError: it is not calibrated; the message says how to do that in HyperSpy.
    """
    scale, unit = axis.get("scale"), _unit(axis)
    if scale is None:
        raise RecordingError(
            f"{path}: its axis {axis.get('name')!r} has steps of different size; only even ones "
            "serve. Resample it in HyperSpy"
        )
    if unit not in units or not math.isfinite(scale) or scale == 0:
        name = f"s.axes_manager[{axis.get('name')!r}]"
        raise RecordingError(
            f"{path}: its axis {axis.get('name')!r} is not calibrated (scale {scale:g}, units "
            f"{axis.get('units')!r}). In HyperSpy: {name}.units = {example!r}; {name}.scale = ...; "
            "s.save(...)"
        )
    return float(scale) * units[unit]


def _energy_axis(path: Path, axis: Mapping[str, Any]) -> EnergyAxis:
    scale = _scale(path, axis, _ELECTRONVOLTS, "keV")
    if scale < 0:
        raise RecordingError(f"{path}: its energies fall from channel to channel; turn the axis")
    offset = float(axis.get("offset", 0.0)) * _ELECTRONVOLTS[_unit(axis)]
    return EnergyAxis(offset, scale, int(axis["size"]))


def _counts(path: Path, data: Any) -> Any:
    """Return the counts, in memory where they are not too many.

    Raises:
        RecordingError: they cannot all be read, or are no counts.
    """
    try:
        if data.nbytes <= IN_MEMORY:
            data = np.asarray(data)
        wrong = False
        if data.dtype.kind == "f":  # a comparison with NaN is False, so NaN is wrong too
            wrong = not bool(((data >= 0) & (data == np.floor(data))).all())
        elif data.dtype.kind == "i":
            wrong = bool((data < 0).any())
    except Exception as error:  # h5py, zarr and dask each have their own
        raise RecordingError(f"{path}: cannot be read to its end: {_line(error)}") from error
    if wrong or data.dtype.kind not in "uif":
        raise RecordingError(
            f"{path}: its values are not counts (whole numbers from 0); give the spectra as "
            "recorded, not scaled, smoothed or decomposed"
        )
    return data


def _pixel_times(
    signal: Mapping[str, Any], name: str, shape: Sequence[int]
) -> npt.NDArray[np.float64] | None:
    """Return the time of each pixel in the file's order, or None where only a total is known.

    liftline's own files keep them in `original_metadata.liftline`, zero where data were lost.
    """
    detector = ("Detector", "EDS", name)
    for value in (
        _inside(signal, "original_metadata", "liftline", f"{name}_s"),
        _inside(signal, "metadata", "Acquisition_instrument", "TEM", *detector),
        _inside(signal, "metadata", "Acquisition_instrument", "SEM", *detector),
    ):
        if isinstance(value, (list, tuple)) or hasattr(value, "shape"):  # dask arrays too
            times = np.asarray(value, float)
            if times.size == math.prod(shape) and np.isfinite(times).all() and times.min() >= 0:
                return times.reshape(tuple(shape))
    return None


def _setup(metadata: Mapping[str, Any], axis: EnergyAxis, pixel: float, pixels: int) -> StemSetup:
    def known(*keys: str, default: float) -> float:
        for column in ("TEM", "SEM"):
            value = _inside(metadata, "Acquisition_instrument", column, *keys)
            if isinstance(value, (int, float, np.number)) and math.isfinite(float(value)):
                return float(value)
        return default

    detector = ("Detector", "EDS")
    return StemSetup(
        beam_energy=known("beam_energy", default=BEAM_ENERGY_EV / 1e3) * 1e3,
        energy_axis=axis,
        resolution=known(*detector, "energy_resolution_MnKa", default=RESOLUTION_EV),
        elevation_angle=math.radians(known(*detector, "elevation_angle", default=ELEVATION_DEG)),
        azimuth_angle=math.radians(known(*detector, "azimuth_angle", default=AZIMUTH_DEG)),
        solid_angle=None,
        probe_size=pixel,
        largest_field=pixel * pixels,
    )


def _inside(tree: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree
