"""Accounts out of a file: CSV with a line of titles, a JSON array, or JSON objects line by line.

A title is a field of the resource (displayName, mail …) or any attribute of the schema. Each account is a request of
its own: what is refused is told with its line, and the others are made.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from lightwave.cli.account_options import NUMBERS, moment
from lightwave.cli.administration import address, words_of
from lightwave.cli.client import NodeClient, Refused
from lightwave.cli.progress import progress_bar

_FIELDS = (
    *("name", "upn", "displayName", "givenName", "surname", "mail", "description", "expires", "uidNumber"),
    *("gidNumber", "homeDirectory", "loginShell", "sshKeys", "servicePrincipalNames", "hostName"),
    *("operatingSystem", "password", "generatePassword", "mustChangePassword", "enabled", "container"),
)
_BY_TITLE = {field.casefold(): field for field in _FIELDS}
_LISTS = frozenset({"sshKeys", "servicePrincipalNames"})
_SWITCHES = frozenset({"generatePassword", "mustChangePassword", "enabled"})
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


class Line(NamedTuple):
    """An account of a file. number: of its line, or of its place in an array. problem: why it can't be read."""

    number: int
    content: dict[str, Any]
    problem: str = ""


class Report(NamedTuple):
    """What became of a file."""

    created: list[dict[str, Any]]
    refused: list[dict[str, Any]]


def read_accounts(path: Path) -> list[Line]:
    """The accounts of a file ("-": standard input); raises ClickException where it is none of its kinds."""
    try:
        octets = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        text = octets.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path} can't be read: {error}") from None
    begin = text.lstrip()[:1]
    if begin == "[":
        found = list(_of_array(text, path))
    elif begin == "{":
        found = list(_of_lines(text))
    else:
        found = list(_of_csv(text, path))
    if not found:
        raise click.ClickException(f"{path} names no accounts")
    return found


def _of_array(text: str, path: Path) -> Iterator[Line]:
    try:
        array = json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"{path} is not JSON: {error}") from None
    for number, content in enumerate(array, 1):
        yield _object(number, content)


def _of_lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield _object(number, json.loads(line))
        except ValueError as error:
            yield Line(number, {}, f"not JSON: {error}")


def _object(number: int, content: Any) -> Line:
    return Line(number, content) if isinstance(content, dict) else Line(number, {}, "not a JSON object")


def _of_csv(text: str, path: Path) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""))
    titles = [title.strip() for title in next(reader, [])]
    if "name" not in map(str.casefold, titles):
        raise click.ClickException(f"{path}: the first line has to hold titles, and one of them is name")
    try:
        for row in reader:
            if not any(map(str.strip, row)):
                continue
            if len(row) > len(titles):
                yield Line(reader.line_num, {}, f"{len(row)} columns where there are {len(titles)} titles")
                continue
            try:
                yield Line(reader.line_num, _content(zip(titles, row, strict=False)))
            except click.UsageError as error:
                yield Line(reader.line_num, {}, error.message)
    except csv.Error as error:
        yield Line(reader.line_num, {}, f"not CSV: {error}")


def _content(cells: Any) -> dict[str, Any]:
    content: dict[str, Any] = {}
    attributes: dict[str, list[str]] = {}
    for title, cell in cells:
        if not cell:
            continue
        field = _BY_TITLE.get(title.casefold())
        if field is None:
            attributes.setdefault(title, []).append(cell)
        elif field in _LISTS:
            content.setdefault(field, []).append(cell)
        else:
            content[field] = _value(field, cell)
    if attributes:
        content["attributes"] = attributes
    return content


def _value(field: str, cell: str) -> Any:
    if field in _SWITCHES:
        word = cell.strip().casefold()
        if word not in _TRUE | _FALSE:
            raise click.UsageError(f"{field} is {cell!r}: write true or false")
        return word in _TRUE
    if field in NUMBERS:
        try:
            return int(cell)
        except ValueError:
            raise click.UsageError(f"{field} is {cell!r}: write a number") from None
    return moment(cell) if field == "expires" else cell


def create_all(
    client: NodeClient, plural: str, lines: list[Line], tenant: str | None, *, quiet: bool
) -> Report:
    """Makes them one by one; raises NotReachable when the node goes away."""
    report = Report([], [])
    path = address("v1", plural, tenant=tenant)
    with progress_bar(f"creating {plural}", float(len(lines)), quiet=quiet) as progress:
        for done, line in enumerate(lines, 1):
            problem = line.problem
            if not problem:
                try:
                    report.created.append(client.request("POST", path, line.content))
                except Refused as error:
                    problem = words_of(error)
            if problem:
                report.refused.append(
                    {"line": line.number, "name": line.content.get("name"), "error": problem}
                )
            progress(float(done), f"{done:,} of {len(lines):,}")
    return report
