"""The `lightwave` command in this process: without the start of an interpreter each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from lightwave.cli.main import main_group


def invoke(*arguments: str | Path, stdin: bytes = b"") -> Result:
    """Runs one command to its end; an exception that the command line would put in words is in the result."""
    return CliRunner().invoke(main_group, [str(one) for one in arguments], input=stdin)


def succeed(*arguments: str | Path, stdin: bytes = b"") -> str:
    """What a command printed on standard output; it must end with 0."""
    result = invoke(*arguments, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def answer(*arguments: str | Path, stdin: bytes = b"", code: int = 0) -> Any:
    """What a command printed with --json; it must end with `code`."""
    result = invoke(*arguments, "--json", stdin=stdin)
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout)
