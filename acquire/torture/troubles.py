"""What happens to each try: drawn from the campaign's seed and the try's name, so repeatable."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError

from drivers.lab import Lab
from protocols.model import Written

HORIZON = 3
"""Actions that a try goes on for after a crash, where it does not go to the run's end."""
TO_THE_END = 0.05
"""Share of the crashes at boundaries after which the run goes to its end."""
AWAY = (1.0, 20.0, 200.0, 3600.0)
"""s for which nobody is there between two sessions, while the instruments go on."""
STEPS = (-86400.0 * 365, -3600.0, -1.0, 1.0, 3600.0, 86400.0)
"""s by which the computer's date may jump between two sessions."""


@dataclass(frozen=True)
class Weather:
    """How the network between a run and its instruments is."""

    lost: float = 0.0
    """Share of messages, either way, that never arrive."""
    twice: float = 0.0
    """Share that arrive twice."""
    late: float = 0.0
    """Share that arrive up to `delay` late, after others that were sent later."""
    delay: float = 0.0
    """Wall s."""
    down_after: int | None = None
    """Messages after which nothing gets through for a while."""
    down: float = 0.0
    """Wall s."""

    def told(self) -> Iterator[str]:
        """Yield what happens, in words."""
        if self.lost:
            yield f"{self.lost:.1%} of messages lost"
        if self.twice:
            yield f"{self.twice:.1%} doubled"
        if self.late:
            yield f"{self.late:.1%} up to {self.delay:.2f} s late"
        if self.down_after is not None:
            yield f"network down for {self.down:.1f} s after {self.down_after} messages"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of trouble, for the table."""
        there = {
            "messages lost": self.lost,
            "messages doubled": self.twice,
            "messages late, out of order": self.late,
            "network down": self.down,
        }
        return tuple(kind for kind, share in there.items() if share)


CALM = Weather()


@dataclass(frozen=True)
class Session:
    """What happens to one session of a run; left out, nothing does."""

    crash: int | None = None
    """The power goes at the boundary of this number, from 0, of the session."""
    room: float | None = None
    """Bytes to which the journal may grow before the disk is full."""
    blocked: int | None = None
    """From this boundary on no file can be written into `data`."""
    slow: frozenset[int] = frozenset()
    """Boundaries at which the disk takes long."""
    step: float = 0.0
    """s by which the date has jumped since the last session."""
    away: float = 0.0
    """s that have passed for instruments and date since the last session."""
    attended: bool = True
    """Somebody answers at once; else the run waits where its rule says so, and is answered."""
    weather: Weather = CALM
    """Between the run and instruments that are served to it."""
    actions: int | None = None
    """The operator stops it after so many actions."""

    def told(self) -> Iterator[str]:
        """Yield what happens, in words."""
        if self.crash is not None:
            yield f"crash at boundary {self.crash}"
        if self.room is not None:
            yield f"disk full at {self.room / 1e3:.0f} kB"
        if self.blocked is not None:
            yield f"data folder not writable from boundary {self.blocked} on"
        if self.slow:
            yield f"slow disk at boundaries {', '.join(map(str, sorted(self.slow)))}"
        if self.step:
            yield f"date jumps by {self.step:g} s"
        if self.away:
            yield f"{self.away:g} s away"
        if not self.attended:
            yield "nobody there"
        yield from self.weather.told()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of trouble, for the table."""
        there = {
            "crash": self.crash is not None,
            "disk full": self.room is not None,
            "data folder not writable": self.blocked is not None,
            "slow disk": bool(self.slow),
            "date jumps": self.step != 0,
            "time away": self.away > 0,
            "nobody there": not self.attended,
        }
        mine = (kind for kind, is_there in there.items() if is_there)
        return (*mine, *self.weather.kinds)


@dataclass(frozen=True)
class Plan:
    """What happens to one try."""

    name: str
    """Family and number, such as `crash 17`: what `--only` takes."""
    sessions: tuple[Session, ...]
    """From the first on; those after them are left in peace."""
    faults: Mapping[str, tuple[Written, ...]] = field(default_factory=dict)
    """Of the simulated instruments, by role."""

    @property
    def family(self) -> str:
        """crash, tail, kill, network or mixed."""
        return self.name.split()[0]

    @property
    def number(self) -> int:
        """Within the family."""
        return int(self.name.split()[1])

    @property
    def transient(self) -> bool:
        """True if nothing happens that may change what is measured."""
        later = any(session.step > 0 or session.away > 0 for session in self.sessions)
        return not self.faults and not later

    def told(self) -> list[str]:
        """Return what happens, in words."""
        return [text for session in self.sessions for text in session.told()] + [
            f"{role} {fault}" for role, faults in self.faults.items() for fault in faults
        ]

    @property
    def kinds(self) -> list[str]:
        """Kinds of trouble, for the table."""
        faults = [fault for each in self.faults.values() for fault in each]
        names = [f"fault: {getattr(fault, 'kind', type(fault).__name__)}" for fault in faults]
        return [kind for session in self.sessions for kind in session.kinds] + names


def dice(seed: int, name: str) -> random.Random:
    """Return the draws of one try."""
    return random.Random(f"torture/{seed}/{name}")


def crash(seed: int, number: int, *, whole: bool = False) -> Plan:
    """Return the try of a crash at one boundary; most go on for a few actions only."""
    name = f"crash {number}"
    draw = dice(seed, name)
    away = draw.choice(AWAY) if draw.random() < 0.25 else 0.0
    whole = whole or draw.random() < TO_THE_END
    after = Session(actions=None if whole else HORIZON, away=away)
    return Plan(name, (Session(crash=number), after))


def stormy(seed: int, number: int, *, messages: int) -> Plan:
    """Return the try of a bad network in one or two sessions; a run sends so many messages."""
    draw = dice(seed, f"network {number}")
    return Plan(
        f"network {number}",
        tuple(Session(weather=_weather(draw, messages)) for _ in range(draw.randint(1, 2))),
    )


def _weather(draw: random.Random, messages: int) -> Weather:
    down = draw.random() < 0.6
    return Weather(
        lost=draw.choice((0.0, 0.01, 0.05)),
        twice=draw.choice((0.0, 0.02, 0.2)),
        late=draw.choice((0.0, 0.05, 0.2)),
        delay=draw.choice((0.05, 0.4)),
        down_after=draw.randrange(messages) if down else None,
        down=draw.uniform(0.3, 5.0) if down else 0.0,
    )


def mixed(
    seed: int, number: int, *, boundaries: int, size: float, seconds: float, lab: Lab
) -> Plan:
    """Return the try of several troubles in one run.

    Args:
        seed: of the campaign.
        number: of the try.
        boundaries: how many the undisturbed run passes.
        size: of its journal, bytes.
        seconds: that it takes, of the lab's clock.
        lab: whose simulators may have faults.
    """
    name = f"mixed {number}"
    draw = dice(seed, name)
    while True:
        sessions = tuple(_session(draw, boundaries, size, n) for n in range(draw.randint(1, 3)))
        faults = dict(_faults(draw, lab, seconds)) if draw.random() < 0.6 else {}
        plan = Plan(name, sessions, faults)
        if len(plan.kinds) >= 2:
            return plan


def _session(draw: random.Random, boundaries: int, size: float, number: int) -> Session:
    def sometimes(share: float, value: Any) -> Any:
        return value if draw.random() < share else None

    def somewhere() -> int:
        return int(boundaries * draw.random() ** (1 if number == 0 else 2))

    return Session(
        crash=sometimes(0.7, somewhere()),
        room=sometimes(0.15, size * draw.uniform(0.1, 1.0)),
        blocked=sometimes(0.1, somewhere()),
        slow=frozenset(somewhere() for _ in range(3)) if draw.random() < 0.1 else frozenset(),
        step=draw.choice(STEPS) if number and draw.random() < 0.2 else 0.0,
        away=draw.choice(AWAY) if number and draw.random() < 0.3 else 0.0,
        attended=draw.random() < 0.7,
    )


def _faults(
    draw: random.Random, lab: Lab, seconds: float
) -> Iterator[tuple[str, tuple[Written, ...]]]:
    """Yield faults of one or more instruments, of random kinds at random moments."""
    able = {chosen.role: fault_kinds(chosen.spec.settings) for chosen in lab.instruments}
    able = {role: kinds for role, kinds in able.items() if kinds}
    for role in draw.sample(sorted(able), k=draw.randint(1, len(able)) if able else 0):
        drawn = (_fault(draw, draw.choice(able[role]), seconds) for _ in range(draw.randint(1, 3)))
        yield role, tuple(drawn)


def _fault(draw: random.Random, kind: type[Written], seconds: float) -> Written:
    lasting = None if draw.random() < 0.3 else round(seconds * draw.random() ** 3, 3) + 0.1
    return kind.model_validate({"at": round(draw.uniform(0, seconds), 3), "lasting": lasting})


def fault_kinds(settings: type[Written]) -> Sequence[type[Written]]:
    """Return the kinds of fault that a simulator's setting `faults` takes, in its order.

    Those that can be made with when they begin (`at`, s of the world) and how long they last
    (`lasting`) and nothing else.
    """
    known = settings.model_fields.get("faults")
    return [] if known is None else [kind for kind in _members(known.annotation) if _plain(kind)]


def _members(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        yield annotation
        return
    parts = get_args(annotation)
    for part in parts[:1] if get_origin(annotation) is Annotated else parts:
        yield from _members(part)


def _plain(kind: Any) -> bool:
    try:
        return bool(issubclass(kind, Written) and kind.model_validate({"at": 0.0, "lasting": 1.0}))
    except ValidationError:
        return False
