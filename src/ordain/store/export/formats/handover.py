"""Hand-over: all that who takes a model over needs, in one folder or one `.zip`.

    ordain export RUN --format handover --output churn-handover.zip
    ordain export RUN --format handover --output churn-handover -o contact=ann@example.org

The runbook (how to predict, serve, retrain, and what to do when it goes wrong), the model card, the
report, the filled config, the contract of the columns, lineage, golden rows with their answers,
pinned packages, and the bundle itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ordain.core.files import read_json, write_json, write_text
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.findings import Findings
from ordain.features.feature import Encoding
from ordain.store import bundle
from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.origin import Origin
from ordain.store.export.vendored import copy_tree
from ordain.store.loading import load_bundle
from ordain.store.model import Model

_LABELS, _SLICES = 50, 5
_SEEN = ("n_rows", "n_missing", "min", "max", "earliest", "latest")
_OF_RUN = {"report.html": "report.html", "written.yaml": "written.yaml",
           "findings.json": "findings.json"}  # fmt: skip


@EXPORTS.register
class HandoverFormat(ExportFormat):
    """A folder, or a `.zip`, for who maintains the model from now on."""

    type: Literal["handover"] = "handover"
    contact: str = ""
    """Who is asked about the model; by default the `owner` of the config's `project`."""

    suffix = ".zip"
    takes_both = True

    def write(self, model: Model, path: Path) -> Written:
        """Write what the bundle alone gives."""
        return self.write_from(model, path, Origin())

    def write_from(self, model: Model, path: Path, origin: Origin) -> Written:
        """Write the folder, then the archive where one is asked for."""
        assert model.path is not None, "an export begins with a bundle"
        folder = path.with_suffix("") if path.suffix else path
        folder.mkdir()
        copy_tree(model.path, folder / "bundle")
        found = _copied(origin.folder, folder)
        shutil.copyfile(model.path / "README.md", folder / "model-card.md")
        shutil.copyfile(model.path / "config.yaml", folder / "config.yaml")
        lock = read_json(model.path / "lock.json")
        write_json(folder / "schema.json", contract(model))
        write_json(folder / "lineage.json", _lineage(model.path, origin.run, lock))
        write_text(folder / "requirements.txt", "\n".join(_requirements(lock)) + "\n")
        _golden(model.path).write_csv(folder / "golden.csv")
        unsaid = self._unsaid(model, found, origin)
        write_text(folder / "README.md", self._runbook(model, folder, unsaid))
        if path.suffix:
            shutil.make_archive(str(folder), "zip", root_dir=folder.parent, base_dir=folder.name)
            shutil.rmtree(folder)
        return Written(tuple(unsaid), {"files_of_run": sorted(found)})

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions by the bundle inside."""
        del model
        if path.is_dir():
            return _predicted(path / "bundle", rows)
        import tempfile

        with tempfile.TemporaryDirectory() as scratch:
            shutil.unpack_archive(path, scratch)
            return _predicted(Path(scratch) / path.stem / "bundle", rows)

    def _unsaid(self, model: Model, found: set[str], origin: Origin) -> list[str]:
        project = model.document.project
        notes = []
        if not (self.contact or project.owner):
            notes.append("nobody is named to ask: -o contact=NAME, or `project: {owner: ...}`")
        if not project.goal:
            notes.append("what the model is for is not said: `project: {goal: ...}` in the config")
        if "report.html" not in found:
            notes.append(_without_report(origin))
        return notes

    def _runbook(self, model: Model, folder: Path, unsaid: list[str]) -> str:
        document = model.document
        path = folder / "findings.json"
        findings = Findings.model_validate(read_json(path)) if path.exists() else None
        files = "\n".join(
            f"| `{name}` | {what} |" for name, what in _FILES.items() if (folder / name).exists()
        )
        return _README.format(
            name=document.name,
            goal=document.project.goal or "*Not said.*",
            contact=self.contact or document.project.owner or "*Nobody is named.*",
            family=document.model_type.type,
            files=files,
            measured=_measured(model),
            gates=_gates(findings),
            weak=_weak(findings),
            unsaid="\n".join(f"- {one}" for one in unsaid) or "- nothing",
        )


def contract(model: Model) -> dict[str, Any]:
    """Return what rows must look like: each column with its type and what training saw of it."""
    columns = []
    for feature in model.document.inputs:
        encoding = model.encodings[feature.name]
        columns.append({
            "column": feature.column,
            "type": feature.type,
            "dtype": str(model.input_schema.get(feature.column, "derived")),
            "when_missing": getattr(encoding, "on_missing", "fill"),
            **_seen(encoding),
        })  # fmt: skip
    signature: dict[str, Any] = read_json(_path(model) / "signature.json")
    derived = dict(model.document.data.columns)
    return {"columns": columns, "derived": derived, "outputs": signature["outputs"]}


def _seen(encoding: Encoding) -> dict[str, Any]:
    facts: Mapping[str, Any] = encoding.facts
    told: dict[str, Any] = {key: facts[key] for key in _SEEN if key in facts}
    labels = getattr(encoding, "labels", None)
    if labels is not None:
        told |= {"labels": list(labels)[:_LABELS], "n_labels": len(labels)}
    return told


def _without_report(origin: Origin) -> str:
    """Return why the report is not in the pack, and how it comes there."""
    if origin.folder is not None:
        return (
            f"the report is not there: run {origin.run} has none; draw it with `ordain report "
            f"{origin.run}`, and export again"
        )
    if origin.run:
        return (
            f"the report and the weak slices are not there: run {origin.run}, which the bundle "
            "comes from, is not in the work folder any more"
        )
    return "the report and the weak slices are not there: hand over the run itself"


def _copied(run: Path | None, folder: Path) -> set[str]:
    """Copy what a run folder has beside its bundle; return the names."""
    if run is None:
        return set()
    found = {source: target for source, target in _OF_RUN.items() if (run / source).exists()}
    for source, target in found.items():
        shutil.copyfile(run / source, folder / target)
    return set(found)


def _lineage(path: Path, run: str, lock: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "bundle": bundle.digest(path),
        "run": run or None,
        "config": bundle.content(path).get("config.yaml"),
        **{key: lock.get(key) for key in ("data", "split", "seed", "python", "packages", "git")},
    }


def _requirements(lock: Mapping[str, Any]) -> list[str]:
    """Return the packages that trained it, as pip reads them, without marks of a build."""
    return [f"{name}=={version.partition('+')[0]}" for name, version in lock["packages"].items()]


def _golden(path: Path) -> pl.DataFrame:
    golden = pl.read_parquet(path / bundle.GOLDEN)
    lists = [name for name, dtype in golden.schema.items() if isinstance(dtype, pl.List)]
    return golden.with_columns(pl.col(name).list.join("; ") for name in lists)


def _predicted(folder: Path, rows: pl.DataFrame) -> pl.DataFrame:
    answers: pl.DataFrame = load_bundle(folder).predict(rows)
    return answers


def _path(model: Model) -> Path:
    assert model.path is not None, "an export begins with a bundle"
    return model.path


def _measured(model: Model) -> str:
    sets: Mapping[str, Any] = model.metrics.get("metrics", {})
    lines = []
    name = deciding_set(sets) if sets else ""
    for output, values in sets.get(name, {}).items():
        told = ", ".join(f"`{key}` {value:.4g}" for key, value in list(values.items())[:4]
                         if isinstance(value, float | int))  # fmt: skip
        lines.append(f"- `{output}` on {name}: {told}")
    return "\n".join(lines) or "- nothing was measured"


def _gates(findings: Findings | None) -> str:
    if findings is None or not findings.gates:
        return "- none are declared: add `evaluation.gates` to the config"
    return "\n".join(
        f"- {'met' if gate.passed else '**not met**'}: {gate.reason or gate.name}"
        for gate in findings.gates
    )


def _weak(findings: Findings | None) -> str:
    if findings is None:
        return "- not known here: see the model card"
    lines = [
        f"- `{output}` where {one.name}: {one.n_rows} rows, loss {one.loss:.4g} against "
        f"{one.loss_of_rest:.4g} of the rest"
        for output, discovery in findings.discovery.items()
        for one in discovery.found[:_SLICES]
    ]
    lines += [f"- check `{one.name}` failed: {one.reason}"
              for one in findings.checks if one.state == "failed"]  # fmt: skip
    return "\n".join(lines) or "- none stood out beyond chance"


_FILES = {
    "bundle": "the model as data; every command below takes it",
    "model-card.md": "intended use, data, metrics, slices, limits",
    "report.html": "the same with pictures; it opens without a network",
    "config.yaml": "the filled config: every default and every choice",
    "written.yaml": "the config as it was written",
    "schema.json": "the contract of the columns: types, ranges, labels",
    "golden.csv": "rows and the answers they must give, as `expected:NAME`",
    "lineage.json": "fingerprint of the data, split, seed, commit, packages, digest of the bundle",
    "findings.json": "slices, importance, errors, checks and gates as data",
    "requirements.txt": "the packages that trained it",
}

_README = """# Taking over {name}

{goal}

Who is asked: {contact}

A `{family}` model.

| file | what |
| --- | --- |
{files}

## How good it is

{measured}

Gates:

{gates}

Known weak spots:

{weak}

## Run it

```
pip install -r requirements.txt
ordain predict bundle --dataset rows.csv --output predictions.csv
ordain serve {name}=bundle
```

Loading checks every byte and that the golden rows give their answers; a damaged bundle is refused.

## Train it again

```
ordain train config.yaml --dataset NEW_ROWS
ordain compare OLD_RUN NEW_RUN
ordain register NEW_RUN --name {name}
ordain promote {name} VERSION --to champion
```

`promote` refuses a version that misses a gate, or is shown to be worse on the same rows.

## When something is wrong

| what is seen | what to do |
| --- | --- |
| answers are bad since the last version | `ordain rollback {name} --note WHY`: one command back |
| answers drift | `ordain evaluate bundle --dataset RECENT`, beside the figures above; train again |
| the server refuses rows (422) | it names the field and what training saw, as `schema.json` does |
| the bundle is refused | copy it again, or `ordain export` it from the registry |
| a golden row differs | packages differ from `requirements.txt` |
| one answer is doubted | `ordain explain bundle --dataset rows.csv --row N`, `ordain trace` |

## Still to be said

{unsaid}
"""
