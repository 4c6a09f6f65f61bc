"""What all our `.hspy` files share: how they are written, and what they say of their origin.

Written by RosettaSciIO alone: importing HyperSpy with exspy would cost the run 15 s of CPU.
What HyperSpy's metadata have no place for stands in `original_metadata.liftline`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from drivers.lab import Identity

COMPRESSION = 1
"""gzip level: counts are mostly zeros, more effort gains little."""
CHUNK = 32
"""Positions in one chunk: a reader that loads lazily decompresses these together."""

Tree = dict[str, Any]


def write_signal(path: Path, signal: Tree) -> None:
    """Write a signal as a `.hspy` file; an existing one is overwritten."""
    from rsciio.hspy import file_writer

    *places, channels = signal["data"].shape
    chunks = (*(1 for _ in places[:-1]), min(CHUNK, places[-1]), channels)
    file_writer(str(path), signal, chunks=chunks, compression_opts=COMPRESSION)


def tree(
    data: Any, axes: Sequence[Tree], metadata: Tree, original: Tree, package: tuple[str, str]
) -> Tree:
    """Return a signal in the form that RosettaSciIO writes.

    Args:
        data: the array, places first.
        axes: of `data`.
        metadata: HyperSpy's.
        original: what `original_metadata.liftline` says.
        package: name and version of the one that has the signal's class.
    """
    folding = {
        "unfolded": False,
        "signal_unfolded": False,
        "original_shape": None,
        "original_axes_manager": None,
    }
    return {
        "data": data,
        "axes": list(axes),
        "metadata": {**metadata, "_HyperSpy": {"Folding": folding}},
        "original_metadata": {"liftline": original},
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "models": {},
        "package_info": {"package": package[0], "package_version": package[1]},
        "tmp_parameters": {},
    }


def tidy(value: float) -> float:
    """Return the value without the last digits that a change of unit leaves behind."""
    return float(f"{value:.12g}")


def provenance(identity: Identity | None, meta: Mapping[str, str]) -> str:
    """Return where the counts come from, a key of `NOTES`."""
    recorded = identity is not None and identity.recorded
    simulated = identity.simulated if identity else meta.get("simulated") == "true"
    if recorded:
        return "RECORDED SIMULATION" if simulated else "RECORDED"
    return "SIMULATED" if simulated else "MEASURED"


NOTES = {
    "SIMULATED": "SIMULATED: these counts were computed by a simulator, no specimen was measured.",
    "RECORDED": "RECORDED: counts of an earlier recording, played again through liftline.",
    "RECORDED SIMULATION": "RECORDED SIMULATION: counts that a simulator had computed, played "
    "again through liftline; no specimen was measured.",
    "MEASURED": "Measured by liftline.",
}


def general(title: str, origin: str, note: str, began: str | None) -> Tree:
    """Return `metadata.General`.

    Args:
        title: of the signal, without its origin.
        origin: a key of `NOTES`.
        note: what else the reader should know of the data.
        began: when the first of it was measured, ISO 8601.
    """
    stamp = {}
    if began:
        when = datetime.fromisoformat(began)
        stamp = {"date": when.date().isoformat(), "time": f"{when:%H:%M:%S}", "time_zone": "UTC"}
    suffix = "" if origin == "MEASURED" else f" ({origin})"
    return {"title": f"{title}{suffix}", "notes": f"{NOTES[origin]} {note}", **stamp}


def of_the_run(step: int, identity: Identity | None, meta: Mapping[str, str]) -> Tree:
    """Return what `original_metadata.liftline` says of the run: step, protocol, origin, seed."""
    origin = provenance(identity, meta)
    return {
        "made_by": f"liftline {meta.get('version', '')}".strip(),
        "origin": "SIMULATED" if "SIMUL" in origin else origin,  # of the counts, however often
        "replayed": origin.startswith("RECORDED"),
        "protocol": meta.get("name", ""),
        "step": step,
        "seed": meta.get("seed", ""),
        "serial": "" if identity is None else identity.serial,
    }
