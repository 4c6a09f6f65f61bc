"""What viewers of a served lab see: gathered from what passes by, never by calls to hardware."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgpack
import numpy as np

from drivers.fib import BeamPicture
from drivers.network.frames import Frames, bytes_of
from drivers.stem import Image

EVERY = 0.2
"""s between two publications at least."""
ALIVE_EVERY = 1.0
"""s after which it is published though nothing changed."""
PICTURE_EVERY = 1.0
"""s between two new pictures at least."""
PICTURE_AGAIN = 5.0
"""s after which the newest picture is sent once more, for who came since."""


@dataclass(frozen=True)
class Doing:
    """An action that runs."""

    method: str
    arguments: str
    since: datetime
    readings: int


@dataclass
class View:
    """What a served lab is seen to do. One thread writes it, another one publishes it."""

    name: str = ""
    controller: str = ""
    """In words; empty when nobody controls it."""
    since: datetime | None = None
    doing: dict[str, Doing] = field(default_factory=dict)
    """By role."""
    states: dict[str, Any] = field(default_factory=dict)
    """The newest status of each instrument that its controller asked for, by role."""
    picture: tuple[str, Any] | None = None
    """Role and the newest image."""

    def controlled(self, who: str, since: datetime | None) -> None:
        """Take note of who controls the lab; nobody if empty."""
        self.controller, self.since = who, since
        self.doing.clear()

    def began(self, role: str, method: str, arguments: str, since: datetime) -> None:
        """Take note of an action that begins."""
        self.doing[role] = Doing(method, arguments, since, 0)

    def progressed(self, role: str, readings: int) -> None:
        """Take note of its readings."""
        was = self.doing.get(role)
        if was is not None:
            self.doing[role] = Doing(was.method, was.arguments, was.since, readings)

    def saw(self, role: str, result: Any) -> None:
        """Take note of a result; an image is shown."""
        if isinstance(result, (Image, BeamPicture)):
            self.picture = (role, result)

    def ended(self, role: str) -> None:
        """Take note of an action's end."""
        self.doing.pop(role, None)


@dataclass(frozen=True)
class Sight:
    """What a viewer was told."""

    name: str
    controller: str
    since_utc: str
    doing: dict[str, tuple[str, str, str, int]]
    """By role: method, arguments, since when (UTC), how many readings."""
    states: dict[str, Any]


def write_sight(view: View) -> bytes:
    """Return what a view shows, without the picture."""
    doing = {
        role: (one.method, one.arguments, one.since.isoformat(), one.readings)
        for role, one in list(view.doing.items())
    }
    since = view.since.isoformat() if view.since else ""
    told: bytes = msgpack.packb([view.name, view.controller, since, doing, dict(view.states)])
    return told


def write_picture(role: str, image: Any) -> Frames:
    """Return an image as frames."""
    pixels = image.pixels
    head = msgpack.packb([role, pixels.dtype.str, pixels.shape, float(image.pixel_size)])
    return [head, bytes_of(pixels)]


def read_sight(message: bytes) -> Sight:
    """Return what was published.

    Raises:
        ValueError: it is nothing of the kind.
    """
    name, controller, since, doing, states = msgpack.unpackb(message)
    return Sight(name, controller, since, {k: tuple(v) for k, v in doing.items()}, states)


def read_picture(frames: Frames) -> tuple[str, np.ndarray[Any, Any], float]:
    """Return role, pixels and the size of a pixel (m) of an image that was published.

    Raises:
        ValueError: it is none.
    """
    head, data = frames
    role, kind, shape, size = msgpack.unpackb(head)
    return role, np.frombuffer(data, np.dtype(kind)).reshape(shape), size
