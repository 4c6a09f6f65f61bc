"""A VAMAS file as a recording: which blocks are which cycle, and at which binding energies.

Binding energy is source energy less kinetic energy, without the work function: so it is in files of
Kratos and of CasaXPS, whose comments give both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from drivers.errors import RecordingError
from drivers.vamas.content import Block, Ordinate, VamasFile
from drivers.vamas.read import read_vamas
from drivers.xps_recording import Floats, Found, XpsRecording, by_line, known_line
from protocols.core_levels import AL_KA_EV

SOURCES = {"al": AL_KA_EV, "mg": 1253.6}
"""eV, by anode, where a file leaves the energy out. Mg Ka 1253.6 [lit], to verify."""
SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "min": 60.0, "minutes": 60.0}
RATES = ("c/s", "cps", "counts/s", "count rate", "counts per second")
_SUFFIX = re.compile(r"\s*[/:#]\s*\d+$")
"""Vendors number the blocks of a region: `C 1s/3`."""


def read_vamas_recording(path: Path) -> XpsRecording:
    """Read a file as a recording.

    Raises:
        RecordingError: it is broken, or holds no spectra that can serve.
    """
    return recording_of(read_vamas(path), path)


def recording_of(file: VamasFile, path: Path) -> XpsRecording:
    """Return the spectra of a file.

    Raises:
        RecordingError: its blocks do not make whole cycles of regions.
    """
    if not file.blocks:
        raise RecordingError(f"{path} holds no spectrum")
    first = file.blocks[0]
    cycles, times = _cycles(file, path)
    members = _by_label(file, cycles, path)
    found = [_region(path, label, blocks) for label, blocks in members.items()]
    notes = () if times or max(cycles) == 0 else ("no etch time is stored in the file",)
    width, height = (each * 1e-6 if each else 0.0 for each in first.analysis_width)
    take_off = first.take_off_polar
    return XpsRecording(
        path=path,
        title=file.experiment or first.sample or path.stem,
        instrument=file.instrument,
        simulated=any("SIMULAT" in line for line in file.comment),
        photon_energy=source_energy(first, path),
        anode=first.source,
        regions=by_line(path, found),
        cycles=1 + max(cycles),
        etch_times=times,
        work_function=first.work_function or 0.0,
        spot=(width, height),
        take_off_angle=math.radians(take_off) if take_off is not None else 0.0,
        notes=notes,
    )


def label_of(block: Block) -> str:
    """Return what a block's region is called: the level, or the survey, or what stands there."""
    named = _SUFFIX.sub("", block.name)
    labels = (f"{block.species} {block.transition}", block.species, named)
    known = (known_line(label) for label in labels)
    return next(filter(None, known), named or block.species or "region without a name")


def etch_time(file: VamasFile, block: Block) -> float | None:
    """Return the seconds of etching before a block; None where the file does not say."""
    for label, value in zip(file.variables, block.variables, strict=True):
        unit = SECONDS.get(label.unit.strip().lower())
        if value is not None and unit and re.search("etch|sputter", label.label, re.IGNORECASE):
            return value * unit
    return None


def _cycles(file: VamasFile, path: Path) -> tuple[list[int], tuple[float, ...] | None]:
    """Return the cycle of each block, and each cycle's etch time.

    Raises:
        RecordingError: an etch time goes back.
    """
    times = [etch_time(file, block) for block in file.blocks]
    if any(time is None for time in times):
        return _counted_cycles([label_of(block) for block in file.blocks]), None
    known = [time for time in times if time is not None]
    for before, after, block in zip(known, known[1:], file.blocks[1:], strict=False):
        if after < before:
            raise RecordingError(
                f"{path}: block {block.name!r} was etched for {after:g} s and follows one of "
                f"{before:g} s; sort the blocks by etch time"
            )
    distinct = sorted(set(known))
    return [distinct.index(time) for time in known], tuple(distinct)


def _counted_cycles(labels: Sequence[str]) -> list[int]:
    """Return the cycle of each block of a file without etch times.

    A cycle ends where a region comes again; in a file sorted by region, each one's blocks are the
    cycles in their order.
    """
    changes = sum(one != other for one, other in pairwise(labels))
    by_region = changes + 1 == len(set(labels))
    cycles: list[int] = []
    seen: set[str] = set()
    cycle = 0
    for label in labels:
        if by_region and label not in seen:
            cycle = 0
        elif label in seen:
            cycle += 1
            seen = seen if by_region else set()
        seen.add(label)
        cycles.append(cycle)
    return cycles


def _by_label(file: VamasFile, cycles: Sequence[int], path: Path) -> dict[str, dict[int, Block]]:
    """Return by region its block of each cycle.

    Raises:
        RecordingError: a cycle has a region twice.
    """
    members: dict[str, dict[int, Block]] = {}
    for block, cycle in zip(file.blocks, cycles, strict=True):
        blocks = members.setdefault(label_of(block), {})
        if cycle in blocks:
            raise RecordingError(
                f"{path}: {label_of(block)} is there twice after the same etch time; keep one"
            )
        blocks[cycle] = block
    return members


def _region(path: Path, label: str, blocks: Mapping[int, Block]) -> Found:
    """Return a region; it must be the same in all cycles.

    Raises:
        RecordingError: it is not.
    """
    first = next(iter(blocks.values()))
    energies = binding_energies(first, path)
    for cycle, block in blocks.items():
        other = binding_energies(block, path)
        if len(other) != len(energies) or not np.allclose(other, energies, atol=1e-3):
            raise RecordingError(
                f"{path}: {label} of cycle {cycle} has other energies than that of the first; "
                "export the cycles of one range only"
            )
    values = [_counts(block, path) for block in blocks.values()]
    passed = [each for each in first.ordinates if "transmission" in each.label.lower()]
    return Found(
        label=label,
        energies=energies,
        values=np.array([each.values for each in values]),
        cycles=list(blocks),
        rate=_rate(values[0]),
        dwell=first.dwell,
        sweeps=[max(block.scans, 1) for block in blocks.values()],
        pass_energy=first.pass_energy,
        transmission=passed[0].values if passed else None,
    )


def source_energy(block: Block, path: Path) -> float:
    """Return the energy of a block's X-rays, eV.

    Raises:
        RecordingError: the file does not say, and the anode is unknown.
    """
    if block.source_energy:
        return block.source_energy
    known = SOURCES.get(block.source.strip().lower()[:2])
    if known is None:
        raise RecordingError(
            f"{path}: {block.name}: neither energy nor anode of the X-rays is known "
            f"({block.source!r}); export it with the source's energy"
        )
    return known


def binding_energies(block: Block, path: Path) -> Floats:
    """Return the binding energies of a block's points, eV, in the file's order.

    Raises:
        RecordingError: its abscissa is neither kinetic nor binding energy in eV.
    """
    name = block.abscissa.label.lower()
    if block.abscissa.unit.lower() == "ev" and "binding" in name:
        return block.points
    if block.abscissa.unit.lower() == "ev" and "kinetic" in name:
        return source_energy(block, path) - block.points
    raise RecordingError(
        f"{path}: {block.name}: the abscissa is {block.abscissa.label!r} in "
        f"{block.abscissa.unit!r}; export it over kinetic or binding energy in eV"
    )


def _counts(block: Block, path: Path) -> Ordinate:
    for each in block.ordinates:
        if "transmission" not in each.label.lower():
            return each
    raise RecordingError(f"{path}: {block.name} has no counts among its ordinates")


def _rate(ordinate: Ordinate) -> bool:
    return ordinate.unit.lower() in RATES or ordinate.label.lower() in RATES
