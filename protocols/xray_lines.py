"""Energies of the characteristic X-ray lines that an EDS detector can tell apart.

Source: xraylib 4.3.0 `LineEnergy` (KA, KB, LA averages, MA1), which follows Deslattes et al.,
Rev. Mod. Phys. 75, 35 (2003) where measured; compared with the library by
a test. Li and Be, which it lacks: literature values, to verify.
"""

from __future__ import annotations

from protocols.units import closest

LINE_ENERGIES_EV: dict[str, dict[str, float]] = {
    "Li": {"Ka": 54.3},
    "Be": {"Ka": 108.5},
    "B": {"Ka": 183.3},
    "C": {"Ka": 277.4},
    "N": {"Ka": 392.4},
    "O": {"Ka": 524.9},
    "F": {"Ka": 676.8},
    "Ne": {"Ka": 848.5},
    "Na": {"Ka": 1041.0},
    "Mg": {"Ka": 1253.6},
    "Al": {"Ka": 1486.7, "Kb": 1554.1},
    "Si": {"Ka": 1739.8, "Kb": 1835.9},
    "P": {"Ka": 2009.9, "Kb": 2135.6},
    "S": {"Ka": 2307.4, "Kb": 2464.0},
    "Cl": {"Ka": 2621.9, "Kb": 2815.6},
    "Ar": {"Ka": 2956.7, "Kb": 3190.2},
    "K": {"Ka": 3312.9, "Kb": 3589.6},
    "Ca": {"Ka": 3690.5, "Kb": 4012.7},
    "Sc": {"Ka": 4089.1, "Kb": 4460.5, "La": 395.6},
    "Ti": {"Ka": 4508.9, "Kb": 4931.8, "La": 451.8},
    "V": {"Ka": 4949.6, "Kb": 5427.3, "La": 510.7},
    "Cr": {"Ka": 5411.6, "Kb": 5946.7, "La": 572.2},
    "Mn": {"Ka": 5895.0, "Kb": 6490.4, "La": 637.0},
    "Fe": {"Ka": 6399.5, "Kb": 7058.0, "La": 704.5},
    "Co": {"Ka": 6925.2, "Kb": 7649.4, "La": 775.7},
    "Ni": {"Ka": 7472.3, "Kb": 8264.7, "La": 851.1},
    "Cu": {"Ka": 8041.1, "Kb": 8905.3, "La": 929.5},
    "Zn": {"Ka": 8631.1, "Kb": 9572.0, "La": 1011.6},
    "Ga": {"Ka": 9242.6, "Kb": 10262.9, "La": 1098.0},
    "Ge": {"Ka": 9875.8, "Kb": 10982.5, "La": 1188.0},
    "As": {"Ka": 10531.5, "Kb": 11729.2, "La": 1281.9},
    "Se": {"Ka": 11208.2, "Kb": 12502.0, "La": 1379.1},
    "Br": {"Ka": 11908.1, "Kb": 13302.1, "La": 1480.8},
    "Kr": {"Ka": 12632.8, "Kb": 14126.9, "La": 1581.0},
    "Rb": {"Ka": 13375.0, "Kb": 14981.5, "La": 1693.9},
    "Sr": {"Ka": 14142.0, "Kb": 15860.6, "La": 1806.3},
    "Y": {"Ka": 14932.5, "Kb": 16767.5, "La": 1922.4},
    "Zr": {"Ka": 15746.3, "Kb": 17700.8, "La": 2042.1},
    "Nb": {"Ka": 16582.7, "Kb": 18660.3, "La": 2165.6},
    "Mo": {"Ka": 17443.2, "Kb": 19648.9, "La": 2292.9},
    "Tc": {"Ka": 18327.0, "Kb": 20665.5, "La": 2423.6},
    "Ru": {"Ka": 19234.8, "Kb": 21708.1, "La": 2558.1},
    "Rh": {"Ka": 20166.9, "Kb": 22780.0, "La": 2696.3},
    "Pd": {"Ka": 21122.7, "Kb": 23879.9, "La": 2838.1},
    "Ag": {"Ka": 22103.1, "Kb": 25008.4, "La": 2983.8},
    "Cd": {"Ka": 23107.9, "Kb": 26167.6, "La": 3133.1},
    "In": {"Ka": 24137.5, "Kb": 27355.5, "La": 3286.2},
    "Sn": {"Ka": 25192.1, "Kb": 28442.0, "La": 3443.1},
    "Sb": {"Ka": 26272.4, "Kb": 29584.2, "La": 3603.7},
    "Te": {"Ka": 27377.8, "Kb": 30690.9, "La": 3768.2},
    "I": {"Ka": 28509.0, "Kb": 31841.8, "La": 3936.5},
    "Xe": {"Ka": 29669.5, "Kb": 33035.2, "La": 4104.2},
    "Cs": {"Ka": 30850.7, "Kb": 34254.9, "La": 4285.0},
    "Ba": {"Ka": 32061.2, "Kb": 35515.6, "La": 4464.7},
    "La": {"Ka": 33298.1, "Kb": 36922.2, "La": 4649.3},
    "Ce": {"Ka": 34563.9, "Kb": 38363.0, "La": 4838.3, "Ma": 883.2},
    "Pr": {"Ka": 35857.8, "Kb": 39832.8, "La": 5031.3, "Ma": 929.0},
    "Nd": {"Ka": 37178.9, "Kb": 41333.8, "La": 5228.0, "Ma": 976.2},
    "Pm": {"Ka": 38528.0, "Kb": 42871.4, "La": 5429.9, "Ma": 1022.9},
    "Sm": {"Ka": 39906.0, "Kb": 44441.2, "La": 5633.4, "Ma": 1074.7},
    "Eu": {"Ka": 41313.9, "Kb": 46042.5, "La": 5843.0},
    "Gd": {"Ka": 42750.6, "Kb": 47590.9, "La": 6054.3, "Ma": 1185.1},
    "Tb": {"Ka": 44217.6, "Kb": 49342.9, "La": 6269.4, "Ma": 1238.6},
    "Dy": {"Ka": 45714.8, "Kb": 51052.2, "La": 6491.4, "Ma": 1290.7},
    "Ho": {"Ka": 47242.2, "Kb": 52794.6, "La": 6715.6, "Ma": 1347.7},
    "Er": {"Ka": 48801.2, "Kb": 54571.0, "La": 6944.1, "Ma": 1405.0},
    "Tm": {"Ka": 50391.7, "Kb": 56379.6, "La": 7175.5, "Ma": 1462.4},
    "Yb": {"Ka": 52014.2, "Kb": 58231.9, "La": 7410.9, "Ma": 1521.5},
    "Lu": {"Ka": 53668.9, "Kb": 60020.7, "La": 7650.4, "Ma": 1581.6},
    "Hf": {"Ka": 55361.4, "Kb": 61860.8, "La": 7893.4, "Ma": 1644.6},
    "Ta": {"Ka": 57077.8, "Kb": 63719.0, "La": 8140.1, "Ma": 1709.5},
    "W": {"Ka": 58829.7, "Kb": 65617.1, "La": 8391.2, "Ma": 1773.4},
    "Re": {"Ka": 60619.6, "Kb": 67559.6, "La": 8645.7, "Ma": 1837.2},
    "Os": {"Ka": 62443.8, "Kb": 69541.9, "La": 8903.6, "Ma": 1909.1},
    "Ir": {"Ka": 64303.5, "Kb": 71567.6, "La": 9167.1, "Ma": 1979.4},
    "Pt": {"Ka": 66200.5, "Kb": 73640.6, "La": 9434.5, "Ma": 2050.0},
    "Au": {"Ka": 68134.4, "Kb": 75739.5, "La": 9704.3, "Ma": 2121.6},
    "Hg": {"Ka": 70104.1, "Kb": 77838.1, "La": 9979.8, "Ma": 2195.0},
    "Tl": {"Ka": 72113.8, "Kb": 79936.4, "La": 10258.4, "Ma": 2270.5},
    "Pb": {"Ka": 74161.8, "Kb": 82053.6, "La": 10540.8, "Ma": 2347.7},
    "Bi": {"Ka": 76249.4, "Kb": 84162.6, "La": 10828.0, "Ma": 2422.5},
    "Po": {"Ka": 78379.2, "Kb": 86326.1, "La": 11118.4, "Ma": 2502.0},
    "At": {"Ka": 80550.3, "Kb": 88546.7, "La": 11413.8, "Ma": 2582.0},
    "Rn": {"Ka": 82760.5, "Kb": 90776.3, "La": 11712.9, "Ma": 2662.0},
    "Fr": {"Ka": 85016.0, "Kb": 93069.9, "La": 12017.2, "Ma": 2745.0},
    "Ra": {"Ka": 87315.7, "Kb": 95418.6, "La": 12324.4, "Ma": 2826.0},
    "Ac": {"Ka": 89662.3, "Kb": 97827.1, "La": 12635.6, "Ma": 2912.0},
    "Th": {"Ka": 92053.7, "Kb": 100293.5, "La": 12951.8, "Ma": 2997.0},
    "Pa": {"Ka": 94490.2, "Kb": 102877.1, "La": 13274.2, "Ma": 3087.0},
    "U": {"Ka": 96980.4, "Kb": 105527.0, "La": 13600.0, "Ma": 3171.0},
}

LOWEST_SEEN_EV = 150.0
"""Below this no EDS detector separates a line from its noise peak (Li Ka is at 54 eV)."""
HIGHEST_USUAL_EV = 12_000.0
"""Above this a thin specimen gives few counts and L or M lines are used instead."""


def check_element(element: str) -> str:
    """Return `element`, or raise ValueError that says why it cannot be watched."""
    if element in ("H", "He"):
        raise ValueError(f"{element} has no X-ray line; watch a heavier element")
    if element not in LINE_ENERGIES_EV:
        near = closest(element, list(LINE_ENERGIES_EV))
        raise ValueError(f"{element!r} is not an element from Li to U{near}")
    if max(LINE_ENERGIES_EV[element].values()) < LOWEST_SEEN_EV:
        energy = max(LINE_ENERGIES_EV[element].values())
        raise ValueError(
            f"{element} has no line that EDS can see: its highest is at {energy:g} eV, "
            f"below {LOWEST_SEEN_EV:g} eV; watch another element"
        )
    return element


def line_energy(element: str, line: str | None = None) -> tuple[str, float]:
    """Return the name and energy (eV) of `line`, or of the strongest one that EDS usually uses.

    Raises:
        ValueError: the element has no such line, or none that EDS can see.
    """
    lines = LINE_ENERGIES_EV[check_element(element)]
    if line is not None:
        if line not in lines:
            raise ValueError(f"{element} has no line {line!r}; it has {', '.join(lines)}")
        return line, lines[line]
    for name in ("Ka", "La", "Ma"):
        if name in lines and LOWEST_SEEN_EV <= lines[name] <= HIGHEST_USUAL_EV:
            return name, lines[name]
    best = max(lines, key=lambda name: lines[name])
    return best, lines[best]
