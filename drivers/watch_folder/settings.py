"""Settings of a spectrometer that is reached through a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from protocols.core_levels import AL_KA_EV
from protocols.model import Written
from protocols.units import ElectronVolts, Metres, Radians, Seconds


class WatchFolderSettings(Written):
    """Settings of a watched folder; the folder may be given as the instrument's address instead."""

    folder: Path | None = None
    """Where the vendor's program writes: one VAMAS file for each cycle, or one that grows. A folder
    for each profile."""
    files: str = "*.vms"
    """Which files in it; by name they sort in the order of the cycles."""
    trigger: str = "liftline-trigger.txt"
    """The file in it that tells the vendor's program, or the operator, to go on or to stop."""
    vendor_interlocks: bool = False
    """Declare that the vendor's program itself watches vacuum, source and gun, which cannot be read
    through a folder. Without this nothing is done."""
    deadline: Annotated[Seconds, Field(gt=0)] = 3600.0
    """Longest wait for what comes next."""
    settled: Annotated[Seconds, Field(ge=0)] = 2.0
    """A file is read when it has not changed for so long; ours, to verify."""
    poll: Annotated[Seconds, Field(gt=0, le=1)] = 1.0
    """Between two looks at the folder."""
    photon_energy: Annotated[ElectronVolts, Field(gt=0)] = AL_KA_EV
    """Of the X-rays; what the files say must agree with it within 1 eV."""
    anode: str = "Al Ka"
    spot_width: Annotated[Metres, Field(ge=0)] = 0.0
    """Of the area that is analysed; 0 where it is not known."""
    spot_height: Annotated[Metres, Field(ge=0)] = 0.0
    take_off_angle: Radians = 0.0
    """Between the surface normal and the analyser."""
