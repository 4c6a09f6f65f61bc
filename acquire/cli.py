"""The command line. Each command parses, calls one function and exits with its code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acquire.network_commands import keys, serve, watch
from acquire.options import JSON, LAB, OUT, command, lab_wanted
from acquire.torture.command import torture

if TYPE_CHECKING:
    from acquire.launch import RunEnd
    from acquire.terminal import Terminal


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="liftline")
def main() -> None:
    """Run written protocols on instruments or simulators; lose nothing, repeat nothing.

    Exit codes: 0 ended as the protocol foresees, 1 stopped early, 2 wrong input, 3 instrument
    fault, 4 the run waits for an answer.
    """


def _tell_how_to_go_on(end: RunEnd, view: dict[str, Any], terminal: Terminal) -> None:
    for question in view["questions"]:
        if question["answer"] is None:
            choices = " | ".join(question["choices"])
            terminal.say(f"answer with: liftline answer {end.folder} {choices}")
    if end.state != "finished":
        terminal.say(f"go on with:  liftline resume {end.folder}")


def _told_end(end: RunEnd, terminal: Terminal, as_json: bool) -> int:
    from acquire.record import RunRecord
    from acquire.show import as_json as to_json
    from acquire.show import show, told

    with RunRecord(end.folder) as record:
        view = show(record)
    if as_json:
        click.echo(to_json(view))
    else:
        terminal.say(told(view, live=True))
        terminal.say(f"run folder: {end.folder}")
        _tell_how_to_go_on(end, view, terminal)
    return end.exit_code


@main.command()
@click.argument("protocol")
@LAB
@click.option("--dry", is_flag=True, help="Swap every instrument of the lab for its simulator.")
@click.option("--specimen", help="Specimen file, or the name of one that comes with liftline.")
@click.option("--cell", help="Cell file, or the name of one that comes with liftline.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulators.")
@click.option("--real-time", is_flag=True, help="Let simulators take as long as instruments.")
@OUT
@JSON
@command
def run(
    protocol: str,
    lab_file: Path | None,
    dry: bool,
    specimen: str | None,
    cell: str | None,
    seed: int,
    real_time: bool,
    out: Path,
    as_json: bool,
) -> int:
    """Run PROTOCOL: a file, or a published one such as joule2020/eds-line."""
    from acquire.launch import begin_run
    from acquire.procedures import roles_of
    from acquire.share import Desk
    from acquire.terminal import Terminal
    from protocols.loader import load_protocol

    loaded = load_protocol(protocol)
    lab = lab_wanted(lab_file, roles_of(loaded.steps), dry, real_time)
    for setting, value in (("specimen", specimen), ("cell", cell)):
        for chosen in lab.instruments:
            if value is not None and setting in chosen.spec.settings.model_fields:
                lab = lab.with_settings(chosen.role, **{setting: value})
    with Terminal(quiet=as_json) as terminal:
        end = begin_run(loaded, lab, out, seed=seed, desk=Desk(terminal, terminal.prompt))
    return _told_end(end, terminal, as_json)


@main.command()
@click.argument("run_name", metavar="RUN")
@OUT
@JSON
@command
def resume(run_name: str, out: Path, as_json: bool) -> int:
    """Go on with RUN: after a pause, Ctrl-C, a crash, a power cut, or an answer."""
    from acquire.folders import find_run
    from acquire.launch import resume_run
    from acquire.lease import is_held
    from acquire.operator import Command, send
    from acquire.record import RunRecord
    from acquire.share import Desk
    from acquire.terminal import Terminal

    folder = find_run(run_name, out)
    with RunRecord(folder) as record:
        state, paused = record.state, record.paused
    if state == "running" and paused and is_held(folder):
        send(folder, Command("resume", "another terminal"))
        click.echo(f"{folder.name}: told to go on")
        return 0
    if state == "finished":
        click.echo(f"{folder.name} is finished; nothing is left to do")
        return 0
    with Terminal(quiet=as_json) as terminal:
        end = resume_run(folder, desk=Desk(terminal, terminal.prompt))
    return _told_end(end, terminal, as_json)


@main.command()
@click.argument("protocol")
@LAB
@JSON
@command
def check(protocol: str, lab_file: Path | None, as_json: bool) -> int:
    """Say what PROTOCOL will do, how long it takes and what it spends; nothing moves."""
    import json

    from acquire.check import plan, told
    from acquire.procedures import roles_of
    from drivers.lab import met
    from protocols.loader import load_protocol

    loaded = load_protocol(protocol)
    lab = lab_wanted(lab_file, roles_of(loaded.steps), dry=False, real_time=False)
    made = plan(loaded, met(lab))
    click.echo(json.dumps(made.as_dict(), indent=1) if as_json else told(made))
    for refusal in made.refusals:
        click.echo(refusal, err=True)
    return 2 if made.refusals else 0


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("protocol")
@click.option("--line", help="x0,y0,x1,y1 in pixels of the recording, from its upper left.")
@click.option("--strip", type=click.IntRange(1), help="Pixels across the line that are summed.")
@click.option("--etch-per-cycle", help="Such as 60s, for a depth profile that stores no etch time.")
@OUT
@JSON
@command
def replay(
    file: Path,
    protocol: str,
    line: str | None,
    strip: int | None,
    etch_per_cycle: str | None,
    out: Path,
    as_json: bool,
) -> int:
    """Stream the recording FILE through PROTOCOL's procedure and analysis, as if live."""
    from acquire.launch import begin_run
    from acquire.replay import fitted, origin, parse_etch_time, parse_line, recorded_lab
    from acquire.share import Desk
    from acquire.terminal import Terminal
    from protocols.loader import load_protocol

    lab = recorded_lab(file, None if etch_per_cycle is None else parse_etch_time(etch_per_cycle))
    drawn = None if line is None else parse_line(line)
    loaded = fitted(load_protocol(protocol), lab, drawn, strip)
    with Terminal(quiet=as_json) as terminal:
        desk = Desk(terminal, terminal.prompt)
        end = begin_run(loaded, lab, out, seed=0, desk=desk, origin=origin(file, lab))
    return _told_end(end, terminal, as_json)


@main.command()
@click.argument("run_name", metavar="RUN")
@OUT
@JSON
@command
def show(run_name: str, out: Path, as_json: bool) -> int:
    """Show RUN: state, flags, results, budgets, gaps, questions. `last` is the newest."""
    from acquire.folders import find_run
    from acquire.record import RunRecord
    from acquire.show import as_json as to_json
    from acquire.show import show as view
    from acquire.show import told

    with RunRecord(find_run(run_name, out)) as record:
        seen = view(record)
    click.echo(to_json(seen) if as_json else told(seen))
    return 0


@main.command()
@click.argument("run_name", metavar="RUN")
@OUT
@command
def report(run_name: str, out: Path) -> int:
    """Write RUN's report, one plain HTML page, and print where it is."""
    from acquire.folders import find_run
    from acquire.pages.report import write_report

    click.echo(write_report(find_run(run_name, out)))
    return 0


@main.command()
@click.argument("run_name", metavar="RUN")
@click.option(
    "--to",
    "form",
    type=click.Choice(["hspy", "vamas", "bdf", "bdf-parquet", "documents"]),
    default="hspy",
    show_default=True,
    help="hspy: all that was measured, for HyperSpy; vamas: depth profiles, for CasaXPS; bdf: "
    "cells, battery data format, as CSV or Parquet; documents: Bluesky's event-model, JSON lines.",
)
@OUT
@command
def export(run_name: str, form: str, out: Path) -> int:
    """Write RUN's data files anew from its journal, and print where they are."""
    from acquire.folders import find_run
    from acquire.views import export as write

    for path in write(find_run(run_name, out), form):
        click.echo(path)
    return 0


def _say(verb: str, run_name: str, out: Path) -> int:
    from acquire.folders import find_run
    from acquire.lease import is_held
    from acquire.operator import Command, send
    from drivers.errors import InputError

    folder = find_run(run_name, out)
    if not is_held(folder):
        raise InputError(f"{folder.name} is not running; see: liftline show {folder}")
    send(folder, Command(verb, "another terminal"))
    click.echo(f"{folder.name}: told to {verb}")
    return 0


@main.command()
@click.argument("run_name", metavar="RUN")
@OUT
@command
def pause(run_name: str, out: Path) -> int:
    """Pause RUN, beams off; `liftline resume RUN` goes on."""
    return _say("pause", run_name, out)


@main.command()
@click.argument("run_name", metavar="RUN")
@OUT
@command
def stop(run_name: str, out: Path) -> int:
    """Stop RUN at once, safe; `liftline resume RUN` goes on later."""
    return _say("stop", run_name, out)


@main.command()
@click.argument("run_name", metavar="RUN")
@OUT
@command
def skip(run_name: str, out: Path) -> int:
    """Skip the rest of RUN's present step."""
    return _say("skip", run_name, out)


@main.command()
@click.argument("run_name", metavar="RUN")
@click.argument("words", nargs=-1, required=True, metavar="[QUESTION] CHOICE")
@OUT
@command
def answer(run_name: str, words: tuple[str, ...], out: Path) -> int:
    """Answer an open question of RUN; its number may be left out if it is the only one."""
    from acquire.answers import answer as give
    from acquire.folders import find_run

    click.echo(give(find_run(run_name, out), words))
    return 0


@main.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("nights"),
    show_default=True,
    help="Folder in which each night has its own, by the plan's name.",
)
@click.option("--look", "only_look", is_flag=True, help="Tell how the night is; touch nothing.")
@JSON
@command
def night(plan: Path, out: Path, only_look: bool, as_json: bool) -> int:
    """Cycle the cells of PLAN side by side, unattended; the same command goes on after a reboot."""
    from acquire.night.begin import go, look

    if only_look:
        return look(plan, out, as_json=as_json)
    return go(plan, out, say=(lambda text: None) if as_json else click.echo, as_json=as_json)


@main.command()
@command
def drivers() -> int:
    """List the installed drivers."""
    from drivers.lab import known_drivers

    for name, spec in sorted(known_drivers().items()):
        kind = " (simulator)" if spec.simulated else ""
        click.echo(f"{name}: {spec.role or 'any'}{kind}: {spec.summary}")
    return 0


@main.command()
@command
def schema() -> int:
    """Print the JSON Schema of protocol files, for completion in an editor."""
    import json

    from protocols.protocol import json_schema

    click.echo(json.dumps(json_schema(), indent=1, ensure_ascii=False))
    return 0


@main.command()
@OUT
@command
def doctor(out: Path) -> int:
    """Look whether this installation is fit to run an instrument."""
    from acquire.doctor import examine

    found = list(examine(out))
    for finding in found:
        click.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.text}")
    return 0 if all(finding.ok for finding in found) else 2


for each in (serve, keys, watch, torture):
    main.add_command(each)


if __name__ == "__main__":
    main()
