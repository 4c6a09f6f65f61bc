"""Settings of the simulated XPS spectrometer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocols.model import Written
from protocols.units import ElectronVolts, Metres, Pascals, Seconds
from simulators.xps.faults import XpsFault


class SimXpsSettings(Written):
    """Settings of the simulated XPS. What is left out and hidden is drawn from the seed."""

    specimen: str = "li-lipon-xps"
    """A specimen of the library by its name, or a specimen file."""
    adventitious: Annotated[Metres, Field(ge=0)] = 0.8e-9
    """Carbon on top of the specimen as it comes in; ours, to verify."""
    mixing: Annotated[Metres, Field(ge=1e-9, le=30e-9)] = 4e-9
    """Thickness w of the zone that 5 keV ions mix: 3 to 10 nm [lit], to verify."""
    roughness: Annotated[Metres, Field(ge=0, le=30e-9)] = 1.5e-9
    """Standard deviation s of the depths: 1 to 3 nm [lit], to verify."""
    rate_scatter: Annotated[float, Field(ge=0, le=0.3)] = 0.02
    """Relative standard deviation of the etch rate from specimen to specimen; ours."""
    flux_scatter: Annotated[float, Field(ge=0, le=0.3)] = 0.03
    """Relative standard deviation of the count rates likewise; ours."""
    energy_scatter: Annotated[float, Field(ge=0, le=3)] = 1.0
    """Times the scatter that the table of chemical states gives binding energies."""
    charging: ElectronVolts | None = None
    """Shift of layers that float, without neutraliser; left out, drawn from 1.0 to 3.5 eV: "several
    eV" is published. Lithium that is in contact does not charge."""
    charging_scatter: Annotated[ElectronVolts, Field(ge=0)] = 0.06
    """Standard deviation of that shift from etch to etch; ours, to verify."""
    dead_time: Annotated[Seconds, Field(ge=0)] = 1e-7
    """For which the detector is blind after each electron, not paralysable; ours, to verify."""
    base_pressure: Annotated[Pascals, Field(gt=0)] = 1.3e-7
    """Of the analysis chamber: 1e-9 Torr as published."""
    faults: tuple[XpsFault, ...] = ()
    """What goes wrong, and when."""
    down_time: Annotated[Seconds, Field(ge=0)] = 0.0
    """World time that passes between two openings of the same world."""
