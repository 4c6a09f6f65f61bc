"""Cells as a person writes them: areas, capacities, resistances, and the ledgers of loss."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from protocols.errors import InputError
from protocols.model import Written
from protocols.units import Amperes, Coulombs, Ohms, Seconds, SquareMetres, Volts, closest
from protocols.written import read_written
from simulators.materials import LIBRARY

CELLS = LIBRARY / "cells"


class Site(Written):
    """One step of the open-circuit curve."""

    share: Annotated[float, Field(gt=0, lt=2)]
    """Of the capacity."""
    voltage: Volts
    """At its middle."""
    width: Annotated[Volts, Field(gt=0)]
    """Of its rise: the share within this of the middle, either way, is 46 %."""


class OpenCircuit(Written):
    """Charge against voltage at rest: a sum of steps and a small slope between and beyond them."""

    sites: Annotated[tuple[Site, ...], Field(min_length=1)]
    """Steps."""
    slope: Annotated[float, Field(gt=0)]
    """Of the capacity per volt, everywhere."""
    from_voltage: Volts
    """The capacity counts from here."""
    to_voltage: Volts
    """The capacity counts to here."""


class CellFile(Written):
    """A cell."""

    name: str
    """What it is."""
    area: Annotated[SquareMetres, Field(gt=0)]
    """Of the electrode."""
    capacity: Annotated[Coulombs, Field(gt=0)]
    """Charge between the two voltages of the open-circuit curve, at rest, when new."""
    charged: Annotated[float, Field(ge=-0.3, le=1)] = 0.0
    """Share of the capacity that is charged when the cell is new to the potentiostat."""
    lithium: Annotated[Coulombs, Field(gt=0)]
    """That can be stripped from the lithium when the cell is discharged."""
    open_circuit: OpenCircuit
    """Voltage at rest."""
    hysteresis: Annotated[Volts, Field(ge=0)]
    """Between the charge's and the discharge's path."""
    hysteresis_share: Annotated[float, Field(gt=0)]
    """Of the capacity, in which a reversal does 63 % of the way to the other path."""
    ohmic: Annotated[Ohms, Field(gt=0)]
    """Electrolyte, interphase and contacts."""
    interface: Annotated[Ohms, Field(gt=0)]
    """Charge transfer at small currents (Butler-Volmer, symmetrical)."""
    diffusion: Annotated[Ohms, Field(ge=0)]
    """Voltage per current that builds up as diffusion does."""
    diffusion_time: Annotated[Seconds, Field(gt=0)]
    """L²/D of the cathode."""
    leak: Annotated[Amperes, Field(ge=0)]
    """Electrons through the electrolyte: it discharges the cell all the time."""
    side_first: Annotated[float, Field(ge=0, lt=1)]
    """Share of the first charge that charges nothing."""
    side: Annotated[float, Field(ge=0, lt=1)]
    """Over sqrt(n): share of charge n, from the second, that charges nothing."""
    side_floor: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Added to it in every charge."""
    fade: Annotated[float, Field(ge=0, lt=0.5)]
    """Share of the first capacity that each cycle loses."""

    def side_share(self, cycle: int) -> float:
        """Return the share of charge number `cycle` (from 1) that charges nothing."""
        if cycle <= 1:
            return self.side_first
        return self.side / math.sqrt(cycle) + self.side_floor

    def capacity_in(self, cycle: int) -> float:
        """Return the capacity in cycle `cycle` (from 1), C."""
        return self.capacity * max(0.01, 1.0 - self.fade * max(0, cycle - 1))


def cells() -> list[str]:
    """Return the names of the cells that come with liftline."""
    return sorted(path.stem for path in CELLS.glob("*.yaml"))


def load_cell(name: str | Path) -> CellFile:
    """Load a cell: a file of your own, or one of the library by its name.

    Raises:
        InputError: there is no such file and none of that name in the library.
        ProtocolFileError: it is wrong; `file:line: field: message`.
    """
    path = Path(name)
    if str(name) in cells():
        path = CELLS / f"{name}.yaml"
    if not path.is_file():
        known = cells()
        raise InputError(
            f"there is no cell {str(name)!r}{closest(str(name), known)}; give a file, or one of "
            f"{', '.join(known)}"
        )
    return read_written(path).validate(TypeAdapter(CellFile))
