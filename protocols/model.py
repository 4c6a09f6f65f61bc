"""What every written thing shares: frozen, no unknown keys, docstrings as descriptions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from protocols.units import Metres


class Written(BaseModel):
    """Frozen data as a person writes it: an unknown key is an error, NaN is never valid."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


def wrong(message: str) -> PydanticCustomError:
    """Return the error that says `message` of a part of what is written."""
    return PydanticCustomError("protocol", "{message}", {"message": message})


class StopAfter(Written):
    """Go on a declared distance past the flag, then end the step as the protocol foresees."""

    stop_after: Annotated[Metres, Field(gt=0)]
    """How far to go on past the place where the flag was raised."""


FlagPolicy = Literal["note", "ask", "stop"] | StopAfter
"""What a flag does: note it, ask the operator, stop the run, or stop after a distance."""

Unattended = Literal["safe", "wait", "stop"]
"""A question with nobody there: take the safe choice, wait with all beams off, or stop the run."""


class Step(Written):
    """One thing to do. Several make a session."""

    name: str | None = Field(default=None, min_length=1, max_length=80)
    """A name of your own for this step, shown in progress, flags and files."""
    unattended: Unattended = "wait"
    """What a question of this step does when nobody answers."""
    on_fault: Literal["stop", "ask"] = "stop"
    """When an instrument fails or an interlock trips: stop the run, or ask whether to try again."""

    @property
    def budgets(self) -> dict[str, float]:
        """What this step may spend, by kind of budget; it may spend nothing else."""
        return {}

    @property
    def gives_up(self) -> frozenset[str]:
        """Actions of this step, such as stem.spectrum, that spoil their place on purpose."""
        return frozenset()
