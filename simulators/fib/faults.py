"""What goes wrong with a simulated FIB and its cold stage, and when.

Times are seconds of the world. Each fault has a symptom that an operator could see. Source of the
list: reference sheet fib-and-tem.md, section 7. The sizes are ours, to verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from protocols.units import Kelvin, Metres, MetresPerSecond, Pascals, Radians, Seconds
from simulators.faults import LinkDrops, Scheduled

Positive = Annotated[float, Field(gt=0)]


class VacuumSpike(Scheduled):
    """The chamber's pressure jumps: the gauge shows it."""

    kind: Literal["vacuum_spike"] = "vacuum_spike"
    to: Annotated[Pascals, Field(gt=0)] = 5e-3


class SlowLeak(Scheduled):
    """The chamber's pressure doubles again and again: the gauge shows it; air makes ice."""

    kind: Literal["slow_leak"] = "slow_leak"
    doubles_in: Annotated[Seconds, Field(gt=0)] = 600.0


class Oxidation(Scheduled):
    """A leak of air: the pressure rises and the lithium's fresh faces react."""

    kind: Literal["oxidation"] = "oxidation"
    to: Annotated[Pascals, Field(gt=0)] = 2e-3


class Vented(Scheduled):
    """The chamber is vented or its door is open: no beam reaches anything."""

    kind: Literal["vented"] = "vented"


class Ln2Dry(Scheduled):
    """The dewar is empty: everything warms, the hold time reads zero."""

    kind: Literal["ln2_dry"] = "ln2_dry"


class HeaterRunaway(Scheduled):
    """The stage's heater is stuck on: the stage goes to `to`."""

    kind: Literal["heater_runaway"] = "heater_runaway"
    to: Kelvin = 250.0


class NeedleWarm(Scheduled):
    """The needle's cold link is loose: the needle goes to `to`; its thermometer shows it."""

    kind: Literal["needle_warm"] = "needle_warm"
    to: Kelvin = 200.0


class IceGrowth(Scheduled):
    """Water reaches the specimen: ice grows `times` as fast, and dulls the images."""

    kind: Literal["ice_growth"] = "ice_growth"
    times: Positive = 30.0


class SourceDrop(Scheduled):
    """The ion source is out: no ion current; the meter and the images show it."""

    kind: Literal["source_drop"] = "source_drop"


class SourceFlicker(Scheduled):
    """The ion current jumps about: the meter shows it."""

    kind: Literal["source_flicker"] = "source_flicker"
    by: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Largest relative jump."""


class EmissionDecay(Scheduled):
    """The ion current falls slowly: the meter shows it."""

    kind: Literal["emission_decay"] = "emission_decay"
    falls_in: Annotated[Seconds, Field(gt=0)] = 3600.0
    """Time in which it falls by 63 %."""


class CurrentReadbackDiffers(Scheduled):
    """The ion current is not the one that was chosen: the meter shows what it is."""

    kind: Literal["current_readback_differs"] = "current_readback_differs"
    times: Positive = 1.5


class BeamShiftDrift(Scheduled):
    """The ion beam wanders: ion images move, electron images do not."""

    kind: Literal["beam_shift_drift"] = "beam_shift_drift"
    rate: MetresPerSecond = 200e-9 / 60
    angle: Radians = 0.7


class ChargingJump(Scheduled):
    """The specimen charges: images jump by `by` and are streaky until it is over."""

    kind: Literal["charging_jump"] = "charging_jump"
    by: Metres = 200e-9
    angle: Radians = 2.0


class StageStall(Scheduled):
    """The stage stops half way: its encoders show it."""

    kind: Literal["stage_stall"] = "stage_stall"


class StageBacklash(Scheduled):
    """Moves end `by` off although the encoders are right: images show it."""

    kind: Literal["stage_backlash"] = "stage_backlash"
    by: Metres = 3e-6


class LostHome(Scheduled):
    """The stage has lost its home: it says so, and its encoders are off by `by` along x."""

    kind: Literal["lost_home"] = "lost_home"
    by: Metres = 50e-6


class SilentClamp(Scheduled):
    """The stage goes no further than `at_most` along x and y, and reports no error."""

    kind: Literal["silent_clamp"] = "silent_clamp"
    at_most: Metres = 1e-3


class ZDropped(Scheduled):
    """The specimen sinks by `by`: electron and ion images no longer show the same place."""

    kind: Literal["z_dropped"] = "z_dropped"
    by: Metres = 5e-6


class MoveEarly(Scheduled):
    """A stage move reports that it is done `by` before it is: the status says moving."""

    kind: Literal["move_early"] = "move_early"
    by: Annotated[Seconds, Field(gt=0)] = 10.0


class StaleCoincidence(Scheduled):
    """The electron beam no longer looks where the ion beam does: its images are displaced."""

    kind: Literal["stale_coincidence"] = "stale_coincidence"
    by: Metres = 4e-6


class NeedleBent(Scheduled):
    """The needle's tip is bent: images show it elsewhere than its encoders say."""

    kind: Literal["needle_bent"] = "needle_bent"
    by: Metres = 2e-6


class NeedleDrift(Scheduled):
    """The needle drifts: images show it."""

    kind: Literal["needle_drift"] = "needle_drift"
    rate: MetresPerSecond = 300e-9 / 60


class NeedleLostCalibration(Scheduled):
    """The needle moves `times` as far as it says: images show it."""

    kind: Literal["needle_lost_calibration"] = "needle_lost_calibration"
    times: Positive = 1.3


class ContactMissed(Scheduled):
    """A contact gives no signal in the images; only the tip's place shows it."""

    kind: Literal["contact_missed"] = "contact_missed"


class LamellaSticks(Scheduled):
    """The lamella stays in its trench although it is cut free: the weld tears when it is raised."""

    kind: Literal["lamella_sticks"] = "lamella_sticks"


class LamellaFalls(Scheduled):
    """The lamella falls off the needle at its next move: it is gone from the images."""

    kind: Literal["lamella_falls"] = "lamella_falls"


class LamellaRotates(Scheduled):
    """The lamella turns on the needle at its next move: images show it."""

    kind: Literal["lamella_rotates"] = "lamella_rotates"
    by: Radians = 0.2


class NoBridge(Scheduled):
    """Redeposited metal does not fill the gap: images show it open."""

    kind: Literal["no_bridge"] = "no_bridge"


class WeldBreaks(Scheduled):
    """The needle's weld breaks when the lamella is cut free or raised: images show it."""

    kind: Literal["weld_breaks"] = "weld_breaks"


class GisStuck(Scheduled):
    """The gas injector is stuck in: it reads inserted."""

    kind: Literal["gis_stuck"] = "gis_stuck"


class GisLeak(Scheduled):
    """The gas injector leaks: it reads open and the pressure is higher."""

    kind: Literal["gis_leak"] = "gis_leak"
    to: Annotated[Pascals, Field(gt=0)] = 1.5e-3


class MillingNeverCompletes(Scheduled):
    """A pattern is milled, but never reported as done."""

    kind: Literal["milling_never_completes"] = "milling_never_completes"


class PatternRejected(Scheduled):
    """The patterning engine refuses every pattern, with an error."""

    kind: Literal["pattern_rejected"] = "pattern_rejected"


class WrongApplicationFile(Scheduled):
    """The charge removes `times` what it should: images show how deep the cut is."""

    kind: Literal["wrong_application_file"] = "wrong_application_file"
    times: Positive = 0.25


class OverMilling(Scheduled):
    """The blanker leaks at line ends: patterns remove `times` what they should."""

    kind: Literal["over_milling"] = "over_milling"
    times: Positive = 1.6


class HeavyCurtaining(Scheduled):
    """Faces become rough: images show stripes."""

    kind: Literal["heavy_curtaining"] = "heavy_curtaining"
    times: Positive = 5.0


class FibNan(Scheduled):
    """An instrument has lost one of its readings, which is NaN."""

    kind: Literal["nan_reading"] = "nan_reading"
    of: Literal[
        "chamber_pressure",
        "ion_current",
        "stage_temperature",
        "needle_temperature",
        "shield_temperature",
        "ln2_hold",
    ] = "chamber_pressure"


class SlowCall(Scheduled):
    """Each reading takes `seconds`."""

    kind: Literal["slow_call"] = "slow_call"
    seconds: Annotated[Seconds, Field(gt=0)] = 5.0


class StaleReply(Scheduled):
    """An answer is that to an earlier request; its number says so."""

    kind: Literal["stale_reply"] = "stale_reply"


FibFault = Annotated[
    VacuumSpike
    | SlowLeak
    | Oxidation
    | Vented
    | Ln2Dry
    | HeaterRunaway
    | NeedleWarm
    | IceGrowth
    | SourceDrop
    | SourceFlicker
    | EmissionDecay
    | CurrentReadbackDiffers
    | BeamShiftDrift
    | ChargingJump
    | StageStall
    | StageBacklash
    | LostHome
    | SilentClamp
    | ZDropped
    | MoveEarly
    | StaleCoincidence
    | NeedleBent
    | NeedleDrift
    | NeedleLostCalibration
    | ContactMissed
    | LamellaSticks
    | LamellaFalls
    | LamellaRotates
    | NoBridge
    | WeldBreaks
    | GisStuck
    | GisLeak
    | MillingNeverCompletes
    | PatternRejected
    | WrongApplicationFile
    | OverMilling
    | HeavyCurtaining
    | FibNan
    | LinkDrops
    | SlowCall
    | StaleReply,
    Field(discriminator="kind"),
]

Kind = TypeVar("Kind", bound=Scheduled)


def at(faults: Sequence[Scheduled], kind: type[Kind], t: float) -> Kind | None:
    """Return the first fault of that kind that is active at the world time `t` (s), or None."""
    for fault in faults:
        if isinstance(fault, kind) and fault.active(t):
            return fault
    return None


def next_change(faults: Sequence[Scheduled], t: float) -> float:
    """Return the world time (s) after `t` at which the next fault begins or is over."""
    times = [when for fault in faults for when in (fault.at, fault.until) if when > t]
    return min(times, default=float("inf"))
