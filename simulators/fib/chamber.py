"""All that is in the chamber of a simulated FIB, as it truly is, and how it acts on each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from drivers.fib import Geometry, StagePosition
from simulators.draws import generator
from simulators.fib.beams import Pointing, pressure
from simulators.fib.beginning import begin
from simulators.fib.bonds import BEARS, BEARS_SCATTER
from simulators.fib.faults import (
    ContactMissed,
    LamellaFalls,
    LamellaRotates,
    LamellaSticks,
    WeldBreaks,
    at,
)
from simulators.fib.fib_world import Event, FibWorld
from simulators.fib.holding import carried_end, carry, what_holds
from simulators.fib.material_stack import Stack
from simulators.fib.motion import (
    NEEDLE,
    STAGE,
    Motion,
    Needle,
    Place,
    Stage,
    Triple,
    Vector,
    triple,
)
from simulators.fib.settings import SimFibSettings
from simulators.fib.solid import Bond, Floats, Held, Solid, band_x
from simulators.fib.thermal import Cooling, Thermal
from simulators.fib.touch import POST, depth, ends, touch
from simulators.specimen import Specimen, load_specimen

TOUCHES = 30e-9
"""m: nearer than that is contact; ours."""
PUSHED = 0.6e-6
"""m by which the tip gives way before it bends or breaks what it pushes; ours."""
SNAPS = 0.2e-6
"""m of thickness that a pull breaks although a weld holds: a filament of one row of cells; ours."""
CLINGS = 0.02e-12
"""m² of bridged area that tear when the needle goes; ours."""
TEARS = 0.3e-6
"""m by which a weld stretches before it tears; ours."""
ICE_EVERY = 60.0
"""s between two looks at the ice."""
ARRAYS = ("front", "back", "cut", "film_front", "film_back", "floor", "fill")
_COOLINGS: TypeAdapter[tuple[Cooling, ...]] = TypeAdapter(tuple[Cooling, ...])
_BONDS: TypeAdapter[list[Bond]] = TypeAdapter(list[Bond])
_HELD: TypeAdapter[Held] = TypeAdapter(Held)
_TRIPLE: TypeAdapter[Triple] = TypeAdapter(Triple)
_GRIP: TypeAdapter[Triple | None] = TypeAdapter(Triple | None)


class Chamber:
    """Stage, needle, cold and solid."""

    def __init__(self, world: FibWorld, settings: SimFibSettings) -> None:
        """Take up what the world keeps, or make it."""
        self.world, self.settings, self.faults = world, settings, settings.faults
        if world.get("specimen") is None:
            world.put("specimen", load_specimen(settings.specimen).model_dump(mode="json"))
        self.specimen = Specimen.model_validate(world.get("specimen"))
        self.interface = self.specimen.upper_face(settings.interface)
        """Depth of the interface that the lamella is for, m."""
        self.stack = Stack(self.specimen)
        scatter = float(generator(world.seed, "fib", "bears").standard_normal())
        self.bears = BEARS * max(0.4, 1 + BEARS_SCATTER * scatter)
        """Bridged area that holds the lamella when it is pulled, m²."""
        self.geometry = Geometry(settings.column_angle)
        self.motion = Motion(world.seed, settings)
        self.pointing = Pointing(settings, world.seed)
        place = settings.site
        at_first = Stage(StagePosition(place.x, place.y, place.z, place.r, 0.0))
        self.stage = STAGE.validate_python(world.get("stage") or at_first)
        self.needle = NEEDLE.validate_python(world.get("needle") or Needle())
        self.grip = _GRIP.validate_python(world.get("grip"))
        """Place of the tip in the lamella's frame while both are welded, m."""
        self.weld_from = _GRIP.validate_python(world.get("weld_from"))
        """Where the body that is welded was when its weld began, m."""
        self.kept_too: Callable[[], dict[str, Floats]] = dict
        """More arrays that are kept with the solid's."""
        self.thermal = Thermal(
            _COOLINGS.validate_python(world.get("coolings") or ()),
            settings.start_cold,
            settings.faults,
        )
        self._ice_at = float(world.get("ice_at") or 0.0)
        self.solid = solid_in(world.arrays, {name: world.get(name) for name in ("bonds", "body")})
        if not world.arrays:
            world.put("interface", self.interface)
            begin(self)
            self.save()

    def save(self, *events: Event) -> None:
        """Keep everything, and what has happened, at once."""
        world, solid = self.world, self.solid
        with world.at_once():
            world.put("stage", STAGE.dump_python(self.stage, mode="json"))
            world.put("needle", NEEDLE.dump_python(self.needle, mode="json"))
            world.put("coolings", _COOLINGS.dump_python(self.thermal.coolings, mode="json"))
            world.put("grip", self.grip)
            world.put("weld_from", self.weld_from)
            world.put("ice_at", self._ice_at)
            world.put("bonds", _BONDS.dump_python(solid.bonds, mode="json"))
            world.put("body", [solid.held, solid.moved, solid.rolled, solid.ice])
            world.keep({name: getattr(solid, name) for name in ARRAYS} | self.kept_too())
            for event in events:
                world.record(event)

    def unsafe(self, what: str) -> Event:
        """Return the ledger's row of something that should not have been done."""
        return Event(f"unsafe: {what}", self.world.now())

    # what is where

    @property
    def place(self) -> Place:
        """What the stage has brought under the beams."""
        return self.motion.place(self.stage)

    def displaced(self, t: float) -> Vector:
        """Return where site or grid is against where both beams meet, m."""
        return self.motion.displaced(self.stage, t, self.thermal)

    def tip(self, t: float) -> Vector | None:
        """Return where the needle's tip is in the frame of site or grid, m; None if it is out."""
        if not self.needle.inserted:
            return None
        return self.motion.tip(self.needle, t) - self.displaced(t)

    def in_contact(self, t: float) -> bool:
        """True if images show that the tip touches something."""
        tip = self.tip(t)
        if tip is None or at(self.faults, ContactMissed, t):
            return False
        near = touch(self.solid, self.place, tip)
        return self.welded or (near is not None and near.gap < TOUCHES)

    def pressure(self, t: float) -> float:
        """Return the chamber's pressure, Pa."""
        return pressure(self.settings, t)

    @property
    def welded(self) -> bool:
        """True if metal joins needle and lamella, be it ever so little."""
        return self.solid.held != "grid" and self._clings

    @property
    def _clings(self) -> bool:
        """True if metal joins the needle to the lamella, or to a piece that was cut off it."""
        return self.grip is not None and any(
            bond.joint == "needle" and bond.area > CLINGS for bond in self.solid.bonds
        )

    # what happens

    def begin_frame(self, t: float) -> None:
        """Let the frame of an untouched film begin where it is first milled: it has no marks."""
        if self.stage.framed:
            return
        origin = np.asarray(self.stage.origin) + self.displaced(t)
        self.stage = replace(self.stage, origin=triple(origin), framed=True)

    def live(self) -> None:
        """Let what happens by itself happen: a move that goes on, ice, a drifting needle."""
        t = self.world.now()
        to = self.stage.pending
        if to is not None and t >= self.stage.moving_until - 2e-6:
            self.stage = self.motion.arrived(self.stage, to, t)
            place = f"{to.x!r} {to.y!r} {to.z!r} {to.r!r} {to.t!r}"
            self.save(Event("stage", t, note=place), *self.meet())
        if t - self._ice_at >= ICE_EVERY:
            rate = self.thermal.ice_rate(t, self.pressure(t))
            self.solid.ice += rate * (t - self._ice_at)
            self._ice_at = t
            self.carry(t)

    def carry(self, t: float) -> None:
        """Have a lamella that has been lifted be where the needle is."""
        if self.solid.moved != (0.0, 0.0, 0.0):
            self._follow(t)

    def _follow(self, t: float) -> None:
        tip = self.tip(t)
        if self.solid.held == "needle" and self.grip is not None and tip is not None:
            self.solid.moved = self._beside(tip)

    def _beside(self, tip: Vector) -> Triple:
        """Return where a lamella is whose needle's tip is there, as `Solid.moved` counts it."""
        to = tip - np.asarray(self.grip)
        if self.place == "grid":
            to[0] += carried_end(self.solid)
        return triple(to)

    def stub(self, t: float) -> Triple | None:
        """Return where the piece is that the needle keeps of a released lamella; None if none."""
        tip = self.tip(t)
        if self.solid.held != "grid" or tip is None or not self._clings:
            return None
        return self._beside(tip)

    def meet(self) -> list[Event]:
        """Return what follows from where needle and specimen have come to be; it is done then."""
        t = self.world.now()
        tip = self.tip(t)
        if tip is None:
            return []
        if self.welded:
            return self._pull(tip, t)
        return self._push(tip, t)

    def _push(self, tip: Vector, t: float) -> list[Event]:
        """Have a free tip that was pushed into something bend, or break it."""
        near = touch(self.solid, self.place, tip)
        if near is None or near.gap > -PUSHED:
            return []
        bent = np.asarray(self.needle.bent) + np.array([0.3, 0.0, 1.0]) * -near.gap
        self.needle = replace(self.needle, bent=triple(bent))
        events = [self.unsafe(f"needle pushed {-near.gap * 1e6:.2f} um into the {near.what}")]
        if near.what == "lamella" and ends(self.solid)[1] is not None:
            self.solid.held = "lost"
            events.append(Event("lamella", t, note="broken by the needle"))
        return events

    def _pull(self, tip: Vector, t: float) -> list[Event]:
        """Have what is welded to the tip follow it, tear or fall."""
        solid = self.solid
        if solid.held == "needle":
            return self._lift(t)
        if solid.held == "lost":
            return []
        pulled = math.dist(self._beside(tip), solid.moved)
        if pulled < TEARS:
            return []
        before = solid.held
        if self._snap():
            note = f"held by {before}, pulled off thin bridges, now by {solid.held}"
            return [Event("lamella", t, note=note)]
        self.let_go()
        return [
            self.unsafe(
                f"needle pulled {pulled * 1e6:.2f} um while {solid.held} holds the lamella"
            ),
            Event("lamella", t, note="the needle's weld tore"),
        ]

    def _snap(self) -> bool:
        """Break what is too thin to hold against the needle's weld; False if that tears first."""
        solid = self.solid
        thin = (solid.thickness > 0) & (solid.thickness < SNAPS)
        trial = replace(solid, cut=np.where(thin, 1.0, solid.cut))
        held = what_holds(trial, self.interface, self.bears)
        if held not in ("needle", "grid") or held == solid.held:
            return False
        solid.cut[thin] = 1.0
        solid.held = held
        if held == "grid":
            self.let_go()
        return True

    def _lift(self, t: float) -> list[Event]:
        """Carry the lamella, unless it sticks, falls or turns."""
        solid = self.solid
        first = solid.moved == (0.0, 0.0, 0.0)
        if first and at(self.faults, LamellaSticks, t):
            self.let_go()
            solid.held = "bulk"
            return [Event("lamella", t, note="it sticks in its trench, the weld tore")]
        if first:
            carry(solid, self.interface)
            _trim(solid)
        falls = at(self.faults, LamellaFalls, t) is not None
        if falls or at(self.faults, WeldBreaks, t):
            self.lose()
            return [Event("lamella", t, note="fell off the needle")]
        turned = at(self.faults, LamellaRotates, t)
        events = []
        if turned and solid.rolled == 0.0:
            solid.rolled = turned.by
            events.append(Event("lamella", t, note="turned on the needle"))
        self._follow(t)
        if self.place == "grid" and _in_post(solid):
            self.lose()
            events += [
                self.unsafe("lamella pushed into the post"),
                Event("lamella", t, note="lost"),
            ]
        return events

    def let_go(self) -> None:
        """Break the needle's weld."""
        self.grip = None
        self.solid.bonds = [bond for bond in self.solid.bonds if bond.joint != "needle"]

    def lose(self) -> None:
        """Have the lamella be gone."""
        self.let_go()
        self.solid.held = "lost"

    def bend(self, by: float) -> None:
        """Bend the tip by so much, m."""
        x, y, z = self.needle.bent
        self.needle = replace(self.needle, bent=(x, y + 0.6 * by, z + 0.8 * by))


def _trim(solid: Solid) -> None:
    """Leave behind the filaments that stick out of the lamella's ends."""
    left, right = ends(solid)
    x = band_x()
    solid.cut[(x < (left or x[0])) | (x > (right or x[-1]))] = 1.0


def _in_post(solid: Solid) -> bool:
    """True if the lamella's left end has been pushed into the post."""
    x, y, z = solid.moved
    return x < -PUSHED and abs(y) < POST and z < depth(solid)


def solid_in(arrays: Mapping[str, Floats], state: Mapping[str, Any]) -> Solid:
    """Return the solid that a world keeps; an untouched one from a new world."""
    solid = Solid()
    for name in ARRAYS:
        if name in arrays:
            setattr(solid, name, arrays[name])
    solid.bonds = _BONDS.validate_python(state["bonds"] or [])
    if state["body"] is not None:
        held, moved, rolled, ice = state["body"]
        solid.held, solid.moved = _HELD.validate_python(held), _TRIPLE.validate_python(moved)
        solid.rolled, solid.ice = float(rolled), float(ice)
    return solid
