"""Schema definitions as values, and their text (RFC 4512 §4.1).

`reading` makes these from text; `format_definition` writes them, always in the RFC's own form. Extensions are
kept: `X-LINK 'TRUE'` marks a DN-valued attribute that is stored as a link, `X-SECRET 'TRUE'` one that never
stands in a record.
"""

from __future__ import annotations

from dataclasses import dataclass

from lightwave.directory.schema.attribute import Usage
from lightwave.directory.schema.objectclass import ClassKind

Extensions = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxDefinition:
    """RFC 4512 §4.1.5 SyntaxDescription."""

    oid: str
    description: str = ""
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRuleDefinition:
    """RFC 4512 §4.1.3 MatchingRuleDescription."""

    oid: str
    names: tuple[str, ...] = ()
    description: str = ""
    obsolete: bool = False
    syntax: str = ""
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRuleUseDefinition:
    """RFC 4512 §4.1.4 MatchingRuleUseDescription."""

    oid: str
    names: tuple[str, ...] = ()
    description: str = ""
    obsolete: bool = False
    applies: tuple[str, ...] = ()
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeTypeDefinition:
    """RFC 4512 §4.1.2 AttributeTypeDescription; `syntax` is None when it is inherited."""

    oid: str
    names: tuple[str, ...] = ()
    description: str = ""
    obsolete: bool = False
    superior: str | None = None
    equality: str | None = None
    ordering: str | None = None
    substring: str | None = None
    syntax: str | None = None
    max_length: int | None = None
    single_value: bool = False
    collective: bool = False
    no_user_modification: bool = False
    usage: Usage = Usage.USER_APPLICATIONS
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectClassDefinition:
    """RFC 4512 §4.1.1 ObjectClassDescription."""

    oid: str
    names: tuple[str, ...] = ()
    description: str = ""
    obsolete: bool = False
    superiors: tuple[str, ...] = ()
    kind: ClassKind = ClassKind.STRUCTURAL
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRuleDefinition:
    """RFC 4512 §4.1.6 DITContentRuleDescription; `oid` is that of the structural class it is for."""

    oid: str
    names: tuple[str, ...] = ()
    description: str = ""
    obsolete: bool = False
    auxiliaries: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    precluded: tuple[str, ...] = ()
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureRuleDefinition:
    """RFC 4512 §4.1.7.1 DITStructureRuleDescription."""

    rule_id: int
    names: tuple[str, ...] = ()
    description: str = ""
    obsolete: bool = False
    form: str = ""
    superiors: tuple[int, ...] = ()
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFormDefinition:
    """RFC 4512 §4.1.7.2 NameFormDescription."""

    oid: str
    names: tuple[str, ...] = ()
    description: str = ""
    obsolete: bool = False
    object_class: str = ""
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    extensions: Extensions = ()


Definition = (
    SyntaxDefinition
    | MatchingRuleDefinition
    | MatchingRuleUseDefinition
    | AttributeTypeDefinition
    | ObjectClassDefinition
    | ContentRuleDefinition
    | StructureRuleDefinition
    | NameFormDefinition
)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\5C").replace("'", "\\27") + "'"


def _quoted_list(texts: tuple[str, ...]) -> str:
    return _quoted(texts[0]) if len(texts) == 1 else "( " + " ".join(map(_quoted, texts)) + " )"


def _oid_list(oids: tuple[str, ...]) -> str:
    return oids[0] if len(oids) == 1 else "( " + " $ ".join(oids) + " )"


def _head(identifier: str, definition: Definition) -> list[str]:
    parts = [identifier]
    if not isinstance(definition, SyntaxDefinition):
        parts += ["NAME", _quoted_list(definition.names)] if definition.names else []
    parts += ["DESC", _quoted(definition.description)] if definition.description else []
    if not isinstance(definition, SyntaxDefinition) and definition.obsolete:
        parts.append("OBSOLETE")
    return parts


def _attribute_body(definition: AttributeTypeDefinition) -> list[str]:
    parts: list[str] = []
    for keyword, value in (
        ("SUP", definition.superior),
        ("EQUALITY", definition.equality),
        ("ORDERING", definition.ordering),
        ("SUBSTR", definition.substring),
    ):
        parts += [keyword, value] if value else []
    if definition.syntax:
        bound = "" if definition.max_length is None else f"{{{definition.max_length}}}"
        parts += ["SYNTAX", definition.syntax + bound]
    for keyword, present in (
        ("SINGLE-VALUE", definition.single_value),
        ("COLLECTIVE", definition.collective),
        ("NO-USER-MODIFICATION", definition.no_user_modification),
    ):
        parts += [keyword] if present else []
    if definition.usage is not Usage.USER_APPLICATIONS:
        parts += ["USAGE", definition.usage.value]
    return parts


def _lists(*pairs: tuple[str, tuple[str, ...]]) -> list[str]:
    return [text for keyword, oids in pairs if oids for text in (keyword, _oid_list(oids))]


def _body(definition: Definition) -> list[str]:
    match definition:
        case AttributeTypeDefinition():
            return _attribute_body(definition)
        case ObjectClassDefinition():
            superiors = _lists(("SUP", definition.superiors))
            return [
                *superiors,
                definition.kind.value,
                *_lists(("MUST", definition.must), ("MAY", definition.may)),
            ]
        case MatchingRuleDefinition():
            return ["SYNTAX", definition.syntax]
        case MatchingRuleUseDefinition():
            return _lists(("APPLIES", definition.applies))
        case ContentRuleDefinition():
            return _lists(
                ("AUX", definition.auxiliaries),
                ("MUST", definition.must),
                ("MAY", definition.may),
                ("NOT", definition.precluded),
            )
        case StructureRuleDefinition():
            superiors = ["SUP", "( " + " ".join(map(str, definition.superiors)) + " )"]
            return ["FORM", definition.form, *(superiors if definition.superiors else [])]
        case NameFormDefinition():
            return [
                "OC",
                definition.object_class,
                *_lists(("MUST", definition.must), ("MAY", definition.may)),
            ]
        case SyntaxDefinition():
            return []


def format_definition(definition: Definition) -> bytes:
    """Write a definition in the form of RFC 4512 §4.1."""
    identifier = (
        str(definition.rule_id) if isinstance(definition, StructureRuleDefinition) else definition.oid
    )
    extensions = [text for name, values in definition.extensions for text in (name, _quoted_list(values))]
    return " ".join(["(", *_head(identifier, definition), *_body(definition), *extensions, ")"]).encode()
