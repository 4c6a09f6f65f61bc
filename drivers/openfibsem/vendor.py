"""fibsem itself: how it is loaded, opened and read. Nothing else of liftline imports it.

fibsem 0.5.3 makes folders in its own package and prints when imported, logs to the root logger, and
answers an unknown key with None.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import math
import tempfile
from collections.abc import Iterator
from typing import Any

from drivers.errors import InstrumentFaultError, LinkError
from drivers.fib import BeamName
from drivers.openfibsem.convert import Shape, Shuttle, VendorStage
from drivers.openfibsem.settings import OpenFibsemSettings
from protocols.errors import InputError

MISSING = (
    "driver openfibsem needs the package fibsem, which is not installed; install it with: "
    "python -m pip install 'liftline[openfibsem]'"
)
DEMO = "Demo"


def open_microscope(address: str | None, settings: OpenFibsemSettings, *, demo: bool) -> Any:
    """Return fibsem's microscope, connected.

    Raises:
        InputError: fibsem is not installed.
        LinkError: the microscope does not answer.
    """
    try:
        with _quiet():
            from fibsem import utils
    except ImportError as error:
        raise InputError(f"{MISSING} ({error})") from error
    try:
        with _quiet(), tempfile.TemporaryDirectory() as session:
            microscope, _ = utils.setup_session(
                session_path=session,
                config_path=settings.configuration,
                setup_logging=False,
                ip_address=address,
                manufacturer=DEMO if demo else settings.manufacturer,
            )
    except Exception as error:
        raise LinkError(
            f"openfibsem: no microscope answers at {address}: {type(error).__name__}: {error}; "
            f"check address, settings.manufacturer and the vendor's server"
        ) from error
    return microscope


class Link:
    """fibsem's microscope, whose methods raise our errors: a vendor may raise anything."""

    def __init__(self, behind: Any) -> None:
        """`behind`: fibsem's own object."""
        self.behind = behind

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.behind, name)
        if not callable(value):
            return value

        @functools.wraps(value)
        def ask(*arguments: Any, **named: Any) -> Any:
            try:
                return value(*arguments, **named)
            except Exception as error:
                raise InstrumentFaultError(
                    f"openfibsem: {name}: the microscope says {type(error).__name__}: {error}; "
                    f"look at its own screen and at the link to it"
                ) from error

        return ask


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep fibsem's prints and its use of the root logger off the operator's screen."""
    root = logging.getLogger()
    if not root.handlers:  # otherwise logging.warning() would give the root logger one to stderr
        root.addHandler(logging.NullHandler())
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def beam_type(beam: BeamName) -> Any:
    """Return fibsem's name of a beam."""
    from fibsem.structures import BeamType

    return BeamType.ELECTRON if beam == "electron" else BeamType.ION


def image_settings(beam: BeamName, pixels: int, dwell: float, field: float) -> Any:
    """Return what fibsem wants for one frame."""
    from fibsem.structures import ImageSettings

    return ImageSettings(
        resolution=(pixels, pixels),
        dwell_time=float(dwell),
        hfw=float(field),
        beam_type=beam_type(beam),
        autocontrast=False,
    )


def milling_settings(current: float, voltage: float, field: float, application: str) -> Any:
    """Return what fibsem wants before patterns are drawn."""
    from fibsem.structures import FibsemMillingSettings

    return FibsemMillingSettings(
        milling_current=current,
        milling_voltage=voltage,
        hfw=field,
        application_file=application,
        patterning_mode="Serial",
        milling_channel=beam_type("ion"),
    )


def rectangle(shape: Shape) -> Any:
    """Return a rectangle as fibsem draws it."""
    from fibsem.structures import CrossSectionPattern, FibsemRectangleSettings

    kind = "CleaningCrossSection" if shape.cleaning else "Rectangle"
    return FibsemRectangleSettings(
        width=shape.width,
        height=shape.height,
        depth=shape.depth,
        centre_x=shape.centre_x,
        centre_y=shape.centre_y,
        scan_direction=shape.scan_direction,
        cross_section=CrossSectionPattern[kind],
        passes=shape.passes,
        time=shape.time,
    )


def stage_target(**axes: float) -> Any:
    """Return a stage position for fibsem; axes that are left out stay."""
    from fibsem.structures import FibsemStagePosition

    return FibsemStagePosition(**axes, coordinate_system="RAW")


def needle_target(x: float, y: float, z: float, now: Any) -> Any:
    """Return a needle position for fibsem, its rotation and tilt as now."""
    from fibsem.structures import FibsemManipulatorPosition

    return FibsemManipulatorPosition(
        x=x, y=y, z=z, r=now.r, t=now.t, coordinate_system=now.coordinate_system
    )


def is_milling(microscope: Any) -> bool:
    """True while patterns run or pause."""
    from fibsem.structures import ACTIVE_MILLING_STATES

    return microscope.get_milling_state() in ACTIVE_MILLING_STATES


def number(value: Any) -> float:
    """Return a reading as a number; NaN where fibsem knows none."""
    return math.nan if value is None else float(value)


def stage_of(microscope: Any) -> VendorStage:
    """Return where fibsem says that the stage is."""
    at = microscope.get_stage_position()
    return VendorStage(number(at.x), number(at.y), number(at.z), number(at.r), number(at.t))


def shuttle_of(microscope: Any, settings: OpenFibsemSettings) -> Shuttle:
    """Return how the specimen lies on the stage; fibsem's configuration is in degrees."""
    stage = microscope.system.stage
    pre_tilt = settings.pre_tilt
    if pre_tilt is None:
        pre_tilt = math.radians(stage.shuttle_pre_tilt)
    return Shuttle(pre_tilt, math.radians(stage.rotation_reference))


def stage_limits(microscope: Any) -> dict[str, tuple[float, float]]:
    """Return the range of each axis of the stage, m and rad; fibsem's angles are in degrees."""
    ranges = {}
    for axis, limit in microscope._get_axis_limits().items():
        turn = math.radians if axis in "rt" else float
        ranges[axis] = (turn(limit.min), turn(limit.max))
    return ranges
