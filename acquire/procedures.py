"""Which procedure does which kind of step, and with which instruments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.model import Step


@dataclass(frozen=True)
class Procedure:
    """How a kind of step is done."""

    roles: tuple[str, ...]
    """The instruments it needs, in the order of its arguments."""
    load: Callable[[], Callable[..., dict[str, Any]]]
    """Imports and returns the procedure: (step, *drivers, run) -> result."""


def _line_scan() -> Callable[..., dict[str, Any]]:
    from acquire.eds.line_scan import line_scan

    return line_scan


def _stem_image() -> Callable[..., dict[str, Any]]:
    from acquire.eds.stem_image import stem_image

    return stem_image


PROCEDURES: Mapping[str, Procedure] = {
    "eds_line_scan": Procedure(("stem",), _line_scan),
    "stem_image": Procedure(("stem",), _stem_image),
}


def procedure_of(step: Step) -> Procedure:
    """Return how a step is done."""
    return PROCEDURES[str(getattr(step, "kind", ""))]


def roles_of(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Return the instruments that the steps need, each once."""
    return tuple(dict.fromkeys(role for step in steps for role in procedure_of(step).roles))
