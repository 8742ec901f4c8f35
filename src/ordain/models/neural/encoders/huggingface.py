"""`auto_transformer`, `bert`, `distilbert` ...: text encoders of Hugging Face.

input_features:
  review:
    type: text
    encoder:
      type: bert
      pretrained_model_name_or_path: ./all-MiniLM-L6-v2     # a folder, or a name of the hub
      trainable: true        # false: frozen, each distinct text is embedded once and kept
      num_hidden_layers: 3   # any key of the architecture's configuration
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ordain.core.errors import UsageError
from ordain.features.encoded import Kind, Shape
from ordain.features.feature import Form
from ordain.models.neural.component import ENCODERS, Encoder

if TYPE_CHECKING:
    from torch import nn

PretrainedReduction = Literal[
    "cls_pooled", "first", "mean", "avg", "sum", "max", "last", "attention"
]
_RATE = 1e-4


class PretrainedEncoder(Encoder):
    """Keys that text encoders of Hugging Face share; a child names the architecture.

    Other keys are those of the architecture's configuration class, such as `num_hidden_layers`;
    with pretrained weights a smaller number of layers keeps the first ones.
    """

    model_config = ConfigDict(extra="allow")

    pretrained_model_name_or_path: str | None = None
    """Folder, or name of the hub, of configuration, weights and tokeniser."""
    use_pretrained: bool = True
    """Whether the weights are taken from there; else the architecture starts from random ones."""
    trainable: bool = False
    """Whether the weights are learned further; frozen ones are run once per distinct text."""
    reduce_output: PretrainedReduction | None = "mean"
    """How the sequence becomes one vector; 'cls_pooled' and 'first' take the first token."""
    learning_rate: float = Field(_RATE, gt=0)
    """Learning rate of these weights where `trainer.learning_rate` is 'auto'."""
    kinds = frozenset({Kind.TOKENS})
    form: ClassVar[Form] = Form.TOKENS
    architecture: ClassVar[str | None] = None

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if self.model_extra:
            from ordain.models.neural.pretrained import architecture_of, check_keys

            path = self.pretrained_model_name_or_path
            architecture = self.architecture or (architecture_of(path) if path else None)
            if architecture is not None:
                check_keys(self.model_extra, architecture, type_name=self.type)
        return self

    @property
    def is_frozen(self) -> bool:
        """Whether the output is computed once and kept."""
        return not self.trainable and self.reduce_output not in {None, "attention"}

    @property
    def is_pretrained(self) -> bool:
        """Whether learning starts from weights learned elsewhere."""
        return self.use_pretrained and self.trainable

    def text_options(self) -> dict[str, Any]:
        """Return the tokeniser that belongs to the weights."""
        return {
            "tokenizer": "hf_tokenizer",
            "pretrained_model_name_or_path": self.pretrained_model_name_or_path,
        }

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return ids and mask [B, T] -> [B, D] or [B, T, D].

        Raises:
            UsageError: nothing is found under the name, or the tokeniser has ids the model lacks.
            MissingExtraError: transformers is not installed.
        """
        from ordain.models.neural.pretrained import read_config

        path = self.pretrained_model_name_or_path
        config = read_config(path, self.architecture, keys=self.model_extra or {})
        return self._module(shapes[0], config, path=path if self.use_pretrained else None)

    def rebuild(self, shapes: Sequence[Shape], structure: Mapping[str, Any]) -> nn.Module:
        """Return the module from the configuration it was saved with; the weights follow."""
        return self._module(shapes[0], structure, path=None)

    def _module(self, shape: Shape, config: Mapping[str, Any], *, path: str | None) -> nn.Module:
        from ordain.models.neural.blocks.pretrained import PretrainedText
        from ordain.models.neural.pretrained import make_model

        if shape.cardinality > config["vocab_size"]:
            raise UsageError(
                f"encoder '{self.type}' knows {config['vocab_size']} tokens and the column has "
                f"{shape.cardinality}: the tokeniser is not the model's own.\n"
                f"  Fix: preprocessing: {{tokenizer: hf_tokenizer, pretrained_model_name_or_path: "
                f"{self.pretrained_model_name_or_path}}}"
            )
        model = make_model(config, path=path)
        reduction = "first" if self.reduce_output == "cls_pooled" else self.reduce_output
        return PretrainedText(
            model,
            hidden_size=int(model.config.hidden_size),  # type: ignore[union-attr, arg-type]
            reduction=reduction,
            is_trainable=self.trainable,
            rate=self.learning_rate,
            max_length=_max_length(config),
            structure=dict(config),
        )


def _max_length(config: Mapping[str, Any]) -> int | None:
    """Return how many tokens have a learned place; some count places from the padding id on."""
    places = config.get("max_position_embeddings")
    if not isinstance(places, int) or places <= 0:
        return None
    starts_late = config.get("model_type") in {"roberta", "camembert", "xlm-roberta", "mpnet"}
    return places - 2 if starts_late else places


@ENCODERS.register
class AutoTransformer(PretrainedEncoder):
    """Any text encoder of Hugging Face; the architecture is read from its configuration."""

    type: Literal["auto_transformer"] = "auto_transformer"
    pretrained_model_name_or_path: str
    """Folder, or name of the hub, of configuration, weights and tokeniser."""


@ENCODERS.register
class Bert(PretrainedEncoder):
    """BERT (Devlin et al. 2018, arXiv 1810.04805)."""

    type: Literal["bert"] = "bert"
    pretrained_model_name_or_path: str | None = "bert-base-uncased"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "bert"


@ENCODERS.register
class DistilBert(PretrainedEncoder):
    """DistilBERT (Sanh et al. 2019, arXiv 1910.01108)."""

    type: Literal["distilbert"] = "distilbert"
    pretrained_model_name_or_path: str | None = "distilbert-base-uncased"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "distilbert"


@ENCODERS.register
class Roberta(PretrainedEncoder):
    """RoBERTa (Liu et al. 2019, arXiv 1907.11692)."""

    type: Literal["roberta"] = "roberta"
    pretrained_model_name_or_path: str | None = "roberta-base"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "roberta"


@ENCODERS.register
class Albert(PretrainedEncoder):
    """ALBERT (Lan et al. 2019, arXiv 1909.11942)."""

    type: Literal["albert"] = "albert"
    pretrained_model_name_or_path: str | None = "albert-base-v2"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "albert"


@ENCODERS.register
class Electra(PretrainedEncoder):
    """ELECTRA (Clark et al. 2020, arXiv 2003.10555)."""

    type: Literal["electra"] = "electra"
    pretrained_model_name_or_path: str | None = "google/electra-small-discriminator"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "electra"


@ENCODERS.register
class Deberta(PretrainedEncoder):
    """DeBERTa (He et al. 2021, arXiv 2111.09543)."""

    type: Literal["deberta"] = "deberta"
    pretrained_model_name_or_path: str | None = "microsoft/deberta-v3-base"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "deberta-v2"


@ENCODERS.register
class Mpnet(PretrainedEncoder):
    """MPNet (Song et al. 2020, arXiv 2004.09297)."""

    type: Literal["mpnet"] = "mpnet"
    pretrained_model_name_or_path: str | None = "microsoft/mpnet-base"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "mpnet"


@ENCODERS.register
class XlmRoberta(PretrainedEncoder):
    """XLM-RoBERTa (Conneau et al. 2019, arXiv 1911.02116)."""

    type: Literal["xlmroberta"] = "xlmroberta"
    pretrained_model_name_or_path: str | None = "xlm-roberta-base"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "xlm-roberta"


@ENCODERS.register
class Camembert(PretrainedEncoder):
    """CamemBERT (Martin et al. 2019, arXiv 1911.03894)."""

    type: Literal["camembert"] = "camembert"
    pretrained_model_name_or_path: str | None = "camembert-base"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "camembert"


@ENCODERS.register
class T5(PretrainedEncoder):
    """The encoder of T5 (Raffel et al. 2019, arXiv 1910.10683)."""

    type: Literal["t5"] = "t5"
    pretrained_model_name_or_path: str | None = "google-t5/t5-small"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "t5"


@ENCODERS.register
class ModernBert(PretrainedEncoder):
    """ModernBERT (Warner et al. 2024, arXiv 2412.13663)."""

    type: Literal["modernbert"] = "modernbert"
    pretrained_model_name_or_path: str | None = "answerdotai/ModernBERT-base"
    """Folder, or name of the hub; null with `use_pretrained: false` takes the keys alone."""
    architecture: ClassVar[str | None] = "modernbert"
