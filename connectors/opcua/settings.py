"""How one OPC UA connector connects and subscribes, and what it means that a server fails."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from asyncua.ua.uaerrors import UaError

Policy = Literal["None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]
Mode = Literal["Sign", "SignAndEncrypt"]

# What asyncua raises when a server, or the way to it, fails; ConnectionError is an OSError.
FAILURES = (OSError, TimeoutError, UaError, EOFError)


@dataclass(frozen=True, slots=True)
class OpcuaSettings:
    """One connector: one endpoint, one subscription. `nodes`: as the plant file names them."""

    name: str
    url: str
    nodes: tuple[str, ...]
    application_uri: str
    policy: Policy = "None"
    mode: Mode = "SignAndEncrypt"
    certificate: Path | None = None
    key: Path | None = None
    trust: Path | None = None
    username: str = ""
    password: str | None = field(default=None, repr=False)
    publishing_ms: int = 250
    sampling_ms: int = 100
    queue_size: int = 1_000
    trigger: Literal["value", "timestamp"] = "value"
    backfill_hours: int = 168
    request_seconds: float = 10.0
    keep_alive_seconds: float = 2.0  # a server with nothing to say says so that often
    probe_seconds: float = 5.0  # how often an idle connection is tried
    most_backoff_seconds: float = 30.0
