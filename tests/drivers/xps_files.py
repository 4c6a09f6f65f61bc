"""Depth profiles as VAMAS files, as a vendor's program would write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.vamas.content import Block, Label, Ordinate, VamasFile, evenly
from drivers.vamas.write import vamas_text

PHOTON = 1486.7
ETCH_TIME = (Label("Etch Time", "s"),)
LINES = {"C 1s": (296.0, 41), "N 1s": (406.0, 31)}
"""Start (eV) and channels of each region; in steps of 0.5 eV."""
STEP = 0.5


def counts_of(line: str, cycle: int) -> npt.NDArray[np.float64]:
    """Return the counts of a region: a peak beyond its middle, other counts in each cycle."""
    _, points = LINES[line]
    number = list(LINES).index(line)
    peak = 200 * np.exp(-(((np.arange(points) - int(0.6 * points)) / 2) ** 2))
    drawn = np.random.default_rng([number, cycle]).poisson(40.0 + cycle + peak)
    return drawn.astype(np.float64)


def block(line: str, cycle: int, etch: float | None = None) -> Block:
    """Return a region of a cycle, after `etch` seconds; 60 s a cycle if it is not given."""
    start, points = LINES[line]
    species, transition = line.split(" ")
    kinetic = PHOTON - start
    return Block(
        name=line,
        sample="made",
        taken=None,
        comment=(),
        technique="XPS",
        variables=(60.0 * cycle if etch is None else etch,),
        source="Al",
        source_energy=PHOTON,
        species=species,
        transition=transition,
        abscissa=Label("kinetic energy", "eV"),
        points=evenly(kinetic, STEP, points),
        start=kinetic,
        step=STEP,
        ordinates=(Ordinate("counts", "d", counts_of(line, cycle)),),
        dwell=0.2,
        scans=2,
        pass_energy=40.0,
    )


def profile(
    blocks: Iterable[Block], variables: Sequence[Label] = ETCH_TIME, comment: Sequence[str] = ()
) -> VamasFile:
    """Return blocks as a file."""
    return VamasFile(
        institute="Not Specified",
        instrument="AXIS Supra",
        operator="",
        experiment="made profile",
        comment=tuple(comment),
        mode="NORM",
        variables=tuple(variables),
        blocks=tuple(blocks),
    )


def cycles(count: int, lines: Iterable[str] = tuple(LINES)) -> VamasFile:
    """Return a depth profile of so many cycles."""
    lines = list(lines)
    return profile(block(line, cycle) for cycle in range(count) for line in lines)


def write(path: Path, file: VamasFile) -> Path:
    """Write a file and return its path."""
    path.write_bytes(vamas_text(file).encode("utf-8"))
    return path
