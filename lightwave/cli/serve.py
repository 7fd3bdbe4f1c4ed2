"""`lightwave serve`: run a node in the foreground."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from lightwave.cli.options import data_option

LEVELS = ("debug", "info", "warning", "error")


@click.command(epilog="Stop it with SIGTERM or Ctrl-C: it answers what it has begun, then ends.")
@data_option
@click.option(
    "--log-format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    envvar="LIGHTWAVE_LOG_FORMAT",
    help="One line a record: for people, or JSON for machines.  [env: LIGHTWAVE_LOG_FORMAT]",
)
@click.option(
    "--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="What is logged."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Processes that share the ports, one for each core to be used; `workers` in lightwave.toml by default.",
)
def command(data: Path, log_format: str, log_level: str, workers: int | None) -> None:
    """Serve the node in DATA, logging to standard error.

    LDAP, LDAPS, HTTP, HTTPS and the local sockets are opened; a line that ends in "ready" says when. systemd is
    told too (Type=notify, WatchdogSec).
    """
    from lightwave.server.configuration import load_configuration
    from lightwave.server.serving import serve_node

    configuration = load_configuration(data.absolute())
    if workers is not None:
        configuration = replace(configuration, workers=workers)
    serve_node(configuration, log_level, log_format)
