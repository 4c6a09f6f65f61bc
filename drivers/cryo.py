"""The interface of a cold stage: its own small instrument, since many microscopes lack it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from drivers.action import action
from drivers.lab import Identity
from protocols.model import Written
from protocols.units import Kelvin, KelvinPerSecond, Seconds


@dataclass(frozen=True)
class CryoStatus:
    """What the cold stage says of itself now; NaN is 'does not know', which is a refusal."""

    stage_temperature: float
    """K."""
    stage_slope: float
    """K/s, over the last minutes."""
    needle_temperature: float
    """K."""
    shield_temperature: float
    """K, of the anti-contaminator; it must be the coldest."""
    setpoint: float
    """K."""
    ln2_hold: float
    """Seconds for which the liquid nitrogen lasts at the present use."""
    ln2_used: float
    """m³ of liquid nitrogen used so far; 0 where it is not measured."""
    refilling: bool


class CryoLimits(Written):
    """Limits of the lab file for the cold stage."""

    milling_temperature_max: Kelvin = 123.15
    """No ion beam above this stage temperature, -150 degC."""
    slope_max: KelvinPerSecond = 0.5 / 60
    """No milling or welding while the stage's temperature changes faster; ours, to verify."""
    needle_temperature_max: Kelvin = 123.15
    """No contact with a needle warmer than this: it would warm the lamella."""
    ln2_reserve: Seconds = 1800.0
    """Time for which nitrogen must last beyond what begins."""
    gis_temperature_min: Kelvin = 223.15
    """No gas below this stage temperature, -50 degC: it would condense."""
    reading_age_max: Seconds = 30.0
    """A reading older than this is no reading."""


@runtime_checkable
class Cryo(Protocol):
    """A cold stage with its needle and shield."""

    def identity(self) -> Identity:
        """Return which instrument this is."""
        ...

    def status(self) -> CryoStatus:
        """Return temperatures and nitrogen as they are now."""
        ...

    def safe(self) -> None:
        """Stay cold: a warm specimen is a lost one. May be repeated."""
        ...

    @action(on_interrupt="repeat", setting=True)
    def cool(self, setpoint: float) -> None:
        """Cool towards `setpoint` (K) and hold it; returns at once.

        Raises:
            LimitError: the stage cannot reach it.
        """
        ...
