"""Alias dereferencing (RFC 4511 §4.5.1.3): for the base, while searching, in circles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.aliases import resolve_base
from lightwave.directory.schema.normalisation import normalise_dn_text
from search_tree import SearchTree

NEVER, IN_SEARCHING, FINDING_BASE, ALWAYS = range(4)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[SearchTree]:
    made = SearchTree.create(tmp_path / "store")
    for ou in ("people", "other"):
        made.add(f"ou={ou},dc=example,dc=com", {"objectClass": ["organizationalUnit"], "ou": [ou]})
    for name in ("anna", "bert"):
        made.add(
            f"cn={name},ou=people,dc=example,dc=com",
            {"objectClass": ["person"], "cn": [name], "sn": [name]},
        )
    _alias(made, "cn=link,ou=other,dc=example,dc=com", "cn=anna,ou=people,dc=example,dc=com")
    yield made
    made.store.close()


def _alias(tree: SearchTree, dn: str, target: str) -> None:
    name = dn.split(",", 1)[0].split("=")[1]
    tree.add(dn, {"objectClass": ["alias", "extensibleObject"], "cn": [name], "aliasedObjectName": [target]})


def test_the_base_is_followed_only_when_asked(tree: SearchTree) -> None:
    base = b"cn=link,ou=other,dc=example,dc=com"
    assert tree.names(base=base, scope=0, deref=NEVER) == ["link"]
    assert tree.names(base=base, scope=0, deref=IN_SEARCHING) == ["link"]
    assert tree.names(base=base, scope=0, deref=FINDING_BASE) == ["anna"]
    assert tree.names(base=base, scope=0, deref=ALWAYS) == ["anna"]


def test_an_alias_above_the_base_is_followed(tree: SearchTree) -> None:
    _alias(tree, "ou=crew,dc=example,dc=com".replace("ou=crew", "cn=crew"), "ou=people,dc=example,dc=com")
    base = b"cn=anna,cn=crew,dc=example,dc=com"
    assert tree.names(base=base, scope=0, deref=FINDING_BASE) == ["anna"]
    with pytest.raises(DirectoryError) as caught:
        tree.search(base=base, scope=0, deref=NEVER)
    assert caught.value.code is ResultCode.NO_SUCH_OBJECT


def test_aliases_in_scope_are_followed_while_searching(tree: SearchTree) -> None:
    base = b"ou=other,dc=example,dc=com"
    assert tree.names(base=base, deref=NEVER) == ["link", "other"]
    assert tree.names(base=base, deref=IN_SEARCHING) == ["anna", "other"]
    assert tree.names(base=base, scope=1, deref=IN_SEARCHING) == ["anna"]
    assert tree.names("(cn=anna)", base=base, deref=ALWAYS) == ["anna"]


def test_an_alias_to_a_subtree_brings_the_subtree(tree: SearchTree) -> None:
    _alias(tree, "cn=all,ou=other,dc=example,dc=com", "ou=people,dc=example,dc=com")
    base = b"ou=other,dc=example,dc=com"
    assert tree.names(base=base, deref=IN_SEARCHING) == ["anna", "bert", "other", "people"]
    assert tree.names(base=base, scope=1, deref=IN_SEARCHING) == ["anna", "people"]


def test_neg_027_aliases_in_a_circle_end(tree: SearchTree) -> None:
    _alias(tree, "cn=one,ou=other,dc=example,dc=com", "cn=two,ou=other,dc=example,dc=com")
    _alias(tree, "cn=two,ou=other,dc=example,dc=com", "cn=one,ou=other,dc=example,dc=com")
    with pytest.raises(DirectoryError) as caught:
        tree.search(base=b"cn=one,ou=other,dc=example,dc=com", scope=0, deref=ALWAYS)
    assert caught.value.code is ResultCode.LOOP_DETECT
    assert tree.names(base=b"ou=other,dc=example,dc=com", deref=IN_SEARCHING) == ["anna", "other"]
    _alias(tree, "cn=back,ou=people,dc=example,dc=com", "ou=other,dc=example,dc=com")
    _alias(tree, "cn=forth,ou=other,dc=example,dc=com", "ou=people,dc=example,dc=com")
    found = tree.names(base=b"ou=other,dc=example,dc=com", deref=IN_SEARCHING)
    assert found == ["anna", "bert", "other", "people"]


def test_an_alias_to_nothing(tree: SearchTree) -> None:
    _alias(tree, "cn=lost,ou=other,dc=example,dc=com", "cn=nobody,dc=example,dc=com")
    with pytest.raises(DirectoryError) as caught:
        tree.search(base=b"cn=lost,ou=other,dc=example,dc=com", scope=0, deref=ALWAYS)
    assert caught.value.code is ResultCode.ALIAS_PROBLEM
    assert tree.names(base=b"ou=other,dc=example,dc=com", deref=IN_SEARCHING) == ["anna", "other"]


def test_neg_020_an_alias_does_not_tell_whether_what_nobody_sees_is_there(tree: SearchTree) -> None:
    """Else whoever may add aliases asks them for the names of another tenant."""
    _alias(tree, "cn=broken,ou=other,dc=example,dc=com", "cn=nobody,ou=people,dc=example,dc=com")
    told = []
    with tree.store.read() as txn:
        _, hidden = txn.find(normalise_dn_text(tree.schema, b"cn=anna,ou=people,dc=example,dc=com"))
        for alias in ("link", "broken"):
            name = normalise_dn_text(tree.schema, f"cn={alias},ou=other,dc=example,dc=com".encode())
            with pytest.raises(DirectoryError) as caught:
                resolve_base(txn, tree.schema, name, None, lambda tenant, entry_id: entry_id != hidden)
            told.append((caught.value.code, caught.value.message, caught.value.matched))
    assert told[0] == told[1]
