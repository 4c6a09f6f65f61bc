"""A spectrometer behind a folder: Kratos ESCApe, PHI SmartSoft, Thermo Avantage and others.

None of them has a public remote control; all can write VAMAS files. The vendor's program runs the
profile: at each cycle it measures its regions, writes them into the folder, and waits for the
trigger file to say `go` for the next etch. A program that cannot wait runs on, and the operator
stops it when the trigger file says so.

The vendor's method decides sweeps, dwell and pass energy; regions must be the protocol's. Nothing
of this has been checked on an instrument.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import numpy as np

from drivers.action import action, action_of
from drivers.clock import Clock
from drivers.errors import InputError, LimitError, LinkError, ReadbackError
from drivers.lab import DriverSpec, Identity, OpenRequest
from drivers.recorded_xps import MAGIC_ANGLE, asked_for
from drivers.watch_folder.arrivals import Arrivals
from drivers.watch_folder.settings import WatchFolderSettings
from drivers.watch_folder.trigger import Trigger
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
from drivers.xps_recording import XpsRecording
from protocols.xps import Etch, Region

T = TypeVar("T")
B = TypeVar("B")


class WatchFolder(Xps):
    """A spectrometer that writes files and reads one."""

    def __init__(self, folder: Path, settings: WatchFolderSettings, clock: Clock) -> None:
        """Take up the profile where the trigger file says that it is.

        Raises:
            InputError: the folder is missing, or holds another profile.
        """
        if not folder.is_dir():
            raise InputError(
                f"{folder} is no folder; make it and let the vendor's program write there"
            )
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._trigger = Trigger(folder / settings.trigger)
        self._arrivals = Arrivals(folder, settings.files, settings.settled, clock.now)
        self._begun = self._trigger.cycle is not None
        self._cycle = self._trigger.cycle or 0
        self._given: set[tuple[int, str]] = set()
        there = self._arrivals.take()
        if not self._begun and there is not None and there.cycles > 1:
            raise InputError(
                f"{folder} already holds {there.cycles} cycles, of another profile perhaps; give "
                "this one a folder of its own"
            )

    def identity(self) -> Identity:
        """Return that files stand for the instrument."""
        return Identity("files", "spectrometer reached through a folder", self._folder.name, False)

    def setup(self) -> XpsSetup:
        """Return what the settings say; files that disagree are refused when they come."""
        settings = self._settings
        return XpsSetup(
            photon_energy=settings.photon_energy,
            anode=settings.anode,
            work_function=0.0,
            pass_energies=(),
            smallest_step=0.0,
            spot_width=settings.spot_width,
            spot_height=settings.spot_height,
            take_off_angle=settings.take_off_angle,
            source_angle=MAGIC_ANGLE,
        )

    def status(self) -> XpsStatus:
        """Return harmless readings: the vendor's program watches, as the lab file declares."""
        return XpsStatus(
            pressure=0.0, source_on=True, ions_on=False, detector_on=False, acquiring=False
        )

    def xray_seconds(self) -> None:
        """Return None: no such count comes through a folder."""

    def etch_seconds(self) -> float:
        """Return the seconds of all etches that have led to a file, at least as asked for."""
        return self._trigger.etched

    def safe(self) -> None:
        """Tell the vendor's program, or the operator, to stop; say nothing before it began."""
        if self._begun:
            self._trigger.stop()

    def close(self) -> None:
        """Leave it stopped."""
        self.safe()

    def set_source(self, on: bool) -> Generator[None, None, None]:
        """Do nothing: the vendor's method has the source on while it measures."""
        yield from ()

    def set_neutraliser(self, on: bool) -> None:
        """Do nothing: the vendor's method decides."""

    def move_stage(self, x: float, y: float) -> Generator[None, None, None]:
        """Refuse.

        Raises:
            LimitError: the stage cannot be moved through a folder.
        """
        yield from ()
        raise LimitError("the stage cannot be moved through a folder; move it at its console")

    # Waiting again for a file exposes nothing: unlike the interface's, it is repeated unasked.
    @action(spends=action_of(Xps, "acquire").spends, on_interrupt="repeat")
    def acquire(self, region: Region, sweeps: int) -> Generator[SweepBlock, None, RegionSpectrum]:
        """Wait for the present cycle's region; its sweeps are those of the vendor's method.

        Raises:
            LimitError: it was given in this cycle already: there are no more sweeps of it.
            ReadbackError: the vendor's method has other regions or X-rays than the protocol.
            LinkError: it did not come in time, or the files are broken or out of order.
        """
        self._begun = True
        cycle, line = self._cycle, region.line
        if (cycle, line) in self._given:
            raise LimitError(
                f"the vendor's program measures {line} once a cycle; leave out faint_sweeps, and "
                "put more sweeps into its method"
            )

        def come(there: XpsRecording | None) -> RegionSpectrum | None:
            return None if there is None else self._spectrum(there, region, cycle)

        nothing = SweepBlock(np.zeros(region.points, np.uint8), 0, 0, 0)
        spectrum = yield from self._wait(come, f"{line} of cycle {cycle}", nothing)
        yield SweepBlock(np.asarray(spectrum.counts), spectrum.sweeps - 1, 0, region.points)
        self._given.add((cycle, line))
        return spectrum

    def etch(self, etch: Etch) -> Generator[EtchBlock, None, Etched]:
        """Tell the vendor's program to etch and to go on, and wait for the first region after it.

        An etch that was cut off is asked for again by the same number, if it has not led to a file
        meanwhile: the vendor's program does it once.

        Raises:
            LinkError: nothing came in time, or the files are broken or out of order.
        """
        self._begun = True
        self._cycle += not self._trigger.pending
        there = self._arrivals.look()
        if not (self._trigger.pending and there is not None and there.cycles > self._cycle):
            self._trigger.go(self._cycle, etch)

        def begun(now: XpsRecording | None) -> XpsRecording | None:
            return now if now is not None and now.cycles > self._cycle else None

        what = f"a region of cycle {self._cycle}"
        try:
            now = yield from self._wait(begun, what, EtchBlock(0.0, None))
        except BaseException:
            self._trigger.stop()
            raise
        seconds = self._seconds(now, etch)
        self._trigger.done(max(seconds, etch.duration))
        yield EtchBlock(seconds, None)
        return Etched(seconds)

    def _seconds(self, now: XpsRecording, etch: Etch) -> float:
        """Return the seconds before the present cycle: by the files, else as asked."""
        times = now.etch_times
        if times is None or self._cycle == 0:
            return etch.duration
        return times[self._cycle] - times[self._cycle - 1]

    def _wait(
        self, look: Callable[[XpsRecording | None], T | None], what: str, nothing: B
    ) -> Generator[B, None, T]:
        """Look until there is something, and return it.

        Raises:
            LinkError: not within the deadline.
        """
        began = self._clock.now()
        while (found := look(self._arrivals.look())) is None:
            if self._clock.now() - began >= self._settings.deadline:
                raise LinkError(
                    f"{what} did not come into {self._folder} within "
                    f"{self._settings.deadline / 60:.3g} min; look whether the vendor's program "
                    "still measures and exports VAMAS, then go on"
                )
            self._clock.sleep(self._settings.poll)
            yield nothing
        return found

    def _spectrum(self, there: XpsRecording, region: Region, cycle: int) -> RegionSpectrum | None:
        """Return a region of a cycle; None while it may still come.

        Raises:
            ReadbackError: the vendor's method has other regions, or other X-rays.
        """
        asked = self._settings.photon_energy
        if abs(there.photon_energy - asked) > 1:
            raise ReadbackError(
                f"the files say X-rays of {there.photon_energy:g} eV, the lab file "
                f"{asked:g} eV; correct photon_energy"
            )
        found = there.region(region.line)
        if found is not None and cycle in found.counts:
            try:
                found = asked_for(there, region)
            except LimitError as error:
                raise ReadbackError(f"the vendor's method differs: {error}") from error
            stored = None if there.etch_times is None else there.etch_times[cycle]
            return found.spectrum(cycle, found.dwell or region.dwell, stored)
        if there.cycles > cycle + 1:
            raise ReadbackError(
                f"cycle {cycle} has no {region.line}, and cycle {cycle + 1} has begun; the files "
                f"have {there.held()}: let the vendor's method and the protocol have the same "
                "regions"
            )
        return None


def _open(request: OpenRequest) -> WatchFolder:
    settings: WatchFolderSettings = request.settings
    folder = settings.folder or (Path(request.address) if request.address else None)
    if folder is None:
        raise InputError("watch-folder: which folder? Write address: C:/Data/profile-7")
    if not settings.vendor_interlocks:
        raise InputError(
            "watch-folder: vacuum, source and gun cannot be read through a folder. If the vendor's "
            "program watches them itself, declare it with settings: {vendor_interlocks: true}"
        )
    return WatchFolder(folder, settings, request.clock)


DRIVER = DriverSpec(
    role="xps",
    summary="a spectrometer that exchanges files (Kratos, PHI, Thermo): VAMAS in, a trigger out",
    settings=WatchFolderSettings,
    limits=XpsLimits,
    open=_open,
)
