"""What every instrument of a session has, whatever its role."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from acquire.session.live import LiveSession

D = TypeVar("D")


class Instrument(Generic[D]):
    """One instrument of a session; it is connected when it is first used."""

    def __init__(self, role: str, use: Callable[[], LiveSession]) -> None:
        """Made by the session; `use` begins its record when it is first called."""
        self.role = role
        self._use = use

    @property
    def _live(self) -> LiveSession:
        return self._use()

    @property
    def _driver(self) -> D:
        return cast("D", self._live.driver(self.role))

    def do(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Do a method of the driver with its own arguments, as `identity` or `image`.

        For instruments and methods that have no plain call here.

        Raises:
            AttributeError: the driver has no such method.
        """
        return self._live.do(getattr(self._driver, method), *args, **kwargs)

    @property
    def readings(self) -> list[Any]:
        """The readings of the newest call, as they came: spectra so far, samples of a hold."""
        return self._live.readings

    def stop(self, by: str) -> None:
        """End what goes on now, safe, from another thread; nothing happens where nothing does."""
        self._live.stop(by)

    def utc(self) -> datetime:
        """Return the lab's date and time, which is virtual where simulators hurry."""
        return self._live.opened.clock.utc()

    def safe(self) -> None:
        """Leave the instrument safe: beams blanked, cell open, gun off. May be repeated."""
        self._live.safe(self.role)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.role}>"
