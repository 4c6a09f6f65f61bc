"""A driver against a simulated Prodigy on a port of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from drivers.clock import ScaledClock
from drivers.prodigy import ProdigyXps
from drivers.prodigy.settings import GunSettings, LiveParameter, ProdigySettings, Switched
from drivers.prodigy.wire import TcpWire, Wire, host_and_port
from drivers.xps import XpsLimits
from protocols.xps import Etch, Region
from simulators.prodigy import Desk, Faults, ProdigyServer
from tests.drivers.prodigy.stand_in import StandIn, stand_in

SPEED = 500.0
TIMER = LiveParameter(device="IQE 12/38", parameter="Etch Time", unit="s")
SOURCE = Switched(
    template="X-ray Source",
    command="XR 50 M.Operate",
    on={"State": "ON"},
    off={"State": "OFF"},
    live=LiveParameter(device="XR 50 M", parameter="Anode Voltage", unit="V"),
    on_above=1000,
)
FLOOD = Switched(
    template="Flood Gun",
    command="FG 22.Operate",
    on={"State": "ON"},
    off={"State": "OFF"},
    live=LiveParameter(device="FG 22", parameter="Emission", unit="uA"),
)
REGION = Region(line="N 1s", start=397, stop=391, step=0.1, dwell=0.2, pass_energy=20)
ETCH = Etch(
    energy=5000,
    current=1e-6,
    raster_width=2e-3,
    raster_height=2e-3,
    duration=60,
    before=5,
    after=10,
)


def settings(**changed: Any) -> ProdigySettings:
    usual: dict[str, Any] = {
        "gun": GunSettings(timer=TIMER),
        "source": SOURCE,
        "flood_gun": FLOOD,
        "reply_time": 2.0,
    }
    return ProdigySettings(**{**usual, **changed})


@dataclass
class Served:
    """A driver, and what it speaks to."""

    driver: ProdigyXps
    server: ProdigyServer
    instrument: StandIn
    faults: Faults

    @property
    def desk(self) -> Desk:
        return self.server.desk


@contextmanager
def served(
    version: tuple[int, int] = (1, 22),
    *,
    faults: Faults | None = None,
    wire: Callable[[Callable[[], Wire]], Callable[[], Wire]] = lambda connect: connect,
    seed: int = 0,
    speed: float = SPEED,
    with_settings: ProdigySettings | None = None,
    **desk: Any,
) -> Iterator[Served]:
    instrument, wrong = stand_in(speed, seed=seed), faults or Faults()
    chosen = with_settings or settings()
    with ProdigyServer(
        Desk(instrument, instrument.clock, version=version, faults=wrong, **desk)
    ) as server:
        connect = wire(connecting(server, chosen.reply_time))
        driver = ProdigyXps(connect, chosen, XpsLimits(), ScaledClock(speed))
        try:
            yield Served(driver, server, instrument, wrong)
        finally:
            driver._session.drop()


class Rehearsed(ProdigyXps):
    """A driver with a server of its own, that ends with it."""

    def __init__(self, version: tuple[int, int]) -> None:
        instrument = stand_in(SPEED)
        self.server = ProdigyServer(Desk(instrument, instrument.clock, version=version))
        super().__init__(connecting(self.server), settings(), XpsLimits(), ScaledClock(SPEED))

    def close(self) -> None:
        super().close()
        self.server.close()


def connecting(server: ProdigyServer, timeout: float = 2.0) -> Callable[[], Wire]:
    return partial(TcpWire, *host_and_port(server.address), timeout)
