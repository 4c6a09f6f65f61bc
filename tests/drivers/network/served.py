"""Labs that are served on loopback, in a thread, for tests."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from drivers.clock import Clock, wait_a_moment, wall_seconds
from drivers.errors import InputError
from drivers.lab import Chosen, Driver, Lab, NoLimits, make_clock, met, simulated_lab
from drivers.network.keys import Keyring
from drivers.network.ports import Place
from drivers.network.remote import DRIVER, RemoteSettings
from drivers.network.serving import Counter, serve
from drivers.open_lab import open_lab

LONGEST = 20.0


@contextmanager
def served(
    lab: Lab,
    *,
    folder: Path | None = None,
    seed: int = 0,
    keyring: Keyring | None = None,
    log: list[str] | None = None,
    place: Place | None = None,
) -> Iterator[Place]:
    """Serve a lab at `place`, or at ports that are free."""
    said = [] if log is None else log
    for _ in range(20):
        here = place or Place("127.0.0.1", random.randrange(20_000, 32_000))
        ready, stop = threading.Event(), threading.Event()
        failed: list[BaseException] = []
        counter = Counter(lab, here, folder, seed, keyring)
        thread = threading.Thread(
            target=_run, args=(counter, said, stop, ready, failed), name="server"
        )
        thread.start()
        ready.wait(LONGEST)
        if failed and isinstance(failed[0], InputError) and "cannot be served" in str(failed[0]):
            thread.join()
            continue
        try:
            if not failed:
                yield here
        finally:
            stop.set()
            thread.join(LONGEST)
            assert not thread.is_alive()
        if failed:
            raise failed[0]
        return
    raise AssertionError("no free ports")


def _run(
    counter: Counter,
    said: list[str],
    stop: threading.Event,
    ready: threading.Event,
    failed: list[BaseException],
) -> None:
    try:
        serve(counter, say=said.append, stop=stop, ready=ready.set)
    except BaseException as error:
        failed.append(error)
        ready.set()


def remote(place: Place, role: str, **settings: Any) -> Chosen:
    """Return a remote instrument of a lab, not met yet."""
    return Chosen(role, "remote", DRIVER, place.requests, RemoteSettings(**settings), NoLimits())


def remote_lab(place: Place, *roles: str, clock: str = "served", **settings: Any) -> Lab:
    """Return the lab of an operator whose instruments are all at one place."""
    return Lab("remote", clock, tuple(remote(place, role, **settings) for role in roles))


@contextmanager
def opened(place: Place, *roles: str, **settings: Any) -> Iterator[dict[str, Driver]]:
    """Open remote drivers, on the server's clock."""
    lab = met(remote_lab(place, *roles, **settings))
    clock: Clock = make_clock("served", told=lab.time)
    with open_lab(lab, clock=clock) as open_:
        yield open_.drivers


def soon(true: Callable[[], bool], within: float = 5.0) -> bool:
    """Return whether it becomes true within some seconds."""
    began = wall_seconds()
    while not true():
        if wall_seconds() - began > within:
            return False
        wait_a_moment(0.02)
    return True


def afar(around: ExitStack, role: str, folder: Path, *, seed: int = 1, **settings: Any) -> Any:
    """Return the remote driver of a simulator that is served until `around` ends."""
    roles = {"fib": {}} if role == "cryo" else {}
    lab = simulated_lab({**roles, role: settings})
    place = around.enter_context(served(lab, folder=folder, seed=seed))
    return around.enter_context(opened(place, role))[role]
