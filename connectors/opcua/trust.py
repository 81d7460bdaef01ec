"""Certificates: our own, and which servers' are trusted. Nothing is trusted because it came.

The trust folder holds `trusted/` (certificates of servers, or of the authorities that issue them; DER or PEM) and
`rejected/`, into which an unknown one is written: who trusts it moves it over.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from asyncua.crypto import cert_gen
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from connectors.errors import Untrusted

SUFFIXES = (".der", ".pem", ".crt", ".cer")
MOST_REJECTED = 100  # files, so that nobody fills the disk with certificates


def check_trust(der: bytes | None, folder: Path) -> bytes:
    """The server's certificate (DER, without its chain) when it is trusted and valid now, else `Untrusted`."""
    if not der:
        raise Untrusted("the server shows no certificate")
    try:
        certificate = x509.load_der_x509_certificate(_first(der))
    except ValueError as error:
        raise Untrusted(f"the server's certificate cannot be read: {error}") from error
    mark = certificate.fingerprint(SHA256()).hex()
    name = certificate.subject.rfc4514_string()
    if not any(_vouches(known, certificate) for known in _trusted(folder / "trusted")):
        path = _reject(certificate, folder, mark)
        raise Untrusted(f"the server's certificate ({name}) is not trusted: move {path} to {folder / 'trusted'}")
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        span = f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        raise Untrusted(f"the server's certificate ({name}) is valid from {span}, and today is {now:%Y-%m-%d}")
    return certificate.public_bytes(Encoding.DER)


def check_own(certificate: Path, key: Path) -> str:
    """The application URI in our own certificate, which servers compare with what we say we are.

    Raises `OSError` or `ValueError` when a file cannot be read, or the key is another certificate's.
    """
    content = certificate.read_bytes()
    is_pem = b"-----BEGIN" in content
    read = x509.load_pem_x509_certificate(content) if is_pem else x509.load_der_x509_certificate(content)
    private = load_pem_private_key(key.read_bytes(), None)
    if private.public_key() != read.public_key():
        raise ValueError(f"{key} is not the key of {certificate}")
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if not uris:
        raise ValueError(f"{certificate} names no application URI")
    return str(uris[0])


def make_certificate(
    certificate: Path, key: Path, *, application_uri: str, host: str, days: int = 3_650
) -> x509.Certificate:
    """A new key (PEM, 0600) and a certificate for it (DER), signed by itself, for a client named by `application_uri`.

    Raises `FileExistsError` when one of the files is there: servers trust what they were given.
    """
    for path in (certificate, key):
        if path.exists():
            raise FileExistsError(f"{path} is there already")
    private = cert_gen.generate_private_key()
    try:
        at: x509.GeneralName = x509.IPAddress(ip_address(host))
    except ValueError:
        at = x509.DNSName(host)
    made = cert_gen.generate_self_signed_app_certificate(
        private,
        "Plumbline",
        {"organizationName": "Plumbline"},
        [x509.UniformResourceIdentifier(application_uri), at],
        extended=[ExtendedKeyUsageOID.CLIENT_AUTH],
        days=days,
    )
    for path in (certificate, key):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(key, cert_gen.dump_private_key_as_pem(private), 0o600)
    _write(certificate, made.public_bytes(Encoding.DER), 0o644)
    return made


def _first(der: bytes) -> bytes:
    """The first certificate of a chain that is glued together."""
    if len(der) > 4 and der[0] == 0x30 and der[1] == 0x82:
        return der[: int.from_bytes(der[2:4]) + 4]
    return der


def _trusted(folder: Path) -> Iterator[x509.Certificate]:
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        content = path.read_bytes()
        try:
            if b"-----BEGIN CERTIFICATE" in content:
                yield from x509.load_pem_x509_certificates(content)
            else:
                yield x509.load_der_x509_certificate(content)
        except ValueError as error:
            raise Untrusted(f"{path}: expected a certificate (DER or PEM): {error}") from error


def _vouches(known: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether `known` is that certificate, or the authority that issued it."""
    if known.fingerprint(SHA256()) == certificate.fingerprint(SHA256()):
        return True
    try:
        authority = known.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = known.extensions.get_extension_for_class(x509.KeyUsage).value
        certificate.verify_directly_issued_by(known)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    now = datetime.now(UTC)
    # A server's own certificate may call itself an authority (OPC UA's self-signed ones do): it vouches for no other.
    issues = authority and usage.key_cert_sign and usage.crl_sign
    return issues and known.not_valid_before_utc <= now <= known.not_valid_after_utc


def _reject(certificate: x509.Certificate, folder: Path, mark: str) -> Path:
    rejected = folder / "rejected"
    for path in (folder / "trusted", rejected):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = rejected / f"{mark[:40]}.der"
    if not path.exists() and len(list(rejected.iterdir())) < MOST_REJECTED:
        _write(path, certificate.public_bytes(Encoding.DER), 0o644)
    return path


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
