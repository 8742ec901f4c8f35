from __future__ import annotations

from ordain.core.diagnostics import Diagnostic, Place, format_diagnostic, nearest


def test_printed_form_has_place_caret_allowed_and_fix() -> None:
    diagnostic = Diagnostic(
        "E204",
        "unknown encoder 'transfomer' for feature `review`",
        Place("train.yaml", 14, 14, 10, "    encoder: transfomer"),
        allowed="A `text` feature may use: bag, embed, transformer.",
        fix="encoder: transformer",
    )
    assert format_diagnostic(diagnostic) == (
        "E204 train.yaml:14:14  unknown encoder 'transfomer' for feature `review`\n"
        "  14 |     encoder: transfomer\n"
        "     |              ^^^^^^^^^^\n"
        "  A `text` feature may use: bag, embed, transformer.\n"
        "  Fix: encoder: transformer"
    )


def test_nearest_ignores_case_and_separators() -> None:
    assert nearest("Batch-Size", ["epochs", "batch_size"]) == "batch_size"
    assert nearest("zzz", ["epochs", "batch_size"]) is None
