"""The block comment of Kratos' programs, by which readers of VAMAS take a file for an AXIS.

Only what is known is written: readers take a figure for each name that stands there, and none for
one that does not. The example is `vms_comments/kratos.vms` of FAIRmat-NFDI/pynxtools-xps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class KratosScan:
    """What the comment says of one spectrum."""

    made_by: str
    taken: datetime | None
    sample: str
    tilt: float
    """Degrees."""
    neutraliser: bool
    monochromatic: bool
    anode: str
    pass_energy: float
    """eV."""
    line: str
    start: float
    """Kinetic energy, eV."""
    stop: float
    step: float
    points: int
    dwell: float
    """s."""
    sweeps: int


def kratos_comment(scan: KratosScan) -> tuple[str, ...]:
    """Return the lines of the comment."""
    taken = scan.taken
    created = () if taken is None else (f"Date created : {taken:%d/%m/%Y %H:%M}",)
    return (
        "Creation",
        f"Created by : {scan.made_by}",
        *created,
        "Location",
        f"Sample : {scan.sample}",
        f"Tilt : {scan.tilt:.2f}",
        f"Charge Neutraliser : {'On' if scan.neutraliser else 'Off'}",
        "Settings",
        "Excitation",
        f"Mode : XPS - {'monochromatic' if scan.monochromatic else 'achromatic'}",
        f"Anode library : {scan.anode}",
        "ESCA modes",
        f"Resolution : {scan.pass_energy:.2f}",
        "Scan",
        *_scan(scan),
        "Acquisition Conditions",
        "Quality not known",  # where readers look for the end
    )


def _scan(scan: KratosScan) -> tuple[str, ...]:
    return (
        f"{scan.line} : {scan.start:.3f}-{scan.stop:.3f}eV, Sweeps {scan.sweeps}",
        f"Start : {scan.start:.3f}eV",
        f"End : {scan.stop:.3f}eV",
        f"Centre : {(scan.start + scan.stop) / 2:.3f}eV",
        f"Width : {scan.stop - scan.start:.3f}eV",
        f"Step size : {scan.step:.3f}eV",
        f"Number Steps : {scan.points - 1}",
        f"Dwell time : {scan.dwell * 1e3:.6g}ms",
        f"Sweep time : {scan.dwell * scan.points:.6g}s",
        f"Sweeps : {scan.sweeps}",
    )
