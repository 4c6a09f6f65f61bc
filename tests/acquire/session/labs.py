from __future__ import annotations

from pathlib import Path
from typing import Any

from acquire.session.session import Session

LAB = """
name: bench
clock: {clock}
instruments:
  stem: {{driver: simulated-stem, settings: {{specimen: li-lipon-stem}}}}
  xps: {{driver: simulated-xps}}
"""

IMAGE: dict[str, Any] = {"field": "2 um", "pixels": 32}
SPECTRUM: dict[str, Any] = {
    "x": 0,
    "y": 0,
    "along": "500 nm",
    "across": "500 nm",
    "probe_current": "100 pA",
}


def lab_file(folder: Path, clock: str = "jumping") -> Path:
    path = folder / "lab.yaml"
    path.write_text(LAB.format(clock=clock), encoding="utf-8")
    return path


def simulated(folder: Path, *roles: str, **more: Any) -> Session:
    return Session.simulated(roles or ("stem",), out=folder, seed=1, quiet=True, **more)
