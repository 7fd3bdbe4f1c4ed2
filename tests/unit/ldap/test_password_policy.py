"""The response control of draft-behera-ldap-password-policy."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightwave.directory.ldap.password_policy import (
    PasswordFault,
    PasswordPolicyResponse,
    decode_password_policy,
    encode_password_policy,
)
from lightwave.wire.ber import BerError

NUMBERS = st.integers(0, 2**31 - 1)
FAULTS = st.none() | st.sampled_from(PasswordFault)


@given(
    st.builds(PasswordPolicyResponse, NUMBERS, st.none(), FAULTS)
    | st.builds(PasswordPolicyResponse, st.none(), st.none() | NUMBERS, FAULTS)
)
def test_decode_is_the_reverse_of_encode(response: PasswordPolicyResponse) -> None:
    control = encode_password_policy(response)
    assert not control.critical
    assert decode_password_policy(control.value) == response


@pytest.mark.parametrize(
    ("response", "octets"),
    [  # by hand, from the definition
        (PasswordPolicyResponse(), "3000"),
        (PasswordPolicyResponse(fault=PasswordFault.CHANGE_AFTER_RESET), "3003810102"),
        (PasswordPolicyResponse(expires_in=500), "3006a004800201f4"),
        (PasswordPolicyResponse(grace_left=3), "3005a003810103"),
    ],
)
def test_the_octets(response: PasswordPolicyResponse, octets: str) -> None:
    value = encode_password_policy(response).value
    assert value is not None
    assert value.hex() == octets


@given(st.binary(max_size=24))
def test_only_ber_errors_come_out_of_garbage(data: bytes) -> None:
    with suppress(BerError):
        decode_password_policy(data)


def test_more_than_the_definition_allows_is_refused() -> None:
    for octets in ("", "3000ff", "3003810109", "300381010200", "3005a003820103"):
        with pytest.raises(BerError):
            decode_password_policy(bytes.fromhex(octets))
    with pytest.raises(BerError):
        decode_password_policy(None)
