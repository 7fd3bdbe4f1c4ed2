"""What all commands share that ask a node for something: whom to ask, what went wrong, and how answers look.

Exit codes: 0 done, 1 the node refused (its words are printed), 2 the command line is wrong, 3 nothing answers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lightwave.cli.client import NodeClient, NotReachable, Refused
from lightwave.cli.options import print_json
from lightwave.cli.server_options import remote_client, server_options
from lightwave.server.configuration import load_configuration

WIDTH = 100
"""columns of what is printed where there is no terminal"""
PAGE = 1_000
"""items that are asked for at once"""
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")
"""characters that would move the cursor or colour the screen of who reads a value"""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Which node is asked, and by whom."""

    data: Path | None
    server: str | None
    login: str | None
    password_file: Path | None
    ca: Path | None

    def client(self) -> NodeClient:
        """A client of it; raises UsageError where no node is named."""
        if self.server is not None:
            return remote_client(self.server, self.login, self.password_file, self.ca, self.data)
        if self.data is None:
            raise click.UsageError("name the node: --data DIR for one on this machine, or --server URL")
        return NodeClient.local(load_configuration(self.data.absolute()).http_path)


def node_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--data, --server, --login, --password-file and --ca; the command takes them as `node: NodeOptions`."""

    @wraps(function)
    def with_node(
        *arguments: Any,
        data: Path | None,
        server: str | None,
        login: str | None,
        password_file: Path | None,
        ca: Path | None,
        **options: Any,
    ) -> Any:
        node = NodeOptions(data, server, login, password_file, ca)
        return function(*arguments, node=node, **options)

    return server_options(with_node)


def tenant_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """--tenant."""
    return click.option(
        "--tenant", metavar="DOMAIN", help="Of this tenant, by its domain.  [default: the asker's own]"
    )(function)


def yes_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """--yes: see `confirm`."""
    return click.option("--yes", is_flag=True, help="Do it without asking.")(function)


def confirm(question: str, yes: bool) -> None:
    """Ask the one at the terminal unless --yes was given; without a terminal --yes is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("this asks for confirmation: say --yes")
    click.confirm(question, abort=True, err=True)


@contextmanager
def asking(node: NodeOptions, see: str = "") -> Iterator[NodeClient]:
    """A client of the node; what goes wrong within becomes words and an exit code.

    see: the command that shows what there is, for those who named something that is not.
    """
    client = node.client()
    try:
        yield client
    except NotReachable as error:
        start = (
            f"lightwave serve --data {node.data}" if node.server is None else "lightwave serve on its machine"
        )
        click.echo(f"Error: {error}. Does the node run? It is started by: {start}", err=True)
        raise click.exceptions.Exit(3) from None
    except Refused as error:
        raise click.ClickException(words_of(error, see)) from None
    finally:
        client.close()


def words_of(error: Refused, see: str = "") -> str:
    """A refusal in the node's words, with what to do next where that is known."""
    if error.status == 404 and see:
        return f"{error}; see: {see}"
    if error.status == 401:
        return f"{error}; say who asks with --login, or ask as the owner of the data folder with --data"
    return str(error)


def address(*segments: str, **query: str | int | bool | None) -> str:
    """A path of segments, each percent-encoded, and a query of what is not None."""
    if not all(segments):
        raise click.UsageError("a name is empty")
    given = {
        name: ("true" if value else "false") if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }
    path = "/" + "/".join(quote(one, safe="") for one in segments)
    return f"{path}?{urlencode(given)}" if given else path


def items(
    client: NodeClient, *segments: str, most: int | None = None, **query: str | int | bool | None
) -> Iterator[dict[str, Any]]:
    """The items of a list, page by page; at most `most` of them."""
    cursor: str | None = None
    left = most
    while left is None or left > 0:
        limit = PAGE if left is None else min(PAGE, left)
        page = client.get(address(*segments, limit=limit, cursor=cursor, **query))
        yield from page["items"]
        cursor = page.get("next")
        if cursor is None:
            return
        if left is not None:
            left -= len(page["items"])


def by_name(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in the order of their names."""
    return sorted(rows, key=lambda row: str(row.get("name", "")).casefold())


def shown(value: object) -> str:
    """A value for eyes; nothing in it can steer a terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "\n".join(map(shown, value))
    return str(value).translate(_CONTROLS)


def print_rows(
    rows: Iterable[Mapping[str, Any]],
    columns: Mapping[str, str],
    as_json: bool,
    nothing: str = "",
    *,
    folds: bool = True,
) -> None:
    """A table, or the rows as they are in JSON.

    columns: key of a row -> title. nothing: said (not in JSON) where there are no rows. Without `folds` each row is
    one line, however long: for the last column that holds a text.
    """
    found = list(rows)
    if as_json:
        print_json(found)
    elif found:
        table = Table(*columns.values(), box=None, padding=(0, 2, 0, 0))
        for column in table.columns:
            column.overflow = "fold"
        table.columns[0].no_wrap = True  # the name of a row, or its time, is what the eye looks for
        for row in found:
            table.add_row(*(Text(shown(row.get(key))) for key in columns))
        _print(table, folds=folds)
    elif nothing:
        click.echo(nothing, err=True)


def print_object(value: Mapping[str, Any], titles: Mapping[str, str], as_json: bool) -> None:
    """One thing, a line for each of `titles` (key -> title) that it has; or as it is in JSON."""
    if as_json:
        print_json(dict(value))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, title in titles.items():
        if value.get(key) not in (None, [], ""):
            table.add_row(title, Text(shown(value[key])))
    _print(table)


def say(text: str, value: Mapping[str, Any] | Sequence[Any], as_json: bool) -> None:
    """What was done, in a sentence; or as JSON."""
    if as_json:
        print_json(value)
    else:
        click.echo(text.translate(_CONTROLS))


def new_password(path: Path | None, prompt: str = "New password") -> str:
    """A password from the first line of a file ("-": standard input), or asked for twice; never an argument."""
    if path is None:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask for a password: name a file")
        asked: str = click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True)
        return asked
    try:
        octets = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        password = octets.decode("utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"the password can't be read from {path}: {error}") from None
    if not password:
        raise click.ClickException(f"the first line of {path} is empty: it has to be the password")
    return password


_UNFOLDED = 4_096


def _print(table: Table, *, folds: bool = True) -> None:
    """Without the blanks with which rich fills lines."""
    width = _UNFOLDED if not folds else None if sys.stdout.isatty() else WIDTH
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
