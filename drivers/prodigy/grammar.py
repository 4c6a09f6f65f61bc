r"""Values and key:value lists of SPECS Prodigy's Remote In protocol, as text.

A value is a quoted string (`\"` is its only escape), a bare number or word, or a list of those.
Keys may be quoted, and bare keys may hold spaces. Strict: what is not of that form is refused.
Source: SpecsLab Prodigy Remote In 1.22 (2024) and 1.5 (2014), sections 1.2 to 1.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


class GrammarError(ValueError):
    """Text outside the grammar."""


class UnfinishedError(GrammarError):
    """Text that ends within quotes: the rest may come on the next line."""


class Bare(str):
    """A value without quotes: a number, as it was written, or a word."""

    __slots__ = ()


Value = str | tuple[str, ...]
"""A quoted string, a `Bare`, or a list of both."""
Values = Mapping[str, Value]

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_WORD = r"[A-Za-z][\w./()%+-]*"
NUMBER = re.compile(_NUMBER, re.ASCII)
_BARE = re.compile(f"{_NUMBER}|{_WORD}", re.ASCII)
_NUMBERS = re.compile(rf"\[ ?({_NUMBER}(?:, ?{_NUMBER})*) ?\]", re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\"|\\(?!"))*)"')
_KEY = re.compile(r"[A-Za-z][\w./()\[\]-]*(?: [\w./()\[\]-]+)*", re.ASCII)


def read_values(text: str) -> Values:
    """Return the values of a list `Key:Value Key:Value` by key.

    Raises:
        UnfinishedError: it ends within quotes.
        GrammarError: it is no such list, or a key comes twice.
    """
    found: dict[str, Value] = {}
    at = 0
    while at < len(text):
        if found:
            at = _expect(text, at, " ")
        key, at = _read_key(text, at)
        at = _expect(text, at, ":")
        value, at = _read_value(text, at)
        if key in found:
            raise GrammarError(f"{key} comes twice")
        found[key] = value
    return found


def write_values(values: Values) -> str:
    """Return values as `Key:Value Key:Value`; keys that need quotes get them.

    Raises:
        GrammarError: a value cannot be written.
    """
    return " ".join(f"{_write_key(key)}:{_write_value(value)}" for key, value in values.items())


def quoted(text: str) -> str:
    """Return a text in quotes.

    Raises:
        GrammarError: it ends in a backslash, which would take its closing quote away, or it is not
            plain ASCII.
    """
    if text.endswith("\\") or not text.isascii():
        raise GrammarError(f"{text!r} cannot be written; use ASCII without a backslash at its end")
    return '"' + text.replace('"', '\\"') + '"'


def read_quoted(text: str, at: int) -> tuple[str, int]:
    """Return the string whose opening quote is at `at`, and where it is over."""
    match = _QUOTED.match(text, at)
    if match is None:
        raise UnfinishedError(f"quotes that do not end: {text[at : at + 40]!r}")
    return match.group(1).replace('\\"', '"'), match.end()


def bare(value: float | int) -> Bare:
    """Return a number as it is written: the shortest text that reads back to the same number."""
    return Bare(value if isinstance(value, int) else f"{value:.12g}")


def _expect(text: str, at: int, wanted: str) -> int:
    if text[at : at + 1] != wanted:
        raise GrammarError(f"{text[at : at + 1]!r} where {wanted!r} belongs, at {at}")
    return at + 1


def _read_key(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] == '"':
        return read_quoted(text, at)
    match = _KEY.match(text, at)
    if match is None:
        raise GrammarError(f"no key at {at}: {text[at : at + 40]!r}")
    return match.group(), match.end()


def _read_value(text: str, at: int) -> tuple[Value, int]:
    first = text[at : at + 1]
    if first == "[":
        return _read_list(text, at)
    return _read_item(text, at)


def _read_item(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] == '"':
        return read_quoted(text, at)
    match = _BARE.match(text, at)
    if match is None:
        raise GrammarError(f"no value at {at}: {text[at : at + 40]!r}")
    return Bare(match.group()), match.end()


def _read_list(text: str, at: int) -> tuple[tuple[str, ...], int]:
    numbers = _NUMBERS.match(text, at)
    if numbers is not None:  # long lists of data
        return tuple(map(Bare, numbers.group(1).replace(" ", "").split(","))), numbers.end()
    at = _skip_space(text, at + 1)
    items: list[str] = []
    while text[at : at + 1] != "]":
        if items:
            at = _skip_space(text, _expect(text, at, ","))
        item, at = _read_item(text, at)
        items.append(item)
        if text[at : at + 2] == " ]":
            at += 1
    return tuple(items), at + 1


def _skip_space(text: str, at: int) -> int:
    return at + 1 if text[at : at + 1] == " " else at


def _write_key(key: str) -> str:
    return key if _KEY.fullmatch(key) and " " not in key else quoted(key)


def _write_value(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ",".join(map(_write_item, value)) + "]"
    return _write_item(value)


def _write_item(item: str) -> str:
    if not isinstance(item, Bare):
        return quoted(item)
    if _BARE.fullmatch(item) is None:
        raise GrammarError(f"{item!r} is neither a number nor a word; give it as a str")
    return item
