"""Scans of a simulated XPS under the X-rays: begun, counted in the ledger, and ended."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulators.xps.gun import DEAD_MAN, LINK_GONE, PROCESS_GONE
from simulators.xps.xps_world import Event, XpsWorld


@dataclass
class Scan:
    """A region that is being scanned."""

    number: int
    key: str
    attempt: int
    """How often the same has been scanned before."""
    begin: float
    """World time, s."""
    seconds: float
    """As asked for."""
    done: float = 0.0


class Scans:
    """The analyser's controller; at most one scan runs."""

    def __init__(self, world: XpsWorld) -> None:
        """Take up the controller; a scan that a process left is ended."""
        self._world = world
        self.running: Scan | None = None
        left = world.left_running()
        if left and left[0].kind == "scan":
            first = left[0]
            done = math.fsum(event.seconds for event in left if event.kind == "x-rays")
            self.running = Scan(first.number, first.of, 0, first.t, first.seconds, done)
            self.left_alone(PROCESS_GONE)

    def begin(self, key: str, seconds: float) -> Scan:
        """Begin a scan that takes so long (s) in all."""
        self.end()
        attempt, number = self._world.count("scan", key), self._world.count("scan") + 1
        scan = Scan(number, key, attempt, self._world.now(), seconds)
        self.running = scan
        self._world.record(Event("scan", scan.begin, number, key, seconds))
        return scan

    def scan(self, scan: Scan, seconds: float) -> None:
        """Let a part of a scan take its time."""
        until = round(scan.begin + scan.done + seconds, 6)
        self._world.wait_until(until)
        self._exposed(scan, seconds)

    def _exposed(self, scan: Scan, seconds: float, note: str = "") -> None:
        if seconds > 0:
            t = round(scan.begin + scan.done + seconds, 6)
            self._world.record(Event("x-rays", t, scan.number, scan.key, seconds, note=note))
            scan.done += seconds

    def end(self) -> None:
        """End the scan and take the detector's voltage down; may be repeated."""
        scan = self.running
        if scan is not None:
            elapsed = min(self._world.now() - scan.begin, scan.seconds)
            if elapsed > scan.done + 1e-3:
                self._exposed(scan, elapsed - scan.done)
            self._end(scan)

    def left_alone(self, note: str = LINK_GONE) -> None:
        """Have the controller's dead man's switch end the scan."""
        scan = self.running
        if scan is not None:
            self._exposed(scan, min(DEAD_MAN, scan.seconds - scan.done), note)
            self._world.live_until(scan.begin + scan.done)
            self._end(scan, note)

    def _end(self, scan: Scan, note: str = "") -> None:
        self.running = None
        t = round(scan.begin + scan.done, 6)
        self._world.record(Event("scanned", t, scan.number, scan.key, note=note))
