"""A pretrained text model and the reduction of its last hidden states."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ordain.models.neural.blocks.parameter import Pace, set_pace
from ordain.models.neural.blocks.pooling import Pooling, Reduction


class PretrainedText(nn.Module):
    """Token ids through a model of Hugging Face to one vector a row, or to a sequence.

    Shapes: ids [B, T], mask bool [B, T] -> [B, width], or [B, T, width] where `reduction` is None.
    A row with no token gives zeros; tokens beyond `max_length` are not read.

    Args:
        model: called with `input_ids` and `attention_mask`; gives `last_hidden_state`.
        structure: what the model is rebuilt from, plain data.
        rate: learning rate of its weights where that is chosen automatically.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        hidden_size: int,
        reduction: Reduction | None,
        is_trainable: bool,
        rate: float,
        max_length: int | None,
        structure: dict[str, Any],
    ) -> None:
        super().__init__()
        self.model = model
        self.structure = structure
        self.max_length = max_length
        self.pooling = Pooling(reduction, hidden_size) if reduction else None
        self.width = self.pooling.width if self.pooling else hidden_size
        for parameter in model.parameters():
            parameter.requires_grad_(is_trainable)
            set_pace(parameter, Pace(rate=rate, is_decayed=parameter.ndim > 1))
        self._is_trainable = is_trainable

    def train(self, mode: bool = True) -> PretrainedText:  # noqa: FBT001, FBT002
        """Set the mode; a frozen model never drops anything."""
        super().train(mode and self._is_trainable)
        return self

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return [B, width] or [B, T, width]."""
        if self.max_length is not None and ids.shape[1] > self.max_length:
            ids, mask = ids[:, : self.max_length], mask[:, : self.max_length]
        # Attention over nothing gives NaN, so an empty row reads its padding and is zeroed below.
        read = mask.clone()
        read[:, 0] = True
        hidden = self.model(input_ids=ids.long(), attention_mask=read.long()).last_hidden_state
        if self.pooling is None:
            return hidden * mask.unsqueeze(-1)  # type: ignore[no-any-return]
        return self.pooling(hidden, mask)  # type: ignore[no-any-return]
