"""Drivers for instruments on other computers, made from the interfaces of `drivers/`.

A remote driver is of the class of its interface, so that all that holds of a driver holds of it:
what an action is, spends, and does when it was cut off. Its calls go over the one connection that
all instruments of an address share.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from functools import lru_cache, wraps
from typing import Annotated, Any

from pydantic import Field

from drivers import errors
from drivers.clock import ServedClock
from drivers.codec import unpack
from drivers.errors import DriverError, InputError, LiftlineError, LinkError
from drivers.lab import Chosen, Driver, DriverSpec, Met, NoLimits, OpenRequest
from drivers.network.frames import LONGEST_SLEEP, Reply
from drivers.network.handshake import Secured
from drivers.network.hello import Who, myself
from drivers.network.interface import Method, interface, role_of
from drivers.network.keys import Z85, Keyring
from drivers.network.link import Link
from drivers.network.ports import place_of
from protocols.model import Written
from protocols.units import Seconds


class RemoteSettings(Written):
    """Settings of an instrument on another computer."""

    key: str | None = None
    """Name of this computer's key, as `liftline keys list` shows it."""
    server_key: Annotated[str, Field(pattern=f"^{Z85.pattern}$")] | None = None
    """Public key of the server, as `liftline keys list` shows it there."""
    deadline: Annotated[Seconds, Field(gt=0)] = 300.0
    """Time that one request may take; an action is many."""


class Remote:
    """What all remote drivers have."""

    def __init__(self, link: Link, role: str) -> None:
        """Speak for the instrument `role` over `link`."""
        self.link = link
        self._role = role
        self._closed = False
        self.link.use()

    def remembers(self, method: str) -> str | None:
        """Return what the instrument's computer did with the call that was cut off."""
        return self.link.cut_off.get(f"{self._role}.{method}")

    def close(self) -> None:
        """Leave the instrument safe and let go of it; may be repeated."""
        if self._closed:
            return
        try:
            _good(self.link.ask("call", [self._role, "safe", []]))
        finally:
            self._closed = True
            self.link.leave()

    def _ask(self, verb: str, method: Method, arguments: tuple[Any, ...]) -> Reply:
        if self._closed:
            raise LinkError(f"{self._role}: its connection was closed; open the lab again")
        arrays: list[Any] = []
        trees = method.trees(arguments, arrays)
        return _good(self.link.ask(verb, [self._role, method.name, trees], arrays))


def _good(reply: Reply) -> Reply:
    """Return a reply unless it tells of an error, which is raised as the driver raised it."""
    if reply.kind == "error":
        name, text = reply.body
        kind = getattr(errors, name, None)
        fits = isinstance(kind, type) and issubclass(kind, LiftlineError)
        raise kind(text) if fits else DriverError(text)  # type: ignore[misc]
    return reply


def _plain(method: Method) -> Callable[..., Any]:
    name, result, arity = method.name, method.said.result, len(method.parameters)

    @wraps(method.function)
    def call(self: Remote, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != arity:
            args = _bound(method, args, kwargs)
        if name == "safe" and self._closed:
            return None
        reply = self._ask("call", method, args)
        return unpack(result, reply.body, reply.arrays)

    return call


def _streaming(method: Method) -> Callable[..., Any]:
    @wraps(method.function)
    def begin(self: Remote, *args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
        if kwargs or len(args) != len(method.parameters):
            args = _bound(method, args, kwargs)
        number = self._ask("begin", method, args).body
        return _stream(self.link, number, method)

    return begin


def _stream(link: Link, number: int, method: Method) -> Generator[Any, None, Any]:
    """Ask for one part of an action after the other; closing it closes the action there."""
    open_there = True
    try:
        while True:
            try:
                reply = _good(link.ask("next", [number]))
            except LiftlineError:
                open_there = False  # what failed is closed there, or will be by its safe()
                raise
            if reply.kind == "end":
                open_there = False
                return unpack(method.said.result, reply.body, reply.arrays)
            yield unpack(method.said.block, reply.body, reply.arrays)
    finally:
        if open_there and not link.closed:
            _good(link.ask("close", [number]))


def _bound(method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    bound = inspect.signature(method.function).bind(None, *args, **kwargs)
    bound.apply_defaults()
    return bound.args[1:]


@lru_cache(maxsize=64)
def remote_class(role: str, extras: tuple[str, ...]) -> type:
    """Return the class of remote drivers of a role whose driver follows `extras` too."""
    made = interface(role, extras)
    body = {
        name: (_streaming if method.said.generator else _plain)(method)
        for name, method in made.methods.items()
    }
    return type(
        f"Remote{made.kind.__name__}", (Remote, made.kind), {**body, "__module__": __name__}
    )


def _link(address: str | None, settings: RemoteSettings, who: Who) -> Link:
    """Return a new connection to a served lab.

    Raises:
        InputError: the address or a key is wrong.
    """
    place = place_of(address)
    if settings.key is None and settings.server_key is None:
        if not place.is_loopback:
            raise InputError(
                f"{address}: other computers are reached with keys only. Say `liftline keys make "
                f"NAME` here, authorise its public key there, and write settings: {{key: NAME, "
                "server_key: ...}"
            )
        secured = None
    elif settings.key is None or settings.server_key is None:
        raise InputError(f"{address}: key and server_key go together; write both")
    else:
        secured = Secured(Keyring().key(settings.key), settings.server_key)
    return Link(place, secured, who=who, deadline=settings.deadline)


def _wait(link: Link, seconds: float) -> None:
    """Have a clock that jumps go on by `seconds`, in waits as long as one request may ask for."""
    while seconds > 0:
        part = min(seconds, LONGEST_SLEEP)
        link.ask("sleep", [part])
        seconds -= part


def open_remote(request: OpenRequest) -> Driver:
    """Take control of a served lab, or join the instruments of it that are open beside.

    Raises:
        LinkError: it does not answer.
        InputError: it does not serve the role, has another interface, or is in use.
    """
    role_of(request.role)
    shared = [
        driver.link
        for driver in request.beside.values()
        if isinstance(driver, Remote) and driver.link.place.requests == request.address
    ]
    link = shared[0] if shared else _link(request.address, request.settings, myself(request.run))
    try:
        told = link.control()
        served = told.interface(request.role, link.place.requests)
        for name, text in told.kept.items():
            request.keep(name, text)
        if isinstance(request.clock, ServedClock):
            link.clock = request.clock
            request.clock.follow(lambda seconds: _wait(link, seconds))
        driver: Driver = remote_class(request.role, served.extras)(link, request.role)
    except BaseException:
        if not shared:
            link.close()
        raise
    return driver


def meet(chosen: Chosen) -> Met:
    """Ask a served lab for the limits and the nature of one of its instruments.

    Raises:
        LinkError: it does not answer.
        InputError: it does not serve the role, or has another interface.
    """
    assert isinstance(chosen.settings, RemoteSettings)
    limits = role_of(chosen.role).limits
    link = _link(chosen.address, chosen.settings, myself(""))
    try:
        told = link.meet()
        told.interface(chosen.role, link.place.requests)
        served = told.roles[chosen.role]
        return Met(
            limits.model_validate(served.limits), served.simulated, served.recorded, told.time
        )
    finally:
        link.close()


DRIVER = DriverSpec(
    role=None,
    summary="an instrument of any role on another computer, where `liftline serve` runs",
    settings=RemoteSettings,
    limits=NoLimits,
    open=open_remote,
    meet=meet,
)
