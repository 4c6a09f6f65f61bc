"""Milling rates: volume of a material removed per charge of ions at normal incidence.

The values are starting points with an expected scatter of a factor of two; a calibration mill of
your own instrument overrides them. Source: reference sheet fib-and-tem.md, section 5.1, whose marks
are kept: [read] in a public source, [lit] not re-read, [calc] by Yamamura-Tawara 1996.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

UM3_PER_NC = 1e-9
"""m³/C in one µm³/nC."""


@dataclass(frozen=True)
class Rate:
    """A milling rate at 30 kV and normal incidence, m³/C."""

    value: float
    low: float
    high: float
    source: str


def _rate(value: float, low: float, high: float, source: str) -> Rate:
    return Rate(value * UM3_PER_NC, low * UM3_PER_NC, high * UM3_PER_NC, source)


_GALLIUM = {
    "Li": _rate(0.37, 0.26, 0.52, "[calc] Y 2.75, U 1.66 eV; no public measured value: to verify"),
    "LiPON": _rate(0.15, 0.11, 0.19, "[calc] U 3 to 5 eV/atom; none measured: to verify"),
    "Li3PO4": _rate(0.15, 0.11, 0.19, "[calc] as LiPON: to verify"),
    "Li2O": _rate(0.09, 0.07, 0.11, "[calc]: to verify"),
    "Li3N": _rate(0.11, 0.08, 0.14, "[calc]: to verify"),
    "Li2CO3": _rate(0.12, 0.07, 0.19, "ours, between Li2O and LiPON: to verify"),
    "Pt": _rate(0.5, 0.23, 1.1, "0.23 [lit], 1.1 [calc]"),
    "Cr": _rate(0.3, 0.15, 0.5, "ours, as other metals of its mass: to verify"),
    "SiO2": _rate(0.22, 0.19, 0.24, "0.19 [read], 0.24 [lit]"),
    "Si": _rate(0.25, 0.15, 0.30, "0.15 [read], 0.27 [lit], 0.30 [calc]"),
    "Al2O3": _rate(0.15, 0.08, 0.25, "ours, as other ceramics: to verify"),
    "LNMO": _rate(0.2, 0.1, 0.35, "ours, as other oxides: to verify"),
    "Cu": _rate(0.4, 0.25, 0.7, "0.25 [lit], 0.68 [calc]; channels strongly"),
    "W": _rate(0.25, 0.12, 0.45, "0.12 [lit], 0.46 [calc]"),
    "H2O": _rate(3.0, 0.7, 6.0, "several µm³/nC [read, abstract only]; depends on temperature"),
}
_RELATIVE = {"gallium": 1.0, "argon": 0.63, "xenon": 1.28}
"""Of gallium's rate; the mean ratio of the [calc] columns: argon 0.6-0.68, xenon 1.24-1.36."""

SPECIES = tuple(_RELATIVE)


def rates(species: str) -> Mapping[str, Rate]:
    """Return the rate of each material for an ion species of `SPECIES`."""
    times = _RELATIVE[species]
    return MappingProxyType(
        {
            name: Rate(r.value * times, r.low * times, r.high * times, r.source)
            for name, r in _GALLIUM.items()
        }
    )
