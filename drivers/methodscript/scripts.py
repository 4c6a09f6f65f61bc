"""The scripts that are sent: one hold is one short script, which ends by itself and says how.

The device counts time and charge, looks at the cell every interval, sends a sample at least every
heartbeat, and ends the hold at whichever end or limit comes first, cell off. The protocol has no
checksum: before the cell is connected the script tells its figures, so that they can be compared;
and each line of data is sent twice.

How the hold ended is told again and again, from a measurement of the open cell, until the host
aborts that: whoever connects later still hears it, and it shows that the cell is off, because a
device refuses to measure an open cell while its switch is on.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from drivers.methodscript.devices import Device
from drivers.methodscript.settings import MethodScriptSettings
from drivers.methodscript.values import literal
from drivers.potentiostat import EndedBy, HoldOrder

LONGEST_LINE = 255
ENDS: tuple[EndedBy, ...] = ("stopped", "voltage", "current", "time", "charge", "slope", "limit")
"""What the device says of an end, by number."""
FIGURES_SENT = 3
"""How often the script tells its figures."""
COMPARED_WITHIN = 0.2
"""s before the cell is connected, in which the host may stop a script that came garbled. Ours."""
TOLD_FOR = 900.0
"""s for which the end of a hold is told to a host that does not answer. Ours."""
TOLD_EVERY = 8
"""Heartbeats between two tellings: what an absent host will still read is not pushed out of the
device's buffer by it. Ours."""
_REACHED = 7
"""The voltage that is to be held is reached."""
OVER_CURRENT = 1.2
"""Times the current that a held voltage may take: more is the device's own limit. Ours."""
HUM_PER_LOOK = 5.850535
"""Bandwidth times interval, as in PalmSens' published scripts."""
_NAMES = (
    "volts", "amps", "secs", "charge", "before", "part", "since", "sent", "mark", "why",
    "rested", "beats",
)  # fmt: skip
CELL_OFF = ("set_pgstat_chan 0", "cell_off")


def mark_of(order: HoldOrder) -> int:
    """Return the number by which a hold is known again in what the device sends.

    What is left of a hold has less charge to pass, or less time, and is the same hold; from which
    side a voltage was approached does not matter.
    """
    current = abs(order.current) if order.mode == "voltage" else order.current
    same = replace(order, current=current, end_charge=None, end_seconds=None)
    told = json.dumps(asdict(same), sort_keys=True)
    return zlib.crc32(told.encode()) & 0x3FFFFFF


def look_script(device: Device) -> list[str]:
    """Return the script that measures the open-circuit voltage; refused while the cell is on."""
    volts = literal(device.voltage_max)
    return [
        "var volts",
        "set_pgstat_chan 0",
        "set_pgstat_mode 3",
        f"set_range ab {volts}",
        f"set_autoranging ab {volts} {volts}",
        "meas_loop_ocp volts 100m 100m",
        "pck_start",
        "pck_add volts",
        "pck_end",
        "endloop",
    ]


def interval_of(order: HoldOrder, settings: MethodScriptSettings) -> float:
    """Return how often the device looks at the cell, s."""
    longest = _longest(order)[0]
    wanted = max(settings.shortest_interval, longest / settings.looks)
    wanted = min(wanted, order.every, settings.heartbeat)
    return longest / math.ceil(longest / wanted - 1e-9)


def hold_script(
    order: HoldOrder, device: Device, settings: MethodScriptSettings, serial: str
) -> list[str]:
    """Return the script of a hold.

    Args:
        order: checked, with a range of the device's; the sign of its current is the way to a
            voltage that is held.
        device: that does it.
        settings: of the driver.
        serial: number of the device, which the script repeats: whoever finds it running knows
            where it is.
    """
    lines = _Hold(order, device, settings, serial).lines()
    for line in lines:
        if len(line) > LONGEST_LINE:
            raise ValueError(f"a script's line is longer than {LONGEST_LINE}: {line}")
    return lines


def figures_of(order: HoldOrder, settings: MethodScriptSettings) -> dict[str, float]:
    """Return the figures of a hold by the names that its script gives them."""
    found = {"span": interval_of(order, settings), "left": _longest(order)[0]}
    found |= {"upper": order.voltage_max, "lower": order.voltage_min}
    if order.mode == "rest":
        return found | ({} if order.end_slope is None else {"still": order.end_slope})
    found |= {"drive": order.current, "full": order.current_range}
    goal = order.end_voltage if order.mode == "current" else order.voltage
    sign = 1.0 if order.current > 0 else -1.0
    charge = None if order.end_charge is None else sign * float(f"{order.end_charge:.7g}")
    ends = {"goal": goal, "enough": charge, "still": order.end_slope}
    if order.mode != "current":
        most, least = abs(order.current) * OVER_CURRENT, order.end_current
        ends |= {"much": most, "much_back": -most, "little": least}
        ends |= {"little_back": None if least is None else -least}
    return found | {name: value for name, value in ends.items() if value is not None}


def _longest(order: HoldOrder) -> tuple[float, EndedBy]:
    """Return after which time the device ends a hold, s, and what that end is."""
    if order.end_seconds is not None and order.end_seconds <= order.seconds_max:
        return order.end_seconds, "time"
    return order.seconds_max, "limit"


def _when(condition: str, do: Sequence[str]) -> list[str]:
    return [f"if {condition}", *do, "endif"]


def _ends(condition: str, why: int) -> list[str]:
    return _when(condition, [f"store_var why {why}i aa", "breakloop"])


def _amount(name: str, of: str, less: str) -> list[str]:
    """Have `name` be the amount by which `of` differs from `less`."""
    difference = [f"copy_var {of} {name}", f"sub_var {name} {less}"]
    return [*difference, *_when(f"{name} < 0", [f"mul_var {name} -1"])]


@dataclass(frozen=True)
class _Hold:
    """One hold, written down part by part."""

    order: HoldOrder
    device: Device
    settings: MethodScriptSettings
    serial: str

    def lines(self) -> list[str]:
        order = self.order
        by, figures = _longest(order)[1], figures_of(order, self.settings)
        stages = {
            "rest": self._rest,
            "current": self._current,
            "voltage": self._current_then_voltage,
            "current then voltage": self._current_then_voltage,
        }
        return [
            *(f"var {name}" for name in (*self._names(), *figures)),
            f"store_var mark {mark_of(order)}i ja",
            f"store_var why {ENDS.index(by)}i aa",
            *(f"store_var {name} {literal(value)} jb" for name, value in figures.items()),
            *self._beginnings(),
            *(_packed("mark", *figures) * FIGURES_SENT),
            f"wait {literal(COMPARED_WITHIN)}",
            "set_pgstat_chan 0",
            *stages[order.mode](),
            "cell_off",
            "timer_get secs",
            *self._count(),
            *self._tell_end(),
            "on_finished:",
            "cell_off",
        ]

    def _names(self) -> tuple[str, ...]:
        slope = ("slope", "lasts", "first", "begun") if self.order.end_slope is not None else ()
        told = ("moved", "told") if self.order.voltage_change is not None else ()
        flowed = ("flowed", "flows") if self.order.current_change is not None else ()
        return (*_NAMES, *slope, *told, *flowed)

    def _beginnings(self) -> list[str]:
        """Return what the variables hold at first; nothing was sent, so a sample is due at once."""
        lines = [
            "store_var volts 0 ab",
            "store_var amps 0 ba",
            "store_var charge 0 ja",
            "store_var before 0 eb",
            "store_var sent -1000 eb",
        ]
        if self.order.voltage_change is not None:
            lines.append("store_var told 0 ab")
        if self.order.current_change is not None:
            lines.append("store_var flows 0 ba")
        if self.order.end_slope is not None:
            lines += ["store_var first 1G ab", "store_var begun -1M eb"]
        return lines

    # -- stages -----------------------------------------------------------------------------

    def _rest(self) -> list[str]:
        return [
            "set_pgstat_mode 3",
            *self._hum(),
            *self._volts_range(),
            "cell_off",
            "timer_start",
            "meas_loop_ocp volts span left",
            *self._look([*self._slope_end()]),
            "endloop",
        ]

    def _current(self) -> list[str]:
        ends = [*self._voltage_end(), *self._charge_end(), *self._slope_end(), *self._limits()]
        return self._driven(ends)

    def _current_then_voltage(self) -> list[str]:
        ends = [*self._reached(), *self._charge_end(), *self._limits()]
        by = ENDS.index(_longest(self.order)[1])
        held = [
            f"store_var why {by}i aa",
            "sub_var left secs",
            *_when("left < span", ["copy_var span left"]),
            *self._held(),
        ]
        return [*self._driven(ends), *_when(f"why == {_REACHED}i", held)]

    def _driven(self, ends: Sequence[str]) -> list[str]:
        return [
            "set_pgstat_mode 6",
            *self._hum(),
            *self._volts_range(),
            "set_range db full",
            "set_autoranging db full full",
            "set_i 0",
            "cell_on",
            "timer_start",
            "meas_loop_cp volts amps drive span left",
            *self._look(ends),
            "endloop",
        ]

    def _held(self) -> list[str]:
        ends = [*self._current_end(), *self._charge_end(), *self._slope_end(), *self._too_much()]
        return [
            "set_pgstat_mode 3",
            *self._hum(),
            "set_range_minmax da goal goal",
            "set_range ba full",
            "set_autoranging ba full full",
            "set_e goal",
            "cell_on",
            "meas_loop_ca volts amps goal span left",
            *self._look(ends),
            "endloop",
        ]

    def _hum(self) -> list[str]:
        bandwidth = max(HUM_PER_LOOK / interval_of(self.order, self.settings), 1e-3)
        return [
            f"set_acquisition_frac_autoadjust {self.settings.mains}",
            f"set_max_bandwidth {literal(float(f'{bandwidth:.4g}'))}",
        ]

    def _volts_range(self) -> list[str]:
        highest = max(abs(self.order.voltage_min), abs(self.order.voltage_max))
        volts = literal(min(highest, self.device.voltage_max))
        return [f"set_range ab {volts}", f"set_autoranging ab {volts} {volts}"]

    # -- after it ---------------------------------------------------------------------------

    def _tell_end(self) -> list[str]:
        told = ["store_var beats 0i aa", *(_package("why", "rested") * 2)]
        return [
            *(_package("why") * 2),
            f"store_var beats {TOLD_EVERY}i aa",
            "set_pgstat_mode 3",
            *self._volts_range(),
            "cell_off",
            f"meas_loop_ocp rested {literal(self.settings.heartbeat)} {literal(TOLD_FOR)}",
            "add_var beats 1i",
            *_when(f"beats > {TOLD_EVERY}i", told),
            f'send_string "{self.serial}"',
            "endloop",
        ]

    # -- at each look -----------------------------------------------------------------------

    def _look(self, ends: Sequence[str]) -> list[str]:
        return ["timer_get secs", *self._count(), *self._send(), *ends]

    def _count(self) -> list[str]:
        """Count the charge since the last look."""
        return [
            "copy_var secs part",
            "sub_var part before",
            "mul_var part amps",
            "add_var charge part",
            "copy_var secs before",
        ]

    def _send(self) -> list[str]:
        order = self.order
        beat = literal(min(order.every, self.settings.heartbeat))
        lines = ["copy_var secs since", "sub_var since sent"]
        noted = ["copy_var secs sent"]
        for change, amount, of, last in (
            (order.voltage_change, "moved", "volts", "told"),
            (order.current_change, "flowed", "amps", "flows"),
        ):
            if change is not None:
                due = _when(f"{amount} >= {literal(change)}", [f"add_var since {beat}"])
                lines += [*_amount(amount, of, last), *due]
                noted.append(f"copy_var {of} {last}")
        sample = [*noted, *(_package() * 2), f'send_string "{self.serial}"']
        return [*lines, *_when(f"since >= {beat}", sample)]

    # -- ends -------------------------------------------------------------------------------

    def _voltage_end(self) -> list[str]:
        if self.order.end_voltage is None:
            return []
        return _ends(f"volts {self._beyond()} goal", ENDS.index("voltage"))

    def _reached(self) -> list[str]:
        return _ends(f"volts {self._beyond()} goal", _REACHED)

    def _beyond(self) -> str:
        return ">=" if self.order.current > 0 else "<="

    def _limits(self) -> list[str]:
        why = ENDS.index("limit")
        return [*_ends("volts >= upper", why), *_ends("volts <= lower", why)]

    def _too_much(self) -> list[str]:
        """End a held voltage that takes more current than it may, either way."""
        why = ENDS.index("limit")
        return [*_ends("amps >= much", why), *_ends("amps <= much_back", why)]

    def _current_end(self) -> list[str]:
        if self.order.end_current is None:
            return []
        return _when("amps <= little", _ends("amps >= little_back", ENDS.index("current")))

    def _charge_end(self) -> list[str]:
        if self.order.end_charge is None:
            return []
        return _ends(f"charge {self._beyond()} enough", ENDS.index("charge"))

    def _slope_end(self) -> list[str]:
        if self.order.end_slope is None:
            return []
        found = [
            *_amount("slope", "volts", "first"),
            "div_var slope lasts",
            "copy_var volts first",
            "copy_var secs begun",
            *_ends("slope <= still", ENDS.index("slope")),
        ]
        over = literal(self.settings.slope_over)
        return ["copy_var secs lasts", "sub_var lasts begun", *_when(f"lasts >= {over}", found)]


def _package(*more: str) -> list[str]:
    return _packed("mark", "secs", "volts", "amps", "charge", *more)


def _packed(*names: str) -> list[str]:
    return ["pck_start", *(f"pck_add {name}" for name in names), "pck_end"]
