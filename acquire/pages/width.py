"""The interphase's width in words, and how much it hangs on the shape that is taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acquire.pages.charts import Ruler
from acquire.pages.findings import interval_of


@dataclass(frozen=True)
class Shape:
    """One shape of the rise, fitted to the same data."""

    name: str
    width: str
    nats: str
    """Log likelihood below the best shape's."""


def told_width(width: Mapping[str, Any], ruler: Ruler) -> str:
    """Return a width with its interval, or why there is none; empty where it was not looked for."""
    if "none" in width:
        return f"not known: {width['none']}"
    if width.get("value_m") is None:
        return ""
    text = ruler.text(width["value_m"])
    interval = interval_of(width)
    if interval is not None:
        confidence = f"{width['confidence'] * 100:g} %: " if width.get("confidence") else ""
        text += f" ({confidence}{ruler.span(*interval)})"
    return text


def shapes_of(width: Mapping[str, Any], ruler: Ruler) -> tuple[Shape, ...]:
    """Return the shapes that were compared, the best first."""
    found = sorted(width.get("shapes", {}).items(), key=lambda item: item[1].get("nats") or 0.0)
    return tuple(
        Shape(
            name,
            "-" if shape.get("width_m") is None else ruler.text(shape["width_m"]),
            "-" if shape.get("nats") is None else f"{shape['nats']:.1f}",
        )
        for name, shape in found
    )
