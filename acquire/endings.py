"""Ways in which a run or a step ends before its procedure does. They are not errors."""

from __future__ import annotations


class Ending(Exception):  # noqa: N818 - it is not an error
    """The procedure is left here; whatever it used is safe already."""


class RunStopped(Ending):
    """The operator, or a flag whose policy says so, stopped the run."""


class StepSkipped(Ending):
    """The operator skipped the rest of this step."""


class RunWaits(Ending):
    """A question has no answer yet; the run goes on when it is answered and resumed."""


class Paused(Ending):
    """The operator pauses an action that can go on with what is left of it."""
