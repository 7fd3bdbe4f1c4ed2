"""App passwords on a serving node: over REST, on the command line, and as programs use them."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from commands import answer, invoke
from http_client import ask, http_connection
from node import Node
from reference import wire
from serving import PASSWORD, add_user, connect_tls, signed_in, trust

PATH = "/v1/app-passwords"


@pytest.fixture(scope="module")
def ada(shared_node: Node) -> Iterator[str]:
    name = add_user(shared_node, "adaprog")
    yield name
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(name)).code == 0


def command(node: Node, *arguments: str, code: int = 0) -> str:
    result = invoke("app-password", *arguments, "--data", node.folder)
    assert result.exit_code == code, (arguments, result.output, result.exception)
    assert "Traceback" not in result.output
    return result.output


@contextmanager
def calling(node: Node, login: str, password: str) -> Iterator[Any]:
    """Asks over HTTPS as somebody; (status, JSON)."""
    connection = http.client.HTTPSConnection(
        "localhost", 443 + node.port_offset, context=trust(node), timeout=20
    )
    header = {"Authorization": "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()}

    def call(method: str, path: str, content: str | None = None) -> tuple[int, str]:
        sent = {**header, "Content-Type": "application/json"} if content is not None else header
        connection.request(method, path, content, sent)
        response = connection.getresponse()
        return response.status, response.read().decode()

    try:
        yield call
    finally:
        connection.close()


def test_from_the_command_line_to_a_program_and_back(shared_node: Node, ada: str) -> None:
    assert "no app passwords" in command(shared_node, "list", "--user", "adaprog")
    made = answer("app-password", "create", "Ada's phone", "--user", "adaprog", "--data", shared_node.folder)
    assert made["protocols"] == ["ldap", "http"]
    assert "password" in command(shared_node, "create", "printer", "--for", "ldap", "--user", ada)
    listed = answer("app-password", "list", "--user", "adaprog", "--data", shared_node.folder)
    assert [one["name"] for one in listed] == ["Ada's phone", "printer"]
    assert made["password"] not in str(listed)
    with signed_in(shared_node, ada, made["password"]) as phone, signed_in(shared_node, ada) as herself:
        with calling(shared_node, "adaprog", made["password"]) as call:
            assert call("GET", "/v1/groups")[0] == 200
            assert "is revoked" in command(shared_node, "revoke", "ada's PHONE", "--user", "adaprog")
            assert call("GET", "/v1/groups")[0] == 401
        with pytest.raises(wire.ServerClosed):
            phone.ask(wire.search(ada, wire.BASE))
        assert herself.ask(wire.search(ada, wire.BASE)).code == 0
    with connect_tls(shared_node) as connection:
        assert connection.ask(wire.bind(ada, made["password"])).code == 49
    command(shared_node, "revoke", "Ada's phone", "--user", "adaprog", code=1)
    command(shared_node, "create", "printer", "--user", "adaprog", code=1)
    command(shared_node, "create", "x", "--for", "imap", "--user", "adaprog", code=1)
    command(shared_node, "create", "x", "--user", "nobody at all", code=1)
    command(shared_node, "create", code=2)


def test_ones_own_and_nobody_elses(shared_node: Node, ada: str) -> None:
    other = add_user(shared_node, "otherprog")
    with calling(shared_node, "adaprog", PASSWORD) as call:
        status, text = call("POST", PATH, '{"name": "laptop", "protocols": ["http"]}')
        assert status == 201, text
        assert call("GET", PATH)[0] == 200
        for method, path in (
            ("GET", f"{PATH}?account=otherprog"),
            ("DELETE", f"{PATH}/00?account=otherprog"),
            ("DELETE", f"{PATH}/zz"),
        ):
            assert call(method, path)[0] in (403, 404)
        assert call("POST", f"{PATH}?account=otherprog", '{"name": "mine"}')[0] in (403, 404)
        for bad in (
            "",
            "{}",
            '{"name": ""}',
            '{"name": "x", "protocols": ["imap"]}',
            '{"name": "x", "y": 1}',
        ):
            assert call("POST", PATH, bad)[0] in (400, 422)
    laptop = json.loads(text)
    with calling(shared_node, "adaprog", laptop["password"]) as call:  # what was lost makes no other
        assert call("GET", "/v1/groups")[0] == 200
        assert call("POST", PATH, '{"name": "thief"}')[0] == 403
        assert call("DELETE", f"{PATH}/{laptop['id']}")[0] == 403
        assert call("GET", PATH)[0] == 403
    with shared_node.local_administrator() as connection:
        assert connection.ask(wire.delete(other)).code == 0
    with calling(shared_node, "", "") as call:
        assert call("GET", PATH)[0] == 401
    local = http_connection(shared_node, "local")
    try:
        assert ask(local, "GET", PATH, None, None, None, account="nobody at all").status == 404
    finally:
        local.close()
