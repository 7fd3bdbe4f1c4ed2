"""`lightwave explain`: how a search finds what it finds."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from lightwave.cli.options import data_option, json_option, print_json
from lightwave.directory.ldap.filters import FilterSyntaxError
from lightwave.directory.operations.planner import Plan
from lightwave.server.configuration import load_configuration
from lightwave.server.node import open_store, schema_source
from lightwave.server.offline import Explained, explain_search

SCOPES = {"base": 0, "one": 1, "sub": 2, "children": 3}

EPILOG = """\b
Examples:
  lightwave explain --data ./data --base dc=example,dc=com '(uid=ada)'
  lightwave explain --data ./data --base dc=example,dc=com '(&(objectClass=person)(mail=*@example.com))'

\b
A plan that says "every entry of the subtree" wants an index: lightwave index add ATTRIBUTE.
"""


@click.command(epilog=EPILOG)
@click.argument("filter_text", metavar="[FILTER]", default="(objectClass=*)")
@data_option
@click.option("--base", required=True, metavar="DN", help="Where the search begins.")
@click.option(
    "--scope",
    type=click.Choice(list(SCOPES)),
    default="sub",
    show_default=True,
    help="base: this entry; one: its children; sub: all below it and itself; children: all below it.",
)
@json_option
def command(filter_text: str, data: Path, base: str, scope: str, as_json: bool) -> None:
    """Run a search on the store in DATA as the administrator, and show its plan and what it cost.

    FILTER is an LDAP filter (RFC 4515). The plan says which indexes narrow the search to how many candidates; the
    filter is then asked of each of them.
    """
    configuration = load_configuration(data.absolute())
    with open_store(configuration, read_only=True) as store:
        try:
            done = explain_search(store, schema_source(store), base.encode(), SCOPES[scope], filter_text)
        except FilterSyntaxError as error:
            raise click.BadParameter(f"{error}; an example is '(uid=ada)'", param_hint="FILTER") from None
    if as_json:
        print_json(
            {
                "base": base,
                "scope": scope,
                "filter": filter_text,
                "plan": _plan_json(done.plan),
                "examined": done.examined,
                "found": done.found,
                "seconds": round(done.seconds, 6),
            }
        )
    else:
        _print(done)


def _plan_json(plan: Plan | None) -> dict[str, object] | None:
    if plan is None:
        return None
    return {
        "text": plan.text,
        "candidates": plan.estimate if plan.estimate >= 0 else None,
        "of": [_plan_json(child) for child in plan.children],
    }


def _print(done: Explained) -> None:
    if done.plan is None:
        tree = Tree("the base alone: no plan is needed")
    else:
        tree = Tree(_label(done.plan))
        _grow(tree, done.plan)
    console = Console(soft_wrap=True, highlight=False)
    console.print(tree)
    console.print(
        f"{done.examined:,} candidates looked at, {done.found:,} found, {done.seconds * 1000:,.2f} ms"
    )


def _grow(tree: Tree, plan: Plan) -> None:
    for child in plan.children:
        _grow(tree.add(_label(child)), child)


def _label(plan: Plan) -> str:
    count = f"{plan.estimate:,} candidates" if plan.estimate >= 0 else "all candidates"
    return f"{escape(plan.text)}  [dim]{count}[/]"
