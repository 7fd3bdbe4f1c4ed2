"""Whatever the settings of a node say, its administrator can still come in and correct them."""

from __future__ import annotations

import pytest

from node import Node
from reference import wire
from serving import add_user, change_settings, connect, log_text, root_dse, signed_in

START_TLS = "1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"


@pytest.mark.parametrize(
    "settings",
    [
        {"lwMaxConnections": 0},
        {"lwMaxConnections": -5, "lwMaxPDU": -1, "lwMaxOutstanding": -1, "lwIdleTimeout": 0},
        {"lwMaxPDU": 1, "lwMaxOutstanding": 0},
        {"lwTimeLimit": 10**400, "lwIdleTimeout": 10**400, "lwSizeLimit": 10**400},
    ],
    ids=["no connections", "negative", "tiny", "beyond all bounds"],
)
def test_settings_that_make_no_sense_can_be_corrected(node: Node, settings: dict[str, object]) -> None:
    change_settings(node, **settings)
    change_settings(node, lwMaxConnections=100, lwMaxPDU=1_000_000, lwMaxOutstanding=10, lwIdleTimeout=60)
    name = add_user(node, "someone")
    with signed_in(node, name) as connection:
        assert root_dse(connection).code == 0
    assert "Traceback" not in log_text(node)


@pytest.mark.parametrize(("memory", "passes"), [(0, -1), (-(10**400), 0), (9, 10**400)])
def test_hashing_costs_out_of_bounds_keep_no_node_from_starting(node: Node, memory: int, passes: int) -> None:
    change_settings(node, lwHashingMemory=memory, lwHashingPasses=passes)
    node.stop()
    node.start()
    add_user(node, "someone")


def test_a_refused_start_tls_leaves_the_session_usable(shared_node: Node) -> None:
    with connect(shared_node, timeout=5) as connection:
        refused = connection.ask(wire.extended(START_TLS), controls=[wire.control("1.2.3.4", critical=True)])
        assert refused.code == 12
        assert connection.ask(wire.extended(START_TLS, b"value")).code == 2
        assert connection.ask(wire.extended(WHO_AM_I)).code == 0


def test_a_client_that_leaves_during_its_write_troubles_nobody(node: Node) -> None:
    for number in range(5):
        connection = node.local_administrator()
        values = [("objectClass", [b"organizationalUnit"]), ("ou", [b"u%d" % number])]
        connection.send(wire.add(f"ou=u{number},{node.suffix}", values))
        connection.close()
    with node.local_administrator() as connection:
        for number in range(5):
            connection.ask(wire.search(f"ou=u{number},{node.suffix}"))
    assert "Traceback" not in log_text(node)
