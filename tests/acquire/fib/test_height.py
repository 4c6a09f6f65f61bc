"""Heights from both beams."""

from __future__ import annotations

import math

import pytest

from acquire.fib.height import Seen, place_from
from acquire.fib.measured import Measured, refused
from drivers.fib import BeamName, Geometry, seen

GEOMETRY = Geometry()


def as_seen(beam: BeamName, tilt: float, place: tuple[float, float, float]) -> Seen:
    u, v = seen(GEOMETRY.angle(beam, tilt), *place)
    return Seen(Measured(u, 10e-9), Measured(v, 10e-9))


@pytest.mark.parametrize("tilt", [0.0, 0.12, math.radians(52)])
def test_a_place_seen_by_both_beams_is_found_again(tilt: float) -> None:
    place = (3e-6, -1.2e-6, 4e-6)
    both = (as_seen("ion", tilt, place), as_seen("electron", tilt, place))
    found = place_from(*both, GEOMETRY, tilt)
    assert (found.x.value, found.y.value, found.z.value) == pytest.approx(place, abs=1e-12)
    assert 10e-9 < found.z.sigma < 25e-9


def test_two_different_things_have_no_height() -> None:
    ion, electron = as_seen("ion", 0.9, (0, 0, 1e-6)), as_seen("electron", 0.9, (1e-6, 0, 1e-6))
    assert "two ways" in (place_from(ion, electron, GEOMETRY, 0.9).z.refusal or "")


def test_what_one_beam_does_not_show_has_no_height() -> None:
    ion = as_seen("ion", 0.9, (0, 0, 1e-6))
    unseen = Seen(ion.u, refused("nothing there"))
    assert place_from(ion, unseen, GEOMETRY, 0.9).z.refusal == "nothing there"
