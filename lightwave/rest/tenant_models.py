"""Tenants as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, StrictBool

from lightwave.rest.account_models import Password, Text
from lightwave.rest.resources import Name, Paged, Resource

State = Literal["active", "suspended", "deleting"]


class Tenant(Resource):
    """A tenant: that it exists, and what it is called; nothing of what is in it."""

    name: str = Field(description="Its domain", examples=["acme.example"])
    id: str = Field(description="Its GUID: it never changes")
    state: State
    realm: str | None = Field(default=None, examples=["ACME.EXAMPLE"])
    context: str | None = Field(default=None, examples=["dc=acme,dc=example"])
    suffixes: list[str] = Field(description="Further ends of user names, as in user@suffix")
    sign_in_by_mail: bool = Field(description="Whether mail addresses are names to sign in with")
    description: str | None = None
    created: datetime | None = None
    system: bool = Field(description="True: the tenant that the system's own settings belong to")
    removed: int | None = Field(
        default=None, description="While it is being deleted: rows of the store that are gone"
    )


class Tenants(Resource):
    """A page of tenants."""

    items: list[Tenant]
    next: str | None = Field(default=None, description="There is more: ask for it with cursor=")


class TenantsQuery(Paged):
    """Which tenants."""

    state: State | None = None


class NewTenant(Resource):
    """A tenant that is to be."""

    name: Name = Field(description="Its domain", examples=["acme.example"])
    password: Password | None = Field(
        default=None, description="Of its Administrator; without one the server makes one and tells it"
    )


class CreatedTenant(Tenant):
    """A tenant that was made."""

    administrator: str = Field(examples=["Administrator@acme.example"])
    password: str | None = Field(
        default=None, repr=False, description="The generated one; it is told this once"
    )


class TenantChanges(Resource):
    """What is to be otherwise; what is not named stays."""

    suffixes: list[Text] | None = Field(default=None, max_length=100)
    sign_in_by_mail: StrictBool | None = None
    description: str | None = Field(default=None, max_length=1_024)


class Recovery(Resource):
    """A new password for a tenant's Administrator."""

    password: Password | None = Field(
        default=None, description="Without one the server makes one and tells it"
    )


class Recovered(Resource):
    """What recovering did."""

    administrator: str = Field(description="DN of the account that can sign in again")
    password: str | None = Field(
        default=None, repr=False, description="The generated one; it is told this once"
    )


class Operator(Resource):
    """An account of the system tenant that a tenant lets in."""

    sid: str
    dn: str = Field(description="The entry that stands for it in the tenant")
    groups: list[str] = Field(description="DNs of the tenant's groups that it is in")
    created: datetime | None = None


class Operators(Resource):
    """Those a tenant lets in."""

    items: list[Operator]
    next: str | None = Field(default=None, description="There is more: ask for it with cursor=")


class NewOperator(Resource):
    """Whom a tenant is to let in, and as what."""

    operator: Name = Field(
        description="SID of an account of the system tenant, or the name of one of its TenantOperators",
        examples=["support@provider.example"],
    )
    group: Name = Field(default="Administrators", description="A group of the tenant, by name")
