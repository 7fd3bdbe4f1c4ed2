"""What the controls of a write do before and after it, inside its transaction.

Assertion (RFC 4528) and pre-read (RFC 4527 §3.1) see the target as the write finds it, post-read (§3.2) as the write
leaves it. An add has no target before it: its assertion is asked of the entry that it makes, as slapd does, and a
failure undoes the add. Made only for writes that have controls.
"""

from __future__ import annotations

from lightwave.directory.ldap.controls import Control
from lightwave.directory.ldap.filters import Filter
from lightwave.directory.ldap.messages import AddRequest, DeleteRequest, ModifyDNRequest, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.ldap.update_controls import POST_READ, PRE_READ, RELAX_RULES
from lightwave.directory.operations.assertions import asserted_filter, check_assertion
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.gather import Place, find, find_visible, is_referral
from lightwave.directory.operations.ports import WriteRequest
from lightwave.directory.operations.read_entry import read_entry
from lightwave.directory.operations.relax_rules import check_may_relax
from lightwave.directory.operations.request_controls import check_controls
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction


class WriteControls:
    """The controls of one write. Raises DirectoryError for those that can't be served."""

    def __init__(self, context: Context, request: WriteRequest) -> None:
        self._context = context
        self._request = request
        self._values = check_controls(type(request), context.controls).values
        self._assertion: Filter | None = asserted_filter(context) if self._has_target else None
        self._place: Place | None = None
        self._read: list[Control] = []
        if RELAX_RULES in self._values:
            check_may_relax(context)

    @property
    def _has_target(self) -> bool:
        return isinstance(self._request, AddRequest | ModifyRequest | DeleteRequest | ModifyDNRequest)

    def before(self, txn: ReadTransaction, schema: Schema) -> None:
        """Raises DirectoryError: assertionFailed, or what finding the target ends in."""
        request = self._request
        wanted = self._assertion is not None or PRE_READ in self._values or POST_READ in self._values
        if not wanted or not isinstance(request, ModifyRequest | DeleteRequest | ModifyDNRequest):
            return
        place, record, _ = find_visible(txn, schema, self._context, request.dn)
        if not self._context.manages_dsa_it and is_referral(txn, schema, record):
            return  # the write itself ends in the referral
        self._place = place
        self._check(txn, schema, place)
        self._maybe_read(txn, schema, place, PRE_READ)

    def after(self, txn: ReadTransaction, schema: Schema) -> tuple[Control, ...]:
        """The response controls; raises DirectoryError, and then nothing may be committed."""
        request = self._request
        if isinstance(request, AddRequest) and (self._assertion is not None or POST_READ in self._values):
            self._place = find(txn, schema, self._context, request.dn)
            self._check(txn, schema, self._place)
        if self._place is not None:
            self._maybe_read(txn, schema, self._place, POST_READ)
        return tuple(self._read)

    def _check(self, txn: ReadTransaction, schema: Schema, place: Place) -> None:
        if self._assertion is not None:
            record = txn.record(place.tenant, place.entry_id)
            check_assertion(txn, schema, self._context, place.tenant, place.entry_id, record, self._assertion)

    def _maybe_read(self, txn: ReadTransaction, schema: Schema, place: Place, oid: str) -> None:
        """Without the right to read the entry, a critical control fails the write, another one is not answered."""
        requested = self._values.get(oid)
        if not isinstance(requested, tuple):
            return
        try:
            self._read.append(
                read_entry(txn, schema, self._context, place.tenant, place.entry_id, oid, requested)
            )
        except DirectoryError as error:
            critical = any(one.oid == oid and one.critical for one in self._context.controls)
            if critical or error.code is not ResultCode.INSUFFICIENT_ACCESS_RIGHTS:
                raise
