"""The content of the subschema subentry (RFC 4512 §4.2)."""

from __future__ import annotations

from collections.abc import Iterable

from lightwave.directory.schema.attribute import AttributeType
from lightwave.directory.schema.definitions import (
    AttributeTypeDefinition,
    ContentRuleDefinition,
    Definition,
    MatchingRuleDefinition,
    MatchingRuleUseDefinition,
    ObjectClassDefinition,
    SyntaxDefinition,
    format_definition,
)
from lightwave.directory.schema.matching import MatchingRule, RuleKind
from lightwave.directory.schema.syntaxes import Syntax


def subschema_attributes(
    definitions: Iterable[Definition],
    syntaxes: Iterable[Syntax],
    rules: Iterable[MatchingRule],
    attributes: Iterable[AttributeType],
) -> dict[str, list[bytes]]:
    """The values of each operational attribute that describes the schema, by the attribute's name."""
    found: dict[str, list[bytes]] = {
        "ldapSyntaxes": [format_definition(_syntax(syntax)) for syntax in syntaxes],
        "matchingRules": [],
        "matchingRuleUse": [],
        "attributeTypes": [],
        "objectClasses": [],
        "dITContentRules": [],
    }
    applies = _applies(attributes)
    for rule in rules:
        definition = MatchingRuleDefinition(oid=rule.oid, names=rule.names, syntax=rule.syntax)
        found["matchingRules"].append(format_definition(definition))
        used = tuple(applies.get(rule.oid, ()))
        if used:
            use = MatchingRuleUseDefinition(oid=rule.oid, names=rule.names, applies=used)
            found["matchingRuleUse"].append(format_definition(use))
    for one in definitions:
        match one:
            case AttributeTypeDefinition():
                found["attributeTypes"].append(format_definition(one))
            case ObjectClassDefinition():
                found["objectClasses"].append(format_definition(one))
            case ContentRuleDefinition():
                found["dITContentRules"].append(format_definition(one))
            case _:
                pass
    return {name: values for name, values in found.items() if values}


def _syntax(syntax: Syntax) -> SyntaxDefinition:
    extensions = () if syntax.human_readable else (("X-NOT-HUMAN-READABLE", ("TRUE",)),)
    if syntax.binary_transfer:
        extensions = (*extensions, ("X-BINARY-TRANSFER-REQUIRED", ("TRUE",)))
    return SyntaxDefinition(oid=syntax.oid, description=syntax.description, extensions=extensions)


def _applies(attributes: Iterable[AttributeType]) -> dict[str, list[str]]:
    """For each rule the attribute types that an extensible match may use it with (RFC 4512 §4.1.4)."""
    applies: dict[str, list[str]] = {}
    for attribute in attributes:
        for rule in (attribute.equality, attribute.ordering, attribute.substring):
            if rule is not None and rule.kind is not RuleKind.EXTENSIBLE:
                applies.setdefault(rule.oid, []).append(attribute.name)
    return applies
