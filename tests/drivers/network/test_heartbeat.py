from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

from drivers.clock import wait_a_moment
from drivers.lab import simulated_lab
from tests.drivers.network.served import opened, served, soon
from tests.simulators.stems import AREA

LAB = replace(simulated_lab({"stem": {}}), dead_man=0.6)
STANDS_STILL = """
import ctypes, sys
from drivers.network.ports import Place
from tests.drivers.network.served import opened
with opened(Place("127.0.0.1", int(sys.argv[1])), "stem") as drivers:
    print("open", flush=True)
    ctypes.PyDLL(None).usleep(2_000_000)
    print(drivers["stem"].status().beam_blanked, flush=True)
"""
"""A controller whose interpreter does nothing for 2 s, as while a library compiles."""


def test_a_controller_whose_interpreter_stands_still_is_not_let_go() -> None:
    log: list[str] = []
    with served(LAB, log=log) as place:
        command = [sys.executable, "-c", STANDS_STILL, str(place.port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["open", "True"], done.stderr
    assert not any("was not heard" in line for line in log)


def test_a_controller_that_is_killed_is_let_go_and_its_action_closed() -> None:
    log: list[str] = []
    dying = STANDS_STILL.replace("ctypes.PyDLL(None).usleep(2_000_000)", "sys.stdin.read()")
    with served(LAB, log=log) as place:
        process = subprocess.Popen(
            [sys.executable, "-c", dying, str(place.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        process.kill()
        process.communicate()
        assert soon(lambda: any("was not heard for 0.6 s" in line for line in log))
        with opened(place, "stem") as drivers:
            stem: Any = drivers["stem"]
            action = stem.spectrum(AREA, 100e-12, 1.0)
            next(action)
            wait_a_moment(1.0)
            next(action)
            action.close()
