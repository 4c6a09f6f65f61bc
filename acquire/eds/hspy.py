"""Spectra as HyperSpy's `EDSTEMSpectrum`: what `.hspy` files of scans and maps have in common.

`original_metadata.liftline` says for each position its live time, real time, electrons and date,
and which positions were lost (their spectra are zeros).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from acquire.hspy import Tree, general, of_the_run, provenance, tidy, tree
from drivers.lab import Identity
from drivers.stem import StemSetup
from protocols.eds import WatchedLine


@dataclass(frozen=True)
class Spectra:
    """Spectra of a scan or map and what is known of them; arrays have one entry per position."""

    title: str
    step: int
    """Index of the step in its protocol."""
    watch: Sequence[WatchedLine]
    setup: StemSetup
    identity: Identity | None
    probe_current: float
    """A."""
    exposed_area: float
    """Of each position, m²."""
    counts: npt.NDArray[np.unsignedinteger]
    """Shape (..., channels)."""
    live_time: npt.NDArray[np.float64]
    """s; 0 where the data were lost."""
    real_time: npt.NDArray[np.float64]
    """s."""
    electrons: npt.NDArray[np.float64]
    """By the instrument's own meter."""
    utc: npt.NDArray[np.str_]
    """When each ended; empty text where nothing was measured."""


def signal(
    spectra: Spectra, axes: Sequence[Tree], where: Mapping[str, Any], meta: Mapping[str, str]
) -> Tree:
    """Return the signal in the form that RosettaSciIO writes.

    Args:
        spectra: what was measured.
        axes: of the positions, slowest first.
        where: what `original_metadata.liftline` says of the places of the positions.
        meta: the run's facts, from `RunRecord.meta`.
    """
    return tree(
        spectra.counts,
        [*axes, _energy_axis(spectra.setup)],
        _metadata(spectra, meta),
        {**_original(spectra, meta), **where},
        ("exspy", version("exspy")),
    )


def even_axis(name: str, size: int, pitch: float) -> Tree:
    """Return an axis of positions `pitch` (m) apart, in nm from the first one."""
    return {
        "_type": "UniformDataAxis",
        "name": name,
        "units": "nm",
        "navigate": True,
        "is_binned": False,
        "size": size,
        "scale": tidy(pitch * 1e9),
        "offset": 0.0,
    }


def _energy_axis(setup: StemSetup) -> Tree:
    axis = setup.energy_axis
    return {
        "_type": "UniformDataAxis",
        "name": "Energy",
        "units": "keV",
        "navigate": False,
        "is_binned": True,
        "size": axis.channels,
        "scale": tidy(axis.scale / 1e3),
        "offset": tidy(axis.offset / 1e3),
    }


def _metadata(spectra: Spectra, meta: Mapping[str, str]) -> Tree:
    watched = sorted(spectra.watch, key=lambda watch: watch.element)
    began = next((str(utc) for utc in spectra.utc.flat if utc), None)
    note = "Positions without data hold zeros; see original_metadata.liftline."
    return {
        "General": general(spectra.title, provenance(spectra.identity, meta), note, began),
        "Signal": {"signal_type": "EDS_TEM", "quantity": "X-rays (Counts)"},
        "Sample": {
            "elements": [watch.element for watch in watched],
            "xray_lines": [watch.xray_line for watch in watched],
        },
        "Acquisition_instrument": {"TEM": _microscope(spectra)},
    }


def _microscope(spectra: Spectra) -> Tree:
    setup, identity = spectra.setup, spectra.identity
    measured = spectra.live_time > 0
    live, real = (
        tidy(times[measured].mean()) if measured.any() else 0.0
        for times in (spectra.live_time, spectra.real_time)
    )
    recorded = identity is not None and identity.recorded
    # The protocol's current and area never met the specimen of a recording.
    beam = {} if recorded else _beam(spectra.probe_current, spectra.exposed_area)
    return {
        "beam_energy": tidy(setup.beam_energy / 1e3),
        **beam,
        "microscope": "" if identity is None else f"{identity.make} {identity.model}",
        "Detector": {
            "EDS": {
                "live_time": live,
                "real_time": real,
                "elevation_angle": tidy(math.degrees(setup.elevation_angle)),
                "azimuth_angle": tidy(math.degrees(setup.azimuth_angle)),
                "energy_resolution_MnKa": tidy(setup.resolution),
            }
        },
        "Stage": {"tilt_alpha": 0.0},
    }


def _beam(current: float, area: float) -> Tree:
    return {"beam_current": tidy(current * 1e9), "probe_area": tidy(area * 1e18)}


def _original(spectra: Spectra, meta: Mapping[str, str]) -> Tree:
    return {
        **of_the_run(spectra.step, spectra.identity, meta),
        "solid_angle_sr": spectra.setup.solid_angle,
        "live_time_s": spectra.live_time,
        "real_time_s": spectra.real_time,
        "electrons": spectra.electrons,
        "ended_utc": spectra.utc,
        "lost_positions": np.flatnonzero(spectra.live_time <= 0).tolist(),
    }
