"""NXmpes and NXxps files: depth profiles in which each region is an entry.

`<region>/data` holds `energy` (binding energy, eV) and `cycle0_scan_<j>`; scan j is sputter cycle
j, as pynxtools-xps writes PHI's depth profiles. No etch time is stored in them. What is called
counts there are counts per second in fact, and some regions' times are not what they say: counts
are taken from the values themselves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drivers.errors import RecordingError
from drivers.xps_recording import Found, XpsRecording, by_line

_SCAN = re.compile(r"^cycle0_scan_(\d+)$")
DEFINITIONS = ("NXmpes", "NXxps")
DETECTOR = "instrument/electronanalyzer/detector"
DISPERSION = "instrument/electronanalyzer/energydispersion"


def read_nxmpes(path: Path) -> XpsRecording:
    """Read a file.

    Raises:
        RecordingError: it is no such file, or holds no spectra that can serve.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return _recording(path, file)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read as NeXus: {error}") from error


def _recording(path: Path, file: Any) -> XpsRecording:
    entries = {
        name: entry
        for name, entry in file.items()
        if entry.attrs.get("NX_class") == "NXentry" and _text(entry, "definition") in DEFINITIONS
    }
    if not entries:
        raise RecordingError(f"{path} holds no NXentry by {' or '.join(DEFINITIONS)}")
    found = [_region(path, name, entry) for name, entry in entries.items()]
    first = next(iter(entries.values()))
    spot = _number(first, "instrument/beam_probe/extent", {"um": 1e-6, "mm": 1e-3, "m": 1.0}) or 0.0
    photon = _number(first, "instrument/beam_probe/incident_energy", {"eV": 1.0})
    if photon is None:
        raise RecordingError(f"{path} does not say the energy of its X-rays, beam_probe")
    device = "instrument/device_information"
    return XpsRecording(
        path=path,
        title=_text(first, "title") or path.stem,
        instrument=" ".join(
            filter(None, (_text(first, f"{device}/vendor"), _text(first, f"{device}/model")))
        ),
        simulated=False,
        photon_energy=photon,
        anode=_text(first, "instrument/source_probe/anode_material"),
        regions=by_line(path, found),
        cycles=1 + max(cycle for each in found for cycle in each.cycles),
        etch_times=None,
        work_function=_number(first, "instrument/electronanalyzer/work_function", {"eV": 1.0})
        or 0.0,
        spot=(spot, spot),
        notes=("no etch time is stored in the file",),
    )


def _region(path: Path, name: str, entry: Any) -> Found:
    data = entry.get("data", {})
    scans = sorted(_scans(data))
    if not scans or "energy" not in data:
        raise RecordingError(f"{path}: {name}/data holds no energy and cycle0_scan_<cycle>")
    energy = data["energy"]
    if energy.attrs.get("type", "binding") != "binding" or energy.attrs.get("units") != "eV":
        raise RecordingError(f"{path}: {name}/data/energy is no binding energy in eV")
    values = np.array([data[key][()] for _, key in scans], dtype=np.float64)
    return Found(
        label=name,
        energies=np.asarray(energy[()], dtype=np.float64),
        values=values,
        cycles=[cycle for cycle, _ in scans],
        rate=None,  # raw_data calls counts what data calls counts_per_second, of the same values
        sweeps=[1] * len(scans),
        dwell=_number(entry, f"{DETECTOR}/count_time", {"s": 1.0}),
        pass_energy=_number(entry, f"{DISPERSION}/pass_energy", {"eV": 1.0}),
    )


def _scans(data: Any) -> Iterator[tuple[int, str]]:
    """Yield cycle and name of each scan."""
    for key in data:
        if match := _SCAN.match(key):
            yield int(match[1]), key


def _text(entry: Any, path: str) -> str:
    if path not in entry:
        return ""
    value = entry[path][()]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(entry: Any, path: str, units: dict[str, float]) -> float | None:
    """Return a positive number in our unit; None where it is missing, 0, or in another unit."""
    if path not in entry:
        return None
    factor = units.get(str(entry[path].attrs.get("units", "")))
    value = float(entry[path][()])
    return value * factor if factor is not None and math.isfinite(value) and value > 0 else None
