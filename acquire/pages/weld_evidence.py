"""What speaks for each weld: images before and after, gap, what is closed of it, bridged area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acquire.fib.lift_out_data import LiftOutData
from acquire.pages.stage_pictures import Pair, StagePicture, drawn
from protocols.lift_out import Weld

AREA = "µm²"


@dataclass(frozen=True)
class WeldEvidence:
    """One try at a joint, in words and images."""

    joint: str
    verified: bool
    said: str
    gap: str
    closed: str
    area: str
    before: StagePicture | None
    after: StagePicture | None


def welds(
    data: LiftOutData, found: Sequence[Mapping[str, Any]], pairs: Sequence[Pair]
) -> Iterator[WeldEvidence]:
    """Yield every try at a joint, oldest first.

    Args:
        data: the lift-out.
        found: what the procedure says of each try.
        pairs: the images around each, in the same order; fewer where a try milled nothing.
    """
    for number, weld in enumerate(found):
        pair = pairs[number] if number < len(pairs) else None
        joint = str(weld.get("joint", "?"))
        settings = data.asked.weld if joint == "needle" else data.asked.weld_grid
        yield _evidence(joint, settings, weld, pair)


def _evidence(
    joint: str, settings: Weld, weld: Mapping[str, Any], pair: Pair | None
) -> WeldEvidence:
    holds = weld.get("verified") is True
    before = None if pair is None or pair.before is None else drawn(pair.before)
    after = None if pair is None or pair.after is None else drawn(pair.after)
    return WeldEvidence(
        joint=joint.replace("_", " "),
        verified=holds,
        said="verified" if holds else f"not verified{_why(weld)}",
        gap=_length(weld.get("gap_m"), settings.gap_max),
        closed=_share(weld.get("closed")),
        area=_area(weld.get("area_m2"), settings.area_min),
        before=before,
        after=after,
    )


def _why(weld: Mapping[str, Any]) -> str:
    return f": {weld['refusal']}" if weld.get("refusal") else ""


def _length(gap: float | None, most: float) -> str:
    if gap is None:
        return "not measured"
    return f"{gap * 1e6:.2f} µm (at most {most * 1e6:.2f})"


def _share(closed: float | None) -> str:
    return "not measured" if closed is None else f"{closed:.0%}"


def _area(area: float | None, least: float) -> str:
    asked = f"at least {least * 1e12:.2g} {AREA}"
    return f"not known ({asked})" if area is None else f"{area * 1e12:.2f} {AREA} ({asked})"
