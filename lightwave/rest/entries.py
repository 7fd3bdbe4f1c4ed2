"""Between JSON and the directory's requests and entries."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from lightwave.directory.ldap.client_messages import (
    SearchEntry,
    SearchReference,
    decode_response,
)
from lightwave.directory.ldap.requests import AddRequest, Modification, ModifyKind, ModifyRequest
from lightwave.rest import models
from lightwave.web.problems import Problem

_KINDS = {
    "add": ModifyKind.ADD,
    "delete": ModifyKind.DELETE,
    "replace": ModifyKind.REPLACE,
    "increment": ModifyKind.INCREMENT,
}
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))
"""characters that make a value no text: tabulators and ends of lines are left"""


def add_request(entry: models.Entry) -> AddRequest:
    """The request that adds an entry; raises Problem for values that are no base64."""
    attributes = tuple((one.type, _values(one)) for one in entry.attributes)
    return AddRequest(entry.dn.encode(), attributes)


def modify_request(dn: str, modifications: models.Modifications) -> ModifyRequest:
    """The request that makes changes; raises Problem for values that are no base64."""
    changes = tuple(
        Modification(_KINDS[one.operation], one.attribute.type, _values(one.attribute))
        for one in modifications.root
    )
    return ModifyRequest(dn.encode(), changes)


def _values(attribute: models.Attribute) -> tuple[bytes, ...]:
    if attribute.encoding is None:
        return tuple(value.encode() for value in attribute.value)
    try:
        return tuple(base64.b64decode(value.encode("ascii"), validate=True) for value in attribute.value)
    except (binascii.Error, UnicodeEncodeError):
        raise Problem(422, "a value is not base64, though its attribute says so") from None


def decoded(message: bytes) -> dict[str, Any] | list[str]:
    """An encoded SearchResultEntry as the JSON of an entry, a reference as its URLs."""
    response = decode_response(message).response
    if isinstance(response, SearchReference):
        return [url.decode("utf-8", "replace") for url in response.urls]
    assert isinstance(response, SearchEntry)
    return {
        "dn": response.dn.decode("utf-8", "replace"),
        "attributes": [_attribute(name, values) for name, values in response.attributes],
    }


def _attribute(name: str, values: tuple[bytes, ...]) -> dict[str, Any]:
    try:
        texts = [value.decode("utf-8") for value in values]
    except UnicodeDecodeError:
        texts = None
    if texts is None or any(text.translate(_CONTROLS) != text for text in texts):
        encoded = [base64.b64encode(value).decode("ascii") for value in values]
        return {"type": name, "value": encoded, "encoding": "base64"}
    return {"type": name, "value": texts}
