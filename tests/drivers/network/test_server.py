from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest
from click.testing import CliRunner

from acquire.channels import claims
from acquire.cli import main
from acquire.lease import lease
from drivers.clock import wait_a_moment, wall_seconds
from drivers.codec import pack
from drivers.errors import DriverError, InputError, LimitError, LinkError, RunInUseError
from drivers.lab import Lab, make_clock, met, simulated_lab
from drivers.lab_file import load_lab
from drivers.network.frames import (
    LARGEST_REQUEST,
    LONGEST_SLEEP,
    VERSION,
    Request,
    write_request,
)
from drivers.network.ports import Place, place_of
from drivers.open_lab import open_lab
from simulators.stem import SimStem
from tests.drivers.network.raw import raw
from tests.drivers.network.served import opened, remote_lab, served
from tests.simulators.stems import AREA, run_through

LAB = simulated_lab({"stem": {}})


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A served microscope."""
    with served(LAB) as place:
        yield place


class Broken(SimStem):
    """A driver with a defect."""

    def electrons(self) -> float:
        return 1 / 0


def exposure(seconds: float = 5.0) -> list[Any]:
    return ["stem", "spectrum", [pack(AREA, []), 100e-12, seconds]]


def test_a_repeat_of_a_request_is_answered_from_memory(place: Place) -> None:
    with raw(place) as client:
        client.control()
        action = client.ask("begin", *exposure()).body
        first = client.ask("next", action)
        before = client.ask("call", "stem", "electrons", []).body
        repeated = client.ask("call", "stem", "electrons", [], number=client.number)
        second = client.ask("next", action, number=client.number + 1)
        again = client.ask("next", action, number=client.number)
        after = client.ask("call", "stem", "electrons", [], number=client.number + 1).body
        client.ask("bye")
    assert first.kind == second.kind == "block"
    assert repeated.body == before
    assert [array.tobytes() for array in again.arrays] == [a.tobytes() for a in second.arrays]
    assert after == pytest.approx(2 * before)


def test_a_late_request_is_neither_done_nor_answered(place: Place) -> None:
    with raw(place) as client:
        client.control()
        client.ask("call", "stem", "shift_scan", [5e-9, 0.0])
        client.ask("call", "stem", "shift_scan", [0.0, 0.0])
        late = Request("call", client.session, 1, ["stem", "shift_scan", [9e-9, 0.0]])
        client.send(*write_request(late))
        assert client.hear(0.2) is None
        assert client.ask("call", "stem", "status", []).body["shift_x"] == 0.0
        client.ask("bye")


@pytest.mark.parametrize(
    ("verb", "body", "code"),
    [
        ("call", ["stem", "explode", []], "method"),
        ("call", ["fib", "status", []], "method"),
        ("call", ["stem", "spectrum", []], "method"),
        ("begin", ["stem", "status", []], "method"),
        ("call", ["stem", "__init__", []], "method"),
        ("call", ["stem"], "grammar"),
        ("call", [["stem"], "status", []], "grammar"),
        ("next", [99], "action"),
        ("next", ["x"], "action"),
        ("close", [None], "grammar"),
        ("sleep", [-1.0], "grammar"),
        ("sleep", [float("nan")], "grammar"),
        ("sleep", [1e9], "grammar"),
    ],
)
def test_what_cannot_be_asked_is_refused(place: Place, verb: str, body: Any, code: str) -> None:
    with raw(place) as client:
        client.control()
        reply = client.ask(verb, *body)
        client.ask("bye")
    assert (reply.kind, reply.body[0]) == ("refused", code)


@pytest.mark.parametrize(
    "arguments",
    [[], [1], ["here", 1.0, 1.0], [{}, 1.0, 1.0], [{"x": 0.0}, 1.0, 1.0], [None, None, None]],
)
def test_arguments_of_another_kind_are_a_limit_error(place: Place, arguments: Any) -> None:
    with raw(place) as client:
        client.control()
        reply = client.ask("begin", "stem", "spectrum", arguments)
        client.ask("bye")
    assert (reply.kind, reply.body[0]) == ("error", "LimitError")


def test_a_second_controller_is_told_who_the_first_one_is(place: Place) -> None:
    second = opened(place, "stem")
    with opened(place, "stem"), pytest.raises(RunInUseError, match=r"controlled by .*@.*since"):
        second.__enter__()
    with opened(place, "stem") as drivers:
        assert drivers["stem"].identity().simulated


def test_a_late_greeting_takes_no_control(place: Place) -> None:
    with raw(place) as client:
        client.control(b"a" * 16)
        client.ask("bye")
        client.session = b""
        assert client.control(b"a" * 16).body[0] == "late"
        assert client.control(b"b" * 16).kind == "ok"
        client.ask("bye")


def test_a_server_that_was_restarted_in_an_action_says_so(tmp_path: Path) -> None:
    with served(LAB, folder=tmp_path) as place:
        lab = opened(place, "stem")
        stem: Any = lab.__enter__()["stem"]
        action = stem.spectrum(AREA, 100e-12, 5.0)
        next(action)
    with served(LAB, folder=tmp_path, place=place):
        with pytest.raises(LinkError, match=r"was restarted.*go on from there"):
            next(action)
        assert stem.status().beam_blanked
        _, spectrum = run_through(stem.spectrum(AREA, 100e-12, 0.2))
        assert spectrum.counts.any()
        lab.__exit__(None, None, None)


def test_another_version_is_told_apart_in_words(place: Place) -> None:
    with raw(place) as client:
        client.send(msgpack.packb([VERSION + 1, "hello", b"", 1, [], []]))
        reply = client.hear()
    assert reply is not None
    assert reply.body[0] == "version"
    assert "install the same version of liftline on both" in reply.body[1]


def test_another_interface_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from drivers.network.interface import interface

    interface.cache_clear()
    monkeypatch.setattr("drivers.network.interface._described", repr)
    with pytest.raises(InputError, match=r"another interface of stem .*install the same version"):
        opened(place, "stem").__enter__()
    interface.cache_clear()


def test_a_role_that_is_not_served_is_refused(place: Place) -> None:
    with pytest.raises(InputError, match=r"serves stem, not xps; correct the lab file"):
        opened(place, "xps").__enter__()


def test_nobody_at_the_address_is_a_link_error_with_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drivers.network.link.CONNECT", 0.3)
    with pytest.raises(LinkError, match=r"does not answer: is `liftline serve` running there"):
        opened(Place("127.0.0.1", 19_999), "stem").__enter__()


@pytest.mark.parametrize("address", [None, "5555", "tcp://host", "tcp://h:99999", "ipc://x", ""])
def test_what_is_no_address_is_told_how_to_write_one(address: str | None) -> None:
    with pytest.raises(InputError, match="write it like tcp://"):
        place_of(address)


def test_an_oversized_request_is_refused_here_and_cut_off_there(place: Place) -> None:
    with opened(place, "stem") as drivers:
        stem: Any = drivers["stem"]
        with pytest.raises(InputError, match="larger than 1 MB"):
            stem.link.ask("call", ["stem", "status", ["x" * LARGEST_REQUEST]])
        with raw(place) as client:
            client.send(b"x" * (LARGEST_REQUEST + 1))
            assert client.hear(0.2) is None
        assert stem.status().beam_blanked


def test_garbage_on_the_ports_harms_nobody(place: Place) -> None:
    with opened(place, "stem") as drivers, raw(place) as stranger:
        for port in range(place.port, place.port + 3):
            for sent in (b"GET / HTTP/1.0\r\n\r\n", bytes(300), b"\xff" * 64):
                with socket.create_connection((place.host, port)) as plain:
                    plain.sendall(sent)
        stranger.send(b"")
        stranger.send(*[b"x"] * 500)
        stranger.send(msgpack.packb([VERSION, "call", b"0" * 16, 1, [], []]))
        said = [stranger.hear() for _ in range(3)]
        assert [reply.kind for reply in said if reply] == ["refused"] * 3, said
        assert drivers["stem"].identity().simulated


def test_an_error_of_a_driver_is_raised_as_it_was(place: Place) -> None:
    with opened(place, "stem") as drivers:
        stem: Any = drivers["stem"]
        with pytest.raises(LimitError, match="stem"):
            stem.shift_scan(1.0, 0.0)


def test_an_action_for_which_nobody_asks_on_is_closed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.network.work.IDLE", 0.2)
    with opened(place, "stem") as drivers:
        stem: Any = drivers["stem"]
        action = stem.spectrum(AREA, 100e-12, 5.0)
        next(action)
        began = wall_seconds()
        while not stem.status().beam_blanked and wall_seconds() - began < 5:
            wait_a_moment(0.05)
        with pytest.raises(LinkError, match="nobody asked for the rest of it"):
            next(action)


def test_a_defect_of_a_driver_leaves_it_safe_and_is_told() -> None:
    log: list[str] = []
    broken = replace(LAB.instruments[0].spec, open=Broken)
    lab = replace(LAB, instruments=(replace(LAB.instruments[0], spec=broken),))
    with served(lab, log=log) as place, opened(place, "stem") as drivers:
        stem: Any = drivers["stem"]
        action = stem.spectrum(AREA, 100e-12, 5.0)
        next(action)
        with pytest.raises(DriverError, match="a defect on the instrument's computer: ZeroDiv"):
            stem.electrons()
        assert stem.status().beam_blanked
    assert any("Traceback" in line for line in log)


def test_two_drivers_of_a_lab_share_one_connection() -> None:
    lab: Lab = simulated_lab({"fib": {"start_cold": True}, "cryo": {}})
    with served(lab) as place, opened(place, "fib", "cryo") as drivers:
        fib: Any = drivers["fib"]
        cryo: Any = drivers["cryo"]
        assert fib.link is cryo.link
        cryo.cool(100.0)
        assert cryo.status().setpoint == 100.0


def test_a_lab_file_may_not_set_limits_that_another_computer_keeps(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(
        "instruments:\n  stem:\n    driver: remote\n    address: tcp://127.0.0.1:5555\n"
        "    limits: {probe_current_max: 1 nA}\n"
    )
    with pytest.raises(InputError, match=r"lab.yaml:5: .*own computer.*remove them here"):
        load_lab(path)


def test_an_address_without_a_driver_is_told_which_may_be_meant(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text("instruments: {stem: {address: 'tcp://192.168.0.5:5555'}}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"lab.yaml:1: instruments.stem: .*driver: remote"):
        load_lab(file)


def test_a_folder_is_served_from_once(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text("instruments: {stem: {driver: simulated-stem}}\n", encoding="utf-8")
    with lease(tmp_path):
        done = CliRunner().invoke(main, ["serve", str(file), "--folder", str(tmp_path)])
    assert done.exit_code == 2
    assert "does another `liftline serve` run? Stop that one, or write another" in done.output


def test_an_instrument_that_a_run_uses_is_not_served(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    entry = "{driver: methodscript, address: socket://127.0.0.1:1}"
    file.write_text(f"instruments: {{potentiostat: {entry}}}\n", encoding="utf-8")
    with claims(load_lab(file), "tonight's cell"):
        done = CliRunner().invoke(main, ["serve", str(file), "--folder", str(tmp_path / "served")])
    assert done.exit_code == 2
    assert "is held by tonight's cell" in done.output


def test_limits_come_from_the_served_lab(place: Place) -> None:
    from drivers.lab import met

    lab = met(remote_lab(place, "stem"))
    assert lab.instruments[0].limits == LAB.instruments[0].limits
    assert lab.simulated


def test_a_wait_longer_than_one_request_may_ask_for_is_waited_in_parts(place: Place) -> None:
    lab = met(remote_lab(place, "stem"))
    clock = make_clock("served", told=lab.time)
    with open_lab(lab, clock=clock):
        before = clock.now()
        clock.sleep(3 * LONGEST_SLEEP + 1.0)
        assert clock.now() - before == pytest.approx(3 * LONGEST_SLEEP + 1.0)
