"""Watching a served lab: a viewer takes what is published, and asks nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import zmq

from drivers.clock import wall_seconds
from drivers.errors import LinkError
from drivers.network.frames import LARGEST_REPLY
from drivers.network.handshake import Secured, secure
from drivers.network.ports import Place, harden
from drivers.network.view import Sight, read_picture, read_sight

SILENT = 5.0
"""s without anything after which the lab is said to be gone; it tells something every second."""
Picture = tuple[str, np.ndarray[Any, Any], float]
"""Role, pixels and the size of a pixel, m."""


def watch(place: Place, secured: Secured | None) -> Iterator[Sight | Picture]:
    """Yield what is published at a served lab, as it comes.

    Raises:
        LinkError: nothing came for a while.
    """
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        harden(socket, largest=LARGEST_REPLY)
        socket.rcvhwm = 4
        socket.subscribe(b"")
        if secured is not None:
            secure(socket, secured)
        socket.connect(place.views)
        heard = wall_seconds()
        while wall_seconds() - heard < SILENT:
            if not socket.poll(200):
                continue
            topic, *frames = socket.recv_multipart()
            heard = wall_seconds()
            try:
                yield read_sight(frames[0]) if topic == b"sight" else read_picture(frames)
            except (ValueError, TypeError, AttributeError):
                continue  # of another version; the next one may be ours
    raise LinkError(
        f"{place.views} has told nothing for {SILENT:g} s: is `liftline serve` running, and is "
        "this computer's key authorised?"
    )
