"""What is asked of an account, as requests of the directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from lightwave.directory.ldap.dn import AVA, format_dn, format_rdn, parse_dn
from lightwave.directory.ldap.requests import (
    AddRequest,
    Modification,
    ModifyDNRequest,
    ModifyKind,
    ModifyRequest,
)
from lightwave.identity.liveness import ACCOUNT_DISABLED
from lightwave.rest.account_entries import to_file_time
from lightwave.rest.account_models import AccountChanges, AttributeChanges, Described, NewAccount
from lightwave.rest.directory_port import Found
from lightwave.rest.tenancy import Domain
from lightwave.web.problems import Problem

NORMAL_ACCOUNT = 0x0200
WORKSTATION_TRUST_ACCOUNT = 0x1000
"""MS-ADTS §2.2.16"""
_CLEAR = b"{CLEARTEXT}"
"""marks a value of userPassword as the password itself: one that begins like a hash is none here"""
_ATTRIBUTES = {
    "upn": "userPrincipalName",
    "display_name": "displayName",
    "given_name": "givenName",
    "surname": "sn",
    "mail": "mail",
    "description": "description",
    "expires": "accountExpires",
    "uid_number": "uidNumber",
    "gid_number": "gidNumber",
    "home_directory": "homeDirectory",
    "login_shell": "loginShell",
    "ssh_keys": "sshPublicKey",
    "service_principal_names": "servicePrincipalName",
    "host_name": "dNSHostName",
    "operating_system": "operatingSystem",
}
"""field of a model -> attribute"""

Values = tuple[bytes, ...]


class Making(NamedTuple):
    """How accounts of a kind are made. container: RDN below the domain. suffix: of sAMAccountName.

    control: userAccountControl of a new one.
    """

    container: bytes
    classes: tuple[str, ...]
    suffix: str
    control: int


def add_request(
    making: Making, domain: Domain, container: bytes, new: NewAccount, password: str | None
) -> AddRequest:
    """The request that makes an account below `container`; raises Problem for two values of one attribute."""
    dn = format_rdn((AVA("cn", new.name.encode()),)) + b"," + container
    attributes: dict[str, Values] = {
        "objectClass": tuple(name.encode() for name in making.classes),
        "cn": (new.name.encode(),),
        "sAMAccountName": ((new.name.rstrip("$") + making.suffix).encode(),),
        "userAccountControl": (str(making.control | (0 if new.enabled else ACCOUNT_DISABLED)).encode(),),
    }
    if not making.suffix:
        attributes["uid"] = (new.name.encode(),)
        attributes["userPrincipalName"] = (f"{new.name}@{domain.dns_name}".encode(),)
    for name, values in described(new):
        if values:
            attributes[name] = values
    if new.must_change_password:
        attributes["pwdLastSet"] = (b"0",)
    if password is not None:
        attributes["userPassword"] = (_CLEAR + password.encode(),)
    known = {name.lower(): name for name in attributes}
    for name, given in new.attributes.items():
        if name.lower() in known and name.lower() != "objectclass":
            raise Problem(422, f"{name} is set by the name or another field already")
        attributes[known.get(name.lower(), name)] = (
            *attributes.get(known.get(name.lower(), name), ()),
            *(value.encode() for value in given),
        )
    return AddRequest(dn, tuple((name, values) for name, values in attributes.items() if values))


def described(given: Described) -> list[tuple[str, Values]]:
    """(attribute, values) of the fields that were given; no values where one is to be taken away."""
    return [
        (attribute, _values(attribute, getattr(given, field)))
        for field, attribute in _ATTRIBUTES.items()
        if field in given.model_fields_set
    ]


def _values(attribute: str, value: object) -> Values:
    if value is None:
        return (b"0",) if attribute == "accountExpires" else ()
    if isinstance(value, datetime):
        return (str(to_file_time(value)).encode(),)
    if isinstance(value, list):
        return tuple(one.encode() for one in value)
    return (str(value).encode(),)


def modifications(found: Found, asked: AccountChanges) -> list[Modification]:
    """The changes of one modify."""
    changes = [Modification(ModifyKind.REPLACE, name, values) for name, values in described(asked)]
    if asked.enabled is not None:
        changes += switched(found, asked.enabled)
    if asked.locked is False:
        changes.append(Modification(ModifyKind.REPLACE, "lockoutTime", (b"0",)))
    if asked.must_change_password is not None:
        # 0: to be changed; -1: set now (MS-ADTS §3.1.1.5.3.2)
        since = b"0" if asked.must_change_password else b"-1"
        changes.append(Modification(ModifyKind.REPLACE, "pwdLastSet", (since,)))
    if asked.attributes is not None:
        changes += attribute_modifications(asked.attributes)
    return changes


def switched(found: Found, enabled: bool) -> list[Modification]:
    """The bit of userAccountControl, out of the value that was read: another's change in between is not undone."""
    present = found.values("userAccountControl")
    before = found.number("userAccountControl")
    control = NORMAL_ACCOUNT if before is None else before
    after = control & ~ACCOUNT_DISABLED if enabled else control | ACCOUNT_DISABLED
    if after == before:
        return []
    if before is None and enabled:
        return []
    added = Modification(ModifyKind.ADD, "userAccountControl", (str(after).encode(),))
    if not present:
        return [added]
    return [Modification(ModifyKind.DELETE, "userAccountControl", present), added]


def reset_request(dn: bytes, old: bytes | None, new: bytes) -> ModifyRequest:
    """A new password that serves to be changed: one modify, so that nobody signs in with it in between."""
    changes = [
        Modification(ModifyKind.REPLACE, "userPassword", (_CLEAR + new,)),
        Modification(ModifyKind.REPLACE, "pwdLastSet", (b"0",)),
    ]
    if old is not None:
        changes.insert(0, Modification(ModifyKind.DELETE, "userPassword", (_CLEAR + old,)))
    return ModifyRequest(dn, tuple(changes))


def attribute_modifications(asked: AttributeChanges) -> list[Modification]:
    """Changes of any attributes."""
    changes: list[Modification] = []
    for kind, given in (
        (ModifyKind.REPLACE, asked.set),
        (ModifyKind.ADD, asked.add),
        (ModifyKind.DELETE, asked.remove),
    ):
        for name, values in given.items():
            changes.append(Modification(kind, name, tuple(value.encode() for value in values)))
    return changes


def rename_requests(
    found: Found, name: str, suffix: str, names: Mapping[str, str]
) -> list[ModifyRequest | ModifyDNRequest]:
    """What gives an entry another name; they are done together. names: attributes that bear it -> its old value there.

    The RDN changes where it says the old name; a display name of its own stays.
    """
    rdn, *above = parse_dn(found.dn.encode())
    old = names.get("sAMAccountName", "").removesuffix("$") or rdn[0].value.decode("utf-8", "replace")
    requests: list[ModifyRequest | ModifyDNRequest] = []
    dn = found.dn.encode()
    rdn_type = rdn[0].type.lower()
    if len(rdn) == 1 and rdn[0].value.decode("utf-8", "replace").casefold() == old.casefold():
        new_rdn = (AVA(rdn[0].type, name.encode()),)
        requests.append(ModifyDNRequest(dn, format_rdn(new_rdn), True))
        dn = format_dn((new_rdn, *above))
    changes = []
    for attribute, value in names.items():
        if attribute.lower() == rdn_type:
            continue
        account, at, domain = value.partition("@")
        if account.removesuffix("$").casefold() == old.casefold():
            new = name + (suffix if attribute == "sAMAccountName" else "") + at + domain
            changes.append(Modification(ModifyKind.REPLACE, attribute, (new.encode(),)))
    if changes:
        requests.append(ModifyRequest(dn, tuple(changes)))
    return requests


def names_of(found: Found, attributes: Iterable[str]) -> dict[str, str]:
    """The first values of those attributes that an entry has."""
    return {name: text for name in attributes if (text := found.text(name)) is not None}
