"""Entries, changes and searches as JSON: what the routes take and give, and what their documentation shows.

Values are text. An attribute with a value that is not text is given, and taken, in base64, and says so by
`encoding`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

MOST_VALUES = 10_000
DN = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Attribute(_Model):
    """An attribute with its values."""

    type: str = Field(
        min_length=1,
        max_length=256,
        description="An attribute description: a name or an OID, and options",
        examples=["description"],
    )
    value: list[str] = Field(max_length=MOST_VALUES, examples=[["A person"]])
    encoding: Literal["base64"] | None = Field(
        default=None, description="base64: the values are octets in base64 (RFC 4648 §4), not text"
    )


class Entry(_Model):
    """An entry."""

    dn: DN = Field(examples=["cn=ada,dc=lightwave,dc=local"])
    attributes: list[Attribute] = Field(max_length=1_000)


class Modification(_Model):
    """A change of one attribute (RFC 4511 §4.6)."""

    operation: Literal["add", "delete", "replace", "increment"]
    attribute: Attribute


class Modifications(RootModel[list[Modification]]):
    """Changes that are made together, in their order, or not at all."""

    root: list[Modification] = Field(min_length=1, max_length=1_000)


class NameQuery(_Model):
    """Which entry."""

    dn: DN = Field(description="The entry's distinguished name")


class SearchQuery(NameQuery):
    """Which entries."""

    dn: DN = Field(description="Where the search begins")
    scope: Literal["base", "one", "sub", "children"] = Field(
        default="base", description="The entry, those directly below it, or all of the subtree"
    )
    filter: str = Field(
        default="(objectClass=*)", min_length=1, max_length=8_192, description="A filter (RFC 4515)"
    )
    attrs: str = Field(
        default="*",
        max_length=4_096,
        description="Names of attributes with commas between; * all of users, + all operational ones",
    )
    page_size: int = Field(default=100, ge=1, le=10_000, description="Most entries of the answer")
    paged_results_cookie: str | None = Field(
        default=None, max_length=64, description="As the page before gave it, with the same query otherwise"
    )


class SearchResult(_Model):
    """Entries that a search found."""

    result_count: int = Field(description="Entries of this answer")
    result: list[Entry]
    referrals: list[str] | None = Field(
        default=None, description="URLs where the search goes on (RFC 4511 §4.5.3)"
    )
    paged_results_cookie: str | None = Field(default=None, description="There is more: ask for it with this")
