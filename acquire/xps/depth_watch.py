"""Watching a depth profile, cycle by cycle: which lines appear, level off, fall and go."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from acquire.flags import Flag
from acquire.xps.charge import USUAL_WIDTH, Charge, Charging
from acquire.xps.findings import DepthFindings, findings
from acquire.xps.line_cycle import LineCycle
from acquire.xps.line_watch import LineWatch
from acquire.xps.readings import LineReading
from acquire.xps.region_fit import RegionFit, fit_region
from drivers.xps import RegionSpectrum, XpsSetup
from protocols.core_levels import core_level
from protocols.xps import DepthProfile


class DepthWatch:
    """Watches the lines of a depth profile; spectra in, flags out."""

    def __init__(self, step: DepthProfile, setup: XpsSetup) -> None:
        self._step, self._setup = step, setup
        self._watches = {watched.line: LineWatch(step, watched) for watched in step.watch}
        self._charging = Charging(step)
        self._charge = Charge(0.0, declared=bool(step.references))
        self._cycles = 0
        self._row: dict[str, LineReading] = {}
        self._widths = {watched.line: watched.width for watched in step.watch}
        self._fits: dict[str, RegionFit] = {}
        """Each region's newest."""
        self._fitted = dict.fromkeys([*self._widths, *(each.line for each in step.references)])

    def faint(self, line: str, spectrum: RegionSpectrum) -> bool:
        """Return True if a spectrum of this cycle leaves in doubt whether there is a peak.

        The charging is taken for that of the cycle before.
        """
        watch = self._watches.get(line)
        if watch is None or watch.there:
            return False
        fit = self._fit(line, spectrum)
        return watch.doubtful(self._of_line(watch, 0, 0.0, spectrum, fit, self._charge))

    def update(
        self, cycle: int, etch_time: float, spectra: Mapping[str, RegionSpectrum]
    ) -> list[Flag]:
        """Take all regions of a cycle, by line; return the flags that it raises.

        `etch_time` is the seconds of etching before it. Lines without a region have no reading.
        """
        fits = {
            line: self._fit(line, spectra[line])
            for line in self._fitted
            if line in spectra and spectra[line].counts.any()
        }
        self._fits |= fits
        self._charge = self._charging.update(fits)
        self._cycles, self._row = self._cycles + 1, {}
        raised: list[Flag] = []
        for line, watch in self._watches.items():
            if line not in fits:
                continue
            spectrum = spectra[line]
            one = self._of_line(watch, cycle, etch_time, spectrum, fits[line], self._charge)
            raised += watch.update(one)
            self._row[line] = watch.readings[-1]
        return raised

    def row(self) -> Mapping[str, LineReading]:
        """Return what the newest cycle tells, by watched line."""
        return self._row

    def finished(self) -> bool:
        """Return True if the protocol's rule to stop is met."""
        rule = self._step.stop
        if rule is None:
            return False
        plateaus = [
            [flag.index for flag in self._watches[line].flags if flag.kind == "plateau"]
            for line in rule.lines
            if line in self._watches
        ]
        if not all(plateaus):
            return False
        newest = max(w.cycles[-1].cycle for w in self._watches.values() if w.cycles)
        return newest - max(map(max, plateaus)) >= rule.cycles

    def findings(self) -> DepthFindings:
        """Return what all cycles so far say."""
        return findings(self._step, self._setup, self._watches)

    def _fit(self, line: str, spectrum: RegionSpectrum) -> RegionFit:
        """Return the lines that stand out of a region."""
        width = self._widths.get(line, USUAL_WIDTH)
        energies = spectrum.binding_energies
        reach = float(energies[-1]) + 0.75 * width, float(energies[0]) - 0.75 * width
        counts = spectrum.counts.astype(np.float64)
        return fit_region(energies, counts, core_level(line), width, reach, self._fits.get(line))

    def _of_line(
        self,
        watch: LineWatch,
        cycle: int,
        etch_time: float,
        spectrum: RegionSpectrum,
        fit: RegionFit,
        charge: Charge,
    ) -> LineCycle:
        sweeps = max(spectrum.sweeps, 1)
        width = watch.watched.width
        return LineCycle(cycle, etch_time, fit, charge, sweeps, width, watch.windows)
