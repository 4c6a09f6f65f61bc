"""Commands for instruments on other computers: serve, keys, watch."""

from __future__ import annotations

from pathlib import Path

import click

from acquire.options import JSON, command


@click.command()
@click.argument("lab_file", metavar="LAB", type=click.Path(path_type=Path))
@click.option(
    "--address",
    default="tcp://127.0.0.1:5555",
    show_default=True,
    help="Where; tcp://*:5555 for all networks of this computer. The two ports after it are used "
    "too.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("served"),
    show_default=True,
    help="Where it keeps what it must remember, its log, and the worlds of simulators.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulators.")
@click.option("--keys", "keyed", is_flag=True, help="Want keys on this computer's own address too.")
@command
def serve(lab_file: Path, address: str, folder: Path, seed: int, keyed: bool) -> int:
    """Serve the instruments of LAB to other computers, until Ctrl-C; one of them controls."""
    from acquire.serving import serve_until_stopped

    serve_until_stopped(lab_file, address, folder, seed=seed, keyed=keyed, say=click.echo)
    return 0


@click.group()
def keys() -> None:
    """Make, list, authorise and revoke the keys with which computers know each other."""


@keys.command()
@click.argument("name")
@command
def make(name: str) -> int:
    """Make the key NAME of this computer; a served lab uses the one named server."""
    from drivers.network.keys import Keyring

    ring = Keyring()
    click.echo(f"{name}: {ring.make(name)}")
    click.echo(f"its secret half is in {ring.folder} and stays there; give others the line above")
    return 0


@keys.command("list")
@JSON
@command
def list_keys(as_json: bool) -> int:
    """List this computer's keys, and those that may use what it serves."""
    import json

    from drivers.network.keys import Keyring

    ring = Keyring()
    if as_json:
        authorised = {name: public for public, name in ring.authorised().items()}
        click.echo(json.dumps({"own": dict(ring.own()), "authorised": authorised}, indent=1))
        return 0
    click.echo(f"keys of this computer ({ring.folder}):")
    for name, public in sorted(ring.own().items()):
        click.echo(f"  {name}: {public}")
    click.echo("may use what this computer serves:")
    for public, name in sorted(ring.authorised().items(), key=lambda each: each[1]):
        click.echo(f"  {name}: {public}")
    return 0


@keys.command()
@click.argument("name")
@click.argument("public_key", required=False)
@command
def authorise(name: str, public_key: str | None) -> int:
    """Let the computer with PUBLIC_KEY use what is served here, under the name NAME.

    Left out, the key is asked for: a shell may take signs in it for its own.
    """
    from drivers.network.keys import Keyring

    public_key = public_key or click.prompt("its public key", type=str)
    Keyring().authorise(name, public_key)
    click.echo(f"{name} may use what this computer serves")
    return 0


@keys.command()
@click.argument("name")
@command
def revoke(name: str) -> int:
    """Let NAME in no more; who is connected with that key is cut off within two seconds."""
    from drivers.network.keys import Keyring

    Keyring().revoke(name)
    click.echo(f"{name} is let in no more")
    return 0


@click.command()
@click.argument("address")
@click.option("--key", help="Name of this computer's key, where the lab is served with keys.")
@click.option("--server-key", help="Public key of the server, where the lab is served with keys.")
@click.option("--picture", type=click.Path(path_type=Path), help="File for the newest picture.")
@click.option("--once", is_flag=True, help="Tell once, and leave.")
@JSON
@command
def watch(
    address: str,
    key: str | None,
    server_key: str | None,
    picture: Path | None,
    once: bool,
    as_json: bool,
) -> int:
    """Watch the lab that is served at ADDRESS: who controls it, what runs, its states."""
    from acquire.watching import watch_lab

    watch_lab(address, key, server_key, picture, once=once, say=click.echo, as_json=as_json)
    return 0
