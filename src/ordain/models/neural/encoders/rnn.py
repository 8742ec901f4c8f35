"""`rnn`: a recurrent network over a text; `lstm` and `gru` name its cell.

input_features:
  review: {type: text, encoder: {type: rnn, cell_type: gru, bidirectional: true}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ordain.features.encoded import Shape
from ordain.models.neural.component import ENCODERS
from ordain.models.neural.sequence import Reduction, SequenceEncoder

if TYPE_CHECKING:
    from torch import nn

Cell = Literal["rnn", "lstm", "gru"]


class RecurrentEncoder(SequenceEncoder):
    """Keys of a recurrent network; a child says the cell."""

    cell_type: Cell = "rnn"
    """The cell."""
    state_size: int = Field(64, ge=1)
    """Numbers in the state."""
    num_layers: int = Field(1, ge=1)
    """Recurrent layers one upon the other."""
    bidirectional: bool = False
    """Whether a second network reads from the end."""
    recurrent_dropout: float = Field(0.0, ge=0, lt=1)
    """Share of numbers set to 0 between layers while training."""
    reduce_output: Reduction | None = "last"
    """How the sequence becomes one vector; null hands the sequence on."""

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return ids and mask [B, T] -> [B, D] or [B, T, D]."""
        from ordain.models.neural.blocks.recurrent import Recurrent

        embedding = self.token_embedding(shapes[0])
        body = Recurrent(
            int(embedding.width),  # type: ignore[arg-type]
            self.state_size,
            cell_type=self.cell_type,
            n_layers=self.num_layers,
            is_bidirectional=self.bidirectional,
            dropout=self.recurrent_dropout,
        )
        return self.network(embedding, body, n_back=self.state_size if self.bidirectional else 0)


@ENCODERS.register
class RnnEncoder(RecurrentEncoder):
    """A recurrent network over the tokens of a text."""

    type: Literal["rnn"] = "rnn"


@ENCODERS.register
class LstmEncoder(RecurrentEncoder):
    """An LSTM over the tokens of a text, both ways, with the maximum over places by default."""

    type: Literal["lstm"] = "lstm"
    cell_type: Literal["lstm"] = "lstm"
    """The cell."""
    bidirectional: bool = True
    """Whether a second network reads from the end."""
    reduce_output: Reduction | None = "max"
    """How the sequence becomes one vector; null hands the sequence on."""


@ENCODERS.register
class GruEncoder(RecurrentEncoder):
    """A GRU over the tokens of a text, both ways, with the maximum over places by default."""

    type: Literal["gru"] = "gru"
    cell_type: Literal["gru"] = "gru"
    """The cell."""
    bidirectional: bool = True
    """Whether a second network reads from the end."""
    reduce_output: Reduction | None = "max"
    """How the sequence becomes one vector; null hands the sequence on."""
