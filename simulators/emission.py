"""X-ray emission of an element under 200 kV electrons: which lines, and how strong."""

from __future__ import annotations

import math

from protocols.xray_lines import LINE_ENERGIES_EV
from simulators.elements import Shell, element
from simulators.minor_lines import minor_lines

BEAM_ENERGY = 200_000.0
"""eV. Source: JEOL JEM-2800F at 200 kV [seed]."""
BETA_SQUARED = 0.4835
"""(v/c)² of a 200 keV electron: 1 - 1 / (1 + 200/511)² [calc]."""
SLOW_ENERGY = 0.5 * 511.0 * BETA_SQUARED
"""m v² / 2 of that electron, keV: what stands for its energy in the relativistic Bethe formula."""
BETHE_B, BETHE_C = 0.58, 2.3
"""Of `ionisation`. Fitted [calc] to the four K cross sections of the reference's table (C, N, O, P
at 200 kV: ionisation implied by espm's emission and xraylib's yields), which it meets within 3 %.
For other elements and for L and M shells it is extrapolated, to verify: within 30 %."""

EMISSION = {"C": 3.90e-27, "N": 4.52e-27, "O": 5.19e-27, "P": 9.17e-27}
"""K emission cross sections at 200 kV, m²: ionisation times yield. Source: reference
xps-and-eds.md section 5 [meas: espm table]."""


def ionisation(edge: float, electrons: int) -> float:
    """Return the cross section (m²) for ionising a shell at `edge` (eV) with so many electrons.

    Relativistic Bethe formula: sigma = 6.51e-24 m² keV² n b / (T Ec) (ln(c T / Ec) - ln(1 - beta²)
    - beta²) with T = m v² / 2. Source of the form: Williams and Carter, Transmission Electron
    Microscopy, chapter 4 [lit]; of its constants, `BETHE_B`.
    """
    ec = edge / 1e3
    grows = math.log(BETHE_C * SLOW_ENERGY / ec) - math.log(1 - BETA_SQUARED) - BETA_SQUARED
    return max(0.0, 6.51e-24 * electrons * BETHE_B / (SLOW_ENERGY * ec) * grows)


def lines(symbol: str) -> list[tuple[float, float]]:
    """Return (energy in eV, emission cross section in m²) of the element's lines.

    K lines of C, N, O and P from the reference's table; all else from `ionisation` and xraylib's
    yields. Vacancies that move between subshells first (Coster-Kronig) are left out.
    """
    atom = element(symbol)
    found = [
        *_lines_of_shell("K", atom.k, 2, EMISSION.get(symbol)),
        *_lines_of_shell("L", atom.l3, 4),
        *_lines_of_shell("M", atom.m5, 6),
    ]
    energies = LINE_ENERGIES_EV.get(symbol, {})
    named = [(energies[name], sigma) for name, sigma in found if name in energies and sigma > 0]
    others = [
        (line.energy, ionisation(line.edge, line.electrons) * line.emitted)
        for line in minor_lines(symbol, atom.l3.edge, atom.l3.fluorescence_yield)
    ]
    return named + others


def _lines_of_shell(
    name: str, shell: Shell, electrons: int, known: float | None = None
) -> list[tuple[str, float]]:
    """Return (name, m²) of a shell's lines; `known` is its emission where that is tabulated."""
    if shell.edge <= 0 or shell.fluorescence_yield <= 0:
        return []
    emitted = known or ionisation(shell.edge, electrons) * shell.fluorescence_yield
    found = [(f"{name}a", emitted * shell.main_line)]
    return [*found, ("Kb", emitted * (1 - shell.main_line))] if name == "K" else found
