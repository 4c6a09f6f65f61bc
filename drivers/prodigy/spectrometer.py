"""An XPS spectrometer and its ion gun behind SPECS Prodigy, over its Remote In protocol (TCP 7010).

Prodigy counts kinetic energies and `Xps` binding energies: BE = hv - KE - work function, here and
nowhere else. Prodigy's protocol has no manipulator: the stage is moved by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial

import numpy as np

from drivers.action import result_of
from drivers.clock import Clock, ScaledClock
from drivers.errors import DriverError, LimitError, LinkError, ReadbackError
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.prodigy.codec import word
from drivers.prodigy.devices import Devices
from drivers.prodigy.gun import Gun
from drivers.prodigy.reach import check_modes, check_region
from drivers.prodigy.scan import Scanner
from drivers.prodigy.session import Session
from drivers.prodigy.settings import ProdigySettings, Switched
from drivers.prodigy.wire import TcpWire, Wire, host_and_port
from drivers.xps import (
    EtchBlock,
    Etched,
    RegionSpectrum,
    SweepBlock,
    Xps,
    XpsLimits,
    XpsSetup,
    XpsStatus,
)
from protocols.errors import InputError, LiftlineError
from protocols.xps import Etch, Region

NAME_SINCE = (1, 5)
"""Protocol version with GetAnalyzerVisibleName."""


class ProdigyXps(Xps):
    """A spectrometer that Prodigy runs."""

    def __init__(
        self,
        connect: Callable[[], Wire],
        settings: ProdigySettings,
        limits: XpsLimits,
        clock: Clock,
    ) -> None:
        """Connect, and leave the instrument safe.

        Raises:
            LinkError: there is no server, or it serves another client.
            InputError: lens mode or scan range are none that Prodigy knows.
        """
        self._settings = settings
        self._session = Session(connect, settings.reply_time)
        self._clock = clock
        self._devices = Devices(self._session, clock, settings.safe_time)
        self._scanner = Scanner(self._session, settings, clock)
        self._gun: Gun | None = None
        if settings.gun is not None:
            down = self._bring_detector_down
            self._gun = Gun(self._devices, settings.gun, limits, clock, settings.poll, down)
        self._on: dict[str, bool] = {}
        self._connection = 0
        self._model = ""
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        try:
            self._reach()
            self._model = self._visible_name()
            check_modes(self._session, self._settings)
        except BaseException:
            self._session.close()
            raise

    def _reach(self) -> None:
        """Connect where there is no connection; a new one begins with everything safe."""
        if self._closed:
            raise LinkError("prodigy: the driver is closed; open the lab again")
        self._session.open()
        if self._session.connections != self._connection:
            self._connection = self._session.connections
            self._on = {}
            self._scanner.detector_up = True
            if self._gun:
                self._gun.may_be_on = True
            self._make_safe()

    def identity(self) -> Identity:
        """Return the analyser's name; a server that says it is simulated is a simulator."""
        simulated = "simulat" in self._session.server.lower()
        return Identity("SPECS", self._model, self._session.server, simulated)

    def setup(self) -> XpsSetup:
        """Return what the lab file says: Prodigy's protocol does not tell it."""
        s = self._settings
        return XpsSetup(
            photon_energy=s.photon_energy,
            anode=s.anode,
            work_function=s.work_function,
            pass_energies=s.pass_energies,
            smallest_step=s.smallest_step,
            spot_width=s.spot_width,
            spot_height=s.spot_height,
            take_off_angle=s.take_off_angle,
            source_angle=s.source_angle,
            transmission_exponent=s.transmission_exponent,
            overhead=s.overhead,
        )

    def status(self) -> XpsStatus:
        """Return what Prodigy reads now; what it cannot read is what was last done.

        Raises:
            DriverError: it cannot be reached, or a device is not online.
        """
        self._reach()
        acquiring = self._scanner.progress().busy
        emission = self._gun.emission() if self._gun else None
        return XpsStatus(
            pressure=self._pressure(),
            source_on=self._shows("source", self._settings.source, usually=True),
            ions_on=self._gun.on() if self._gun else False,
            detector_on=self._detector_is_up(),
            acquiring=acquiring,
            neutraliser_on=None
            if self._settings.flood_gun is None
            else self._shows("flood gun", self._settings.flood_gun, usually=False),
            gun_emission=emission,
        )

    def _pressure(self) -> float:
        gauge, by_hand = self._settings.gauge, self._settings.pressure_by_hand
        if gauge is not None:
            return self._devices.live(gauge)
        return math.nan if by_hand is None else by_hand

    def _shows(self, name: str, device: Switched | None, *, usually: bool) -> bool:
        """Return whether a device is on, by what it shows or by what was last done with it."""
        if device is None:
            return usually
        return self._devices.shows(device) if device.live else self._on.get(name, False)

    def xray_seconds(self) -> float | None:
        """Return None: Prodigy keeps no count."""
        return None

    def etch_seconds(self) -> float | None:
        """Return the gun's timer; None where it has none."""
        self._reach()
        return self._gun.seconds() if self._gun else None

    def safe(self) -> None:
        """End a scan, gun off, detector voltage down; each is verified. May be repeated.

        Raises:
            ReadbackError: something is not safe; the rest was seen to all the same.
        """
        if not self._closed:
            self._reach()
            self._make_safe()

    def _make_safe(self) -> None:
        steps: list[Callable[[], None]] = [self._scanner.stop, self._detector_down]
        if self._gun:
            steps.insert(0, self._gun_off)
        problems = []
        for step in steps:
            try:
                step()
            except (LinkError, InputError):
                raise  # Prodigy makes the devices safe by itself; or the lab file is wrong
            except LiftlineError as error:
                problems.append(str(error))
        if problems:
            raise ReadbackError(f"prodigy is perhaps not safe: {'; '.join(problems)}")

    def _gun_off(self) -> None:
        assert self._gun is not None
        if not self._gun.off():
            self._on = {}  # it takes SetSafeState, which is for all devices
        self._gun.stop()

    def _detector_is_up(self) -> bool:
        if self._settings.detector is None:
            return self._scanner.detector_up
        return self._devices.live(self._settings.detector) > self._settings.detector_safe_below

    def _detector_down(self) -> None:
        result_of(self._bring_detector_down())

    def _bring_detector_down(self) -> Generator[None, None, None]:
        """Bring the detector's voltage down where it is up or cannot be read, and verify it.

        Raises:
            ReadbackError: it is still up.
            LimitError: this Prodigy cannot be told to.
        """
        if self._scanner.progress().busy:
            raise ReadbackError("prodigy: a scan is running; end it before the ion gun is used")
        if self._settings.detector is not None and not any(self._detector_is_up() for _ in "12"):
            self._scanner.detector_up = False  # seen twice: one reading may be garbled
            return
        if (yield from self._devices.setting_safe_state()):
            self._on = {}
        self._scanner.detector_up = False
        if self._settings.detector is not None and self._detector_is_up():
            raise ReadbackError(
                "prodigy: the detector's voltage is still up after SetSafeState; bring it down by "
                "hand: ions would harm it"
            )

    def close(self) -> None:
        """Leave it safe and disconnect; may be repeated."""
        if self._closed:
            return
        try:
            self.safe()
        finally:
            self._closed = True
            self._session.close()

    def set_source(self, on: bool) -> Generator[None, None, None]:
        """Switch the X-rays, where they have a template of their own; else the scans do."""
        yield from self._switch("source", self._settings.source, on)

    def set_neutraliser(self, on: bool) -> None:
        """Switch the flood gun on or off.

        Raises:
            LimitError: on is asked for, and the lab file names none.
        """
        if on and self._settings.flood_gun is None:
            raise LimitError(
                "prodigy: no flood_gun under settings; name its template, or write neutraliser: "
                "false"
            )
        for _ in self._switch("flood gun", self._settings.flood_gun, on):
            pass

    def _switch(self, name: str, device: Switched | None, on: bool) -> Generator[None, None, None]:
        self._reach()
        if device is not None:
            self._on[name] = yield from self._devices.switch(device, on)

    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        """Refuse: Prodigy's protocol has no manipulator.

        Raises:
            LimitError: always.
        """
        raise LimitError(
            "prodigy: its protocol has no manipulator; move the stage in Prodigy, before the run"
        )

    def acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        """Scan a region in constant pass energy, `sweeps` times; each sweep is read twice."""
        check_region(region, self._scanner.scan_of(region).start, self._settings)
        return self._acquire(region, sweeps)

    def _acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        self._reach()
        if self._gun and self._gun.on():
            raise ReadbackError("prodigy: the ion gun is on; stop it before anything is scanned")
        scanner, scan = self._scanner, self._scanner.scan_of(region)
        counts = np.zeros(region.points)
        done = False
        try:
            scanner.define(scan)
            for number in range(sweeps):
                if number:
                    scanner.clear()
                counts += yield from scanner.sweep(scan, number, last=number == sweeps - 1)
            yield from self._ramped_down(region)
            done = True
        finally:
            self._leave(done)
        return RegionSpectrum(
            counts.astype(np.uint32), region.start, region.step, region.dwell, sweeps
        )

    def _ramped_down(self, region: Region) -> Generator[SweepBlock, None, None]:
        """Wait while Prodigy ramps the detector's voltage down, as it does after a scan."""
        until = self._clock.now() + self._settings.detector_ramp
        while self._settings.detector is not None and self._clock.now() < until:
            if not self._detector_is_up():
                return
            yield SweepBlock(np.zeros(region.points, np.uint32), 0, 0, 0)
            self._clock.sleep(self._settings.poll)

    def _leave(self, done: bool) -> None:
        """End what is scanned and bring the detector's voltage down, on every way out."""
        if done and self._settings.detector is None and not self._scanner.detector_up:
            return  # Prodigy has ramped it down; SetSafeState would take the source off too
        steps = [self._scanner.stop, self._detector_down]
        if done:
            for step in steps:
                step()
            return
        for step in steps:  # another error is on its way, or Prodigy makes itself safe
            with suppress(DriverError):
                step()

    def etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        """Etch; the source and the flood gun come on again if SetSafeState took them off."""
        if self._gun is None:
            raise LimitError("prodigy: the lab file says that there is no ion gun (gun: null)")
        self._gun.check(etch)
        return self._etch(self._gun, etch)

    def _etch(self, gun: Gun, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        self._reach()
        devices = {"source": self._settings.source, "flood gun": self._settings.flood_gun}
        usually = partial(self._shows, usually=False)
        was_on = {name: device for name, device in devices.items() if usually(name, device)}
        self._scanner.stop()
        done = yield from gun.etch(etch)
        for name, device in was_on.items():
            if not usually(name, device):
                for _ in self._switch(name, device, True):
                    yield EtchBlock(done.seconds, None)
        return done

    def _visible_name(self) -> str:
        if self._session.version < NAME_SINCE:
            return "analyser"
        return self._session.ask(
            "GetAnalyzerVisibleName", take=lambda v: word(v, "AnalyzerVisibleName")
        )


def _open(request: OpenRequest) -> ProdigyXps:
    settings: ProdigySettings = request.settings
    if request.address is None:
        raise InputError("prodigy: which computer? Write its address, such as 192.168.0.5:7010")
    try:
        host, port = host_and_port(request.address)
    except ValueError as error:
        raise InputError(f"prodigy: {error}") from None
    speed = settings.rehearsal_speed
    clock = request.clock if speed == 1 else ScaledClock(speed)
    connect = partial(TcpWire, host, port, settings.reply_time)
    xps = ProdigyXps(connect, settings, request.limits, clock)
    if speed != 1 and not xps.identity().simulated:
        xps.close()
        raise InputError("prodigy: rehearsal_speed is for the simulated server; leave it out")
    return xps


DRIVER = DriverSpec(
    role="xps",
    summary="an XPS spectrometer and ion gun that SPECS Prodigy runs, over its Remote In protocol",
    settings=ProdigySettings,
    limits=XpsLimits,
    open=_open,
)
