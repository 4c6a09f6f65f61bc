from __future__ import annotations

from pathlib import Path

from acquire.session.session import Session
from drivers.lab import simulated_lab
from tests.acquire.session.labs import IMAGE, SPECTRUM
from tests.drivers.network.served import remote_lab, served

PROTOCOL = """
kind: stem_image
image: {field: 2 um, pixels: 32, dwell: 2 us, probe_current: 25 pA}
dose_limit: 5 e/angstrom^2
"""


def test_a_session_with_an_instrument_on_another_computer_is_as_one_beside_it(
    tmp_path: Path,
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(PROTOCOL, encoding="utf-8")
    with served(simulated_lab({"stem": {}}), seed=1) as place:
        lab = Session(remote_lab(place, "stem"), out=tmp_path / "far", quiet=True)
        with lab:
            far = lab.stem.image(**IMAGE), lab.stem.spectrum(**SPECTRUM, dwell="0.1 s")
            run = lab.run(mine)
            assert run.state == "finished"
            assert lab.resume(run).state == "finished"
        assert lab.record.view()["simulated"]
    with Session.simulated(out=tmp_path / "near", seed=1, quiet=True) as near:
        image = near.stem.image(**IMAGE)
        spectrum = near.stem.spectrum(**SPECTRUM, dwell="0.1 s")
    assert (far[0].pixels == image.pixels).all()
    assert (far[1].counts == spectrum.counts).all()
