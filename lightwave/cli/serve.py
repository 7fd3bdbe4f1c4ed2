"""`lightwave serve`: run a node in the foreground."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from lightwave.cli.options import data_option

LEVELS = ("debug", "info", "warning", "error")


@click.command(epilog="Stop it with SIGTERM or Ctrl-C: it answers what it has begun, then ends.")
@data_option
@click.option(
    "--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="What is logged."
)
def command(data: Path, log_level: str) -> None:
    """Serve the node in DATA, logging to standard error.

    LDAP, LDAPS and the local socket (LDAPI) are opened; a line that ends in "ready" says when.
    """
    from lightwave.server.configuration import load_configuration
    from lightwave.server.node import serve

    logging.basicConfig(
        stream=sys.stderr,
        level=log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    configuration = load_configuration(data.absolute())
    serve(configuration, lambda: logging.getLogger("lightwave.server").info("ready"))
