"""Who may do what, as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StringConstraints

from lightwave.rest.resources import Name, Resource, TenantQuery

What = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class AccessQuery(TenantQuery):
    """About which entry."""

    dn: Name = Field(description="The entry, by its distinguished name")


class ExplainQuery(AccessQuery):
    """About whom and which right."""

    who: Name = Field(description="An account or group")
    right: What | None = Field(default=None, description="A right; without it all rights on the whole entry")
    attribute: Name | None = Field(default=None, description="For reading and writing: which attribute")


class AccessLine(Resource):
    """One access control entry."""

    allows: bool
    who: str
    sid: str
    rights: list[str]
    on: str | None = Field(
        default=None, description="The attribute, property set, right or class it is about"
    )
    applies_to: str
    inherited_from: str | None = Field(default=None, description="The entry that it is written on")
    sddl: str


class AccessReport(Resource):
    """Who may do what with an entry."""

    dn: str
    owner: str
    protected: bool = Field(description="Whether nothing is inherited")
    sddl: str
    entries: list[AccessLine]


class AccessChange(Resource):
    """What is granted or taken back."""

    dn: Name
    who: Name
    what: What | None = Field(default=None, description="A preset or rights; a revoke without it takes all")
    attribute: Name | None = None
    object_class: Name | None = None
    this_entry_only: StrictBool = False
    deny: StrictBool = False


class AccessChanged(Resource):
    """What became of it."""

    dn: str
    changed: list[str] = Field(description="The access control entries, in SDDL")


class AccessVerdict(Resource):
    """Why one right is granted or not."""

    right: str
    granted: bool
    reason: str
    ace: str | None = None
    through: str | None = None
    at: str | None = None


class AccessVerdicts(Resource):
    """The answer to a question."""

    who: str
    dn: str
    verdicts: list[AccessVerdict]
