"""Transactions (RFC 5805) against a whole node: all or nothing, bounded, and gone with their connection."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

import pytest

from node import Node, run_lightwave
from reference import wire
from serving import PASSWORD, add_user, connect_tls, person, signed_in, unit

START, SPECIFICATION, END = "1.3.6.1.1.21.1", "1.3.6.1.1.21.2", "1.3.6.1.1.21.3"
ABORTED = b"1.3.6.1.1.21.4"
PRE_READ, POST_READ, ASSERTION = "1.3.6.1.1.13.1", "1.3.6.1.1.13.2", "1.3.6.1.1.12"
TREE_DELETE = "1.2.840.113556.1.4.805"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"
SUCCESS, OPERATIONS, PROTOCOL, TIME, ADMIN, UNAVAILABLE, STRONGER = 0, 1, 2, 3, 11, 12, 8
NO_SUCH_OBJECT, BUSY, UNWILLING, EXISTS, ASSERTION_FAILED = 32, 51, 53, 68, 122


def start(connection: wire.Connection) -> bytes:
    answer = connection.ask(wire.extended(START))
    assert answer.code == SUCCESS, answer
    assert answer.extended_name is None
    assert answer.extended_value
    return answer.extended_value


def within(identifier: bytes) -> bytes:
    return wire.control(SPECIFICATION, True, identifier)


def end(connection: wire.Connection, identifier: bytes, *, commit: bool = True) -> wire.Answer:
    parts = [wire.text(identifier)] if commit else [b"\x01\x01\x00", wire.text(identifier)]
    return connection.ask(wire.extended(END, wire.sequence(*parts)))


def failed_update(answer: wire.Answer) -> int:
    """The message id in the response of an end that failed."""
    assert answer.extended_value is not None
    ((_, content),) = wire.elements(answer.extended_value)
    (tag, number), *_ = wire.elements(content)
    assert tag == 0x02
    return int.from_bytes(number, "big")


def exists(connection: wire.Connection, name: str) -> bool:
    return connection.ask(wire.search(name, wire.BASE)).code == SUCCESS


def add(name: str) -> bytes:
    return wire.add(name, unit(name.partition(",")[0][3:]))


def run(
    connection: wire.Connection, updates: Sequence[bytes], *, commit: bool = True
) -> tuple[wire.Answer, list[int]]:
    """A whole transaction: what its end is answered, and the message ids of the updates."""
    identifier = start(connection)
    numbers = []
    for update in updates:
        number = connection.send(update, [within(identifier)])
        message_id, _, content, _ = connection.receive()
        assert message_id == number
        assert wire.decode_result(0, content).code == SUCCESS
        numbers.append(number)
    return end(connection, identifier, commit=commit), numbers


def test_all_updates_at_once(shared_node: Node) -> None:
    base = f"ou=together,{shared_node.suffix}"
    with shared_node.local_administrator() as connection, shared_node.local_administrator() as other:
        identifier = start(connection)
        updates = [
            add(base),
            add(f"ou=child,{base}"),
            wire.modify(base, [(wire.REPLACE, "description", [b"one"])]),
            wire.modify_dn(f"ou=child,{base}", "ou=grown", True),
            wire.delete(f"ou=grown,{base}"),
            add(f"ou=last,{base}"),
        ]
        for update in updates:
            assert connection.ask(update, [within(identifier)]).code == SUCCESS
            assert not exists(other, base)
        answer = end(connection, identifier)
        assert (answer.code, answer.extended_name, answer.extended_value) == (SUCCESS, None, None)
        found = other.ask(wire.search(base, attributes=["description"]))
        assert [name.decode() for name, _ in found.entries] == [base, f"ou=last,{base}"]
        assert found.entries[0][1] == {"description": [b"one"]}
        assert end(connection, identifier).code == UNWILLING  # it is over


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_failure_undoes_all(shared_node: Node, position: int) -> None:
    base = f"ou=failing,{shared_node.suffix}"
    updates = [add(base), add(f"ou=child,{base}")]
    updates.insert(position, wire.delete(f"ou=nobody,{shared_node.suffix}"))
    with shared_node.local_administrator() as connection:
        answer, numbers = run(connection, updates)
        assert answer.code == NO_SUCH_OBJECT
        assert answer.matched.decode() == shared_node.suffix
        assert failed_update(answer) == numbers[position]
        assert not exists(connection, base)
        assert connection.ask(add(base)).code == SUCCESS  # nothing is held
        assert connection.ask(wire.delete(base)).code == SUCCESS


def test_abort(shared_node: Node) -> None:
    base = f"ou=aborted,{shared_node.suffix}"
    with shared_node.local_administrator() as connection:
        answer, _ = run(connection, [add(base)], commit=False)
        assert (answer.code, answer.extended_value) == (SUCCESS, None)
        assert not exists(connection, base)
        answer, _ = run(connection, [])
        assert answer.code == SUCCESS


def test_controls_of_updates(shared_node: Node) -> None:
    """RFC 5805 §4.1, §4.5: assertions are asked within, entries that are read come with the end."""
    base = f"ou=controlled,{shared_node.suffix}"
    description = wire.sequence(wire.text("description"))
    read = [wire.control(oid, True, description) for oid in (PRE_READ, POST_READ)]
    change = wire.modify(base, [(wire.REPLACE, "description", [b"new"])])
    with shared_node.local_administrator() as connection:
        assert connection.ask(add(base)).code == SUCCESS
        identifier = start(connection)
        assert connection.ask(change, [within(identifier), *read]).code == SUCCESS
        number = connection.send(change, [within(identifier), read[0]])
        connection.receive()
        answer = end(connection, identifier)
        assert answer.code == SUCCESS
        assert answer.extended_value is not None
        ((_, content),) = wire.elements(answer.extended_value)
        ((tag, updates),) = wire.elements(content)
        assert tag == 0x30
        found = []
        for _, one in wire.elements(updates):
            (_, message_id), (controls_tag, controls) = wire.elements(one)
            assert controls_tag == 0xA0
            for _, control in wire.elements(controls):
                (_, oid), (_, value) = wire.elements(control)
                ((entry_tag, entry),) = wire.elements(value)
                assert entry_tag == 0x64
                found.append((int.from_bytes(message_id, "big"), oid.decode(), wire.decode_entry(entry)[1]))
        new = {"description": [b"new"]}
        assert found == [(number - 1, PRE_READ, {}), (number - 1, POST_READ, new), (number, PRE_READ, new)]
        for text, code in ((b"new", SUCCESS), (b"other", ASSERTION_FAILED)):
            asserted = wire.control(ASSERTION, True, wire.filter_bytes(("equal", "description", text)))
            identifier = start(connection)
            assert connection.ask(change, [within(identifier), asserted]).code == SUCCESS
            assert end(connection, identifier).code == code
        assert connection.ask(wire.delete(base)).code == SUCCESS


def test_passwords_in_a_transaction(shared_node: Node) -> None:
    """They are hashed before; Password Modify goes with it, and one's own keeps the connection."""
    name = add_user(shared_node, "txn")
    second = f"uid=txn2,{shared_node.suffix}"
    new = "Newer 4 people"
    with shared_node.local_administrator() as connection:
        adding = wire.add(second, [*person("txn2"), ("userPassword", [PASSWORD.encode()])])
        setting = wire.extended(PASSWORD_MODIFY, wire.sequence(wire.text(name, 0x80), wire.text(new, 0x82)))
        answer, _ = run(connection, [adding, setting])
        assert answer.code == SUCCESS
    with signed_in(shared_node, second):
        pass
    with signed_in(shared_node, name, new) as connection:
        newest = "Newest 4 people"
        back = wire.sequence(wire.text(new, 0x81), wire.text(newest, 0x82))
        again = wire.sequence(wire.text(newest, 0x81), wire.text("Other than those", 0x82))
        wrong = wire.sequence(wire.text("wrong", 0x81), wire.text("x", 0x82))
        answer, numbers = run(
            connection, [wire.extended(PASSWORD_MODIFY, back), wire.extended(PASSWORD_MODIFY, wrong)]
        )
        assert (answer.code, failed_update(answer)) == (UNWILLING, numbers[1])
        answer, _ = run(connection, [wire.extended(PASSWORD_MODIFY, back)])
        assert answer.code == SUCCESS
        assert connection.ask(wire.extended(PASSWORD_MODIFY, again)).code == SUCCESS
        assert exists(connection, name)


def test_what_is_refused(shared_node: Node) -> None:
    base = f"ou=refused,{shared_node.suffix}"
    with shared_node.local_administrator() as connection:
        identifier = start(connection)
        assert connection.ask(wire.extended(START)).code == BUSY  # RFC 5805 §3.5: they don't nest
        assert connection.ask(add(base), [within(bytes(16))]).code == UNWILLING
        assert connection.ask(add(base), [within(b"")]).code == PROTOCOL
        not_critical = wire.control(SPECIFICATION, False, identifier)
        assert connection.ask(add(base), [not_critical]).code == PROTOCOL
        assert connection.ask(wire.search(base), [within(identifier)]).code == UNAVAILABLE
        assert (
            connection.ask(wire.extended("1.3.6.1.4.1.4203.1.11.3"), [within(identifier)]).code == UNAVAILABLE
        )
        for code in (SUCCESS, PROTOCOL):  # §3.3: each update has a message id of its own
            connection.socket.sendall(wire.message(500, add(base), [within(identifier)]))
            assert wire.decode_result(0, connection.receive()[2]).code == code
        assert end(connection, bytes(16)).code == UNWILLING
        assert end(connection, identifier, commit=False).code == SUCCESS
        assert connection.ask(add(base), [within(identifier)]).code == UNWILLING
        assert not exists(connection, base)
    with connect_tls(shared_node) as connection:
        assert connection.ask(wire.extended(START)).code == STRONGER


def test_bind_aborts_and_starttls_waits(shared_node: Node) -> None:
    """RFC 5805 §3.5"""
    base = f"ou=bound,{shared_node.suffix}"
    with signed_in(shared_node, shared_node.administrator, shared_node.password) as connection:
        identifier = start(connection)
        assert connection.ask(add(base), [within(identifier)]).code == SUCCESS
        assert connection.ask(wire.bind(shared_node.administrator, shared_node.password)).code == SUCCESS
        assert end(connection, identifier).code == UNWILLING
        start(connection)  # there is none any more
        assert connection.ask(wire.extended("1.3.6.1.4.1.1466.20037")).code == OPERATIONS
    with shared_node.local_administrator() as connection:
        assert not exists(connection, base)


def test_a_lost_connection_aborts(shared_node: Node) -> None:
    base = f"ou=lost,{shared_node.suffix}"
    for unbind in (True, False):
        with shared_node.local_administrator() as connection:
            identifier = start(connection)
            assert connection.ask(add(base), [within(identifier)]).code == SUCCESS
            if unbind:
                connection.send(wire.UNBIND)
    with shared_node.local_administrator() as connection:
        assert not exists(connection, base)


def receive_notice(connection: wire.Connection, identifier: bytes) -> int:
    """The result code of the Aborted Transaction Notice (§2.4), which is the next message."""
    message_id, tag, content, _ = connection.receive()
    assert (message_id, tag) == (0, 0x78)
    notice = wire.decode_result(tag, content)
    assert (notice.extended_name, notice.extended_value) == (ABORTED, identifier)
    return notice.code


def test_too_many_updates(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        identifier = start(connection)
        codes = set()
        for number in range(500):
            update = add(f"ou=u{number},{shared_node.suffix}")
            codes.add(connection.ask(update, [within(identifier)]).code)
        assert codes == {SUCCESS}
        number = connection.send(add(f"ou=more,{shared_node.suffix}"), [within(identifier)])
        message_id, _, content, _ = connection.receive()
        assert (message_id, wire.decode_result(0, content).code) == (number, ADMIN)
        assert receive_notice(connection, identifier) == ADMIN
        assert end(connection, identifier).code == UNWILLING
        assert not exists(connection, f"ou=u0,{shared_node.suffix}")


def test_too_large_updates(shared_node: Node) -> None:
    with shared_node.local_administrator() as connection:
        identifier = start(connection)
        large = wire.modify(shared_node.suffix, [(wire.REPLACE, "description", [b"x" * 1_500_000])])
        codes = []
        for _ in range(3):
            number = connection.send(large, [within(identifier)])
            message_id, _, content, _ = connection.receive()
            assert message_id == number
            codes.append(wire.decode_result(0, content).code)
        assert codes == [SUCCESS, SUCCESS, ADMIN]
        assert receive_notice(connection, identifier) == ADMIN


def test_killed_in_the_midst(node: Node) -> None:
    """kill -9 at random moments: of each transaction all is there or nothing, and all that was acknowledged."""
    chance = random.Random(5)
    size = 8
    acknowledged: list[int] = []
    turn = 0

    def write(connection: wire.Connection) -> None:
        nonlocal turn
        try:
            while True:
                turn += 1
                names = [f"ou=t{turn}-{n},{node.suffix}" for n in range(size)]
                answer, _ = run(connection, [add(name) for name in names])
                assert answer.code == SUCCESS
                acknowledged.append(turn)
        except (wire.ServerClosed, OSError):
            pass

    for _ in range(6):
        with node.local_administrator() as connection:
            writer = threading.Thread(target=write, args=(connection,))
            writer.start()
            time.sleep(chance.uniform(0.05, 0.2))
            node.kill()
            writer.join(20)
        run_lightwave(["check", "--data", node.folder])
        node.start()
    with node.local_administrator() as connection:
        found = connection.ask(
            wire.search(node.suffix, wire.ONE, ("substrings", "ou", b"t", [], None), ["1.1"])
        )
    counts: dict[int, int] = {}
    for name, _ in found.entries:
        number = int(name.partition(b"-")[0][4:])
        counts[number] = counts.get(number, 0) + 1
    assert set(counts.values()) == {size}
    assert set(acknowledged) <= set(counts)
