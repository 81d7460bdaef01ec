"""The way to an OPC UA server: endpoint, trust, secure channel, session; kept, and taken up again after a cut."""

import asyncio
import logging
import time
from contextlib import suppress

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.client.ua_session import UaSession
from asyncua.crypto import security_policies, uacrypto
from asyncua.ua import uaerrors
from asyncua.ua.attribute_ids import AttributeIds

from connectors.errors import Untrusted
from connectors.opcua.settings import FAILURES, OpcuaSettings
from connectors.opcua.trust import check_trust

log = logging.getLogger(__name__)

SESSION_MS = 3_600_000  # asked for: how long a server keeps a session that nobody talks to
SERVER_STATE = ua.NodeId.from_string("i=2259")
OPEN_SECONDS = 3.0
LOOK_SECONDS = 0.1

POLICIES: dict[str, type[security_policies.SecurityPolicy]] = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}


class Link:
    """One session with one server. asyncua's own reconnect is not used.

    It gives up when the first connection fails, and it publishes again before it has asked for what was lost.
    """

    def __init__(self, settings: OpcuaSettings) -> None:
        self._settings = settings
        self._client = new_client(settings)
        self._renewal: asyncio.Task[None] | None = None
        self._probed_at = 0.0

    @property
    def session(self) -> UaSession:
        """What requests go through; the same object for good."""
        return self._client.uaclient.session

    @property
    def up(self) -> bool:
        """Whether there is an activated session on an open channel, as far as is known."""
        return self._client.uaclient.state is UaClientState.CONNECTED

    @property
    def session_seconds(self) -> float:
        """How long the server keeps the session while nobody talks to it."""
        return self._client.session_timeout / 1_000

    async def open(self) -> None:
        """Connect for the first time. Raises one of `FAILURES`, or `Untrusted`."""
        await secure(self._client, self._settings)
        await self._open_channel()
        try:
            await self._client.create_session()
            await self._activate()
        except BaseException:
            self._drop()
            raise
        self._renew_in_time()

    async def reopen(self) -> bool:
        """Connect again; whether the server still has the session (else there is a new one). Raises as `open`."""
        self._drop()
        await self._open_channel()
        try:
            self.session.rebind_authentication_token()
            try:
                await self._activate()
                same = True
            except uaerrors.UaStatusCodeError as error:
                log.info("%s: the server has given the session up (%s)", self._settings.name, error)
                await self._client.create_session()
                await self._activate()
                same = False
        except BaseException:
            self._drop()
            raise
        self._renew_in_time()
        return same

    async def hold(self, until: float) -> str:
        """Wait as long as the connection holds, at most until `until` (monotonic); what ended it, or nothing."""
        while time.monotonic() < until:
            if not self.up:
                return "the connection was lost"
            if time.monotonic() - self._probed_at > self._settings.probe_seconds:
                try:
                    await self.session.read_attributes([SERVER_STATE], AttributeIds.Value)
                except FAILURES as error:
                    return f"no answer: {error or type(error).__name__}"
                self._probed_at = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
        return ""

    async def close(self) -> None:
        """Close the session, and with it its subscriptions, and the channel."""
        connected = self.up
        with suppress(*FAILURES):
            await self.session.close_session(True)  # when there is no connection: this ends the publish loop
            if connected:
                await self._client.close_secure_channel()
        self._drop()

    async def _open_channel(self) -> None:
        async with asyncio.timeout(OPEN_SECONDS):  # asyncua waits in vain when the other side closes at once
            await self._client.connect_sessionless()

    async def _activate(self) -> None:
        await self._client.activate_session(self._settings.username or None, self._settings.password)
        self._probed_at = time.monotonic()

    def _drop(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        if self._client.uaclient.has_transport:
            self._client.disconnect_socket()

    def _renew_in_time(self) -> None:
        self._renewal = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        """Renew the channel's keys after three quarters of their life (OPC 10000-4, 5.5.2)."""
        while True:
            await asyncio.sleep(self._client.secure_channel_timeout * 0.75 / 1_000)
            try:
                await self._client.open_secure_channel(renew=True)
            except FAILURES as error:
                log.warning("%s: the secure channel could not be renewed: %s", self._settings.name, error)
                self._client.disconnect_socket()
                return
            self._client.uaclient.revolve_security_token()


def new_client(settings: OpcuaSettings) -> Client:
    """Asyncua's client, told who we are."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # it logs every step, every cut with its traceback
    client = Client(settings.url, timeout=settings.request_seconds)
    client.name = client.description = f"Plumbline {settings.name}"
    client.application_uri, client.product_uri = settings.application_uri, "urn:plumbline"
    client.session_timeout = SESSION_MS
    return client


async def secure(client: Client, settings: OpcuaSettings) -> None:
    """Set the channel's security, when the server's certificate is one that is trusted."""
    if settings.policy == "None":
        return
    policy = POLICIES[settings.policy]
    mode = getattr(ua.MessageSecurityMode, settings.mode)
    if settings.certificate is None or settings.key is None or settings.trust is None:
        raise Untrusted(f"{settings.name}: expected certificate, key and trust with security {settings.policy}")
    endpoints = await client.connect_and_get_server_endpoints()
    endpoint = client.find_endpoint(endpoints, mode, policy.URI)
    certificate = check_trust(endpoint.ServerCertificate, settings.trust)
    await client.set_security(
        policy,
        settings.certificate,
        settings.key,
        server_certificate=uacrypto.CertProperties(certificate, "der"),
        mode=mode,
    )
