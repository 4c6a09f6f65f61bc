"""What goes over the wire: messages as frames and back. It does no input or output.

The first frame of a message is its head, a list in msgpack; each array of it follows as a frame of
its own, as it lies in memory, and is told in the head by type and shape.

    request   [version, verb, session, number, body, arrays]
    reply     [version, number, kind, body, now, arrays]

`number` grows with each request of a session; a repeated request has the number of the first.
`version` comes first and `number`, `kind` and `body` keep their places in every version, so that an
old computer can at least be told that it is old. What is outside this grammar is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgpack
import numpy as np

from drivers.errors import LinkError

VERSION = 1
LARGEST_REQUEST = 1 << 20
"""Bytes of a frame of a request; arguments are small."""
LARGEST_REPLY = 1 << 28
"""Bytes of a frame of a reply: an image of 16k x 8k in 16 bits."""
MOST_FRAMES = 64
LONGEST_SLEEP = 3600.0
"""s of a jumping clock that one request may wait for."""
VERBS = frozenset({"meet", "hello", "call", "begin", "next", "close", "sleep", "bye"})
KINDS = frozenset({"ok", "block", "end", "error", "refused"})
TOKEN = 16
"""Bytes that name a session: nobody can guess them."""
Frames = list[Any]
"""Bytes and memory views."""


class GrammarError(LinkError):
    """A message is outside the grammar; nothing of it was used."""


class OtherVersionError(GrammarError):
    """A message of another version of this grammar."""


class Request(NamedTuple):
    """What a client asks."""

    verb: str
    session: bytes
    """Empty for what needs none."""
    number: int
    body: list[Any]
    arrays: Sequence[Any] = ()


class Reply(NamedTuple):
    """What a server answers."""

    number: int
    kind: str
    body: Any
    now: float
    """What the server's clock shows."""
    arrays: Sequence[Any] = ()


def write_request(request: Request) -> Frames:
    """Return the frames of a request."""
    verb, session, number, body, arrays = request
    return _written([VERSION, verb, session, number, body], arrays)


def write_reply(reply: Reply) -> Frames:
    """Return the frames of a reply."""
    number, kind, body, now, arrays = reply
    return _written([VERSION, number, kind, body, now], arrays)


def read_request(frames: Sequence[Any]) -> Request:
    """Return the request that the frames hold.

    Raises:
        GrammarError: it is none.
        OtherVersionError: it is one of another version.
    """
    head, arrays = _read(frames)
    if len(head) != 6:
        raise GrammarError(f"a request has 6 parts, not {len(head)}")
    _, verb, session, number, body, _ = head
    if type(verb) is not str or verb not in VERBS:
        raise GrammarError(f"no such request: {verb!r:.80}")
    if type(session) is not bytes or len(session) not in (0, TOKEN):
        raise GrammarError("a session is named by 16 bytes")
    if type(number) is not int or not 0 <= number < 1 << 62:
        raise GrammarError(f"not the number of a request: {number!r:.80}")
    if type(body) is not list:
        raise GrammarError("the body of a request is a list")
    return Request(verb, session, number, body, arrays)


def read_reply(frames: Sequence[Any]) -> Reply:
    """Return the reply that the frames hold.

    Raises:
        GrammarError: it is none.
        OtherVersionError: it is one of another version; its words say so.
    """
    head, arrays = _read(frames)
    if len(head) != 6:
        raise GrammarError(f"a reply has 6 parts, not {len(head)}")
    _, number, kind, body, now, _ = head
    if type(number) is not int or type(kind) is not str or kind not in KINDS:
        raise GrammarError(f"no such reply: {kind!r:.80}")
    if type(now) is not float or not math.isfinite(now):
        raise GrammarError("a reply says what the clock shows")
    return Reply(number, kind, body, now, arrays)


def _written(head: list[Any], arrays: Sequence[Any]) -> Frames:
    if not arrays:
        head.append(())
        return [msgpack.packb(head)]
    head.append([(array.dtype.str, array.shape) for array in arrays])
    return [msgpack.packb(head), *map(bytes_of, arrays)]


def bytes_of(array: Any) -> memoryview:
    """Return the memory of an array as bytes, copied only where it is not in one piece."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _read(frames: Sequence[Any]) -> tuple[list[Any], Sequence[Any]]:
    """Return the head and the arrays of a message.

    Raises:
        GrammarError: it is none of this version.
    """
    if not 1 <= len(frames) <= MOST_FRAMES:
        raise GrammarError(f"a message has 1 to {MOST_FRAMES} frames, not {len(frames)}")
    try:
        head = msgpack.unpackb(frames[0])
    except (ValueError, TypeError, msgpack.UnpackException, OverflowError, RecursionError) as error:
        raise GrammarError(f"the head of a message is not msgpack: {error!s:.200}") from None
    if type(head) is not list or not head or type(head[0]) is not int:
        raise GrammarError("the head of a message is a list that begins with its version")
    if head[0] != VERSION:
        raise OtherVersionError(
            f"the message is of version {head[0]} of liftline's network grammar, this computer "
            f"speaks version {VERSION}; install the same version of liftline on both"
        )
    told = head[-1]
    if type(told) is not list or len(told) != len(frames) - 1:
        raise GrammarError("each array of a message has a frame and its description")
    if not told:
        return head, ()
    return head, [_array(each, frame) for each, frame in zip(told, frames[1:], strict=True)]


def _array(told: Any, frame: Any) -> Any:
    """Return the array of a frame; it lies in the frame and cannot be written.

    Raises:
        GrammarError: its description is none, or does not fit the frame.
    """
    if type(told) is not list or len(told) != 2:
        raise GrammarError("an array is described by type and shape")
    name, shape = told
    if type(name) is not str or not 3 <= len(name) <= 4 or name[1] not in "biufc":
        raise GrammarError(f"not a type of numbers: {name!r:.80}")
    if type(shape) is not list or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
        raise GrammarError(f"not a shape: {shape!r:.80}")
    try:
        kind = np.dtype(name)
    except TypeError:
        raise GrammarError(f"not a type of numbers: {name!r:.80}") from None
    if len(shape) > 8 or math.prod(shape) * kind.itemsize != len(frame):
        raise GrammarError(f"a frame of {len(frame)} bytes is no array of {name} {shape}")
    return np.frombuffer(frame, kind).reshape(shape) if len(frame) else np.empty(shape, kind)
