"""A depth profile as a VAMAS file: other readers and our own find the same counts again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vamas
from click.testing import CliRunner

from acquire.cli import main
from acquire.xps.vamas_export import export_vamas
from drivers.action import result_of
from drivers.clock import JumpingClock
from drivers.errors import InputError
from drivers.recorded_xps import RecordedXps, read_xps_recording
from drivers.vamas.read import read_vamas
from tests.acquire.made_profile import PROFILE, SETUP, MadeProfile


def exported(made: MadeProfile) -> Path:
    (path,) = export_vamas(made.whole())
    return path


def test_another_reader_finds_the_counts_of_each_region_inside_each_cycle(tmp_path: Path) -> None:
    made = MadeProfile(tmp_path / "run")
    theirs = vamas.Vamas(exported(made))
    regions = ["C 1s", "N 1s", "P 2p"]
    names = ["Survey", *regions, *regions, *regions, "Survey", *regions]
    assert [block.block_identifier for block in theirs.blocks] == names
    (variable,) = theirs.header.experiment_variables
    assert (variable.label, variable.unit) == ("Etch Time", "s")
    times = [float(block.values_exp_var[0]) for block in theirs.blocks]
    assert times == [0] * 4 + [60] * 3 + [120] * 3 + [180] * 4
    last = theirs.blocks[-2]
    assert (last.species_label, last.transition_or_charge_state_label) == ("N", "1s")
    assert last.x_start == pytest.approx(SETUP.photon_energy - 406)
    counts, passed = last.corresponding_variables
    assert counts.y_values == made.counts("N 1s").tolist()
    assert passed.y_values == np.linspace(1.0, 0.9, 181).tolist()
    assert (last.signal_collection_time, last.num_scans_to_compile_block) == (0.2, 2)


def test_it_plays_as_the_spectrometer_that_measured_it(tmp_path: Path) -> None:
    made = MadeProfile(tmp_path / "run")
    xps = RecordedXps(read_xps_recording(exported(made)), JumpingClock())
    made.cycle = 0
    for cycle in range(4):
        for region in PROFILE.regions:
            spectrum = result_of(xps.acquire(region, 2))
            np.testing.assert_array_equal(spectrum.counts, made.counts(region.line))
            assert (spectrum.start, spectrum.step) == (region.start, region.step)
            assert (spectrum.dwell, spectrum.sweeps) == (region.dwell, region.sweeps)
        if cycle < 3:
            assert result_of(xps.etch(PROFILE.etch)).seconds == 60
            made.cycle += 1
    assert xps.setup().photon_energy == SETUP.photon_energy
    assert xps.setup().spot_height == pytest.approx(SETUP.spot_height)
    xps.close()


@pytest.mark.parametrize(
    ("simulated", "recorded", "word"),
    [(True, False, "SIMULATED"), (True, True, "RECORDED SIMULATION"), (False, False, "Measured")],
)
def test_the_file_says_where_its_counts_come_from(
    tmp_path: Path, simulated: bool, recorded: bool, word: str
) -> None:
    path = exported(MadeProfile(tmp_path / "run", simulated=simulated, recorded=recorded))
    file = read_vamas(path)
    assert file.comment[0].startswith(word)
    assert read_xps_recording(path).simulated == simulated
    created = next(line for line in file.blocks[0].comment if line.startswith("Created by"))
    assert (word in created) == (word != "Measured")
    assert any("Ar+ of 5000 eV" in line for line in file.comment) == (not recorded)


def test_a_block_comment_is_that_of_a_kratos_with_what_is_known(tmp_path: Path) -> None:
    file = read_vamas(exported(MadeProfile(tmp_path / "run")))
    comment = next(block for block in file.blocks if block.name == "C 1s").comment
    assert comment[0] == "Creation"
    assert "Quality" in comment[-1]
    assert "C 1s : 1190.700-1208.700eV, Sweeps 2" in comment
    for said in ("Resolution : 40.00", "Step size : 0.100eV", "Dwell time : 200ms", "Tilt : 0.00"):
        assert said in comment
    assert "Number Steps : 180" in comment


def test_transmission_is_by_its_law_where_only_that_is_known(tmp_path: Path) -> None:
    file = read_vamas(exported(MadeProfile(tmp_path / "run", known=False)))
    block = file.blocks[-1]
    np.testing.assert_allclose(block.ordinates[1].values, (block.points / 1000) ** -0.6, rtol=1e-9)


def test_every_line_of_a_header_is_ascii_so_that_any_program_reads_it(tmp_path: Path) -> None:
    assert exported(MadeProfile(tmp_path / "run")).read_bytes().isascii()


def test_the_command_writes_it_and_says_where(tmp_path: Path) -> None:
    folder = MadeProfile(tmp_path / "run").whole()
    result = CliRunner().invoke(main, ["export", str(folder), "--to", "vamas"])
    assert result.exit_code == 0, result.output
    assert result.output.strip().endswith("00-depth-profile.vms")
    assert (folder / "data" / "00-depth-profile.vms").exists()


def test_a_run_without_a_depth_profile_is_refused_with_what_there_is(a_run_folder: Path) -> None:
    with pytest.raises(InputError, match="has no spectrum of a depth profile; --to vamas"):
        export_vamas(a_run_folder)
