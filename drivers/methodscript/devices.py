"""What each device can do, by the code that it reports. Source: the reference sheet, 5.1 and 5.6.

The oldest firmware of each is ours, to verify: the first whose scripts have `breakloop` inside a
measurement, and galvanostatic measurements where the device has them at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocols.errors import InputError
from protocols.units import closest

BOOTLOADER = "espbl "


@dataclass(frozen=True)
class Device:
    """One kind of device."""

    name: str
    voltage_min: float
    """V."""
    voltage_max: float
    """V."""
    ranges: Mapping[int, float]
    """Full scale, A, by the index that packages tell."""
    driven: Mapping[int, float] = field(default_factory=dict)
    """The same where a current is driven; empty for a device that cannot."""
    oldest: int = 0
    """Firmware below this is refused; 1300 is 1.3."""

    @property
    def current_ranges(self) -> tuple[float, ...]:
        """Full scales, A, smallest first: those in which a hold can be done."""
        return tuple(sorted((self.driven or self.ranges).values()))


_DECADES = {3: 1e-9, 6: 1e-8, 9: 1e-7, 12: 1e-6, 15: 1e-5, 18: 1e-4, 21: 1e-3, 24: 1e-2, 27: 0.1}
_LOW = {index: amperes for index, amperes in _DECADES.items() if amperes < 0.05}
_HIGH = {index: amperes for index, amperes in _DECADES.items() if amperes > 0.5e-7}
_PICO = {
    0: 1e-7, 1: 2e-6, 2: 4e-6, 3: 8e-6, 4: 1.6e-5, 5: 3.2e-5, 6: 6.3e-5, 7: 1.25e-4, 8: 2.5e-4,
    9: 5e-4, 10: 1e-3, 11: 5e-3,
}  # fmt: skip
_PICO_FAST = {
    128: 1e-7, 129: 1e-6, 130: 6e-6, 131: 1.3e-5, 132: 2.5e-5, 133: 5e-5, 134: 1e-4, 135: 2e-4,
    136: 1e-3, 137: 5e-3,
}  # fmt: skip
_NEXUS = {
    16: 1e-10, 0: 1e-9, 1: 1e-8, 2: 1e-7, 3: 1e-6, 4: 1e-5, 5: 1e-4, 8: 1e-3, 9: 1e-2, 10: 0.1,
    11: 1.0,
}  # fmt: skip
_NEXUS_DRIVEN = {index + 32: amperes for index, amperes in _NEXUS.items() if index < 16}
_ES4_LR = Device("EmStat4 LR", -3.0, 3.0, _LOW, _LOW, oldest=1200)
_ES4_HR = Device("EmStat4 HR", -6.0, 6.0, _HIGH, _HIGH, oldest=1200)
_PICO_KIND = Device("EmStat Pico", -1.7, 2.0, {**_PICO, **_PICO_FAST}, oldest=1300)
DEVICES: Mapping[str, Device] = {
    "espico": _PICO_KIND,
    "senswb": Device("Sensit Wearable", -1.7, 2.0, _PICO_KIND.ranges),
    "es4_lr": _ES4_LR,
    "es4_hr": _ES4_HR,
    "mes4lr": Device("MultiEmStat4 LR", -3.0, 3.0, _LOW, _LOW, oldest=1200),
    "mes4hr": Device("MultiEmStat4 HR", -6.0, 6.0, _HIGH, _HIGH, oldest=1200),
    "nexus1": Device("Nexus", -10.0, 10.0, _NEXUS, _NEXUS_DRIVEN, oldest=1000),
}


def device_of(code: str, version: str) -> Device:
    """Return what the device with this code and firmware can do.

    Raises:
        InputError: it is unknown, in its bootloader, or its firmware is too old.
    """
    if code.startswith(BOOTLOADER.strip()):
        raise InputError("methodscript: the device is in its bootloader; switch it off and on")
    if code not in DEVICES:
        raise InputError(
            f"methodscript: the device {code!r} is not known{closest(code, list(DEVICES))}; known "
            f"are {', '.join(sorted(DEVICES))}"
        )
    device = DEVICES[code]
    if int(version) < device.oldest:
        raise InputError(
            f"methodscript: {device.name} firmware {version} is older than {device.oldest}; update "
            "it with PSTrace"
        )
    return device
