"""What a lift-out answers, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PLACES = (
    ("depth_m", 1e6, "{:.3g} um deep"),
    ("thickness_m", 1e9, "{:.0f} nm thick"),
    ("area_m2", 1e12, "{:.2g} um2 bridged"),
    ("gap_m", 1e6, "gap {:.2g} um"),
)
"""Figures of a flag: key, unit per SI unit, words."""


def told_lift_out(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a result: success and reason, thickness, welds, time, nitrogen, ions."""
    reason = result.get("reason") or "no reason is given"
    yield f"{'success' if result.get('success') else 'no success'}: {reason}"
    yield f"last stage done: {str(result.get('stage')).replace('_', ' ')}"
    if result.get("thickness_m") is not None:
        yield f"thickness {told_thickness(result)}"
    for weld in result.get("welds", ()):
        yield _told_weld(weld)
    yield _told_means(result)
    ions = result.get("species") or {}
    if ions:
        stated = f", stated {ions['as_stated']}" if ions.get("as_stated") else ""
        yield f"ions: {ions['written']}, the instrument reports {ions['as_reported']}{stated}"


def told_thickness(result: Mapping[str, Any]) -> str:
    """Return the thickness with its interval, in nm."""
    text = f"{result['thickness_m'] * 1e9:.0f} nm"
    if result.get("interval_m"):
        low, high = result["interval_m"]
        text += f" ({low * 1e9:.0f} to {high * 1e9:.0f} nm)"
    return text


def told_figures(flag: Mapping[str, Any]) -> str:
    """Return the figures of a lift-out's flag in words; empty where it has none."""
    found = (text.format(flag[key] * per) for key, per, text in PLACES if flag.get(key) is not None)
    return ", ".join(found)


def _told_weld(weld: Mapping[str, Any]) -> str:
    said = "verified" if weld["verified"] else "NOT verified"
    figures = told_figures(weld)
    return f"weld {weld['joint'].replace('_', ' ')}: {said}" + (f", {figures}" if figures else "")


def _told_means(result: Mapping[str, Any]) -> str:
    text = f"took {result['duration_s'] / 3600:.1f} h"
    if result.get("ln2_l") is not None:
        text += f", {result['ln2_l']:.1f} l of liquid nitrogen"
    if result.get("ice_m"):
        low, high = result["ice_m"]
        text += f", ice grown {low * 1e9:.0f} to {high * 1e9:.0f} nm as estimated"
    return text
