"""The interface of each role that liftline knows; anyone's package may add drivers of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drivers.action import Action, action_of
from drivers.cryo import Cryo, CryoLimits
from drivers.fib import Fib, FibLimits
from drivers.potentiostat import Potentiostat, PotentiostatLimits
from drivers.stem import Stem, StemLimits
from drivers.xps import Xps, XpsLimits
from protocols.model import Written


@dataclass(frozen=True)
class Role:
    """What an instrument of a role is."""

    kind: type
    """Its interface."""
    limits: type[Written]


ROLES: Mapping[str, Role] = {
    "stem": Role(Stem, StemLimits),
    "fib": Role(Fib, FibLimits),
    "xps": Role(Xps, XpsLimits),
    "potentiostat": Role(Potentiostat, PotentiostatLimits),
    "cryo": Role(Cryo, CryoLimits),
}


def known_action(name: str) -> Action | None:
    """Return what the interface says of an action, such as stem.image; None of an unknown one."""
    role, _, method = name.partition(".")
    kind: Any = ROLES[role].kind if role in ROLES else None
    return action_of(kind, method) if kind is not None and hasattr(kind, method) else None
