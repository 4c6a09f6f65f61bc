from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from drivers.network.frames import (
    VERSION,
    GrammarError,
    OtherVersionError,
    Reply,
    Request,
    read_reply,
    read_request,
    write_reply,
    write_request,
)

TOKEN = bytes(16)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 62), 1 << 62) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
ARRAYS = npst.arrays(
    st.sampled_from([np.uint8, np.uint16, np.int64, np.float64, np.bool_]),
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
)


@given(st.lists(TREES, max_size=4), st.lists(ARRAYS, max_size=3))
def test_a_message_and_its_arrays_come_back(body: list[Any], arrays: list[Any]) -> None:
    request = Request("call", TOKEN, 7, body, arrays)
    back = read_request([bytes(frame) for frame in write_request(request)])
    assert repr(back[:4]) == repr(request[:4])
    for there, here in zip(back.arrays, arrays, strict=True):
        np.testing.assert_array_equal(there, here)
        assert (there.dtype, there.shape) == (here.dtype, here.shape)
    reply = Reply(7, "block", body, 1.5, arrays)
    assert repr(read_reply(write_reply(reply))[:4]) == repr(reply[:4])


def test_an_array_that_lies_in_one_piece_is_not_copied() -> None:
    image = np.zeros((4, 4))
    frame = write_reply(Reply(1, "ok", None, 0.0, [image]))[1]
    image[0, 0] = 1.0
    assert read_reply(write_reply(Reply(1, "ok", None, 0.0, [np.frombuffer(frame)]))).arrays[0][0]


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_are_refused_or_read(frames: list[bytes]) -> None:
    for read in (read_request, read_reply):
        with pytest.raises(GrammarError):
            read(frames)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (["call", 1, TOKEN], "begins with its version"),
        ([VERSION, "fire", TOKEN, 1, [], []], "no such request: 'fire'"),
        ([VERSION, "call", b"short", 1, [], []], "named by 16 bytes"),
        ([VERSION, "call", TOKEN, -1, [], []], "not the number of a request"),
        ([VERSION, "call", TOKEN, True, [], []], "not the number of a request"),
        ([VERSION, "call", TOKEN, 1, {}, []], "is a list"),
        ([VERSION, "call", TOKEN, 1, [], [["<f8", [1]]]], "a frame and its description"),
        ([VERSION, "call", TOKEN, 1, []], "a frame and its description|6 parts"),
    ],
)
def test_a_head_outside_the_grammar_is_refused_in_words(head: list[Any], said: str) -> None:
    with pytest.raises(GrammarError, match=said):
        read_request([msgpack.packb(head)])


@pytest.mark.parametrize(
    "told",
    [["|O8", [1]], ["<f8", [2]], ["<f8", [-1]], ["<f8", [1 << 50]], ["<M8", [1]], "<f8", ["<f8"]],
)
def test_an_array_that_is_none_is_refused(told: Any) -> None:
    head = [VERSION, "call", TOKEN, 1, [], [told]]
    with pytest.raises(GrammarError):
        read_request([msgpack.packb(head), bytes(8)])


def test_another_version_says_so_whatever_else_it_holds() -> None:
    with pytest.raises(OtherVersionError, match=r"version 2 .* speaks version 1; install the same"):
        read_request([msgpack.packb([2, "a verb of tomorrow", 5])])
