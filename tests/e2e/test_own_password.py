"""A change of one's own password: the connection that made it goes on, all others of the account end."""

from __future__ import annotations

import pytest

from node import Node
from reference import wire
from serving import root_dse, signed_in

WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
PAGED = "1.2.840.113556.1.4.319"
NEW = "Another 4 tests"


def test_the_connection_goes_on(node: Node) -> None:
    name = node.administrator
    with signed_in(node, name, node.password) as mine, signed_in(node, name, node.password) as other:
        answer = mine.ask(wire.modify(name, [(wire.REPLACE, "userPassword", [NEW.encode()])]))
        assert answer.code == 0, answer
        assert mine.ask(wire.extended(WHO_AM_I)).extended_value == b"dn:" + name.encode()
        answer = mine.ask(wire.modify(name, [(wire.REPLACE, "description", [b"goes on"])]))
        assert answer.code == 0, answer
        with pytest.raises(wire.ServerClosed):
            root_dse(other)
    with signed_in(node, name, NEW):
        pass


def test_a_search_by_pages_goes_on(node: Node) -> None:
    name = node.administrator
    with signed_in(node, name, node.password) as mine:
        cookie, found = b"", 0
        for page in range(3):
            value = wire.sequence(wire.integer(2), wire.text(cookie))
            answer = mine.ask(wire.search(node.suffix), [wire.control(PAGED, True, value)])
            assert answer.code == 0, answer
            found += len(answer.entries)
            cookie = list(wire.elements(next(wire.elements(answer.controls[PAGED] or b""))[1]))[1][1]
            if page == 0:
                changed = mine.ask(wire.modify(name, [(wire.REPLACE, "userPassword", [NEW.encode()])]))
                assert changed.code == 0, changed
    assert found == 6
