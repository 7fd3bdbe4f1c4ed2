"""Accounts and groups of Unix: their numbers, their SSH keys and what they may do with sudo.

Numbers that are left to the server are given here. One account (class user) or group (class group) has a number that
no other of its kind has; entries of other classes may share theirs, as RFC 2307 has it. Keys and rules of sudo go to
programs that read lines, so none of them holds a control character.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.drafts import DraftDelete, DraftEntry, DraftModify, DraftRename
from lightwave.directory.operations.gather import classes_of
from lightwave.directory.operations.plugins.amending import amend, give, given, stored
from lightwave.directory.operations.plugins.identifiers import GROUP, USER
from lightwave.directory.operations.unix_numbers import (
    GID_NUMBER,
    POSIX_ACCOUNT,
    POSIX_GROUP,
    RANGES,
    UID_NUMBER,
    UNSET,
    next_number,
    owners_of,
    parse_range,
)
from lightwave.directory.schema.schema import Schema
from lightwave.directory.store.writing import WriteTransaction

SSH_PUBLIC_KEY: Final = "1.3.6.1.4.1.24552.500.1.1.1.13"
_SUDO: Final = "1.3.6.1.4.1.15953.9.1."
_SUDO_COMMAND: Final = _SUDO + "3"
_KEY_TYPES: Final = frozenset(
    (
        "ssh-ed25519",
        "ssh-rsa",
        "ssh-dss",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-ed25519-cert-v01@openssh.com",
        "ssh-rsa-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    )
)
_LONGEST_KEY: Final = 16_384
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_COMMAND = re.compile(
    rb"!*(?:sha(?:224|256|384|512):[0-9A-Za-z+/=]+[ ,]*)*!*(?:ALL|list|sudoedit\b.*|[/^].*)", re.S
)
_CHECKED: Final = frozenset((SSH_PUBLIC_KEY, *RANGES.values(), *(f"{_SUDO}{n}" for n in range(1, 8))))


class UnixAccounts:
    """`ports.Plugin` for posixAccount, posixGroup, ldapPublicKey and sudoRole."""

    def on_add(self, txn: WriteTransaction, context: Context, draft: DraftEntry) -> None:
        """Numbers are given, values are judged."""
        if POSIX_ACCOUNT in draft.classes:
            if given(draft, "uidNumber") == (UNSET,):
                give(draft, "uidNumber", b"%d" % next_number(txn, draft.tenant, UID_NUMBER))
            if given(draft, "gidNumber") == (UNSET,):
                give(draft, "gidNumber", *given(draft, "uidNumber"))
        elif POSIX_GROUP in draft.classes and given(draft, "gidNumber") == (UNSET,):
            give(draft, "gidNumber", b"%d" % next_number(txn, draft.tenant, GID_NUMBER))
        for description, values in draft.attributes.items():
            if description.type.oid in _CHECKED:
                _check_values(description.type.oid, description.text, values)
        if not draft.restored:
            _check_unique(txn, draft.schema, draft.tenant, draft.revived, draft.classes, _numbers_of(draft))

    def on_modify(self, txn: WriteTransaction, context: Context, draft: DraftModify) -> None:
        """The same for what comes."""
        edits = draft.edits
        for edit in tuple(edits.values()):
            oid = edit.description.type.oid
            if oid in _CHECKED and edit.added:
                _check_values(oid, edit.description.text, edit.added)
        if UID_NUMBER not in edits and GID_NUMBER not in edits:
            return
        if UID_NUMBER in edits and edits[UID_NUMBER].after == (UNSET,) and POSIX_ACCOUNT in draft.classes:
            amend(txn, draft, "uidNumber", b"%d" % next_number(txn, draft.tenant, UID_NUMBER))
        if GID_NUMBER in edits and edits[GID_NUMBER].after == (UNSET,):
            if POSIX_ACCOUNT in draft.classes:
                uid = edits.get(UID_NUMBER)
                amend(txn, draft, "gidNumber", *(uid.after if uid else stored(txn, draft, "uidNumber")))
            elif POSIX_GROUP in draft.classes:
                amend(txn, draft, "gidNumber", b"%d" % next_number(txn, draft.tenant, GID_NUMBER))
        numbers: dict[str, bytes] = {
            oid: edits[oid].after[0]
            for oid in (UID_NUMBER, GID_NUMBER)
            if oid in edits and edits[oid].after and edits[oid].after != edits[oid].before
        }
        _check_unique(txn, draft.schema, draft.tenant, draft.entry_id, draft.classes, numbers)

    def on_rename(self, txn: WriteTransaction, context: Context, draft: DraftRename) -> None:
        """Nothing."""

    def on_delete(self, txn: WriteTransaction, context: Context, draft: DraftDelete) -> None:
        """Nothing."""


def _numbers_of(draft: DraftEntry) -> dict[str, bytes]:
    found = {}
    for oid, name in ((UID_NUMBER, "uidNumber"), (GID_NUMBER, "gidNumber")):
        values = given(draft, name)
        if values:
            found[oid] = values[0]
    return found


def _check_unique(
    txn: WriteTransaction,
    schema: Schema,
    tenant: int,
    entry_id: int,
    classes: frozenset[str],
    numbers: dict[str, bytes],
) -> None:
    """Raises DirectoryError where another account has the uidNumber, or another group the gidNumber."""
    for kind, oid, name in ((USER, UID_NUMBER, "uidNumber"), (GROUP, GID_NUMBER, "gidNumber")):
        if kind not in classes or oid not in numbers:
            continue
        wanted = "group" if kind == GROUP else None  # others may be many: all accounts of that group
        for other in owners_of(txn, schema, tenant, oid, int(numbers[oid]), wanted):
            if other == entry_id:
                continue
            record = txn.record(tenant, other)
            if kind in classes_of(txn, schema, record).oids:
                taken = txn.dn(tenant, other, record).decode("utf-8", "replace")
                raise DirectoryError(
                    ResultCode.CONSTRAINT_VIOLATION,
                    f"{name} must be unique: another entry has the same; -1 gets a free one",
                    detail=f"it is '{taken}'",
                )


def _check_values(oid: str, text: str, values: tuple[bytes, ...]) -> None:
    """Raises DirectoryError for a value that a program which reads lines would misread."""
    for value in values:
        reason = ""
        if (
            _CONTROL.search(value.removesuffix(b"\n") if oid == SSH_PUBLIC_KEY else value)
            or not value.strip()
        ):
            reason = "is one line of text"
        elif oid == SSH_PUBLIC_KEY:
            reason = "" if _is_key(value) else "is a line as in authorized_keys: type, key, comment"
        elif oid == _SUDO_COMMAND:
            reason = "" if _COMMAND.fullmatch(value) else "is ALL, list, sudoedit or an absolute path"
        elif oid in RANGES.values():
            try:
                parse_range(value)
            except ValueError as error:
                reason = str(error)
        if reason:
            raise DirectoryError(ResultCode.CONSTRAINT_VIOLATION, f"{text}: {reason}")


def _is_key(value: bytes) -> bool:
    """Whether a value is a public key as OpenSSH writes it, with options before it or without."""
    if len(value) > _LONGEST_KEY:
        return False
    words = value.decode("utf-8", "replace").split()
    for at, word in enumerate(words[:-1]):
        if word in _KEY_TYPES:
            try:
                blob = base64.b64decode(words[at + 1], validate=True)
            except (binascii.Error, ValueError):
                return False
            kind = word.encode()
            return (
                len(blob) > 4 + len(kind)
                and blob[:4] == len(kind).to_bytes(4, "big")
                and blob[4:].startswith(kind)
            )
    return False
