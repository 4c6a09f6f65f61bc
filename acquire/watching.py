"""`liftline watch`: what a served lab does, as text, and its newest picture as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from acquire.files import whole
from acquire.pictures import write_ome_tiff
from drivers.errors import InputError
from drivers.network.handshake import Secured
from drivers.network.keys import Keyring
from drivers.network.ports import place_of
from drivers.network.view import Sight
from drivers.network.watching import watch

UNITS = {
    **{"temperature": "K", "setpoint": "K", "slope": "K/s", "pressure": "Pa"},
    **{"voltage": "V", "current": "A", "set": "A", "emission": "A"},
    **{"x": "m", "y": "m", "z": "m", "r": "rad", "t": "rad", "hold": "s", "age": "s", "used": "m³"},
}
"""Units of readings by how their names end."""


def watch_lab(
    address: str,
    key: str | None,
    server_key: str | None,
    picture: Path | None,
    *,
    once: bool,
    say: Callable[[str], None],
    as_json: bool = False,
) -> None:
    """Tell what a served lab does whenever that changes; until Ctrl-C, or once.

    Args:
        address: where it is served.
        key: name of this computer's key; None for a plain connection.
        server_key: public key of the server.
        picture: file for the newest picture; with `once`, it is waited for.
        once: tell once and return.
        say: prints.
        as_json: tell a JSON object in each line instead of words.

    Raises:
        LinkError: nothing came.
        InputError: a key is missing.
    """
    if (key is None) != (server_key is None):
        raise InputError("--key and --server-key go together; give both")
    secured = Secured(Keyring().key(key), server_key) if key and server_key else None
    told, waits = "", picture is not None
    try:
        for seen in watch(place_of(address), secured):
            if isinstance(seen, Sight):
                text = _json(asdict(seen)) if as_json else told_sight(seen)
                if text != told:
                    say(text)
                told = text
            elif picture is not None:
                role, pixels, size = seen
                with whole(picture) as part:
                    write_ome_tiff(part, role, pixels, (size, size))
                words = f"picture of {role}: {picture}"
                say(_json({"picture": str(picture), "role": role}) if as_json else words)
                waits = False
            if once and told and not waits:
                return
    except KeyboardInterrupt:
        return


def _json(told: dict[str, Any]) -> str:
    return to_json(told, inf_nan_mode="null").decode()


def told_sight(seen: Sight) -> str:
    """Return what is seen, for a person."""
    who = f"controlled by {seen.controller} since {seen.since_utc[:19]} UTC"
    lines = [f"{seen.name}: {who if seen.controller else 'nobody controls it'}"]
    for role, (method, _, since, readings) in sorted(seen.doing.items()):
        lines.append(f"  {role}.{method} since {since[11:19]} UTC, {readings} readings")
    for role, state in sorted(seen.states.items()):
        lines.append(f"  {role}: {', '.join(_told(name, v) for name, v in state.items())}")
    return "\n".join(lines)


def _told(name: str, value: Any) -> str:
    said = name.replace("_", " ")
    if isinstance(value, bool):
        return f"{said} {'yes' if value else 'no'}"
    if isinstance(value, (int, float)):
        unit = UNITS.get(name.rsplit("_", 1)[-1], "")
        return f"{said} {value:.4g} {unit}".rstrip()
    if isinstance(value, dict):
        return f"{said} ({', '.join(_told(inner, v) for inner, v in value.items())})"
    return f"{said} {'unknown' if value is None else value}"
