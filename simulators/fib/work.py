"""What the ions do to the specimen of a simulated FIB: patterns mill it, and fill gaps."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from drivers.fib import Milling
from protocols.fib import BeamImage, Rectangle
from simulators.draws import generator
from simulators.fib.account import Account, open_account
from simulators.fib.bonds import (
    NEEDLE_HEIGHT,
    NEEDLE_WIDTH,
    POST_HEIGHT,
    begin_weld,
)
from simulators.fib.chamber import Chamber
from simulators.fib.dangers import dangers
from simulators.fib.faults import (
    HeavyCurtaining,
    NoBridge,
    OverMilling,
    WeldBreaks,
    WrongApplicationFile,
    at,
)
from simulators.fib.fib_world import Event
from simulators.fib.holding import what_holds
from simulators.fib.milling import Mill
from simulators.fib.motion import triple
from simulators.fib.redeposition import sticking
from simulators.fib.solid import HALF
from simulators.fib.sputter import draw_rates
from simulators.fib.touch import end_thickness, ends, needle_gap

if TYPE_CHECKING:
    from simulators.fib.exposing import Exposure

FAR_GAP = 5e-6
"""m: the gap of a joint beside which there is nothing."""
ACCOUNTS = ("milled", "escaped", "returned", "deposited")


class Work:
    """Patterns and images, as they change the solid."""

    def __init__(self, chamber: Chamber) -> None:
        """Work on what is in that chamber, with the true rates of its seed."""
        self._chamber = chamber
        seed, settings = chamber.world.seed, chamber.settings
        self.rates = draw_rates(settings.ion_species, generator(seed, "fib", "rates"))
        self.account = _account(chamber)
        self._mills = {times: self._mill(times) for times in (1.0,)}

    def _mill(self, curtains: float) -> Mill:
        chamber = self._chamber
        return Mill(
            chamber.solid,
            chamber.stack,
            self.rates,
            self.account,
            seed=chamber.world.seed,
            curtains=curtains,
        )

    def begin(self, exposure: Exposure) -> list[Event]:
        """Take note of where things are when an exposure begins; return what is unsafe of it."""
        chamber, t = self._chamber, exposure.begin
        job = exposure.job
        if job is not None and chamber.place == "site":
            chamber.begin_frame(t)
        found = [chamber.unsafe(what) for what in dangers(chamber, exposure)]
        if job is not None and job.purpose == "weld":
            self._begin_weld(t)
        return found

    def _begin_weld(self, t: float) -> None:
        chamber, solid = self._chamber, self._chamber.solid
        tip = chamber.tip(t)
        if chamber.place == "site":
            gap = FAR_GAP if tip is None else needle_gap(solid, tip)
            bond = begin_weld(solid, "needle", gap, NEEDLE_HEIGHT, NEEDLE_WIDTH)
            right = ends(solid)[1]
            if bond.filled == 0.0 and right is not None:
                bond.x = right
            if tip is not None and not chamber.welded:
                chamber.grip = triple(tip - np.asarray(solid.moved))
        elif chamber.place == "grid":
            x, y, z = solid.moved
            here = solid.held in ("needle", "needle and grid", "grid")
            near = here and abs(y) < HALF and abs(z) < POST_HEIGHT
            gap = max(abs(x), 1e-9) if near else FAR_GAP
            for joint in ("post_front", "post_back"):
                begin_weld(solid, joint, gap, POST_HEIGHT, end_thickness(solid) / 2)
        chamber.weld_from = (
            solid.moved
            if chamber.place == "grid"
            else triple(tip if tip is not None else np.zeros(3))
        )

    def part(self, exposure: Exposure, until: float, share: float, t: float) -> list[Event]:
        """Have an exposure act until so many seconds (s) of it; return what happened.

        Args:
            exposure: how far it was.
            until: and is now.
            share: of the chosen current that flowed.
            t: world time in the middle, s.
        """
        chamber = self._chamber
        if exposure.beam == "electron" or share <= 0 or chamber.place == "elsewhere":
            return []
        job = exposure.job or _image_job(exposure.image, exposure.current)
        times = share * self._times(t)
        begin = (job.done + exposure.current * exposure.done) * times
        end = (job.done + exposure.current * until) * times
        angle = chamber.geometry.angle("ion", exposure.tilt)
        u, v = chamber.pointing.shift("ion", exposure.current, angle, chamber.displaced(t), t)
        mill = self._mill_now(t)
        mill.sticking = sticking(chamber.thermal.temperature("stage", t))
        if at(chamber.faults, NoBridge, t) and job.purpose == "weld":
            mill.sticking = 0.0
        mill.advance(
            replace(job, charge=job.charge * times, done=job.done * times),
            begin,
            min(end, job.charge * times),
            angle=angle,
            offset=(-u, -v),
            place="grid" if chamber.place == "grid" else "site",
            drift=self._drifted(t),
        )
        return self._hold(t) if exposure.job is not None else []

    def _times(self, t: float) -> float:
        faults = self._chamber.faults
        wrong, over = at(faults, WrongApplicationFile, t), at(faults, OverMilling, t)
        return (wrong.times if wrong else 1.0) * (over.times if over else 1.0)

    def _mill_now(self, t: float) -> Mill:
        heavy = at(self._chamber.faults, HeavyCurtaining, t)
        times = heavy.times if heavy else 1.0
        if times not in self._mills:
            self._mills[times] = self._mill(times)
        return self._mills[times]

    def _drifted(self, t: float) -> float:
        """Return how far the joint's bodies have moved since the weld began, m."""
        chamber = self._chamber
        tip = chamber.tip(t)
        if chamber.weld_from is None:
            return 0.0
        if chamber.place == "grid":
            return math.dist(chamber.solid.moved, chamber.weld_from)
        return 0.0 if tip is None else math.dist(triple(tip), chamber.weld_from)

    def _hold(self, t: float) -> list[Event]:
        """See what holds the lamella now; return what has changed."""
        chamber, solid = self._chamber, self._chamber.solid
        before = solid.held
        if before == "lost":
            return []
        solid.held = what_holds(solid, chamber.interface, chamber.bears)
        if solid.held == before:
            return []
        if before == "bulk" and solid.held == "needle" and at(chamber.faults, WeldBreaks, t):
            chamber.lose()
        return [Event("lamella", t, note=f"held by {before}, now by {solid.held}")]


def _account(chamber: Chamber) -> Account:
    """Return the account that the world keeps, or a new one; it is kept with the solid."""
    account = open_account(chamber.stack)
    arrays = chamber.world.arrays
    for name in ACCOUNTS:
        if name in arrays:
            setattr(account, name, arrays[name])
    chamber.kept_too = lambda: {name: getattr(account, name) for name in ACCOUNTS}
    return account


def _image_job(image: BeamImage | None, current: float) -> Milling:
    """Return the patterns that an image amounts to: its field, scanned all over."""
    assert image is not None
    field = Rectangle(x=0.0, y=0.0, width=image.field, height=image.field)
    return Milling("polish", (field,), current, 30e3, image.charge)
