"""Doing it: runs and their journal, procedures, interlocks, inline analysis, storage, pages."""


def __getattr__(name: str) -> str:
    """Give HyperSpy the version that it writes beside a signal of ours; looked up when asked for.

    Raises:
        AttributeError: it is another attribute.
    """
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("liftline")
