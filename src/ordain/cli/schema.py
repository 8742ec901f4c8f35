"""`ordain schema`: JSON Schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def schema(
    output: Annotated[Path | None, typer.Option("--output", help="Write to a file.")] = None,
) -> None:
    """Print the JSON Schema of the language, for completion and checks in an editor."""
    from ordain.config.schema import json_schema
    from ordain.core.files import write_text

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)
        typer.echo(f"wrote {output}")
