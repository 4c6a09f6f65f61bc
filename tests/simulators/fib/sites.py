"""A lamella of the published specimen at each stage, and the jobs that work on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np

from drivers.fib import Milling, seen
from protocols.fib import Array, CleaningCrossSection, Rectangle
from protocols.lift_out import LiftOut, StageName
from protocols.loader import load_protocol
from protocols.milling_rates import rates
from simulators.fib.account import OUTSIDE, Account, open_account
from simulators.fib.material_stack import Stack
from simulators.fib.milling import Mill, Place
from simulators.fib.prepared import prepared
from simulators.fib.solid import COLUMN, DX, DZ, NX, Floats, Solid
from simulators.fib.sputter import REDEPOSIT, TrueRates
from simulators.specimen import load_specimen

INTERFACE = 1.54e-6
ROW = int(INTERFACE / DZ)
NANO = 1e-9


@cache
def step() -> LiftOut:
    found = load_protocol("joule2020/lift-out").steps[0]
    assert isinstance(found, LiftOut)
    return found


@cache
def stack() -> Stack:
    return Stack(load_specimen("li-lipon-stem"))


def nominal_rates() -> TrueRates:
    """Of an instrument on which the nominal ones of gallium are true."""
    table = {name: rate.value for name, rate in rates("gallium").items()}
    return TrueRates({**table, REDEPOSIT: table["Li"]})


@dataclass
class Site:
    """A solid with its mill and account."""

    solid: Solid
    rates: TrueRates = field(default_factory=nominal_rates)
    taper: float | None = 0.0
    curtains: float = 0.0

    def __post_init__(self) -> None:
        self.account: Account = open_account(stack())
        self.mill = Mill(
            self.solid,
            stack(),
            self.rates,
            self.account,
            seed=1,
            taper=self.taper,
            curtains=self.curtains,
        )

    def do(
        self, job: Milling, *, angle: float = 0.0, place: Place = "site", slices: int = 40
    ) -> None:
        marks = np.linspace(job.done, job.charge, slices + 1)
        for begin, end in pairwise(marks):
            self.mill.advance(job, float(begin), float(end), angle=angle, place=place)

    @property
    def inventory(self) -> Floats:
        """m³ of each material that are there, redeposited metal last."""
        solid, layers = self.solid, stack()
        band = solid.thickness.sum(axis=0) @ layers.cells * DX * DZ
        floors = solid.floor[OUTSIDE]
        columns = layers.volume[-1] * floors.size - layers.above(floors).sum(axis=0)
        films = (solid.film_front.sum() + solid.film_back.sum()) * DX * DZ
        loose = films + solid.fill.sum() * COLUMN**2 + sum(bond.filled for bond in solid.bonds)
        return np.append(band + columns * COLUMN**2, loose)

    def thickness(self, row: int = ROW) -> float:
        """In the middle of the lamella, m."""
        return float(self.solid.thickness[NX // 2, row])


def at(stage: StageName, **how: float) -> Site:
    return Site(prepared(stage, step(), np.random.default_rng(1)), **how)  # type: ignore[arg-type]


def trench(charge: float = 8000 * NANO) -> Milling:
    """Both trenches of the protocol, 3 nA."""
    sides = (
        Rectangle(x=0, y=y, width=14e-6, height=8e-6, scan="top_to_bottom")
        for y in (-5.25e-6, 5.25e-6)
    )
    return Milling("trench", tuple(sides), 3e-9, 30e3, charge)


def cleaning(face: float, thick: float, charge: float, *, current: float = 1e-10) -> Milling:
    """A slice off the front face down to y = `face`, 5 um long."""
    pattern = CleaningCrossSection(
        x=6.3e-6, y=face + thick / 2, width=5e-6, height=thick, scan="bottom_to_top"
    )
    return Milling("thin", (pattern,), current, 30e3, charge)


def undercut(charge: float = 2500 * NANO, half: float = 1.25e-6) -> Milling:
    """Under the lamella, up its right side, up its left as far as the bridge; stage at 7 deg."""
    angle = math.radians(7 - 52)

    def down(z: float, y: float = -half) -> float:
        return seen(angle, 0.0, y, z)[1]

    def cut(u: float, across: float, deep: float, shallow: float) -> Rectangle:
        return Rectangle(x=u, y=(deep + shallow) / 2, width=across, height=shallow - deep)

    patterns = (
        cut(0.0, 14e-6, down(-5.5e-6), down(-4.5e-6)),
        cut(6.5e-6, 1e-6, down(-4.5e-6), down(0.0, half)),
        cut(-6.5e-6, 1e-6, down(-4.5e-6), down(-2.5e-6)),
    )
    return Milling("undercut", patterns, 3e-9, 30e3, charge)


def sever(x: float = -6.5e-6, charge: float = 400 * NANO) -> Milling:
    """Across the lamella, 1 um wide, 1 nA."""
    pattern = Rectangle(x=x, y=0.0, width=1e-6, height=3e-6)
    return Milling("sever", (pattern,), 1e-9, 30e3, charge)


def weld(charge: float = 40 * NANO, *, passes: int = 1, away: bool = True) -> Milling:
    """Four pits at the lamella's right end, 0.1 nA."""
    array = Array(
        x=5.5e-6,
        y=0.0,
        count=4,
        along="y",
        pitch=0.75e-6,
        width=1e-6,
        height=0.5e-6,
        passes=passes,
        scan="right_to_left" if away else "left_to_right",
    )
    return Milling("weld", (array,), 1e-10, 30e3, charge)
