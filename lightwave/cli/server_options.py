"""Options of commands that ask a serving node: the one on this machine, or one over HTTPS with a login."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lightwave.cli.client import Login, NodeClient

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--data",
        envvar="LIGHTWAVE_DATA",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data folder of a node on this machine: its local socket is asked.  [env: LIGHTWAVE_DATA]",
    ),
    click.option("--server", metavar="URL", help="A node over HTTPS: https://HOST:PORT. Needs --login."),
    click.option("--login", metavar="NAME", help="Who asks: a distinguished name, or user@domain."),
    click.option(
        "--password-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="File with the password in its first line.  [default: it is asked for]",
    ),
    click.option(
        "--ca",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="The authority of the node's certificate.  [default: ca.pem in the data folder]",
    ),
)


def server_options(function: F) -> F:
    """--data, --server, --login, --password-file, --ca."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def remote_client(
    server: str, login: str | None, password_file: Path | None, ca: Path | None, data: Path | None
) -> NodeClient:
    """A client of the node at a URL; raises UsageError for options that do not go together."""
    if login is None:
        raise click.UsageError("--server needs --login NAME: who asks?")
    authority = ca or (data / "ca.pem" if data is not None else None)
    if authority is None:
        raise click.UsageError("--server needs --ca FILE: the node's ca.pem")
    password = password_from(password_file)
    try:
        return NodeClient.remote(server, authority, Login(login, password))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except (OSError, ssl.SSLError) as error:
        raise click.ClickException(f"{authority} can't be used: {error}") from None


def password_from(path: Path | None) -> str:
    """The first line of a file, or what is typed when it is asked for."""
    if path is None:
        password: str = click.prompt("Password", hide_input=True, err=True)
        return password
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"the password can't be read from {path}: {error}") from None
