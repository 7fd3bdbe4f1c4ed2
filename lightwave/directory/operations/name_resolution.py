"""Ambiguous name resolution ([MS-ADTS] 3.1.1.3.1.3.4): `(anr=…)`, by which people look for people.

What is asked for is the beginning of any of an entry's names. Two words are also the given name and the surname, in
either order. With `=` before it, the names have to be just that. The filter becomes an ordinary one, so indexes
serve it like any other, and unreadable attributes are Undefined.
"""

from __future__ import annotations

from lightwave.directory.ldap.filters import And, Equality, Filter, Or, Substrings

ANR = "1.2.840.113556.1.4.1208"

_GIVEN_NAME, _SURNAME = "givenName", "sn"
# Active Directory's set, and the names that entries have here besides.
_NAMES = (
    "displayName",
    _GIVEN_NAME,
    _SURNAME,
    "cn",
    "sAMAccountName",
    "uid",
    "mail",
    "physicalDeliveryOfficeName",
    "proxyAddresses",
)
_EXACT_NAMES = ("legacyExchangeDN",)


def resolve_name(value: bytes) -> Filter:
    """The filter that `(anr=value)` stands for; one that nothing passes for an empty value."""
    exact = value.startswith(b"=")
    text = (value[1:] if exact else value).strip()
    if not text:
        return Or(())
    parts: list[Filter] = [_begins(name, text, exact=exact) for name in _NAMES]
    parts += [Equality(name, text) for name in _EXACT_NAMES]
    first, _, rest = text.partition(b" ")
    last = rest.strip()
    if last:
        for given, surname in ((first, last), (last, first)):
            names = (_begins(_GIVEN_NAME, given, exact=exact), _begins(_SURNAME, surname, exact=exact))
            parts.append(And(names))
    return Or(tuple(parts))


def _begins(attribute: str, value: bytes, *, exact: bool) -> Filter:
    return Equality(attribute, value) if exact else Substrings(attribute, value, (), None)
