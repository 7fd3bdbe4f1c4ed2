"""A certificate authority of two levels: a root, an issuing CA below it, and the certificates that it signs.

Pure but for the generation of keys: times and serial numbers are arguments. The profiles are RFC 5280's,
kept to what GnuTLS, OpenSSL, Java and NSS all accept: ECDSA P-256 for the authorities, RSA-3072 for nodes
(an RSA key that may also encipher serves the oldest clients), SHA-256, and names of servers in
subjectAltName only where they count.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROOT_LIFETIME = timedelta(days=7305)
ISSUING_LIFETIME = timedelta(days=3652)
LEAF_LIFETIME = timedelta(days=825)
"""the longest that every platform accepts from a private authority"""
BACKDATE = timedelta(minutes=10)
"""clients' clocks are not all right"""

_SERIAL_BYTES = 16
_COMMON_NAME_LIMIT = 64  # ub-common-name, RFC 5280 appendix A.1

# RFC 4514 §3's names and a few more that certificates use; type names are ASCII case-insensitive.
_NAME_TYPES = {
    "CN": NameOID.COMMON_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
    "SN": NameOID.SURNAME,
    "GIVENNAME": NameOID.GIVEN_NAME,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "EMAILADDRESS": NameOID.EMAIL_ADDRESS,
}
_NAME_OVERRIDES = {
    spelling: oid for name, oid in _NAME_TYPES.items() for spelling in (name, name.lower())
} | {
    "givenName": NameOID.GIVEN_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 PEM: to be written readable by its owner only."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def serial_number(random_bytes: bytes) -> int:
    """A serial number of 16 random bytes: positive, unpredictable, unique without a counter (RFC 5280
    §4.1.2.2).
    """
    if len(random_bytes) != _SERIAL_BYTES:
        raise ValueError(f"a serial number takes {_SERIAL_BYTES} random bytes")
    return int.from_bytes(random_bytes, "big") or 1


def create_root(domain: str, *, serial: int, now: datetime) -> CertifiedKey:
    """A self-signed root for a domain; its key is needed for the issuing CA and then again in years only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _authority_name(f"{domain} Root CA", domain)
    builder = _builder(name, name, key.public_key(), serial, now, ROOT_LIFETIME)
    builder = _as_authority(builder, key.public_key(), path_length=1)
    return CertifiedKey(builder.sign(key, hashes.SHA256()), key)


def create_issuing(root: CertifiedKey, domain: str, *, serial: int, now: datetime) -> CertifiedKey:
    """The issuing CA `CN=<domain> CA` below `root`."""
    key = ec.generate_private_key(ec.SECP256R1())
    lifetime = min(ISSUING_LIFETIME, root.certificate.not_valid_after_utc - now)
    builder = _builder(
        _authority_name(f"{domain} CA", domain),
        root.certificate.subject,
        key.public_key(),
        serial,
        now,
        lifetime,
    )
    builder = _as_authority(builder, key.public_key(), path_length=0)
    builder = builder.add_extension(_authority_key(root), critical=False)
    return CertifiedKey(builder.sign(root.key, hashes.SHA256()), key)


def create_node(
    issuing: CertifiedKey,
    hostname: str,
    *,
    serial: int,
    now: datetime,
    extra_names: Sequence[str] = (),
) -> CertifiedKey:
    """A node's certificate with a new RSA-3072 key.

    Good as server and as client under `hostname`, `localhost`, both loopback addresses and `extra_names`
    (DNS names or addresses). Raises ValueError for a name that can't be one of a certificate.
    """
    key = rsa.generate_private_key(public_exponent=65_537, key_size=3_072)
    # A host name too long for a CN is in subjectAltName all the same.
    common_name = hostname if len(hostname) <= _COMMON_NAME_LIMIT else "Lightwave node"
    builder = _leaf(
        issuing,
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]),
        key.public_key(),
        serial,
        now,
        (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    )
    names = dict.fromkeys((hostname, "localhost", "127.0.0.1", "::1", *extra_names))
    builder = builder.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
    )
    return CertifiedKey(builder.sign(issuing.key, hashes.SHA256()), key)


def issue_client(
    issuing: CertifiedKey,
    subject: x509.Name,
    public_key: PublicKey,
    *,
    serial: int,
    now: datetime,
    lifetime: timedelta = LEAF_LIFETIME,
) -> x509.Certificate:
    """A client's certificate: SASL EXTERNAL takes its subject for the distinguished name of an entry."""
    builder = _leaf(
        issuing, subject, public_key, serial, now, (ExtendedKeyUsageOID.CLIENT_AUTH,), lifetime=lifetime
    )
    return builder.sign(issuing.key, hashes.SHA256())


def subject_of(dn: str) -> x509.Name:
    """A distinguished name (RFC 4514 text) as an X.509 name; raises ValueError for one that X.509
    can't say.
    """
    return x509.Name.from_rfc4514_string(dn, _NAME_OVERRIDES)


def subject_dn(certificate: x509.Certificate) -> bytes:
    """The subject as RFC 4514 text, b"" for an empty one."""
    return certificate.subject.rfc4514_string().encode("utf-8")


def pem_chain(*certificates: x509.Certificate) -> bytes:
    """Certificates as PEM one after the other, as TLS servers read them: the leaf first."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def _authority_name(common_name: str, domain: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, domain[:_COMMON_NAME_LIMIT]),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[-_COMMON_NAME_LIMIT:]),
        ]
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    serial: int,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _as_authority(
    builder: x509.CertificateBuilder, public_key: PublicKey, path_length: int
) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(_key_usage(key_cert_sign=True, crl_sign=True, digital_signature=True), critical=True)


def _leaf(
    issuing: CertifiedKey,
    subject: x509.Name,
    public_key: PublicKey,
    serial: int,
    now: datetime,
    purposes: Sequence[x509.ObjectIdentifier],
    lifetime: timedelta = LEAF_LIFETIME,
) -> x509.CertificateBuilder:
    lifetime = min(lifetime, issuing.certificate.not_valid_after_utc - now)
    usage = _key_usage(digital_signature=True, key_encipherment=isinstance(public_key, rsa.RSAPublicKey))
    return (
        _builder(subject, issuing.certificate.subject, public_key, serial, now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(_authority_key(issuing), critical=False)
    )


def _authority_key(issuer: CertifiedKey) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
