"""What an import makes of accounts and groups that another server had."""

from __future__ import annotations

import pytest

from lightwave.directory.operations.account_control import imported_control

NORMAL, WORKSTATION, SERVER, DISABLED = 0x200, 0x1000, 0x2000, 0x2


@pytest.mark.parametrize(
    ("value", "is_computer", "kept"),
    [
        (0x10200, False, 0x10200),
        (0x280, False, NORMAL),
        (0x202, False, NORMAL | DISABLED),
        (0x820, False, NORMAL | DISABLED | 0x20),
        (0x82000, True, SERVER | 0x80000),
        (0x82000, False, NORMAL | 0x80000),
        (WORKSTATION | NORMAL, True, WORKSTATION),
        (0, True, WORKSTATION),
        (-2147483648, False, NORMAL),
        (0x800210, False, NORMAL),
    ],
)
def test_bits_that_mean_nothing_here_go(value: int, is_computer: bool, kept: int) -> None:
    assert imported_control(str(value).encode(), is_computer=is_computer) == kept
