"""Each rule for passwords by itself, and what those are told whose password breaks it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightwave.directory.ldap.password_policy import PasswordFault
from lightwave.identity.breach_list import BreachListError, is_breached
from lightwave.identity.generated_passwords import generate_password
from lightwave.identity.password_rules import PasswordOwner, PasswordRefused, check_age, check_quality
from lightwave.identity.policy_attributes import DEFAULT, PasswordPolicy, PolicyError, check_policy
from lightwave.identity.strength import strength

NOTHING = PasswordPolicy(
    min_length=0, max_length=1_024, min_strength=0, forbid_names=False, check_breached=False, history=0
)
OWNER = PasswordOwner(("alovelace", "al"), ("Ada King-Noel", "Lovelace"))


def told(password: str, policy: PasswordPolicy, owner: PasswordOwner = OWNER) -> str | None:
    try:
        check_quality(password.encode("utf-8", "surrogateescape"), policy, owner)
    except PasswordRefused as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("policy", "bad", "good", "words"),
    [
        (replace(NOTHING, min_length=5), "Zoë1", "Zoë12", "too short: at least 5"),
        (replace(NOTHING, max_length=5), "Zoë123", "Zoë12", "too long: at most 5"),
        (replace(NOTHING, min_alphabetic=2), "a12345", "ab1234", "too few letters: at least 2"),
        (replace(NOTHING, min_upper=1), "abc", "abC", "capital letters"),
        (replace(NOTHING, min_lower=1), "ABC", "ABc", "small letters"),
        (replace(NOTHING, min_numeric=2), "a1", "a12", "digits"),
        (replace(NOTHING, min_special=1, special_characters="#"), "a!", "a#", "special characters"),
        (replace(NOTHING, min_classes=3), "abcd12", "abcD12", "needs 3 of"),
        (replace(NOTHING, max_identical_adjacent=2), "aaab", "aabaa", "at most 2 times"),
        (replace(NOTHING, forbid_names=True), "xALOVELACEx", "xalx", "a name of its account"),
        (replace(NOTHING, forbid_names=True), "the noel song", "the no el song", "a name of its account"),
        (replace(NOTHING, min_strength=2), "Password1!", "kettle orbit fjord", "easy to guess"),
        (replace(NOTHING, min_strength=3), "alovelace9", "kettle orbit fjord", "easy to guess"),
    ],
)
def test_a_rule_is_named_and_the_password_is_not(
    policy: PasswordPolicy, bad: str, good: str, words: str
) -> None:
    message = told(bad, policy)
    assert message is not None
    assert words in message
    assert bad not in message
    assert told(good, policy) is None
    assert told(bad, replace(policy, enabled=False)) is None


def test_faults_are_those_of_the_control() -> None:
    with pytest.raises(PasswordRefused) as short:
        check_quality(b"x", DEFAULT)
    assert short.value.fault is PasswordFault.PASSWORD_TOO_SHORT
    with pytest.raises(PasswordRefused) as weak:
        check_quality(b"passwordpassword", DEFAULT)
    assert weak.value.fault is PasswordFault.INSUFFICIENT_PASSWORD_QUALITY
    with pytest.raises(PasswordRefused, match="stand for 1 day") as young:
        check_age(3_600, replace(DEFAULT, min_age=86_400))
    assert young.value.fault is PasswordFault.PASSWORD_TOO_YOUNG
    check_age(86_400, replace(DEFAULT, min_age=86_400))


PHRASES = (
    "the heron ate my umbrella",
    "correct horse battery staple",
    "ñandú, 鳥 y más pájaros",
    "xxx" + " lamp " * 40,
)


@pytest.mark.parametrize("phrase", PHRASES)
def test_passphrases_are_welcome(phrase: str) -> None:
    assert told(phrase, DEFAULT, PasswordOwner()) is None


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_no_exception_holds_the_password(text: str) -> None:
    """Whatever the rule, and whatever is in the password."""
    password = "canary" + text
    policy = replace(
        NOTHING, min_length=12, max_length=40, min_upper=1, min_classes=3, max_identical_adjacent=2
    )
    error = None
    try:
        check_quality(password.encode("utf-8", "surrogatepass"), policy, OWNER)
    except PasswordRefused as refused:
        error = refused
    assert "canary" not in repr((error, error and error.args))


def test_the_estimate_is_bounded() -> None:
    """The same symbols cost zxcvbn eight seconds when it tries all their readings."""
    strength("warm")
    began = time.process_time()
    assert strength("4@8({[<369!1|0$5+7%2" * 40) == 4
    assert time.process_time() - began < 2


def test_the_estimate_knows_the_account() -> None:
    assert strength("brunhilde42") > strength("brunhilde42", ["Brunhilde"])


@pytest.mark.parametrize("crlf", [b"\n", b"\r\n"])
@pytest.mark.parametrize("counts", [b"", b":7"])
def test_a_list_of_digests(tmp_path: Path, crlf: bytes, counts: bytes) -> None:
    words = [b"word%d" % number for number in range(500)]
    digests = sorted(hashlib.sha1(word).hexdigest().upper().encode() for word in words)
    path = tmp_path / "list"
    path.write_bytes(crlf.join(digest + counts for digest in digests) + crlf)
    assert all(is_breached(str(path), word) for word in words)
    assert is_breached(str(path), b"WORD7")
    assert not any(is_breached(str(path), b"other%d" % number) for number in range(500))


LINES = st.binary(min_size=1, max_size=12).filter(lambda word: not {10, 13} & set(word))


@settings(max_examples=30)
@given(st.sets(LINES, min_size=1), st.binary(max_size=4))
def test_a_list_of_words(tmp_path_factory: pytest.TempPathFactory, words: set[bytes], other: bytes) -> None:
    """What is in the file is found, what isn't is not."""
    path = tmp_path_factory.mktemp("words") / "list"
    path.write_bytes(b"".join(word + b"\n" for word in sorted(words)))
    for word in words:
        assert is_breached(str(path), word)
    lowered = other.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape")
    if not {10, 13} & set(other):
        assert is_breached(str(path), other) == (not words.isdisjoint({other, lowered}))


def test_a_list_that_cannot_be_asked_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "list"
    with pytest.raises(BreachListError, match="can't be read"):
        is_breached(str(path), b"x")
    path.write_bytes(b"")
    with pytest.raises(BreachListError, match="is empty"):
        is_breached(str(path), b"x")
    path.write_bytes(b"".join(b"%d\n" % number for number in range(99, 0, -1)))
    with pytest.raises(BreachListError, match="not sorted"):
        is_breached(str(path), b"50")
    path.write_bytes(b"a\n" + b"x" * 5_000 + b"\n")
    with pytest.raises(BreachListError, match="too long"):
        is_breached(str(path), b"b")
    with pytest.raises(BreachListError):
        is_breached(str(tmp_path), b"x")


POLICIES = st.builds(
    PasswordPolicy,
    min_length=st.integers(0, 60),
    max_length=st.integers(12, 100),
    min_alphabetic=st.integers(0, 10),
    min_upper=st.integers(0, 5),
    min_lower=st.integers(0, 5),
    min_numeric=st.integers(0, 5),
    min_special=st.integers(0, 5),
    min_classes=st.integers(0, 4),
    max_identical_adjacent=st.integers(0, 3),
    min_strength=st.just(0),
)


@settings(max_examples=50)
@given(POLICIES, st.randoms(use_true_random=False))
def test_what_is_made_meets_the_policy(policy: PasswordPolicy, random: object) -> None:
    """Whatever policy can be written, or it is said that none can be made."""
    try:
        check_policy(policy)
    except PolicyError:
        return
    made = generate_password(random.randbytes, policy)  # type: ignore[attr-defined]
    check_quality(made, policy)
    assert len(made) == min(max(20, policy.min_length), policy.max_length)
