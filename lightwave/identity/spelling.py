"""What all spellings of a name have in common, whether anybody has the name or not.

Answers for nobody must be the same each time, in each spelling that would lead to one account.
"""

from __future__ import annotations

from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text, normalise_value
from lightwave.directory.schema.schema import Schema


def one_spelling(schema: Schema, name: str) -> bytes:
    """The same bytes for each spelling of a name that clients sign in with."""
    mark, _, rest = name.partition(":")
    if mark == "u":
        name = rest
    elif mark == "dn" or "=" in name:
        try:
            dn = normalise_dn_text(schema, (rest if mark == "dn" else name).encode())
        except (InvalidValue, UnicodeEncodeError):
            return name.encode(errors="replace")
        uid_type = schema.attribute("uid")
        uid = b"%s=" % uid_type.oid.encode() if uid_type is not None else b"uid="
        if not dn or not dn[0].startswith(uid):
            return b"\0".join(dn)
        name = dn[0][len(uid) :].decode(errors="replace")
    account, at, _ = name.rpartition("@")
    text = (account if at else name).encode(errors="replace")
    attribute = schema.attribute("uid")
    try:
        return normalise_value(attribute, text) if attribute is not None else text
    except InvalidValue:
        return text
