"""An event of the audit as a line of JSON, and as a message of syslog (RFC 5424) with the same as structured data.

The facility is 13 (log audit), the severity informational for what was done and notice for what was refused. We have
no private enterprise number, so the name of the structured data bears the one that RFC 5612 keeps for examples.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from lightwave.rest.audit import AuditEvent

_FACILITY = 13
_INFORMATIONAL, _NOTICE = 6, 5
_DATA = "audit@32473"
_BOM = "\ufeff"
_ESCAPED = re.compile(r'(["\\\]])')  # RFC 5424 §6.3.3
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")


def json_line(event: AuditEvent, tenant: str) -> bytes:
    """One line; tenant: the domain."""
    content = {"tenant": tenant, **json.loads(event.model_dump_json(by_alias=True, exclude_none=True))}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def syslog_message(event: AuditEvent, tenant: str, hostname: str) -> bytes:
    """RFC 5424 §6, without any framing."""
    severity = _INFORMATIONAL if event.outcome == "success" else _NOTICE
    content = json.loads(event.model_dump_json(by_alias=True, exclude_none=True, exclude={"time"}))
    pairs = {"tenant": tenant, **content}
    data = " ".join(f'{name}="{_ESCAPED.sub(_escape, str(value))}"' for name, value in pairs.items())
    text = f"{event.action} {event.outcome}: {event.actor or '-'} {event.target or ''}".rstrip()
    moment = event.time.astimezone(UTC)
    priority = _FACILITY * 8 + severity
    name = _name(hostname, 255)
    header = f"<{priority}>1 {_time(moment)} {name} lightwave - {_name(event.action, 32)}"
    return f"{header} [{_DATA} {data}] {_BOM}{_one_line(text)}".encode()


def _escape(match: re.Match[str]) -> str:
    return "\\" + match[1]


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _name(text: str, longest: int) -> str:
    return _UNPRINTABLE.sub("_", text)[:longest] or "-"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def counted(message: bytes) -> bytes:
    """A message in a stream: its octets are counted (RFC 6587 §3.4.1, RFC 5425 §4.3)."""
    return b"%d %s" % (len(message), message)
