"""`lightwave audit`: what was done, by whom, from where, and what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from lightwave.cli.administration import NodeOptions, address, asking, node_options, print_rows, tenant_option
from lightwave.cli.client import NodeClient
from lightwave.cli.options import json_option, print_json

EPILOG = """\b
Examples:
  lightwave audit --since 2h --data ./data
  lightwave audit --user ada@example.com --since 7d --outcome refused --data ./data
  lightwave audit --follow --data ./data
  lightwave audit --verify --data ./data
  lightwave audit --correlation 9f31c2ab-c12 --json --data ./data
  lightwave audit --server https://node1.example.com --login admin@example.com --ca ca.pem
"""
COLUMNS = {
    "when": "time",
    "action": "action",
    "outcome": "outcome",
    "actor": "who",
    "target": "whom or what",
    "from": "from",
    "detail": "detail",
}
CHAINS = {
    "node": "node",
    "events": "events",
    "first": "first",
    "last": "last",
    "signed": "signed up to",
    "problem": "problem",
    "at": "at",
}
_PAST = re.compile(r"[0-9]{1,9}[smhdw]\Z")
_LEAF = re.compile(r"[^=,]+=((?:\\.|[^,\\])+),", re.DOTALL)
_WAIT = 20
"""seconds that the node waits for news before it answers that there are none"""


class Moment(click.ParamType[str]):
    """A time: so long ago (`2h`, `3d`), which the node counts; or ISO 8601, which becomes RFC 3339 in UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if _PAST.match(value):
            return str(value)
        try:
            moment = datetime.fromisoformat(value).astimezone(UTC)  # of this machine's zone without one
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is no time: say 90m, 2h, 3d, or 2026-11-24T09:30", param, ctx)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@click.command(epilog=EPILOG)
@click.option(
    "--user", metavar="NAME", help="Who acted or was acted on: a sign-in name, DN, GUID or part of one."
)
@click.option("--since", type=Moment(), help="Since then: 2h, 3d, or a time.  [default: 1d]")
@click.option("--until", type=Moment(), help="Before then.")
@click.option("--action", metavar="ACTION", help="Only this: sign-in, add, modify, password-reset …")
@click.option(
    "--outcome", metavar="OUTCOME", help="Only success, refused, or a result such as invalidCredentials."
)
@click.option("--correlation", metavar="ID", help="Only this login, or one request of it.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.  [default: all]")
@click.option("--follow", is_flag=True, help="Go on, and show what happens from now on.")
@click.option(
    "--verify", is_flag=True, help="Verify that nothing was changed or taken out; exit code 3 if so."
)
@tenant_option
@node_options
@json_option
def command(
    user: str | None,
    since: str | None,
    until: str | None,
    action: str | None,
    outcome: str | None,
    correlation: str | None,
    limit: int | None,
    follow: bool,
    verify: bool,
    tenant: str | None,
    node: NodeOptions,
    as_json: bool,
) -> None:
    """Show what was done in a tenant: sign-ins, refusals, and every change, the oldest first.

    With --json each event is a line. Only administrators of the tenant may read its audit.
    """
    if verify:
        _verify(node, tenant, as_json)
        return
    query = {
        "tenant": tenant,
        "user": user,
        "since": since or "1d",
        "until": until,
        "action": action,
        "outcome": outcome,
        "correlation": correlation,
    }
    with asking(node) as client:
        pages = _pages(client, query, limit, follow)
        if as_json or follow:
            for page in pages:
                for one in page:
                    click.echo(json.dumps(one, ensure_ascii=False) if as_json else _line(one))
            return
        rows = [one for page in pages for one in page]
    print_rows(map(_row, rows), COLUMNS, False, nothing="There are no such events.", folds=False)


def _pages(
    client: NodeClient, query: dict[str, str | None], limit: int | None, follow: bool
) -> Iterator[list[dict[str, Any]]]:
    """Pages of events; with `follow` without end."""
    cursor: str | None = None
    left, wait = limit, 0
    while left is None or left > 0:
        most = 500 if left is None else min(500, left)
        page = client.get(address("v1", "audit", **query, limit=most, cursor=cursor, wait=wait or None))
        yield page["items"]
        if left is not None:
            left -= len(page["items"])
        cursor = page.get("next") or page["position"]
        if "next" not in page:
            if not follow:
                return
            wait = _WAIT


def _row(event: dict[str, Any]) -> dict[str, Any]:
    """An event for eyes."""
    when = datetime.fromisoformat(event["time"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    times = event.get("times", 1)
    return {
        "when": when,
        "action": event["action"],
        "outcome": event["outcome"] + (f" ({times} times)" if times > 1 else ""),
        "actor": _leaf(event.get("actor")),
        "target": _leaf(event.get("target")),
        "from": " ".join(filter(None, (event.get("protocol"), _PORT.sub("", event.get("peer") or "")))),
        "detail": event.get("detail"),
    }


_PORT = re.compile(r":\d+\Z")
"""of a client's address: it tells nothing, and takes the room of what does"""


def _leaf(name: str | None) -> str | None:
    """`Ada` of `cn=Ada,cn=Users,dc=example,dc=com`; the whole is in JSON."""
    leaf = _LEAF.match(name or "")
    return leaf[1] if leaf else name


def _line(event: dict[str, Any]) -> str:
    """The same in one line, for --follow."""
    row = _row(event)
    parts = [
        row["when"],
        row["action"],
        row["outcome"],
        row["actor"] or "-",
        row["target"] or "-",
        row["from"],
    ]
    text = "  ".join([*parts, row["detail"] or ""]).rstrip()
    return "".join(character if character.isprintable() else "�" for character in text)


def _verify(node: NodeOptions, tenant: str | None, as_json: bool) -> None:
    with asking(node) as client:
        found = client.get(address("v1", "audit", "verification", tenant=tenant))
    if as_json:
        print_json(found)
    else:
        print_rows(found["chains"], CHAINS, False)
        click.echo("The audit is sound." if found["sound"] else "The audit was changed.")
    if not found["sound"]:
        raise click.exceptions.Exit(3)
