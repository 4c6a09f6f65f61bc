"""The interface of each role that liftline knows; anyone's package may add drivers of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.action import Action, action_of
from drivers.cryo import Cryo
from drivers.fib import Fib
from drivers.potentiostat import Potentiostat
from drivers.stem import Stem
from drivers.xps import Xps

INTERFACES: Mapping[str, type[Any]] = {
    "stem": Stem,
    "fib": Fib,
    "cryo": Cryo,
    "xps": Xps,
    "potentiostat": Potentiostat,
}


def known_action(name: str) -> Action | None:
    """Return what the interface says of an action, such as stem.image; None of an unknown one."""
    role, _, method = name.partition(".")
    kind: Any = INTERFACES.get(role)
    return action_of(kind, method) if kind is not None and hasattr(kind, method) else None
