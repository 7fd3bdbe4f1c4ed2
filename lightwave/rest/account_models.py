"""Accounts as JSON: users, services and computers."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from lightwave.rest.resources import PageQuery, Resource


class Account(Resource):
    """A user, a service or a computer, as far as the caller may read it."""

    name: str = Field(description="sAMAccountName, else uid or cn", examples=["ada"])
    id: str | None = Field(default=None, description="The entry's GUID: it never changes")
    dn: str = Field(examples=["cn=ada,cn=Users,dc=example,dc=com"])
    sid: str | None = None
    upn: str | None = Field(default=None, description="userPrincipalName", examples=["ada@example.com"])
    display_name: str | None = None
    given_name: str | None = None
    surname: str | None = None
    mail: str | None = None
    description: str | None = None
    enabled: bool = Field(description="False: disabled")
    locked: bool = Field(description="True: locked after too many wrong passwords, or by an administrator")
    expires: datetime | None = Field(default=None, description="When the account ends, or has ended")
    must_change_password: bool = Field(description="True: the next sign-in has to set a new password")
    password_last_set: datetime | None = None
    last_sign_in: datetime | None = None
    hindrances: list[str] = Field(
        description="Why it can't sign in: disabled, locked, expired, must change password; empty when it can",
        examples=[["locked"]],
    )
    uid_number: int | None = None
    gid_number: int | None = None
    home_directory: str | None = None
    login_shell: str | None = None
    ssh_keys: list[str] | None = None
    service_principal_names: list[str] | None = None
    host_name: str | None = Field(default=None, description="dNSHostName")
    operating_system: str | None = None
    created: datetime | None = None
    changed: datetime | None = None
    groups: list[str] | None = Field(
        default=None, description="DNs of the groups that have it as a member; of one account only"
    )
    nested_groups: list[str] | None = Field(
        default=None, description="DNs of the groups that those are in, and so on; of one account only"
    )


class Accounts(Resource):
    """A page of accounts."""

    items: list[Account]
    next: str | None = Field(default=None, description="There is more: ask for it with cursor=")


class AccountsQuery(PageQuery):
    """Which accounts."""

    search: str | None = Field(
        default=None, min_length=1, max_length=256, description="Part of a name, display name or mail address"
    )
    enabled: bool | None = Field(default=None, description="Only those that are enabled, or are not")
    locked: bool | None = Field(default=None, description="Only those that are locked, or are not")
