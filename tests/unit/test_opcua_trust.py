"""The trust folder and our own certificate; certificates are made with the `cryptography` package."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from connectors.errors import Untrusted
from connectors.opcua.trust import check_own, check_trust, make_certificate


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


def certificate(
    name: str, issuer: str = "", *, authority: bool = False, days: tuple[int, int] = (-1, 30)
) -> x509.Certificate:
    """A certificate of `name`, by `issuer` (itself if none), valid from the one day to the other from now."""
    now = datetime.now(UTC)
    subject, issued_by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer or name))
    builder = x509.CertificateBuilder(issued_by, subject, key(name).public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now + timedelta(days[0])).not_valid_after(now + timedelta(days[1]))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=not authority,
        key_agreement=False,
        key_cert_sign=True,  # OPC UA's self-signed certificates say so too
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    return builder.add_extension(usage, critical=True).sign(key(issuer or name), SHA256())


def der(one: x509.Certificate) -> bytes:
    return one.public_bytes(Encoding.DER)


def trust(folder: Path, name: str, content: bytes) -> None:
    (folder / "trusted").mkdir(exist_ok=True)
    (folder / "trusted" / name).write_bytes(content)


def test_an_unknown_server_is_written_down_and_trusted_once_it_has_been_moved(tmp_path: Path) -> None:
    server = der(certificate("press"))
    for _ in range(2):
        with pytest.raises(Untrusted, match=r"CN=press.* is not trusted: move .*rejected.* to .*trusted"):
            check_trust(server, tmp_path)
    (rejected,) = (tmp_path / "rejected").iterdir()
    rejected.rename(tmp_path / "trusted" / rejected.name)
    assert check_trust(server, tmp_path) == server
    assert check_trust(server + der(certificate("ca", authority=True)), tmp_path) == server  # with its chain
    with pytest.raises(Untrusted):
        check_trust(der(certificate("press2")), tmp_path)


def test_an_authority_vouches_for_what_it_has_issued_and_a_server_for_nobody(tmp_path: Path) -> None:
    trust(tmp_path, "ca.pem", certificate("ca", authority=True).public_bytes(Encoding.PEM))
    trust(tmp_path, "press.der", der(certificate("press")))
    issued = der(certificate("other", "ca"))
    assert check_trust(issued, tmp_path) == issued
    with pytest.raises(Untrusted, match="not trusted"):
        check_trust(der(certificate("other", "press")), tmp_path)


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)])
def test_a_certificate_out_of_its_time_is_refused_trusted_or_not(days: tuple[int, int], tmp_path: Path) -> None:
    server = der(certificate("press", days=days))
    trust(tmp_path, "press.der", server)
    with pytest.raises(Untrusted, match="is valid from"):
        check_trust(server, tmp_path)


def test_an_authority_out_of_its_time_vouches_for_nobody(tmp_path: Path) -> None:
    trust(tmp_path, "ca.der", der(certificate("ca", authority=True, days=(-30, -1))))
    with pytest.raises(Untrusted, match="not trusted"):
        check_trust(der(certificate("press", "ca")), tmp_path)


@pytest.mark.parametrize(
    ("shown", "message"), [(None, "shows no"), (b"", "shows no"), (b"0\x82junk", "cannot be read")]
)
def test_what_is_no_certificate_is_refused(shown: bytes | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(Untrusted, match=message):
        check_trust(shown, tmp_path)
    trust(tmp_path, "broken.der", b"junk")
    with pytest.raises(Untrusted, match=r"broken\.der: expected a certificate"):
        check_trust(der(certificate("press")), tmp_path)


def test_our_own_certificate_is_made_once_and_read_back(tmp_path: Path) -> None:
    own, private = tmp_path / "pki" / "own.der", tmp_path / "pki" / "own.pem"
    made = make_certificate(own, private, application_uri="urn:plumbline:p1", host="gateway", days=100)
    assert check_own(own, private) == "urn:plumbline:p1"
    assert private.stat().st_mode & 0o777 == 0o600
    assert 99 <= (made.not_valid_after_utc - datetime.now(UTC)).days <= 100
    with pytest.raises(FileExistsError, match=r"own\.der is there already"):
        make_certificate(own, private, application_uri="urn:plumbline:p1", host="gateway")
    other = tmp_path / "other.pem"
    make_certificate(tmp_path / "other.der", other, application_uri="urn:plumbline:p1", host="127.0.0.1")
    with pytest.raises(ValueError, match=r"other\.pem is not the key of"):
        check_own(own, other)
