"""LDAP syntaxes and the table of all that are known (RFC 4517 §3.3, and of schemas that build on it).

A check takes a value as it came and raises `InvalidValue` if its syntax does not allow it; it changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from lightwave.directory.schema import reading
from lightwave.directory.schema import syntax_checks as checks
from lightwave.directory.schema.definitions import Definition
from lightwave.directory.schema.errors import InvalidValue, SchemaError
from lightwave.directory.schema.guide import check_enhanced_guide, check_guide
from lightwave.directory.schema.times import check_generalized_time, check_utc_time


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Syntax:
    """A syntax; `binary_transfer` marks those whose values travel with `;binary` only (RFC 4522, RFC 4523)."""

    oid: str
    description: str
    check: Callable[[bytes], None]
    human_readable: bool = True
    binary_transfer: bool = False

    def __repr__(self) -> str:
        return f"<Syntax {self.description} {self.oid}>"


RFC_4517: Final = "1.3.6.1.4.1.1466.115.121.1."
DIRECTORY_STRING: Final = RFC_4517 + "15"
DISTINGUISHED_NAME: Final = RFC_4517 + "12"
OCTET_STRING: Final = RFC_4517 + "40"


def _description(read: Callable[[bytes], Definition]) -> Callable[[bytes], None]:
    def check(value: bytes) -> None:
        try:
            read(value)
        except SchemaError as error:
            raise InvalidValue(str(error)) from None

    return check


def _text(oid: str, description: str, check: Callable[[bytes], None]) -> Syntax:
    return Syntax(oid=oid, description=description, check=check)


def _bytes(oid: str, description: str, check: Callable[[bytes], None]) -> Syntax:
    return Syntax(oid=oid, description=description, check=check, human_readable=False)


def _ber(oid: str, description: str) -> Syntax:
    return Syntax(
        oid=oid,
        description=description,
        check=checks.check_der_sequence,
        human_readable=False,
        binary_transfer=True,
    )


SYNTAXES: Final[tuple[Syntax, ...]] = (
    # RFC 4517
    _text(RFC_4517 + "3", "Attribute Type Description", _description(reading.read_attribute_type)),
    _text(RFC_4517 + "6", "Bit String", checks.check_bit_string),
    _text(RFC_4517 + "7", "Boolean", checks.check_boolean),
    _text(RFC_4517 + "11", "Country String", checks.check_country_string),
    _text(RFC_4517 + "12", "DN", checks.check_dn),
    _text(RFC_4517 + "14", "Delivery Method", checks.check_delivery_method),
    _text(RFC_4517 + "15", "Directory String", checks.check_directory_string),
    _text(RFC_4517 + "16", "DIT Content Rule Description", _description(reading.read_content_rule)),
    _text(RFC_4517 + "17", "DIT Structure Rule Description", _description(reading.read_structure_rule)),
    _text(RFC_4517 + "21", "Enhanced Guide", check_enhanced_guide),
    _text(RFC_4517 + "22", "Facsimile Telephone Number", checks.check_facsimile_number),
    _bytes(RFC_4517 + "23", "Fax", checks.check_octet_string),
    _text(RFC_4517 + "24", "Generalized Time", check_generalized_time),
    _text(RFC_4517 + "25", "Guide", check_guide),
    _text(RFC_4517 + "26", "IA5 String", checks.check_ia5_string),
    _text(RFC_4517 + "27", "INTEGER", checks.check_integer),
    _bytes(RFC_4517 + "28", "JPEG", checks.check_jpeg),
    _text(RFC_4517 + "30", "Matching Rule Description", _description(reading.read_matching_rule)),
    _text(RFC_4517 + "31", "Matching Rule Use Description", _description(reading.read_matching_rule_use)),
    _text(RFC_4517 + "34", "Name And Optional UID", checks.check_name_and_optional_uid),
    _text(RFC_4517 + "35", "Name Form Description", _description(reading.read_name_form)),
    _text(RFC_4517 + "36", "Numeric String", checks.check_numeric_string),
    _text(RFC_4517 + "37", "Object Class Description", _description(reading.read_object_class)),
    _text(RFC_4517 + "38", "OID", checks.check_oid),
    _text(RFC_4517 + "39", "Other Mailbox", checks.check_other_mailbox),
    _bytes(RFC_4517 + "40", "Octet String", checks.check_octet_string),
    _text(RFC_4517 + "41", "Postal Address", checks.check_directory_string),
    _text(RFC_4517 + "44", "Printable String", checks.check_printable_string),
    _text(RFC_4517 + "50", "Telephone Number", checks.check_printable_string),
    _bytes(RFC_4517 + "51", "Teletex Terminal Identifier", checks.check_teletex_terminal),
    _text(RFC_4517 + "52", "Telex Number", checks.check_telex_number),
    _text(RFC_4517 + "53", "UTC Time", check_utc_time),
    _text(RFC_4517 + "54", "LDAP Syntax Description", _description(reading.read_syntax)),
    _text(RFC_4517 + "58", "Substring Assertion", checks.check_substring_assertion),
    # RFC 2252, dropped by RFC 4517 and still used by schemas in the field
    _text(RFC_4517 + "1", "ACI Item", checks.check_directory_string),
    _text(RFC_4517 + "2", "Access Point", checks.check_directory_string),
    _bytes(RFC_4517 + "4", "Audio", checks.check_octet_string),
    _bytes(RFC_4517 + "5", "Binary", checks.check_octet_string),
    _text(RFC_4517 + "13", "Data Quality", checks.check_directory_string),
    _text(RFC_4517 + "19", "DSA Quality", checks.check_directory_string),
    _text(RFC_4517 + "20", "DSE Type", checks.check_directory_string),
    _text(RFC_4517 + "42", "Protocol Information", checks.check_directory_string),
    _text(RFC_4517 + "43", "Presentation Address", checks.check_directory_string),
    # RFC 3672
    _text(RFC_4517 + "45", "Subtree Specification", checks.check_subtree_specification),
    # RFC 4523
    _ber(RFC_4517 + "8", "X.509 Certificate"),
    _ber(RFC_4517 + "9", "X.509 Certificate List"),
    _ber(RFC_4517 + "10", "X.509 Certificate Pair"),
    _ber(RFC_4517 + "49", "X.509 Supported Algorithm"),
    _text("1.3.6.1.1.15.1", "X.509 Certificate Exact Assertion", checks.check_directory_string),
    _text("1.3.6.1.1.15.2", "X.509 Certificate Assertion", checks.check_directory_string),
    _text("1.3.6.1.1.15.3", "X.509 Certificate Pair Exact Assertion", checks.check_directory_string),
    _text("1.3.6.1.1.15.4", "X.509 Certificate Pair Assertion", checks.check_directory_string),
    _text("1.3.6.1.1.15.5", "X.509 Certificate List Exact Assertion", checks.check_directory_string),
    _text("1.3.6.1.1.15.6", "X.509 Certificate List Assertion", checks.check_directory_string),
    _text("1.3.6.1.1.15.7", "X.509 Algorithm Identifier", checks.check_directory_string),
    # RFC 2307, RFC 3112, RFC 4530
    _text("1.3.6.1.1.1.0.0", "NIS Netgroup Triple", checks.check_netgroup_triple),
    _text("1.3.6.1.1.1.0.1", "Boot Parameter", checks.check_boot_parameter),
    _text("1.3.6.1.4.1.4203.1.1.2", "Authentication Password", checks.check_authentication_password),
    _text("1.3.6.1.1.16.1", "UUID", checks.check_uuid),
    # OpenLDAP
    _text("1.3.6.1.4.1.4203.666.11.2.1", "CSN", checks.check_csn),
    _text("1.3.6.1.4.1.4203.666.11.2.4", "CSN SID", checks.check_csn_sid),
    _ber("1.3.6.1.4.1.4203.666.11.10.2.1", "X.509 Attribute Certificate"),
    # Active Directory
    _text("1.2.840.113556.1.4.903", "DN With Binary", checks.check_dn_with_binary),
    _text("1.2.840.113556.1.4.904", "DN With String", checks.check_dn_with_string),
    _text("1.2.840.113556.1.4.905", "Case Ignore String", checks.check_directory_string),
    _text("1.2.840.113556.1.4.906", "Large Integer", checks.check_large_integer),
    _bytes("1.2.840.113556.1.4.907", "NT Security Descriptor", checks.check_octet_string),
    _text("1.2.840.113556.1.4.1221", "OR Name", checks.check_directory_string),
    _text("1.2.840.113556.1.4.1362", "Case Exact String", checks.check_directory_string),
)
