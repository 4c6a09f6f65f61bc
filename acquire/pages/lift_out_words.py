"""How a lift-out ended, in words that come first on its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acquire.fib.lift_out_data import LiftOutData


@dataclass(frozen=True)
class Verdict:
    """The first words of the page."""

    word: str
    text: str
    colour: str
    """Of the report's states: finished, running, stopped, fault."""


def verdict(
    data: LiftOutData, result: Mapping[str, Any] | None, view: Mapping[str, Any]
) -> Verdict:
    """Return how the lift-out ended, or how far it is."""
    if result is None:
        return _unfinished(data, view)
    reason = str(result.get("reason") or "")
    if result.get("success") is True:
        return Verdict("Success:", reason or "the lamella is on the grid", "finished")
    if data.asked.last not in ("polish", "final"):
        return Verdict("As far as asked:", reason or f"up to {data.asked.last}", "finished")
    return Verdict("No success:", reason or "the record gives no reason", "fault")


def _unfinished(data: LiftOutData, view: Mapping[str, Any]) -> Verdict:
    begun = [span for span in data.spans if span.begun is not None]
    where = f"in stage {begun[-1].name.replace('_', ' ')}" if begun else "before its first stage"
    done = sum(span.state == "done" for span in data.spans)
    far = f"{where}, {done} of {len(data.asked.stages)} stages done"
    if view["state"] == "running":
        return Verdict("Goes on:", far, "running")
    if view["state"] == "waiting":
        return Verdict("Waits for an answer:", far, "waiting")
    reason = f": {view['reason']}" if view["reason"] else ""
    return Verdict("Not ended:", f"it stopped {far}{reason}", "stopped")


def told_species(data: LiftOutData) -> str:
    """Return the ions as written, as reported, and as a publication states them."""
    ions = data.asked.ions
    reported = "not asked" if data.setup is None else data.setup.ion_species or "nothing"
    text = f"{ions.species} as the protocol wants; the instrument reports {reported}"
    if ions.as_stated is None:
        return text
    unlike = "" if ions.as_stated == ions.species else ", which differs"
    return f"{text}; stated in the publication: {ions.as_stated}{unlike}"
