"""Options that several commands share, each with one name, one default and one help text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def data_option(function: F) -> F:
    """--data: the node's data folder."""
    return click.option(
        "--data",
        envvar="LIGHTWAVE_DATA",
        required=True,
        type=click.Path(path_type=Path, file_okay=False),
        help="The node's data folder.  [env: LIGHTWAVE_DATA]",
    )(function)


def json_option(function: F) -> F:
    """--json: for scripts."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(function)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
