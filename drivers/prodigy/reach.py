"""What the analyser can be asked for, refused before anything is scanned."""

from __future__ import annotations

from drivers.errors import LimitError
from drivers.prodigy.codec import words
from drivers.prodigy.refusals import RefusalError
from drivers.prodigy.session import Session
from drivers.prodigy.settings import ProdigySettings
from protocols.errors import InputError
from protocols.xps import Region

ENUMERATIONS_SINCE = (1, 8)
"""Protocol version with GetSpectrumParameterInfo."""
SMALLEST_KINETIC = 10.0
"""eV; below it an analyser's transmission means nothing. Ours, to verify."""


def check_region(region: Region, lowest: float, settings: ProdigySettings) -> None:
    """Refuse what the analyser cannot scan; `lowest` is the kinetic energy of the first channel.

    Raises:
        LimitError: what, and what it can.
    """
    reasons = []
    if lowest < SMALLEST_KINETIC:
        reasons.append(
            f"start {region.start:g} eV leaves {lowest:g} eV of kinetic energy, below "
            f"{SMALLEST_KINETIC:g} eV; lower start"
        )
    if region.step < settings.smallest_step * (1 - 1e-9):
        reasons.append(f"step {region.step:g} eV is finer than {settings.smallest_step:g} eV")
    shortest, longest = settings.dwell_min, settings.dwell_max
    if not shortest <= region.dwell <= longest:
        reasons.append(f"dwell {region.dwell:g} s is not in {shortest:g} .. {longest:g} s")
    if settings.pass_energies and region.pass_energy not in settings.pass_energies:
        listed = ", ".join(f"{energy:g}" for energy in settings.pass_energies)
        reasons.append(f"pass_energy {region.pass_energy:g} eV is none of {listed} eV")
    if reasons:
        raise LimitError(f"prodigy: {region.line}: {'; '.join(reasons)}")


def check_modes(session: Session, settings: ProdigySettings) -> None:
    """Refuse a lens mode or scan range that Prodigy does not have.

    Raises:
        InputError: which it has.
    """
    if session.version < ENUMERATIONS_SINCE:
        return
    for name, setting in (("LensMode", "lens_mode"), ("ScanRange", "scan_range")):
        try:
            known = session.ask(
                "GetSpectrumParameterInfo",
                {"ParameterName": name},
                lambda values: words(values, "Values"),
            )
        except RefusalError:
            continue  # it is checked when a region is validated
        wanted = getattr(settings, setting)
        if wanted not in known:
            raise InputError(
                f"prodigy: {setting} {wanted!r} is none of {', '.join(known)}; write one of them "
                f"under settings"
            )
