from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.methodscript.codec import (
    Accepted,
    Echo,
    Ended,
    Event,
    Failed,
    Firmware,
    Garbage,
    Language,
    Mark,
    NotAccepted,
    Package,
    Refused,
    Release,
    Replies,
    Serial,
    Text,
    event_of,
)
from drivers.methodscript.codes import CODES, meaning
from drivers.methodscript.values import ZERO, decoded, encoded, literal, number_of

PUBLISHED = [
    ("da7F85F3Fu", "da", -0.499905),
    ("ba48D503Dp,10,288", "ba", -57.847747e-6),
    ("da7F9234Bu", "da", -0.449717),
    ("ba4E2C324p", "ba", -52.247772e-6),
    ("da806EC24u", "da", 0.453668),
    ("baAE16C6Dp", "ba", 48.327789e-6),
    ("da807B031u", "da", 0.503857),
    ("baB360495p", "ba", 53.871765e-6),
    ("ba4BA99F0p", "ba", -54.87976e-6),
]
"""Strings of PalmSens' public READMEs; the values are the reference sheet's, 5.4."""


@pytest.mark.parametrize(("written", "kind", "value"), PUBLISHED)
def test_a_published_variable_decodes_to_its_value(written: str, kind: str, value: float) -> None:
    package = event_of(b"P" + written.encode())
    assert isinstance(package, Package)
    (variable,) = package.variables
    assert variable.kind == kind
    assert variable.value == pytest.approx(value, rel=1e-9)


def test_a_published_variable_tells_status_and_range() -> None:
    package = event_of(b"Pba48D503Dp,10,288")
    assert isinstance(package, Package)
    assert package.variables[0].status == 0
    assert package.variables[0].range_index == 0x88


def test_the_published_impedance_package_decodes() -> None:
    package = event_of(b"PdcDF5DFF4u;cc896D904m,10,287;cd82DB1A8u,10,287")
    assert isinstance(package, Package)
    values = [each.value for each in package.variables]
    assert values == pytest.approx([99.999732, 9885.956, 2.9946], rel=1e-6)
    assert [each.range_index for each in package.variables] == [None, 0x87, 0x87]


def test_a_status_other_than_good_and_a_noise_are_told() -> None:
    package = event_of(b"Pba8000001p,12,20F,43")
    assert isinstance(package, Package)
    variable = package.variables[0]
    assert (variable.status, variable.range_index, variable.noise) == (2, 15, 3)


def test_a_nan_is_a_nan() -> None:
    package = event_of(b"Pba     nan")
    assert isinstance(package, Package)
    assert math.isnan(package.variables[0].value)


LINES: list[tuple[bytes, Event]] = [
    (b"e", Accepted()),
    (b"e!4001: Line 3, Col 7", NotAccepted(0x4001, 3, 7)),
    (b"e!4005", NotAccepted(0x4005, None, None)),
    (b"M000A", Mark("measurement", 0x0A)),
    (b"*", Mark("measurement ended")),
    (b"L", Mark("loop")),
    (b"+", Mark("loop ended")),
    (b"C0002", Mark("scan", 2)),
    (b"-", Mark("scan ended")),
    (b"Thello", Text("hello")),
    (b"!0032: Line 12", Failed(0x32, 12)),
    (b"", Ended()),
    (b"Z", Echo("Z")),
    (b"Y", Echo("Y")),
    (b"Z!0006", Refused("Z", 6)),
    (b"q!0003", Refused("q", 3)),
    (b"tes4_hr1300#Mar 25 2024 10:00:00", Firmware("es4_hr", "1300", "Mar 25 2024 10:00:00")),
    (b"R*", Release("R")),
    (b"iES4HR22A0042", Serial("ES4HR22A0042")),
    (b"v0108", Language("0108")),
]


@pytest.mark.parametrize(("line", "event"), LINES)
def test_each_line_of_the_protocol_is_told(line: bytes, event: Event) -> None:
    assert event_of(line) == event


@pytest.mark.parametrize(
    "line",
    [
        b"Pba48D503D",
        b"Pba48D503Dpp",
        b"Pba48D50GDp",
        b"Pba48d503dp",
        b"Pba48D503Dp,10,2888",
        b"Pba48D503Dp,30",
        b"Pba48D503Dp,288,10",
        b"Pba48D503Dx",
        b"Pzz48D503Dp",
        b"Pba48D503Dp;",
        b"P",
        b"Pba    nan",
        b"M00FF",
        b"M000",
        b"C2",
        b"!32",
        b"\xffba48D503Dp",
        b"Pba48D503Dp\r",
        b"x",
        b"*+",
    ],
)
def test_a_line_outside_the_grammar_is_no_data(line: bytes) -> None:
    assert isinstance(event_of(line), Garbage)


def test_bytes_may_come_in_any_pieces() -> None:
    stream = b"e\nM0007\nPda7F85F3Fu;ba48D503Dp,10,288\n*\n\n"
    whole = Replies().feed(stream)
    replies = Replies()
    pieces = [event for byte in stream for event in replies.feed(bytes([byte]))]
    assert pieces == whole
    assert len(whole) == 5


def test_flow_control_in_between_is_dropped() -> None:
    assert Replies().feed(b"\x11e\x13\n") == [Accepted()]


def test_a_line_without_an_end_is_given_up_and_the_next_is_read() -> None:
    replies = Replies()
    assert replies.feed(b"P" + b"0" * 5000) == []
    garbage, package = replies.feed(b"0\nPba48D503Dp\n")
    assert isinstance(garbage, Garbage)
    assert isinstance(package, Package)
    assert replies.garbage == 1


@given(st.integers(-ZERO + 1, ZERO - 1), st.sampled_from("afpnum kMG"))
def test_what_is_encoded_decodes_to_itself(counts: int, prefix: str) -> None:
    value = decoded(f"{counts + ZERO:07X}{prefix}")
    assert decoded(encoded(value)) == pytest.approx(value, rel=1e-7, abs=1e-25)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.147e-6, "147n"),
        (1.4703e-6, "1470300p"),
        (-0.5, "-500m"),
        (5.1, "5100m"),
        (3.0, "3"),
        (1e5, "100k"),
        (0.0, "0"),
        (7.35e-6, "7350n"),
    ],
)
def test_a_literal_has_no_decimals(value: float, written: str) -> None:
    assert literal(value) == written


@given(st.floats(1e-12, 1e9))
def test_a_literal_stands_for_its_number(value: float) -> None:
    assert number_of(literal(value)) == pytest.approx(value, rel=1e-5)
    assert number_of(literal(-value)) == pytest.approx(-value, rel=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30, 1e-30])
def test_what_no_script_can_hold_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        literal(value)


def test_every_code_says_what_to_do() -> None:
    assert "look for a short" in meaning(0x32)
    assert "manual" in meaning(0x6666)
    assert all(what and do for what, do in CODES.values())
