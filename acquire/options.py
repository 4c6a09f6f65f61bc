"""What commands of the command line share: options, how they exit, which lab they mean."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocols.errors import LiftlineError

if TYPE_CHECKING:
    from drivers.lab import Lab

OUT = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder in which each run makes its own.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
LAB = click.option(
    "--lab",
    "lab_file",
    type=click.Path(path_type=Path),
    help="Lab file: instruments, addresses, limits. Left out: built-in simulators.",
)


def command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Exit with the code that the command returns, or that its error carries."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            code = function(*args, **kwargs)
        except LiftlineError as error:
            click.echo(str(error), err=True)
            code = error.exit_code
        sys.exit(code or 0)

    return run


def lab_wanted(lab_file: Path | None, roles: tuple[str, ...], dry: bool, real_time: bool) -> Lab:
    """Return the lab of a file, or the built-in simulated one that has the roles."""
    from drivers.lab import dry as swap
    from drivers.lab import simulated_lab
    from drivers.lab_file import load_lab

    if lab_file is None:
        return simulated_lab({role: {} for role in roles}, "real" if real_time else "jumping")
    lab = load_lab(lab_file)
    return swap(lab) if dry else lab
