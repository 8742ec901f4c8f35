"""The language: the document, YAML with places, diagnostics, schema, overrides, diff."""

from ordain.config import spec
from ordain.config.bind import Bound, bind
from ordain.config.check import check
from ordain.config.config import Config
from ordain.config.document import Document, InputFeature, OutputFeature

__all__ = ["Bound", "Config", "Document", "InputFeature", "OutputFeature", "bind", "check", "spec"]
