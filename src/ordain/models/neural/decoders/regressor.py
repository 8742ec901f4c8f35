"""`regressor`: one number, or the logit of yes.

output_features:
  price: {type: number, decoder: {type: regressor, num_fc_layers: 1, fc_output_size: 64}}
"""

from __future__ import annotations

from typing import Literal

from ordain.models.neural.component import DECODERS
from ordain.models.neural.heads import DenseDecoder


@DECODERS.register
class RegressorDecoder(DenseDecoder):
    """Gives the one score of a number or a yes/no column."""

    type: Literal["regressor"] = "regressor"
    types = frozenset({"number", "binary"})
