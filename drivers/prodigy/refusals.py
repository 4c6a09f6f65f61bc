"""What Prodigy's errors mean, and what a person should do about each.

Source: SpecsLab Prodigy Remote In 1.22, section 5. Codes are classes; the text that comes with one
says more, and is always told.
"""

from __future__ import annotations

from drivers.errors import InstrumentFaultError, LinkError

MEANINGS: dict[int, tuple[str, str]] = {
    1: ("no server", "start Prodigy and enable remote connections in its Remote Control view"),
    2: (
        "another client is connected, and Prodigy takes one only",
        "end the other program (or an earlier run that still holds it), or disable and enable "
        "remote connections in the Remote Control view, then go on",
    ),
    3: ("not connected", "resume the run: it connects again"),
    4: ("malformed message", "the line garbles bytes: check cable, switch and converters"),
    101: ("unknown command", "this Prodigy is older than what was asked; update it"),
    102: ("unknown error", "look at Prodigy's log"),
    103: ("argument sequence", "update liftline, or Prodigy; tell us which version it is"),
    104: ("missing argument", "update liftline, or Prodigy; tell us which version it is"),
    105: ("unknown argument", "update liftline, or Prodigy; tell us which version it is"),
    106: ("argument type", "check the driver's settings in the lab file"),
    107: ("argument value", "check the driver's settings in the lab file"),
    201: (
        "spectrum parameters not taken",
        "check lens mode, scan range and pass energy against what Prodigy offers",
    ),
    202: (
        "the spectrum is not valid, or the analyser is offline",
        "switch the analyser's electronics on, and check lens mode, scan range, pass energy and "
        "the region's energies in Prodigy",
    ),
    203: ("the scan did not start", "look at the analyser and the X-ray source in Prodigy"),
    204: ("not cleared", "wait for the scan to end, or abort it in Prodigy"),
    205: ("no information on that parameter", "check the parameter's name in the lab file"),
    206: ("unknown parameter", "check the parameter's name in the lab file against Prodigy's"),
    207: ("no data yet", "wait for the scan"),
    208: ("beyond what was scanned", "wait for the scan"),
    209: ("it is scanning", "wait for the scan to end, or abort it in Prodigy"),
    210: ("the last spectrum is still held", "clear it in Prodigy's Remote Control view"),
    211: ("the spectrum was not validated", "repeat the region"),
    212: ("nothing is being scanned", "it was ended at Prodigy; repeat the region"),
    213: ("the analyser does not let go", "look at the analyser in Prodigy"),
    214: ("a scan is running", "wait for it to end, or abort it in Prodigy"),
    215: (
        "a device is not in its safe state after a minute",
        "switch the ion gun and the detector's voltage off by hand and look at the devices in "
        "Prodigy before anything else",
    ),
    216: ("the check failed", "the region cannot be scanned as asked; look at the text"),
    217: ("analyser parameter not set", "look at the analyser in Prodigy"),
    218: (
        "unknown device command",
        "write the names as Prodigy shows them under settings, and enable the command for remote "
        "use in the experiment template",
    ),
    219: (
        "the device did not do it",
        "look at the device in Prodigy: is it online, is its template there, does it still run?",
    ),
    220: ("unknown device", "write the device's name as Prodigy shows it under settings"),
}
ASKED_WRONGLY = frozenset({4, *range(101, 108), 201, 205, 206, 218, 219, 220})
"""Errors that a request garbled on its way gets; once more may be right."""
NOT_READABLE = frozenset({207, 208})
"""Errors of a range that is not acquired yet."""
UNKNOWN_COMMAND = 101
OTHER_CLIENT = 2
NOT_CONNECTED = 3
NO_ACQUISITION = 212
ITEM_FAILED = 219


class RefusalError(InstrumentFaultError):
    """Prodigy answered a request with an error."""

    def __init__(self, command: str, code: int, text: str) -> None:
        """Say what happened and what to do."""
        meaning, cure = MEANINGS.get(code, ("an error that we do not know", "read its text"))
        said = f' Prodigy says: "{" ".join(text.split())}".' if text else ""
        super().__init__(f"prodigy: {command}: error {code}, {meaning}.{said} To do: {cure}")
        self.code = code
        self.text = text


class UnansweredError(LinkError):
    """A request that must not be sent twice got no reply: whether it was done is not known."""
