"""How strong a proof has to be: what was proved against what policy demands for the protocol.

A password is one factor, whatever mechanism carries it. A client certificate counts as two: a key that its owner has,
and what protects it. An app password stands for both on the protocols that it was made for, because its owner was
signed in with them when he had it made. The owner of the machine, at its local socket, is asked nothing.

Demanded by `lwSecondFactorFor`, of the account, or of the policy that governs it: names of protocols, or `all`; and by
ADS_UF_SMARTCARD_REQUIRED of userAccountControl, for all ([MS-ADTS] 2.2.16). A password that is not enough is answered
like a wrong one.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from lightwave.directory.operations.account_control import SMART_CARD_REQUIRED
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.reading import ReadTransaction
from lightwave.directory.store.record import Record
from lightwave.identity.refusals import AuthenticationFailed, Refusal

ALL: Final = "all"


class Proof(Enum):
    """What somebody has proved."""

    PASSWORD = "a password"  # noqa: S105  words
    APP_PASSWORD = "an app password"  # noqa: S105  words
    CERTIFICATE = "a certificate"
    LOCAL_SOCKET = "the local socket"


_ONE_FACTOR: Final = frozenset({Proof.PASSWORD})


def check_factors(proof: Proof, protocol: str, demanded: tuple[str, ...]) -> None:
    """Raises AuthenticationFailed where more is demanded over `protocol` than was proved.

    demanded: of the account and of its policy together.
    """
    if proof in _ONE_FACTOR and (ALL in demanded or protocol in demanded):
        raise AuthenticationFailed(Refusal.INVALID_CREDENTIALS, "a second factor is demanded")


def demanded_of(txn: ReadTransaction, schema: Schema, record: Record) -> tuple[str, ...]:
    """The protocols over which an account itself demands more."""
    numbers = record.numbers()
    own = schema.attribute("lwSecondFactorFor")
    number = None if own is None else txn.attribute_number(own.oid)
    words: tuple[str, ...] = ()
    if number is not None and number in numbers:
        words = tuple(record.values(number)[0].decode("utf-8", "replace").lower().split())
    control = schema.attribute("userAccountControl")
    number = None if control is None else txn.attribute_number(control.oid)
    if number is None or number not in numbers:
        return words
    try:
        demands = bool(int(record.values(number)[0]) & SMART_CARD_REQUIRED)
    except ValueError:
        demands = True
    return (*words, ALL) if demands else words
