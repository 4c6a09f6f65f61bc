"""A FIB-SEM behind OpenFIBSEM: `Fib` spoken to fibsem's microscope.

fibsem has no temperature and no meter of charge: the lab needs a `cryo` beside it, and milling that
was cut off is put to the operator. fibsem refuses nothing, so whatever is out of range is refused
here, and what is unsafe by the interlocks, before it gets there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from drivers.clock import Clock
from drivers.errors import LimitError, LinkError, ReadbackError
from drivers.fib import (
    BeamName,
    BeamPicture,
    Fib,
    FibLimits,
    FibSetup,
    FibStatus,
    Geometry,
    Milled,
    MilledSlice,
    Milling,
    NeedlePosition,
    StagePosition,
)
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.openfibsem import vendor
from drivers.openfibsem.beams import BEAMS, Beams
from drivers.openfibsem.convert import spot
from drivers.openfibsem.motion import MOVE_STAGE, Motion
from drivers.openfibsem.settings import OpenFibsemSettings
from drivers.openfibsem.worker import Worker
from protocols.errors import InputError, LiftlineError
from protocols.fib import BeamImage


class OpenFibsem(Fib):
    """A FIB-SEM that fibsem drives."""

    def __init__(
        self,
        microscope: Any,
        settings: OpenFibsemSettings,
        limits: FibLimits,
        clock: Clock,
        *,
        demo: bool,
    ) -> None:
        """Take a connected microscope of fibsem, and blank its beams; `demo`: it is simulated."""
        self._microscope = link = vendor.Link(microscope)
        self._settings = settings
        self._demo = demo
        self._worker = Worker(settings.patience)
        self._beams = Beams(
            link,
            settings,
            self._worker,
            clock,
            demo=demo,
            current_error=limits.current_error_max,
        )
        self._motion = Motion(link, settings, self._worker, limits.needle_reach)
        self._closed = False
        self.safe()

    def identity(self) -> Identity:
        """Return make, model and serial number; fibsem's demo microscope is a simulator."""
        info = self._microscope.system.info
        return Identity(
            f"{info.manufacturer} by OpenFIBSEM {info.fibsem_version}",
            info.model or "unknown",
            info.serial_number or "unknown",
            self._demo,
        )

    def setup(self) -> FibSetup:
        """Return columns, currents and geometry as fibsem and the lab file know them."""
        settings, beams = self._settings, self._beams
        currents = beams.shown("ion")
        return FibSetup(
            ion_species=self._species(),
            geometry=self._geometry(),
            ion_currents=currents,
            electron_currents=beams.shown("electron"),
            ion_voltages=beams.voltages["ion"],
            electron_voltages=beams.voltages["electron"],
            largest_field=settings.largest_field,
            ion_spot={f"{c * 1e12:.0f}": spot(c) for c in currents} | settings.ion_spot,
            electron_spot=settings.electron_spot,
            overhead=settings.overhead,
            stage_speed=settings.stage_speed,
            needle_park=self._motion.park(),
        )

    def status(self) -> FibStatus:
        """Return what fibsem reads now; what it does not know is NaN, or reads as unsafe.

        Raises:
            DriverError: it cannot be read.
        """
        get, beams, busy = self._microscope.get, self._beams, self._worker.busy
        gas_in, gas_open = self._gas()
        stage, needle = self._motion.both()
        return FibStatus(
            chamber_pressure=vendor.number(get("chamber_pressure")),
            vented=str(get("chamber_state")).lower() != "pumped",
            stage=stage,
            stage_moving=busy == MOVE_STAGE,
            stage_homed=bool(get("stage_homed")) and get("stage_linked") is not False,
            needle=needle,
            needle_inserted=self._motion.inserted(),
            needle_moving="needle" in busy,
            electron_beam_on=bool(beams.get("on", "electron")),
            ion_beam_on=bool(beams.get("on", "ion")),
            electrons_blanked=bool(beams.get("blanked", "electron")),
            ions_blanked=bool(beams.get("blanked", "ion")),
            ion_current=beams.number("current", "ion"),
            ion_current_set=beams.current_set["ion"],
            gis_inserted=gas_in,
            gis_open=gas_open,
            milling=vendor.is_milling(self._microscope),
        )

    def ion_charge(self) -> float | None:
        """Return None: fibsem keeps no meter."""
        return None

    def electron_charge(self) -> float | None:
        """Return None: fibsem keeps no meter."""
        return None

    def safe(self) -> None:
        """Blank both beams, stop milling, close the gas; needle and stage stay where they are.

        Raises:
            ReadbackError: something is not safe; the rest was seen to all the same.
        """
        steps: list[Callable[[], None]] = [
            *(partial(self._beams.blank, beam) for beam in BEAMS),
            self._beams.stop_milling,
            self._close_gas,
        ]
        problems = []
        for step in steps:
            try:
                step()
            except LiftlineError as error:
                problems.append(str(error))
        if problems:
            raise ReadbackError(f"openfibsem is perhaps not safe: {'; '.join(problems)}")

    def close(self) -> None:
        """Leave it safe and disconnect; may be repeated."""
        if self._closed:
            return
        self._closed = True
        try:
            self.safe()
        finally:
            self._worker.close()
            self._microscope.disconnect()

    def ion_image(self, settings: BeamImage) -> Generator[None, None, BeamPicture]:
        """Take an image with the ion beam."""
        return (yield from self._image("ion", settings))

    def electron_image(self, settings: BeamImage) -> Generator[None, None, BeamPicture]:
        """Take an image with the electron beam."""
        return (yield from self._image("electron", settings))

    def mill(self, job: Milling) -> Generator[MilledSlice, None, Milled]:
        """Mill with the ion beam; the demo microscope takes 5 s for each pattern, and no ions."""
        return (yield from self._beams.mill(job))

    def move_stage(self, to: StagePosition) -> Generator[None, None, StagePosition]:
        """Move the stage: tilt flat and rotate, if it rotates; then the rest."""
        return (yield from self._motion.move_stage(to))

    def insert_needle(self) -> Generator[None, None, NeedlePosition]:
        """Bring the needle to the microscope's saved park position."""
        return (yield from self._motion.insert())

    def retract_needle(self) -> Generator[None, None, None]:
        """Take the needle out; never with a lamella on it."""
        yield from self._motion.retract()

    def move_needle(self, to: NeedlePosition, way: float) -> Generator[None, None, NeedlePosition]:
        """Move the needle in a straight line."""
        return (yield from self._motion.move_needle(to, way))

    def insert_gis(self) -> None:
        """Insert the gas injector, where fibsem can.

        Raises:
            LimitError: it cannot, or the lab has it parked.
        """
        gas = self._injector("insert")
        gas.insert()

    def retract_gis(self) -> None:
        """Retract the gas injector, where fibsem can.

        Raises:
            LimitError: it cannot, or the lab has it parked.
        """
        gas = self._injector("retract")
        gas.close()
        gas.retract()

    def _image(self, beam: BeamName, settings: BeamImage) -> Generator[None, None, BeamPicture]:
        angle = self._geometry().angle(beam, self._motion.stage().t)
        pixels = yield from self._beams.image(beam, settings)
        size = settings.field / settings.pixels
        return BeamPicture(pixels, size, beam, angle, settings.charge)

    def _geometry(self) -> Geometry:
        return Geometry(math.radians(self._beams.number("column_tilt", "ion")))

    def _species(self) -> str | None:
        gas = self._beams.get("plasma_gas", "ion")
        return str(gas).lower() if gas else self._settings.ion_species

    def _gas(self) -> tuple[bool, bool]:
        """Return whether the injector is in and open.

        Raises:
            LinkError: fibsem cannot say, and the lab does not say that it is parked.
        """
        gas = getattr(self._microscope, "gis_system", None)
        if gas is not None:
            return bool(gas.inserted), bool(gas.opened)
        if self._settings.gas == "parked":
            return False, False
        raise LinkError(
            "fibsem cannot read this microscope's gas injector; lock it out of the way and write "
            "gas: parked under settings of the fib"
        )

    def _injector(self, what: str) -> Any:
        gas = getattr(self._microscope, "gis_system", None)
        if gas is None or self._settings.gas == "parked":
            raise LimitError(f"fibsem cannot {what} the gas injector here; do it at the microscope")
        return gas

    def _close_gas(self) -> None:
        gas = getattr(self._microscope, "gis_system", None)
        if gas is not None and gas.opened:
            gas.close()


def _open(request: OpenRequest) -> OpenFibsem:
    settings: OpenFibsemSettings = request.settings
    if request.address is None:
        raise InputError("openfibsem: which microscope? Write its address, such as 192.168.0.1")
    microscope = None
    if request.address != "demo":
        microscope = vendor.open_microscope(request.address, settings, demo=False)
    if microscope is None or microscope.system.info.manufacturer == vendor.DEMO:
        raise InputError(
            "openfibsem: that is fibsem's own simulator; write driver: openfibsem-demo, so that "
            "records say so, or settings: {manufacturer: ThermoFisher}"
        )
    return OpenFibsem(microscope, settings, request.limits, request.clock, demo=False)


def _open_demo(request: OpenRequest) -> OpenFibsem:
    settings: OpenFibsemSettings = request.settings
    microscope = vendor.open_microscope("demo", settings, demo=True)
    return OpenFibsem(microscope, settings, request.limits, request.clock, demo=True)


DRIVER = DriverSpec(
    role="fib",
    summary="a FIB-SEM that OpenFIBSEM drives (Thermo Fisher, Tescan); extra liftline[openfibsem]",
    settings=OpenFibsemSettings,
    limits=FibLimits,
    open=_open,
)
DEMO_DRIVER = DriverSpec(
    role="fib",
    summary="OpenFIBSEM's own DemoMicroscope, without physics; extra liftline[openfibsem]",
    settings=OpenFibsemSettings,
    limits=FibLimits,
    open=_open_demo,
    simulated=True,
)
