"""Serving a lab: sockets and threads around `server.Server`.

The thread that calls `run` owns the socket of requests and calls the drivers itself, so that a
small call costs little more than the network. The keeper answers heartbeats and feeds viewers
from a thread, sockets and a context of its own: a driver at work delays neither, and viewers,
whose queues are bounded and drop, never delay a request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from drivers.clock import wall_seconds
from drivers.errors import InputError
from drivers.lab import Lab, make_clock
from drivers.network.cut_off import CutOffs
from drivers.network.door import Door
from drivers.network.frames import LARGEST_REQUEST, MOST_FRAMES
from drivers.network.handshake import Handshake
from drivers.network.interface import extras_of, interface
from drivers.network.keeper import Keeper
from drivers.network.keys import SERVER, Keyring
from drivers.network.ports import Place, harden, receive, send
from drivers.network.server import LONGEST_TICK, Server
from drivers.network.view import View
from drivers.open_lab import open_lab

POLL = 100
"""ms after which the server looks around though nobody asks anything."""
IO_THREAD = 1
"""Mask of the thread of zmq that moves requests."""


@dataclass(frozen=True)
class Counter:
    """How a lab is served."""

    lab: Lab
    place: Place
    folder: Path | None = None
    """Where simulated instruments keep their worlds, and the server what it must remember."""
    seed: int = 0
    keyring: Keyring | None = None
    """With which keys; None for a plain connection, on this computer only."""


def serve(
    counter: Counter,
    *,
    say: Callable[[str], None],
    stop: threading.Event,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Open the lab and serve it until `stop` is set; leave every instrument safe.

    Raises:
        InputError: the address cannot be used, or a key is missing.
        LiftlineError: an instrument cannot be opened.
    """
    place, lab, ring = counter.place, counter.lab, counter.keyring
    _check_reach(place, ring)
    if counter.folder is not None:
        counter.folder.mkdir(parents=True, exist_ok=True)
    kept: dict[str, str] = {}

    def keep(name: str, text: str) -> None:
        kept.setdefault(name, text)

    clock = make_clock(lab.clock)
    with open_lab(lab, clock=clock, seed=counter.seed, folder=counter.folder, keep=keep) as opened:
        interfaces = {
            role: interface(role, extras_of(type(driver), role))
            for role, driver in opened.drivers.items()
        }
        view = View(lab.name)
        cuts = CutOffs(counter.folder / "cut-off.json" if counter.folder else None)
        door = None if ring is None else Door(ring.key(SERVER), ring, say)
        server = Server(
            opened,
            interfaces,
            view,
            cuts,
            kept=kept,
            dead_man=lab.dead_man,
            authorised=(lambda key: True) if door is None else door.authorised,
            say=say,
        )
        with _sockets(place, server, view, door, say) as (router, handshake):
            say(_greeting(counter))
            ready()
            _answer_all(server, router, door, handshake, stop, say)
            server.stop()


def _check_reach(place: Place, ring: Keyring | None) -> None:
    """Refuse to serve other computers without keys."""
    if ring is None and not place.is_loopback:
        raise InputError(
            f"{place.requests} can be reached from other computers, which needs keys. Say: "
            f"liftline keys make {SERVER}, then liftline keys authorise NAME for each computer "
            "that may use it"
        )


def _greeting(counter: Counter) -> str:
    lab, place = counter.lab, counter.place
    how = "without keys, this computer only" if counter.keyring is None else "with keys"
    roles = ", ".join(chosen.role for chosen in lab.instruments)
    return (
        f"serving {lab.name} ({roles}) at {place.requests} and the two ports after it, {how}; a "
        f"controller that is not heard for {lab.dead_man:g} s is let go, safe at most "
        f"{LONGEST_TICK:g} s later"
    )


@contextmanager
def _sockets(
    place: Place, server: Server, view: View, door: Door | None, say: Callable[[str], None]
) -> Iterator[tuple[zmq.Socket[bytes], Handshake]]:
    """Bind the three ports, with keys if there is a door."""
    with ExitStack() as held:
        context = zmq.Context(2)
        held.callback(context.term)
        if door is not None:
            held.callback(door.guard(context).stop)
        router = held.enter_context(context.socket(zmq.ROUTER))
        harden(router, largest=LARGEST_REQUEST)
        router.setsockopt(zmq.AFFINITY, IO_THREAD)
        router.rcvtimeo = POLL
        if door is not None:
            door.lock(router)
        handshake = Handshake(router)
        held.callback(handshake.close)
        try:
            router.bind(place.requests)
            keeper = Keeper(context, place, server, view, door, say)
        except zmq.ZMQError as error:
            raise InputError(
                f"{place.requests} and the two ports after it cannot be served: {error}; is "
                "another server running? Choose another with --address"
            ) from None
        held.callback(keeper.stop)
        keeper.start()
        yield router, handshake


def _answer_all(
    server: Server,
    router: zmq.Socket[bytes],
    door: Door | None,
    handshake: Handshake,
    stop: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Answer one request after the other, and look around in between."""
    looked = 0.0
    while not stop.is_set():
        try:
            sender, key, frames = _message(router, keyed=door is not None)
            reply = server.answer(key, frames)
            if reply is not None:
                send(router, [sender, *reply])
        except zmq.Again:
            pass
        except Exception as error:  # whatever a stranger sends, the others are served on
            say(f"a defect in the server: {type(error).__name__}: {error}")
        now = wall_seconds()
        if now - looked < POLL / 1000:
            continue
        looked = now
        server.look()
        if door is not None:
            door.watch(handshake)
            if door.may_have_changed():
                server.revoke()


def _message(
    router: zmq.Socket[bytes], *, keyed: bool
) -> tuple[bytes, Callable[[], str], list[Any]]:
    """Return who sent the next message, what tells with which key, and its frames.

    Raises:
        zmq.Again: none comes.
    """
    sender, *parts = receive(router, MOST_FRAMES + 1)
    return sender.bytes, _key(parts) if keyed else _nobody, [part.buffer for part in parts]


def _key(parts: list[Any]) -> Callable[[], str]:
    return lambda: str(parts[0].get("User-Id")) if parts else ""


def _nobody() -> str:
    return ""
