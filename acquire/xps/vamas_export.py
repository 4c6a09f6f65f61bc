"""A depth profile as a VAMAS file (ISO 14976) that CasaXPS and others open.

Blocks stand region inside cycle, with the etch time as the experimental variable, over kinetic
energy; counts of all sweeps of a cycle together, and the analyser's transmission where it is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from acquire.files import whole
from acquire.hspy import NOTES, provenance
from acquire.record import RunRecord
from acquire.xps.profile_data import Floats, ProfileData, RegionStack, read_profile
from drivers.errors import InputError
from drivers.vamas.content import Block, Label, Ordinate, VamasFile, evenly
from drivers.vamas.kratos import KratosScan, kratos_comment
from drivers.vamas.write import write_vamas
from protocols.xps import SURVEY

NOT_SPECIFIED = "Not Specified"


def export_vamas(folder: Path) -> list[Path]:
    """Write each depth profile of the run in `folder` and return the paths.

    Raises:
        InputError: the run has none with a spectrum.
    """
    with RunRecord(folder) as record:
        paths = list(_written(record))
    if not paths:
        raise InputError(
            f"{folder.name} has no spectrum of a depth profile; --to vamas is of those, --to hspy "
            "of all that was measured"
        )
    return paths


def _written(record: RunRecord) -> Iterator[Path]:
    for step in record.steps():
        if step.kind != "depth_profile" or (data := read_profile(record, step)) is None:
            continue
        path = record.folder / "data" / f"{step.index:02d}-depth-profile.vms"
        with whole(path) as part:
            write_vamas(part, vamas_of(data, record.meta))
        yield path


def vamas_of(data: ProfileData, meta: Mapping[str, str]) -> VamasFile:
    """Return a depth profile as a VAMAS file.

    Args:
        data: what was measured.
        meta: the run's facts, from `RunRecord.meta`.
    """
    identity = data.identity
    return VamasFile(
        institute=NOT_SPECIFIED,
        instrument=f"{identity.make} {identity.model}" if identity else NOT_SPECIFIED,
        operator=NOT_SPECIFIED,
        experiment=data.step.name or meta.get("name", "depth profile"),
        comment=tuple(_comment(data, meta)),
        mode="NORM",
        variables=(Label("Etch Time", "s"),),
        blocks=tuple(_blocks(data, meta)),
        regions=len(data.regions),
    )


def _comment(data: ProfileData, meta: Mapping[str, str]) -> Iterator[str]:
    """Yield where the counts come from, what wrote them, and with which ions was etched."""
    yield NOTES[provenance(data.identity, meta)]
    yield f"Written by liftline {meta.get('version', '')}; protocol {meta.get('name', '')}"
    yield "Binding energies are photon energy less kinetic energy, not corrected for charging"
    if data.identity is None or not data.identity.recorded:
        etch = data.step.etch
        yield (
            f"Etched with {etch.ion} of {etch.energy:g} eV, {etch.current * 1e6:g} uA over "
            f"{etch.raster_width * 1e3:g} x {etch.raster_height * 1e3:g} mm"
        )


def _blocks(data: ProfileData, meta: Mapping[str, str]) -> Iterator[Block]:
    for cycle in range(len(data.etch_times)):
        for line, stack in data.regions.items():
            if stack.sweeps[cycle]:
                yield _block(data, line, stack, cycle, meta)


def _block(
    data: ProfileData, line: str, stack: RegionStack, cycle: int, meta: Mapping[str, str]
) -> Block:
    setup = data.setup
    start = round(setup.photon_energy - stack.start, 6)
    taken = datetime.fromisoformat(str(data.utc[cycle])) if data.utc[cycle] else None
    species, _, transition = ("Survey", "", "") if line == SURVEY else line.partition(" ")
    points = stack.counts.shape[1]
    width, height = (each * 1e6 or None for each in (setup.spot_width, setup.spot_height))
    return Block(
        name=species if line == SURVEY else line,
        sample=data.step.name or meta.get("name", ""),
        taken=taken,
        comment=kratos_comment(_scan(data, line, cycle, taken, meta)),
        technique="XPS",
        variables=(float(data.etch_times[cycle]),),
        source=setup.anode.partition(" ")[0],
        source_energy=setup.photon_energy,
        species=species,
        transition=transition,
        abscissa=Label("kinetic energy", "eV"),
        points=evenly(start, stack.step, points),
        start=start,
        step=stack.step,
        ordinates=tuple(_ordinates(data, stack, cycle)),
        dwell=stack.dwell,
        scans=int(stack.sweeps[cycle]),
        pass_energy=_pass_energy(data, line),
        work_function=setup.work_function or None,
        analysis_width=(width, height),
        take_off_polar=math.degrees(setup.take_off_angle),
        take_off_azimuth=0.0,
    )


def _ordinates(data: ProfileData, stack: RegionStack, cycle: int) -> Iterator[Ordinate]:
    yield Ordinate("counts", "d", stack.counts[cycle].astype(np.float64))
    passed = _transmission(data, stack)
    if passed is not None:
        yield Ordinate("Transmission", "d", passed)


def _transmission(data: ProfileData, stack: RegionStack) -> Floats | None:
    """Return the transmission at each channel, measured or by its law; None where unknown."""
    if stack.transmission is not None:
        return stack.transmission
    exponent = data.setup.transmission_exponent
    if exponent is None:
        return None
    kinetic = data.setup.photon_energy - stack.energies
    passed: Floats = (kinetic / 1000.0) ** exponent  # relative to that at 1000 eV
    return passed


def _pass_energy(data: ProfileData, line: str) -> float:
    return next(each.pass_energy for each in data.step.all_regions if each.line == line)


def _scan(
    data: ProfileData, line: str, cycle: int, taken: datetime | None, meta: Mapping[str, str]
) -> KratosScan:
    stack, photon = data.regions[line], data.setup.photon_energy
    origin = provenance(data.identity, meta)
    suffix = "" if origin == "MEASURED" else f" ({origin})"
    return KratosScan(
        made_by=f"liftline {meta.get('version', '')}{suffix}",
        taken=taken,
        sample=data.step.name or meta.get("name", ""),
        tilt=math.degrees(data.setup.take_off_angle),
        neutraliser=data.step.neutraliser,
        monochromatic="mono" in data.setup.anode.lower(),
        anode=data.setup.anode.partition(" ")[0],
        pass_energy=_pass_energy(data, line),
        line=line,
        start=photon - float(stack.energies[0]),
        stop=photon - float(stack.energies[-1]),
        step=stack.step,
        points=stack.counts.shape[1],
        dwell=stack.dwell,
        sweeps=int(stack.sweeps[cycle]),
    )
