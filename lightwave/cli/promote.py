"""`lightwave promote`: make the first node of a domain."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import sys
from pathlib import Path
from urllib.parse import quote

import click

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.identity.domain_names import domain_dn
from lightwave.identity.hashing import MINIMUM, HashingCost
from lightwave.server.configuration import (
    ConfigurationError,
    NodeConfiguration,
    check_addresses,
    check_local_path,
    check_port_offset,
)
from lightwave.server.promote import Promoted, check_domain, check_hostname, promote

COSTS = {"standard": HashingCost(), "minimum": MINIMUM}


@click.command(
    epilog="Example: lightwave promote --domain example.com --data ./data --port-offset 10000",
)
@click.option(
    "--domain", required=True, help="DNS domain of the directory: example.com becomes dc=example,dc=com."
)
@data_option
@click.option(
    "--hostname", default=None, help="Name of this node in its certificate.  [default: this machine's name]"
)
@click.option(
    "--bind",
    multiple=True,
    metavar="ADDRESS",
    help="Address to listen on; may be given several times.  [default: all, IPv4 and IPv6]",
)
@click.option(
    "--port-offset",
    default=0,
    show_default=True,
    help="Added to each standard port (LDAP 389, LDAPS 636, HTTP 80, HTTPS 443); with 10000 nothing needs root.",
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="File with the administrator's password in its first line.  [default: one is generated and printed]",
)
@click.option(
    "--keyring",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the master key, outside the data folder.  [default: DATA.keyring]",
)
@click.option(
    "--hashing-cost",
    type=click.Choice(sorted(COSTS)),
    default="standard",
    show_default=True,
    help="Cost of password hashes; minimum is for tests only.",
)
@json_option
def command(
    domain: str,
    data: Path,
    hostname: str | None,
    bind: tuple[str, ...],
    port_offset: int,
    password_file: Path | None,
    keyring: Path | None,
    hashing_cost: str,
    as_json: bool,
) -> None:
    """Make a new node with an empty directory for a domain.

    Writes the store, a certificate authority (ca.pem) and the node's certificate to the data folder, and the
    master key to the keyring folder beside it. Prints the administrator's name, the generated password and
    the recovery key once: they are stored nowhere in clear.
    """
    check_port_offset(port_offset)
    check_addresses(bind)
    data = data.absolute()
    configuration = NodeConfiguration(
        data=data,
        keyring=(keyring or data.with_name(data.name + ".keyring")).absolute(),
        domain=check_domain(domain),
        hostname=check_hostname(hostname or socket.gethostname()),
        bind=bind or ("0.0.0.0", "::"),  # noqa: S104  a server for others; --bind narrows it
        port_offset=port_offset,
    )
    check_local_path(configuration)
    password = _read_password(password_file) if password_file is not None else None
    say = (lambda text: None) if as_json else (lambda text: click.echo(f"  {text} …", err=True))
    done = promote(configuration, password, COSTS[hashing_cost], say)
    if as_json:
        print_json(_as_json(done))
    else:
        _print(done)


def _read_password(path: Path) -> str:
    try:
        password = path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the password can't be read from {path}: {error}") from None
    if not password:
        raise ConfigurationError(f"the first line of {path} is empty; put the password there")
    return password


def _as_json(done: Promoted) -> dict[str, object]:
    configuration = done.configuration
    return {
        "administrator": done.administrator_dn,
        "password": done.password,
        "recoveryKey": done.recovery_key,
        "data": str(configuration.data),
        "keyring": str(configuration.keyring),
        "ca": str(configuration.ca_path),
        "ldapPort": configuration.ldap_port,
        "ldapsPort": configuration.ldaps_port,
        "httpPort": configuration.http_port,
        "httpsPort": configuration.https_port,
    }


def _print(done: Promoted) -> None:
    configuration = done.configuration
    shown = _from_here(configuration.data)
    click.echo(f"\nThe node for {configuration.domain} is made.\n")
    click.echo(f"  administrator  {done.administrator_dn}")
    if done.password is not None:
        click.echo(f"  password       {done.password}")
    click.echo(f"  recovery key   {done.recovery_key}")
    click.echo("\nThese are shown once and kept nowhere in clear: write them down now.\n")
    click.echo(f"To try while it serves ({_program()} serve --data {shlex.quote(str(shown))}):\n")
    for line in _commands(done, shown):
        click.echo(f"  {line}")
    click.echo("")


def _commands(done: Promoted, data: Path) -> list[str]:
    """Commands that work when pasted."""
    configuration = done.configuration
    base = domain_dn(configuration.domain).decode()
    first = configuration.bind[0]
    address = "localhost" if first in ("0.0.0.0", "::") else (f"[{first}]" if ":" in first else first)  # noqa: S104
    plain = f"ldap://{address}:{configuration.ldap_port}"
    secure = f"ldaps://{address}:{configuration.ldaps_port}"
    local = "ldapi://" + quote(str(configuration.ldapi_path), safe="")
    web = f"https://{address}:{configuration.https_port}"
    authority = shlex.quote(str(data / configuration.ca_path.name))
    secret = f"-w '{done.password}'" if done.password is not None else "-W"
    trusted = f"LDAPTLS_CACERT={authority}"
    login = f"-u 'Administrator@{configuration.domain}{':' + done.password if done.password else ''}'"
    return [
        f"ldapsearch -x -LLL -H {plain} -s base -b '' +",
        f"ldapwhoami -Q -Y EXTERNAL -H {local}",
        f"{trusted} ldapsearch -x -LLL -H {secure} -D '{done.administrator_dn}' {secret} -b '{base}' dn",
        f"{trusted} ldapwhoami -x -ZZ -H {plain} -D '{done.administrator_dn}' {secret}",
        f"curl -sS --cacert {authority} {web}/ready",
        f"curl -sS --cacert {authority} {login} '{web}/v1/vmdir/ldap?dn={quote(base)}'",
        f"{_program()} status --data {shlex.quote(str(data))}",
    ]


def _program() -> str:
    """This program as a shell of the present folder finds it."""
    if shutil.which("lightwave") is not None:
        return "lightwave"
    return shlex.quote(str(_from_here(Path(sys.argv[0]).absolute())))


def _from_here(path: Path) -> Path:
    """The path as seen from the present folder, where it is below it."""
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path
