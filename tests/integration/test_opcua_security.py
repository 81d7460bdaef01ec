"""Security against an asyncua server that offers no endpoint without it; about 15 s."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.opcua.settings import Mode, OpcuaSettings, Policy
from connectors.opcua.trust import make_certificate
from tests.gateway_runs import wait_until
from tests.opcua_peers import Behind, Peer, journal_behind


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pki")


@pytest.fixture(scope="module")
def peer(pki: Path) -> Iterator[Peer]:
    with Peer("asyncua", nodes=1, pki=pki) as running:
        yield running


@pytest.fixture(scope="module")
def secured(peer: Peer, pki: Path) -> OpcuaSettings:
    """Ours, with a certificate of our own; the server's is not trusted yet."""
    make_certificate(pki / "own.der", pki / "own.pem", application_uri="urn:plumbline:test", host="127.0.0.1")
    return OpcuaSettings(
        name="press",
        url=f"opc.tcp://127.0.0.1:{peer.port}",
        nodes=(peer.node("array"),),
        application_uri="urn:plumbline:test",
        policy="Basic256Sha256",
        certificate=pki / "own.der",
        key=pki / "own.pem",
        trust=pki / "trust",
        username="plumbline",
        password="secret",
        most_backoff_seconds=0.5,
    )


def test_nobody_is_trusted_before_somebody_has_said_so(secured: OpcuaSettings, pki: Path, tmp_path: Path) -> None:
    with Behind(secured, tmp_path) as behind:
        wait_until(lambda: "is not trusted" in behind.connector.trouble, seconds=20)
        assert behind.kept().rows == {}
        (rejected,) = (pki / "trust" / "rejected").iterdir()
        assert rejected.read_bytes() == (pki / "server.der").read_bytes()
        rejected.rename(pki / "trust" / "trusted" / rejected.name)
        wait_until(lambda: bool(behind.kept().rows), seconds=20)


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("Basic256Sha256", "Sign"),
        ("Basic256Sha256", "SignAndEncrypt"),
        ("Aes128_Sha256_RsaOaep", "SignAndEncrypt"),
        ("Aes256_Sha256_RsaPss", "SignAndEncrypt"),
    ],
)
def test_every_policy_brings_the_values(
    policy: Policy, mode: Mode, secured: OpcuaSettings, pki: Path, tmp_path: Path
) -> None:
    trusted = pki / "trust" / "trusted"
    trusted.mkdir(parents=True, exist_ok=True)
    (trusted / "server.der").write_bytes((pki / "server.der").read_bytes())
    with journal_behind(replace(secured, policy=policy, mode=mode), tmp_path) as behind:
        wait_until(lambda: bool(behind.kept().rows), seconds=20)
        kept = behind.kept()
    assert [value for value, _, _ in kept.rows[secured.nodes[0]]] == [[1.5, 2.5, 3.5]]


def test_a_wrong_password_and_a_server_without_that_security_are_said_and_tried_again(
    secured: OpcuaSettings, pki: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trusted = pki / "trust" / "trusted"
    trusted.mkdir(parents=True, exist_ok=True)
    (trusted / "server.der").write_bytes((pki / "server.der").read_bytes())
    with caplog.at_level(logging.WARNING, "connectors.opcua.connector"):
        with Behind(replace(secured, password="wrong-secret"), tmp_path / "a") as behind:
            wait_until(lambda: behind.connector.trouble not in ("", "connecting"), seconds=20)
            assert behind.connector.failure is None
        with Behind(replace(secured, mode="Sign", policy="Aes256_Sha256_RsaPss"), tmp_path / "b") as behind:
            wait_until(lambda: "No matching endpoints" in behind.connector.trouble, seconds=20)
        with Behind(replace(secured, policy="None"), tmp_path / "c") as behind:
            wait_until(lambda: behind.connector.trouble not in ("", "connecting"), seconds=20)
    assert "wrong-secret" not in caplog.text
