"""`ordain versions`: registered models, their versions, and what was done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.console import number, print_json, print_table
from ordain.cli.options import Home, Json, Registry
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.store.registry import AuditLine, ModelVersion
    from ordain.store.registry import Registry as OpenRegistry


def versions(
    name: Annotated[
        str | None,
        typer.Argument(help="The model, or one version as churn/3; without it, all models."),
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="List what was done to the model, and by whom.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Only versions that were trained on these rows: a fingerprint, or its start.",
            metavar="FINGERPRINT",
        ),
    ] = None,
    note: Annotated[
        str, typer.Option("--note", help="With --remove: why; kept in the audit.")
    ] = "",
    registry: Registry = None,
    home: Home = None,
    *,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove", help="Remove the version, as churn/3, with its bundle, if nothing uses it."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """List the versions of a model, newest first: aliases, run, metrics, when, by whom, gates."""
    from ordain.store.registry import open_registry, parse

    if remove or note:
        _remove(name, note, is_asked=remove and not (audit or data), home=home, registry=registry,
                json=json)  # fmt: skip
        return
    opened = open_registry(home, registry)
    if data is not None:
        if audit:
            raise UsageError("--audit and --data are two questions\n  Fix: leave one of them out")
        _list_trained_on(opened, data, name=name, json=json)
    elif name is None:
        if audit:
            raise UsageError("--audit is of one model\n  Fix: ordain versions NAME --audit")
        _list_models(opened, json=json)
    elif (reference := parse(name)) is not None and not audit:
        _show_version(opened.find(reference), json=json)
    elif audit:
        _list_audit(opened.audit(name), json=json)
    else:
        _list_versions(opened.versions(name), json=json)


def _remove(
    name: str | None,
    note: str,
    *,
    is_asked: bool,
    home: str | None,
    registry: str | None,
    json: bool,
) -> None:
    from ordain.serving.rollout.removing import remove_version
    from ordain.store.registry import parse

    reference = parse(name) if name else None
    if not is_asked or reference is None:
        raise UsageError(
            "--remove is of one version, and --note goes with it\n"
            "  Fix: ordain versions NAME/VERSION --remove --note WHY"
        )
    line = remove_version(str(reference), note=note, home=home, registry=registry)
    if json:
        print_json(line.to_json())
        return
    typer.echo(f"removed {line.name}/{line.version}")


def _show_version(found: ModelVersion, *, json: bool) -> None:
    if json:
        print_json(found.to_json())
        return
    from ordain.cli.judged import show_gates
    from ordain.cli.register import show_version

    show_version(found)
    show_gates(found.gates or (), title="gates, as its run judged them")


def _list_models(opened: OpenRegistry, *, json: bool) -> None:
    found = {name: opened.versions(name) for name in opened.models()}
    if json:
        print_json(
            {
                "models": [
                    {
                        "name": name,
                        "versions": len(known),
                        "newest": known[0].version,
                        "aliases": {alias: one.version for one in known for alias in one.aliases},
                    }
                    for name, known in found.items()
                ]
            }
        )
        return
    if not found:
        typer.echo(f"Nothing is registered at {opened.place}. Begin with `ordain register RUN`.")
        return
    rows = [
        [name, known[0].version, len(known), _aliases(known), _day(known[0].when)]
        for name, known in found.items()
    ]
    print_table(["model", "newest", "versions", "aliases", "registered"], rows)


def _list_trained_on(opened: OpenRegistry, data: str, *, name: str | None, json: bool) -> None:
    """List the versions whose rows have a fingerprint, of one model or of all."""
    if not data:
        raise UsageError("--data needs a fingerprint: `ordain versions NAME --json` has them")
    names = opened.models() if name is None else [name]
    found = [one for each in names for one in opened.versions(each)
             if one.lineage.data.startswith(data)]  # fmt: skip
    if not found and not json:
        typer.echo(f"No version was trained on rows with the fingerprint {data}.")
        return
    _list_versions(found, json=json)


def _list_versions(found: list[ModelVersion], *, json: bool) -> None:
    if json:
        print_json({"versions": [one.to_json() for one in found]})
        return
    columns = ["version", "aliases", "metric", "value", "gates", "registered (UTC)", "by", "note"]
    rows = [_row(one) for one in found]
    print_table(*_without_empty(columns, rows))
    typer.echo(f"run, data and gates of one: ordain versions {found[0].reference}")


def _row(one: ModelVersion) -> list[Any]:
    from ordain.pipeline.register import gates_in_words, headline_of

    first = headline_of(one)
    value = "-" if first is None or first.value is None else number(first.value)
    if first is not None and first.low is not None and first.high is not None:
        value += f" ({number(first.low)} to {number(first.high)})"
    return [
        one.reference,
        ", ".join(one.aliases),
        "-" if first is None else f"{first.output}.{first.metric}",
        value,
        gates_in_words(one),
        _day(one.when),
        one.by,
        _short(one.note),
    ]


def _without_empty(columns: list[str], rows: list[list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return a table without the columns that say nothing in any row, the first one aside."""
    kept = [at for at in range(len(columns)) if not at or any(row[at] != "" for row in rows)]
    return [columns[at] for at in kept], [[row[at] for at in kept] for row in rows]


def _list_audit(lines: list[AuditLine], *, json: bool) -> None:
    if json:
        print_json({"audit": [line.to_json() for line in lines]})
        return
    from ordain.store.registry.version import moment

    rows = [
        [
            moment(line.at).replace("T", " ").removesuffix("Z"),
            line.action + (" (forced)" if line.is_forced else ""),
            "-" if line.version is None else f"{line.name}/{line.version}",
            line.alias or "-",
            "-" if line.previous is None else f"{line.name}/{line.previous}",
            line.by,
            line.why,
            "" if line.is_done else "did not come to be",
        ]
        for line in lines
    ]
    columns = ["when (UTC)", "what", "version", "alias", "before", "by", "why", ""]
    print_table(*_without_empty(columns, rows))
    for line in lines:
        for failed in line.failed:
            typer.echo(f"{line.name}/{line.version} as `{line.alias}` was forced: {failed}")


def _aliases(known: list[ModelVersion]) -> str:
    held = {alias: one.version for one in known for alias in one.aliases}
    return ", ".join(f"{alias} {version}" for alias, version in sorted(held.items()))


def _day(when: str) -> str:
    return when.replace("T", " ").removesuffix("Z")[:16]


def _short(note: str, *, most: int = 40) -> str:
    return note if len(note) <= most else f"{note[: most - 3]}..."
