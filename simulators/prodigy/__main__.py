"""Start a simulated SPECS Prodigy, to rehearse with.

    python -m simulators.prodigy --port 7010 --speed 60

It stands in front of the simulated spectrometer, and a lab file speaks to it as to the real one:

    name: rehearsal
    instruments:
      xps:
        driver: prodigy
        address: localhost:7010
        settings:
          rehearsal_speed: 60
          source:
            template: X-ray Source
            command: XR 50 M.Operate
            on: {State: "ON"}
            off: {State: "OFF"}
            live: {device: XR 50 M, parameter: Anode Voltage, unit: V}
            on_above: 1000
            ready_after: 3 min
          gun: {timer: {device: IQE 12/38, parameter: Etch Time, unit: s}}

    liftline run joule2020/xps-depth-profile --lab rehearsal.yaml

`--version 1.5` behaves as the protocol of 2014 did: zeros where nothing is acquired yet, no state
`aborted`. It knows the later commands all the same, so that a whole profile can be run; with
`--only-its-commands` it knows them no more than a Prodigy of 2014, and the driver then refuses to
etch. `--world FILE` keeps the specimen between two starts. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from drivers.clock import wait_a_moment
from drivers.lab import OpenRequest
from drivers.xps import XpsLimits
from simulators.prodigy.bench import BenchClock
from simulators.prodigy.desk import Desk
from simulators.prodigy.server import ProdigyServer
from simulators.xps.settings import SimXpsSettings
from simulators.xps.spectrometer import SimXps


def simulated(clock: BenchClock, *, specimen: str, seed: int, world: Path | None) -> SimXps:
    """Return the simulated spectrometer for a bench."""
    settings = SimXpsSettings(specimen=specimen)
    request = OpenRequest(
        "xps", None, settings, XpsLimits(), clock, seed, world, lambda name, text: None
    )
    return SimXps(request)


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m simulators.prodigy", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__,
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7010)
    parser.add_argument("--version", type=_version, default=(1, 22), help="1.22 or 1.5")
    parser.add_argument("--speed", type=float, default=1.0, help="times faster than real time")
    parser.add_argument("--specimen", default="li-lipon-xps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", type=Path, help="file in which the specimen is kept")
    parser.add_argument("--only-its-commands", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Serve until Ctrl-C."""
    asked = _arguments()
    clock = BenchClock(asked.speed)
    xps = simulated(clock, specimen=asked.specimen, seed=asked.seed, world=asked.world)
    desk = Desk(xps, clock, version=asked.version, only_its_commands=asked.only_its_commands)
    with ProdigyServer(desk, asked.port, asked.host) as server:
        version = ".".join(map(str, asked.version))
        print(f"Prodigy (simulated), protocol {version}, at {server.address}", flush=True)  # noqa: T201
        try:
            while True:
                wait_a_moment(1.0)
        except KeyboardInterrupt:
            pass
    xps.close()


if __name__ == "__main__":
    main()
