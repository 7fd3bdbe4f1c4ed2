"""`lightwave whoami`: sign in over LDAP by a mechanism, and see who one is and what protects the connection."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import cast

import click

from lightwave.cli.client import NotReachable
from lightwave.cli.ldap_client import LDAPClient, Refused, tls_context
from lightwave.cli.options import json_option, print_json
from lightwave.cli.server_options import password_from
from lightwave.sasl.clients import MECHANISMS, ClientMechanism, Login, NoSuchMechanism, make_client
from lightwave.sasl.srp_layers import Wanted

LAYERS = ("none", "integrity", "confidentiality")


@click.command("whoami", short_help="Sign in over LDAP and see as whom.")
@click.option(
    "--server", required=True, metavar="URL", help="ldap://HOST:PORT, ldaps://HOST:PORT or ldapi://PATH."
)
@click.option("--user", default="", metavar="NAME", help="Who signs in: user, user@domain or a DN.")
@click.option(
    "--mechanism",
    type=click.Choice(MECHANISMS),
    default="SRP-SHA-256",
    show_default=True,
    help="SRP and SRP-SHA-256 need no TLS: nobody who listens can try passwords.",
)
@click.option(
    "--layer",
    type=click.Choice(LAYERS),
    help="What protects an ldap:// connection after SRP.  [default: confidentiality, none under TLS and locally]",
)
@click.option("--start-tls", is_flag=True, help="Go over to TLS before signing in.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the password in its first line.  [default: it is asked for]",
)
@click.option(
    "--ca",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The authority of the server's certificate, for TLS.  [default: those of the machine]",
)
@json_option
def command(
    server: str,
    user: str,
    mechanism: str,
    layer: str | None,
    start_tls: bool,
    password_file: Path | None,
    ca: Path | None,
    as_json: bool,
) -> None:
    """Sign in over LDAP and print who one is then, and what protects the connection.

    \b
    lightwave whoami --server ldap://localhost:389 --user alice
    lightwave whoami --server ldaps://localhost:636 --ca data/ca.pem --user alice --mechanism SCRAM-SHA-256
    lightwave whoami --server ldapi://data%2Fldapi --mechanism EXTERNAL
    """
    clear = server.startswith("ldap:") and not start_tls
    has_layer = mechanism.startswith("SRP")
    if mechanism != "EXTERNAL" and not user:
        raise click.UsageError("name who signs in: --user NAME")
    if layer not in (None, "none") and not has_layer:
        raise click.UsageError(f"{mechanism} brings no security layer: use SRP-SHA-256, or TLS")
    if clear and mechanism == "PLAIN":
        raise click.UsageError(
            "PLAIN would send the password in the clear: use --start-tls, ldaps:// or SRP-SHA-256"
        )
    wanted = layer or ("confidentiality" if clear and has_layer else "none")
    password = "" if mechanism == "EXTERNAL" else password_from(password_file)
    try:
        chosen = make_client(mechanism, Login(user, password), os.urandom, cast("Wanted", wanted))
        identity, protection = _ask(server, chosen, start_tls, ca)
    except (NoSuchMechanism, ValueError) as error:
        raise click.UsageError(str(error)) from None
    except NotReachable as error:
        click.echo(f"Error: {error}. Does the server run, and is this its address?", err=True)
        raise click.exceptions.Exit(3) from None
    except Refused as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        print_json({"identity": identity, "mechanism": mechanism, "protection": protection})
    else:
        click.echo(identity or "anonymous")
        click.echo(f"signed in by {mechanism}; protection: {protection}", err=True)


def _ask(server: str, chosen: ClientMechanism, start_tls: bool, ca: Path | None) -> tuple[str, str]:
    """The identity, and what protects the connection."""
    try:
        context = tls_context(ca)
    except (OSError, ssl.SSLError) as error:
        raise click.ClickException(f"{ca} can't be used: {error}") from None
    client = LDAPClient.connect(server, context)
    try:
        if start_tls:
            client.start_tls(context)
        client.sign_in(chosen)
        return client.who_am_i(), client.protection
    finally:
        client.close()
