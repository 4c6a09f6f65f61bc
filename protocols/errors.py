"""The root of every error that liftline raises on purpose, and the errors of written files.

The whole tree is drawn at the top of `drivers/errors.py`.
"""

from __future__ import annotations


class LiftlineError(Exception):
    """Something a person can act on: the message says what happened and what to do now."""

    exit_code = 2


class InputError(LiftlineError):
    """What was asked for is wrong; nothing has moved."""


class ProtocolFileError(InputError):
    """A written file is wrong. Each line of the message reads `file:line: field: message`."""
