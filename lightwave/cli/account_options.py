"""Options by which accounts and groups are described, and the JSON that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from lightwave.cli.administration import new_password

F = TypeVar("F", bound=Callable[..., Any])
SECRET_ATTRIBUTES = frozenset({"userpassword", "unicodepwd"})
NEVER = "never"


class Field(NamedTuple):
    """A field of the JSON and its option. many: it may be given several times."""

    key: str
    option: str
    metavar: str
    help: str
    many: bool = False

    @property
    def argument(self) -> str:
        """What click calls it."""
        return self.option.removeprefix("--").replace("-", "_")


_NAMED = (
    Field("displayName", "--display-name", "TEXT", "The name that people read."),
    Field("mail", "--mail", "ADDRESS", "Mail address."),
    Field("description", "--description", "TEXT", "What it is for."),
)
_UNIX = (Field("gidNumber", "--gid-number", "NUMBER", "Number of its group on Unix."),)
_ACCOUNT = (
    Field("upn", "--upn", "NAME", "userPrincipalName: name@domain."),
    Field(
        "expires", "--expires", "DATE", "When the account ends: 2030-12-31, with time or without; or never."
    ),
    Field("servicePrincipalNames", "--spn", "NAME", "servicePrincipalName: http/www.example.com.", True),
)
PERSON = (
    *_NAMED,
    Field("givenName", "--given-name", "TEXT", "First name."),
    Field("surname", "--surname", "TEXT", "Last name."),
    *_ACCOUNT,
    Field("uidNumber", "--uid-number", "NUMBER", "Its number on Unix."),
    *_UNIX,
    Field("homeDirectory", "--home", "PATH", "Home directory on Unix."),
    Field("loginShell", "--shell", "PATH", "Shell on Unix."),
    Field("sshKeys", "--ssh-key", "KEY", "Public key for ssh: ssh-ed25519 AAAA… comment.", True),
)
MACHINE = (
    *_NAMED,
    *_ACCOUNT,
    Field("hostName", "--host-name", "NAME", "dNSHostName: ws1.example.com."),
    Field("operatingSystem", "--os", "TEXT", "What runs on it."),
)
GROUP = (*_NAMED, *_UNIX, Field("managedBy", "--managed-by", "DN", "Who looks after it."))
NUMBERS = frozenset({"uidNumber", "gidNumber"})


def describing(fields: Sequence[Field]) -> Callable[[F], F]:
    """The options of `fields`."""

    def add(function: F) -> F:
        for field in reversed(fields):
            kind = int if field.key in NUMBERS else str
            text = f"{field.help} May be given several times." if field.many else field.help
            option = click.option(
                field.option, field.argument, metavar=field.metavar, help=text, multiple=field.many, type=kind
            )
            function = option(function)
        return function

    return add


def described(fields: Sequence[Field], options: dict[str, Any]) -> dict[str, Any]:
    """The JSON of what was given; the options are taken out of `options`."""
    made: dict[str, Any] = {}
    for field in fields:
        value = options.pop(field.argument)
        if value in (None, ()):
            continue
        if field.key == "expires":
            value = moment(value)
        made[field.key] = list(value) if field.many else value
    return made


def moment(text: str) -> str | None:
    """A date as JSON takes it, None for "never"; raises UsageError."""
    if text.casefold() == NEVER:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no date: write 2030-12-31, 2030-12-31T18:00Z or never") from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).isoformat()


def set_option(function: F) -> F:
    """--set."""
    return click.option(
        "--set",
        "assigned",
        multiple=True,
        metavar="ATTRIBUTE=VALUE",
        help="These values of any attribute instead of others. May be given several times.",
    )(function)


def change_options(function: F) -> F:
    """--set, --add, --remove and --clear."""
    for name, text in (
        ("--remove", "Not this value any more; without = not the attribute."),
        ("--add", "This value beside the others."),
    ):
        function = click.option(
            name,
            {"--add": "added", "--remove": "removed"}[name],
            multiple=True,
            metavar="ATTRIBUTE=VALUE",
            help=text,
        )(function)
    return set_option(function)


def changed_attributes(options: dict[str, Any]) -> dict[str, Any]:
    """The JSON of --set, --add and --remove; they are taken out of `options`."""
    made = {
        "set": assignments(options.pop("assigned")),
        "add": assignments(options.pop("added")),
        "remove": assignments(options.pop("removed"), bare=True),
    }
    return {name: values for name, values in made.items() if values}


def assignments(given: Sequence[str], *, bare: bool = False) -> dict[str, list[str]]:
    """ATTRIBUTE=VALUE by attribute; raises UsageError. bare: the value may be missing."""
    found: dict[str, list[str]] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not (equals or bare):
            raise click.UsageError(f"{one!r} is not of the form ATTRIBUTE=VALUE")
        if name.lower() in SECRET_ATTRIBUTES:
            raise click.UsageError("a password is not given as an argument: lightwave user password NAME")
        found.setdefault(name, []).extend([value] if equals else [])
    return found


def password_options(function: F) -> F:
    """--ask-password, --new-password-file, --generate-password."""
    for option in (
        click.option("--generate-password", is_flag=True, help="The node makes one, and tells it this once."),
        click.option(
            "--new-password-file",
            type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
            help="Its password is the first line of this file; -: of standard input.",
        ),
        click.option("--ask-password", is_flag=True, help="Ask for its password."),
    ):
        function = option(function)
    return function


def chosen_password(options: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the password options; they are taken out of `options`."""
    ask, path, generate = (
        options.pop("ask_password"),
        options.pop("new_password_file"),
        options.pop("generate_password"),
    )
    if ask + (path is not None) + generate > 1:
        raise click.UsageError("choose one of --ask-password, --new-password-file and --generate-password")
    if generate:
        return {"generatePassword": True}
    if ask or path is not None:
        return {"password": new_password(path)}
    return {}


def clearing(fields: Sequence[Field]) -> Callable[[F], F]:
    """--clear."""
    return click.option(
        "--clear",
        "cleared",
        multiple=True,
        type=click.Choice([field.option.removeprefix("--") for field in fields]),
        metavar="OPTION",
        help="Take away what the option of this name sets, such as --clear mail. May be given several times.",
    )


def cleared(fields: Sequence[Field], options: dict[str, Any]) -> dict[str, None]:
    """The JSON of --clear; it is taken out of `options`."""
    names = {field.option.removeprefix("--"): field.key for field in fields}
    return dict.fromkeys(names[one] for one in options.pop("cleared"))
