"""Accounts as JSON: users, services and computers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, SecretStr, StrictBool, StringConstraints, model_validator

from lightwave.rest.resources import Name, PageQuery, Resource

MOST_VALUES = 1_000
Value = Annotated[str, StringConstraints(max_length=64 * 1024)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
Attributes = dict[Annotated[str, StringConstraints(min_length=1, max_length=256)], list[Value]]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1_024)]


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
    locked_until: datetime | None = Field(
        default=None, description="When a lock after wrong passwords ends by itself; absent: never"
    )
    expires: datetime | None = Field(default=None, description="When the account ends, or has ended")
    must_change_password: bool = Field(description="True: the next sign-in has to set a new password")
    password_last_set: datetime | None = None
    password_expires: datetime | None = None
    last_sign_in: datetime | None = None
    hindrances: list[str] = Field(
        description="Why it can't sign in: disabled, locked, expired, must change password, password expired",
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


class AttributeChanges(Resource):
    """Changes of any attributes, by their names in the schema; values are text."""

    set: Attributes = Field(
        default_factory=dict, description="These values instead of all others", examples=[{"title": ["Dr"]}]
    )
    add: Attributes = Field(default_factory=dict, description="These values beside the others")
    remove: Attributes = Field(
        default_factory=dict, description="Not these values any more; with none, not the attribute"
    )


class Described(Resource):
    """What an account is described by. In a change null takes a value away."""

    upn: Text | None = Field(default=None, description="userPrincipalName")
    display_name: Text | None = None
    given_name: Text | None = None
    surname: Text | None = None
    mail: Text | None = None
    description: Text | None = None
    expires: datetime | None = Field(default=None, description="When the account ends; null: never")
    uid_number: int | None = Field(default=None, ge=0, le=2**32 - 1)
    gid_number: int | None = Field(default=None, ge=0, le=2**32 - 1)
    home_directory: Text | None = None
    login_shell: Text | None = None
    ssh_keys: list[Value] | None = Field(default=None, max_length=MOST_VALUES)
    service_principal_names: list[Text] | None = Field(default=None, max_length=MOST_VALUES)
    host_name: Text | None = Field(default=None, description="dNSHostName")
    operating_system: Text | None = None


class NewAccount(Described):
    """An account that is to be."""

    name: Name = Field(description="sAMAccountName", examples=["ada"])
    password: Password | None = Field(default=None, description="Without one nobody signs in with it")
    generate_password: StrictBool = Field(
        default=False, description="The server makes a password and tells it in the answer, this once"
    )
    must_change_password: StrictBool = False
    enabled: StrictBool = True
    container: Text | None = Field(
        default=None,
        description="DN of the entry that it stands below",
        examples=["ou=sales,dc=example,dc=com"],
    )
    attributes: Attributes = Field(default_factory=dict, description="Further attributes")

    @model_validator(mode="after")
    def check_password(self) -> NewAccount:
        """One password at most."""
        if self.password is not None and self.generate_password:
            raise ValueError("a password is given or generated, not both")
        return self


class CreatedAccount(Account):
    """An account that was made."""

    password: str | None = Field(
        default=None, repr=False, description="The generated one; it is told this once"
    )


class AccountChanges(Described):
    """What is to be otherwise; what is not named stays."""

    enabled: StrictBool | None = None
    locked: StrictBool | None = Field(default=None, description="false unlocks; only the server locks")
    must_change_password: StrictBool | None = None
    attributes: AttributeChanges | None = None

    @model_validator(mode="before")
    @classmethod
    def check_any(cls, given: Any) -> Any:
        """Something has to be asked."""
        if isinstance(given, dict) and not given:
            raise ValueError("name what is to change")
        return given

    @model_validator(mode="after")
    def check_states(self) -> AccountChanges:
        """States are true or false, never taken away."""
        for name in ("enabled", "locked", "must_change_password", "attributes"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} can't be null")
        if self.locked:
            raise ValueError("only the server locks an account: disable it")
        return self


class NewName(Resource):
    """Another name for an account or a group."""

    name: Name


class PasswordChange(Resource):
    """A new password. old: to change one's own without the right to reset it."""

    new: Password | None = Field(default=None, description="Without it the server makes one and tells it")
    old: Password | None = None
    must_change: StrictBool = Field(default=False, description="The next sign-in has to set another")


class GeneratedPassword(Resource):
    """A password that the server made; it is told this once and kept nowhere in clear."""

    password: str = Field(repr=False)
