"""`plumbline certificate` and `plumbline discover --server`: what a plant file's OPC UA connectors need from people."""

import socket
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.hashes import SHA256

from config.models import PlantFile
from config.opcua import OpcuaOptions
from connectors.errors import Untrusted, WrongInput
from connectors.opcua.browse import offered
from connectors.opcua.settings import FAILURES, OpcuaSettings
from connectors.opcua.trust import make_certificate
from flows.sources import settings_of


def certificates(plant: PlantFile, days: int) -> Iterator[str]:
    """Make the certificates and keys that the connectors name and that are not there; a line for each.

    Raises `WrongInput` when no connector names one that is missing, `OSError` when it cannot be written.
    """
    named = {
        (plant.file(options.certificate), plant.file(options.key))
        for options in plant.connectors.values()
        if isinstance(options, OpcuaOptions) and options.certificate and options.key
    }
    missing = sorted(pair for pair in named if not pair[0].exists() and not pair[1].exists())
    if not missing:
        there = ", ".join(str(path) for pair in sorted(named) for path in pair if path.exists())
        expected = "expected an OPC UA connector with security, certificate and key whose files are not there yet"
        raise WrongInput(f"{expected} (there: {there or 'no connector names any'})")
    uri = f"urn:plumbline:{plant.plant.id}"
    for certificate, key in missing:
        made = make_certificate(certificate, key, application_uri=uri, host=socket.gethostname(), days=days)
        mark = made.fingerprint(SHA256()).hex(":")
        yield f"{certificate} and its key {key}: {uri}, until {made.not_valid_after_utc:%Y-%m-%d}; SHA-256 {mark}"
    yield "Have the servers trust the certificate; the key stays here."


def nodes_of(plant: PlantFile, name: str, environ: Mapping[str, str]) -> Iterator[str]:
    """What the server of connector `name` offers, as TOML.

    Raises `WrongInput` for no such connector, or when the server cannot be reached or does not let us in;
    `PlantFileError` when a password or certificate cannot be read.
    """
    if not isinstance(plant.connectors.get(name), OpcuaOptions):
        known = [one for one, options in plant.connectors.items() if isinstance(options, OpcuaOptions)]
        raise WrongInput(
            f"--server: expected one of {', '.join(known) or 'no connectors (none is opcua)'}; got {name!r}"
        )
    settings = settings_of(plant, name, environ, ())
    assert isinstance(settings, OpcuaSettings), "what OpcuaOptions come to"
    try:
        yield from offered(settings)
    except (*FAILURES, Untrusted) as error:
        raise WrongInput(f"{settings.url}: {error or type(error).__name__}") from error
