"""Reading lab files: which instruments, with which drivers, limits and clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from drivers.lab import DEAD_MAN, Chosen, Lab, spec_of
from protocols.model import Written, wrong
from protocols.units import Seconds
from protocols.written import WrittenFile, read_written


class InstrumentEntry(Written):
    """One instrument of the lab."""

    driver: str
    """Name of the driver; `liftline drivers` lists them."""
    address: str | None = None
    """Where the instrument is, as its driver wants it."""
    limits: dict[str, Any] = Field(default_factory=dict)
    """Limits that protect the instrument and the specimen; a protocol may only be stricter."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of the driver."""

    @model_validator(mode="before")
    @classmethod
    def _say_which_driver(cls, entry: object) -> object:
        if isinstance(entry, dict) and "driver" not in entry and _is_served(entry):
            raise wrong(
                "has no driver; add 'driver: remote' if `liftline serve` runs at its address"
            )
        return entry


def _is_served(entry: Mapping[str, object]) -> bool:
    return str(entry.get("address", "")).startswith("tcp://")


class LabFile(Written):
    """A lab: its instruments and its clock."""

    name: str = "lab"
    clock: Literal["real", "jumping", "served"] | Annotated[float, Field(gt=0)] = "real"
    """real; jumping, for simulators only; how many times faster than real; or served: that of the
    computer which serves the instruments."""
    storage_limit_mb: Annotated[float, Field(gt=0)] | None = None
    """Most that one run may write into its journal, in megabytes; left out, what the disk holds."""
    dead_man: Annotated[Seconds, Field(ge=0.5)] = DEAD_MAN
    """Where the lab is served: time without a sign of its controller after which what runs is
    closed."""
    instruments: Annotated[dict[str, InstrumentEntry], Field(min_length=1)]
    """Instruments by role: stem, fib, xps, potentiostat, cryo."""


def load_lab(path: Path, *, units: bool = True) -> Lab:
    """Load and check a lab file.

    Raises:
        ProtocolFileError: `file:line: field: message` for each mistake.
    """
    return lab_of(read_written(path), units=units)


def lab_of(written: WrittenFile, *, units: bool = True) -> Lab:
    """Return the lab that a file holds; `units=False` for one that `Lab.written` wrote."""
    lab = written.validate(TypeAdapter(LabFile), units=units)
    chosen = []
    for role, entry in lab.instruments.items():
        at = ("instruments", role)
        try:
            spec = spec_of(entry.driver)
        except ValueError as error:
            raise written.error((*at, "driver"), str(error)) from None
        if spec.role not in (role, None):
            raise written.error((*at, "driver"), f"{entry.driver} is a {spec.role}, not a {role}")
        begun = entry.limits if spec.meet else None
        if begun and units:
            raise written.error((*at, "limits"), _THERE)
        parts = {}
        for name, model in (("settings", spec.settings), ("limits", spec.limits)):
            inside = name in written.data["instruments"][role] and not (name == "limits" and begun)
            parts[name] = (
                written.validate(TypeAdapter(model), (*at, name), units=units)
                if inside
                else model()
            )
        chosen.append(
            Chosen(
                role,
                entry.driver,
                spec,
                entry.address,
                parts["settings"],
                parts["limits"],
                begun or None,
            )
        )
    _check_clock(written, lab.clock, chosen)
    return Lab(lab.name, lab.clock, tuple(chosen), lab.storage_limit_mb, lab.dead_man)


_THERE = (
    "the limits of this instrument are in the lab file on its own computer, where they hold for "
    "everyone; remove them here"
)


def _check_clock(written: WrittenFile, clock: str | float, chosen: Sequence[Chosen]) -> None:
    """Refuse a clock that does not fit the instruments.

    Raises:
        ProtocolFileError: it says which to write.
    """
    if clock == "served":
        if not all(one.spec.meet for one in chosen):
            raise written.error(
                ("clock",),
                "served is the clock of another computer, and some instruments are on this one; "
                "write clock: real",
            )
    elif clock != "real" and not all(c.spec.simulated or c.spec.recorded for c in chosen):
        raise written.error(("clock",), "only simulators can hurry; write clock: real")
