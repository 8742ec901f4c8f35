"""The catalogue of diagnostics: every code with its meaning, and the one way to make a fault.

E1xx the text is not a document; E2xx names, keys and values; E3xx rules between keys;
E4xx the document against the data; W5xx warnings. Each code has a page in `cases/config/`.
"""

from __future__ import annotations

from ordain.config.located import Mark, Path
from ordain.core.diagnostics import Diagnostic

CODES: dict[str, str] = {
    "E101": "The text is not valid YAML.",
    "E102": "A tab stands where YAML needs spaces.",
    "E103": "A key stands twice in one mapping.",
    "E104": "The document is empty.",
    "E105": "The document is not a mapping of keys.",
    "E106": "The file holds several documents.",
    "E107": "The file is not UTF-8 text.",
    "E108": "The document is too large, too deep, or repeats itself too often through aliases.",
    "E109": "A tag asks for something else than plain data.",
    "E110": "A key is not a plain name.",
    "E111": "An alias names an anchor that is not there.",
    "E112": "The file cannot be read.",
    "E113": "An included file cannot be read, or `include` is not a file name.",
    "E114": "Files include each other in a circle.",
    "E115": "A variable is not set in the environment.",
    "E116": "A variable is not written as `${NAME}` or `${NAME:-default}`.",
    "E117": "An override is not written as `path=value`.",
    "E118": "An override names a place that the document does not have.",
    "E119": "An environment is chosen that the document does not have.",
    "E201": "A key is unknown.",
    "E202": "A key stands in the wrong block.",
    "E203": "A value has the wrong type.",
    "E204": "A component or type name is unknown.",
    "E205": "A value is not one of those allowed.",
    "E206": "A value is out of range.",
    "E207": "A required key is missing.",
    "E208": "A key or type of Ludwig that Ordain does not have.",
    "E209": "A component has no `type`, and none can be assumed.",
    "E210": "A value breaks a rule of its component.",
    "E211": "The version of the document is not known.",
    "E301": "Two features have one name.",
    "E302": "A column is both an input and an output.",
    "E303": "The shares of a split do not add up to 1.",
    "E304": "A type may not be predicted.",
    "E305": "An encoder does not fit the type of its feature.",
    "E306": "A decoder does not fit the type of its output.",
    "E307": "A loss does not fit the type of its output.",
    "E308": "A block of neural models is given to a family that has no use for it.",
    "E309": "Two keys exclude each other.",
    "E310": "Balancing needs one output with classes.",
    "E311": "Options stand on a feature whose type is left open.",
    "E312": "A metric does not fit any output.",
    "E313": "Class weights stand on an output without classes.",
    "E314": "A missing target is to become what is no target.",
    "E315": "An output is of a type that the model family does not predict.",
    "E316": "A loss is given to a family that does not minimise it.",
    "E317": "An input cannot be kept monotone.",
    "E318": "A target is scaled where its loss needs its own unit.",
    "E319": "Two metrics have one name.",
    "E320": "A metric's function cannot be called.",
    "E401": "A column is not in the data.",
    "E402": "A column's values are not of the declared type.",
    "E403": "The target column is not in the data.",
    "E404": "The target has no value in any row.",
    "E405": "The target has one value in all rows.",
    "E406": "A class has a single row and the split is to be stratified by it.",
    "E407": "Too many cells of a column cannot be read.",
    "E408": "The data has too few rows.",
    "E409": "No column is left to learn from.",
    "E410": "A class is named that the target does not have.",
    "E411": "A binary column has more than two values.",
    "W501": "An input has one value in all rows.",
    "W502": "A column looks like an identifier and was left out.",
    "W503": "A column looks like the answer and was left out.",
    "W504": "A column has no value in any row.",
    "W505": "An older or other form of a key was read as today's.",
    "W506": "A class has a single row.",
    "W507": "Some cells of a column cannot be read.",
    "W508": "Rows without a target are left out.",
    "W509": "An inferred type or format is not certain.",
}


def fault(
    code: str,
    message: str,
    path: Path = (),
    mark: Mark | None = None,
    *,
    allowed: str | None = None,
    fix: str | None = None,
    notes: tuple[str, ...] = (),
) -> Diagnostic:
    """Return a diagnostic of a known code; `W` codes are warnings."""
    assert code in CODES, "every code stands in the catalogue"
    return Diagnostic(
        code,
        message,
        mark.place() if mark else None,
        path,
        allowed,
        fix,
        notes,
        severity="warning" if code.startswith("W") else "error",
    )
