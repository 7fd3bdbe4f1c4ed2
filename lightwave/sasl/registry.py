"""Which mechanisms are offered on which channel; what the root DSE lists and what a bind may name are
one answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lightwave.sasl import external, plain, scram, srp, srp_math
from lightwave.sasl.channel import Channel
from lightwave.sasl.mechanism import Acceptor

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A registered mechanism: `is_offered` decides per channel, `accept` begins one exchange."""

    name: str
    is_offered: Callable[[Channel], bool]
    accept: Callable[[Channel, Random], Acceptor]


def _srp(profile: srp_math.Profile) -> Mechanism:
    return Mechanism(
        profile.mechanism,
        lambda channel: True,
        lambda channel, random: srp.SrpAcceptor(profile, channel, random),
    )


MECHANISMS: tuple[Mechanism, ...] = (
    Mechanism(
        external.NAME,
        lambda channel: channel.has_external_identity,
        lambda channel, random: external.ExternalAcceptor(),
    ),
    Mechanism(
        scram.NAME_PLUS,
        lambda channel: channel.bindings is not None,
        lambda channel, random: scram.ScramAcceptor(channel, random, bound=True),
    ),
    # Nothing in SRP lets a listener try passwords, and it brings its own protection: it needs no other.
    *map(_srp, srp_math.PROFILES),
    # Whoever listens to SCRAM in the clear can try passwords at home, and take the connection over afterwards.
    Mechanism(
        scram.NAME,
        lambda channel: channel.is_confidential,
        lambda channel, random: scram.ScramAcceptor(channel, random, bound=False),
    ),
    # RFC 4616 §4: not without data confidentiality.
    Mechanism(
        plain.NAME, lambda channel: channel.is_confidential, lambda channel, random: plain.PlainAcceptor()
    ),
)


def offered_mechanisms(channel: Channel) -> tuple[str, ...]:
    """Names for supportedSASLMechanisms, strongest first."""
    return tuple(mechanism.name for mechanism in MECHANISMS if mechanism.is_offered(channel))


def maybe_acceptor(name: str, channel: Channel, random: Random) -> Acceptor | None:
    """A new acceptor, or None when there is no such mechanism on this channel (authMethodNotSupported).

    Names are upper-case by definition (RFC 4422 §3.1); other spellings are not names.
    """
    for mechanism in MECHANISMS:
        if mechanism.name == name:
            return mechanism.accept(channel, random) if mechanism.is_offered(channel) else None
    return None
