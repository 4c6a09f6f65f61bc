"""Specimens on which XPS analysis is scored beside the shipped one, and the order that is true."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "specimens" / "xps"


@dataclass(frozen=True)
class Scored:
    """Settings of a simulated XPS, and which orders may be told of it."""

    settings: dict[str, Any]
    orders: tuple[str | None, ...]
    """The true order first; `undecided` is never wrong."""


def _file(name: str) -> str:
    return str(FOLDER / f"{name}.yaml")


SPECIMENS: dict[str, Scored] = {
    "no P": Scored({"specimen": _file("no-p")}, (None, "undecided")),
    "P first": Scored({"specimen": _file("p-first")}, ("P before N", "undecided")),
    "20 nm interphase": Scored({"specimen": _file("interphase-20")}, ("N before P", "undecided")),
    "200 nm interphase": Scored({"specimen": _file("interphase-200")}, ("N before P", "undecided")),
    "strong mixing": Scored({"mixing": 10e-9, "roughness": 3e-9}, ("N before P", "undecided")),
}
