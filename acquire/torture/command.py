"""`liftline torture`: the crash and fault campaign on a protocol and lab file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acquire.options import JSON, LAB, command, lab_wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acquire.torture.campaign import Tally
    from acquire.torture.course import Course

FAMILIES = ("crash", "tail", "kill", "network", "mixed")


@click.command()
@click.argument("protocol")
@LAB
@click.option("--runs", type=click.IntRange(1), default=100, show_default=True, help="Tries.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of simulators and troubles.")
@click.option("--family", "families", multiple=True, type=click.Choice(FAMILIES), help="Only that.")
@click.option("--every-boundary", "every", is_flag=True, help="Crash at each one of the journal.")
@click.option("--to-the-end", "whole", is_flag=True, help="Go to the run's end after each crash.")
@click.option("--only", metavar="TRY", help="Repeat one try, such as 'mixed 17', to its end.")
@click.option("--answer", help="Given to questions that have this choice; the safe one to others.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("torture"),
    show_default=True,
    help="Folder for the runs; those in which nothing broke are removed.",
)
@JSON
@command
def torture(
    protocol: str,
    lab_file: Path | None,
    runs: int,
    seed: int,
    families: tuple[str, ...],
    every: bool,
    whole: bool,
    only: str | None,
    answer: str | None,
    out: Path,
    as_json: bool,
) -> int:
    """Torture PROTOCOL in simulation: crashes and faults; exit code 1 if anything broke."""
    import shutil
    import tempfile

    from acquire.procedures import roles_of
    from acquire.terminal import Terminal
    from acquire.torture.campaign import Campaign, parse_try
    from acquire.torture.course import survey
    from acquire.torture.people import Rule
    from protocols.loader import load_protocol

    one = None if only is None else parse_try(only)
    loaded = load_protocol(protocol)
    lab = lab_wanted(lab_file, roles_of(loaded.steps), dry=True, real_time=False)
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="torture-", dir=out))
    with Terminal(quiet=as_json) as terminal:
        course = survey(loaded, lab, seed, Rule(answer), folder / "course")
        tries = _tries(course, runs, families, every, one)
        whole = whole or one is not None
        tally = Campaign(course, folder, terminal.progress).go(tries, whole=whole)
    words = [protocol, *(["--lab", str(lab_file)] if lab_file else []), "--seed", str(seed)]
    words += ["--answer", answer] if answer else []
    _tell(course, tally, words, as_json=as_json)
    if not tally.broken:
        shutil.rmtree(folder, ignore_errors=True)
    elif not as_json:
        click.echo(f"folders of what broke: {folder}")
    return 1 if tally.broken else 0


def _tell(course: Course, tally: Tally, words: list[str], *, as_json: bool) -> None:
    import json

    from acquire.torture.told import as_dict, told

    if as_json:
        click.echo(json.dumps(as_dict(course, tally, words), indent=1))
    else:
        click.echo("\n".join(told(course, tally, words)))


def _tries(
    course: Course,
    runs: int,
    families: tuple[str, ...],
    every: bool,
    one: tuple[str, int] | None,
) -> Mapping[str, Sequence[int]]:
    """Return the numbers of the tries of each family; of `one` alone where there is one."""
    from acquire.torture.campaign import check_try, chosen, counts

    if one is not None:
        family, number = one
        check_try(course, family, number)
        return {family: [number]}
    tries = {
        family: chosen(course, family, count)
        for family, count in counts(course, runs, families or FAMILIES).items()
    }
    if every:
        tries["crash"] = chosen(course, "crash", len(course.boundaries))
    return tries
