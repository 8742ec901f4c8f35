"""`ordain evaluate`: judge a bundle on other rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ordain.cli.bundles import bundle_of
from ordain.cli.console import print_json
from ordain.cli.options import Home, Json, Junit, Markdown


def evaluate(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle folder, a run, or a version as churn@champion.", metavar="BUNDLE"
        ),
    ],
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="Rows with the targets.", metavar="DATA")
    ],
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the report as HTML.", metavar="FILE")
    ] = None,
    junit: Junit = None,
    markdown: Markdown = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Judge a trained model on new rows that hold the targets; exit code 3 if a gate fails."""
    from ordain.cli.judged import (
        GATE_EXIT,
        gate_lines,
        show_findings,
        show_gates,
        show_scenarios,
        write_summaries,
    )
    from ordain.pipeline.evaluate import evaluate as run_evaluate

    judged = run_evaluate(bundle_of(bundle, home), dataset)
    if report is not None:
        judged.write_report(report)
    write_summaries(judged.summary, junit=junit, markdown=markdown)
    if json:
        print_json(judged.to_json())
    else:
        show_findings(judged.findings, judged.judgements)
        show_gates(judged.gates)
        show_gates(judged.findings.limits, title="limits of `satisfy`")
        show_scenarios(judged.findings.scenarios)
        if report is not None:
            typer.echo(f"report  {report}")
        for note in judged.warnings:
            typer.echo(f"warning: {note}", err=True)
    if not judged.is_passed:
        for line in gate_lines(judged.gates):
            typer.echo(line, err=True)
        raise typer.Exit(GATE_EXIT)
