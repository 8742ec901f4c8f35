# Written by `make docs` from the components: change them, not this file.
"""Parts of a config by name; `spec.py` says how they are used."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ordain.core.component import Component, Registry, Spec

Part = dict[str, Any]
FEATURE_KEYS: tuple[str, ...]
NAMESPACES: dict[str, Namespace]

class Namespace:
    def __init__(self, registry: Callable[[], Registry[Any]], *, is_typed: bool = True) -> None: ...
    def __dir__(self) -> list[str]: ...

def blocks() -> dict[str, type[Spec]]: ...

def binary(name: str, /, *, column: str | None = ..., encoder: Part | Component | str | None = ..., decoder: Part | Component | str | None = ..., loss: Part | Component | str | None = ..., class_weights: Mapping[str, float] | Literal['balanced'] | None = ..., missing_value_strategy: Literal['auto', 'keep', 'fill_with_const', 'fill_with_false', 'fill_with_mode', 'fill_with_mean', 'fill_with_group_mean', 'fill_with_group_mode', 'fill_with_model', 'ffill', 'bfill', 'drop_row', 'error'] = ..., fill_value: bool | float | str | None = ..., missing_group: str | None = ..., missing_inputs: Mapping[str, Literal['number', 'binary', 'category', 'date']] | None = ..., fallback_true_label: str | None = ..., missing_indicator: Literal['auto', 'if_missing'] | bool = ..., threshold: float = ...) -> Part:
    """One of two values.

    Args:
        column: Column of the table; the name by default.
        encoder: How a neural model reads an input.
        decoder: How a neural model predicts an output.
        loss: What a neural model minimises for an output.
        class_weights: Weight of each class of an output by label, or 'balanced'.
        missing_value_strategy: What a missing cell becomes; `keep` leaves NaN, `auto` keeps for trees and else takes 0.5. Default: 'auto'.
        fill_value: The value of `fill_with_const`: a number from 0 to 1, or one of the labels; null is 0.5. Default: None.
        missing_group: Column that names a row's group, for `fill_with_group_mean` and `fill_with_group_mode`. Default: None.
        missing_inputs: Columns that `fill_with_model` predicts from, with their types; null takes every other declared input but texts. Default: None.
        fallback_true_label: The label that is true where the labels do not say it. Default: None.
        missing_indicator: Whether a second number, 0 or 1, says that the cell was missing; `if_missing` adds it where a training row misses. Default: 'auto'.
        threshold: Probability from which on an output's positive label is predicted. Default: 0.5.
    """
def category(name: str, /, *, column: str | None = ..., encoder: Part | Component | str | None = ..., decoder: Part | Component | str | None = ..., loss: Part | Component | str | None = ..., class_weights: Mapping[str, float] | Literal['balanced'] | None = ..., missing_value_strategy: Literal['auto', 'keep', 'fill_with_const', 'fill_with_mode', 'fill_with_group_mode', 'fill_with_model', 'ffill', 'bfill', 'drop_row', 'error'] = ..., missing_group: str | None = ..., missing_inputs: Mapping[str, Literal['number', 'binary', 'category', 'date']] | None = ..., fill_value: str = ..., lowercase: bool = ..., most_common: int | None = ..., min_count: int = ..., hash_buckets: int | None = ..., unseen: Literal['bucket', 'error', 'mode', 'nearest'] = ..., cache_encoder_embeddings: bool = ...) -> Part:
    """One label out of a set.

    Args:
        column: Column of the table; the name by default.
        encoder: How a neural model reads an input.
        decoder: How a neural model predicts an output.
        loss: What a neural model minimises for an output.
        class_weights: Weight of each class of an output by label, or 'balanced'.
        missing_value_strategy: What a missing cell becomes; `keep` puts it into the bucket. Default: 'auto'.
        missing_group: Column that names a row's group, for `fill_with_group_mode`. Default: None.
        missing_inputs: Columns that `fill_with_model` predicts from, with their types; null takes every other declared input but texts. Default: None.
        fill_value: The label of `fill_with_const`; `<UNK>` is the bucket. Default: '<UNK>'.
        lowercase: Whether upper and lower case count as the same label. Default: False.
        most_common: Most labels kept, by frequency; the others are rare. Default: 10000.
        min_count: Training rows a label needs; below it is rare and falls into the bucket. Default: 1.
        hash_buckets: Number of buckets that labels are hashed into instead of being looked up. Default: None.
        unseen: What a label that training did not keep becomes: the bucket, an error, the most frequent label, or the kept one that is spelled most alike (the bucket where none is half alike). Default: 'bucket'.
        cache_encoder_embeddings: Whether a frozen encoder's output is computed once per label; read by the encoder. Default: False.
    """
def date(name: str, /, *, column: str | None = ..., encoder: Part | Component | str | None = ..., decoder: Part | Component | str | None = ..., loss: Part | Component | str | None = ..., class_weights: Mapping[str, float] | Literal['balanced'] | None = ..., missing_value_strategy: Literal['auto', 'keep', 'fill_with_const', 'fill_with_median', 'fill_with_group_median', 'fill_with_model', 'ffill', 'bfill', 'drop_row', 'error'] = ..., fill_value: str = ..., missing_group: str | None = ..., missing_inputs: Mapping[str, Literal['number', 'binary', 'category', 'date']] | None = ..., datetime_format: str | Sequence[str] | None = ..., timezone: str | None = ..., holidays: str | None = ..., parts: Literal['infer'] | Sequence[Literal['year', 'quarter', 'month', 'week', 'day', 'weekday', 'day_of_year', 'hour', 'minute', 'second', 'time_of_day', 'elapsed_days', 'is_holiday', 'days_to_holiday', 'days_since_holiday']] = ..., cyclic: Literal['auto'] | bool = ..., normalization: Literal['auto'] | Literal['zscore', 'minmax', 'iq', 'log1p', 'robust', 'quantile', 'quantile_uniform', 'yeo_johnson', 'box_cox'] | None = ..., missing_indicator: Literal['auto', 'if_missing'] | bool = ...) -> Part:
    """A date or a time stamp.

    Args:
        column: Column of the table; the name by default.
        encoder: How a neural model reads an input.
        decoder: How a neural model predicts an output.
        loss: What a neural model minimises for an output.
        class_weights: Weight of each class of an output by label, or 'balanced'.
        missing_value_strategy: What a missing cell becomes; `keep` leaves NaN, `auto` keeps for trees and else takes the median. Default: 'auto'.
        fill_value: The date of `fill_with_const`, as text; empty is the median of the training rows. Default: ''.
        missing_group: Column that names a row's group, for `fill_with_group_median`. Default: None.
        missing_inputs: Columns that `fill_with_model` predicts from, with their types; null takes every other declared input but texts. Default: None.
        datetime_format: How text is read, as in `strftime`, or `epoch_s`, `epoch_ms`, `epoch_us`; several are tried in order; null infers them from the training rows. Default: None.
        timezone: Time zone such as `Europe/Paris` on whose clock parts are read; null is UTC. Default: None.
        holidays: Country or part of one, such as `DE` or `US/CA`, whose public holidays become parts. Default: None.
        parts: What is encoded; `infer` takes the calendar, the time of day and holidays where there are such, and elapsed days. Default: 'infer'.
        cyclic: Whether parts with a cycle become sine and cosine. Default: 'auto'.
        normalization: How elapsed days (since the earliest training row) are scaled. Default: 'auto'.
        missing_indicator: Whether a last number, 0 or 1, says that the cell was missing; `if_missing` adds it where a training row misses. Default: 'auto'.
    """
def number(name: str, /, *, column: str | None = ..., encoder: Part | Component | str | None = ..., decoder: Part | Component | str | None = ..., loss: Part | Component | str | None = ..., class_weights: Mapping[str, float] | Literal['balanced'] | None = ..., missing_value_strategy: Literal['auto', 'keep', 'fill_with_const', 'fill_with_mean', 'fill_with_median', 'fill_with_mode', 'fill_with_group_mean', 'fill_with_group_median', 'fill_with_group_mode', 'fill_with_model', 'ffill', 'bfill', 'drop_row', 'error'] = ..., fill_value: float = ..., missing_group: str | None = ..., missing_inputs: Mapping[str, Literal['number', 'binary', 'category', 'date']] | None = ..., missing_indicator: Literal['auto', 'if_missing'] | bool = ..., normalization: Literal['auto'] | Literal['zscore', 'minmax', 'iq', 'log1p', 'robust', 'quantile', 'quantile_uniform', 'yeo_johnson', 'box_cox'] | None = ..., outlier_strategy: Literal['clip', 'keep', 'fill_with_const', 'fill_with_mean', 'fill_with_median', 'fill_with_mode', 'drop_row'] | None = ..., outlier_threshold: float | None = ..., number_format: Literal['infer'] | Literal['plain', 'point', 'comma'] = ..., bins: int | None = ..., bin_form: Literal['index', 'onehot', 'ordinal'] = ..., spline_knots: int | None = ..., spline_degree: int = ..., cut_places: Literal['quantile', 'width'] = ..., clip_to_training_range: bool = ...) -> Part:
    """A quantity, measured or counted.

    Args:
        column: Column of the table; the name by default.
        encoder: How a neural model reads an input.
        decoder: How a neural model predicts an output.
        loss: What a neural model minimises for an output.
        class_weights: Weight of each class of an output by label, or 'balanced'.
        missing_value_strategy: What a missing cell becomes; `keep` leaves NaN, `auto` keeps for trees and else takes the median. Default: 'auto'.
        fill_value: The constant of `fill_with_const`. Default: 0.0.
        missing_group: Column that names a row's group, for `fill_with_group_mean` and its kin. Default: None.
        missing_inputs: Columns that `fill_with_model` predicts from, with their types; null takes every other declared input but texts. Default: None.
        missing_indicator: Whether a second number, 0 or 1, says that the cell was missing; `if_missing` adds it where a training row misses. Default: 'auto'.
        normalization: How numbers are scaled; null leaves them. Default: 'auto'.
        outlier_strategy: What an outlier becomes; `keep` makes it missing. Default: None.
        outlier_threshold: Standard deviations from the mean beyond which a number is an outlier. Default: 3.0.
        number_format: How text is read: `plain` 1234.5, `point` 1,234.5, `comma` 1.234,5; `infer` decides by the training rows. Default: 'infer'.
        bins: Number of bins that an input's numbers are cut into instead of being scaled. Default: None.
        bin_form: What a bin becomes: an index, as a category has it; a 1 among zeros; or its rank, from 0 to 1. Default: 'index'.
        spline_knots: Number of knots of a B-spline whose basis functions an input's numbers become instead of being scaled. Default: None.
        spline_degree: Degree of the spline's pieces. Default: 3.
        cut_places: Where borders of bins and knots lie: at quantiles, or at equal widths of the range. Default: 'quantile'.
        clip_to_training_range: Whether predictions are bounded to the range seen in training; for an output. Default: False.
    """
def text(name: str, /, *, column: str | None = ..., encoder: Part | Component | str | None = ..., decoder: Part | Component | str | None = ..., loss: Part | Component | str | None = ..., class_weights: Mapping[str, float] | Literal['balanced'] | None = ..., representation: Literal['auto'] | Literal['bag', 'tfidf', 'svd', 'tokens'] = ..., missing_value_strategy: Literal['auto', 'keep', 'fill_with_const', 'fill_with_mode', 'ffill', 'bfill', 'drop_row', 'error'] = ..., fill_value: str = ..., lowercase: bool = ..., tokenizer: Literal['auto'] | Literal['space_punct', 'space', 'word', 'characters', 'comma', 'underscore', 'untokenized', 'bpe', 'hf_tokenizer'] = ..., language: Literal['arabic', 'catalan', 'czech', 'danish', 'dutch', 'english', 'finnish', 'french', 'german', 'greek', 'hindi', 'hungarian', 'indonesian', 'italian', 'norwegian', 'persian', 'polish', 'portuguese', 'romanian', 'russian', 'spanish', 'swedish', 'turkish'] | None = ..., stop_words: Literal['auto'] | bool | Sequence[str] = ..., stemming: Literal['auto'] | bool = ..., strip_accents: bool = ..., pretrained_model_name_or_path: str | None = ..., vocab_file: str | None = ..., max_sequence_length: int = ..., sequence_length: int | None = ..., most_common: int = ..., padding_symbol: str = ..., unknown_symbol: str = ..., padding: Literal['right', 'left'] = ..., ngram_size: int = ..., char_ngrams: Literal['auto'] | Sequence[Any] | None = ..., compute_idf: Literal['auto'] | bool = ..., min_count: Literal['infer'] | int = ..., max_terms: int = ..., hash_buckets: int | None = ..., svd_components: int = ..., cache_encoder_embeddings: bool = ...) -> Part:
    """Words written by people.

    Args:
        column: Column of the table; the name by default.
        encoder: How a neural model reads an input.
        decoder: How a neural model predicts an output.
        loss: What a neural model minimises for an output.
        class_weights: Weight of each class of an output by label, or 'balanced'.
        representation: What a text becomes; `auto` follows the model. Default: 'auto'.
        missing_value_strategy: What a missing cell becomes; `keep` and `auto` take the empty text. Default: 'auto'.
        fill_value: The text of `fill_with_const`. Default: ''.
        lowercase: Whether upper and lower case count as the same; n-grams never tell them apart. Default: True.
        tokenizer: How `tokens` are cut; `auto` is `hf_tokenizer` with a pretrained model, else `space_punct`. Default: 'auto'.
        language: Language whose stop words are left out and whose words count as their stems. Default: None.
        stop_words: Words left out: those of the language, or a list; `auto` leaves them out where there is a language. Default: 'auto'.
        stemming: Whether words count as their stems; `auto` where there is a language. Default: 'auto'.
        strip_accents: Whether signs with and without accents count as the same. Default: False.
        pretrained_model_name_or_path: Folder or hub name of the tokeniser of `hf_tokenizer`. Default: None.
        vocab_file: File with one token a line, in place of those of the training rows. Default: None.
        max_sequence_length: Tokens kept of a text; later ones are cut off. Default: 256.
        sequence_length: Overrides `max_sequence_length` where it is smaller; rows are kept without padding. Default: None.
        most_common: Most tokens in the vocabulary of `tokens`, by frequency. Default: 20000.
        padding_symbol: Name of id 0 in the vocabulary of `tokens`. Default: '<PAD>'.
        unknown_symbol: Name of id 1 in the vocabulary of `tokens`. Default: '<UNK>'.
        padding: Kept for Ludwig's grammar: rows have their own length, so no side is filled. Default: 'right'.
        ngram_size: Longest n-gram of words of `bag`, `tfidf`, `svd`. Default: 2.
        char_ngrams: Shortest and longest n-gram of characters of `bag`, `tfidf`, `svd`; null for none. Default: 'auto'.
        compute_idf: Whether a term weighs more the fewer rows hold it. Default: 'auto'.
        min_count: Training rows a term needs; `infer` takes 1 below 1,000 rows, else 2. Default: 'infer'.
        max_terms: Most terms, of words and of characters each, by rows that hold them. Default: 100000.
        hash_buckets: Buckets that terms are hashed into instead of being looked up. Default: None.
        svd_components: Width of the vector of `svd`. Default: 32.
        cache_encoder_embeddings: Whether a frozen encoder's output is computed once per text; read by the encoder. Default: False.
    """
def project(*, goal: str = ..., owner: str = ...) -> Part:
    """What the model is for, and whose it is: the report and the model card say so.

    Args:
        goal: What the model is for, in plain words: which decision it serves, and whom. Default: ''.
        owner: Who answers for the model: a person, a team, an address. Default: ''.
    """
def data(*, source: str | Part | Component | None = ..., training_set: str | Part | Component | None = ..., validation_set: str | Part | Component | None = ..., test_set: str | Part | Component | None = ..., where: str | None = ..., columns: Mapping[str, str] = ..., sample: int | float | None = ...) -> Part:
    """Where rows come from and which of them are used.

    Args:
        source: File, glob, URL, `dataset:NAME`, or a source with its options; may be given on the command line instead. Default: None.
        training_set: Rows to train on, where the sets come as separate sources. Default: None.
        validation_set: Rows that decide when to stop; cut from the training set where it is not given. Default: None.
        test_set: Rows that judge; never touched in training. Default: None.
        where: SQL condition (DuckDB's dialect) a row must meet to be used. Default: None.
        columns: Derived columns: name to SQL expression over the columns that were read.
        sample: Rows to train on, taken at random: a share such as 0.1, or a number of rows. Default: None.
    """
def preprocessing(*, split: Part | Component | str = ..., sample_ratio: float = ..., sample_size: int | None = ..., oversample_minority: float | None = ..., undersample_majority: float | None = ...) -> Part:
    """How rows are divided into sets, and how many are used.

    Args:
        split: Which rows train, validate and test.
        sample_ratio: Share of the rows to use. Default: 1.0.
        sample_size: Number of rows to use at most. Default: None.
        oversample_minority: Repeat training rows of the rarer class until it has this share of the commoner one. Default: None.
        undersample_majority: Drop training rows of the commoner class until the rarer has this share of it. Default: None.
    """
def evaluation(*, metrics: Sequence[str | Mapping[str, Any]] | None = ..., optimize: str | None = ..., satisfy: Sequence[Mapping[str, Any]] = ..., baselines: bool | Sequence[str] = ..., human: Mapping[str, float] = ..., slices: Sequence[Mapping[str, Any] | Literal['auto']] = ..., protected: Sequence[str] = ..., threshold: Mapping[str, Any] | None = ..., calibration: Literal['auto', 'none', 'temperature', 'platt', 'isotonic'] = ..., intervals: float | None = ..., abstain: Mapping[str, Any] | None = ..., scenarios: str | None = ..., gates: Sequence[Mapping[str, Any]] = ..., checks: bool | Sequence[str | Mapping[str, Any]] = ..., importance: bool = ...) -> Part:
    """How the model is judged, and what it must meet.

    Args:
        metrics: Metrics to compute, by name; all that fit the output by default. Default: None.
        optimize: The metric that decides; by default the first of `metrics`, else one that suits the type. Default: None.
        satisfy: Bounds that other metrics only have to hold. Default: [].
        baselines: Simple models to judge beside this one: all, none, or those named. Default: True.
        human: What people reach on this task, by metric: the ceiling that tables show.
        slices: Parts of the rows to judge by themselves; `auto` looks for the worst ones. Default: [].
        protected: Columns between whose values rates and errors are compared for fairness. Default: [].
        threshold: How the threshold of binary outputs is chosen, on validation rows; by default it is 0.5. Default: None.
        calibration: How probabilities are mended, on validation rows; `auto` takes what helps, or nothing. Default: 'auto'.
        intervals: Share of rows that prediction intervals (numbers) or label sets (classes) must cover. Default: None.
        abstain: When the model gives no answer; by default it always answers. Default: None.
        scenarios: File of rows with what the model must answer in columns such as `expect:churn`. Default: None.
        gates: Conditions that must be met. Default: [].
        checks: Sanity checks to run with each training: all, none, or those named, with their keys. Default: True.
        importance: Whether the report says how much each input matters. Default: True.
    """
def backend(*, device: Literal['auto', 'cpu', 'cuda', 'mps'] = ..., precision: Literal['auto', 'float32', 'bfloat16', 'float16'] = ..., threads: int | None = ...) -> Part:
    """Where and with how much a model is trained.

    Args:
        device: `auto` takes a GPU where PyTorch finds one. Default: 'auto'.
        precision: Of forward and backward; weights stay float32. `auto`: bfloat16 on CUDA, else float32. Default: 'auto'.
        threads: CPU threads; by default a fixed rule on the size of a step, see `trainer`. Default: None.
    """
def budget(*, seconds: float | None = ..., cost: float | None = ..., price_per_hour: float | None = ...) -> Part:
    """How much a run may take, after which learning ends with the best model so far.

    Args:
        seconds: Wall time of a run, in seconds; judging and the report come on top of it. Default: None.
        cost: Money a run may take, in the unit of `price_per_hour`, which it needs beside it. Default: None.
        price_per_hour: What an hour of this machine costs, in any currency: runs and plans then say their cost. Default: None.
    """
def deployment(*, models: Sequence[Mapping[str, Any]], limits: Mapping[str, Any] = ..., batching: Mapping[str, Any] = ..., auth: Mapping[str, Any] = ..., trust: Mapping[str, Any] = ..., log: Mapping[str, Any] = ...) -> Part:
    """Which versions answer, for whom, under which limits, and what is kept.

    Args:
        models: The models that are served.
        limits: What a request may take, and how many there may be.
        batching: How requests that wait are answered together.
        auth: Who may call; without keys anybody on this machine.
        trust: Whose bundles are served; without signers everybody's.
        log: What is kept of predictions.
    """
class _sources(Namespace):
    def arrow(self, *, path: str) -> Part:
        """Arrow IPC (Feather) files.

        Args:
            path: File, glob or folder; relative to the folder of the config.
        """
    def csv(self, *, path: str, separator: str | None = ..., encoding: str | None = ..., quote: str | None = ..., header: bool | None = ..., names: Sequence[str] | None = ..., null_values: Sequence[str] = ..., decimal: Literal['.', ','] = ..., types: Mapping[str, Literal['text', 'integer', 'number', 'boolean']] = ..., ragged: Literal['error', 'report'] = ..., skip_rows: int = ..., comment: str | None = ..., max_line_bytes: int = ...) -> Part:
        """Delimited text files.

        Args:
            path: File, glob or folder; relative to the folder of the config.
            separator: Character between fields; detected among comma, semicolon, tab, bar and colon. Default: None.
            encoding: Encoding as Python names it, or `utf-8-lossy`; detected, cp1252 where it is not UTF-8. Default: None.
            quote: Character around fields; a double quote unless declared, an empty string for none. Default: None.
            header: Whether the first line names the columns; detected. Default: None.
            names: Names of the columns, in place of those of the header or for a file without one. Default: None.
            null_values: Spellings read as missing in every column; an empty field always is. Default: ['NA', 'N/A', 'n/a', '<NA>', '#N/A', '#NA', 'NULL', 'null', 'NaN', 'nan', 'None', '?'].
            decimal: Decimal mark of numbers. Default: '.'.
            types: Types of columns where the inferred one is not wanted; what does not parse is counted.
            ragged: Whether lines with too many or too few fields stop reading, or are mended and counted. Default: 'error'.
            skip_rows: Lines to pass over before the header. Default: 0.
            comment: Start of lines to pass over. Default: None.
            max_line_bytes: Longest line that is read, in bytes; a longer one is an error. Default: 16777216.
        """
    def dataset(self, *, name: str) -> Part:
        """A data set by name.

        Args:
            name: Name as `ordain datasets` lists it, such as iris or openintro/birds.
        """
    def excel(self, *, path: str, sheet: str | int | None = ..., skip_rows: int = ...) -> Part:
        """Excel workbooks (xlsx, xls, xlsb) and OpenDocument sheets.

        Args:
            path: File, glob or folder; relative to the folder of the config.
            sheet: Name of the sheet or its place counted from one; the first unless declared. Default: None.
            skip_rows: Rows to pass over before the header. Default: 0.
        """
    def frame(self) -> Part:
        """A frame in memory; it cannot be written in a config."""
    def json(self, *, path: str) -> Part:
        """JSON files.

        Args:
            path: File, glob or folder; relative to the folder of the config.
        """
    def jsonl(self, *, path: str) -> Part:
        """Files with one JSON object a line.

        Args:
            path: File, glob or folder; relative to the folder of the config.
        """
    def parquet(self, *, path: str) -> Part:
        """Parquet files.

        Args:
            path: File, glob or folder; relative to the folder of the config.
        """
    def remote(self, *, url: str, format: str | None = ..., storage_options: Mapping[str, Any] = ..., options: Mapping[str, Any] = ...) -> Part:
        """A file behind a url, of any format that is read from files.

        Args:
            url: Url of one file: https, http, s3, gs, az, or any other that fsspec knows.
            format: Format of the file, such as csv; found by its name or its first bytes. Default: None.
            storage_options: Of the store; for S3 and what speaks like it: endpoint_url, region, key, secret, token, anon (keys come from the environment otherwise); for http: headers.
            options: Options of the format, such as separator.
        """
    def sql(self, *, url: str, table: str | None = ..., query: str | None = ..., connect_timeout_seconds: int = ...) -> Part:
        """The rows of a table or of a query in a database.

        Args:
            url: Url of SQLAlchemy or ADBC, such as sqlite:///shop.db, duckdb:///shop.duckdb, postgresql://user:password@host/name or adbc+postgresql://...
            table: Table or view to read whole, with its schema as schema.table. Default: None.
            query: Query whose rows are read; its row order is kept. Default: None.
            connect_timeout_seconds: Time to wait for a server, in seconds. Default: 10.
        """

sources: _sources

class _splits(Namespace):
    def datetime(self, *, column: str, probabilities: Sequence[Any] = ..., sets: Mapping[str, float] | None = ..., gap: str | None = ..., k_fold: int | None = ..., datetime_format: str | None = ...) -> Part:
        """Cuts the rows, in order of time, at the shares; rows of one moment stay together.

        Args:
            column: Column of dates, moments, text that holds them, or numbers that grow with time.
            probabilities: Shares of train, validation and test, the earliest first; they sum to 1. Default: [0.7, 0.1, 0.2].
            sets: Shares of any named sets, the earliest first, 'train' among them. Default: None.
            gap: Time left out before each later set, such as 7d, 12h or 1mo, so that what a row knows of its own future does not reach into it. Default: None.
            k_fold: Number of folds, to judge the recipe beside the sets: the rows, in order of time, are cut into one block more, and each block but the first is tested by a model of all before it. Default: None.
            datetime_format: Format of dates in text, in the codes of strftime; found where not declared. Default: None.
        """
    def fixed(self, *, column: str = ..., sets: Sequence[str] = ..., k_fold: int | None = ...) -> Part:
        """Reads the sets from a column.

        Args:
            column: Column with the names of the sets, or 0, 1, 2; with `k_fold`, with the folds. Default: 'split'.
            sets: Names of sets beyond train, validation and test. Default: [].
            k_fold: Number of folds; the column then holds as many distinct values. Default: None.
        """
    def group(self, *, column: str, probabilities: Sequence[Any] = ..., sets: Mapping[str, float] | None = ..., stratify: str | Sequence[str] | None = ..., k_fold: int | None = ..., repeats: int = ...) -> Part:
        """Deals out whole groups, shuffled, until each set has about its share of the rows.

        Args:
            column: Column that names each row's group; rows without a value are one group.
            probabilities: Shares of the rows for train, validation and test; they sum to 1. Default: [0.7, 0.1, 0.2].
            sets: Shares of any named sets, 'train' among them, in place of `probabilities`. Default: None.
            stratify: Column, or list of columns, whose classes each set has in about equal shares, as far as whole groups allow. Default: None.
            k_fold: Number of folds, each of which tests once, to judge the recipe beside the sets. Default: None.
            repeats: Times the rows are dealt to folds anew, which makes the judgement of `k_fold` surer. Default: 1.
        """
    def hash(self, *, column: str, probabilities: Sequence[Any] = ..., sets: Mapping[str, float] | None = ..., salt: str = ...) -> Part:
        """Turns each value into a number from 0 to 1 and looks up whose share that is.

        Args:
            column: Column whose value decides, such as an identifier; equal values share a set.
            probabilities: Shares of train, validation and test; they sum to 1. Default: [0.7, 0.1, 0.2].
            sets: Shares of any named sets, 'train' among them, in place of `probabilities`. Default: None.
            salt: Text hashed with the value; another salt gives another split. Default: ''.
        """
    def random(self, *, probabilities: Sequence[Any] = ..., sets: Mapping[str, float] | None = ..., stratify: str | Sequence[str] | None = ..., k_fold: int | None = ..., repeats: int = ...) -> Part:
        """Deals shuffled rows out to the sets.

        Args:
            probabilities: Shares of train, validation and test; they sum to 1. Default: [0.7, 0.1, 0.2].
            sets: Shares of any named sets, 'train' among them, in place of `probabilities`. Default: None.
            stratify: Column, or list of columns, whose classes (or bins of a number) each set has in equal shares; of several, each is balanced by itself, not their combinations. Default: None.
            k_fold: Number of folds, each of which tests once, to judge the recipe beside the sets. Default: None.
            repeats: Times the rows are dealt to folds anew, which makes the judgement of `k_fold` surer. Default: 1.
        """
    def stratify(self, *, column: str | Sequence[str], bins: int | None = ..., probabilities: Sequence[Any] = ..., sets: Mapping[str, float] | None = ..., k_fold: int | None = ..., repeats: int = ...) -> Part:
        """Deals out the rows of each class by the shares.

        Args:
            column: Column that holds the classes, or a number to be cut into bins; of a list of columns, each is balanced by itself, not their combinations.
            bins: Ranges of equally many rows to cut numbers into; 10 where a column is a measurement. Default: None.
            probabilities: Shares of train, validation and test; they sum to 1. Default: [0.7, 0.1, 0.2].
            sets: Shares of any named sets, 'train' among them, in place of `probabilities`. Default: None.
            k_fold: Number of folds, each of which tests once, to judge the recipe beside the sets. Default: None.
            repeats: Times the rows are dealt to folds anew, which makes the judgement of `k_fold` surer. Default: 1.
        """

splits: _splits

class _families(Namespace):
    def baseline(self) -> Part:
        """The prior, or one rule."""
    def gbm(self) -> Part:
        """Gradient-boosted trees by LightGBM."""
    def knn(self) -> Part:
        """Nearest neighbours over numbers, categories and text; keeps training rows."""
    def linear(self) -> Part:
        """Logistic and ridge regression, and generalised linear models."""
    def naive_bayes(self) -> Part:
        """Naive Bayes over numbers, categories and text."""
    def neural(self) -> Part:
        """Neural networks over any mix of columns, with one head an output."""

families: _families

class _trainers(Namespace):
    def baseline(self, *, strategy: Literal['prior', 'per_group', 'last'] = ..., smoothing: float = ..., max_bins: int = ..., max_rows: int = ...) -> Part:
        """Which rule answers.

        Args:
            strategy: `prior`: one answer for all rows; `per_group`: one a group of the column that tells most; `last`: what was true of the newest training row. Default: 'prior'.
            smoothing: Rows' worth of pull of a group's answer towards the prior. Default: 10.0.
            max_bins: Groups that a number is cut into at most. Default: 10.
            max_rows: Rows looked at at most, evenly spaced; the run says how many were left out. Default: 1000000.
        """
    def gbm(self, *, learning_rate: float | Literal['auto'] = ..., num_boost_round: int | Literal['auto'] = ..., early_stop: int | Literal['auto'] = ..., boosting_type: Literal['gbdt', 'rf', 'dart', 'goss'] = ..., num_leaves: int | Literal['auto'] = ..., max_depth: int = ..., min_data_in_leaf: int | Literal['auto'] = ..., min_sum_hessian_in_leaf: float = ..., bagging_fraction: float | Literal['auto'] = ..., pos_bagging_fraction: float = ..., neg_bagging_fraction: float = ..., bagging_freq: int | Literal['auto'] = ..., feature_fraction: float | Literal['auto'] = ..., feature_fraction_bynode: float = ..., extra_trees: bool = ..., max_delta_step: float = ..., lambda_l1: float = ..., lambda_l2: float | Literal['auto'] = ..., min_gain_to_split: float = ..., drop_rate: float = ..., max_drop: int = ..., skip_drop: float = ..., xgboost_dart_mode: bool = ..., uniform_drop: bool = ..., top_rate: float = ..., other_rate: float = ..., min_data_per_group: int = ..., max_cat_threshold: int = ..., cat_l2: float = ..., cat_smooth: float = ..., max_cat_to_onehot: int = ..., cegb_tradeoff: float = ..., cegb_penalty_split: float = ..., path_smooth: float = ..., max_bin: int | Literal['auto'] = ..., validation_metric: Literal['loss', 'roc_auc', 'average_precision', 'accuracy', 'mae'] = ..., time_budget_seconds: float | None = ..., interaction_constraints: Sequence[Sequence[str]] | None = ..., monotone_method: Literal['basic', 'intermediate', 'advanced'] = ..., boosting_rounds_per_checkpoint: int = ...) -> Part:
        """How trees are grown; every key but the last four is LightGBM's own.

        Args:
            learning_rate: Share of each tree's answer that is added; smaller is slower and often a little better. Default: 'auto'.
            num_boost_round: Rounds of boosting at most; with validation rows, early stopping ends sooner. Default: 'auto'.
            early_stop: Rounds without a better validation metric after which to stop; 0 or less never stops. Default: 'auto'.
            boosting_type: Plain boosting, random forest, boosting with dropped trees, or with sampled gradients. Default: 'gbdt'.
            num_leaves: Leaves of a tree at most. Default: 'auto'.
            max_depth: Levels of a tree at most; 0 or less is no limit. Default: -1.
            min_data_in_leaf: Rows of a leaf at least. Default: 'auto'.
            min_sum_hessian_in_leaf: Curvature of the loss in a leaf at least. Default: 0.001.
            bagging_fraction: Share of the rows that a tree is grown on. Default: 'auto'.
            pos_bagging_fraction: Share of the positive rows that a tree is grown on; for a binary output. Default: 1.0.
            neg_bagging_fraction: Share of the negative rows that a tree is grown on; for a binary output. Default: 1.0.
            bagging_freq: Rounds after which rows are drawn anew; 0 uses all rows. Default: 'auto'.
            feature_fraction: Share of the columns that a tree may use. Default: 'auto'.
            feature_fraction_bynode: Share of the columns that a split may use. Default: 1.0.
            extra_trees: Whether a split tries one random threshold a column, not all. Default: False.
            max_delta_step: Largest answer of a leaf; 0 or less is no limit. Default: 0.0.
            lambda_l1: Weight of the sum of absolute leaf answers. Default: 0.0.
            lambda_l2: Weight of the sum of squared leaf answers. Default: 'auto'.
            min_gain_to_split: Gain that a split must bring. Default: 0.0.
            drop_rate: Share of earlier trees dropped in a round; for `dart`. Default: 0.1.
            max_drop: Trees dropped in a round at most, 0 or less is no limit; for `dart`. Default: 50.
            skip_drop: Probability that a round drops no tree; for `dart`. Default: 0.5.
            xgboost_dart_mode: Whether dropped trees are weighted as XGBoost does; for `dart`. Default: False.
            uniform_drop: Whether every tree is dropped with the same probability; for `dart`. Default: False.
            top_rate: Share of rows with large gradients that are kept; for `goss`. Default: 0.2.
            other_rate: Share of the other rows that are drawn; for `goss`. Default: 0.1.
            min_data_per_group: Rows of a category at least, for a split of its own. Default: 100.
            max_cat_threshold: Groupings of categories that a split tries at most. Default: 32.
            cat_l2: As `lambda_l2`, in splits by category. Default: 10.0.
            cat_smooth: Rows' worth of doubt about a category's mean. Default: 10.0.
            max_cat_to_onehot: Columns with up to this many categories are split one category against the rest. Default: 4.
            cegb_tradeoff: Factor of every cost of computing. Default: 1.0.
            cegb_penalty_split: Cost of a split. Default: 0.0.
            path_smooth: Rows' worth of pull of a leaf towards its parent. Default: 0.0.
            max_bin: Bins that a number is cut into at most. Default: 'auto'.
            validation_metric: What early stopping watches; an output that lacks it is judged by its loss. Default: 'loss'.
            time_budget_seconds: Wall time for all outputs together; what has been grown by then is kept. Default: None.
            interaction_constraints: Groups of inputs that may stand in one branch together; an input in none stands alone. Default: None.
            monotone_method: How `monotone` of an input is kept: later ones take longer and lose less. Default: 'intermediate'.
            boosting_rounds_per_checkpoint: Rounds between two reports of progress. Default: 10.
        """
    def knn(self, *, k: int | Literal['auto'] = ..., weights: Literal['uniform', 'distance'] = ..., smoothing: float = ..., max_rows: int = ..., judge_rows: int = ...) -> Part:
        """How many neighbours answer, and how.

        Args:
            k: Neighbours that answer; `auto` takes the number with the lowest loss on validation rows, or on training rows that are each judged by the others where there are none. Default: 'auto'.
            weights: Whether neighbours count the same, or by the inverse of their distance. Default: 'uniform'.
            smoothing: Votes' worth of pull of class shares towards those of all training rows. Default: 1.0.
            max_rows: Training rows that are kept at most; above it, rows are drawn at random and the run says so. Default: 100000.
            judge_rows: Rows that `k: auto` is judged on at most, evenly spaced. Default: 2000.
        """
    def linear(self, *, regularization: float | Literal['auto'] = ..., max_iterations: int = ..., tolerance: float | Literal['auto'] = ..., max_rows: int | None = ..., time_budget_seconds: float | None = ..., distribution: Literal['normal', 'poisson', 'gamma', 'tweedie'] = ...) -> Part:
        """How the weights are found.

        Args:
            regularization: Strength C of the fit against the ridge: larger follows the data more; `auto` chooses. Default: 'auto'.
            max_iterations: Steps of L-BFGS for one strength at most. Default: 100.
            tolerance: Relative change of the loss below which a step is small; three end the search. `auto`: 1e-3 with text, whose n-grams fit noise long before the loss stands still, else 1e-5. Default: 'auto'.
            max_rows: Training rows, and validation rows, at most; above it, rows are drawn at random and the run says so. Default: None.
            time_budget_seconds: Wall time for all outputs together; what has been reached by then is kept. Default: None.
            distribution: Of numbers whose output has no `loss`: other than `normal`, the logarithm of the mean is learned, and the target must not be below 0 (`gamma`: must be above). Default: 'normal'.
        """
    def naive_bayes(self, *, smoothing: float = ..., variance_smoothing: float = ..., text: Literal['complement', 'multinomial', 'bernoulli'] = ..., prior: Literal['training', 'uniform'] = ...) -> Part:
        """How shares and distributions are counted.

        Args:
            smoothing: Rows' worth of doubt about each category and each term (Laplace). Default: 1.0.
            variance_smoothing: Share of a number's overall variance that is added to its variance in each class. Default: 0.001.
            text: How terms are counted: in all other classes, in the class, or whether they occur at all. Default: 'complement'.
            prior: Share of each class before any column is looked at. Default: 'training'.
        """
    def neural(self, *, epochs: int | Literal['auto'] | None = ..., train_steps: int | None = ..., batch_size: int | Literal['auto'] = ..., max_batch_size: int = ..., eval_batch_size: int | Literal['auto'] | None = ..., learning_rate: float | Literal['auto'] = ..., learning_rate_scheduler: Part | Component | str | None = ..., optimizer: Part | Component | str | None = ..., regularization_type: Literal['l2', 'l1', 'l1_l2'] | None = ..., regularization_lambda: float = ..., regularization_schedule: Literal['constant', 'flat_cos'] = ..., gradient_clipping: Mapping[str, Any] | None = ..., early_stop: int | Literal['auto'] = ..., validation_field: str = ..., validation_metric: Literal['auto', 'loss', 'log_loss', 'accuracy', 'roc_auc', 'mean_squared_error', 'root_mean_squared_error', 'mean_absolute_error', 'r2'] = ..., calibrate: bool = ..., evaluate_training_set: bool = ..., should_shuffle: bool = ..., use_mixed_precision: bool = ..., checkpoint_interval: int | str = ..., steps_per_checkpoint: int = ..., time_budget_seconds: float | None = ...) -> Part:
        """How a neural model is trained; keys shared with Ludwig mean the same.

        Args:
            epochs: Times all rows are seen; 'auto' is a rule on the number of rows and the encoders. Default: 'auto'.
            train_steps: Steps in all; wins over `epochs`. Default: None.
            batch_size: Rows a step; 'auto' is a rule on the number of rows. A batch that does not fit into memory is run in parts that are added up. Default: 'auto'.
            max_batch_size: Bound of an automatic `batch_size`. Default: 65536.
            eval_batch_size: Rows of a block in validation; null or 'auto' is a rule on the encoders. Default: None.
            learning_rate: Size of a step; 'auto' takes that of the body, the encoders' own where they have one. Default: 'auto'.
            learning_rate_scheduler: How the rate falls; by default 'coslog4' for the default body, 'linear' for texts, else 'constant'. Default: None.
            optimizer: What moves the weights; by default 'adamw'. Default: None.
            regularization_type: What `regularization_lambda` weighs: the squares of the weights, their sizes, or both. Default: 'l2'.
            regularization_lambda: Factor of a penalty on the weights, added to the loss. Default: 0.0.
            regularization_schedule: How dropout of the body and weight decay run: 'flat_cos' lowers them to 0 in the second half. Default: 'flat_cos'.
            gradient_clipping: Bounds of the gradient; none by default. Default: None.
            early_stop: Evaluations without a better metric before training ends; -1 never; 'auto' is never where the schedule runs to 0, else 5. Default: 'auto'.
            validation_field: Output whose metric decides; 'combined' is all of them, by their weights. Default: 'combined'.
            validation_metric: What decides; 'auto' is log-loss after temperature scaling for classes, squared error for numbers. Default: 'auto'.
            calibrate: Whether the temperature of probabilities is set on the validation rows at the end. Default: True.
            evaluate_training_set: Whether metrics are also computed on the training rows after each round. Default: False.
            should_shuffle: Whether rows are put in a new order each epoch. Default: True.
            use_mixed_precision: Whether forward and backward run in bfloat16, whatever the backend says. Default: False.
            checkpoint_interval: Epochs between checkpoints, or '500 steps', '30 seconds'; 0 writes none. When a checkpoint is written changes no result. Default: '20 seconds'.
            steps_per_checkpoint: Steps between evaluations, each with a checkpoint; 0 evaluates after each epoch. Default: 0.
            time_budget_seconds: Seconds of training after which the best weights so far are taken. Default: None.
        """

trainers: _trainers

class _encoders(Namespace):
    def albert(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """ALBERT (Lan et al. 2019, arXiv 1909.11942).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'albert-base-v2'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def auto_transformer(self, *, pretrained_model_name_or_path: str, use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """Any text encoder of Hugging Face; the architecture is read from its configuration.

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub, of configuration, weights and tokeniser.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def bag(self, *, embedding_size: int = ..., dropout: float = ..., learning_rate: float = ...) -> Part:
        """Sums one learned vector an n-gram: fast, needs no weights from elsewhere.

        Args:
            embedding_size: Numbers in a vector. Default: 64.
            dropout: Share of numbers set to 0 while training. Default: 0.2.
            learning_rate: Learning rate of the vectors where `trainer.learning_rate` is 'auto'. Default: 0.003.
        """
    def bert(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """BERT (Devlin et al. 2018, arXiv 1810.04805).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'bert-base-uncased'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def camembert(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """CamemBERT (Martin et al. 2019, arXiv 1911.03894).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'camembert-base'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def deberta(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """DeBERTa (He et al. 2021, arXiv 2111.09543).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'microsoft/deberta-v3-base'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def dense(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., output_size: int = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., norm: Literal['batch', 'layer'] | None = ..., activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., dropout: float = ..., embedding_size: int | None = ..., embeddings_trainable: bool = ...) -> Part:
        """Dense layers over the columns of a group; a category first becomes a learned vector.

        Args:
            fc_layers: One mapping a layer, for layers that differ; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Number of equal layers; none where neither this nor `fc_layers` is given. Default: None.
            output_size: Numbers each layer gives. Default: 256.
            use_bias: Whether a constant is added in each layer. Default: True.
            weights_initializer: How the first weights are drawn. Default: 'xavier_uniform'.
            bias_initializer: How the first constants are set. Default: 'zeros'.
            norm: Normalisation before each activation. Default: None.
            activation: Function on each number. Default: 'relu'.
            dropout: Share of numbers set to 0 while training. Default: 0.0.
            embedding_size: Numbers in the vector of a category, 50 where it is not given; numbers have none. Default: None.
            embeddings_trainable: Whether the vectors of categories are learned. Default: True.
        """
    def distilbert(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """DistilBERT (Sanh et al. 2019, arXiv 1910.01108).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'distilbert-base-uncased'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def electra(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """ELECTRA (Clark et al. 2020, arXiv 2003.10555).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'google/electra-small-discriminator'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def embed(self, *, embedding_size: int | None = ..., embeddings_trainable: bool = ..., dropout: float = ..., reduce_output: Literal['sum', 'mean', 'avg', 'max', 'concat', 'last', 'first', 'attention'] | None = ..., max_sequence_length: int = ...) -> Part:
        """Learned vectors of categories, laid side by side, or of tokens, reduced to one.

        Args:
            embedding_size: Numbers in a vector; by default 8 for a category and 64 for a token. Default: None.
            embeddings_trainable: Whether the vectors are learned. Default: True.
            dropout: Share of numbers set to 0 while training. Default: 0.0.
            reduce_output: How the vectors of a text become one; nothing is reduced for categories. Default: 'mean'.
            max_sequence_length: Tokens laid side by side where `reduce_output` is 'concat'. Default: 256.
        """
    def gru(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., output_size: int = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., norm: Literal['batch', 'layer'] | None = ..., activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., dropout: float = ..., embedding_size: int = ..., first_vectors: Literal['texts', 'random'] = ..., token_dropout: float = ..., reduced_dropout: float = ..., representation: Literal['dense', 'sparse'] = ..., embeddings_trainable: bool = ..., reduce_output: Literal['sum', 'mean', 'avg', 'max', 'concat', 'last', 'first', 'attention'] | None = ..., max_sequence_length: int = ..., cell_type: Literal['gru'] = ..., state_size: int = ..., num_layers: int = ..., bidirectional: bool = ..., recurrent_dropout: float = ...) -> Part:
        """A GRU over the tokens of a text, both ways, with the maximum over places by default.

        Args:
            fc_layers: One mapping a layer, for layers that differ; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Number of equal layers; none where neither this nor `fc_layers` is given. Default: None.
            output_size: Numbers each layer gives. Default: 256.
            use_bias: Whether a constant is added in each layer. Default: True.
            weights_initializer: How the first weights are drawn. Default: 'xavier_uniform'.
            bias_initializer: How the first constants are set. Default: 'zeros'.
            norm: Normalisation before each activation. Default: None.
            activation: Function on each number. Default: 'relu'.
            dropout: Share of numbers set to 0 while training. Default: 0.0.
            embedding_size: Numbers in the vector of a token. Default: 64.
            first_vectors: How the vectors of tokens start: 'texts' by latent semantic analysis of up to 10,000 training rows, so that tokens of like texts start near each other; 'random' anywhere. Default: 'texts'.
            token_dropout: Share of tokens whose vector is set to 0 while training. Default: 0.2.
            reduced_dropout: Share of the reduced vector set to 0 while training. Default: 0.5.
            representation: `sparse`: fixed one-hot vectors in place of learned ones. Default: 'dense'.
            embeddings_trainable: Whether the vectors of tokens are learned. Default: True.
            reduce_output: How the sequence becomes one vector; null hands the sequence on. Default: 'max'.
            max_sequence_length: Tokens laid side by side where `reduce_output` is 'concat'. Default: 256.
            cell_type: The cell. Default: 'gru'.
            state_size: Numbers in the state. Default: 64.
            num_layers: Recurrent layers one upon the other. Default: 1.
            bidirectional: Whether a second network reads from the end. Default: True.
            recurrent_dropout: Share of numbers set to 0 between layers while training. Default: 0.0.
        """
    def lstm(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., output_size: int = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., norm: Literal['batch', 'layer'] | None = ..., activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., dropout: float = ..., embedding_size: int = ..., first_vectors: Literal['texts', 'random'] = ..., token_dropout: float = ..., reduced_dropout: float = ..., representation: Literal['dense', 'sparse'] = ..., embeddings_trainable: bool = ..., reduce_output: Literal['sum', 'mean', 'avg', 'max', 'concat', 'last', 'first', 'attention'] | None = ..., max_sequence_length: int = ..., cell_type: Literal['lstm'] = ..., state_size: int = ..., num_layers: int = ..., bidirectional: bool = ..., recurrent_dropout: float = ...) -> Part:
        """An LSTM over the tokens of a text, both ways, with the maximum over places by default.

        Args:
            fc_layers: One mapping a layer, for layers that differ; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Number of equal layers; none where neither this nor `fc_layers` is given. Default: None.
            output_size: Numbers each layer gives. Default: 256.
            use_bias: Whether a constant is added in each layer. Default: True.
            weights_initializer: How the first weights are drawn. Default: 'xavier_uniform'.
            bias_initializer: How the first constants are set. Default: 'zeros'.
            norm: Normalisation before each activation. Default: None.
            activation: Function on each number. Default: 'relu'.
            dropout: Share of numbers set to 0 while training. Default: 0.0.
            embedding_size: Numbers in the vector of a token. Default: 64.
            first_vectors: How the vectors of tokens start: 'texts' by latent semantic analysis of up to 10,000 training rows, so that tokens of like texts start near each other; 'random' anywhere. Default: 'texts'.
            token_dropout: Share of tokens whose vector is set to 0 while training. Default: 0.2.
            reduced_dropout: Share of the reduced vector set to 0 while training. Default: 0.5.
            representation: `sparse`: fixed one-hot vectors in place of learned ones. Default: 'dense'.
            embeddings_trainable: Whether the vectors of tokens are learned. Default: True.
            reduce_output: How the sequence becomes one vector; null hands the sequence on. Default: 'max'.
            max_sequence_length: Tokens laid side by side where `reduce_output` is 'concat'. Default: 256.
            cell_type: The cell. Default: 'lstm'.
            state_size: Numbers in the state. Default: 64.
            num_layers: Recurrent layers one upon the other. Default: 1.
            bidirectional: Whether a second network reads from the end. Default: True.
            recurrent_dropout: Share of numbers set to 0 between layers while training. Default: 0.0.
        """
    def modernbert(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """ModernBERT (Warner et al. 2024, arXiv 2412.13663).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'answerdotai/ModernBERT-base'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def mpnet(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """MPNet (Song et al. 2020, arXiv 2004.09297).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'microsoft/mpnet-base'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def onehot(self) -> Part:
        """Gives each category its own column of 0 and 1; Ludwig's `sparse` means the same."""
    def parallel_cnn(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., output_size: int = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., norm: Literal['batch', 'layer'] | None = ..., activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., dropout: float = ..., embedding_size: int = ..., first_vectors: Literal['texts', 'random'] = ..., token_dropout: float = ..., reduced_dropout: float = ..., representation: Literal['dense', 'sparse'] = ..., embeddings_trainable: bool = ..., reduce_output: Literal['sum', 'mean', 'avg', 'max', 'concat', 'last', 'first', 'attention'] | None = ..., max_sequence_length: int = ..., conv_layers: Sequence[Mapping[str, Any]] | None = ..., num_conv_layers: int | None = ..., filter_size: int = ..., num_filters: int = ...) -> Part:
        """Filters over 2 to 4 tokens, side by side (Kim 2014); by default the maximum of each.

        Args:
            fc_layers: One mapping a layer, for layers that differ; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Number of equal layers; none where neither this nor `fc_layers` is given. Default: None.
            output_size: Numbers each layer gives. Default: 256.
            use_bias: Whether a constant is added in each layer. Default: True.
            weights_initializer: How the first weights are drawn. Default: 'xavier_uniform'.
            bias_initializer: How the first constants are set. Default: 'zeros'.
            norm: Normalisation before each activation. Default: None.
            activation: Function on each number. Default: 'relu'.
            dropout: Share of numbers set to 0 while training. Default: 0.0.
            embedding_size: Numbers in the vector of a token. Default: 64.
            first_vectors: How the vectors of tokens start: 'texts' by latent semantic analysis of up to 10,000 training rows, so that tokens of like texts start near each other; 'random' anywhere. Default: 'texts'.
            token_dropout: Share of tokens whose vector is set to 0 while training. Default: 0.2.
            reduced_dropout: Share of the reduced vector set to 0 while training. Default: 0.5.
            representation: `sparse`: fixed one-hot vectors in place of learned ones. Default: 'dense'.
            embeddings_trainable: Whether the vectors of tokens are learned. Default: True.
            reduce_output: How the sequence becomes one vector; null hands the sequence on. Default: 'max'.
            max_sequence_length: Tokens laid side by side where `reduce_output` is 'concat'. Default: 256.
            conv_layers: One mapping a convolution; wins over `num_conv_layers`. Default: None.
            num_conv_layers: Equal convolutions of `filter_size`; by default three, of 2, 3 and 4 tokens. Default: None.
            filter_size: Tokens a filter sees where `num_conv_layers` is written. Default: 3.
            num_filters: Filters of each length. Default: 64.
        """
    def passthrough(self) -> Part:
        """Hands numbers, vectors and yes/no columns to the combiner as they are."""
    def periodic(self, *, num_frequencies: int = ..., embedding_size: int = ..., sigma: float = ...) -> Part:
        """Numbers with a linear map of cosines of learned frequency (PBLD of RealMLP-TD).

        Args:
            num_frequencies: Waves a number is spread over. Default: 16.
            embedding_size: Columns a number becomes, itself included. Default: 4.
            sigma: Spread of the first frequencies, in waves per unit of the scaled number. Default: 0.1.
        """
    def piecewise_linear(self, *, num_bins: int = ..., embedding_size: int = ...) -> Part:
        """Numbers spread over quantile bins of the training rows, then a linear map each.

        Args:
            num_bins: Bins a number is spread over. Default: 32.
            embedding_size: Columns a number becomes, itself included. Default: 8.
        """
    def rnn(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., output_size: int = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., norm: Literal['batch', 'layer'] | None = ..., activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., dropout: float = ..., embedding_size: int = ..., first_vectors: Literal['texts', 'random'] = ..., token_dropout: float = ..., reduced_dropout: float = ..., representation: Literal['dense', 'sparse'] = ..., embeddings_trainable: bool = ..., reduce_output: Literal['sum', 'mean', 'avg', 'max', 'concat', 'last', 'first', 'attention'] | None = ..., max_sequence_length: int = ..., cell_type: Literal['rnn', 'lstm', 'gru'] = ..., state_size: int = ..., num_layers: int = ..., bidirectional: bool = ..., recurrent_dropout: float = ...) -> Part:
        """A recurrent network over the tokens of a text.

        Args:
            fc_layers: One mapping a layer, for layers that differ; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Number of equal layers; none where neither this nor `fc_layers` is given. Default: None.
            output_size: Numbers each layer gives. Default: 256.
            use_bias: Whether a constant is added in each layer. Default: True.
            weights_initializer: How the first weights are drawn. Default: 'xavier_uniform'.
            bias_initializer: How the first constants are set. Default: 'zeros'.
            norm: Normalisation before each activation. Default: None.
            activation: Function on each number. Default: 'relu'.
            dropout: Share of numbers set to 0 while training. Default: 0.0.
            embedding_size: Numbers in the vector of a token. Default: 64.
            first_vectors: How the vectors of tokens start: 'texts' by latent semantic analysis of up to 10,000 training rows, so that tokens of like texts start near each other; 'random' anywhere. Default: 'texts'.
            token_dropout: Share of tokens whose vector is set to 0 while training. Default: 0.2.
            reduced_dropout: Share of the reduced vector set to 0 while training. Default: 0.5.
            representation: `sparse`: fixed one-hot vectors in place of learned ones. Default: 'dense'.
            embeddings_trainable: Whether the vectors of tokens are learned. Default: True.
            reduce_output: How the sequence becomes one vector; null hands the sequence on. Default: 'last'.
            max_sequence_length: Tokens laid side by side where `reduce_output` is 'concat'. Default: 256.
            cell_type: The cell. Default: 'rnn'.
            state_size: Numbers in the state. Default: 64.
            num_layers: Recurrent layers one upon the other. Default: 1.
            bidirectional: Whether a second network reads from the end. Default: False.
            recurrent_dropout: Share of numbers set to 0 between layers while training. Default: 0.0.
        """
    def roberta(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """RoBERTa (Liu et al. 2019, arXiv 1907.11692).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'roberta-base'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def stacked_cnn(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., output_size: int = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., norm: Literal['batch', 'layer'] | None = ..., activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., dropout: float = ..., embedding_size: int = ..., first_vectors: Literal['texts', 'random'] = ..., token_dropout: float = ..., reduced_dropout: float = ..., representation: Literal['dense', 'sparse'] = ..., embeddings_trainable: bool = ..., reduce_output: Literal['sum', 'mean', 'avg', 'max', 'concat', 'last', 'first', 'attention'] | None = ..., max_sequence_length: int = ..., conv_layers: Sequence[Mapping[str, Any]] | None = ..., num_conv_layers: int = ..., filter_size: int = ..., num_filters: int = ..., pool_size: int | None = ..., pool_function: Literal['max', 'mean'] = ...) -> Part:
        """Convolutions one upon the other, with pooling between.

        Args:
            fc_layers: One mapping a layer, for layers that differ; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Number of equal layers; none where neither this nor `fc_layers` is given. Default: None.
            output_size: Numbers each layer gives. Default: 256.
            use_bias: Whether a constant is added in each layer. Default: True.
            weights_initializer: How the first weights are drawn. Default: 'xavier_uniform'.
            bias_initializer: How the first constants are set. Default: 'zeros'.
            norm: Normalisation before each activation. Default: None.
            activation: Function on each number. Default: 'relu'.
            dropout: Share of numbers set to 0 while training. Default: 0.0.
            embedding_size: Numbers in the vector of a token. Default: 64.
            first_vectors: How the vectors of tokens start: 'texts' by latent semantic analysis of up to 10,000 training rows, so that tokens of like texts start near each other; 'random' anywhere. Default: 'texts'.
            token_dropout: Share of tokens whose vector is set to 0 while training. Default: 0.2.
            reduced_dropout: Share of the reduced vector set to 0 while training. Default: 0.5.
            representation: `sparse`: fixed one-hot vectors in place of learned ones. Default: 'dense'.
            embeddings_trainable: Whether the vectors of tokens are learned. Default: True.
            reduce_output: How the sequence becomes one vector; null hands the sequence on. Default: 'max'.
            max_sequence_length: Tokens laid side by side where `reduce_output` is 'concat'. Default: 256.
            conv_layers: One mapping a convolution; wins over `num_conv_layers`. Default: None.
            num_conv_layers: Equal convolutions. Default: 3.
            filter_size: Tokens a filter sees. Default: 5.
            num_filters: Filters. Default: 128.
            pool_size: Places of which one is kept after each convolution; null keeps all. Default: 2.
            pool_function: How places are pooled. Default: 'max'.
        """
    def t5(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """The encoder of T5 (Raffel et al. 2019, arXiv 1910.10683).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'google-t5/t5-small'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """
    def transformer(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., output_size: int = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., norm: Literal['batch', 'layer'] | None = ..., activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., dropout: float = ..., embedding_size: int = ..., first_vectors: Literal['texts', 'random'] = ..., token_dropout: float = ..., reduced_dropout: float = ..., representation: Literal['dense', 'sparse'] = ..., embeddings_trainable: bool = ..., reduce_output: Literal['sum', 'mean', 'avg', 'max', 'concat', 'last', 'first', 'attention'] | None = ..., max_sequence_length: int = ..., num_layers: int = ..., num_heads: int = ..., hidden_size: int = ..., transformer_output_size: int = ...) -> Part:
        """Self-attention over the tokens of a text.

        Args:
            fc_layers: One mapping a layer, for layers that differ; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Number of equal layers; none where neither this nor `fc_layers` is given. Default: None.
            output_size: Numbers each layer gives. Default: 256.
            use_bias: Whether a constant is added in each layer. Default: True.
            weights_initializer: How the first weights are drawn. Default: 'xavier_uniform'.
            bias_initializer: How the first constants are set. Default: 'zeros'.
            norm: Normalisation before each activation. Default: None.
            activation: Function on each number. Default: 'relu'.
            dropout: Share of numbers set to 0 while training. Default: 0.1.
            embedding_size: Numbers in the vector of a token. Default: 64.
            first_vectors: How the vectors of tokens start: 'texts' by latent semantic analysis of up to 10,000 training rows, so that tokens of like texts start near each other; 'random' anywhere. Default: 'texts'.
            token_dropout: Share of tokens whose vector is set to 0 while training. Default: 0.2.
            reduced_dropout: Share of the reduced vector set to 0 while training. Default: 0.5.
            representation: `sparse`: fixed one-hot vectors in place of learned ones. Default: 'dense'.
            embeddings_trainable: Whether the vectors of tokens are learned. Default: True.
            reduce_output: How the sequence becomes one vector; null hands the sequence on. Default: 'mean'.
            max_sequence_length: Tokens laid side by side where `reduce_output` is 'concat'. Default: 256.
            num_layers: Blocks one upon the other. Default: 2.
            num_heads: Heads that attention is split into. Default: 4.
            hidden_size: Width of the blocks; a linear map leads to it where `embedding_size` differs. Default: 128.
            transformer_output_size: Width of the inner layer of each block. Default: 256.
        """
    def xlmroberta(self, *, pretrained_model_name_or_path: str | None = ..., use_pretrained: bool = ..., trainable: bool = ..., reduce_output: Literal['cls_pooled', 'first', 'mean', 'avg', 'sum', 'max', 'last', 'attention'] | None = ..., learning_rate: float = ...) -> Part:
        """XLM-RoBERTa (Conneau et al. 2019, arXiv 1911.02116).

        Args:
            pretrained_model_name_or_path: Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone. Default: 'xlm-roberta-base'.
            use_pretrained: Whether the weights are taken from there; else the architecture starts from random ones. Default: True.
            trainable: Whether the weights are learned further; frozen ones are run once per distinct text. Default: False.
            reduce_output: How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token. Default: 'mean'.
            learning_rate: Learning rate of these weights where `trainer.learning_rate` is 'auto'. Default: 0.0001.
        """

encoders: _encoders

class _combiners(Namespace):
    def concat(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., output_size: int = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., norm: Literal['batch', 'layer'] | None = ..., activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] | Literal['auto'] = ..., dropout: float | Literal['auto'] = ..., hidden_layers: int = ..., residual: bool = ...) -> Part:
        """Lays the encoded columns side by side and runs dense layers over them.

        Args:
            fc_layers: One mapping a layer, for layers that differ; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Number of equal layers; none where neither this nor `fc_layers` is given. Default: None.
            output_size: Numbers each layer gives. Default: 256.
            use_bias: Whether a constant is added in each layer. Default: True.
            weights_initializer: How the first weights are drawn. Default: 'xavier_uniform'.
            bias_initializer: How the first constants are set. Default: 'zeros'.
            norm: Normalisation before each activation. Default: None.
            activation: Function on each number; 'auto' is 'relu' in plain layers, else 'selu' for classes and 'mish' for numbers. Default: 'auto'.
            dropout: Share of numbers set to 0 while training; 'auto' is 0 in plain layers, else 0.3 for classes and 0.1 for numbers. Default: 'auto'.
            hidden_layers: Layers of the default body, each of `output_size`. Default: 3.
            residual: Whether a plain layer's input is added to its output where the widths agree. Default: False.
        """

combiners: _combiners

class _decoders(Namespace):
    def classifier(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., fc_output_size: int = ..., fc_use_bias: bool = ..., fc_weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., fc_bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., fc_norm: Literal['batch', 'layer'] | None = ..., fc_activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., fc_dropout: float = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] | None = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ...) -> Part:
        """Gives one score for each class of a category.

        Args:
            fc_layers: One mapping a layer of this head; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Layers of this head alone. Default: None.
            fc_output_size: Numbers each of them gives. Default: 256.
            fc_use_bias: Whether a constant is added in each. Default: True.
            fc_weights_initializer: How their first weights are drawn. Default: 'xavier_uniform'.
            fc_bias_initializer: How their first constants are set. Default: 'zeros'.
            fc_norm: Normalisation before each activation. Default: None.
            fc_activation: Function on each number. Default: 'relu'.
            fc_dropout: Share of numbers set to 0 while training. Default: 0.0.
            use_bias: Whether a constant is added to the scores. Default: True.
            weights_initializer: How the weights of the scores are first drawn; by default zeros after the default body. Default: None.
            bias_initializer: How the constants of the scores are first set. Default: 'zeros'.
        """
    def regressor(self, *, fc_layers: Sequence[Mapping[str, Any]] | None = ..., num_fc_layers: int | None = ..., fc_output_size: int = ..., fc_use_bias: bool = ..., fc_weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., fc_bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ..., fc_norm: Literal['batch', 'layer'] | None = ..., fc_activation: Literal['relu', 'selu', 'mish', 'elu', 'gelu', 'silu', 'leakyRelu', 'tanh', 'sigmoid', 'identity'] = ..., fc_dropout: float = ..., use_bias: bool = ..., weights_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] | None = ..., bias_initializer: Literal['constant', 'zeros', 'ones', 'normal', 'uniform', 'xavier_uniform', 'xavier_normal', 'kaiming_uniform', 'kaiming_normal', 'orthogonal', 'eye'] = ...) -> Part:
        """Gives the one score of a number or a yes/no column.

        Args:
            fc_layers: One mapping a layer of this head; wins over `num_fc_layers`. Default: None.
            num_fc_layers: Layers of this head alone. Default: None.
            fc_output_size: Numbers each of them gives. Default: 256.
            fc_use_bias: Whether a constant is added in each. Default: True.
            fc_weights_initializer: How their first weights are drawn. Default: 'xavier_uniform'.
            fc_bias_initializer: How their first constants are set. Default: 'zeros'.
            fc_norm: Normalisation before each activation. Default: None.
            fc_activation: Function on each number. Default: 'relu'.
            fc_dropout: Share of numbers set to 0 while training. Default: 0.0.
            use_bias: Whether a constant is added to the scores. Default: True.
            weights_initializer: How the weights of the scores are first drawn; by default zeros after the default body. Default: None.
            bias_initializer: How the constants of the scores are first set. Default: 'zeros'.
        """

decoders: _decoders

class _losses(Namespace):
    def binary_weighted_cross_entropy(self, *, weight: float = ..., label_smoothing: float = ..., robust_lambda: float = ..., confidence_penalty: float = ..., positive_class_weight: float | None = ...) -> Part:
        """Log-loss of a yes/no column, with a weight for the positive class.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
            label_smoothing: Share of each label that is spread over all classes. Default: 0.0.
            robust_lambda: Share of the loss that does not depend on the label, against wrong labels: the loss is `(1 - robust_lambda) * loss + robust_lambda / n_classes`. Default: 0.0.
            confidence_penalty: Factor of a penalty on answers of low entropy (Pereyra et al. 2017, arXiv 1701.06548). Default: 0.0.
            positive_class_weight: Weight of rows of the positive class; those of the negative class count 1. Default: None.
        """
    def focal(self, *, weight: float = ..., gamma: float = ...) -> Part:
        """Log-loss that counts well-judged rows less (Lin et al. 2017, arXiv 1708.02002).

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
            gamma: How much less; 0 is plain log-loss. Default: 2.0.
        """
    def gamma(self, *, weight: float = ...) -> Part:
        """Deviance of positive amounts whose spread grows with their mean; for `gbm` and `linear`.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
        """
    def huber(self, *, weight: float = ..., delta: float = ...) -> Part:
        """Squared for small errors and absolute for large ones.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
            delta: Error, in the scaled space of the column, above which the loss is linear. Default: 1.0.
        """
    def mean_absolute_error(self, *, weight: float = ...) -> Part:
        """Mean of absolute errors: the median is learned.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
        """
    def mean_absolute_percentage_error(self, *, weight: float = ...) -> Part:
        """Mean of absolute errors relative to the target, for `gbm`; targets below 1 count as 1.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
        """
    def mean_squared_error(self, *, weight: float = ...) -> Part:
        """Mean of squared errors in the scaled space of the column.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
        """
    def poisson(self, *, weight: float = ...) -> Part:
        """Deviance of counts: the logarithm of the mean is learned; for `gbm` and `linear`.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
        """
    def quantile(self, *, weight: float = ..., level: float = ...) -> Part:
        """Pinball loss: a quantile is learned, with this share of the rows below it.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
            level: Share of the rows that lie below the answer. Default: 0.5.
        """
    def root_mean_squared_error(self, *, weight: float = ...) -> Part:
        """Square root of the mean of squared errors of a batch.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
        """
    def softmax_cross_entropy(self, *, weight: float = ..., label_smoothing: float = ..., robust_lambda: float = ..., confidence_penalty: float = ..., class_weights: Mapping[str, float] | Sequence[float] | None = ...) -> Part:
        """Log-loss of a category, with weights by class.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
            label_smoothing: Share of each label that is spread over all classes. Default: 0.0.
            robust_lambda: Share of the loss that does not depend on the label, against wrong labels: the loss is `(1 - robust_lambda) * loss + robust_lambda / n_classes`. Default: 0.0.
            confidence_penalty: Factor of a penalty on answers of low entropy (Pereyra et al. 2017, arXiv 1701.06548). Default: 0.0.
            class_weights: Weight of each class, by label or in the order of the labels; a label left out counts 1. Default: None.
        """
    def tweedie(self, *, weight: float = ..., power: float = ...) -> Part:
        """Deviance of amounts that are often 0, such as claims or rain; for `gbm` and `linear`.

        Args:
            weight: Share of this output's loss in the sum over outputs. Default: 1.0.
            power: Variance as a power of the mean: towards 1 like counts, towards 2 like `gamma`. Default: 1.5.
        """

losses: _losses

class _optimizers(Namespace):
    def adadelta(self, *, weight_decay: float = ..., rho: float = ..., eps: float = ...) -> Part:
        """Steps scaled by moving means of squared gradients and squared moves.

        Args:
            weight_decay: Pull of weights (not of biases and scales) towards 0. Default: 0.0.
            rho: Decay of the moving means. Default: 0.9.
            eps: Added to the roots, against division by 0. Default: 1e-06.
        """
    def adagrad(self, *, weight_decay: float = ..., lr_decay: float = ..., initial_accumulator_value: float = ..., eps: float = ...) -> Part:
        """Steps divided by the root of the sum of squared gradients.

        Args:
            weight_decay: Pull of weights (not of biases and scales) towards 0. Default: 0.0.
            lr_decay: Decay of the rate with each step. Default: 0.0.
            initial_accumulator_value: First value of the sum. Default: 0.0.
            eps: Added to the root, against division by 0. Default: 1e-10.
        """
    def adam(self, *, betas: Sequence[Any] = ..., eps: float = ..., weight_decay: float = ..., amsgrad: bool = ...) -> Part:
        """Adam (Kingma and Ba 2014, arXiv 1412.6980).

        Args:
            betas: Decay of the means of the gradient and of its square. Default: [0.9, 0.999].
            eps: Added to the root, against division by 0. Default: 1e-08.
            weight_decay: Pull of weights (not of biases and scales) towards 0. Default: 0.0.
            amsgrad: Whether the largest past mean of squares is used. Default: False.
        """
    def adamax(self, *, betas: Sequence[Any] = ..., eps: float = ..., weight_decay: float = ...) -> Part:
        """Adam with the largest gradient in place of the mean of squares.

        Args:
            betas: Decay of the means of the gradient and of its square. Default: [0.9, 0.999].
            eps: Added to the root, against division by 0. Default: 1e-08.
            weight_decay: Pull of weights (not of biases and scales) towards 0. Default: 0.0.
        """
    def adamw(self, *, betas: Sequence[Any] = ..., eps: float = ..., weight_decay: float = ..., amsgrad: bool = ...) -> Part:
        """Adam with weight decay apart from the gradient (arXiv 1711.05101).

        Args:
            betas: Decay of the means of the gradient and of its square. Default: [0.9, 0.999].
            eps: Added to the root, against division by 0. Default: 1e-08.
            weight_decay: Pull of weights (not of biases and scales) towards 0. Default: 0.0.
            amsgrad: Whether the largest past mean of squares is used. Default: False.
        """
    def nadam(self, *, betas: Sequence[Any] = ..., eps: float = ..., weight_decay: float = ...) -> Part:
        """Adam with Nesterov's momentum.

        Args:
            betas: Decay of the means of the gradient and of its square. Default: [0.9, 0.999].
            eps: Added to the root, against division by 0. Default: 1e-08.
            weight_decay: Pull of weights (not of biases and scales) towards 0. Default: 0.0.
        """
    def rmsprop(self, *, weight_decay: float = ..., alpha: float = ..., eps: float = ..., momentum: float = ..., centered: bool = ...) -> Part:
        """Steps divided by the root of a moving mean of squared gradients.

        Args:
            weight_decay: Pull of weights (not of biases and scales) towards 0. Default: 0.0.
            alpha: Decay of the moving mean. Default: 0.99.
            eps: Added to the root, against division by 0. Default: 1e-08.
            momentum: Share of the last move that is kept. Default: 0.0.
            centered: Whether the squares are of the distance to the mean. Default: False.
        """
    def sgd(self, *, weight_decay: float = ..., momentum: float = ..., dampening: float = ..., nesterov: bool = ...) -> Part:
        """Stochastic gradient descent.

        Args:
            weight_decay: Pull of weights (not of biases and scales) towards 0. Default: 0.0.
            momentum: Share of the last move that is kept. Default: 0.0.
            dampening: Share of the gradient left out of the momentum. Default: 0.0.
            nesterov: Whether the gradient is taken ahead; needs `momentum` above 0 and `dampening` 0. Default: False.
        """

optimizers: _optimizers

class _schedules(Namespace):
    def constant(self, *, warmup_fraction: float = ..., warmup_evaluations: int | None = ..., reduce_on_plateau: int = ..., reduce_on_plateau_patience: int = ..., reduce_on_plateau_rate: float = ...) -> Part:
        """The same rate throughout.

        Args:
            warmup_fraction: Share of training over which the rate rises linearly from 0. Default: 0.0.
            warmup_evaluations: Evaluations over which the rate rises linearly; Ludwig's way of saying `warmup_fraction`. Default: None.
            reduce_on_plateau: How often the rate may be cut when the validation metric stops getting better. Default: 0.
            reduce_on_plateau_patience: Evaluations without a better metric before the rate is cut. Default: 10.
            reduce_on_plateau_rate: What a cut multiplies the rate by. Default: 0.1.
        """
    def cosine(self, *, warmup_fraction: float = ..., warmup_evaluations: int | None = ..., reduce_on_plateau: int = ..., reduce_on_plateau_patience: int = ..., reduce_on_plateau_rate: float = ..., eta_min: float = ...) -> Part:
        """From the full rate to a share of it along half a cosine.

        Args:
            warmup_fraction: Share of training over which the rate rises linearly from 0. Default: 0.0.
            warmup_evaluations: Evaluations over which the rate rises linearly; Ludwig's way of saying `warmup_fraction`. Default: None.
            reduce_on_plateau: How often the rate may be cut when the validation metric stops getting better. Default: 0.
            reduce_on_plateau_patience: Evaluations without a better metric before the rate is cut. Default: 10.
            reduce_on_plateau_rate: What a cut multiplies the rate by. Default: 0.1.
            eta_min: Share of the rate left at the end. Default: 0.0.
        """
    def coslog4(self, *, warmup_fraction: float = ..., warmup_evaluations: int | None = ..., reduce_on_plateau: int = ..., reduce_on_plateau_patience: int = ..., reduce_on_plateau_rate: float = ..., cycles: int = ...) -> Part:
        """Cosine cycles, each twice as long as the one before; the rate starts and ends at 0.

        Args:
            warmup_fraction: Share of training over which the rate rises linearly from 0. Default: 0.0.
            warmup_evaluations: Evaluations over which the rate rises linearly; Ludwig's way of saying `warmup_fraction`. Default: None.
            reduce_on_plateau: How often the rate may be cut when the validation metric stops getting better. Default: 0.
            reduce_on_plateau_patience: Evaluations without a better metric before the rate is cut. Default: 10.
            reduce_on_plateau_rate: What a cut multiplies the rate by. Default: 0.1.
            cycles: Number of cycles. Default: 4.
        """
    def exponential(self, *, warmup_fraction: float = ..., warmup_evaluations: int | None = ..., reduce_on_plateau: int = ..., reduce_on_plateau_patience: int = ..., reduce_on_plateau_rate: float = ..., decay_rate: float = ..., staircase: bool = ...) -> Part:
        """The rate times `decay_rate` each tenth of training, smoothly or in steps.

        Args:
            warmup_fraction: Share of training over which the rate rises linearly from 0. Default: 0.0.
            warmup_evaluations: Evaluations over which the rate rises linearly; Ludwig's way of saying `warmup_fraction`. Default: None.
            reduce_on_plateau: How often the rate may be cut when the validation metric stops getting better. Default: 0.
            reduce_on_plateau_patience: Evaluations without a better metric before the rate is cut. Default: 10.
            reduce_on_plateau_rate: What a cut multiplies the rate by. Default: 0.1.
            decay_rate: Factor over a tenth of training. Default: 0.6.
            staircase: Whether the rate falls in steps. Default: False.
        """
    def linear(self, *, warmup_fraction: float = ..., warmup_evaluations: int | None = ..., reduce_on_plateau: int = ..., reduce_on_plateau_patience: int = ..., reduce_on_plateau_rate: float = ...) -> Part:
        """From the full rate to 0 in a straight line.

        Args:
            warmup_fraction: Share of training over which the rate rises linearly from 0. Default: 0.0.
            warmup_evaluations: Evaluations over which the rate rises linearly; Ludwig's way of saying `warmup_fraction`. Default: None.
            reduce_on_plateau: How often the rate may be cut when the validation metric stops getting better. Default: 0.
            reduce_on_plateau_patience: Evaluations without a better metric before the rate is cut. Default: 10.
            reduce_on_plateau_rate: What a cut multiplies the rate by. Default: 0.1.
        """
    def one_cycle(self, *, warmup_fraction: float = ..., warmup_evaluations: int | None = ..., reduce_on_plateau: int = ..., reduce_on_plateau_patience: int = ..., reduce_on_plateau_rate: float = ..., peak: float = ..., start: float = ...) -> Part:
        """Up from a share of the rate to the full rate, then down to almost 0, both along cosines.

        Args:
            warmup_fraction: Share of training over which the rate rises linearly from 0. Default: 0.0.
            warmup_evaluations: Evaluations over which the rate rises linearly; Ludwig's way of saying `warmup_fraction`. Default: None.
            reduce_on_plateau: How often the rate may be cut when the validation metric stops getting better. Default: 0.
            reduce_on_plateau_patience: Evaluations without a better metric before the rate is cut. Default: 10.
            reduce_on_plateau_rate: What a cut multiplies the rate by. Default: 0.1.
            peak: Fraction of training at which the full rate is reached. Default: 0.3.
            start: Share of the rate at the start. Default: 0.04.
        """
    def plateau(self, *, warmup_fraction: float = ..., warmup_evaluations: int | None = ..., reduce_on_plateau: int = ..., reduce_on_plateau_patience: int = ..., reduce_on_plateau_rate: float = ...) -> Part:
        """The same rate until the validation metric stops getting better, then a tenth, and so on.

        Args:
            warmup_fraction: Share of training over which the rate rises linearly from 0. Default: 0.0.
            warmup_evaluations: Evaluations over which the rate rises linearly; Ludwig's way of saying `warmup_fraction`. Default: None.
            reduce_on_plateau: How often the rate may be cut. Default: 3.
            reduce_on_plateau_patience: Evaluations without a better metric before the rate is cut. Default: 10.
            reduce_on_plateau_rate: What a cut multiplies the rate by. Default: 0.1.
        """

schedules: _schedules

class _metrics(Namespace):
    def accuracy(self, *, name: str = ...) -> Part:
        """Share of rows whose predicted class is the true one.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def average_precision(self, *, name: str = ...) -> Part:
        """Precision averaged over recall; guessing gives the share of positives.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def balanced_accuracy(self, *, name: str = ...) -> Part:
        """Share of right rows within each class, averaged over the classes that occur.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def brier(self, *, name: str = ...) -> Part:
        """Mean squared distance of the probabilities from what happened, 0 is perfect.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def call(self, *, name: str = ..., call: str, goal: Literal['maximize', 'minimize'] = ..., output_type: Literal['binary', 'category', 'number'] | None = ..., interval: bool = ...) -> Part:
        """What a function of your own answers.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            call: The function, as `module:function`.
            goal: Whether more is better. Default: 'maximize'.
            output_type: Type of the outputs it is for; by default all. Default: None.
            interval: Whether to say how sure the value is, by calling the function on 200 resamplings. Default: True.
        """
    def cost(self, *, name: str = ..., cost_matrix: Mapping[str, float | Mapping[str, float]], other_cost: float = ...) -> Part:
        """Mean cost of a row's prediction, by the prices of `cost_matrix`.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            cost_matrix: Price of each outcome: `{FN: 50, FP: 5}`, or by labels `{truth: {predicted: price}}`.
            other_cost: Price of a mistake that a matrix by labels does not name; what is right costs nothing. Default: 0.0.
        """
    def ece(self, *, name: str = ..., bins: int = ..., adaptive: bool = ...) -> Part:
        """Mean gap between how sure the model is and how often it is right, 0 is calibrated.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            bins: Number of bins. Default: 15.
            adaptive: Whether each bin holds as many rows; else the bins are of equal width between 0 and 1. Default: False.
        """
    def f1(self, *, name: str = ...) -> Part:
        """Harmonic mean of precision and recall.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def f1_macro(self, *, name: str = ...) -> Part:
        """F1 of each class, averaged so that small classes count as much as large ones.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def f1_micro(self, *, name: str = ...) -> Part:
        """F1 over all rows together; with one class a row it equals accuracy.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def f1_weighted(self, *, name: str = ...) -> Part:
        """F1 of each class, averaged by the number of its rows.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def f_beta(self, *, name: str = ..., beta: float = ...) -> Part:
        """Mean of precision and recall in which recall counts `beta` times as much.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            beta: How many times as much recall counts as precision. Default: 2.0.
        """
    def gain(self, *, name: str = ..., share: float = ...) -> Part:
        """Share of the positive rows that are among the highest scores.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            share: Share of the rows that are taken, the highest scores first. Default: 0.1.
        """
    def interval_coverage(self, *, name: str = ...) -> Part:
        """Share of the rows whose predicted interval holds the truth.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def interval_score(self, *, name: str = ..., level: float = ...) -> Part:
        """Mean width of the intervals and what the truth lies outside, least for honest intervals.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            level: Share of rows that the intervals are to hold. Default: 0.9.
        """
    def interval_width(self, *, name: str = ...) -> Part:
        """Mean width of the predicted intervals, in the target's unit.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def kappa(self, *, name: str = ..., weighting: Literal['none', 'linear', 'quadratic'] = ...) -> Part:
        """Share of the agreement that chance leaves open: 0 is chance, 1 is perfect.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            weighting: How much more a confusion counts the further apart the classes stand in the label order. Default: 'none'.
        """
    def ks(self, *, name: str = ...) -> Part:
        """Largest gap between the shares of positives and of negatives above a threshold.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def lift(self, *, name: str = ..., share: float = ...) -> Part:
        """How many times as many positives the highest scores hold as rows drawn at random.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            share: Share of the rows that are taken, the highest scores first. Default: 0.1.
        """
    def log_loss(self, *, name: str = ...) -> Part:
        """Mean surprise at the truth: sure and wrong costs most, 0 is perfect.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def mae(self, *, name: str = ...) -> Part:
        """Mean size of the error, in the target's unit.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def map(self, *, name: str = ...) -> Part:
        """Average precision of each list, averaged over the lists.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def mape(self, *, name: str = ...) -> Part:
        """Mean error as a fraction of the true value.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def max_error(self, *, name: str = ...) -> Part:
        """Size of the largest error.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def mcc(self, *, name: str = ...) -> Part:
        """Correlation of predicted and true class: 0 is chance, 1 is perfect.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def median_absolute_error(self, *, name: str = ...) -> Part:
        """Size of the error that half of the rows stay under: outliers do not move it.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def mse(self, *, name: str = ...) -> Part:
        """Mean squared error, in the square of the target's unit.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def ndcg(self, *, name: str = ..., k: int | None = ...) -> Part:
        """How near the most relevant rows stand to the top of their list, 1 is the best order.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            k: Places of a list that count; all by default. Default: None.
        """
    def negative_predictive_value(self, *, name: str = ...) -> Part:
        """Share of the rows called negative that are negative.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def pearson(self, *, name: str = ...) -> Part:
        """Correlation of prediction and truth; blind to a wrong scale or offset.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def precision(self, *, name: str = ...) -> Part:
        """Share of the rows called positive that are positive.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def precision_at_recall(self, *, name: str = ..., recall: float = ...) -> Part:
        """Share of the rows called positive that are positive, at the best threshold for a recall.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            recall: Share of the positive rows that must be found. Default: 0.9.
        """
    def quantile_loss(self, *, name: str = ..., quantile: float = ...) -> Part:
        """Mean error that counts too low and too high differently; least at the quantile.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            quantile: Which quantile the predictions stand for; 0.5 is the median. Default: 0.5.
        """
    def r2(self, *, name: str = ...) -> Part:
        """Share of the target's variance that is explained: 0 is as good as the mean, 1 is perfect.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def recall(self, *, name: str = ...) -> Part:
        """Share of the positive rows that are found.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def recall_at_precision(self, *, name: str = ..., precision: float = ...) -> Part:
        """Share of the positive rows found at the best threshold that keeps a precision.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            precision: Share of the rows called positive that must be positive. Default: 0.9.
        """
    def rmse(self, *, name: str = ...) -> Part:
        """Root of the mean squared error: in the target's unit, large errors count most.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def rmsle(self, *, name: str = ...) -> Part:
        """Root of the mean squared error of log(1 + value): ratios count, not sizes.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def rmspe(self, *, name: str = ...) -> Part:
        """Root of the mean squared error as a fraction of the true value.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def roc_auc(self, *, name: str = ...) -> Part:
        """Chance that a positive row scores above a negative one; 0.5 is guessing.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def smape(self, *, name: str = ...) -> Part:
        """Mean error as a fraction of the mean of true and predicted size, 0 to 2.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def spearman(self, *, name: str = ...) -> Part:
        """Correlation of the ranks of prediction and truth: only the order counts.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def specificity(self, *, name: str = ...) -> Part:
        """Share of the negative rows that are left alone.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
        """
    def top_k(self, *, name: str = ..., k: int = ...) -> Part:
        """Share of rows whose true class is among the `k` most likely.

        Args:
            name: What tables and JSON call it; by default its type and parameter, such as `top_3`. Default: ''.
            k: How many of the most likely classes count. Default: 3.
        """

metrics: _metrics

class _checks(Namespace):
    def constant_prediction(self, *, spread_at_least: float = ...) -> Part:
        """Do the answers differ from row to row?

        Args:
            spread_at_least: Standard deviation of the scores: of probabilities as it is, of numbers over that of the truth. Default: 0.001.
        """
    def drift(self, *, auc_at_least: float = ..., max_rows: int = ...) -> Part:
        """Are the rows that judge drawn as the training rows were?

        Args:
            auc_at_least: Area under the ROC curve from which on the sets are unlike; 0.5 is alike. Default: 0.6.
            max_rows: Rows of each set that are looked at, at most. Default: 4000.
        """
    def duplicates(self, *, share_at_least: float = ..., rows_at_least: int = ..., distinct_at_least: float = ..., alike_at_least: float = ...) -> Part:
        """Does no row stand on both sides of the split?

        Args:
            share_at_least: Share of the rows that judge, from which on it counts. Default: 0.01.
            rows_at_least: Rows from which on it counts. Default: 5.
            distinct_at_least: Share of distinct training rows below which equal rows are the nature of the data. Default: 0.5.
            alike_at_least: Share of the repeated rows whose target is repeated too, below which they are coincidences of coarse inputs: who knows them by heart gains little. Default: 0.9.
        """
    def group_leak(self, *, likeness_at_least: float = ..., seen_at_least: float = ..., values_at_least: int = ..., rows_per_value: float = ..., rows_at_least: int = ...) -> Part:
        """Are rows that belong together kept together?

        Args:
            likeness_at_least: Correlation of the targets of two rows of one value, from which on they belong together. Default: 0.3.
            seen_at_least: Share of the rows to judge whose value stands in training too, from which on it counts. Default: 0.5.
            values_at_least: Distinct values of a column that names things, at least. Default: 30.
            rows_per_value: Rows of a value of an input, on average; above it is taken for an ordinary category. Default: 20.
            rows_at_least: Rows that share their value with another, below which nothing is said. Default: 100.
        """
    def initial_loss(self, *, at_most_times: float = ...) -> Part:
        """Is the loss before the first step that of knowing nothing?

        Args:
            at_most_times: Loss before the first step over that of the best constant answer, at most. Default: 3.0.
        """
    def leak(self, *, auc_at_least: float = ..., skill_at_least: float = ..., r2_at_least: float = ..., sum_r2_at_least: float = ..., certain_at_least: float = ...) -> Part:
        """Does no input know the answer?

        Args:
            auc_at_least: Area under the ROC curve of one input from which on it is suspected; for binary outputs. Default: 0.98.
            skill_at_least: Share of the rows that guessing the commonest class has wrong and one input has right, from which on it is suspected; for category outputs. Default: 0.98.
            r2_at_least: Share of the variance that one input explains, from which on it is suspected; for numbers. Default: 0.98.
            sum_r2_at_least: Share of the variance that a weighted sum of number inputs explains, from which on it is suspected to be computed with the answer; for numbers. Default: 0.999.
            certain_at_least: The same measures, from which on the input is taken for the answer itself. Default: 0.999.
        """
    def overfit_batch(self, *, left_at_most: float = ...) -> Part:
        """Can the network learn one batch by heart?

        Args:
            left_at_most: Share of the loss of the best constant answer that may be left after the steps. Default: 0.5.
        """
    def parameters_move(self) -> Part:
        """Has training moved every part of the model?"""
    def simpler_model(self) -> Part:
        """Is the model better than every simpler one?"""
    def test_size(self, *, rows_at_least: int = ..., width_at_most: float = ...) -> Part:
        """Do enough rows judge to tell a good model from a bad one?

        Args:
            rows_at_least: Rows, groups, and rows of the rarer class of a binary output, at least. Default: 30.
            width_at_most: Width of the interval of the metric that decides, at most: as it is for classes, over the value for numbers. Default: 0.2.
        """
    def time_leak(self, *, drift_at_least: float = ..., rows_at_least: int = ...) -> Part:
        """Does the split respect time, where the target changes with it?

        Args:
            drift_at_least: Share of the target's variance that lies between the stretches, from which on it drifts. Default: 0.02.
            rows_at_least: Rows with a date and a truth, below which nothing is said. Default: 200.
        """
    def unseen_labels(self) -> Part:
        """Did training see every class that is judged?"""

checks: _checks
