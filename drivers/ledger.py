"""What a simulated instrument really did, in one form for all: for campaigns that check a run.

A driver of an instrument never reads it. A simulator that keeps a world in a file says how such a
file is read (`DriverSpec.ledger`); then `liftline torture` can hold a run's journal against it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Deed:
    """One thing that was really done to the specimen, begun by one call of an action."""

    action: str
    """The interface's method, such as `spectrum`; one that has a meter."""
    meter: float
    """What that meter stood at as it began."""
    amount: float
    """How far the meter went while it was done, nobody's hand at it included."""


@dataclass(frozen=True)
class Ledger:
    """What one simulated instrument did since its world began."""

    deeds: tuple[Deed, ...]
    """Oldest first."""
    on: tuple[str, ...] = ()
    """What is on now and should not be where nothing runs: a beam, ions, a cell."""
    harm: tuple[str, ...] = ()
    """What was done that nobody should do, in words, oldest first."""
