"""The instruments of a session: the methods of each interface as plain calls with plain results.

Each call is one line through the session's door. Its documentation is that of the interface.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from acquire.session.given import Quantity, as_in, settings, si, si_or_none
from acquire.session.instrument import Instrument
from drivers.cryo import Cryo, CryoStatus
from drivers.fib import (
    BeamPicture,
    Fib,
    FibSetup,
    FibStatus,
    Milled,
    Milling,
    NeedlePosition,
    StagePosition,
)
from drivers.lab import Identity
from drivers.potentiostat import (
    Held,
    HoldOrder,
    Mode,
    Potentiostat,
    PotentiostatSetup,
    PotentiostatStatus,
    Samples,
)
from drivers.stem import Area, Image, Spectrum, Stem, StemSetup, StemStatus
from drivers.xps import Etched, RegionSpectrum, Xps, XpsSetup, XpsStatus
from protocols import units
from protocols.eds import ImageSettings
from protocols.fib import BeamImage
from protocols.xps import Etch, Region


class SessionStem(Instrument[Stem]):
    """A STEM with an EDS detector. Between calls the beam is blanked."""

    @as_in(Stem.identity)
    def identity(self) -> Identity:
        return self._live.do(self._driver.identity)

    @as_in(Stem.setup)
    def setup(self) -> StemSetup:
        return self._live.do(self._driver.setup)

    @as_in(Stem.status)
    def status(self) -> StemStatus:
        return self._live.do(self._driver.status)

    @as_in(Stem.electrons)
    def electrons(self) -> float | None:
        return self._live.do(self._driver.electrons)

    @as_in(Stem.image, ImageSettings)
    def image(
        self,
        field: Quantity,
        *,
        pixels: int = 512,
        dwell: Quantity = "2 us",
        probe_current: Quantity = "25 pA",
        x: Quantity = 0.0,
        y: Quantity = 0.0,
    ) -> Image:
        asked = settings(
            ImageSettings, field=field, pixels=pixels, dwell=dwell, probe_current=probe_current
        )
        place = si("x", x, units.LENGTH), si("y", y, units.LENGTH)
        return self._live.do(self._driver.image, asked, *place)

    @as_in(Stem.spectrum)
    def spectrum(
        self,
        x: Quantity,
        y: Quantity,
        along: Quantity,
        across: Quantity | None = None,
        *,
        angle: Quantity = 0.0,
        probe_current: Quantity,
        dwell: Quantity,
    ) -> Spectrum:
        length = si("along", along, units.LENGTH)
        width = si_or_none("across", across, units.LENGTH)
        area = Area(
            si("x", x, units.LENGTH),
            si("y", y, units.LENGTH),
            length,
            length if width is None else width,
            si("angle", angle, units.ANGLE),
        )
        current = si("probe_current", probe_current, units.CURRENT)
        return self._live.do(self._driver.spectrum, area, current, si("dwell", dwell, units.TIME))

    @as_in(Stem.shift_scan)
    def shift_scan(self, dx: Quantity, dy: Quantity) -> None:
        by = si("dx", dx, units.LENGTH), si("dy", dy, units.LENGTH)
        self._live.do(self._driver.shift_scan, *by)

    @as_in(Stem.move_stage)
    def move_stage(self, x: Quantity, y: Quantity) -> None:
        to = si("x", x, units.LENGTH), si("y", y, units.LENGTH)
        self._live.do(self._driver.move_stage, *to)


class SessionFib(Instrument[Fib]):
    """A FIB-SEM with a needle. Between calls both beams are blanked.

    Milling and the needle belong to a `lift_out` step, which says what is to be kept: by hand the
    interlocks refuse them.
    """

    @as_in(Fib.identity)
    def identity(self) -> Identity:
        return self._live.do(self._driver.identity)

    @as_in(Fib.setup)
    def setup(self) -> FibSetup:
        return self._live.do(self._driver.setup)

    @as_in(Fib.status)
    def status(self) -> FibStatus:
        return self._live.do(self._driver.status)

    @as_in(Fib.ion_charge)
    def ion_charge(self) -> float | None:
        return self._live.do(self._driver.ion_charge)

    @as_in(Fib.electron_charge)
    def electron_charge(self) -> float | None:
        return self._live.do(self._driver.electron_charge)

    @as_in(Fib.ion_image, BeamImage)
    def ion_image(
        self,
        field: Quantity,
        *,
        current: Quantity,
        pixels: int = 512,
        dwell: Quantity = "1 us",
        frames: int = 1,
    ) -> BeamPicture:
        asked = _beam_image(field, current, pixels, dwell, frames)
        return self._live.do(self._driver.ion_image, asked)

    @as_in(Fib.electron_image, BeamImage)
    def electron_image(
        self,
        field: Quantity,
        *,
        current: Quantity,
        pixels: int = 512,
        dwell: Quantity = "1 us",
        frames: int = 1,
    ) -> BeamPicture:
        asked = _beam_image(field, current, pixels, dwell, frames)
        return self._live.do(self._driver.electron_image, asked)

    @as_in(Fib.mill)
    def mill(self, job: Milling) -> Milled:
        return self._live.do(self._driver.mill, job)

    @as_in(Fib.move_stage)
    def move_stage(
        self,
        *,
        x: Quantity | None = None,
        y: Quantity | None = None,
        z: Quantity | None = None,
        r: Quantity | None = None,
        t: Quantity | None = None,
    ) -> StagePosition:
        here = self.status().stage
        lengths = (("x", x, here.x), ("y", y, here.y), ("z", z, here.z))
        angles = (("r", r, here.r), ("t", t, here.t))
        to = StagePosition(
            *(now if v is None else si(name, v, units.LENGTH) for name, v, now in lengths),
            *(now if v is None else si(name, v, units.ANGLE) for name, v, now in angles),
        )
        return self._live.do(self._driver.move_stage, to)

    @as_in(Fib.insert_needle)
    def insert_needle(self) -> NeedlePosition:
        return self._live.do(self._driver.insert_needle)

    @as_in(Fib.retract_needle)
    def retract_needle(self) -> None:
        self._live.do(self._driver.retract_needle)

    @as_in(Fib.move_needle)
    def move_needle(self, x: Quantity, y: Quantity, z: Quantity) -> NeedlePosition:
        to = NeedlePosition(
            si("x", x, units.LENGTH), si("y", y, units.LENGTH), si("z", z, units.LENGTH)
        )
        way = self.status().needle.to(to)
        return self._live.do(self._driver.move_needle, to, way)

    @as_in(Fib.insert_gis)
    def insert_gis(self) -> None:
        self._live.do(self._driver.insert_gis)

    @as_in(Fib.retract_gis)
    def retract_gis(self) -> None:
        self._live.do(self._driver.retract_gis)


def _beam_image(
    field: Quantity, current: Quantity, pixels: int, dwell: Quantity, frames: int
) -> BeamImage:
    return settings(
        BeamImage, field=field, current=current, pixels=pixels, dwell=dwell, frames=frames
    )


class SessionCryo(Instrument[Cryo]):
    """A cold stage with its needle and shield."""

    @as_in(Cryo.identity)
    def identity(self) -> Identity:
        return self._live.do(self._driver.identity)

    @as_in(Cryo.status)
    def status(self) -> CryoStatus:
        return self._live.do(self._driver.status)

    @as_in(Cryo.cool)
    def cool(self, setpoint: Quantity) -> None:
        self._live.do(self._driver.cool, si("setpoint", setpoint, units.TEMPERATURE))


class SessionXps(Instrument[Xps]):
    """An XPS spectrometer with an ion gun."""

    @as_in(Xps.identity)
    def identity(self) -> Identity:
        return self._live.do(self._driver.identity)

    @as_in(Xps.setup)
    def setup(self) -> XpsSetup:
        return self._live.do(self._driver.setup)

    @as_in(Xps.status)
    def status(self) -> XpsStatus:
        return self._live.do(self._driver.status)

    @as_in(Xps.xray_seconds)
    def xray_seconds(self) -> float | None:
        return self._live.do(self._driver.xray_seconds)

    @as_in(Xps.etch_seconds)
    def etch_seconds(self) -> float | None:
        return self._live.do(self._driver.etch_seconds)

    @as_in(Xps.set_source)
    def set_source(self, on: bool) -> None:
        self._live.do(self._driver.set_source, on)

    @as_in(Xps.set_neutraliser)
    def set_neutraliser(self, on: bool) -> None:
        self._live.do(self._driver.set_neutraliser, on)

    @as_in(Xps.move_stage)
    def move_stage(self, x: Quantity, y: Quantity) -> None:
        to = si("x", x, units.LENGTH), si("y", y, units.LENGTH)
        self._live.do(self._driver.move_stage, *to)

    @as_in(Xps.acquire, Region)
    def acquire(
        self,
        line: str,
        start: Quantity,
        stop: Quantity,
        *,
        step: Quantity = "0.1 eV",
        dwell: Quantity = "100 ms",
        pass_energy: Quantity = "20 eV",
        sweeps: int = 1,
    ) -> RegionSpectrum:
        region = settings(
            Region,
            line=line,
            start=start,
            stop=stop,
            step=step,
            dwell=dwell,
            pass_energy=pass_energy,
            sweeps=sweeps,
        )
        return self._live.do(self._driver.acquire, region, region.sweeps)

    @as_in(Xps.etch, Etch)
    def etch(
        self,
        duration: Quantity,
        *,
        energy: Quantity,
        current: Quantity,
        raster_width: Quantity,
        raster_height: Quantity,
        before: Quantity = 0.0,
        after: Quantity = 0.0,
    ) -> Etched:
        asked = settings(
            Etch,
            energy=energy,
            current=current,
            raster_width=raster_width,
            raster_height=raster_height,
            duration=duration,
            before=before,
            after=after,
        )
        return self._live.do(self._driver.etch, asked)


class SessionPotentiostat(Instrument[Potentiostat]):
    """A potentiostat with one cell on it. Between calls the cell is at open circuit."""

    @as_in(Potentiostat.identity)
    def identity(self) -> Identity:
        return self._live.do(self._driver.identity)

    @as_in(Potentiostat.setup)
    def setup(self) -> PotentiostatSetup:
        return self._live.do(self._driver.setup)

    @as_in(Potentiostat.status)
    def status(self) -> PotentiostatStatus:
        return self._live.do(self._driver.status)

    @as_in(Potentiostat.charge_throughput)
    def charge_throughput(self) -> float | None:
        return self._live.do(self._driver.charge_throughput)

    @as_in(Potentiostat.hold)
    def hold(
        self,
        mode: Mode,
        *,
        current: Quantity = 0.0,
        voltage: Quantity | None = None,
        end_voltage: Quantity | None = None,
        end_current: Quantity | None = None,
        end_seconds: Quantity | None = None,
        end_charge: Quantity | None = None,
        end_slope: Quantity | None = None,
        seconds_max: Quantity = "1 h",
        voltage_min: Quantity,
        voltage_max: Quantity,
        current_range: Quantity = 0.0,
        every: Quantity = "1 s",
        voltage_change: Quantity | None = None,
        current_change: Quantity | None = None,
    ) -> Held:
        order = HoldOrder(
            mode,
            current=si("current", current, units.CURRENT),
            voltage=si_or_none("voltage", voltage, units.VOLTAGE),
            end_voltage=si_or_none("end_voltage", end_voltage, units.VOLTAGE),
            end_current=si_or_none("end_current", end_current, units.CURRENT),
            end_seconds=si_or_none("end_seconds", end_seconds, units.TIME),
            end_charge=si_or_none("end_charge", end_charge, units.CHARGE),
            end_slope=si_or_none("end_slope", end_slope, units.SLOPE),
            seconds_max=si("seconds_max", seconds_max, units.TIME),
            voltage_min=si("voltage_min", voltage_min, units.VOLTAGE),
            voltage_max=si("voltage_max", voltage_max, units.VOLTAGE),
            current_range=si("current_range", current_range, units.CURRENT),
            every=si("every", every, units.TIME),
            voltage_change=si_or_none("voltage_change", voltage_change, units.VOLTAGE),
            current_change=si_or_none("current_change", current_change, units.CURRENT),
        )
        return self._live.do(self._driver.hold, order)

    def samples(self) -> Samples:
        """Return all samples of the newest hold; arrays of one length, empty before one."""
        blocks = [block for block in self.readings if isinstance(block, Samples)]
        return Samples(
            *(
                np.concatenate([getattr(block, each.name) for block in blocks] or [np.zeros(0)])
                for each in fields(Samples)
            )
        )


KINDS: dict[str, type[Instrument[Any]]] = {
    "stem": SessionStem,
    "fib": SessionFib,
    "cryo": SessionCryo,
    "xps": SessionXps,
    "potentiostat": SessionPotentiostat,
}
"""The plain calls of each role."""
