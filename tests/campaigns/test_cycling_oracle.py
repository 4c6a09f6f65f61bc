"""A few random cycling protocols against the oracle; `cycling_oracle` draws ten thousand."""

from __future__ import annotations

from tests.campaigns.cycling_oracle import tally


def test_safe_protocols_are_accepted_and_unsafe_ones_refused() -> None:
    counted = tally(500, seed=1)
    assert min(counted.safe, counted.unsafe) > 80
    assert counted.accepted >= 0.99 * counted.safe, counted.wrongly_refused
    assert counted.refused == counted.unsafe, counted.let_through
