"""The charge that a pit needs."""

from __future__ import annotations

import pytest
from scipy.integrate import quad

from acquire.fib.charge import captured_share, charge_for, charge_of_slice
from protocols.lift_out import Layer
from protocols.milling_rates import rates

LAYERS = (Layer(material="Li", thickness=1.5e-6), Layer(material="LiPON", thickness=1e-6))


def test_a_long_trench_captures_what_crossed_strings_say() -> None:
    assert captured_share(1e-6, 1.0, 1e-6) == pytest.approx(2.0 - 2.0**0.5, rel=1e-4)


def test_a_cubic_pit_lets_a_fifth_escape() -> None:
    assert 1 - captured_share(2e-6, 2e-6, 2e-6) == pytest.approx(0.1998, abs=1e-4)


def test_a_shallow_pit_takes_volume_over_rate() -> None:
    rate = rates("gallium")["Li"].value
    got = charge_for(LAYERS, "gallium", 1e-3, 1e-3, 1e-6)
    assert got == pytest.approx(1e-3 * 1e-3 * 1e-6 / rate, rel=3e-3)


def test_below_the_last_layer_it_goes_on() -> None:
    deep = charge_for(LAYERS, "gallium", 1.0, 1.0, 4e-6)
    whole = charge_for(LAYERS, "gallium", 1.0, 1.0, 2.5e-6)
    assert deep - whole == pytest.approx(1.5e-6 / rates("gallium")["LiPON"].value, rel=1e-3)


def test_a_narrow_pit_is_summed_to_a_hundredth() -> None:
    def needed(z: float) -> float:
        return 1.0 / (1.0 - captured_share(1e-6, 1e-6, z)) / rates("argon")["Li"].value

    exact = 1e-12 * quad(needed, 0.0, 1.5e-6)[0]
    assert charge_for(LAYERS[:1], "argon", 1e-6, 1e-6, 1.5e-6) == pytest.approx(exact, rel=0.01)


def test_the_overdose_multiplies_it() -> None:
    pit = (LAYERS, "xenon", 1e-6, 1e-6, 1e-6)
    assert charge_for(*pit, 1.8) == pytest.approx(1.8 * charge_for(*pit))


def test_a_slice_takes_less_than_a_pit_of_its_size_for_its_leaning_front_and_open_side() -> None:
    size = (5e-6, 0.3e-6, 1.5e-6)
    closed = charge_for(LAYERS, "gallium", *size)
    flat = size[0] * size[1] * size[2] / rates("gallium")["Li"].value
    assert 0.5 * flat < charge_of_slice(LAYERS, "gallium", *size) < flat < 0.5 * closed
