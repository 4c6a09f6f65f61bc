"""Etching with an ion gun that Prodigy runs as a Devices item.

The gun never comes on while the detector's voltage is up or something is scanned; whatever ends an
etch, the gun is stopped and, where Prodigy can read it, seen to be off. The seconds are those of
the gun's own timer where it has one; else they are by our clock, from when the gun was seen to be
on to when it was seen to be off.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from drivers.clock import Clock
from drivers.errors import InstrumentFaultError, LimitError, ReadbackError
from drivers.prodigy.devices import Devices
from drivers.prodigy.settings import UNITS, DeviceParameter, GunSettings
from drivers.xps import EtchBlock, Etched, XpsLimits
from protocols.xps import Etch

SAME_CURRENT = 0.05
"""Relative difference between the current asked for and the one measured; ours."""
SHORT = 0.5
"""Seconds by which a gun's own time may be shorter than asked before it counts as a trip; ours."""


class Gun:
    """Etches."""

    def __init__(
        self,
        devices: Devices,
        settings: GunSettings,
        limits: XpsLimits,
        clock: Clock,
        poll: float,
        detector_down: Callable[[], Generator[None, None, None]],
    ) -> None:
        """`detector_down` brings the detector's voltage down and verifies it, or raises."""
        self._devices = devices
        self._settings = settings
        self._limits = limits
        self._clock = clock
        self._poll = poll
        self._detector_down = detector_down
        self.may_be_on = False
        """The gun was switched on, and has not been seen off since."""

    def emission(self) -> float | None:
        """Return the gun's emission, A; None where Prodigy cannot read it."""
        live = self._settings.emission
        return None if live is None else self._devices.live(live)

    def seconds(self) -> float | None:
        """Return the gun's timer; None where it has none."""
        timer = self._settings.timer
        if timer is None:
            return None
        return self._devices.live(timer) if self.may_be_on else self._devices.steady(timer)

    def on(self) -> bool:
        """True if ions may leave the gun."""
        emission = self.emission()
        return self.may_be_on if emission is None else emission > self._settings.on_above

    def check(self, etch: Etch) -> None:
        """Refuse what the lab or the gun does not allow.

        Raises:
            LimitError: what, and the limit.
        """
        limits, gun = self._limits, self._settings
        for what, value, limit, unit in (
            ("energy", etch.energy, limits.ion_energy_max, "eV"),
            ("current", etch.current, limits.ion_current_max, "A"),
            ("duration", etch.duration, limits.etch_max, "s"),
            ("raster_width", etch.raster_width, gun.raster_max, "m"),
            ("raster_height", etch.raster_height, gun.raster_max, "m"),
        ):
            if value > limit:
                raise LimitError(
                    f"prodigy: etch {what} {value:g} {unit} is above the limit of {limit:g} "
                    f"{unit}; lower it, or change the limit in the lab file"
                )
        if gun.current is not None:
            return
        measured = gun.measured_current
        if measured is None or abs(measured - etch.current) > SAME_CURRENT * etch.current:
            given = "not known" if measured is None else f"{measured:g} A"
            raise LimitError(
                f"prodigy: the gun's current cannot be set, and is {given}; the etch asks for "
                f"{etch.current:g} A. Measure it, write it as measured_current, and ask for that"
            )

    def etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        """Etch; closed early, the gun is stopped at once and verified.

        Raises:
            InstrumentFaultError: the gun did not come on, or went off too early.
        """
        self.check(etch)
        return self._etch(etch)

    def _etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        gun = self._settings
        for _ in self._detector_down():
            yield EtchBlock(0.0, None)
        if gun.before is None:
            yield from self._wait(etch.before, 0.0)
        self._prepare(etch)
        before = self.seconds()
        self.may_be_on = True
        try:
            self._devices.execute(safe_after=True)
            seconds = yield from self._run(etch, before)
        finally:
            self.stop()
        after = self.seconds()
        if before is not None and after is not None:
            seconds = after - before
        if seconds < 0:
            raise ReadbackError(
                f"prodigy: the gun's timer went back by {-seconds:.3g} s in an etch; somebody "
                f"reset it: how long it etched is not known"
            )
        yield from self._wait(etch.after, seconds)
        return Etched(seconds)

    def _prepare(self, etch: Etch) -> None:
        gun = self._settings
        self._devices.create(gun)
        values: dict[str, float | str] = dict(gun.fixed)
        for parameter, value in (
            (gun.energy, etch.energy),
            (gun.current, etch.current),
            (gun.raster_width, etch.raster_width),
            (gun.raster_height, etch.raster_height),
            (gun.duration, etch.duration),
            (gun.before, etch.before),
        ):
            if parameter is not None:
                self._devices.check_unit(gun, parameter.name, parameter.unit)
                values[parameter.name] = _in_its_unit(parameter, value)
        self._devices.prepare(gun, values)

    def _run(self, etch: Etch, before: float | None) -> Generator[EtchBlock, None, float]:
        """Watch the gun until the etch is over, and return for how long it was on by our clock."""
        gun, clock = self._settings, self._clock
        yield from self._comes_on(etch)
        began, last = clock.now(), clock.now()
        allowed = etch.duration + (gun.ends_within if gun.duration else 0.0)
        while clock.now() - began < allowed:
            yield EtchBlock(self._so_far(began, before), self.emission())
            left = allowed - (clock.now() - began)
            clock.sleep(min(self._poll, max(left, 0.0)))
            if self.off():
                break
            last = clock.now()
        done = (last + clock.now()) / 2 - began
        self._long_enough(etch, done, before)
        return min(done, etch.duration) if gun.duration else done

    def _comes_on(self, etch: Etch) -> Generator[EtchBlock, None, None]:
        gun, clock = self._settings, self._clock
        settles = etch.before if gun.before is not None else 0.0
        until = clock.now() + gun.starts_within + settles
        while not self.on():
            if clock.now() > until:
                raise InstrumentFaultError(
                    f"prodigy: the ion gun did not come on within {gun.starts_within:g} s; look at "
                    f"its gas and filament. Nothing was etched"
                )
            clock.sleep(self._poll)
            yield EtchBlock(0.0, self.emission())

    def _so_far(self, began: float, before: float | None) -> float:
        now = self.seconds()
        if now is None or before is None:
            return self._clock.now() - began
        return now - before

    def _long_enough(self, etch: Etch, done: float, before: float | None) -> None:
        """Refuse a gun that went off before its time.

        Raises:
            InstrumentFaultError: it did.
        """
        if self._settings.emission is None:
            return
        if before is not None:
            now = self.seconds()
            done = done if now is None else now - before
        if done < etch.duration - SHORT - 2 * self._poll:
            raise InstrumentFaultError(
                f"prodigy: the ion gun went off after {done:.1f} of {etch.duration:g} s; look at "
                f"its gas, filament and high voltage in Prodigy, then go on with the rest"
            )

    def stop(self) -> None:
        """Stop the gun, and see that it is off. May be repeated.

        Raises:
            DriverError: it is not seen to be off; Prodigy was told to stop it all the same.
        """
        if not self.off() and self._devices.set_safe_state():
            until = self._clock.now() + self._settings.ends_within
            while self._settings.emission is not None and self.on():
                if self._clock.now() > until:
                    raise ReadbackError(
                        "prodigy: the ion gun was told to stop, but its emission is still "
                        f"{self.emission():.3g} A; switch it off by hand"
                    )
                self._clock.sleep(self._poll)
        self.may_be_on = False

    def off(self) -> bool:
        """True if the gun is seen, twice, to be off; one reading may be garbled."""
        if self._settings.emission is None:
            return not self.may_be_on
        try:
            return not self.on() and not self.on()
        except InstrumentFaultError:  # its device does not answer Prodigy
            return False

    def _wait(self, seconds: float, etched: float) -> Generator[EtchBlock, None, None]:
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 0:
            yield EtchBlock(etched, None)
            self._clock.sleep(min(self._poll, left))


def _in_its_unit(parameter: DeviceParameter, value: float) -> float:
    return round(value / UNITS[parameter.unit], 9)
