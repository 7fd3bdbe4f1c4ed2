"""The matching rules that are known, and what each does to a value (RFC 4517 §4.2; others say where they are from).

`matching_rules` builds them for one schema, because rules over names and identifiers look these up there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lightwave.directory.schema import stringprep, syntax_checks
from lightwave.directory.schema.errors import InvalidValue
from lightwave.directory.schema.matching import (
    Accepts,
    MatchingRule,
    Names,
    Piece,
    RuleKind,
    SubstringRule,
    contains_pieces,
)
from lightwave.directory.schema.syntaxes import RFC_4517
from lightwave.directory.schema.times import generalized_time_key, utc_time_key

Normaliser = Callable[[bytes], bytes]
Predicate = Callable[[bytes], bool]
Matcher = Callable[[bytes], Predicate]

_X500: Final = "2.5.13."
_OPENLDAP: Final = "1.3.6.1.4.1.4203."
_INTEGER: Final = RFC_4517 + "27"
_SUBSTRINGS: Final = RFC_4517 + "58"


# --- one value -> comparable bytes
# -------------------------------------------------------------------------------


def integer(value: bytes) -> bytes:
    """An INTEGER is canonical as it stands: its syntax allows no leading zeros."""
    syntax_checks.check_integer(value)
    return value


def integer_key(value: bytes) -> bytes:
    """Bytes that sort as integers of any size do.

    Sign (1 byte), length of the magnitude (2 bytes), magnitude; the last two are complemented below zero.
    """
    syntax_checks.check_integer(value)
    number = int(value)
    magnitude = abs(number).to_bytes((abs(number).bit_length() + 7) // 8, "big")
    key = len(magnitude).to_bytes(2, "big") + magnitude
    return b"\x01" + key if number >= 0 else b"\x00" + key.translate(_COMPLEMENT)


_COMPLEMENT: Final = bytes(range(255, -1, -1))


def numeric_string(value: bytes) -> bytes:
    """Digits without spaces (RFC 4517 §4.2.22)."""
    syntax_checks.check_numeric_string(value)
    return stringprep.prepare_numeric(value) or b" "


def boolean(value: bytes) -> bytes:
    """TRUE or FALSE."""
    syntax_checks.check_boolean(value)
    return value


def bit_string(value: bytes) -> bytes:
    """A bit string; no named bit list is known here, so trailing zeros count (RFC 4517 §4.2.1)."""
    syntax_checks.check_bit_string(value)
    return value


def ia5(prepare: Normaliser) -> Normaliser:
    """The same preparation for ASCII alone."""

    def normalise(value: bytes) -> bytes:
        if not value.isascii():
            raise InvalidValue("not an IA5 String")
        return prepare(value)

    return normalise


def octet_string(value: bytes) -> bytes:
    """Octets are compared as they are."""
    return value


def telephone_number(value: bytes) -> bytes:
    """Without spaces and hyphens, in lower case (RFC 4517 §4.2.29)."""
    return stringprep.prepare_telephone(value) or b" "


def uuid(value: bytes) -> bytes:
    """The 16 octets of a UUID (RFC 4530 §2.2)."""
    syntax_checks.check_uuid(value)
    return bytes.fromhex(value.replace(b"-", b"").decode("ascii"))


def change_sequence_number(value: bytes) -> bytes:
    """OpenLDAP's CSN in its newest form, in lower case: time with microseconds, count, server, modification."""
    syntax_checks.check_csn(value)
    time, count, server, modification = value.lower().split(b"#")
    if b"." not in time:
        time = time[:-1] + b".000000z"
    return b"#".join((time.upper(), count, server.rjust(3, b"0"), modification))


_LIST_ESCAPE: Final = re.compile(rb"\\(24|5[Cc])")


def list_of_lines(value: bytes) -> bytes:
    """Lines between `$`, each prepared with case folded (RFC 4517 §4.2.9)."""
    lines = [
        stringprep.prepare_fold(
            _LIST_ESCAPE.sub(lambda found: b"$" if found.group(1) == b"24" else b"\\", line)
        )
        for line in value.split(b"$")
    ]
    return b"$".join(line.replace(b"\\", b"\\5c").replace(b"$", b"\\24") for line in lines)


def first_component(normalise: Normaliser) -> Normaliser:
    """The first component of a description, or an assertion value as it is (RFC 4517 §4.2.15, §4.2.26)."""

    def component(value: bytes) -> bytes:
        found = _FIRST_COMPONENT.match(value)
        if found is None:
            return normalise(value)
        text: bytes = found.group(1) or found.group(2) or found.group(3) or b""
        try:
            return normalise(text)
        except InvalidValue:  # a description may itself bring the identifier that nobody knows yet
            return text.lower()

    return component


_FIRST_COMPONENT: Final = re.compile(rb"\s*(?:\{\d+\})?\s*\(\s*(?:'([^']*)'|\"([^\"]*)\"|([^\s()]+))")


def object_identifier(names: Names) -> Normaliser:
    """A numeric OID, or a name that the schema knows, as a numeric OID (RFC 4517 §4.2.26)."""

    def normalise(value: bytes) -> bytes:
        text = value.decode("ascii", "replace").strip()
        if text[:1].isdigit():
            syntax_checks.check_oid(text.encode())
            return text.encode()
        found = names.oid_of(text)
        if found is None:  # "if the descr is not recognized, Undefined"
            raise InvalidValue("an unknown object identifier")
        return found.encode().lower()

    return normalise


_NAME_AND_UID: Final = re.compile(rb"(?s:(.*))#('[01]*'B)")


def name_and_optional_uid(names: Names) -> Normaliser:
    """A name and the bit string behind it (RFC 4517 §4.2.31)."""

    def normalise(value: bytes) -> bytes:
        found = _NAME_AND_UID.fullmatch(value)
        if found is None:
            return names.normalise_name(value)
        return names.normalise_name(found.group(1)) + b"#" + found.group(2)

    return normalise


# --- an assertion -> a predicate over stored values
# ----------------------------------------------------------------


def _equals(normalise: Normaliser) -> Matcher:
    def matcher(assertion: bytes) -> Predicate:
        wanted = normalise(assertion)
        return lambda value: normalise(value) == wanted

    return matcher


def _is_less(key: Normaliser) -> Matcher:
    """An ordering rule is true for values before the assertion value (RFC 4517 §4.1)."""

    def matcher(assertion: bytes) -> Predicate:
        bound = key(assertion)
        return lambda value: key(value) < bound

    return matcher


def _has_pieces(rule: SubstringRule) -> Matcher:
    """A substring rule in an extensible match takes a Substring Assertion (RFC 4517 §3.3.30)."""

    def matcher(assertion: bytes) -> Predicate:
        first, *middle, last = syntax_checks.split_substring_assertion(assertion)
        initial = rule.piece(first, "initial") if first else b""
        inner = [rule.piece(piece, "any") for piece in middle]
        final = rule.piece(last, "final") if last else b""
        return lambda value: contains_pieces(rule.whole(value), initial, inner, final)

    return matcher


def _bits(test: Callable[[int, int], bool]) -> Matcher:
    def matcher(assertion: bytes) -> Predicate:
        mask = int(integer(assertion))
        return lambda value: test(int(integer(value)), mask)

    return matcher


_WORD_GAP: Final = re.compile(rb"[^\w\x80-\xff]+")


def _has_word(split: Callable[[bytes], list[bytes]]) -> Matcher:
    """keywordMatch and wordMatch: the assertion is one of the value's words (RFC 4517 §4.2.21, §4.2.32)."""

    def matcher(assertion: bytes) -> Predicate:
        wanted = stringprep.prepare_fold(assertion)
        return lambda value: wanted in split(stringprep.prepare_fold(value))

    return matcher


def _under(names: Names, *, is_match: Callable[[bytes, bytes], bool]) -> Matcher:
    def matcher(assertion: bytes) -> Predicate:
        wanted = names.normalise_name(assertion)
        return lambda value: is_match(names.normalise_name(value), wanted)

    return matcher


# --- the table
# -----------------------------------------------------------------------------------------------------


def _equality(
    oid: str, name: str, syntax: str, normalise: Normaliser, accepts: Accepts = Accepts.SOME
) -> MatchingRule:
    return MatchingRule(
        oid=oid,
        names=(name,),
        name=name,
        syntax=syntax,
        kind=RuleKind.EQUALITY,
        normalise=normalise,
        matcher=_equals(normalise),
        accepts=accepts,
    )


def _extensible(
    oid: str, names: tuple[str, ...], syntax: str, normalise: Normaliser, matcher: Matcher
) -> MatchingRule:
    return MatchingRule(
        oid=oid,
        names=names,
        name=names[0],
        syntax=syntax,
        kind=RuleKind.EXTENSIBLE,
        normalise=normalise,
        matcher=matcher,
    )


def _ordering(
    oid: str, name: str, syntax: str, normalise: Normaliser, key: Normaliser | None = None
) -> MatchingRule:
    return MatchingRule(
        oid=oid,
        names=(name,),
        name=name,
        syntax=syntax,
        kind=RuleKind.ORDERING,
        normalise=normalise,
        matcher=_is_less(key or normalise),
        ordering=key or normalise,
    )


def _substring(oid: str, name: str, normalise: Normaliser, rule: SubstringRule) -> MatchingRule:
    return MatchingRule(
        oid=oid,
        names=(name,),
        name=name,
        syntax=_SUBSTRINGS,
        kind=RuleKind.SUBSTRING,
        normalise=normalise,
        matcher=_has_pieces(rule),
        substring=rule,
    )


def _string_pieces(prepare: Normaliser, *, fold: bool) -> SubstringRule:
    def piece(value: bytes, place: Piece) -> bytes:
        return stringprep.prepare_substring(
            value, fold=fold, initial=place == "initial", final=place == "final"
        )

    return SubstringRule(whole=lambda value: stringprep.to_substring_form(prepare(value)), piece=piece)


def _plain_pieces(normalise: Normaliser) -> SubstringRule:
    """For rules in which spaces never count."""
    return SubstringRule(
        whole=lambda value: normalise(value).strip(b" "), piece=lambda value, _: normalise(value).strip(b" ")
    )


def matching_rules(names: Names) -> tuple[MatchingRule, ...]:
    """Every matching rule, bound to the schema whose names it looks up."""
    return (*_string_rules(), *_value_rules(), *_name_rules(names), *_rules_of_others())


def _string_rules() -> tuple[MatchingRule, ...]:
    fold, exact = stringprep.prepare_fold, stringprep.prepare_exact
    fold5, exact5 = ia5(fold), ia5(exact)
    string, ia5_string = RFC_4517 + "15", RFC_4517 + "26"
    return (
        _equality(_X500 + "2", "caseIgnoreMatch", string, fold, Accepts.ASCII),
        _ordering(_X500 + "3", "caseIgnoreOrderingMatch", string, fold),
        _substring(_X500 + "4", "caseIgnoreSubstringsMatch", fold, _string_pieces(fold, fold=True)),
        _equality(_X500 + "5", "caseExactMatch", string, exact, Accepts.ASCII),
        _ordering(_X500 + "6", "caseExactOrderingMatch", string, exact),
        _substring(_X500 + "7", "caseExactSubstringsMatch", exact, _string_pieces(exact, fold=False)),
        _equality(_X500 + "8", "numericStringMatch", RFC_4517 + "36", numeric_string, Accepts.ITS_SYNTAX),
        _ordering(_X500 + "9", "numericStringOrderingMatch", RFC_4517 + "36", numeric_string),
        _substring(
            _X500 + "10", "numericStringSubstringsMatch", numeric_string, _plain_pieces(numeric_string)
        ),
        _equality(_X500 + "11", "caseIgnoreListMatch", RFC_4517 + "41", list_of_lines, Accepts.ASCII),
        _substring(
            _X500 + "12", "caseIgnoreListSubstringsMatch", list_of_lines, _string_pieces(_one_line, fold=True)
        ),
        _equality(_X500 + "20", "telephoneNumberMatch", RFC_4517 + "50", telephone_number, Accepts.ASCII),
        _substring(
            _X500 + "21",
            "telephoneNumberSubstringsMatch",
            telephone_number,
            _plain_pieces(telephone_number),
        ),
        _equality(
            _X500 + "31", "directoryStringFirstComponentMatch", string, first_component(fold), Accepts.ASCII
        ),
        _extensible(_X500 + "32", ("wordMatch",), string, fold, _has_word(_WORD_GAP.split)),
        _extensible(_X500 + "33", ("keywordMatch",), string, fold, _has_word(_keywords)),
        _equality("1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", ia5_string, exact5, Accepts.ASCII),
        _equality("1.3.6.1.4.1.1466.109.114.2", "caseIgnoreIA5Match", ia5_string, fold5, Accepts.ASCII),
        _substring(
            "1.3.6.1.4.1.1466.109.114.3",
            "caseIgnoreIA5SubstringsMatch",
            fold5,
            _string_pieces(fold5, fold=True),
        ),
        _substring(
            _OPENLDAP + "1.2.1", "caseExactIA5SubstringsMatch", exact5, _string_pieces(exact5, fold=False)
        ),
    )


def _one_line(value: bytes) -> bytes:
    """A list for substring matching: its lines are one string (RFC 4517 §4.2.10)."""
    return stringprep.prepare_fold(value.replace(b"$", b" "))


def _keywords(prepared: bytes) -> list[bytes]:
    return [part.strip() for part in re.split(rb"[,;$]", prepared)] + prepared.split()


def _value_rules() -> tuple[MatchingRule, ...]:
    octets, time = RFC_4517 + "40", RFC_4517 + "24"
    raw = SubstringRule(whole=octet_string, piece=lambda value, _: value)
    return (
        _equality(_X500 + "13", "booleanMatch", RFC_4517 + "7", boolean, Accepts.ITS_SYNTAX),
        _equality(_X500 + "14", "integerMatch", _INTEGER, integer, Accepts.ITS_SYNTAX),
        _ordering(_X500 + "15", "integerOrderingMatch", _INTEGER, integer, integer_key),
        _equality(_X500 + "16", "bitStringMatch", RFC_4517 + "6", bit_string, Accepts.ITS_SYNTAX),
        _equality(_X500 + "17", "octetStringMatch", octets, octet_string, Accepts.EVERYTHING),
        _ordering(_X500 + "18", "octetStringOrderingMatch", octets, octet_string),
        _substring(_X500 + "19", "octetStringSubstringsMatch", octet_string, raw),  # X.520
        _equality(_X500 + "25", "uTCTimeMatch", RFC_4517 + "53", utc_time_key, Accepts.ITS_SYNTAX),  # X.520
        _ordering(_X500 + "26", "uTCTimeOrderingMatch", RFC_4517 + "53", utc_time_key),  # X.520
        _equality(_X500 + "27", "generalizedTimeMatch", time, generalized_time_key, Accepts.ITS_SYNTAX),
        _ordering(_X500 + "28", "generalizedTimeOrderingMatch", time, generalized_time_key),
        _equality(
            _X500 + "29", "integerFirstComponentMatch", _INTEGER, first_component(integer), Accepts.SOME
        ),
        _equality("1.3.6.1.1.16.2", "uuidMatch", "1.3.6.1.1.16.1", uuid, Accepts.ITS_SYNTAX),  # RFC 4530
        _ordering("1.3.6.1.1.16.3", "uuidOrderingMatch", "1.3.6.1.1.16.1", uuid),
    )


def _name_rules(names: Names) -> tuple[MatchingRule, ...]:
    oid = object_identifier(names)
    name, dn = names.normalise_name, RFC_4517 + "12"
    return (
        _equality(_X500 + "0", "objectIdentifierMatch", RFC_4517 + "38", oid),
        _equality(_X500 + "1", "distinguishedNameMatch", dn, name),
        _equality(_X500 + "23", "uniqueMemberMatch", RFC_4517 + "34", name_and_optional_uid(names)),
        _equality(_X500 + "30", "objectIdentifierFirstComponentMatch", RFC_4517 + "38", first_component(oid)),
        # OpenLDAP: relations of names
        _extensible(
            _OPENLDAP + "666.4.9",
            ("dnSubtreeMatch",),
            dn,
            name,
            _under(
                names, is_match=lambda value, base: value == base or not base or value.endswith(b"," + base)
            ),
        ),
        _extensible(
            _OPENLDAP + "666.4.8",
            ("dnOneLevelMatch",),
            dn,
            name,
            _under(names, is_match=lambda value, base: value.partition(b",")[1:] == (b",", base)),
        ),
        _extensible(
            _OPENLDAP + "666.4.10",
            ("dnSubordinateMatch",),
            dn,
            name,
            _under(
                names,
                is_match=lambda value, base: value != base and (not base or value.endswith(b"," + base)),
            ),
        ),
        _extensible(
            _OPENLDAP + "666.4.11",
            ("dnSuperiorMatch",),
            dn,
            name,
            _under(
                names, is_match=lambda value, base: base == value or not value or base.endswith(b"," + value)
            ),
        ),
    )


def _rules_of_others() -> tuple[MatchingRule, ...]:
    csn = "1.3.6.1.4.1.4203.666.11.2."
    return (
        _equality(csn + "2", "CSNMatch", csn + "1", change_sequence_number, Accepts.ITS_SYNTAX),
        _ordering(csn + "3", "CSNOrderingMatch", csn + "1", change_sequence_number),
        _equality(csn + "5", "CSNSIDMatch", csn + "4", lambda value: value.lower(), Accepts.EVERYTHING),
        _equality(
            _OPENLDAP + "1.2.2",
            "authPasswordExactMatch",
            "1.3.6.1.4.1.4203.1.1.2",
            octet_string,
            Accepts.EVERYTHING,
        ),
        _equality(
            _X500 + "22", "presentationAddressMatch", RFC_4517 + "43", stringprep.prepare_fold, Accepts.ASCII
        ),
        _equality(
            _X500 + "24", "protocolInformationMatch", RFC_4517 + "42", stringprep.prepare_fold, Accepts.ASCII
        ),
        *(  # RFC 4523: whole structures are compared here
            _equality(_X500 + number, name, "1.3.6.1.1.15." + syntax, octet_string, Accepts.EVERYTHING)
            for number, name, syntax in (
                ("34", "certificateExactMatch", "1"),
                ("36", "certificatePairExactMatch", "3"),
                ("38", "certificateListExactMatch", "5"),
                ("42", "algorithmIdentifierMatch", "7"),
            )
        ),
        # Active Directory; OpenLDAP knows the same identifiers by the second names
        _extensible(
            "1.2.840.113556.1.4.803",
            ("integerBitAndMatch",),
            _INTEGER,
            integer,
            _bits(lambda value, mask: value & mask == mask),
        ),
        _extensible(
            "1.2.840.113556.1.4.804",
            ("integerBitOrMatch",),
            _INTEGER,
            integer,
            _bits(lambda value, mask: value & mask != 0),
        ),
    )
