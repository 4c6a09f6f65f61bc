"""Runs whose instruments are served by another computer, with a bad network in between.

The lab is served from a thread on loopback, without keys. Between it and the run stands a proxy
that knows messages, not their meaning, and loses, delays, doubles and reorders them, or lets
nothing through for a while.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import zmq

from acquire.torture.ordeal import Broken, Ordeal
from acquire.torture.troubles import CALM, Weather, dice
from drivers.clock import wall_seconds
from drivers.errors import InputError, LinkError
from drivers.lab import Chosen, Lab, NoLimits
from drivers.network.ports import Place
from drivers.network.remote import DRIVER, RemoteSettings
from drivers.network.serving import Counter, serve

DEAD_MAN = 1.0
"""s after which the server closes what a controller that is not heard left running; ours."""
LONGEST = 30.0
"""Wall seconds that a server may take to begin or to end."""
TRIES = 20
"""Places tried for one whose ports are free."""
Message = list[bytes]


def afar(ordeal: Ordeal) -> Iterator[Broken]:
    """Begin a run over a bad network, go on with it, and yield what broke."""
    course = ordeal.course
    draw = dice(course.seed, f"{ordeal.plan.name} on the way")
    worlds = ordeal.folder / "served"
    lab = replace(course.lab, dead_man=DEAD_MAN)
    with _served(lab, worlds, course.seed, draw) as place, _proxy(place, draw) as proxy:
        remote = replace(
            lab,
            name=f"{lab.name}, afar",
            clock="served",
            instruments=tuple(_afar(chosen, proxy.place) for chosen in lab.instruments),
        )
        ordeal.lab, ordeal.worlds, ordeal.weather = remote, worlds, proxy.change
        yield from ordeal.go()


def _afar(chosen: Chosen, place: Place) -> Chosen:
    return Chosen(chosen.role, "remote", DRIVER, place.requests, RemoteSettings(), NoLimits())


@contextmanager
def _served(lab: Lab, worlds: Path, seed: int, draw: random.Random) -> Iterator[Place]:
    """Serve a lab at ports that are free, and yield where."""
    for _ in range(TRIES):
        place = _somewhere(draw)
        ready, stop, failed = threading.Event(), threading.Event(), list[BaseException]()
        words = (Counter(lab, place, worlds, seed), ready, stop, failed)
        thread = threading.Thread(target=_serve, args=words, daemon=True)
        thread.start()
        ready.wait(LONGEST)
        if failed:
            thread.join()
            continue
        try:
            yield place
        finally:
            stop.set()
            thread.join(LONGEST)
        return
    raise LinkError(f"the lab cannot be served for the campaign: {failed[0]}")


def _serve(
    counter: Counter,
    ready: threading.Event,
    stop: threading.Event,
    failed: list[BaseException],
) -> None:
    try:
        serve(counter, say=lambda text: None, stop=stop, ready=ready.set)
    except (InputError, zmq.ZMQError) as error:
        failed.append(error)
        ready.set()


def _somewhere(draw: random.Random) -> Place:
    return Place("127.0.0.1", draw.randrange(20_000, 60_000))


@contextmanager
def _proxy(target: Place, draw: random.Random) -> Iterator[Proxy]:
    """Stand before a served lab, in a thread."""
    proxy = Proxy(target, draw)
    proxy.thread.start()
    try:
        yield proxy
    finally:
        proxy.stop.set()
        proxy.thread.join(LONGEST)


@dataclass(order=True)
class _Waiting:
    """A message that is under way."""

    due: float
    number: int
    socket: zmq.Socket[bytes] = field(compare=False)
    frames: Message = field(compare=False)


class Proxy:
    """Carries requests and heartbeats between a client and a served lab, as the weather lets it."""

    def __init__(self, target: Place, draw: random.Random) -> None:
        """Bind ports that are free; nothing is carried before `thread` is started."""
        self._target, self._draw = target, draw
        self._weather, self._carried, self._down = CALM, 0, 0.0
        self._context = zmq.Context()
        self.place, self._fronts = self._bound()
        self._backs: dict[tuple[int, bytes], zmq.Socket[bytes]] = {}
        self._waiting: list[_Waiting] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._carry_all, daemon=True)

    def change(self, weather: Weather) -> None:
        """Have another weather from now on."""
        self._weather, self._carried, self._down = weather, 0, 0.0

    def _bound(self) -> tuple[Place, list[zmq.Socket[bytes]]]:
        for _ in range(TRIES):
            place = _somewhere(self._draw)
            fronts = [self._context.socket(zmq.ROUTER) for _ in range(2)]
            try:
                for front, address in zip(fronts, (place.requests, place.heartbeats), strict=True):
                    front.linger = 0
                    front.bind(address)
            except zmq.ZMQError:
                for front in fronts:
                    front.close()
                continue
            return place, fronts
        raise LinkError("no ports are free for the campaign's proxy")

    def _carry_all(self) -> None:
        poller = zmq.Poller()
        for front in self._fronts:
            poller.register(front, zmq.POLLIN)
        while not self.stop.is_set():
            for socket, _ in poller.poll(5):
                self._take(socket, poller)
            while self._waiting and self._waiting[0].due <= wall_seconds():
                one = heapq.heappop(self._waiting)
                one.socket.send_multipart(one.frames)
        for socket in (*self._fronts, *self._backs.values()):
            socket.close(0)
        self._context.term()

    def _take(self, socket: zmq.Socket[bytes], poller: zmq.Poller) -> None:
        frames = socket.recv_multipart()
        if socket in self._fronts:
            index = self._fronts.index(socket)
            self._carry(self._back(index, frames[0], poller), frames[1:])
            return
        ((index, client),) = (key for key, back in self._backs.items() if back is socket)
        self._carry(self._fronts[index], [client, *frames])

    def _back(self, index: int, client: bytes, poller: zmq.Poller) -> zmq.Socket[bytes]:
        """Return the socket by which a client's messages go on: one of its own."""
        if (index, client) not in self._backs:
            back = self._context.socket(zmq.DEALER)
            back.linger = 0
            back.connect((self._target.requests, self._target.heartbeats)[index])
            poller.register(back, zmq.POLLIN)
            self._backs[index, client] = back
        return self._backs[index, client]

    def _carry(self, socket: zmq.Socket[bytes], frames: Message) -> None:
        """Send a message on, or not, or twice, or later than those after it."""
        weather, now, draw = self._weather, wall_seconds(), self._draw
        self._carried += 1
        if self._carried == weather.down_after:
            self._down = now + weather.down
        if now < self._down or draw.random() < weather.lost:
            return
        for _ in range(2 if draw.random() < weather.twice else 1):
            late = draw.uniform(0, weather.delay) if draw.random() < weather.late else 0.0
            waiting = _Waiting(now + late, self._carried, socket, frames)
            heapq.heappush(self._waiting, waiting)
