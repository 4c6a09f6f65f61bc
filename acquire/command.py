"""How a command ends: with the code that it returns, or that its error carries."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from protocols.errors import LiftlineError


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
