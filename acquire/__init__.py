"""Doing it: runs and their journal, procedures, interlocks, inline analysis, storage, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acquire.session.session import Session as Session
    from protocols.loader import load_protocol as load_protocol


def __getattr__(name: str) -> Any:
    """Give, when asked, `Session`, `load_protocol`, and the version that HyperSpy notes.

    HyperSpy loads this package to find our signals: it must not load a laboratory with them.

    Raises:
        AttributeError: it is another attribute.
    """
    if name == "Session":
        from acquire.session.session import Session

        return Session
    if name == "load_protocol":
        from protocols.loader import load_protocol

        return load_protocol
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("liftline")
