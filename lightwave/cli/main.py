"""The `lightwave` command: one module a verb; this one joins them and turns errors into words and exit codes.

Exit codes: 0 done, 1 not done (the text says why), 2 the command line is wrong, 3 done but something was
found, or no node answers.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

import click

# Topic -> command -> module. A command loads what it needs and nothing else, so `lightwave --help` answers at once.
_TOPICS: Final[dict[str, dict[str, str]]] = {
    "Node": {"promote": "promote", "serve": "serve", "status": "status"},
    "People and machines": {
        "tenant": "tenant",
        "user": "user",
        "group": "group",
        "service": "service",
        "computer": "computer",
        "policy": "policy",
        "access": "access",
        "app-password": "app_password",
        "whoami": "whoami",
    },
    "Data": {
        "import": "import_",
        "export": "export",
        "backup": "backup",
        "restore": "restore",
        "restore-entry": "restore_entry",
        "check": "check",
        "compact": "compact",
        "index": "index",
        "explain": "explain",
        "audit": "audit",
    },
}
_COMMANDS: Final = {name: module for commands in _TOPICS.values() for name, module in commands.items()}


class Verbs(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(f"lightwave.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by topic."""
        width = max(map(len, _COMMANDS))
        for topic, commands in _TOPICS.items():
            with formatter.section(topic):
                room = formatter.width - width - formatter.current_indent - 4
                found = ((name, self.get_command(ctx, name)) for name in commands)
                rows = [(name.ljust(width), one.get_short_help_str(room)) for name, one in found if one]
                formatter.write_dl(rows)


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: lightwave promote --domain example.com --data ./data; "
    "then: lightwave serve --data ./data",
)
@click.version_option(package_name="lightwave")
def main_group() -> None:
    """Lightwave: directory, tickets, tokens, certificates and names on one store."""


def main() -> None:
    """Entry point of the installed command."""
    from lightwave.directory.ldap.result import DirectoryError
    from lightwave.directory.store.errors import StoreError
    from lightwave.server.configuration import ConfigurationError

    try:
        # Outside its standalone mode click returns the code of an Exit instead of raising it.
        code = main_group(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2 if isinstance(error, click.UsageError) else 1)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(1)
    except (ConfigurationError, StoreError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except DirectoryError as error:
        click.echo(f"Error: {error.message or error.code.label}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
