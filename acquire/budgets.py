"""Budgets: what a step may spend, counted with the worst case while an action runs.

A dose has a place. It counts where exposures overlap, so the peak is looked for on a grid inside
the new rectangle and at the centres of earlier ones that lie in it. A place that a step has given
up on purpose does not count against a larger exposure that only takes it in, such as an image; one
that is no larger is refused there as anywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from drivers.action import Spend
from drivers.errors import BudgetError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GRID = 5
"""Points per side of the grid on which a new rectangle is checked."""
TOLERANCE = 1e-6
"""Share of a rectangle left out at its rim, so that neighbours that touch do not overlap; and the
share by which a limit may be exceeded by rounding."""


class _Places:
    """Rectangles with an amount each; finds the largest sum that overlap anywhere."""

    def __init__(self) -> None:
        import numpy as np

        self._rows: npt.NDArray[np.float64] = np.zeros((64, 7))
        self._count = 0

    def add(self, spend: Spend) -> int:
        """Add a rectangle and return its number."""
        import numpy as np

        assert spend.place is not None
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._count] = (*spend.place, spend.amount, spend.given_up)
        self._count += 1
        return self._count - 1

    def change(self, number: int, amount: float) -> None:
        """Set the amount of a rectangle."""
        self._rows[number, 5] = amount

    def peak(self, spend: Spend) -> float:
        """Return the largest amount anywhere in the spend's rectangle, itself included."""
        import numpy as np

        if self._count == 0:
            return spend.amount
        assert spend.place is not None
        x, y, along, across, angle = spend.place
        rows = self._near(x, y, np.hypot(along, across))
        side = (np.arange(GRID) + 0.5) / GRID - 0.5
        u, v = (axis.ravel() for axis in np.meshgrid(side * along, side * across))
        cos, sin = np.cos(angle), np.sin(angle)
        points = np.stack([x + u * cos - v * sin, y + u * sin + v * cos], axis=1)
        rows = rows[(rows[:, 6] == 0) | (rows[:, 2] * rows[:, 3] >= along * across)]
        own = np.array([[x, y, along, across, angle, 1.0]])
        centres = rows[:, :2][_sum_at(rows[:, :2], own) > 0]
        points = np.concatenate([points, centres])
        return spend.amount + float(_sum_at(points, rows).max(initial=0.0))

    def _near(self, x: float, y: float, reach: float) -> npt.NDArray[np.float64]:
        import numpy as np

        rows = self._rows[: self._count]
        far = np.hypot(rows[:, 0] - x, rows[:, 1] - y)
        return rows[far <= (np.hypot(rows[:, 2], rows[:, 3]) + reach) / 2]

    def largest(self, *, given_up: bool) -> float:
        """Return the largest amount anywhere, or anywhere but in places that are given up."""
        import numpy as np

        rows = self._rows[: self._count]
        rows = rows if given_up else rows[rows[:, 6] == 0]
        if not len(rows):
            return 0.0
        parts = np.array_split(rows, len(rows) // 64 + 1)
        return max(float(_sum_at(_inside(part), rows).max()) for part in parts)


def _inside(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return five places in each rectangle, the centre and a quarter off it, shape (5 n, 2)."""
    import numpy as np

    x, y, along, across, angle = rows.T[:5]
    cos, sin = np.cos(angle), np.sin(angle)
    places = [
        (x + u * along * cos - v * across * sin, y + u * along * sin + v * across * cos)
        for u, v in ((0, 0), (0.25, 0), (-0.25, 0), (0, 0.25), (0, -0.25))
    ]
    return np.concatenate([np.stack(place, axis=1) for place in places])


def _sum_at(
    points: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return for each point, shape (n, 2), the sum of the amounts of the rectangles it lies in."""
    import numpy as np

    dx = points[:, :1] - rows[:, 0]
    dy = points[:, 1:2] - rows[:, 1]
    cos, sin = np.cos(rows[:, 4]), np.sin(rows[:, 4])
    rim = 0.5 * (1 - TOLERANCE)
    inside = (np.abs(dx * cos + dy * sin) <= rows[:, 2] * rim) & (
        np.abs(dy * cos - dx * sin) <= rows[:, 3] * rim
    )
    result: npt.NDArray[np.float64] = inside @ rows[:, 5]
    return result


class Budgets:
    """What a run has spent and reserved, and what the present step may spend."""

    def __init__(self) -> None:
        """Begin with nothing spent and nothing allowed."""
        self._limits: Mapping[str, float] = {}
        self._given_up = False
        self._totals: dict[str, float] = defaultdict(float)
        self._places: dict[str, _Places] = {}
        self._numbers: dict[tuple[int, int], list[tuple[Spend, int | None]]] = {}

    def allow(self, limits: Mapping[str, float], *, given_up: bool = False) -> None:
        """Set what the present step may spend, by kind, and whether it gives its places up."""
        self._limits = dict(limits)
        self._given_up = given_up

    def reserve(self, key: tuple[int, int], spends: Sequence[Spend]) -> None:
        """Reserve the worst case of an attempt.

        Raises:
            BudgetError: it would exceed the step's limit, or the step has no such budget; nothing
                is reserved.
        """
        for spend in spends:
            limit = self._limits.get(spend.kind)
            if limit is None:
                raise BudgetError(f"this step has no budget for {spend.kind}; it may not spend any")
            before = self._after(spend)
            if before > limit * (1 + TOLERANCE):
                raise BudgetError(
                    f"{spend.kind}: this would make {before:.4g}, the limit is {limit:.4g}; "
                    f"raise that limit, or spread it (wider strip or field, coarser pitch, "
                    f"shorter dwell)"
                )
        self.restore(key, spends)

    def restore(self, key: tuple[int, int], spends: Sequence[Spend]) -> None:
        """Count what an earlier session reserved or spent, whatever the limits are now."""
        numbers: list[tuple[Spend, int | None]] = []
        for spend in spends:
            if spend.place is None:
                self._totals[spend.kind] += spend.amount
                numbers.append((spend, None))
            else:
                places = self._places.setdefault(spend.kind, _Places())
                numbers.append((spend, places.add(spend)))
        self._numbers[key] = numbers

    def settle(self, key: tuple[int, int], spent: Sequence[Spend]) -> None:
        """Replace a reservation, or what was reckoned before, by what was read back."""
        before = self._numbers[key]
        self._numbers[key] = [
            (actual, number) for (_, number), actual in zip(before, spent, strict=True)
        ]
        for (reserved, number), actual in zip(before, spent, strict=True):
            if number is None:
                self._totals[reserved.kind] += actual.amount - reserved.amount
            else:
                self._places[reserved.kind].change(number, actual.amount)

    def exceeded(self, key: tuple[int, int], spent: Sequence[Spend]) -> str | None:
        """Return a sentence if an attempt has spent more than it reserved, else None."""
        for (reserved, _), actual in zip(self._numbers[key], spent, strict=True):
            if actual.amount > reserved.amount * 1.01 + 1e-12:
                return f"{actual.kind}: {actual.amount:.4g} spent, {reserved.amount:.4g} reserved"
        return None

    def _after(self, spend: Spend) -> float:
        if spend.place is None:
            return self._totals[spend.kind] + spend.amount
        places = self._places.get(spend.kind)
        return spend.amount if places is None else places.peak(spend)

    def summary(self) -> dict[str, dict[str, float | None]]:
        """Return for each kind the limit and the spent amount; for a dose, the largest anywhere.

        Places that were given up count in the steps that give places up.
        """
        doses = {k: each.largest(given_up=self._given_up) for k, each in self._places.items()}
        spent = {**self._totals, **doses}
        kinds = sorted({*self._limits, *spent})
        return {
            kind: {"limit": self._limits.get(kind), "spent": spent.get(kind, 0.0)} for kind in kinds
        }


def spend_row(spend: Spend) -> list[Any]:
    """Return a spend as the journal keeps it."""
    return [spend.kind, spend.amount, spend.place, *([True] if spend.given_up else [])]


def spend_of(row: Sequence[Any]) -> Spend:
    """Return the spend that a journal row holds."""
    kind, amount, place, *given_up = row
    return Spend(kind, amount, None if place is None else tuple(place), bool(given_up))
