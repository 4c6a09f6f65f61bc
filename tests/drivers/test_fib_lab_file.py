"""A lab file for a FIB by OpenFIBSEM, as the README writes it; fibsem need not be installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.action import action_of
from drivers.fib import Fib
from drivers.lab_file import load_lab
from drivers.openfibsem import OpenFibsem
from drivers.openfibsem.settings import OpenFibsemSettings
from drivers.operator_cryo import OperatorCryoSettings
from protocols.errors import ProtocolFileError

LAB = """\
name: Scios with a cold stage that is read by eye
instruments:
  fib:
    driver: openfibsem
    address: 192.168.0.1
    settings:
      manufacturer: ThermoFisher
      ion_species: gallium
      gas: parked
      pre_tilt: 0 deg
      electron_currents: [25 pA, 0.1 nA]
  cryo:
    driver: operator-cryo
    address: cold-stage.yaml
    settings: {confirmation_age_max: 20 min}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "lab.yaml"
    file.write_text(text)
    return file


def test_the_lab_file_is_read_in_si_units(tmp_path: Path) -> None:
    lab = load_lab(written(tmp_path, LAB))
    fib, cryo = (chosen.settings for chosen in lab.instruments)
    assert isinstance(fib, OpenFibsemSettings)
    assert isinstance(cryo, OperatorCryoSettings)
    assert fib.electron_currents == (25e-12, 0.1e-9)
    assert fib.pre_tilt == 0.0
    assert cryo.confirmation_age_max == 1200.0
    assert not lab.simulated


def test_a_microscope_cannot_be_hurried(tmp_path: Path) -> None:
    with pytest.raises(ProtocolFileError, match="only simulators can hurry"):
        load_lab(written(tmp_path, LAB + "clock: jumping\n"))


def test_a_setting_without_its_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolFileError, match="has no unit"):
        load_lab(written(tmp_path, LAB.replace("0 deg", "35")))


def test_an_interrupted_exposure_is_judged_by_the_interface_not_by_the_driver() -> None:
    for name in ("mill", "ion_image", "electron_image", "move_needle"):
        assert action_of(OpenFibsem, name) == action_of(Fib, name)
