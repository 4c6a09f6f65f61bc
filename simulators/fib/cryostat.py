"""The simulated cold stage: it is in the simulated FIB, and shares its world."""

from __future__ import annotations

import math

from drivers.cryo import Cryo, CryoLimits, CryoStatus
from drivers.errors import InputError, LimitError
from drivers.lab import DriverSpec, Identity, NoSettings, OpenRequest
from simulators.draws import generator
from simulators.fib.faults import FibNan, at
from simulators.fib.fib_world import Event
from simulators.fib.microscope import SimFib

COLDEST, WARMEST = 85.0, 300.0
"""K of a setpoint; ours."""
NOISE = 0.05
"""K of a thermometer, standard deviation; ours."""
AVERAGED = 10.0
"""Readings at each end of the slope's 5 minutes that are averaged, squared."""


class SimCryo(Cryo):
    """A cold stage with its needle and shield, simulated."""

    def __init__(self, request: OpenRequest) -> None:
        """Join the simulated FIB that is open beside it.

        Raises:
            InputError: there is none.
        """
        fib = request.beside.get("fib")
        if not isinstance(fib, SimFib):
            raise InputError(
                "cryo: the simulated cold stage is in the simulated FIB; give the lab an "
                "instrument fib with the driver simulated-fib"
            )
        self._fib = fib

    def identity(self) -> Identity:
        """Return which instrument this is."""
        return Identity(
            "liftline", "simulated cold stage", f"world {self._fib.world.seed}", simulated=True
        )

    def status(self) -> CryoStatus:
        """Return temperatures and nitrogen as they are now."""
        t = self._fib.answer(reading=True)
        chamber, world = self._fib.chamber, self._fib.world
        thermal, noise = chamber.thermal, generator(world.seed, "cryo", t).standard_normal(4)
        lost = at(chamber.faults, FibNan, t)
        values = {
            "stage_temperature": thermal.temperature("stage", t) + NOISE * noise[0],
            "stage_slope": thermal.slope(t) + NOISE * noise[3] / (300.0 * AVERAGED),
            "needle_temperature": thermal.temperature("needle", t) + NOISE * noise[1],
            "shield_temperature": thermal.temperature("shield", t) + NOISE * noise[2],
            "setpoint": thermal.setpoint(t),
            "ln2_hold": thermal.hold(t),
            "ln2_used": thermal.used(t),
        }
        if lost is not None and lost.of in values:
            values[lost.of] = math.nan
        return CryoStatus(**{k: float(v) for k, v in values.items()}, refilling=False)

    def safe(self) -> None:
        """Stay cold."""

    def close(self) -> None:
        """Let go; the stage stays cold."""

    def cool(self, setpoint: float) -> None:
        """Cool towards `setpoint` (K) and hold it; returns at once."""
        if not COLDEST <= setpoint <= WARMEST:
            raise LimitError(
                f"cryo: the stage reaches {COLDEST:g} .. {WARMEST:g} K, not {setpoint:g} K; choose "
                "a setpoint in that range"
            )
        t = self._fib.answer()
        chamber = self._fib.chamber
        if chamber.thermal.setpoint(t) != setpoint:
            chamber.thermal = chamber.thermal.cool(t, setpoint)
            chamber.save(Event("cool", t, note=f"{setpoint!r}"))


DRIVER = DriverSpec(
    role="cryo",
    summary="simulated cold stage with needle and shield, in the simulated FIB",
    settings=NoSettings,
    limits=CryoLimits,
    open=SimCryo,
    simulated=True,
    after="fib",
)
