"""A network between a served lab and its controller that loses, delays, doubles and reorders."""

from __future__ import annotations

import heapq
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import zmq

from drivers.clock import wall_seconds
from drivers.network.ports import Place


@dataclass
class Weather:
    """How bad the network is; may be changed while it is used."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    """Share of messages that come up to `latest` later than others."""
    latest: float = 0.02
    """s."""
    cut: bool = False
    """Nothing comes through."""
    done: Counter[str] = field(default_factory=Counter)

    def fate(self, draws: random.Random) -> list[float]:
        """Return after how long (s) a message arrives, each time that it does."""
        if self.cut or draws.random() < self.lost:
            self.done["lost"] += 1
            return []
        times = [0.0]
        if draws.random() < self.doubled:
            self.done["doubled"] += 1
            times.append(0.0)
        for number in range(len(times)):
            if draws.random() < self.late:
                self.done["late"] += 1
                times[number] = draws.uniform(0, self.latest)
        self.done["sent"] += 1
        return times


@contextmanager
def between(place: Place, weather: Weather, seed: int = 0) -> Iterator[Place]:
    """Put the network before a served lab; yield where it is reached through it."""
    for _ in range(20):
        front = Place("127.0.0.1", random.randrange(20_000, 32_000))
        context = zmq.Context()
        stop = threading.Event()
        try:
            routes = [
                _Route(context, front.requests, place.requests),
                _Route(context, front.heartbeats, place.heartbeats),
            ]
        except zmq.ZMQError:
            context.destroy(0)
            continue
        thread = threading.Thread(target=_carry, args=(routes, weather, seed, stop))
        thread.start()
        try:
            yield front
        finally:
            stop.set()
            thread.join()
            context.destroy(0)
        return
    raise AssertionError("no free ports")


class _Route:
    def __init__(self, context: zmq.Context[Any], front: str, back: str) -> None:
        self.context, self.back = context, back
        self.front = context.socket(zmq.ROUTER)
        self.front.bind(front)
        self.backs: dict[bytes, Any] = {}

    def arrived(self) -> Iterator[tuple[Any, list[bytes]]]:
        """Yield what came, each with the socket by which it goes on."""
        while self.front.poll(0):
            who, *parts = self.front.recv_multipart()
            if who not in self.backs:
                self.backs[who] = self.context.socket(zmq.DEALER)
                self.backs[who].connect(self.back)
            yield self.backs[who], parts
        for who, back in self.backs.items():
            while back.poll(0):
                yield self.front, [who, *back.recv_multipart()]


def _carry(routes: list[_Route], weather: Weather, seed: int, stop: threading.Event) -> None:
    draws = random.Random(seed)
    waiting: list[tuple[float, int, Any, list[bytes]]] = []
    count = 0
    poller = zmq.Poller()
    known: set[Any] = set()
    while not stop.is_set():
        for route in routes:
            for socket in {route.front, *route.backs.values()} - known:
                poller.register(socket, zmq.POLLIN)
                known.add(socket)
        poller.poll(2 if waiting else 20)
        now = wall_seconds()
        for route in routes:
            for socket, parts in route.arrived():
                for after in weather.fate(draws):
                    count += 1
                    heapq.heappush(waiting, (now + after, count, socket, parts))
        while waiting and waiting[0][0] <= now:
            _, _, socket, parts = heapq.heappop(waiting)
            socket.send_multipart(parts)
