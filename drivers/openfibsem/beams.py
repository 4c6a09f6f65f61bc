"""Both beams of a FIB-SEM behind OpenFIBSEM: images, milling, and blanked whatever happens."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from drivers.clock import Clock
from drivers.errors import InstrumentFaultError, LimitError, ReadbackError
from drivers.fib import BeamName, Milled, MilledSlice, Milling
from drivers.openfibsem import vendor
from drivers.openfibsem.convert import CHOICE, Shape, chosen, needed_field, shapes, written
from drivers.openfibsem.settings import OpenFibsemSettings
from drivers.openfibsem.worker import Worker
from protocols.fib import BeamImage

T = TypeVar("T")

BEAMS: tuple[BeamName, ...] = ("electron", "ion")
SHORTEST = 1e-8
"""Seconds; a shorter dwell is a slip of units."""
LONGEST = 1e-2
"""Seconds; so is a longer one."""
TIME_ERROR = 0.2
"""Relative difference allowed between the vendor's time for a job and ours; ours, to verify."""


class Beams:
    """The electron and the ion column."""

    def __init__(
        self,
        microscope: Any,
        settings: OpenFibsemSettings,
        worker: Worker,
        clock: Clock,
        *,
        demo: bool,
        current_error: float,
    ) -> None:
        """`current_error`: largest relative difference of a current from the chosen one."""
        self._microscope = microscope
        self._settings = settings
        self._worker = worker
        self._clock = clock
        self._demo = demo
        self._current_error = current_error
        self.currents = {
            "electron": settings.electron_currents or self._listed("current", "electron"),
            "ion": settings.ion_currents or self._listed("current", "ion"),
        }
        self.voltages = {
            "electron": settings.electron_voltages or self._listed("voltage", "electron"),
            "ion": settings.ion_voltages or self._listed("voltage", "ion"),
        }
        self.current_set = {beam: self.number("current", beam) for beam in BEAMS}
        """A, as chosen last."""
        self._ion_field = 0.0

    def get(self, key: str, beam: BeamName) -> Any:
        """Return what fibsem says of a beam; None where it does not know."""
        return self._microscope.get(key, vendor.beam_type(beam))

    def number(self, key: str, beam: BeamName) -> float:
        """Return a reading of a beam as a number; NaN where fibsem knows none."""
        return vendor.number(self.get(key, beam))

    def blank(self, beam: BeamName) -> None:
        """Blank a beam, whatever else goes on.

        Raises:
            ReadbackError: it is not blanked.
        """
        if not self._microscope.blank(vendor.beam_type(beam)):
            raise ReadbackError(f"the {beam} beam is not blanked; blank it at the microscope")

    def stop_milling(self) -> None:
        """Stop patterns, then blank the ions."""
        try:
            if vendor.is_milling(self._microscope):
                self._microscope.stop_milling()
        finally:
            self.blank("ion")

    def image(
        self, beam: BeamName, settings: BeamImage
    ) -> Generator[None, None, npt.NDArray[np.unsignedinteger[Any]]]:
        """Return the sum of the frames; between two of them it may be stopped.

        Raises:
            LimitError: field, pixels, dwell or current is not one of the microscope's.
            ReadbackError: the image has another shape, or the scan is rotated.
        """
        current = chosen(f"an {beam} current of", settings.current, self.currents[beam], "A")
        self._check_image(settings)
        self._check_rotation(beam)
        pixels = settings.pixels
        frame = vendor.image_settings(beam, pixels, settings.dwell, settings.field)
        total = np.zeros((pixels, pixels), dtype=np.uint32)
        with self._kept(beam):
            self._choose(beam, current)
            for _ in range(settings.frames):
                taken = yield from self._worker.run(
                    f"take an {beam} image",
                    self._exposing(beam, lambda: self._microscope.acquire_image(frame)),
                    lambda: self.blank(beam),
                )
                total += _square(taken.data, pixels)
                yield
        if beam == "ion":
            self._ion_field = settings.field
        most = np.iinfo(taken.data.dtype).max * settings.frames
        return total.astype(np.uint16) if most <= np.iinfo(np.uint16).max else total

    def mill(self, job: Milling) -> Generator[MilledSlice, None, Milled]:
        """Mill patterns; the time of each is its charge at the current.

        Raises:
            LimitError: a pattern outside the field, a current or voltage that is not there.
            ReadbackError: current or time is not what was asked for.
        """
        current = chosen("an ion current of", job.current, self.currents["ion"], "A")
        voltage = chosen("an ion voltage of", job.voltage, self.voltages["ion"], "V")
        field = self._milling_field(job)
        self._check_rotation("ion")
        drawn = shapes(job, job.current)
        with self._kept("ion"):
            self._choose("ion", current, voltage)
            draw = self._drawing(drawn, field, current, voltage)
            yield from _before(self._worker.run("draw patterns", draw))
            self._check_estimate(job)
            return (yield from self._run_patterns(job, current, voltage))

    def _run_patterns(
        self, job: Milling, current: float, voltage: float
    ) -> Generator[MilledSlice, None, Milled]:
        """Run what is drawn to its end; a slice is what the time since the last one delivers."""
        left = job.charge - job.done
        expected = max(self._estimate() if self._demo else job.duration, 1e-3)
        began = told = self._clock.now()
        given = 0.0
        run = self._exposing("ion", lambda: self._microscope.run_milling(current, voltage))
        milling = self._worker.run("mill", run, self.stop_milling)
        with contextlib.closing(milling):
            for _ in milling:
                self._check_current("ion", current)
                now = self._clock.now()
                if now - began > (1 + TIME_ERROR) * expected + self._settings.overtime:
                    raise InstrumentFaultError(
                        f"milling runs {now - began:.0f} s, {expected:.0f} s were expected; it was "
                        f"stopped. Look at the site and at the microscope's own screen"
                    )
                part = max(0.0, left * min(0.99, (now - began) / expected) - given)
                yield MilledSlice(part, now - told)
                given, told = given + part, now
        seconds = self._clock.now() - began
        if not self._demo and seconds < (1 - TIME_ERROR) * job.duration:
            raise ReadbackError(
                f"milling ended {seconds:.3g} s after it began, not {job.duration:.3g} s: the "
                f"charge falls short; look at the site before going on"
            )
        yield MilledSlice(left - given, seconds - (told - began))
        return Milled(job.charge, seconds)

    def _drawing(
        self, drawn: Sequence[Shape], field: float, current: float, voltage: float
    ) -> Callable[[], None]:
        """Return the call that sets up the ion beam and draws patterns, ions blanked."""
        microscope, application = self._microscope, self._settings.application_file

        def draw() -> None:
            microscope.setup_milling(vendor.milling_settings(current, voltage, field, application))
            for shape in drawn:
                microscope.draw_rectangle(vendor.rectangle(shape))

        return draw

    def _exposing(self, beam: BeamName, call: Callable[[], T]) -> Callable[[], T]:
        """Return the call with the beam unblanked just while it lasts."""

        def expose() -> T:
            try:
                self._microscope.unblank(vendor.beam_type(beam))
                return call()
            finally:
                self.blank(beam)

        return expose

    @contextlib.contextmanager
    def _kept(self, beam: BeamName) -> Iterator[None]:
        """At the end blank a beam, and give back the current and voltage that were found."""
        found = {key: self.number(key, beam) for key in ("voltage", "current")}
        try:
            yield
        finally:
            self.blank(beam)
            for key, value in found.items():
                if math.isfinite(value) and self.number(key, beam) != value:
                    self._worker.wait(
                        f"give back the {beam} {key}", self._setting(key, value, beam)
                    )
            self.current_set[beam] = found["current"]

    def _choose(self, beam: BeamName, current: float, voltage: float | None = None) -> None:
        """Set current and voltage of a beam that is blanked; takes as long as an aperture does.

        It is waited for without a tick: interlocks would see a current that is not yet chosen.

        Raises:
            ReadbackError: one is not the chosen one.
        """
        if voltage is not None and self.number("voltage", beam) != voltage:
            self._worker.wait(f"set the {beam} voltage", self._setting("voltage", voltage, beam))
            if not abs(self.number("voltage", beam) - voltage) <= CHOICE * voltage:
                raise ReadbackError(
                    f"the {beam} voltage is {self.number('voltage', beam):.4g} V, not the "
                    f"{voltage:.4g} V that was set; set it at the microscope"
                )
        if self.number("current", beam) != current:
            self._worker.wait(f"set the {beam} current", self._setting("current", current, beam))
        self.current_set[beam] = current
        self._check_current(beam, current)

    def _setting(self, key: str, value: float, beam: BeamName) -> Callable[[], None]:
        return lambda: self._microscope.set(key, value, vendor.beam_type(beam))

    def _check_current(self, beam: BeamName, current: float) -> None:
        now = self.number("current", beam)
        if not abs(now - current) <= self._current_error * current:  # NaN is a difference
            raise ReadbackError(
                f"the {beam} current reads {now:.4g} A, not the {current:.4g} A that was chosen; "
                f"check the aperture"
            )

    def _check_image(self, settings: BeamImage) -> None:
        allowed = self._settings
        if settings.pixels not in allowed.pixels:
            sizes = ", ".join(str(size) for size in allowed.pixels)
            raise LimitError(
                f"images of {settings.pixels} x {settings.pixels} pixels: write one of {sizes}"
            )
        if not 0 < settings.field <= allowed.largest_field:
            raise LimitError(
                f"a field of {settings.field * 1e6:.4g} um is outside 0 to "
                f"{allowed.largest_field * 1e6:.4g} um"
            )
        if not SHORTEST <= settings.dwell <= LONGEST:
            raise LimitError(f"a dwell of {settings.dwell:.3g} s is outside 10 ns to 10 ms")

    def _check_rotation(self, beam: BeamName) -> None:
        """A rotated scan would turn the frame, and each pattern with it."""
        rotation = self.number("scan_rotation", beam)
        if not abs(rotation) < math.radians(0.1):
            raise ReadbackError(
                f"the {beam} scan is rotated by {math.degrees(rotation):.4g} deg; set the scan "
                f"rotation to 0 at the microscope"
            )

    def _milling_field(self, job: Milling) -> float:
        """Return the field in which to draw: that of the last ion image, if it holds them.

        Raises:
            LimitError: no pattern, nothing left to do, or patterns beyond the milling field.
        """
        if not job.patterns or not 0 <= job.done < job.charge < math.inf:
            raise LimitError(
                f"nothing to mill: {len(job.patterns)} patterns, {job.charge:.3g} C of which "
                f"{job.done:.3g} C are done"
            )
        needed = needed_field(job)
        if needed <= self._ion_field:
            return self._ion_field
        if needed <= self._settings.milling_field:
            return self._settings.milling_field
        raise LimitError(
            f"patterns reach {needed / 2 * 1e6:.4g} um from the image's middle, beyond the milling "
            f"field of {self._settings.milling_field * 1e6:.4g} um; bring them in, or raise "
            f"settings.milling_field"
        )

    def _estimate(self) -> float:
        return float(self._microscope.estimate_milling_time())

    def _check_estimate(self, job: Milling) -> None:
        """The demo microscope takes 5 s for each pattern, whatever its time; others obey."""
        estimate = self._estimate()
        if not self._demo and not abs(estimate - job.duration) <= TIME_ERROR * job.duration:
            self._microscope.clear_patterns()
            raise ReadbackError(
                f"the microscope would mill {estimate:.4g} s, not the {job.duration:.4g} s of its "
                f"charge; choose another settings.application_file"
            )

    def _listed(self, key: str, beam: BeamName) -> tuple[float, ...]:
        values = self._microscope.get_available_values(key, vendor.beam_type(beam))
        return tuple(float(value) for value in values)

    def shown(self, beam: BeamName) -> tuple[float, ...]:
        """Return a beam's currents (A) as people write them."""
        return tuple(written(value) for value in self.currents[beam])


def _before(pending: Generator[None, None, None]) -> Generator[MilledSlice, None, None]:
    """Do something before any ion leaves: nothing is delivered meanwhile."""
    with contextlib.closing(pending):
        for _ in pending:
            yield MilledSlice(0.0, 0.0)


def _square(data: npt.NDArray[Any], pixels: int) -> npt.NDArray[Any]:
    """Return an image as it was asked for.

    Raises:
        ReadbackError: it has another shape, so its pixel size is not known.
    """
    if data.shape != (pixels, pixels):
        raise ReadbackError(
            f"the microscope gave an image of {data.shape[1]} x {data.shape[0]} pixels, not "
            f"{pixels} x {pixels}; leave that size out of settings.pixels"
        )
    return data
