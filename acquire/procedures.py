"""Which procedure does which kind of step, with which instruments, and what goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from acquire.plan import StepPlan
from protocols.model import Step

if TYPE_CHECKING:
    from acquire.record import RunRecord, StepRecord


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a kind of step is shown; each part is named `module:function` and imported when used."""

    page: str
    """The report's part: (record, step, view) -> StepPage."""
    views: str | None = None
    """Writes the files that show its data: (record, step) -> paths."""

    def write_views(self, record: RunRecord, step: StepRecord) -> Iterator[Path]:
        """Write the files that show the step's data; yield their paths."""
        if self.views is not None:
            yield from resolve_name(self.views)(record, step)


@dataclass(frozen=True)
class Procedure(Shown):
    """How a kind of step is done, and shown."""

    roles: tuple[str, ...]
    """The instruments it needs, in the order of its arguments."""
    do: str
    """The procedure: (step, *drivers, run) -> result."""
    plan: str
    """What it would do: (index, step, limits by role) -> StepPlan."""

    def load(self) -> Callable[..., dict[str, Any]]:
        """Return the procedure."""
        found: Callable[..., dict[str, Any]] = resolve_name(self.do)
        return found

    def planned(self, index: int, step: Step, limits: Mapping[str, Any]) -> StepPlan:
        """Return what the step would do."""
        made: StepPlan = resolve_name(self.plan)(index, step, limits)
        return made


PROCEDURES: Mapping[str, Procedure] = {
    "eds_line_scan": Procedure(
        ("stem",),
        do="acquire.eds.line_scan:line_scan",
        plan="acquire.eds.plan:line_scan_plan",
        page="acquire.pages.line_scan:line_scan_page",
        views="acquire.eds.view:line_scan_views",
    ),
    "beam_damage": Procedure(
        ("stem",),
        do="acquire.eds.beam_damage:beam_damage",
        plan="acquire.eds.damage_plan:damage_plan",
        page="acquire.pages.beam_damage:damage_page",
        views="acquire.eds.damage_view:damage_views",
    ),
    "eds_map": Procedure(
        ("stem",),
        do="acquire.eds.eds_map:eds_map",
        plan="acquire.eds.map_plan:map_plan",
        page="acquire.pages.eds_map:map_page",
        views="acquire.eds.map_view:map_views",
    ),
    "stem_image": Procedure(
        ("stem",),
        do="acquire.eds.stem_image:stem_image",
        plan="acquire.eds.plan:image_plan",
        page="acquire.pages.stem_image:image_page",
    ),
    "lift_out": Procedure(
        ("fib", "cryo"),
        do="acquire.fib.lift_out:lift_out",
        plan="acquire.fib.plan:lift_out_plan",
        page="acquire.pages.lift_out:lift_out_page",
    ),
    "depth_profile": Procedure(
        ("xps",),
        do="acquire.xps.depth_profile:depth_profile",
        plan="acquire.xps.plan:profile_plan",
        page="acquire.pages.depth_profile:depth_profile_page",
        views="acquire.xps.view:profile_views",
    ),
    "cycling": Procedure(
        ("potentiostat",),
        do="acquire.cycling.cycling:cycling",
        plan="acquire.cycling.plan:cycling_plan",
        page="acquire.pages.cycling:cycling_page",
        views="acquire.cycling.view:cycling_views",
    ),
}

SHOWN: Mapping[str, Shown] = {
    **PROCEDURES,
    "session": Shown(
        page="acquire.pages.by_hand:by_hand_page", views="acquire.session.views:views"
    ),
}
"""How each kind of step that a record may hold is shown; calls by hand have no procedure."""


def procedure_of(step: Step) -> Procedure:
    """Return how a step is done."""
    return PROCEDURES[str(getattr(step, "kind", ""))]


def roles_of(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Return the instruments that the steps need, each once."""
    return tuple(dict.fromkeys(role for step in steps for role in procedure_of(step).roles))
