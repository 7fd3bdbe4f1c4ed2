"""The matching rules that are known (RFC 4517 §4.2; others say where they are from).

`matching_rules` builds them for one schema, because rules over names and identifiers look these up there.
"""

from __future__ import annotations

import re
from typing import Final

from lightwave.directory.schema import forms, matchers, stringprep
from lightwave.directory.schema.forms import Normaliser
from lightwave.directory.schema.matchers import Matcher
from lightwave.directory.schema.matching import Accepts, MatchingRule, Names, Piece, RuleKind, SubstringRule
from lightwave.directory.schema.sid_text import sid_form
from lightwave.directory.schema.syntaxes import RFC_4517
from lightwave.directory.schema.times import generalized_time_key, utc_time_key

_X500: Final = "2.5.13."
_OPENLDAP: Final = "1.3.6.1.4.1.4203."
_INTEGER: Final = RFC_4517 + "27"
_SUBSTRINGS: Final = RFC_4517 + "58"
_WORD_GAP: Final = re.compile(rb"[^\w\x80-\xff]+")


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
        matcher=matchers.equal_to(normalise),
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
        matcher=matchers.before(key or normalise),
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
        matcher=matchers.with_pieces(rule),
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
    return (
        *_string_rules(),
        *_value_rules(),
        *_name_rules(names),
        *_rules_over_links(names),
        *_rules_of_others(),
    )


def _string_rules() -> tuple[MatchingRule, ...]:
    fold, exact = stringprep.prepare_fold, stringprep.prepare_exact
    fold5, exact5 = forms.ia5(fold), forms.ia5(exact)
    string, ia5_string = RFC_4517 + "15", RFC_4517 + "26"
    return (
        _equality(_X500 + "2", "caseIgnoreMatch", string, fold, Accepts.ASCII),
        _ordering(_X500 + "3", "caseIgnoreOrderingMatch", string, fold),
        _substring(_X500 + "4", "caseIgnoreSubstringsMatch", fold, _string_pieces(fold, fold=True)),
        _equality(_X500 + "5", "caseExactMatch", string, exact, Accepts.ASCII),
        _ordering(_X500 + "6", "caseExactOrderingMatch", string, exact),
        _substring(_X500 + "7", "caseExactSubstringsMatch", exact, _string_pieces(exact, fold=False)),
        _equality(
            _X500 + "8", "numericStringMatch", RFC_4517 + "36", forms.numeric_string, Accepts.ITS_SYNTAX
        ),
        _ordering(_X500 + "9", "numericStringOrderingMatch", RFC_4517 + "36", forms.numeric_string),
        _substring(
            _X500 + "10",
            "numericStringSubstringsMatch",
            forms.numeric_string,
            _plain_pieces(forms.numeric_string),
        ),
        _equality(_X500 + "11", "caseIgnoreListMatch", RFC_4517 + "41", forms.list_of_lines, Accepts.ASCII),
        _substring(
            _X500 + "12",
            "caseIgnoreListSubstringsMatch",
            forms.list_of_lines,
            _string_pieces(_one_line, fold=True),
        ),
        _equality(
            _X500 + "20", "telephoneNumberMatch", RFC_4517 + "50", forms.telephone_number, Accepts.ASCII
        ),
        _substring(
            _X500 + "21",
            "telephoneNumberSubstringsMatch",
            forms.telephone_number,
            _plain_pieces(forms.telephone_number),
        ),
        _equality(
            _X500 + "31",
            "directoryStringFirstComponentMatch",
            string,
            forms.first_component(fold),
            Accepts.ASCII,
        ),
        _extensible(_X500 + "32", ("wordMatch",), string, fold, matchers.with_word(_WORD_GAP.split)),
        _extensible(_X500 + "33", ("keywordMatch",), string, fold, matchers.with_word(_keywords)),
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
    raw = SubstringRule(whole=forms.octet_string, piece=lambda value, _: value)
    return (
        _equality(_X500 + "13", "booleanMatch", RFC_4517 + "7", forms.boolean, Accepts.ITS_SYNTAX),
        _equality(_X500 + "14", "integerMatch", _INTEGER, forms.integer, Accepts.ITS_SYNTAX),
        _ordering(_X500 + "15", "integerOrderingMatch", _INTEGER, forms.integer, forms.integer_key),
        _equality(_X500 + "16", "bitStringMatch", RFC_4517 + "6", forms.bit_string, Accepts.ITS_SYNTAX),
        _equality(_X500 + "17", "octetStringMatch", octets, forms.octet_string, Accepts.EVERYTHING),
        _ordering(_X500 + "18", "octetStringOrderingMatch", octets, forms.octet_string),
        _substring(_X500 + "19", "octetStringSubstringsMatch", forms.octet_string, raw),  # X.520
        _equality(_X500 + "25", "uTCTimeMatch", RFC_4517 + "53", utc_time_key, Accepts.ITS_SYNTAX),  # X.520
        _ordering(_X500 + "26", "uTCTimeOrderingMatch", RFC_4517 + "53", utc_time_key),  # X.520
        _equality(_X500 + "27", "generalizedTimeMatch", time, generalized_time_key, Accepts.ITS_SYNTAX),
        _ordering(_X500 + "28", "generalizedTimeOrderingMatch", time, generalized_time_key),
        _equality(
            _X500 + "29",
            "integerFirstComponentMatch",
            _INTEGER,
            forms.first_component(forms.integer),
            Accepts.SOME,
        ),
        _equality(
            "1.3.6.1.1.16.2", "uuidMatch", "1.3.6.1.1.16.1", forms.uuid, Accepts.ITS_SYNTAX
        ),  # RFC 4530
        _ordering("1.3.6.1.1.16.3", "uuidOrderingMatch", "1.3.6.1.1.16.1", forms.uuid),
    )


def _name_rules(names: Names) -> tuple[MatchingRule, ...]:
    oid = forms.object_identifier(names)
    name, dn = names.normalise_name, RFC_4517 + "12"
    return (
        _equality(_X500 + "0", "objectIdentifierMatch", RFC_4517 + "38", oid),
        _equality(_X500 + "1", "distinguishedNameMatch", dn, name),
        _equality(_X500 + "23", "uniqueMemberMatch", RFC_4517 + "34", forms.name_and_optional_uid(names)),
        _equality(
            _X500 + "30", "objectIdentifierFirstComponentMatch", RFC_4517 + "38", forms.first_component(oid)
        ),
        # OpenLDAP: relations of names
        _extensible(
            _OPENLDAP + "666.4.9",
            ("dnSubtreeMatch",),
            dn,
            name,
            matchers.related_name(
                names, is_match=lambda value, base: value == base or not base or value.endswith(b"," + base)
            ),
        ),
        _extensible(
            _OPENLDAP + "666.4.8",
            ("dnOneLevelMatch",),
            dn,
            name,
            matchers.related_name(
                names, is_match=lambda value, base: value.partition(b",")[1:] == (b",", base)
            ),
        ),
        _extensible(
            _OPENLDAP + "666.4.10",
            ("dnSubordinateMatch",),
            dn,
            name,
            matchers.related_name(
                names,
                is_match=lambda value, base: value != base and (not base or value.endswith(b"," + base)),
            ),
        ),
        _extensible(
            _OPENLDAP + "666.4.11",
            ("dnSuperiorMatch",),
            dn,
            name,
            matchers.related_name(
                names, is_match=lambda value, base: base == value or not value or base.endswith(b"," + value)
            ),
        ),
    )


def _rules_over_links(names: Names) -> tuple[MatchingRule, ...]:
    """Active Directory's LDAP_MATCHING_RULE_IN_CHAIN; the operations follow the links, a value by itself is equal."""
    name = names.normalise_name
    in_chain = ("1.2.840.113556.1.4.1941", ("inChainMatch",))
    return (_extensible(*in_chain, RFC_4517 + "12", name, matchers.equal_to(name)),)


def _rules_of_others() -> tuple[MatchingRule, ...]:
    csn = "1.3.6.1.4.1.4203.666.11.2."
    return (
        _equality(csn + "2", "CSNMatch", csn + "1", forms.change_sequence_number, Accepts.ITS_SYNTAX),
        _ordering(csn + "3", "CSNOrderingMatch", csn + "1", forms.change_sequence_number),
        _equality(csn + "5", "CSNSIDMatch", csn + "4", lambda value: value.lower(), Accepts.EVERYTHING),
        _equality(
            _OPENLDAP + "1.2.2",
            "authPasswordExactMatch",
            "1.3.6.1.4.1.4203.1.1.2",
            forms.octet_string,
            Accepts.EVERYTHING,
        ),
        _equality(
            _X500 + "22", "presentationAddressMatch", RFC_4517 + "43", stringprep.prepare_fold, Accepts.ASCII
        ),
        _equality(
            _X500 + "24", "protocolInformationMatch", RFC_4517 + "42", stringprep.prepare_fold, Accepts.ASCII
        ),
        *(  # RFC 4523: whole structures are compared here
            _equality(_X500 + number, name, "1.3.6.1.1.15." + syntax, forms.octet_string, Accepts.EVERYTHING)
            for number, name, syntax in (
                ("34", "certificateExactMatch", "1"),
                ("36", "certificatePairExactMatch", "3"),
                ("38", "certificateListExactMatch", "5"),
                ("42", "algorithmIdentifierMatch", "7"),
            )
        ),
        # Lightwave's own: a SID may be asserted as text
        _equality(
            "2.25.162944272392735442620381082799361588636.7.1",
            "lwSidMatch",
            RFC_4517 + "40",
            sid_form,
            Accepts.SOME,
        ),
        # Active Directory; OpenLDAP knows the same identifiers by the second names
        _extensible(
            "1.2.840.113556.1.4.803",
            ("integerBitAndMatch",),
            _INTEGER,
            forms.integer,
            matchers.with_bits(lambda value, mask: value & mask == mask),
        ),
        _extensible(
            "1.2.840.113556.1.4.804",
            ("integerBitOrMatch",),
            _INTEGER,
            forms.integer,
            matchers.with_bits(lambda value, mask: value & mask != 0),
        ),
    )
