"""A lift-out on OpenFIBSEM's demo microscope, as a person runs it; skipped without fibsem.

The demo's images are text and noise: what is asked of the run is that it gets as far as the first
measurement, finds that nothing can be measured, and asks.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("fibsem", reason="needs liftline[openfibsem]")

from acquire.cli import main

LAB = """\
instruments:
  fib:
    driver: openfibsem-demo
    settings:
      ion_species: gallium
      pre_tilt: 0 deg
      pixels: [64]
      ion_currents: [10 pA, 30 pA, 0.1 nA, 1 nA, 3 nA]
      electron_currents: [25 pA, 0.1 nA]
"""
CRYO = "  cryo: {driver: operator-cryo, address: cold-stage.yaml}\n"
COLD = "stage: -185 degC\nneedle: -172 degC\nshield: -190 degC\nln2_hold: 30 h\nslope: 0 K/min\n"
PROTOCOL = """\
kind: lift_out
ions: {species: gallium}
layers: [{material: Li, thickness: 1.5 um}, {material: LiPON, thickness: 4 um}]
interface: 1.54 um
site: {x: 0 mm, y: 0 mm, z: 4 mm}
grid: {x: 3 mm, y: 0 mm, z: 4 mm}
cold: {steady: 0 s}
views:
  wide: {field: 40 um, pixels: 64, dwell: 1 us, current: 10 pA}
last: survey
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the operator writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIBSEM_SIM_NO_DELAY", "1")
    (tmp_path / "cold-stage.yaml").write_text(COLD)
    (tmp_path / "lift-out.yaml").write_text(PROTOCOL)
    (tmp_path / "lab.yaml").write_text(LAB + CRYO)
    return tmp_path


def liftline(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_it_cools_surveys_and_asks_when_the_images_show_nothing(bench: Path) -> None:
    result = liftline("run", "lift-out.yaml", "--lab", "lab.yaml")
    assert result.exit_code == 4, result.output
    (run,) = [file.parent for file in bench.glob("runs/*/run.db")]
    view = json.loads(liftline("show", run, "--json").stdout)
    assert view["simulated"]
    assert view["state"] == "waiting"
    (question,) = view["questions"]
    assert "the height of the surface cannot be told" in question["text"]
    assert view["budgets"]["ion_dose_C_per_m2"]["spent"] > 0


def test_without_a_cold_stage_nothing_begins(bench: Path) -> None:
    (bench / "lab.yaml").write_text(LAB)
    result = liftline("run", "lift-out.yaml", "--lab", "lab.yaml")
    assert result.exit_code == 2
    assert "needs cryo" in result.stderr
    assert "cryo: {driver: operator-cryo}" in result.stderr
    assert not (bench / "runs").exists()
