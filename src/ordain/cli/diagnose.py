"""`ordain diagnose`: what holds a run's model back, and what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.console import number, print_json, print_table, seconds, size
from ordain.cli.options import Home, Json
from ordain.cli.progress import progress

if TYPE_CHECKING:
    from ordain.evaluation.diagnosis.record import Diagnosis, OutputDiagnosis

N_DAMAGES = 6
N_INPUTS = 12


def diagnose(
    run: Annotated[str, typer.Argument(help="A run.", metavar="RUN")],
    budget: Annotated[
        float, typer.Option("--budget", min=1, help="Seconds to spend.", metavar="SECONDS")
    ] = 60.0,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="The rows, where they have moved.", metavar="DATA"),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Say what holds a run's model back, and write config patches that may help.

    Divides the error into bias, variance, shift and noise; measures what more rows would bring,
    how the model ages, what damaged rows cost and what each input costs and brings. Ctrl-C keeps
    what is done.
    """
    from ordain.pipeline.diagnose import diagnose as run_diagnose

    with progress(quiet=json) as listener:
        found = run_diagnose(
            run,
            budget=budget,
            data=dataset,
            home=home,
            listeners=(listener,),
            handle_interrupt=True,
        )
    if json:
        print_json(found.to_json())
        return
    for one in found.outputs.values():
        _show(one)
    _show_findings(found)
    for note in found.notes:
        typer.echo(f"note: {note}")
    if found.left_out:
        typer.echo(
            f"Left out for want of time ({seconds(found.seconds)}): {len(found.left_out)} steps, "
            f"such as {found.left_out[0]}. Give more with --budget."
        )


def _show(one: OutputDiagnosis) -> None:
    rows = [
        [gap.part, f"{gap.before} -> {gap.after}", gap.size, _between(gap.interval),
         "yes" if gap.is_real else "", gap.note]
        for gap in one.split.gaps
    ]  # fmt: skip
    values = ", ".join(f"{name} {number(value)}" for name, value in one.split.values.items())
    print_table(
        ["part", "from -> to", "worse by", "95% interval", "real", ""],
        rows,
        title=f"{one.output}: where {one.metric} is lost ({values})",
    )
    if one.growth is not None and one.growth.points:
        print_table(
            ["training rows", "seed", one.metric],
            [[point.n_rows, point.seed, point.value] for point in one.growth.points],
            title=f"{one.output}: learning curve",
        )
    if one.staleness is not None and one.staleness.windows:
        print_table(
            ["learned from", "to", "rows", "days old", one.metric],
            [[w.start, w.end, w.n_rows, w.age_days, w.value] for w in one.staleness.windows],
            title=f"{one.output}: on the newest rows, by `{one.staleness.column}`",
        )
    if one.robustness is not None:
        print_table(
            ["damage", "worse by", "95% interval", "verdict", ""],
            [
                [damage.name, damage.drop, _between(damage.interval),
                 damage.verdict if damage.drop is not None else "", damage.note]
                for damage in one.robustness.damages[:N_DAMAGES]
            ],
            title=f"{one.output}: damaged rows",
        )  # fmt: skip
    if one.upkeep:
        print_table(
            ["input", "encode, us a row", "bytes a row", "share of importance", "useless"],
            [
                [cost.input, cost.microseconds, size(cost.n_bytes), cost.share,
                 "yes" if cost.is_useless else ""]
                for cost in one.upkeep[:N_INPUTS]
            ],
            title=f"{one.output}: what inputs cost and bring, the least worth first",
        )  # fmt: skip


def _show_findings(found: Diagnosis) -> None:
    typer.echo("")
    for finding in found.findings:
        typer.echo(f"{'!' if finding.is_problem else '-'} {finding.text}")
        for patch in finding.patches:
            typer.echo(f"    try: {patch.title}; {patch.expected}")
            typer.echo(f"    {patch.measured}")
            for line in found.diffs.get(patch.name, "").splitlines()[2:]:
                typer.echo(f"      {line}")
            typer.echo(f"    ordain apply-patch CONFIG {found.patches[patch.name]}")


def _between(interval: Any) -> str:
    return "" if interval is None else f"{number(interval.low)} to {number(interval.high)}"
