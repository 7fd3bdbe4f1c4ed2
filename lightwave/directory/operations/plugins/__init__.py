"""Rules about writes, each in a file of its own; `default_plugins` is their order."""

from __future__ import annotations

from lightwave.directory.operations.plugins.accounts import Accounts
from lightwave.directory.operations.plugins.dynamic_entries import DynamicEntries
from lightwave.directory.operations.plugins.groups import Groups
from lightwave.directory.operations.plugins.identifiers import Identifiers
from lightwave.directory.operations.plugins.index_definitions import IndexDefinitions
from lightwave.directory.operations.plugins.principal_names import PrincipalNames
from lightwave.directory.operations.plugins.system_entries import SystemEntries
from lightwave.directory.operations.plugins.uniqueness import Uniqueness
from lightwave.directory.operations.plugins.unix_accounts import UnixAccounts
from lightwave.directory.operations.ports import Plugin


def default_plugins() -> tuple[Plugin, ...]:
    """The rules of every node: times to live first, since they amend the draft; what refuses comes after."""
    return (
        DynamicEntries(),
        SystemEntries(),
        Identifiers(),
        Accounts(),
        Groups(),
        UnixAccounts(),
        IndexDefinitions(),
        PrincipalNames(),
        Uniqueness(),
    )
