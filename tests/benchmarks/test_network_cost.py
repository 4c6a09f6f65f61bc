"""What the network costs beside raw pyzmq. Run with: python -m pytest tests/benchmarks -m benchmark
-n0 -s

Each figure is a ratio to something measured on the same machine in turn, over the same kind of
sockets with the same CURVE; each server is a process of its own. Figures are printed and read.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq

from drivers.lab import simulated_lab
from drivers.network.keys import Key, Keyring
from drivers.network.ports import Place
from drivers.network.serving import Counter, serve
from drivers.stem import Area, SpectrumBlock
from simulators.stem import SimStem
from tests.drivers.network.served import opened
from tests.simulators.stems import AREA

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]
ROUNDS, CALLS, FRAMES = 60, 60, 8
PIXELS = np.random.default_rng(1).integers(0, 2**16, (1024, 512), np.uint16)
"""1 MiB, which no compression helps."""


class Quick(SimStem):
    """A microscope whose readings are there at once, so that only the network is timed."""

    def spectrum(self, area: Area, probe_current: float, dwell: float) -> Any:
        while True:
            yield SpectrumBlock(PIXELS, 1.0, 1.0)

    def electrons(self) -> float:
        return 12345.678


@dataclass(frozen=True)
class Peer:
    """A process to speak to."""

    place: Place
    ring: Path


def _serve(place: Place, ring: Path, ready: Any) -> None:
    lab = simulated_lab({"stem": {}})
    (stem,) = lab.instruments
    lab = replace(lab, instruments=(replace(stem, spec=replace(stem.spec, open=Quick)),))
    counter = Counter(lab, place, None, 0, Keyring(ring))
    serve(counter, say=lambda text: None, stop=threading.Event(), ready=ready.set)


def _echo(place: Place, ring: Path, ready: Any) -> None:
    """REP with msgpack and the same CURVE: what there is without us."""
    keyring = Keyring(ring)
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        key = keyring.key("server")
        socket.curve_server = True
        socket.curve_secretkey, socket.curve_publickey = key.secret.encode(), key.public.encode()
        socket.bind(place.requests)
        ready.set()
        small = [1, 1, "ok", 12345.678, 0.0, []]
        while True:
            asked = msgpack.unpackb(socket.recv())
            if asked[0] == "image":
                socket.send_multipart([msgpack.packb(small), PIXELS], copy=False)
            else:
                socket.send(msgpack.packb(small))


def _pin(pid: int, which: int) -> None:
    """Keep a process on one core: where the system puts it decides more than what it does."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {sorted(os.sched_getaffinity(os.getppid()))[which]})


@contextmanager
def process(target: Callable[..., None], ring: Path) -> Iterator[Peer]:
    place = Place("127.0.0.1", random.randrange(20_000, 32_000))
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    peer = spawn.Process(target=target, args=(place, ring, ready), daemon=True)
    peer.start()
    _pin(peer.pid or 0, -1)
    try:
        assert ready.wait(60)
        yield Peer(place, ring)
    finally:
        peer.kill()
        peer.join()


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyring]:
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    _pin(0, 0)
    folder = tmp_path / "keys"
    monkeypatch.setattr("drivers.network.keys.keys_folder", lambda: folder)
    made = Keyring(folder)
    made.make("server")
    made.authorise("me", made.make("me"))
    yield made
    if cores is not None:
        os.sched_setaffinity(0, cores)


def raw_client(context: zmq.Context[Any], peer: Peer, key: Key, server: str) -> Any:
    socket = context.socket(zmq.REQ)
    socket.linger = 0
    socket.curve_publickey, socket.curve_secretkey = key.public.encode(), key.secret.encode()
    socket.curve_serverkey = server.encode()
    socket.connect(peer.place.requests)
    return socket


def seconds(function: Callable[[], object], times: int) -> float:
    function()
    began = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - began) / times


def told(what: str, ours: list[float], raw: list[float]) -> float:
    ratios = [a / b for a, b in zip(ours, raw, strict=True)]
    print(
        f"\n{what}: {statistics.median(ours) * 1e6:.0f} us, raw {statistics.median(raw) * 1e6:.0f} "
        f"us, ratio {statistics.median(ratios):.2f} (middle half "
        f"{np.percentile(ratios, 25):.2f} .. {np.percentile(ratios, 75):.2f})"
    )
    return statistics.median(ratios)


@contextmanager
def both(ring: Keyring) -> Iterator[tuple[Any, Any, Peer]]:
    """Yield our driver, a raw socket and our server, both over the same CURVE."""
    with ExitStack() as held:
        server, echo = (
            held.enter_context(process(_serve, ring.folder)),
            held.enter_context(process(_echo, ring.folder)),
        )
        public = ring.own()["server"]
        ours = held.enter_context(opened(server.place, "stem", key="me", server_key=public))
        context = held.enter_context(zmq.Context())
        raw = held.enter_context(raw_client(context, echo, ring.key("me"), public))
        yield ours["stem"], raw, server


def test_a_small_call_and_a_frame_beside_raw_pyzmq(ring: Keyring) -> None:
    request = msgpack.packb(["call", bytes(16), 7, ["stem", "electrons", []], []])

    def raw_call(raw: Any) -> None:
        raw.send(request)
        msgpack.unpackb(raw.recv())

    def raw_frame(raw: Any) -> None:
        raw.send(msgpack.packb(["image"]))
        head, frame = raw.recv_multipart(copy=False)
        msgpack.unpackb(head.bytes)
        np.frombuffer(frame.buffer, np.uint16)

    with both(ring) as (stem, raw, _):
        small, big = [], []
        for _ in range(ROUNDS):
            small.append((seconds(stem.electrons, CALLS), seconds(lambda: raw_call(raw), CALLS)))
        frames = stem.spectrum(AREA, 1e-10, 1.0)
        next(frames)
        for _ in range(ROUNDS):
            ours = seconds(lambda: next(frames), FRAMES)
            big.append((ours, seconds(lambda: raw_frame(raw), FRAMES)))
        told("a small call", *map(list, zip(*small, strict=True)))
        ratio = told("1 MiB", *map(list, zip(*big, strict=True)))
        print(f"1 MiB: {100 / ratio:.0f} % of raw throughput (asked: at least 60 %)")


def _watch(place: Place, key: Key, server: str, ready: Any) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.subscribe(b"")
        socket.curve_publickey, socket.curve_secretkey = key.public.encode(), key.secret.encode()
        socket.curve_serverkey = server.encode()
        socket.connect(place.views)
        socket.recv_multipart()
        ready.set()
        while True:
            socket.recv_multipart()


def test_eight_viewers_beside_none(ring: Keyring) -> None:
    spawn = multiprocessing.get_context("spawn")
    with both(ring) as (stem, _, server):
        alone, watched = [], []
        for _ in range(5):
            alone.append(seconds(stem.electrons, 2000))
            viewers = []
            for _ in range(8):
                ready = spawn.Event()
                args = (server.place, ring.key("me"), ring.own()["server"], ready)
                viewer = spawn.Process(target=_watch, args=args, daemon=True)
                viewer.start()
                viewers.append((viewer, ready))
            assert all(ready.wait(60) for _, ready in viewers)
            watched.append(seconds(stem.electrons, 2000))
            for viewer, _ in viewers:
                viewer.kill()
                viewer.join()
        ratio = told("a small call, 8 viewers", watched, alone)
        print(f"8 viewers cost {100 * (ratio - 1):.0f} % (asked: less than 10 %)")
