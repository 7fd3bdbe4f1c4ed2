"""The root DSE tells the truth: each OID that it lists is served, with a good, a malformed, an empty and no value."""

from __future__ import annotations

import pytest

from lightwave.directory.operations import request_controls
from lightwave.directory.server import extended
from lightwave.sasl.registry import MECHANISMS
from node import Node
from reference import wire
from serving import connect, connect_tls, person

PROTOCOL_ERROR, UNAVAILABLE_CRITICAL_EXTENSION = 2, 12

# A value that each control's definition allows; None: it has no value.
GOOD_CONTROL_VALUES: dict[str, bytes | None] = {
    "2.16.840.1.113730.3.4.2": None,  # Manage DSA IT (RFC 3296)
    "1.2.840.113556.1.4.319": wire.sequence(wire.integer(10), wire.text(b"")),  # paged results (RFC 2696)
    "1.2.840.113556.1.4.417": None,  # show deleted (MS-ADTS 3.1.1.3.4.1.14)
}

SORT_BY_CN = wire.sequence(wire.sequence(wire.text("cn")))
GOOD_CONTROL_VALUES |= {
    "1.3.6.1.1.12": wire.filter_bytes(("present", "objectClass")),  # assertion (RFC 4528)
    "1.3.6.1.1.22": None,  # don't use copy (RFC 6171)
    "1.2.840.113556.1.4.529": wire.sequence(wire.integer(1)),  # extended DN (MS-ADTS 3.1.1.3.4.1.5)
    "1.2.840.113556.1.4.473": SORT_BY_CN,  # sorting (RFC 2891)
    "1.2.840.113556.1.4.802": None,  # range option (MS-ADTS 3.1.1.3.4.1.16)
    "1.2.840.113556.1.4.1339": None,  # domain scope (MS-ADTS 3.1.1.3.4.1.4)
    "1.2.840.113556.1.4.1340": wire.sequence(wire.integer(1)),  # search options (MS-ADTS 3.1.1.3.4.1.12)
    "1.2.840.113556.1.4.2064": None,  # show recycled (MS-ADTS 3.1.1.3.4.1.26)
    "1.2.826.0.1.3344810.2.3": wire.sequence(  # matched values (RFC 3876)
        wire.filter_bytes(("equal", "cn", b"x"))
    ),
    "1.3.6.1.4.1.4203.1.10.1": b"\x01\x01\x00",  # subentries (RFC 3672)
    "2.16.840.1.113730.3.4.9": wire.sequence(  # virtual list view (draft-ietf-ldapext-ldapv3-vlv-09)
        wire.integer(0), wire.integer(9), wire.sequence(wire.integer(1), wire.integer(0), tag=0xA0)
    ),
}
GOOD_CONTROL_VALUES |= {
    "1.3.6.1.4.1.4203.1.9.1.1": wire.sequence(wire.integer(1, 0x0A)),  # content synchronisation (RFC 4533)
    "1.2.840.113556.1.4.841": wire.sequence(  # DirSync (MS-ADTS 3.1.1.3.4.1.3)
        wire.integer(0), wire.integer(0), wire.text(b"")
    ),
    "2.16.840.1.113730.3.4.3": wire.sequence(  # persistent search (draft-ietf-ldapext-psearch-03)
        wire.integer(15), b"\x01\x01\xff", b"\x01\x01\xff"
    ),
}
GOOD_CONTROL_VALUES |= {
    "1.3.6.1.1.13.1": wire.sequence(wire.text("cn")),  # pre-read (RFC 4527)
    "1.3.6.1.1.13.2": wire.sequence(wire.text("+")),  # post-read (RFC 4527)
    "1.2.840.113556.1.4.805": None,  # tree delete (MS-ADTS 3.1.1.3.4.1.15)
    "1.2.840.113556.1.4.1413": None,  # permissive modify (MS-ADTS 3.1.1.3.4.1.8)
    "1.3.6.1.4.1.4203.666.5.12": None,  # relax rules (draft-zeilenga-ldap-relax-03)
    "1.3.6.1.1.21.2": b"none that's open",  # transaction specification (RFC 5805)
}
GOOD_CONTROL_VALUES |= {
    "1.3.6.1.4.1.42.2.27.8.5.1": None,  # password policy (draft-behera-ldap-password-policy-10)
    "1.2.840.113556.1.4.801": wire.sequence(wire.integer(7)),  # SD flags (MS-ADTS 3.1.1.3.4.1.11)
    "1.3.6.1.4.1.42.2.27.9.5.2": b"dn:cn=Administrator,cn=Users,dc=example,dc=com",  # get effective rights
}
# Controls that go with updates: the update, and what it ends in when nothing is in its way.
NOTHING_CHANGES = wire.modify("cn=Users,dc=example,dc=com", [(wire.REPLACE, "seeAlso", [])])
UPDATES = {
    "1.3.6.1.1.13.1": (NOTHING_CHANGES, 0),
    "1.3.6.1.1.13.2": (NOTHING_CHANGES, 0),
    "1.2.840.113556.1.4.805": (wire.delete("cn=nobody,dc=example,dc=com"), 32),
    "1.2.840.113556.1.4.1413": (NOTHING_CHANGES, 0),
    "1.3.6.1.4.1.4203.666.5.12": (NOTHING_CHANGES, 0),
    "1.3.6.1.1.21.2": (NOTHING_CHANGES, 53),
}
# Controls that make a search go on until it is abandoned, and those that take whole subtrees only.
ENDLESS = {"2.16.840.1.113730.3.4.3"}
WHOLE = {"1.2.840.113556.1.4.841"}
# Controls that go with another, and those whose value may be left out.
COMPANION_CONTROLS = {
    "2.16.840.1.113730.3.4.9": [wire.control("1.2.840.113556.1.4.473", False, SORT_BY_CN)],
}
VALUE_IS_OPTIONAL = {"1.2.840.113556.1.4.529"}

# A value that each extended operation's definition allows, and the results that are right for it here.
GOOD_EXTENDED_VALUES: dict[str, tuple[bytes | None, set[int]]] = {
    "1.3.6.1.4.1.1466.20037": (None, {0}),  # StartTLS (RFC 4511, 4.14)
    "1.3.6.1.4.1.4203.1.11.3": (None, {0}),  # Who am I (RFC 4532)
    "1.3.6.1.1.8": (wire.sequence(wire.integer(77)), {119}),  # Cancel (RFC 3909): there is nothing to cancel
    "1.3.6.1.4.1.1466.101.119.1": (  # Refresh (RFC 2589): not a dynamic entry
        wire.sequence(wire.text("dc=example,dc=com", 0x80), wire.integer(60, 0x81)),
        {80, 53, 65, 32},
    ),
    "1.3.6.1.4.1.4203.1.11.1": (  # Password Modify (RFC 3062): of nobody
        wire.sequence(wire.text("cn=nobody,dc=example,dc=com", 0x80), wire.text("x", 0x82)),
        {32},
    ),
    "1.3.6.1.1.21.1": (None, {0}),  # start of a transaction (RFC 5805)
    "1.3.6.1.1.21.3": (wire.sequence(wire.text("no such transaction")), {53}),  # its end
}
EXTENDED_VALUE_IS_OPTIONAL = {"1.3.6.1.4.1.4203.1.11.1"}

MALFORMED = (b"\x30\x84\x7f", b"\x30\x03\x02\x01", b"\x30\x80\x00\x00", b"\xff" * 40)


def listed(connection: wire.Connection, attribute: str) -> list[str]:
    answer = connection.ask(wire.search("", wire.BASE, attributes=[attribute]))
    ((_, attributes),) = answer.entries
    return [value.decode() for value in attributes.get(attribute, [])]


def alive(connection: wire.Connection) -> None:
    assert connection.ask(wire.search("", wire.BASE)).code == 0


def test_each_listed_control(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        oids = listed(connection, "supportedControl")
        assert oids
        for oid in oids:
            assert oid in GOOD_CONTROL_VALUES, f"{oid} is listed: add a value that is good for it"
            good = GOOD_CONTROL_VALUES[oid]
            request = wire.search(shared_node.suffix, wire.SUBTREE if oid in WHOLE else wire.BASE)
            request, right = UPDATES.get(oid, (request, 0))
            others = COMPANION_CONTROLS.get(oid, [])
            if oid in ENDLESS:
                number = connection.send(request, [wire.control(oid, True, good), *others])
                cancelled = connection.ask(wire.extended("1.3.6.1.1.8", wire.sequence(wire.integer(number))))
                assert cancelled.code == 0, oid
            else:
                assert connection.ask(request, [wire.control(oid, True, good), *others]).code == right, oid
            for value in (*MALFORMED, b"", None):
                if value == good or (value is None and oid in VALUE_IS_OPTIONAL):
                    continue
                answer = connection.ask(request, [wire.control(oid, True, value), *others])
                assert answer.code == PROTOCOL_ERROR, (oid, value, answer)
                alive(connection)


def test_each_listed_extended_operation(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        oids = listed(connection, "supportedExtension")
    assert oids
    for oid in oids:
        assert oid in GOOD_EXTENDED_VALUES, f"{oid} is listed: add a value that is good for it"
        good, results = GOOD_EXTENDED_VALUES[oid]
        for value in (*MALFORMED, b"", None):
            if value == good or (value is None and oid in EXTENDED_VALUE_IS_OPTIONAL):
                continue
            with wire.Connection("127.0.0.1", shared_node.port) as connection:
                answer = connection.ask(wire.extended(oid, value))
                assert answer.code == PROTOCOL_ERROR, (oid, value, answer)
                alive(connection)
        # StartTLS is for connections without TLS that are not local.
        connection = (
            wire.Connection("127.0.0.1", shared_node.port)
            if oid == "1.3.6.1.4.1.1466.20037"
            else shared_node.local_administrator()
        )
        with connection:
            answer = connection.ask(wire.extended(oid, good))
            assert answer.code in results, (oid, answer)


def test_each_listed_mechanism_is_known(shared_node: Node) -> None:
    """And one that is not listed is authMethodNotSupported (RFC 4511, 4.2)."""
    with shared_node.local_administrator() as connection:
        for mechanism in listed(connection, "supportedSASLMechanisms"):
            assert connection.ask(wire.sasl_bind(mechanism, b"\xff\x00\xff")).code != 7, mechanism
        assert connection.ask(wire.sasl_bind("NO-SUCH-MECHANISM")).code == 7


def test_what_is_not_listed_is_refused(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        request = wire.search(shared_node.suffix, wire.BASE)
        code = connection.ask(request, [wire.control("1.2.3.4.5", True)]).code
        assert code == UNAVAILABLE_CRITICAL_EXTENSION
        assert connection.ask(request, [wire.control("1.2.3.4.5", False)]).code == 0
        assert connection.ask(wire.extended("1.2.3.4.5")).code == PROTOCOL_ERROR


@pytest.mark.parametrize("attribute", ["supportedControl", "supportedExtension", "supportedFeatures"])
def test_nothing_is_listed_twice(shared_node: Node, attribute: str) -> None:
    with shared_node.local_administrator() as connection:
        oids = listed(connection, attribute)
    assert len(oids) == len(set(oids))


def test_what_is_listed_is_what_the_modules_serve(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        assert set(listed(connection, "supportedControl")) == {one.oid for one in request_controls.SERVED}
        assert set(listed(connection, "supportedExtension")) == set(extended.SERVED)
        assert set(listed(connection, "supportedFeatures")) == set(FEATURES)
        assert listed(connection, "supportedLDAPVersion") == ["3"]
        for version in (1, 2, 4, 127):
            bind = wire.sequence(wire.integer(version), wire.text(b""), wire.text(b"", 0x80), tag=0x60)
            assert connection.ask(bind).code == PROTOCOL_ERROR
    with shared_node.local_administrator() as connection:
        for context in listed(connection, "namingContexts"):
            assert connection.ask(wire.search(context, wire.BASE)).code == 0
        (subschema,) = listed(connection, "subschemaSubentry")
        found = connection.ask(wire.search(subschema, wire.BASE, attributes=["attributeTypes"]))
        assert len(found.entries[0][1]["attributeTypes"]) > 300


def test_mechanisms_by_channel(shared_node: Node) -> None:
    """What is listed on a channel is offered there, and what is offered is listed."""
    channels = {
        "clear": connect(shared_node),
        "TLS": connect_tls(shared_node),
        "local": wire.Connection.local(shared_node.folder / "ldapi"),
    }
    seen = {}
    for name, connection in channels.items():
        with connection:
            mechanisms = set(listed(connection, "supportedSASLMechanisms"))
            seen[name] = mechanisms
            for mechanism in MECHANISMS:
                code = connection.ask(wire.sasl_bind(mechanism.name, b"\xff\x00\xff")).code
                assert (code != 7) == (mechanism.name in mechanisms), (name, mechanism.name)
    assert seen == {
        "clear": {"SRP-SHA-256", "SRP"},
        "TLS": {"SCRAM-SHA-256-PLUS", "SRP-SHA-256", "SRP", "SCRAM-SHA-256", "PLAIN"},
        "local": {"EXTERNAL", "SRP-SHA-256", "SRP", "SCRAM-SHA-256", "PLAIN"},
    }


def increment(connection: wire.Connection, name: str) -> None:
    """RFC 4525: by a value, and never by what is no number."""
    change = (wire.INCREMENT, "uidNumber", [b"5"])
    assert connection.ask(wire.modify(name, [change])).code == 0
    assert values(connection, name, "uidNumber") == [b"1005"]
    for bad in ([b"x"], [b""], [], [b"1", b"2"]):
        assert connection.ask(wire.modify(name, [(wire.INCREMENT, "uidNumber", bad)])).code != 0
    assert values(connection, name, "uidNumber") == [b"1005"]


def all_operational(connection: wire.Connection, name: str) -> None:
    """RFC 3673."""
    ((_, held),) = connection.ask(wire.search(name, wire.BASE, attributes=["+"])).entries
    assert {"entryUUID", "createTimestamp"} <= set(held)
    assert "cn" not in held


def by_class(connection: wire.Connection, name: str) -> None:
    """RFC 4529; an unknown class, like an unknown attribute, asks for nothing."""
    ((_, held),) = connection.ask(wire.search(name, wire.BASE, attributes=["@posixAccount"])).entries
    assert "uidNumber" in held
    assert "mail" not in held
    for unknown in ("@noSuchClass", "@", "@ posixAccount"):
        ((_, held),) = connection.ask(wire.search(name, wire.BASE, attributes=[unknown])).entries
        assert held == {}


def true_and_false(connection: wire.Connection, name: str) -> None:
    """RFC 4526."""
    assert len(connection.ask(wire.search(name, wire.BASE, ("and",))).entries) == 1
    assert connection.ask(wire.search(name, wire.BASE, ("or",))).entries == []
    assert connection.ask(wire.search(name, wire.BASE, ("not", ("and",)))).entries == []


def language_tags(connection: wire.Connection, name: str) -> None:
    """RFC 3866 section 2: tags are options of descriptions, in what is asked for and in filters."""
    change = (wire.ADD, "description;lang-de", [b"Rechner"])
    assert connection.ask(wire.modify(name, [change])).code == 0
    assert values(connection, name, "description;lang-de") == [b"Rechner"]
    ((_, held),) = connection.ask(wire.search(name, wire.BASE, attributes=["description"])).entries
    assert held == {"description;lang-de": [b"Rechner"]}
    german = ("equal", "description;lang-de", b"rechner")
    assert len(connection.ask(wire.search(name, wire.BASE, german)).entries) == 1
    french = ("equal", "description;lang-fr", b"rechner")
    assert connection.ask(wire.search(name, wire.BASE, french)).entries == []


def language_ranges(connection: wire.Connection, name: str) -> None:
    """RFC 3866 section 3: a range ends with a hyphen and stands for all tags that begin so."""
    change = (wire.REPLACE, "description;lang-en-us", [b"color"])
    assert connection.ask(wire.modify(name, [change])).code == 0
    ((_, held),) = connection.ask(wire.search(name, wire.BASE, attributes=["description;lang-en-"])).entries
    assert held == {"description;lang-en-us": [b"color"]}
    ranged = ("equal", "description;lang-en-", b"color")
    assert len(connection.ask(wire.search(name, wire.BASE, ranged)).entries) == 1
    change = (wire.ADD, "description;lang-en-", [b"never stored"])
    assert connection.ask(wire.modify(name, [change])).code == 17


FEATURES = {
    "1.3.6.1.1.14": increment,
    "1.3.6.1.4.1.4203.1.5.1": all_operational,
    "1.3.6.1.4.1.4203.1.5.2": by_class,
    "1.3.6.1.4.1.4203.1.5.3": true_and_false,
    "1.3.6.1.4.1.4203.1.5.4": language_tags,
    "1.3.6.1.4.1.4203.1.5.5": language_ranges,
}


def values(connection: wire.Connection, name: str, attribute: str) -> list[bytes]:
    ((_, held),) = connection.ask(wire.search(name, wire.BASE, attributes=[attribute])).entries
    return held.get(attribute, [])


@pytest.mark.parametrize("oid", FEATURES)
def test_each_listed_feature(shared_node: Node, oid: str) -> None:
    name = f"uid=features,{shared_node.suffix}"
    account = [("uidNumber", [b"1000"]), ("gidNumber", [b"1"]), ("homeDirectory", [b"/"])]
    (_, classes), *rest = person("features")
    attributes = [("objectClass", [*classes, b"posixAccount"]), *rest, *account]
    with shared_node.local_administrator() as connection:
        assert oid in listed(connection, "supportedFeatures")
        assert connection.ask(wire.add(name, attributes)).code == 0
        try:
            FEATURES[oid](connection, name)
        finally:
            assert connection.ask(wire.delete(name)).code == 0


def test_a_page_of_the_root_dse_is_the_last_one(shared_node: Node) -> None:
    """RFC 2696 §3: the result carries the control, with an empty cookie when there is nothing more."""
    value = wire.sequence(wire.integer(10), wire.text(b""))
    paged = wire.control("1.2.840.113556.1.4.319", critical=True, value=value)
    with shared_node.local_administrator() as connection:
        answer = connection.ask(wire.search("", wire.BASE), controls=[paged])
    assert (answer.code, len(answer.entries)) == (0, 1)
    assert answer.controls == {"1.2.840.113556.1.4.319": wire.sequence(wire.integer(0), wire.text(b""))}
