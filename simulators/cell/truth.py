"""What really happened to a simulated cell: read-only, for scoring; not for drivers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from drivers.ledger import Deed, Ledger
from simulators.cell.cell_file import CellFile
from simulators.cell.cell_world import HoldRow, read_holds
from simulators.world import read_state


@dataclass(frozen=True)
class TrueCycle:
    """One cycle of the cell as it really was; charges in C."""

    number: int
    """From 1: a charge that follows a discharge begins the next."""
    charged: float
    """Through the terminals."""
    discharged: float
    """Through the terminals, amount."""
    parasitic: float
    """Leaked, or taken by side reactions, from the charge's beginning to the discharge's end."""
    capacity: float
    """That the cell had."""

    @property
    def efficiency(self) -> float:
        """Discharge over charge, as they passed."""
        return self.discharged / self.charged

    @property
    def parasitic_efficiency(self) -> float:
        """What the efficiency is if the cathode returns to where the cycle began."""
        return 1.0 - self.parasitic / self.charged


def holds(world: Path) -> list[HoldRow]:
    """Return every hold in a world's file, oldest first."""
    with _reading(world) as db:
        return read_holds(db)


def deeds(world: Path) -> Ledger:
    """Return the holds in a world's file as deeds, in C as the device counts them.

    Of one that still goes on the amount is not known: nothing.
    """
    rows = holds(world)
    made = tuple(Deed("hold", row.meter, abs(row.counted or 0.0)) for row in rows)
    on = rows and rows[-1].after is None and rows[-1].order.mode != "rest"
    return Ledger(made, ("cell",) if on else ())


def passed(hold: HoldRow) -> float:
    """Return the charge that a hold which is over passed through the terminals, C."""
    assert hold.after is not None
    return hold.after.passed - hold.before.passed


def cycles(world: Path) -> list[TrueCycle]:
    """Return every cycle that has a charge and a discharge, oldest first."""
    with _reading(world) as db:
        done = [row for row in read_holds(db) if row.after is not None]
        file = CellFile.model_validate(read_state(db, "cell"))
    grouped = groupby(done, key=lambda row: row.after.cycle if row.after else 0)
    found = (_cycle(number, list(rows), file) for number, rows in grouped)
    return [cycle for cycle in found if cycle.charged > 0 and cycle.discharged > 0]


def _cycle(number: int, rows: list[HoldRow], file: CellFile) -> TrueCycle:
    charges = [passed(row) for row in rows]
    first, last = rows[0].before, rows[-1].after
    assert last is not None
    return TrueCycle(
        number,
        sum(charge for charge in charges if charge > 0),
        -sum(charge for charge in charges if charge < 0),
        last.leaked - first.leaked + last.side - first.side,
        file.capacity_in(number),
    )


def _reading(world: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{world.resolve().as_uri()}?mode=ro", uri=True))
