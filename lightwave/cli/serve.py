"""`lightwave serve`: run a node in the foreground."""

from __future__ import annotations

import logging
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
def command(data: Path, log_format: str, log_level: str) -> None:
    """Serve the node in DATA, logging to standard error.

    LDAP, LDAPS and the local socket (LDAPI) are opened; a line that ends in "ready" says when.
    """
    from lightwave.server.configuration import load_configuration
    from lightwave.server.logs import start_logging
    from lightwave.server.node import serve

    configuration = load_configuration(data.absolute())
    handler = start_logging(log_level, log_format)
    try:
        serve(configuration, lambda: logging.getLogger("lightwave.server").info("ready"))
    finally:
        handler.close()
