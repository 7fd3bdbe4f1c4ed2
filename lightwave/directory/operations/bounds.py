"""Limits on what one write may bring, checked on the decoded request before any work is done for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lightwave.directory.ldap.messages import AddRequest, ModifyRequest
from lightwave.directory.ldap.result import DirectoryError, ResultCode
from lightwave.directory.operations.context import Limits


def check_add_request(request: AddRequest, limits: Limits) -> None:
    """Raises DirectoryError adminLimitExceeded when the new entry would pass a limit."""
    if len(request.attributes) > limits.changes:
        raise _exceeded(f"an entry may have at most {limits.changes} attributes")
    _check_lists(request.attributes, limits)


def check_modify_request(request: ModifyRequest, limits: Limits) -> None:
    """Raises DirectoryError adminLimitExceeded when the changes alone would pass a limit."""
    if len(request.changes) > limits.changes:
        raise _exceeded(f"a modify may make at most {limits.changes} changes")
    _check_lists(((change.attribute, change.values) for change in request.changes), limits)


def check_values(name: str, values: Sequence[bytes], limits: Limits) -> None:
    """Raises DirectoryError when an attribute, as it would be stored, has too many values."""
    if len(values) > limits.values:
        raise _exceeded(f"{name}: at most {limits.values} values")


def check_entry_size(size: int, limits: Limits) -> None:
    """Raises DirectoryError when an entry, as it would be stored, is too large (`size` in bytes)."""
    if size > limits.entry_size:
        raise _exceeded(f"an entry may hold at most {limits.entry_size} bytes")


def _check_lists(lists: Iterable[tuple[str, Sequence[bytes]]], limits: Limits) -> None:
    total = 0
    for name, values in lists:
        if len(values) > limits.values:
            raise _exceeded(f"{name}: at most {limits.values} values")
        for value in values:
            size = len(value)
            if size > limits.value_size:
                raise _exceeded(f"{name}: a value may have at most {limits.value_size} bytes")
            total += size
    if total > limits.entry_size:
        raise _exceeded(f"an entry may hold at most {limits.entry_size} bytes")


def _exceeded(message: str) -> DirectoryError:
    return DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, message)
