"""A trained model: predicts frames and single rows, judges itself on new data.

Training, batch prediction, evaluation and serving all turn rows into numbers here, with the
encodings fitted in training, so that there is no second path to differ from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ordain.config.document import Document, OutputFeature
from ordain.core.errors import StoreError
from ordain.core.events import Events
from ordain.core.files import read_json
from ordain.evaluation.decision.decision import Decision
from ordain.features.encoded import EncodedColumn, RowValue
from ordain.features.feature import Encoding, Scores
from ordain.models.family import FittedModel
from ordain.store.frames import to_polars
from ordain.store.missing import missing_columns, missing_targets
from ordain.store.problem import typed_labels
from ordain.store.row_keys import RowKeys

if TYPE_CHECKING:
    from ordain.evaluation.explain.explanation import Explanation

BLOCK_ROWS = 100_000
RowsFunction = Callable[[Sequence[Mapping[str, Any]]], list[dict[str, Any]]]


class Model:
    """A fitted model with all it needs to answer.

    Args:
        document: the filled config.
        encodings: fitted encoding of each feature, by name.
        fitted: the family's fitted model.
        input_schema: columns a frame must have, without the derived ones, and their types.
        path: folder of the bundle it came from, if any.
        decisions: what was settled about each output after training, by name.
    """

    def __init__(
        self,
        document: Document,
        encodings: Mapping[str, Encoding],
        *,
        fitted: FittedModel,
        input_schema: Mapping[str, pl.DataType],
        path: Path | None = None,
        decisions: Mapping[str, Decision] | None = None,
    ) -> None:
        self.document = document
        self.encodings = dict(encodings)
        self.fitted = fitted
        self.decisions = {
            name: made for name, made in (decisions or {}).items() if not made.is_empty
        }
        self.input_schema = dict(input_schema)
        self.input_columns = tuple(input_schema)
        self.path = path
        self._row_keys = RowKeys(
            input_schema, [feature.column for feature in document.output_features]
        )
        self._row: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None

    def __repr__(self) -> str:
        outputs = ", ".join(feature.name for feature in self.document.output_features)
        return f"Model({self.document.model_type.type}: {outputs})"

    @property
    def report(self) -> Path | None:
        """Path of the run's report, where the bundle still stands in its run folder."""
        candidate = self.path.parent / "report.html" if self.path else None
        return candidate if candidate and candidate.exists() else None

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics of this model and its baselines, as measured in training."""
        if self.path is None:
            return {}
        found: dict[str, Any] = read_json(self.path / "metrics.json")
        return found

    @property
    def depends_on_order(self) -> bool:
        """Whether a row's answer depends on its neighbours, so that rows come as one block."""
        return any(feature.preprocessing.depends_on_order for feature in self.document.inputs)

    def predict(self, frame: Any, *, events: Events | None = None) -> Any:
        """Return the predictions for a frame of rows, one row for one row, in their order.

        Columns: ``<output>_prediction``; for classes ``<output>_probability`` (of the predicted
        class) and ``<output>_probability_<class>``. The target need not be there; columns that
        are not inputs are ignored. A missing cell or an unseen category is answered the way
        training learned to treat it.

        Args:
            frame: Polars, pandas or Arrow; the result is of the same kind.
            events: told of columns and values that were not as in training.

        Raises:
            DataError: an input column is missing.
        """
        rows, back = to_polars(frame)
        return back(self._predict(rows, events))

    def predict_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the predictions for one row, as plain values under the names of `predict`.

        A key that is not there is a missing cell; one that is no input is left aside.

        Raises:
            UsageError: none of the inputs is in the row, or a key is nearly the name of one that
                is not.
        """
        answer = self.row_function()
        self._row_keys.check(row)
        return answer(row)

    def row_function(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Return what `predict_row` calls, without its look at the keys, for who has looked."""
        if self._row is None:
            self._row = self._compile_row()
        return self._row

    def rows_function(self) -> RowsFunction | None:
        """Return what answers a few rows as `row_function` does each; None if that is as fast."""
        predict = self.fitted.rows_predictor()
        if predict is None or self.document.data.columns:
            return None
        encode, decode = self._row_encoder(), self._scores_decoder()
        return lambda rows: [decode(scores) for scores in predict([encode(row) for row in rows])]

    def scores(self, rows: pl.DataFrame) -> dict[str, Scores]:
        """Return the scores of every output, calibrated; derived columns must be there."""
        return self.decided(self.fitted.predict(self.encoded(rows)))

    def encoded(self, rows: pl.DataFrame) -> dict[str, EncodedColumn]:
        """Return the inputs of rows, encoded; derived columns must be there already."""
        return {
            feature.name: feature.preprocessing.encode(
                rows[feature.column], self.encodings[feature.name], rows
            )
            for feature in self.document.inputs
        }

    def decided(self, scores: Mapping[str, Scores]) -> dict[str, Scores]:
        """Return raw scores as the decisions mend them."""
        made = self.decisions
        return {
            name: made[name].calibrated(found) if name in made else found
            for name, found in scores.items()
        }

    def evaluate(self, frame: Any) -> dict[str, dict[str, float | None]]:
        """Return metrics by output, measured on rows that hold the targets.

        Rows that do not satisfy the config's `where` are left out.

        Raises:
            DataError: a target or input column is missing.
        """
        from ordain.store.judge import judge_frame

        rows, _ = to_polars(frame)
        judged = judge_frame(self, rows, name="given")
        return {name: dict(output.sets["given"].metrics) for name, output in judged.items()}

    def explain(
        self,
        frame: Any,
        *,
        row: int | Sequence[int] | None = None,
        output: str | None = None,
        immutable: Sequence[str] = (),
        wanted: str | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Explanation:
        """Return why the model answers as it does, over a frame or for rows of it.

        `ordain.explain` does the same for data of any kind, and looks for neighbours among the rows
        of training.

        Args:
            frame: Polars, pandas or Arrow; importance needs the targets.
            row: position of a row, or of several, counted from 0.
            output: name of the output; all by default.
            immutable: inputs that counterfactuals may not change.
            wanted: class that counterfactuals lead to; by default any other.
            at_least: number that counterfactuals reach, for a number.
            at_most: highest number that counterfactuals may give.
            changes: values by input, to ask the rows again with: what if it were so.

        Raises:
            UsageError: a row, output, input or class that is not there.
            DataError: an input column is missing, or there are no rows.
        """
        from ordain.evaluation.explain.counterfactual import Goal
        from ordain.evaluation.explain.explanation import Asked
        from ordain.store.explain import explain_frame

        rows, _ = to_polars(frame)
        asked = Asked(
            goal=Goal(wanted, at_least, at_most),
            immutable=tuple(immutable),
            changes=dict(changes or {}),
        )
        return explain_frame(self, rows, row=row, output=output, asked=asked)

    def save(self, path: Path | str) -> Path:
        """Copy the bundle to a new folder and return its path.

        Raises:
            StoreError: the folder exists already or cannot be written.
        """
        if self.path is None:
            raise StoreError("this model has no bundle yet; train it with `ordain.train`")
        target = Path(path)
        if target.exists():
            raise StoreError(f"{target} exists already\n  Fix: give a new folder")
        from ordain.core.files import atomic_folder

        with atomic_folder(target) as temporary:
            shutil.copytree(self.path, temporary, dirs_exist_ok=True)
        return target

    def with_derived(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows with the config's derived columns computed.

        Raises:
            DataError: an input column is missing.
        """
        self.require(rows.columns)
        if not self.document.data.columns:
            return rows
        from ordain.data import apply_expressions

        return apply_expressions(rows, columns=self.document.data.columns)

    def require(self, names: Sequence[str], *, with_targets: bool = False) -> None:
        """Check that rows have the columns that are needed.

        Args:
            names: of the columns that are there.
            with_targets: whether the targets are needed too, as for judging.

        Raises:
            DataError: a column is missing; the message has the nearest name.
        """
        missing = [name for name in self.input_columns if name not in names]
        if missing:
            raise missing_columns(missing, names)
        targets = [feature.column for feature in self.document.output_features]
        absent = [target for target in targets if target not in names]
        if with_targets and absent:
            raise missing_targets(absent, names)

    def unusual(self, frame: Any) -> list[str]:
        """Return a sentence for each thing in rows that is not as in training, with its count.

        `predict` does not look for them: text and dates would be read twice.

        Args:
            frame: Polars, pandas or Arrow.

        Raises:
            DataError: an input column is missing.
        """
        from ordain.store.unusual import Unusual

        rows, _ = to_polars(frame)
        seen = Unusual(self)
        seen.add(self.with_derived(rows))
        return list(seen.warnings().values())

    def _predict(self, rows: pl.DataFrame, events: Events | None) -> pl.DataFrame:
        rows = self.with_derived(rows)
        size = max(1, rows.height) if self.depends_on_order else BLOCK_ROWS
        blocks = [
            self.decode(self.scores(rows.slice(start, size)))
            for start in range(0, max(1, rows.height), size)
        ]
        if events is not None:
            from ordain.store.unusual import Unusual

            seen = Unusual(self)
            seen.add(rows)
            for code, message in seen.warnings().items():
                events.warn(code.partition(" ")[0], message)
        return pl.concat(blocks) if len(blocks) > 1 else blocks[0]

    def decode(self, scores: Mapping[str, Scores]) -> pl.DataFrame:
        """Return the prediction columns of calibrated scores; see `decided`."""
        columns: dict[str, pl.Series] = {}
        for feature in self.document.output_features:
            encoding = self.encodings[feature.name]
            found = feature.preprocessing.decode(scores[feature.name], encoding, feature.name)
            made = self.decisions.get(feature.name)
            if made is not None:
                given, labels = scores[feature.name], typed_labels(encoding)
                found = {**found, **made.more_columns(feature.name, given, found, labels)}
            columns |= found
        return pl.DataFrame(columns)

    def _frame_of(self, row: Mapping[str, Any]) -> pl.DataFrame:
        """Return one row as a frame with the types that training saw, for derived columns."""
        cells = {
            name: pl.Series(name, [row.get(name)]).cast(dtype, strict=False)
            for name, dtype in self.input_schema.items()
        }
        return pl.DataFrame(cells)

    def _compile_row(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        if self.document.data.columns:
            return lambda row: self._predict(self._frame_of(row), None).row(0, named=True)
        encode, decode = self._row_encoder(), self._scores_decoder()
        predict = self.fitted.row_predictor()
        return lambda row: decode(predict(encode(row)))

    def _row_encoder(self) -> Callable[[Mapping[str, Any]], list[RowValue]]:
        """Return what turns a row into its cells, in the order of the problem's inputs."""
        inputs = sorted(self.document.inputs, key=lambda feature: feature.name)
        cells = [
            (feature.column, feature.preprocessing.row(self.encodings[feature.name]))
            for feature in inputs
        ]
        readers = [
            _cell_reader(column, encode, with_row=bool(feature.preprocessing.reads))
            for feature, (column, encode) in zip(inputs, cells, strict=True)
        ]
        are_alone = not any(feature.preprocessing.reads for feature in inputs)

        def encode_row(row: Mapping[str, Any]) -> list[RowValue]:
            get = row.get
            return [encode(get(column)) for column, encode in cells]

        return encode_row if are_alone else lambda row: [read(row) for read in readers]

    def _scores_decoder(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Return what turns the raw scores of one row into its answer."""
        decoders = [
            (feature.name, self._row_decoder(feature)) for feature in self.document.output_features
        ]

        def decode_row(scores: Mapping[str, Any]) -> dict[str, Any]:
            result: dict[str, Any] = {}
            for name, decode in decoders:
                result.update(decode(scores[name]))
            return result

        return decode_row

    def _row_decoder(self, feature: OutputFeature) -> Callable[[Any], dict[str, Any]]:
        """Return what turns one row's raw score of an output into its answer."""
        encoding, name = self.encodings[feature.name], feature.name
        decode = feature.preprocessing.decode_row(encoding, name)
        made = self.decisions.get(name)
        if made is None:
            return decode
        calibrated = made.row()
        more = made.more_of_row(name, typed_labels(encoding).to_list())

        def answer(raw: Any) -> dict[str, Any]:
            score = calibrated(raw)
            row = decode(score)
            return {**row, **more(score, row)}

        return answer


def _cell_reader(
    column: str, encode: Callable[..., RowValue], *, with_row: bool
) -> Callable[[Mapping[str, Any]], RowValue]:
    if with_row:
        return lambda row: encode(row.get(column), row)
    return lambda row: encode(row.get(column))
