"""What came of a campaign, for a person and for a machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from acquire.torture.campaign import Tally
from acquire.torture.course import Course
from acquire.torture.ordeal import Broken


def repeated_by(broken: Broken, words: list[str]) -> str:
    """Return the command that repeats the try; `words` are the campaign's own."""
    return shlex.join(["liftline", "torture", *words, "--only", broken.plan.name])


def told(course: Course, tally: Tally, words: list[str]) -> Iterator[str]:
    """Yield lines: what was tried, and of each thing that broke what, how, and its command."""
    fresh = sum(boundary.fresh for boundary in course.boundaries)
    yield (
        f"{course.protocol.name}: undisturbed it passes {len(course.boundaries)} boundaries of its "
        f"journal, {fresh} of which leave something else on the disk"
    )
    unseen = [c.role for c in course.lab.instruments if not (c.spec.ledger or c.spec.after)]
    if unseen:
        yield (
            f"not checked: what {', '.join(unseen)} really did; the driver keeps no ledger "
            "(DriverSpec.ledger)"
        )
    wrong = {broken.plan.name: broken.plan for broken in tally.broken}
    yield f"{'family':32}{'tries':>8}{'broken':>8}"
    for family, count in tally.tried.items():
        broken = sum(plan.family == family for plan in wrong.values())
        yield f"{family:32}{count:8}{broken:8}"
    yield f"{'trouble':32}{'times':>8}{'broken':>8}"
    for kind, count in sorted(tally.kinds.items()):
        broken = sum(kind in plan.kinds for plan in wrong.values())
        yield f"{kind:32}{count:8}{broken:8}"
    ended = ", ".join(f"{count} {state}" for state, count in sorted(tally.ended.items()))
    yield f"{tally.sessions} sessions; tries ended: {ended or 'none'}"
    for name, plan in wrong.items():
        mine = [each for each in tally.broken if each.plan.name == name]
        yield f"BROKEN {name} ({'; '.join(plan.told()) or 'killed'}), session {mine[0].session}"
        yield from (f"  {each.invariant.replace('_', ' ')}: {each.text}" for each in mine[:5])
        yield f"  repeat: {repeated_by(mine[0], words)}"
    total = sum(tally.tried.values())
    yield f"{total} tries, {len(wrong)} broken"


def as_dict(course: Course, tally: Tally, words: list[str]) -> dict[str, Any]:
    """Return the same for a machine."""
    return {
        "protocol": course.protocol.name,
        "seed": course.seed,
        "boundaries": len(course.boundaries),
        "boundaries_that_differ": sum(boundary.fresh for boundary in course.boundaries),
        "tries": dict(tally.tried),
        "troubles": dict(tally.kinds),
        "sessions": tally.sessions,
        "ended": dict(tally.ended),
        "broken": [
            {
                "try": each.plan.name,
                "troubles": each.plan.told(),
                "session": each.session,
                "invariant": each.invariant,
                "text": each.text,
                "repeat": repeated_by(each, words),
            }
            for each in tally.broken
        ],
    }
