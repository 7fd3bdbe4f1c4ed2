"""The authority that promote makes, verified by OpenSSL, and what a client's certificate has to be."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from lightwave.pki.authority import (
    CertifiedKey,
    create_issuing,
    create_node,
    create_root,
    issue_client,
    pem_chain,
    serial_number,
    subject_dn,
    subject_of,
)
from lightwave.pki.verification import UntrustedCertificate, verify_client_certificate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def root() -> CertifiedKey:
    return create_root("lightwave.local", serial=serial_number(b"\1" * 16), now=NOW)


@pytest.fixture(scope="module")
def issuing(root: CertifiedKey) -> CertifiedKey:
    return create_issuing(root, "lightwave.local", serial=serial_number(b"\2" * 16), now=NOW)


@pytest.fixture(scope="module")
def node(issuing: CertifiedKey) -> CertifiedKey:
    return create_node(
        issuing, "ldap.lightwave.local", serial=serial_number(b"\xff" * 16), now=NOW, extra_names=["10.1.2.3"]
    )


def client(issuing: CertifiedKey, dn: str, lifetime: timedelta = timedelta(days=10)) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue_client(
        issuing, subject_of(dn), key.public_key(), serial=77, now=NOW, lifetime=lifetime
    )
    return certificate.public_bytes(Encoding.DER)


@pytest.fixture
def folder(root: CertifiedKey, issuing: CertifiedKey, node: CertifiedKey, tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_bytes(root.certificate_pem)
    (tmp_path / "issuing.pem").write_bytes(issuing.certificate_pem)
    (tmp_path / "node.pem").write_bytes(pem_chain(node.certificate, issuing.certificate))
    (tmp_path / "node.key").write_bytes(node.key_pem)
    return tmp_path


def openssl(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *arguments], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(
    "check",
    [
        ("-verify_hostname", "ldap.lightwave.local", "-purpose", "sslserver"),
        ("-verify_hostname", "localhost", "-purpose", "sslserver"),
        ("-verify_ip", "127.0.0.1", "-purpose", "sslserver"),
        ("-verify_ip", "::1", "-purpose", "sslserver"),
        ("-verify_ip", "10.1.2.3", "-purpose", "sslserver"),
        ("-purpose", "sslclient"),
    ],
)
def test_openssl_accepts_the_node(folder: Path, check: tuple[str, ...]) -> None:
    at = str(int(NOW.timestamp()))
    result = openssl(
        "verify", "-x509_strict", "-attime", at, "-CAfile", "ca.pem", "-untrusted", "issuing.pem",
        *check, "node.pem", cwd=folder,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_refuses_another_host(folder: Path) -> None:
    at = str(int(NOW.timestamp()))
    result = openssl(
        "verify", "-attime", at, "-CAfile", "ca.pem", "-untrusted", "issuing.pem",
        "-verify_hostname", "other.example", "node.pem", cwd=folder,
    )  # fmt: skip
    assert result.returncode != 0


def test_the_node_has_its_profile(node: CertifiedKey) -> None:
    extensions = node.certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment
    assert not usage.value.key_cert_sign
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["ldap.lightwave.local", "localhost"]
    assert node.certificate.serial_number == int.from_bytes(b"\xff" * 16, "big")
    assert b"BEGIN PRIVATE KEY" in node.key_pem
    assert "key=" not in repr(node)


def test_names_of_the_authorities(root: CertifiedKey, issuing: CertifiedKey) -> None:
    assert subject_dn(root.certificate) == b"CN=lightwave.local Root CA,O=lightwave.local"
    assert subject_dn(issuing.certificate) == b"CN=lightwave.local CA,O=lightwave.local"


def test_nothing_outlives_its_issuer(root: CertifiedKey) -> None:
    late = root.certificate.not_valid_after_utc - timedelta(days=30)
    issuing = create_issuing(root, "lightwave.local", serial=5, now=late)
    assert issuing.certificate.not_valid_after_utc <= root.certificate.not_valid_after_utc
    certificate = x509.load_der_x509_certificate(client(issuing, "cn=a", timedelta(days=9_999)))
    assert certificate.not_valid_after_utc <= issuing.certificate.not_valid_after_utc


def test_a_long_host_name_stands_in_the_alternative_names(issuing: CertifiedKey) -> None:
    hostname = ".".join(["x" * 30] * 4)
    long = create_node(issuing, hostname, serial=9, now=NOW)
    names = long.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hostname in names.get_values_for_type(x509.DNSName)


def test_a_serial_number_needs_its_bytes() -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        serial_number(b"1")


def test_a_client_is_verified(issuing: CertifiedKey) -> None:
    der = client(issuing, "uid=ann,ou=People,dc=lightwave,dc=local")
    certificate = verify_client_certificate(der, [issuing.certificate], NOW)
    assert subject_dn(certificate).lower() == b"uid=ann,ou=people,dc=lightwave,dc=local"


def test_what_is_not_a_trusted_client(issuing: CertifiedKey, root: CertifiedKey, node: CertifiedKey) -> None:
    stranger_root = create_root("lightwave.local", serial=1, now=NOW)
    stranger = create_issuing(stranger_root, "lightwave.local", serial=2, now=NOW)
    good = client(issuing, "cn=a")
    trusted = [issuing.certificate, root.certificate]
    cases = {
        "no trusted authority signed it": (client(stranger, "cn=a"), NOW),
        "the certificate is not valid": (good, NOW + timedelta(days=11)),
        "it is an authority's": (issuing.certificate.public_bytes(Encoding.DER), NOW),
        "not a certificate": (b"\x30\x03\x02\x01\x01", NOW),
        "too long": (good + b"\0" * 70_000, NOW),
    }
    for reason, (der, now) in cases.items():
        with pytest.raises(UntrustedCertificate, match=reason):
            verify_client_certificate(der, trusted, now)
    with pytest.raises(UntrustedCertificate, match="its issuer"):
        verify_client_certificate(good, trusted, issuing.certificate.not_valid_after_utc + timedelta(days=1))
    # A node's certificate is a client's too.
    verify_client_certificate(node.certificate.public_bytes(Encoding.DER), trusted, NOW)


def test_a_server_certificate_is_no_client(issuing: CertifiedKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject_of("cn=a"))
        .issuer_name(issuing.certificate.subject)
        .public_key(key.public_key())
        .serial_number(3)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(issuing.key, hashes.SHA256())
    )
    with pytest.raises(UntrustedCertificate, match="not for authentication of clients"):
        verify_client_certificate(certificate.public_bytes(Encoding.DER), [issuing.certificate], NOW)
