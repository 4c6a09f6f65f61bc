from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq
from click.testing import CliRunner

from acquire.cli import main
from drivers.clock import wait_a_moment
from drivers.errors import InputError, LinkError, ReadbackError
from drivers.lab import simulated_lab
from drivers.network.handshake import Secured
from drivers.network.keys import Keyring
from drivers.network.ports import Place
from drivers.network.serving import Counter, serve
from drivers.network.view import Sight
from drivers.network.watching import watch
from tests.drivers.network.served import opened, served, soon
from tests.simulators.stems import AREA

LAB = simulated_lab({"stem": {}})


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    """Keys of a server and of a client on one computer; the client's is authorised."""
    monkeypatch.setattr("drivers.network.keys.keys_folder", lambda: tmp_path / "keys")
    monkeypatch.setattr("drivers.network.link.CONNECT", 2.0)
    ring = Keyring()
    ring.make("server")
    ring.authorise("bench", ring.make("me"))
    return ring


@pytest.fixture
def log() -> list[str]:
    """What the server says."""
    return []


@pytest.fixture
def place(ring: Keyring, log: list[str]) -> Iterator[Place]:
    """A microscope that is served with keys."""
    with served(LAB, keyring=ring, log=log) as place:
        yield place


def keys(ring: Keyring, name: str = "me", server: str = "server") -> dict[str, str]:
    return {"key": name, "server_key": ring.own()[server]}


def told(log: list[str], text: str) -> bool:
    return soon(lambda: any(text in line for line in log))


def test_with_its_key_a_client_is_let_in(place: Place, ring: Keyring) -> None:
    with opened(place, "stem", **keys(ring)) as drivers:
        assert drivers["stem"].identity().simulated


def test_a_controller_with_a_key_is_heard_for_longer_than_the_dead_man_waits(
    ring: Keyring, log: list[str]
) -> None:
    with (
        served(replace(LAB, dead_man=0.6), keyring=ring, log=log) as place,
        opened(place, "stem", **keys(ring)) as drivers,
    ):
        wait_a_moment(1.5)
        assert drivers["stem"].identity().simulated
    assert not any("was not heard" in line for line in log)


def test_a_viewer_with_a_key_is_shown_what_goes_on(place: Place, ring: Keyring) -> None:
    seen = next(watch(place, Secured(ring.key("me"), ring.own()["server"])))
    assert isinstance(seen, Sight)
    assert seen.name == LAB.name


def test_a_key_that_is_not_authorised_is_refused_and_logged(
    place: Place, ring: Keyring, log: list[str]
) -> None:
    stranger = ring.make("stranger")
    with pytest.raises(InputError, match=r"not authorised there.*liftline keys authorise"):
        opened(place, "stem", **keys(ring, "stranger")).__enter__()
    assert told(log, f"refused the key {stranger}")


def test_a_wrong_server_key_is_refused_and_logged(
    place: Place, ring: Keyring, log: list[str]
) -> None:
    ring.make("another")
    with pytest.raises((InputError, LinkError), match="key"):
        opened(place, "stem", **keys(ring, server="another")).__enter__()
    assert told(log, "refused a connection")


def test_without_a_key_nobody_is_let_in_and_it_is_logged(
    place: Place, log: list[str], ring: Keyring
) -> None:
    with pytest.raises((InputError, LinkError), match="keys"):
        opened(place, "stem").__enter__()
    assert told(log, "refused a connection")


def test_a_revoked_key_is_refused_and_logged(place: Place, ring: Keyring, log: list[str]) -> None:
    with opened(place, "stem", **keys(ring)):
        pass
    ring.revoke("bench")
    with pytest.raises(InputError, match="not authorised"):
        opened(place, "stem", **keys(ring)).__enter__()
    assert told(log, "it may have been revoked")


def test_a_controller_whose_key_is_revoked_is_cut_off_and_its_action_closed(
    place: Place, ring: Keyring, log: list[str]
) -> None:
    lab = opened(place, "stem", **keys(ring))
    stem: Any = lab.__enter__()["stem"]
    action = stem.spectrum(AREA, 100e-12, 3e3)
    next(action)
    ring.revoke("bench")
    assert told(log, "stem.spectrum")
    with pytest.raises(LinkError, match="was revoked"):
        next(action)
    with pytest.raises(LinkError):
        stem.status()
    with pytest.raises(ReadbackError, match="perhaps not safe"):
        lab.__exit__(None, None, None)


def test_another_computer_is_served_and_reached_with_keys_only(ring: Keyring) -> None:
    counter = Counter(LAB, Place("0.0.0.0", 23_456))
    with pytest.raises(InputError, match="liftline keys make server"):
        serve(counter, say=print, stop=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="with keys only"):
        opened(Place("192.0.2.1", 5555), "stem").__enter__()


def test_secret_keys_are_readable_by_their_owner_only(ring: Keyring) -> None:
    secret = ring.folder / "me.key_secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    secret.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        ring.key("me")


def test_keys_are_made_once_listed_authorised_and_revoked(ring: Keyring) -> None:
    with pytest.raises(InputError, match="choose another name"):
        ring.make("me")
    assert set(ring.own()) == {"me", "server"}
    assert ring.authorised() == {ring.own()["me"]: "bench"}
    with pytest.raises(InputError, match="is authorised already"):
        ring.authorise("bench", ring.own()["me"])
    with pytest.raises(InputError, match="not a public key"):
        ring.authorise("other", "short")
    ring.revoke("bench")
    assert ring.authorised() == {}
    with pytest.raises(InputError, match="no key of 'bench' is authorised"):
        ring.revoke("bench")
    with pytest.raises(InputError, match="cannot name a key"):
        ring.make("../up")
    with pytest.raises(InputError, match="liftline keys make nobody"):
        ring.key("nobody")
    assert zmq.has("curve")


def test_a_key_that_is_left_out_is_asked_for(ring: Keyring) -> None:
    ring.revoke("bench")
    done = CliRunner().invoke(main, ["keys", "authorise", "desk"], input=ring.own()["me"] + "\n")
    assert done.exit_code == 0, done.output
    assert ring.authorised() == {ring.own()["me"]: "desk"}


def test_keys_are_listed_for_machines(ring: Keyring) -> None:
    told = json.loads(CliRunner().invoke(main, ["keys", "list", "--json"]).output)
    assert told == {"own": ring.own(), "authorised": {"bench": ring.own()["me"]}}
