"""`[web]`: where the board, the query API and the OKR store are reached."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.errors import Problem
from config.http import CertificateOptions
from config.mqtt import is_loopback
from config.options import Options, Port, Text, Whole, or_empty

EXAMPLE = "https://plumbline.plant.example"
USUAL_PORTS = {"http": 80, "https": 443}


def origin(text: str) -> str:
    """Scheme, host and port of an address as a browser names an origin, else `ValueError`.

    >>> origin("https://Plumbline.plant.example:443/")
    'https://plumbline.plant.example'
    """
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:  # a port beyond 65535, a broken IPv6 address
        parts, port, host = urlsplit(""), None, ""
    bare = not any((parts.path.strip("/"), parts.query, parts.fragment, parts.username, parts.password))
    if parts.scheme not in USUAL_PORTS or not host or port == 0 or not bare or not host.isascii():
        raise ValueError(f"expected scheme, host and port such as {EXAMPLE}")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + ("" if port in (None, USUAL_PORTS[parts.scheme]) else f":{port}")


Origin = Annotated[str, AfterValidator(origin)]


class WebOptions(Options):
    """`[web]`: where it listens, and under which addresses it is asked for."""

    host: Annotated[Text, Field(min_length=1)] = "127.0.0.1"
    """The address on which board and API listen; with any but this machine's own everybody needs a token."""
    port: Port = 8080
    """The port on which board and API listen."""
    public_urls: tuple[Origin, ...] = ()
    """Under which addresses browsers and programs ask for it, beside `host` itself."""
    internal_url: Annotated[str, AfterValidator(or_empty(origin))] = ""
    """Where the forwarder finds it; empty: at `port` on this machine."""
    session_hours: Annotated[Whole, Field(ge=1, le=8_760)] = 168
    """For how long a browser stays signed in."""
    tls: CertificateOptions = CertificateOptions()
    """Certificate and key with which it speaks HTTPS itself."""

    @property
    def scheme(self) -> str:
        """What it speaks itself."""
        return "https" if self.tls.cert else "http"

    @property
    def is_open(self) -> bool:
        """Whether others than this machine can reach it: then everybody needs a token."""
        return not is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        return f"{self.scheme}://{bracketed(reachable(self.host))}:{self.port}"

    @property
    def store_url(self) -> str:
        """Where the forwarder finds the built-in OKR store."""
        return self.internal_url or self.address

    def problems(self, path: str) -> Iterator[Problem]:
        """All addresses of the machine, and no name under which it would answer."""
        if reachable(self.host) != self.host and not self.public_urls:
            expected = f"is required with host = {self.host!r}: where browsers find it, such as {EXAMPLE}"
            yield Problem(f"{path}.public_urls", expected)
        yield from self.tls.problems(f"{path}.tls")

    def warnings(self) -> Iterator[str]:
        """Tokens that anybody on the way can read."""
        plain = [url for url in self.public_urls if url.startswith("http:") and not is_loopback(_host(url))]
        if self.is_open and not self.tls.cert and (plain or not self.public_urls):
            where = ", ".join(plain) or self.host
            yield f"tokens come to {where} unencrypted; tls.cert and tls.key, or a proxy, switch TLS on"


def bracketed(host: str) -> str:
    """A host as an address has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def reachable(host: str) -> str:
    """The host itself; of this machine, where it stands for all addresses.

    >>> reachable("0.0.0.0"), reachable("::"), reachable("10.0.0.7")
    ('127.0.0.1', '::1', '10.0.0.7')
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "::1" if address.version == 6 else "127.0.0.1"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
