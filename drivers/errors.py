"""Every error that liftline raises on purpose.

    LiftlineError                   what happened, and what the person should do now
    ├── InputError                  exit 2: what was asked for is wrong; nothing has moved
    │   ├── ProtocolFileError       file:line: field: message
    │   ├── LimitError              an argument is outside what the instrument or lab allows
    │   ├── RecordingError          a recorded file cannot serve as an instrument
    │   │   └── CutOffError         it ends in the middle: perhaps it is still being written
    │   ├── RunFolderError          the folder of a run cannot be used
    │   │   └── RunInUseError       another process holds it
    │   └── ReplayMismatchError     the journal and the procedure differ
    ├── DriverError                 exit 3: an instrument did not do what it was asked
    │   ├── LinkError               no answer, a broken link, or an answer outside the grammar
    │   ├── InstrumentFaultError    the instrument reports a fault of its own
    │   └── ReadbackError           what was read back is not what was set
    ├── InterlockError              exit 3: the gate refused, or closed a running action
    │   └── OutOfDateError          what the action stands on must be looked at again first
    ├── BudgetError                 exit 1: the step would spend more than it may
    └── StorageError                exit 3: data cannot be written; nothing more is measured

`InputError` and `ProtocolFileError` live in `protocols/errors.py`, which may know nobody.
"""

from __future__ import annotations

from typing import Any

from protocols.errors import InputError, LiftlineError, ProtocolFileError


class LimitError(InputError):
    """An argument is outside what the instrument or the lab allows; nothing was applied."""


class RecordingError(InputError):
    """A recorded file cannot serve as an instrument: truncated, uncalibrated or of another kind."""


class CutOffError(RecordingError):
    """A recorded file ends in the middle: whoever makes it may still be writing."""


class RunFolderError(InputError):
    """The folder of a run cannot be written, read or trusted; nothing was touched."""


class RunInUseError(RunFolderError):
    """Another process holds the run folder."""


class ReplayMismatchError(InputError):
    """The journal and the procedure differ; the run cannot be continued with this procedure."""


class DriverError(LiftlineError):
    """An instrument did not do what it was asked to do."""

    exit_code = 3


class LinkError(DriverError):
    """No answer, a broken link, or an answer outside the grammar."""


class InstrumentFaultError(DriverError):
    """The instrument reports a fault of its own."""


class ReadbackError(DriverError):
    """What was read back is not what was set."""


class InterlockError(LiftlineError):
    """The gate refused an action before it began, or closed it while it ran."""

    exit_code = 3


class OutOfDateError(InterlockError):
    """The gate refused to begin an action: what it stands on was seen too long ago."""

    done: Any = None
    """Of an action that can go on with what is left: its result so far, as one that ends early."""


class BudgetError(LiftlineError):
    """The action would spend more than its step may."""

    exit_code = 1


class StorageError(LiftlineError):
    """Data cannot be written; nothing more is measured."""

    exit_code = 3


__all__ = [
    "BudgetError",
    "CutOffError",
    "DriverError",
    "InputError",
    "InstrumentFaultError",
    "InterlockError",
    "LiftlineError",
    "LimitError",
    "LinkError",
    "OutOfDateError",
    "ProtocolFileError",
    "ReadbackError",
    "RecordingError",
    "ReplayMismatchError",
    "RunFolderError",
    "RunInUseError",
    "StorageError",
]
