"""The extended DN control ([MS-ADTS] 3.1.1.3.4.1.5): each name that is returned is preceded by what does not change.

`<GUID=…>;<SID=…>;dn` for the entry itself and for every value of DN syntax that names an entry; the SID only where
the entry has one. The two are hexadecimal octets, or with flag 1 in their usual text. An attribute of more values
than a range holds is sent as its first range, for each value costs a look at another entry.
"""

from __future__ import annotations

import uuid
from typing import final

from lightwave.directory.ldap.responses import encode_entry
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.partial_attributes import (
    RANGE,
    description_of_name,
    name_and_values,
    split_run,
)
from lightwave.directory.operations.range_retrieval import MOST_VALUES
from lightwave.directory.operations.search import Search
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.schema.syntaxes import RFC_4517
from lightwave.directory.store.errors import DamagedRecord, NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record, encode_attribute

_DN = RFC_4517 + "12"
_OBJECT_SID = "1.2.840.113556.1.4.146"


@final
class ExtendedNames:
    """The shape of a search whose names are extended."""

    def __init__(self, schema: Schema, *, as_text: bool) -> None:
        self._schema = schema
        self._as_text = as_text

    def __call__(self, search: Search, candidate: Candidate) -> bytes:
        txn, record = candidate.txn, candidate.record
        parts = [
            self._attribute(search, candidate, one) for one in split_run(search.attributes_of(candidate))
        ]
        dn = self._prefix(txn, record) + txn.dn(candidate.tenant, candidate.entry_id, record)
        return encode_entry(search.message_id, dn, b"".join(parts))

    def _attribute(self, search: Search, candidate: Candidate, encoded: bytes) -> bytes:
        name, values = name_and_values(encoded)
        description = description_of_name(self._schema, name)
        if description is None or description.type.syntax.oid != _DN:
            return encoded
        if len(values) > MOST_VALUES:
            values = values[:MOST_VALUES]
            name += f"{RANGE}0-{MOST_VALUES - 1}".encode()
        return encode_attribute(name, [self._extended(search, candidate, value) for value in values])

    def _extended(self, search: Search, candidate: Candidate, value: bytes) -> bytes:
        txn = candidate.txn
        try:
            tenant, entry_id = txn.find(normalise_dn_text(self._schema, value))
            record = txn.record(tenant, entry_id)
            if tenant != candidate.tenant or not search.shows(txn, tenant, entry_id):
                return value  # what it names is not there for the requester
            return self._prefix(txn, record) + value
        except (InvalidValue, NoSuchEntry, DamagedRecord):
            return value

    def _prefix(self, txn: ReadTransaction, record: Record) -> bytes:
        guid = record.guid
        text = str(uuid.UUID(bytes_le=guid)) if self._as_text else guid.hex()
        parts = [f"<GUID={text}>;"]
        number = txn.attribute_number(_OBJECT_SID)
        sids = [] if number is None else record.values(number)
        if sids:
            sid = (format_sid(sids[0]) if self._as_text else None) or sids[0].hex()
            parts.append(f"<SID={sid}>;")
        return "".join(parts).encode()


def format_sid(sid: bytes) -> str | None:
    """S-1-… of a SID's octets ([MS-DTYP] 2.4.2.2); None where they are none."""
    if len(sid) < 8 or sid[0] != 1 or len(sid) != 8 + 4 * sid[1]:
        return None
    parts = [int.from_bytes(sid[at : at + 4], "little") for at in range(8, len(sid), 4)]
    return "-".join(["S-1", str(int.from_bytes(sid[2:8], "big")), *map(str, parts)])
