"""What speaks for each weld: images before and after, the gap, the bridged area."""

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
    """A joint, in words and images."""

    joint: str
    verified: bool
    said: str
    gap: str
    area: str
    tries: str
    before: StagePicture | None
    after: StagePicture | None


def welds(data: LiftOutData, pairs: Sequence[Pair]) -> Iterator[WeldEvidence]:
    """Yield every joint that was filled, oldest first, with the images around each."""
    for number in range(max(len(data.welds), len(pairs))):
        weld = data.welds[number] if number < len(data.welds) else {}
        joint = str(weld.get("joint", "not looked at yet"))
        settings = data.asked.weld if joint == "needle" else data.asked.weld_grid
        yield _evidence(joint, settings, weld, pairs[number] if number < len(pairs) else None)


def _evidence(
    joint: str, settings: Weld, weld: Mapping[str, Any], pair: Pair | None
) -> WeldEvidence:
    holds = weld.get("verified") is True
    return WeldEvidence(
        joint=joint.replace("_", " "),
        verified=holds,
        said="verified" if holds else "not verified",
        gap=_length(weld.get("gap_m"), settings.gap_max),
        area=_area(weld, settings.area_min),
        tries=str(weld.get("tries", "-")),
        before=None if pair is None or pair.before is None else drawn(pair.before, pair.at),
        after=None if pair is None or pair.after is None else drawn(pair.after, pair.at),
    )


def _length(gap: float | None, most: float) -> str:
    if gap is None:
        return "-"
    return f"{gap * 1e6:.2f} µm (at most {most * 1e6:.2g})"


def _area(weld: Mapping[str, Any], least: float) -> str:
    area, sigma = weld.get("area_m2"), weld.get("area_sigma_m2")
    asked = f"(at least {least * 1e12:.2g})"
    if area is None:
        return f"- {asked}"
    error = "" if sigma is None else f" ± {sigma * 1e12:.2f}"
    return f"{area * 1e12:.2f}{error} {AREA} {asked}"
