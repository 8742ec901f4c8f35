"""`ordain deploy`: what is served from now on, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Environment, Home, Json, Overrides, Registry
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.serving.rollout.actions import Plan
    from ordain.serving.rollout.applied import Applied
    from ordain.serving.rollout.folder import DeploymentFolder


def deploy(
    deployment: Annotated[
        str | None,
        typer.Argument(
            help="A document with a `deployment:`; with --rollback, --halt, --resume and --audit "
            "the name of a deployment, if there are several.",
            metavar="DEPLOYMENT",
        ),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what would change, and change nothing.")
    ] = False,
    rollback: Annotated[
        bool,
        typer.Option(
            "--rollback",
            help="Go back to what was served before; `auth` and `trust` stay as they are.",
        ),
    ] = False,
    to: Annotated[
        int | None, typer.Option("--to", help="With --rollback: the generation to go back to.")
    ] = None,
    halt: Annotated[
        str | None, typer.Option("--halt", help="Take a model's canary out.", metavar="MODEL")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", help="Give a halted canary its share back.", metavar="MODEL"),
    ] = None,
    audit: Annotated[bool, typer.Option("--audit", help="Show every change there was.")] = False,
    note: Annotated[str, typer.Option("--note", help="Why; kept in the audit.")] = "",
    override: Overrides = None,
    env: Environment = None,
    registry: Registry = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Apply a deployment; a server that runs takes it up within seconds.

    References are settled now: what is served are bundles by their digests. An alias is followed,
    so that promoting or rolling back a version in the registry changes what is served as well.
    """
    given = [name for name, value in _modes(rollback, halt, resume, audit) if value]
    if len(given) > 1 or (given and plan):
        raise UsageError(f"{' and '.join(given or ['--plan'])} exclude each other; give one")
    if to is not None and not rollback:
        raise UsageError("--to goes with --rollback")
    if audit:
        _show_audit(deployment, home, json=json)
    elif rollback:
        _roll_back(deployment, home, to=to, note=note, json=json)
    elif halt is not None or resume is not None:
        _change_canary(deployment, home, halt=halt, resume=resume, note=note, json=json)
    else:
        _deploy(
            deployment, home, registry, plan=plan, note=note, override=override, env=env, json=json
        )


def _modes(
    rollback: bool, halt: str | None, resume: str | None, audit: bool
) -> list[tuple[str, object]]:
    return [
        ("--rollback", rollback),
        ("--halt", halt is not None),
        ("--resume", resume is not None),
        ("--audit", audit),
    ]


def _deploy(
    document: str | None,
    home: str | None,
    registry: str | None,
    *,
    plan: bool,
    note: str,
    override: list[str] | None,
    env: str | None,
    json: bool,
) -> None:
    from ordain.config import Config
    from ordain.serving.rollout import actions
    from ordain.serving.rollout.actions import folder_of
    from ordain.store.home import home as work_folder

    if document is None:
        raise UsageError("no document is given\n  Fix: ordain deploy deployment.yaml")
    config = Config.load(document, overrides=override or (), environment=env)
    folder = work_folder(home)
    if plan:
        found = actions.plan(config, home=folder, uri=registry)
    else:
        found = actions.deploy(config, home=folder, uri=registry, why=note)
    if json:
        print_json(_plan_json(found, applied=not plan and bool(found.changes)))
        return
    _print_changes(found)
    name = found.after.name
    if not found.changes:
        assert found.before is not None, "a first deployment is a change"
        typer.echo(f"'{name}' is deployed as declared: generation {found.before.generation}")
    elif plan:
        n = len(found.changes)
        typer.echo(f"{n} change{'s' if n != 1 else ''}; apply with: ordain deploy {document}")
    else:
        typer.echo(f"'{name}' is deployed: generation {found.after.generation}")
        _tell_of_workers(folder_of(config, folder), document)
    _warn_of_halts(found.after)


def _roll_back(
    name: str | None, home: str | None, *, to: int | None, note: str, json: bool
) -> None:
    from ordain.serving.rollout.actions import roll_back
    from ordain.serving.rollout.folder import find_folder
    from ordain.store.home import home as work_folder

    found = roll_back(find_folder(work_folder(home), name), to=to, why=note)
    if json:
        print_json(_plan_json(found, applied=bool(found.changes)))
        return
    _print_changes(found)
    for block in found.kept:
        typer.echo(f"  `{block}` stays as it is: going back changes nothing of it")
    if not found.changes:
        typer.echo(f"'{found.after.name}' serves generation {found.after.restores} already")
        return
    typer.echo(
        f"'{found.after.name}' is back at generation {found.after.restores}, as generation "
        f"{found.after.generation}"
    )


def _change_canary(
    name: str | None,
    home: str | None,
    *,
    halt: str | None,
    resume: str | None,
    note: str,
    json: bool,
) -> None:
    from ordain.serving.rollout import actions
    from ordain.serving.rollout.folder import find_folder
    from ordain.store.home import home as work_folder

    folder = find_folder(work_folder(home), name)
    if halt is not None:
        done = actions.halt(folder, halt, test="by hand", reason=note or "halted by hand")
    else:
        done = actions.resume(folder, str(resume), why=note)
    model, verb = (halt, "halted") if halt is not None else (resume, "running")
    if json:
        print_json(
            {"deployment": folder.name, "model": model, "canary": verb, "changed": bool(done)}
        )
        return
    already = "" if done else " already"
    typer.echo(f"the canary of '{model}' is {verb}{already}")


def _show_audit(name: str | None, home: str | None, *, json: bool) -> None:
    from ordain.cli.status import when
    from ordain.serving.rollout.folder import find_folder
    from ordain.store.home import home as work_folder

    folder = find_folder(work_folder(home), name)
    lines = folder.audit()
    if json:
        print_json({"deployment": folder.name, "audit": lines})
        return
    rows = [
        [
            line["generation"],
            when(line["at"]),
            line["action"] if line["is_done"] else f"{line['action']} (never came)",
            line["by"],
            "\n".join([*line["changes"], *([f"why: {line['why']}"] if line["why"] else [])]),
        ]
        for line in lines
    ]
    print_table(["generation", "when", "action", "by", "changes"], rows)


def _print_changes(found: Plan) -> None:
    for change in found.changes:
        typer.echo(f"  {change}")
    waiting = [f"`{change.path}`" for change in found.changes if change.needs_start]
    if waiting and found.before is not None:
        typer.echo(
            f"warning: {', '.join(waiting)} of a server that runs stays as it was until it is "
            "started anew",
            err=True,
        )


def _tell_of_workers(folder: DeploymentFolder, document: str) -> None:
    """Say who takes up what was deployed."""
    from ordain.serving.rollout.folder import live_of

    workers = live_of(folder.snapshots())
    if not workers:
        typer.echo(f"no server runs; start one with: ordain serve {document}")
        return
    typer.echo(f"{len(workers)} worker{'s take' if len(workers) > 1 else ' takes'} it up now")


def _warn_of_halts(applied: Applied) -> None:
    for name, model in applied.models.items():
        if model.halted:
            typer.echo(
                f"warning: the canary of '{name}' was halted ({model.halted.test}) and stays so; "
                f"ordain deploy --resume {name} gives it its share back",
                err=True,
            )


def _plan_json(found: Plan, *, applied: bool) -> dict[str, object]:
    return {
        "deployment": found.after.name,
        "generation": found.after.generation
        if applied or found.before is None
        else found.before.generation,
        "applied": applied,
        "changes": [change.to_json() for change in found.changes],
        "kept": list(found.kept),
    }
