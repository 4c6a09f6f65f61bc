"""Start a simulated potentiostat that speaks MethodSCRIPT, to rehearse with.

    python -m simulators.methodscript --tcp 4000 --speed 500

The simulated cell is behind it, and goes on while nobody listens. A lab file speaks to it as to a
real device:

    name: rehearsal
    instruments:
      potentiostat:
        driver: methodscript
        address: socket://localhost:4000
        settings: {rehearsal_speed: 500}

    liftline run joule2020/cycling --lab rehearsal.yaml

`--pty` offers a pseudo-terminal instead, whose name is printed. `--world FILE` keeps the cell
between two starts. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from drivers.clock import ScaledClock, wait_a_moment
from drivers.methodscript.devices import DEVICES
from simulators.cell.cell_file import load_cell
from simulators.methodscript.channel import Channel
from simulators.methodscript.device import BUFFER, SimDevice
from simulators.methodscript.serve import TcpPlug, TerminalPlug
from simulators.methodscript.trouble import DeviceFaults


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m simulators.methodscript", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
    )  # fmt: skip
    parser.add_argument("--tcp", type=int, default=4000, metavar="PORT", help="0 for any")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--pty", action="store_true", help="a pseudo-terminal instead of TCP")
    parser.add_argument("--speed", type=float, default=1.0, help="times faster than real time")
    parser.add_argument("--cell", default="li-lipon-lnmo", help="a cell of the library, or a file")
    parser.add_argument("--device", choices=sorted(DEVICES), default="es4_hr")
    parser.add_argument("--firmware", default="1300")
    parser.add_argument("--serial", default="SIM0001")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", type=Path, help="file in which the cell is kept")
    parser.add_argument("--buffer", type=int, default=BUFFER, help="bytes kept for an absent host")
    parser.add_argument("--fails-at", type=float, help="s: a script ends by an error, cell left on")
    parser.add_argument("--fails-with", type=lambda text: int(text, 16), default=0x0032)
    parser.add_argument("--garbage", type=float, default=0.0, help="share of lines with some")
    parser.add_argument("--trickle", type=float, default=0.0, help="s between two bytes")
    parser.add_argument("--unplug", type=float, nargs=2, metavar=("FROM", "UNTIL"), action="append")
    return parser.parse_args()


def main() -> None:
    """Serve until Ctrl-C."""
    asked = _arguments()
    channel = Channel(
        DEVICES[asked.device], load_cell(asked.cell), seed=asked.seed, world=asked.world
    )
    faults = DeviceFaults(
        fails_at=asked.fails_at,
        fails_with=asked.fails_with,
        unplugged=[(begin, until) for begin, until in asked.unplug or []],
        garbage=asked.garbage,
        trickle=asked.trickle,
    )
    with SimDevice(
        channel,
        ScaledClock(asked.speed),
        code=asked.device,
        firmware=asked.firmware,
        serial=asked.serial,
        buffer=asked.buffer,
        faults=faults,
    ) as device:
        plug = TerminalPlug(device) if asked.pty else TcpPlug(device, asked.tcp, asked.host)
        with plug:
            print(f"{asked.device} {asked.serial} (simulated) at {plug.address}", flush=True)  # noqa: T201
            try:
                while True:
                    wait_a_moment(1.0)
            except KeyboardInterrupt:
                pass


if __name__ == "__main__":
    main()
