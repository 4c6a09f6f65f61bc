"""Clocks: one that jumps lets nobody miss anything."""

from __future__ import annotations

import threading

from drivers.clock import JumpingClock, RealClock, ScaledClock


def test_a_lone_sleeper_jumps() -> None:
    clock = JumpingClock()
    before = clock.utc()
    clock.sleep(3600)
    assert clock.now() == 3600
    assert (clock.utc() - before).total_seconds() == 3600


def test_time_passes_only_when_everyone_waits_and_in_order() -> None:
    clock = JumpingClock()
    order: list[tuple[str, float]] = []
    ready = threading.Barrier(3)

    def work(name: str, naps: list[float]) -> None:
        with clock.registered():
            ready.wait()
            for nap in naps:
                clock.sleep(nap)
                order.append((name, clock.now()))

    threads = [
        threading.Thread(target=work, args=("slow", [10.0, 10.0])),
        threading.Thread(target=work, args=("quick", [4.0, 4.0, 4.0])),
        threading.Thread(target=work, args=("odd", [7.0])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert order == [
        ("quick", 4.0),
        ("odd", 7.0),
        ("quick", 8.0),
        ("slow", 10.0),
        ("quick", 12.0),
        ("slow", 20.0),
    ]


def test_the_other_clocks_never_go_back() -> None:
    for clock in (RealClock(), ScaledClock(1000.0, start=5.0)):
        first = clock.now()
        clock.sleep(0.001)
        clock.sleep(-1)
        assert clock.now() >= first
