"""Which interlocks hold for which action of a FIB and its cold stage; what is not here is refused.

Source: reference sheet fib-and-tem.md section 6. Retracting needle and gas injector ask for least:
they are the way out of other refusals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acquire.fib import beam_rules as beam
from acquire.fib import chamber_rules as chamber
from acquire.fib import motion_rules as motion
from acquire.gate import Rule

SPECIMEN: tuple[Rule, ...] = (chamber.pumped, chamber.gas_out)
BEAM: tuple[Rule, ...] = (*SPECIMEN, chamber.at_rest, chamber.blanked)
IONS: tuple[Rule, ...] = (*BEAM, chamber.ion_beam_on, chamber.electrons_blanked)
MOVE: tuple[Rule, ...] = (chamber.not_milling, chamber.blanked_throughout)
NEEDLE: tuple[Rule, ...] = (
    motion.only_in_a_lift_out,
    *SPECIMEN,
    *MOVE,
    chamber.stage_at_rest,
    chamber.homed,
    chamber.needle_at_rest_to_begin,
)

RULES: Mapping[str, Sequence[Rule]] = {
    "fib.ion_image": (
        beam.image_sane,
        *IONS,
        chamber.not_milling,
        beam.imaging_current,
        beam.ion_current_as_asked,
        chamber.cold(chamber.stage_cold, chamber.shield_colder, chamber.nitrogen),
    ),
    "fib.electron_image": (
        beam.image_sane,
        *BEAM,
        chamber.electron_beam_on,
        chamber.ions_blanked,
        chamber.not_milling,
    ),
    "fib.mill": (
        beam.milling,
        *IONS,
        chamber.homed,
        chamber.milling_idle,
        beam.ion_current_as_asked,
        chamber.cold(
            chamber.stage_cold,
            chamber.stage_in_window,
            chamber.stage_steady,
            chamber.shield_colder,
            chamber.needle_cold_if_in,
            chamber.nitrogen,
        ),
    ),
    "fib.move_stage": (
        motion.stage_target_sane,
        motion.stage_in_range,
        motion.clear_of_pole_piece,
        motion.needle_out_of_the_way,
        *SPECIMEN,
        *MOVE,
        chamber.homed,
        chamber.at_rest_to_begin,
    ),
    "fib.insert_needle": (
        motion.nothing_on_needle,
        *NEEDLE,
        chamber.cold(chamber.shield_colder, chamber.nitrogen),
    ),
    "fib.retract_needle": (
        motion.nothing_on_needle,
        chamber.gas_out,
        *MOVE,
        chamber.stage_at_rest,
        chamber.needle_at_rest_to_begin,
    ),
    "fib.move_needle": (
        motion.needle_inserted,
        motion.needle_free,
        motion.needle_in_reach,
        motion.above_the_surface,
        motion.needle_step,
        *NEEDLE,
        chamber.cold(chamber.needle_cold, chamber.shield_colder, chamber.nitrogen),
    ),
    "fib.insert_gis": (
        motion.needle_out,
        motion.warm_enough_for_gas,
        chamber.pumped,
        *MOVE,
        chamber.at_rest,
    ),
    "fib.retract_gis": (chamber.at_rest,),
    "cryo.cool": (
        motion.setpoint_sane,
        chamber.pumped,
        chamber.gas_out,
        chamber.cold(chamber.nitrogen),
    ),
}
