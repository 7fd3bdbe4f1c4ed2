"""Groups and their members as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from lightwave.rest.account_models import AttributeChanges, Attributes, Text
from lightwave.rest.resources import Name, PageQuery, Resource

MOST_MEMBERS = 1_000
"""members of one request"""


class Group(Resource):
    """A group, as far as the caller may read it."""

    name: str = Field(description="sAMAccountName, else cn", examples=["Engineers"])
    id: str | None = Field(default=None, description="The entry's GUID: it never changes")
    dn: str
    sid: str | None = None
    kind: Literal["security", "distribution"] = Field(
        description="distribution: for mail, it counts for no right"
    )
    display_name: str | None = None
    mail: str | None = None
    description: str | None = None
    gid_number: int | None = None
    managed_by: str | None = Field(default=None, description="DN of who looks after it")
    created: datetime | None = None
    changed: datetime | None = None
    groups: list[str] | None = Field(
        default=None, description="DNs of the groups that have it as a member; of one group only"
    )


class Groups(Resource):
    """A page of groups."""

    items: list[Group]
    next: str | None = Field(default=None, description="There is more: ask for it with cursor=")


class GroupsQuery(PageQuery):
    """Which groups."""

    search: str | None = Field(
        default=None, min_length=1, max_length=256, description="Part of a name, display name or description"
    )


class MembershipQuery(PageQuery):
    """Groups of a member, or members of a group."""

    nested: bool = Field(default=False, description="True: through groups in groups as well")


class GroupDescribed(Resource):
    """What a group is described by. In a change null takes a value away."""

    display_name: Text | None = None
    mail: Text | None = None
    description: Text | None = None
    gid_number: int | None = Field(default=None, ge=0, le=2**32 - 1)
    managed_by: Text | None = Field(default=None, description="A DN")


class NewGroup(GroupDescribed):
    """A group that is to be."""

    name: Name = Field(description="sAMAccountName", examples=["Engineers"])
    kind: Literal["security", "distribution"] = "security"
    container: Text | None = Field(default=None, description="DN of the entry that it stands below")
    attributes: Attributes = Field(default_factory=dict, description="Further attributes")


class GroupChanges(GroupDescribed):
    """What is to be otherwise; what is not named stays."""

    attributes: AttributeChanges | None = None

    @model_validator(mode="before")
    @classmethod
    def check_any(cls, given: Any) -> Any:
        """Something has to be asked."""
        if isinstance(given, dict) and not given:
            raise ValueError("name what is to change")
        return given

    @model_validator(mode="after")
    def check_attributes(self) -> GroupChanges:
        """Changes of attributes are never taken away."""
        if "attributes" in self.model_fields_set and self.attributes is None:
            raise ValueError("attributes can't be null")
        return self


class Member(Resource):
    """A member of a group."""

    name: str
    id: str | None = None
    dn: str
    kind: Literal["user", "service", "computer", "group", "other"]
    display_name: str | None = None
    mail: str | None = None


class Members(Resource):
    """A page of members."""

    items: list[Member]
    next: str | None = Field(default=None, description="There is more: ask for it with cursor=")


class NewMembers(Resource):
    """Who is to be in a group."""

    members: list[Name] = Field(
        min_length=1,
        max_length=MOST_MEMBERS,
        description="Names of users, services, computers or groups: as they are called, GUIDs, SIDs or DNs",
    )
