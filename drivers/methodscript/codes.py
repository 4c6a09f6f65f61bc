"""What a device's error codes mean, and what to do. Source: the reference sheet, 5.8."""

from __future__ import annotations

CELL_IS_ON = (0x0014, 0x4028)
"""Refusals of an open-circuit measurement because the cell is on."""
NOTHING_RUNS = 0x0006
OVERLOAD = 0x0032
_TELL = "this is a mistake of the script: please report it with this message"
_REPAIR = "restart the device; if it comes again, ask its maker"
_SETTINGS = "choose another range or interval in the lab file or the protocol"
_DEVICE = "this device cannot do it; use another"

CODES: dict[int, tuple[str, str]] = {
    0x0001: ("unspecified error", _REPAIR),
    0x0002: ("wrong type of a variable", _TELL),
    0x0003: ("unknown command", "the firmware is perhaps too old: update it"),
    0x0004: ("unknown register", _TELL),
    0x0005: ("read-only register", _TELL),
    0x0006: ("wrong mode: nothing runs, or something does", "look at what else uses the device"),
    0x0007: ("bad argument", _TELL),
    0x0008: ("line too long", _TELL),
    0x0009: ("time-out", "check the link"),
    0x000A: ("wrong variable identifier", _TELL),
    0x000B: ("no memory for variables", _TELL),
    0x000C: ("no script is loaded", _TELL),
    0x000D: ("invalid time", _SETTINGS),
    0x000E: ("overflow while averaging", _SETTINGS),
    0x000F: ("invalid potential", _DEVICE),
    0x0010: ("a value has become NaN or infinite", "check the cell and its leads"),
    0x0011: ("invalid frequency", _SETTINGS),
    0x0012: ("invalid amplitude", _SETTINGS),
    0x0014: ("open-circuit measurement with the cell on", "switch the cell off first"),
    0x0016: ("error of the flash memory", _REPAIR),
    0x0017: ("error of the flash memory", _REPAIR),
    0x0018: ("settings corrupt", _REPAIR),
    0x001B: ("not supported on this device", _DEVICE),
    0x001C: ("negative or too small step", _SETTINGS),
    0x001D: ("negative or too small pulse", _SETTINGS),
    0x001E: ("negative or too small amplitude", _SETTINGS),
    0x001F: ("technique not licensed", "ask the device's maker for a licence"),
    0x0020: ("more than one high-speed or max-range mode", _SETTINGS),
    0x0021: ("unknown mode of the potentiostat", _DEVICE),
    0x0022: ("the channel is no second working electrode", _SETTINGS),
    0x0023: ("not in this mode of the potentiostat", _TELL),
    0x0024: ("too many variables to measure", _TELL),
    0x0025: ("unknown PAD mode", _TELL),
    0x0026: ("error of a file", "make room on the device"),
    0x0027: ("the file exists", "remove it from the device"),
    0x0028: ("division by 0", _TELL),
    0x0032: ("critical cell overload", "look for a short before the cell is connected again"),
    0x0058: ("timing error in a fast measurement", "use a longer interval"),
    0x005A: ("the interval cannot be met", "use a longer interval"),
    0x0080: ("the counter electrode oscillates", "check the leads; lower the bandwidth"),
    0x4000: ("syntax error", _TELL),
    0x4001: ("unknown script command", "the firmware is perhaps too old: update it"),
    0x4002: ("bad argument", _TELL),
    0x4003: ("argument out of range", _SETTINGS),
    0x4004: ("unexpected character", "check the link"),
    0x4005: ("script too large", _TELL),
    0x4006: ("unknown type of a variable", _TELL),
    0x4007: ("undeclared variable", _TELL),
    0x4008: ("invalid optional argument", "the firmware is perhaps too old: update it"),
    0x4009: ("script saved by older firmware", "store it again"),
    0x400B: ("nested measurement loop", _TELL),
    0x400C: ("not in this situation", _TELL),
    0x4018: ("the script ended early", "check the link"),
    0x401B: ("packages in the wrong order", _TELL),
    0x4026: ("variable declared twice", _TELL),
    0x4027: ("needs the cell on", _TELL),
    0x4028: ("needs the cell off", "switch the cell off first"),
    0x4200: ("argument must not be negative", _SETTINGS),
    0x4201: ("argument out of bounds", _SETTINGS),
    0x4202: ("argument must not be zero", _SETTINGS),
    0x4203: ("argument out of bounds", _SETTINGS),
    0x4204: ("argument must be above zero", _SETTINGS),
    0x4205: ("argument out of bounds", _SETTINGS),
    0x4206: ("not on this instrument", _DEVICE),
    0x420B: ("undeclared variable", _TELL),
    0x7FFF: ("fatal error", "switch the device off and on"),
}


def meaning(code: int) -> str:
    """Return what a code says and what to do, in words."""
    what, do = CODES.get(code, ("an error that is not in our list", "see the device's manual"))
    return f"{code:04X}, {what}: {do}"
