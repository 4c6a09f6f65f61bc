"""Random calls at a FIB against an oracle of its own: is anything unsafe let through?

    python -m tests.campaigns.fib_calls [calls] [seed]

Counts, by action, the calls that the oracle finds safe and unsafe, and what the gate makes of them.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from acquire.fib.rules import RULES
from acquire.gate import Facts, Gate, Monitor, Rule
from drivers.clock import JumpingClock
from drivers.cryo import CryoLimits, CryoStatus
from drivers.errors import InterlockError
from drivers.fib import FibLimits, FibStatus, Milling, NeedlePosition, StagePosition
from protocols.fib import Array, BeamImage, CleaningCrossSection, Rectangle, StagePlace
from protocols.lift_out import Ions, Layer, LiftOut
from tests.campaigns.fib_oracle import Call, unsafe

STEP = LiftOut(
    ions=Ions(species="gallium"),
    layers=(Layer(material="Li", thickness=1.5e-6), Layer(material="LiPON", thickness=1e-6)),
    interface=1.5e-6,
    site=StagePlace(x=0.0, y=0.0),
    grid=StagePlace(x=3e-3, y=0.0),
)
NOW = 10_000.0
"""Seconds since the run began."""
CHAIN = (
    "cold",
    "aligned",
    "electrolyte seen",
    "contact",
    "needle weld",
    "cut free",
    "lamella on needle",
    "over the grid",
    "grid weld",
    "released",
)
PURPOSES = ("trench", "undercut", "clean", "weld", "sever", "release", "thin", "polish")
FLAGS = (
    "vented",
    "stage_moving",
    "needle_moving",
    "gis_inserted",
    "gis_open",
    "milling",
)
NAN = math.nan
ODD: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(FLAGS, (True,)),
    "stage_homed": (False,),
    "electron_beam_on": (False,),
    "ion_beam_on": (False,),
    "electrons_blanked": (False,),
    "ions_blanked": (False,),
    "chamber_pressure": (2e-3, 1e5, NAN, 9e-4),
    "ion_current": (0.0, NAN, 1.3e-11, 5.0),
}
"""Fields of the FIB's status that go wrong, and how."""
ODD_COLD: dict[str, tuple[Any, ...]] = {
    "stage_temperature": (124.0, 110.0, 240.0, 300.0, NAN, 90.0),
    "stage_slope": (0.005, -0.005, 0.02, -0.02, NAN, math.inf),
    "needle_temperature": (124.0, 200.0, NAN, 120.0),
    "shield_temperature": (95.0, 300.0, NAN),
    "ln2_hold": (0.0, 1000.0, 1500.0, 2500.0, NAN),
    "refilling": (True,),
}


# -- the world -------------------------------------------------------------------------------


def world(draws: random.Random, action: str) -> tuple[FibStatus, CryoStatus]:
    """Return states in which an action may be called, some with a thing or two gone wrong."""
    at = draws.choice((STEP.site, STEP.grid))
    tilt = math.radians(draws.choice((52, 52, 52, 7, 0, 51, 53, draws.uniform(-10, 60))))
    place = StagePosition(
        at.x + draws.gauss(0, 5e-6), at.y + draws.gauss(0, 5e-6), draws.gauss(0, 5e-6), 0.0, tilt
    )
    if draws.random() < 0.05:
        place = replace(place, x=draws.uniform(-0.01, 0.01), z=draws.choice((0.0, 6e-3)))
    fib = FibStatus(
        chamber_pressure=1e-4,
        vented=False,
        stage=place,
        stage_moving=False,
        stage_homed=True,
        needle=needle_place(draws),
        needle_inserted=draws.random() < (0.9 if action == "fib.move_needle" else 0.3),
        needle_moving=False,
        electron_beam_on=True,
        ion_beam_on=True,
        electrons_blanked=True,
        ions_blanked=True,
        ion_current=10e-12,
        ion_current_set=10e-12,
        gis_inserted=False,
        gis_open=False,
        milling=False,
    )
    cryo = CryoStatus(88.2, 1e-4, 92.0, 85.0, 88.15, 20_000.0, 6e-3, False)
    if action == "fib.insert_gis" and draws.random() < 0.7:
        cryo = replace(cryo, stage_temperature=draws.uniform(200, 300))
    return _spoilt(draws, fib, ODD), _spoilt(draws, cryo, ODD_COLD)


def _spoilt(draws: random.Random, status: Any, odd: dict[str, tuple[Any, ...]]) -> Any:
    """Return a status, in one case of four with a reading or two gone wrong."""
    if draws.random() > 0.25:
        return status
    names = draws.sample(sorted(odd), draws.choice((1, 1, 2)))
    return replace(status, **{name: draws.choice(odd[name]) for name in names})


def needle_place(draws: random.Random) -> NeedlePosition:
    """Return a needle near the lamella's end, beside it, or parked."""
    spread = draws.choice((1e-6, 5e-6, 40e-6))
    height = abs(draws.gauss(0, spread)) - draws.choice((0.0, 1e-6))
    if draws.random() < 0.2:
        height = draws.uniform(30e-6, 60e-6)
    return NeedlePosition(6e-6 + draws.gauss(0, spread), draws.gauss(0, spread), height)


def verified(draws: random.Random) -> dict[str, float]:
    """Return facts with their ages: the chain as far as it goes, some of it astray."""
    reached = draws.randint(0, len(CHAIN))
    facts = {fact: draws.uniform(0, 1100) for fact in CHAIN[:reached]}
    if draws.random() < 0.2:
        astray = draws.choice(CHAIN)
        if facts.pop(astray, None) is None:
            facts[astray] = draws.uniform(0, 1100)
    return facts


# -- the calls -------------------------------------------------------------------------------


def image(draws: random.Random) -> BeamImage:
    """Return an image to take."""
    made = BeamImage(
        field=draws.choice((4e-6, 12e-6, 40e-6)),
        frames=draws.choice((1, 4, 256)),
        dwell=draws.choice((1e-6, 1e-5)),
        current=draws.choice((10e-12, 10e-12, 1e-12, 30e-12, 100e-12)),
    )
    if draws.random() > 0.05:
        return made
    odd = {draws.choice(("field", "dwell", "current")): draws.choice((NAN, math.inf, 0.0, -1e-6))}
    return made.model_copy(update=odd)


def pattern(draws: random.Random, purpose: str, half: float) -> Any:
    """Return a pattern as the purpose wants it, or one somewhere."""
    side = draws.choice((-1, 1))
    if draws.random() < 0.25:
        x, y = draws.uniform(-22e-6, 22e-6), draws.choice((1e-6, 10e-6)) * draws.uniform(-2, 2)
        wide, tall = 10 ** draws.uniform(-7, -4.8), 10 ** draws.uniform(-7, -4.8)
        made = Rectangle(x=x, y=y, width=wide, height=tall)
        return made if draws.random() > 0.05 else made.model_copy(update={"x": NAN})
    if purpose in ("weld", "release", "sever"):
        x = side * draws.uniform(2e-6, 7e-6)
        if purpose == "weld":
            return Array(
                x=x, y=0.0, count=draws.randint(1, 6), along=draws.choice(("x", "y")),
                pitch=0.75e-6, width=0.5e-6, height=1e-6, scan="left_to_right",
            )  # fmt: skip
        return Rectangle(x=x, y=draws.gauss(0, 1e-6), width=1e-6, height=3e-6)
    tall = draws.choice((8e-6, 0.5e-6, 0.05e-6))
    return CleaningCrossSection(
        x=draws.gauss(0, 1e-6), y=side * (half + tall / 2), width=14e-6, height=tall,
        scan="top_to_bottom",
    )  # fmt: skip


def job(draws: random.Random) -> Milling:
    """Return patterns to mill."""
    purpose: Any = draws.choice(PURPOSES)
    settings = getattr(STEP, purpose)
    around = (draws.gauss(0, 1e-6), draws.gauss(0, 1e-6))
    half = draws.choice((1.25e-6, 0.75e-6, 0.3e-6, 45e-9, 30e-9, 10e-9, 0.0, -50e-9))
    made = [pattern(draws, purpose, half) for _ in range(draws.choice((1, 1, 2)))]
    placed = [
        each.model_copy(update={"x": each.x + around[0], "y": each.y + around[1]}) for each in made
    ]
    charge = 10 ** draws.uniform(-11, -6)
    whole = Milling(
        purpose,
        tuple(placed),
        settings.current * draws.choice((1.0, 1.0, 1.0, 0.3, 2.0, 100.0)),
        30e3,
        charge,
        charge * draws.choice((0.0, 0.0, 0.5)),
        around,
    )
    if draws.random() > 0.08:
        return whole
    odd: dict[str, Any] = {
        "current": (5.0, NAN, 0.0, -1e-9),
        "charge": (NAN, math.inf, 0.0),
        "done": (NAN, 1.0, -1.0),
        "voltage": (5e3, NAN),
        "patterns": ((),),
        "around": ((NAN, 0.0), (30e-6, 0.0)),
    }
    name = draws.choice(sorted(odd))
    return replace(whole, **{name: draws.choice(odd[name])})


def stage_target(draws: random.Random, here: StagePosition) -> StagePosition:
    """Return where the stage is to go."""
    if draws.random() < 0.3:
        way = 10 ** draws.uniform(-7, -5)
        return replace(here, x=here.x + way, y=here.y - way / 2, t=here.t)
    at = draws.choice((STEP.site, STEP.grid))
    to = StagePosition(at.x, at.y, draws.uniform(-2e-3, 7e-3), 0.0, math.radians(52))
    to = replace(to, t=math.radians(draws.uniform(-15, 65)))
    if draws.random() > 0.15:
        return to
    odd = {"x": (NAN, 10.0, math.inf, 0.056), "t": (52.0, NAN, 2.97), "r": (180.0, NAN, 3.1)}
    name = draws.choice(sorted(odd))
    return replace(to, **{name: draws.choice(odd[name])})


def needle_target(draws: random.Random, here: NeedlePosition) -> tuple[NeedlePosition, float]:
    """Return where the needle is to go, and the way that is said of it."""
    way = 10 ** draws.uniform(-7, -4.3)
    if draws.random() < 0.4:
        to = replace(here, z=here.z + way)
    else:
        spread = [draws.gauss(0, 0.6) * way for _ in range(3)]
        to = NeedlePosition(here.x + spread[0], here.y + spread[1], here.z + spread[2])
    if draws.random() < 0.05:
        to = replace(to, **{draws.choice("xyz"): draws.choice((NAN, math.inf, 2e-4, -2e-5))})
    true = here.to(to)
    return to, true * draws.choice((1.0,) * 19 + (0.5,))


def random_call(draws: random.Random) -> Call:
    """Return any call in any world."""
    action = draws.choice(sorted(RULES))
    fib, cryo = world(draws, action)
    running = draws.random() < 0.3
    arguments: tuple[Any, ...] = ()
    if action.endswith("image"):
        arguments = (image(draws),)
    elif action == "fib.mill":
        arguments = (job(draws),)
    elif action == "fib.move_stage":
        arguments = (stage_target(draws, fib.stage),)
    elif action == "fib.move_needle":
        arguments = needle_target(draws, fib.needle)
    elif action == "cryo.cool":
        arguments = (draws.choice((88.15, 100.0, 77.0, -185.0, 130.0, 4.0, NAN, 293.0)),)
    facts = verified(draws)
    if action == "fib.mill" and draws.random() < 0.8:
        fib, facts = fitting(draws, arguments[0], fib, facts)
    if running:
        fib = under_way(draws, action, arguments, fib)
    step = STEP if draws.random() < 0.95 else None
    return Call(action, arguments, running, fib, cryo, facts, step)


def fitting(
    draws: random.Random, made: Milling, fib: FibStatus, facts: dict[str, float]
) -> tuple[FibStatus, dict[str, float]]:
    """Return the state and facts in which patterns of that purpose are usually milled."""
    place = STEP.grid if made.purpose in ("release", "thin", "polish") else STEP.site
    tilt = STEP.undercut.tilt if made.purpose == "undercut" else math.radians(52)
    stage = replace(fib.stage, x=place.x, y=place.y, t=tilt + draws.choice((0.0, 0.0175, -0.0175)))
    with_needle = made.purpose in ("weld", "sever", "release")
    needed = {"sever": "needle weld", "release": "grid weld"}.get(made.purpose, "cold")
    return (
        replace(fib, stage=stage, needle_inserted=with_needle),
        {"aligned": draws.uniform(0, 950), needed: 10.0, **facts},
    )


def under_way(
    draws: random.Random, action: str, arguments: tuple[Any, ...], fib: FibStatus
) -> FibStatus:
    """Return a status as it is while the action goes on, the beam's current mostly as asked."""
    if action == "fib.electron_image":
        return replace(fib, electrons_blanked=False)
    if action in ("fib.ion_image", "fib.mill"):
        current = arguments[0].current * draws.choice((1.0, 1.05, 0.9, 1.2, 0.5))
        spoilt = fib.ion_current != 10e-12
        return replace(
            fib,
            ions_blanked=False,
            milling=action == "fib.mill",
            ion_current=fib.ion_current if spoilt else current,
        )
    if action == "fib.move_stage":
        return replace(fib, stage_moving=True)
    return replace(fib, needle_moving=True) if action.endswith("needle") else fib


# -- the gate --------------------------------------------------------------------------------


def refusal(call: Call, rules: Mapping[str, Sequence[Rule]] = RULES) -> str | None:
    """Return why the gate refuses a call, None where it lets it through."""
    clock = JumpingClock()
    facts = Facts(lambda: NOW)
    for fact, age in call.facts.items():
        facts.set(fact, True, NOW - age)
    monitors = {
        "fib": Monitor(lambda: call.fib, clock, 2.0),
        "cryo": Monitor(lambda: call.cryo, clock, 30.0),
    }
    gate = Gate(rules, monitors, {"fib": FibLimits(), "cryo": CryoLimits()}, facts)
    try:
        gate.check(call.action, call.arguments, call.step, running=call.running)
    except InterlockError as error:
        return str(error)
    return None


@dataclass
class Tally:
    """What became of the calls."""

    safe: Counter[str] = field(default_factory=Counter)
    unsafe: Counter[str] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)
    """The unsafe ones by what the oracle says first."""
    accepted: Counter[str] = field(default_factory=Counter)
    """Of the safe ones."""
    let_through: list[tuple[str, Call]] = field(default_factory=list)
    """Of the unsafe ones, each with why it is unsafe."""
    too_strict: Counter[str] = field(default_factory=Counter)
    """Refusals of safe calls, by how the reason begins."""

    @property
    def share(self) -> float:
        """Share of the safe calls that is accepted."""
        return self.accepted.total() / max(1, self.safe.total())


def tally(calls: int, seed: int, rules: Mapping[str, Sequence[Rule]] = RULES) -> Tally:
    """Make that many random calls and count."""
    draws, made = random.Random(seed), Tally()
    for _ in range(calls):
        call = random_call(draws)
        why, refused = unsafe(call), refusal(call, rules)
        if why is not None:
            made.unsafe[call.action] += 1
            made.why[why] += 1
            if refused is None:
                made.let_through.append((why, call))
            continue
        made.safe[call.action] += 1
        if refused is None:
            made.accepted[call.action] += 1
        else:
            made.too_strict[refused[:70]] += 1
    return made


def main() -> None:
    """Print the table."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    made = tally(calls, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(f"{'action':22} {'safe':>7} {'accepted':>9} {'unsafe':>7}")
    for action in sorted(RULES):
        print(
            f"{action:22} {made.safe[action]:7} {made.accepted[action]:9} {made.unsafe[action]:7}"
        )
    print(f"{len(made.let_through)} unsafe let through; {made.share:.2%} of the safe accepted")
    print("unsafe, by check: " + ", ".join(f"{why} {n}" for why, n in sorted(made.why.items())))
    for why, call in made.let_through[:5]:
        print(f"  LET THROUGH: {why}: {call.action} {call.arguments} {call.fib}")
    for reason, count in made.too_strict.most_common(8):
        print(f"  {count} refused though safe: {reason}")


if __name__ == "__main__":
    main()
