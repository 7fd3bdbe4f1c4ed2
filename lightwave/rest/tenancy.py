"""Which tenant a request is about: its own, or one that it names by its domain.

Whoever may not see a tenant is told the same as of one that is not there.
"""

from __future__ import annotations

from lightwave.directory.ldap.dn import AVA, format_dn, parse_dn
from lightwave.directory.ldap.result import DirectoryError
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.gather import check_visible
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.normalisation import NormalisedDN, normalise_dn, normalise_dn_text
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.errors import NoSuchEntry
from lightwave.directory.store.reading import ReadTransaction
from lightwave.web.problems import Problem


class Domain:
    """The naming context of a tenant. dn: as text. name: its normalised DN."""

    __slots__ = ("dn", "name", "tenant")

    def __init__(self, tenant: int, dn: bytes, name: NormalisedDN) -> None:
        self.tenant = tenant
        self.dn = dn
        self.name = name

    @property
    def dns_name(self) -> str:
        """example.com of dc=example,dc=com (RFC 2247)."""
        labels = (ava.value for rdn in parse_dn(self.dn) for ava in rdn)
        return b".".join(labels).decode("utf-8", "replace")

    def contains(self, schema: Schema, dn: bytes) -> bool:
        """Whether a DN is the domain's or below it; False for what is no DN."""
        try:
            name = normalise_dn_text(schema, dn)
        except InvalidValue:
            return False
        return name[-len(self.name) :] == self.name


def domain_of(txn: ReadTransaction, schema: Schema, context: Context, tenant: str | None) -> Domain:
    """The domain of the tenant that is named, else of the caller's; raises Problem 404."""
    if tenant is None:
        for name, found in txn.contexts(context.token.tenant):
            if _is_domain(found.dn):
                return Domain(found.tenant, found.dn, name)
        raise Problem(404, "the caller belongs to no tenant: name one by ?tenant=")
    absent = Problem(404, f"there is no tenant {tenant!r}")
    try:
        rdns = tuple((AVA("dc", label.encode()),) for label in tenant.split("."))
        name = normalise_dn(schema, parse_dn(format_dn(rdns)))
        known = txn.context(name)
        if known is None:
            raise absent
        record = txn.record(known.tenant, known.entry_id)
        check_visible(txn, schema, context, known.tenant, known.entry_id, record)
    except (InvalidValue, UnicodeEncodeError, NoSuchEntry, DirectoryError):
        raise absent from None
    return Domain(known.tenant, known.dn, name)


def _is_domain(dn: bytes) -> bool:
    (first, *_), *_ = parse_dn(dn)
    return first.type.lower() == "dc"
