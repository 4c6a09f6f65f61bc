"""What can go wrong at a Prodigy, and what its operator can do meanwhile.

Source: reference sheet xps-and-eds.md, 2.6. Faults of the specimen, the source and the gun are
those of the spectrometer behind it; those of the line are put in by a wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Definition = dict[str, float | str]
"""A spectrum's parameters as defined or validated."""


@dataclass
class Faults:
    """Each is off at first, and may be changed while the server runs."""

    analyser_offline: bool = False
    """SFAT cannot be defined and nothing is validated (202)."""
    modify: Callable[[Definition], Definition] | None = None
    """Validation changes the parameters."""
    early_points: int = 0
    """So many points are reported before they can be read."""
    unresponsive: set[str] = field(default_factory=set)
    """Devices that answer no more: their last value stays."""
    safe_state_fails: bool = False
    """SetSafeState ends with 215, and what was on stays on."""
    start_fails: bool = False
    clear_fails: bool = False
    disconnect_analyser_fails: bool = False
    ramp: float = 0.0
    """Seconds in which the detector's voltage comes down after a scan."""
    late: float = 0.0
    """Wall seconds by which each reply is late."""
    broken: str = ""
    """A command on which the server itself fails: 102."""
