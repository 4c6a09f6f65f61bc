"""What two computers tell each other when they meet: who asks, and what is served."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

from drivers.clock import ToldTime
from drivers.errors import InputError
from drivers.network.frames import TOKEN, GrammarError
from drivers.network.interface import Interface, interface
from drivers.open_lab import OpenLab

Facts = dict[str, Any]
"""What a server tells of itself, as it crosses."""


@dataclass(frozen=True)
class Who:
    """Who controls, or wants to."""

    user: str
    host: str
    pid: int
    run: str

    @property
    def words(self) -> str:
        """Who it is, for a person."""
        run = f", {self.run}" if self.run else ""
        return f"{self.user}@{self.host} (process {self.pid}{run})"


def myself(run: str) -> Who:
    """Return who this process is."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a system account without a name
        user = "somebody"
    return Who(user[:80], socket.gethostname()[:80], os.getpid(), run[:120])


def greeting(nonce: bytes, who: Who) -> list[Any]:
    """Return the body of a hello."""
    return [nonce, who.user, who.host, who.pid, who.run]


def who_of(body: list[Any]) -> tuple[bytes, Who]:
    """Return what the body of a hello says.

    Raises:
        GrammarError: it is none.
    """
    kinds = [type(part) for part in body]
    if kinds != [bytes, str, str, int, str] or len(body[0]) != TOKEN:
        raise GrammarError("a hello says [nonce, user, host, process, run]")
    nonce, user, host, pid, run = body
    return nonce, Who(user[:80], host[:80], pid, run[:120])


@dataclass(frozen=True)
class Served:
    """One instrument that is served."""

    digest: str
    extras: tuple[str, ...]
    limits: Mapping[str, Any]
    simulated: bool
    recorded: bool
    identity: str


@dataclass(frozen=True)
class Meeting:
    """What a server tells of itself."""

    version: str
    name: str
    dead_man: float
    """s without a sign of its controller after which it closes what runs."""
    roles: Mapping[str, Served]
    kept: Mapping[str, str]
    """Files that the drivers keep beside a run, by name."""
    time: ToldTime

    def interface(self, role: str, address: str) -> Interface:
        """Return the interface of an instrument that is served.

        Raises:
            InputError: it is not served, or is of another version than here.
        """
        if role not in self.roles:
            raise InputError(
                f"{address} serves {', '.join(self.roles)}, not {role}; correct the lab file"
            )
        served = self.roles[role]
        here = interface(role, served.extras)
        if here.digest != served.digest:
            raise InputError(
                f"{address} has another interface of {role} ({served.digest}, liftline "
                f"{self.version}) than this computer ({here.digest}, liftline "
                f"{version('liftline')}); install the same version of liftline on both"
            )
        return here


def facts_of(
    opened: OpenLab, interfaces: Mapping[str, Interface], kept: Mapping[str, str], dead_man: float
) -> Facts:
    """Return what a server tells of itself, but for the time."""
    roles = {}
    for chosen in opened.lab.instruments:
        identity = opened.drivers[chosen.role].identity()
        roles[chosen.role] = [
            interfaces[chosen.role].digest,
            list(interfaces[chosen.role].extras),
            chosen.limits.model_dump(mode="json"),
            chosen.spec.simulated,
            chosen.spec.recorded,
            f"{identity.make} {identity.model} {identity.serial}",
        ]
    return {
        "version": version("liftline"),
        "name": opened.lab.name,
        "dead_man": float(dead_man),
        "roles": roles,
        "kept": dict(kept),
    }


def meeting(told: Any) -> Meeting:
    """Return what a server told of itself.

    Raises:
        GrammarError: it did not.
    """
    try:
        now, utc, rate = told["time"]
        roles = {
            role: Served(
                digest, tuple(extras), dict(limits), simulated is True, recorded is True, it
            )
            for role, (digest, extras, limits, simulated, recorded, it) in told["roles"].items()
        }
        return Meeting(
            str(told["version"]),
            str(told["name"]),
            float(told["dead_man"]),
            roles,
            {str(name): str(text) for name, text in told["kept"].items()},
            ToldTime(float(now), datetime.fromisoformat(utc), float(rate)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GrammarError(f"not what a served lab tells of itself: {error}") from None
