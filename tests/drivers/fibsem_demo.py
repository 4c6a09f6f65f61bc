"""OpenFIBSEM's DemoMicroscope for tests; fibsem is imported when one is opened."""

from __future__ import annotations

import math
from typing import Any
from unittest.mock import patch

from drivers.clock import RealClock
from drivers.fib import FibLimits, Milling, StagePosition
from drivers.lab import OpenRequest
from drivers.openfibsem import DEMO_DRIVER, OpenFibsem
from drivers.openfibsem.settings import OpenFibsemSettings
from protocols.fib import BeamImage, Rectangle, StagePlace
from protocols.lift_out import Ions, Layer, LiftOut

SETTINGS = OpenFibsemSettings(
    ion_currents=(3e-12, 10e-12, 30e-12, 0.1e-9, 1e-9, 3e-9),
    pixels=(64, 512),  # the demo draws its first image of each size for seconds
)
FLAT = SETTINGS.model_copy(update={"pre_tilt": 0.0})
STEP = LiftOut(
    ions=Ions(species="gallium"),
    layers=(Layer(material="Li", thickness=1.5e-6), Layer(material="LiPON", thickness=1e-6)),
    interface=1.5e-6,
    site=StagePlace(x=0.0, y=0.0),
    grid=StagePlace(x=3e-3, y=0.0),
)
FLAT_TO_IONS = StagePosition(0.0, 0.0, 4e-3, 0.0, math.radians(52))
VIEW = BeamImage(field=40e-6, pixels=64, dwell=1e-6, current=10e-12)
TRENCH = Milling(
    "trench",
    (Rectangle(x=0.0, y=6e-6, width=14e-6, height=8e-6),),
    current=3e-9,
    voltage=30e3,
    charge=3e-7,
)
TOUCHING = (
    "move_stage_absolute",
    "move_stage_relative",
    "move_manipulator_absolute",
    "insert_manipulator",
    "retract_manipulator",
    "acquire_image",
    "run_milling",
    "draw_rectangle",
    "setup_milling",
    "unblank",
    "set",
)
"""Of fibsem's methods, those that do something."""


def opened(settings: OpenFibsemSettings = SETTINGS, limits: FibLimits | None = None) -> OpenFibsem:
    """Return the driver on a new demo microscope."""
    limits = limits or FibLimits()
    request = OpenRequest("fib", None, settings, limits, RealClock(), 0, None, lambda n, t: None)
    made = DEMO_DRIVER.open(request)
    assert isinstance(made, OpenFibsem)
    return made


class Hurried(OpenFibsem):
    """The driver on a demo microscope whose delays take a fifth of their time."""

    def __init__(self, settings: OpenFibsemSettings, limits: FibLimits) -> None:
        from fibsem.microscopes import simulator

        usual: Any = simulator.sim_sleep
        self._haste = patch.object(simulator, "sim_sleep", lambda seconds: usual(seconds / 5))
        self._haste.start()
        demo = opened(settings, limits)._microscope.behind
        super().__init__(demo, settings, limits, RealClock(), demo=True)

    def close(self) -> None:
        super().close()
        self._haste.stop()
