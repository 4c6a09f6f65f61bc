"""What the lab file says of a FIB-SEM behind OpenFIBSEM, where fibsem itself does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from protocols.model import Written
from protocols.units import Amperes, Metres, MetresPerSecond, Radians, Seconds, Volts


class OpenFibsemSettings(Written):
    """Settings of the driver; lists that are left out are what fibsem says."""

    configuration: Path | None = None
    """fibsem's own microscope configuration (YAML); left out, the one it was installed with."""
    manufacturer: Literal["ThermoFisher", "Tescan", "Odemis"] | None = None
    """Whose microscope it is; left out, as the configuration says."""
    ion_species: str | None = None
    """Of the source, such as gallium, where fibsem does not say: it names plasma gases only."""
    ion_currents: tuple[Annotated[Amperes, Field(gt=0)], ...] = ()
    """Those that can be chosen."""
    electron_currents: tuple[Annotated[Amperes, Field(gt=0)], ...] = ()
    """Those that can be chosen; for Thermo Fisher fibsem makes its list up from the range."""
    ion_voltages: tuple[Annotated[Volts, Field(gt=0)], ...] = ()
    electron_voltages: tuple[Annotated[Volts, Field(gt=0)], ...] = ()
    ion_spot: dict[str, Metres] = Field(default_factory=dict)
    """Full width at half maximum by current in whole picoamperes, such as '100'; left out, that of
    a usual gallium column."""
    electron_spot: Metres = 5e-9
    pixels: tuple[Annotated[int, Field(ge=32)], ...] = (256, 512, 1024, 2048, 4096)
    """Square image sizes that the microscope takes. Source: fibsem.config.SQUARE_RESOLUTIONS."""
    largest_field: Metres = 900e-6
    """Source: fibsem.config.REFERENCE_HFW_LOW."""
    milling_field: Metres = 80e-6
    """Field of the ion beam for patterns that the last ion image does not hold."""
    application_file: str = "Si"
    """Of the vendor's, for milling; the time of each pattern is set by its charge all the same."""
    pre_tilt: Radians | None = None
    """Of the shuttle; left out, as the configuration says."""
    gas: Literal["read", "parked"] = "read"
    """read: ask the microscope where its injector is; parked: it cannot say, and the operator
    has locked the injector out of the way for these experiments."""
    stage_tolerance: Metres = 2e-6
    """Between where the stage was sent and where it says it is; ours, to verify."""
    angle_tolerance: Radians = 0.0035
    """Likewise, 0.2 deg; ours, to verify."""
    needle_tolerance: Metres = 0.2e-6
    """Likewise; ours, to verify."""
    stage_speed: MetresPerSecond = 0.5e-3
    """For planning; ours, to verify."""
    overhead: Seconds = 3.0
    """Of an image or pattern beside its beam time, for planning; ours, to verify."""
    overtime: Seconds = 10.0
    """How long after its charge was delivered, and a fifth of that time, milling is stopped as
    one that does not end: fibsem waits for ever for a pattern that ended before it looked. Ours,
    to verify."""
    patience: Seconds = 30.0
    """How long a call to the microscope may take to end once it was told to stop."""
