"""`classifier`: one score a class.

output_features:
  species: {type: category, decoder: {type: classifier, num_fc_layers: 1}}
"""

from __future__ import annotations

from typing import Literal

from ordain.models.neural.component import DECODERS
from ordain.models.neural.heads import DenseDecoder


@DECODERS.register
class ClassifierDecoder(DenseDecoder):
    """Gives one score for each class of a category."""

    type: Literal["classifier"] = "classifier"
    types = frozenset({"category"})
