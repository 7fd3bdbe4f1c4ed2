"""SASLprep (RFC 4013): the profile of stringprep (RFC 3454) for user names and passwords of SCRAM.

Map, normalise (NFKC of Unicode 3.2), prohibit, check bidi. A *stored* string must hold no code point that Unicode
3.2 had not assigned; a *query* may (RFC 3454 §7). SCRAM's client prepares the password, so whoever derives keys
has to prepare it the same way: no newer profile will do.
"""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
"""RFC 4013 §2.3"""


class Unpreparable(Exception):
    """The text holds what the profile prohibits, or nothing is left of it. It is not repeated here."""


def saslprep(text: str, *, stored: bool) -> str:
    """The prepared text. stored: it will be kept (else it is a query). Raises Unpreparable."""
    if text.isascii() and text.isprintable():
        if not text:
            raise Unpreparable("empty")
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    if not prepared:
        raise Unpreparable("empty")
    for char in prepared:
        if any(prohibits(char) for prohibits in _PROHIBITED):
            raise Unpreparable("a prohibited character")
        if stored and stringprep.in_table_a1(char):
            raise Unpreparable("a character that Unicode 3.2 does not know")
    _check_bidi(prepared)
    return prepared


def _check_bidi(prepared: str) -> None:
    """RFC 3454 §6: with a right-to-left character no left-to-right one, and one at both ends."""
    if not any(map(stringprep.in_table_d1, prepared)):
        return
    if any(map(stringprep.in_table_d2, prepared)):
        raise Unpreparable("both writing directions")
    if not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])):
        raise Unpreparable("a writing direction that is not kept")
