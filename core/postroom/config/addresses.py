"""Addresses of services and servers as the configuration writes them: ``host:port``, ``[v6]:port``, ``unix:PATH``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
HOST = re.compile(rf"{LABEL}(?:\.{LABEL})*\.?")
LOCAL_DOMAIN = re.compile(r"[\w*?-]+(?:\.[\w*?-]+)*|\[[^\s\[\]]+\]")  # any script, with * and ?, or an address literal
HOST_LENGTH = 253  # RFC 1035 section 2.3.4
UNIX_LENGTH = 107  # sun_path of Linux, without its closing NUL
LISTEN_WANTED = "an address to listen on is expected: host:port, [v6]:port or unix:PATH, such as 0.0.0.0:25"
SERVER_WANTED = "a server is expected: host, host:port or [v6]:port, such as smtp.isp.test:587"


@dataclass(frozen=True, slots=True)
class Bind:
    """One listening address, taken apart. Either ``path`` (a Unix socket) or host and port are set."""

    host: str = ""
    port: int = 0  # 0 picks a free one
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path else f"{host}:{self.port}"


def parse_listen(text: str) -> Bind:
    """The parts of a ``listen`` entry. Raises ValueError with what is allowed."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path or len(path.encode()) > UNIX_LENGTH:
            raise ValueError(f"the path of a Unix socket has 1 to {UNIX_LENGTH} bytes")
        return Bind(path=path)
    host, port = _split(text, LISTEN_WANTED)
    if port is None:
        raise ValueError(LISTEN_WANTED)
    return Bind(host, port)


def parse_server(text: str, default_port: int) -> tuple[str, int]:
    """Host and port of a server to connect to. Raises ValueError with what is allowed."""
    host, port = _split(text, SERVER_WANTED, least=1)
    return host, default_port if port is None else port


def _split(text: str, wanted: str, *, least: int = 0) -> tuple[str, int | None]:
    match = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::(\d{1,5}))?", text.strip())
    if match is None:
        raise ValueError(wanted)
    host = _address_v6(match[1], wanted) if match[1] is not None else match[2]
    if not host or (match[1] is None and not is_host(host)):
        raise ValueError(wanted)
    port = None if match[3] is None else int(match[3])
    if port is not None and not least <= port <= 65535:
        raise ValueError(f"a port from {least} to 65535 is expected")
    return host, port


def _address_v6(text: str, wanted: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ValueError(wanted) from None


def is_host(text: str) -> bool:
    """True for a syntactically possible host name or IPv4 address."""
    if len(text) > HOST_LENGTH or not HOST.fullmatch(text):
        return False
    if not re.fullmatch(r"[0-9.]+", text):
        return True
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def host_name(text: str) -> str:
    """The name in lower case without a final dot; raises ValueError when no host can have it."""
    if not is_host(text):
        raise ValueError("a host name is expected, such as mail.example.test")
    return text.lower().rstrip(".")


def local_domain(text: str) -> str:
    """A domain, a pattern of domains, or one address, without blanks around it; raises ValueError when no mail can be for it."""
    name, at, domain = text.strip().rpartition("@")
    if not LOCAL_DOMAIN.fullmatch(domain) or (at and not re.fullmatch(r"[^\s@]+", name)):
        raise ValueError("a domain is expected, such as example.net or *.example.net, or one address, such as info@example.org")
    return text.strip()


def check_listen(text: str, info: ValidationInfo) -> str:
    """The ``listen`` entry in canonical form; a relative socket path counts from the configuration file."""
    bind = parse_listen(text.strip())
    if bind.path:
        base: Path = (info.context or {}).get("base", Path())
        bind = parse_listen(f"unix:{(base / bind.path).absolute()}")
    return str(bind)


def check_server(text: str) -> str:
    """The server entry itself; raises ValueError with what is allowed."""
    parse_server(text, 1)
    return text.strip()


def parse_name_server(value: Any) -> str:
    """A DNS server, ``ip`` or ``ip:port`` or ``[v6]:port``, as given; raises ValueError with what is allowed."""
    wanted = "the IP address of a DNS server is expected, such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53"
    text = str(value).strip()
    try:
        if ":" in text and not text.startswith("[") and text.count(":") > 1:
            ipaddress.IPv6Address(text)
            return f"[{text}]:53"
        host, port = parse_server(text, 53)
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(wanted) from None
    return str(Bind(host, port))


def _text(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example]})


ListenAddress = Annotated[str, AfterValidator(check_listen), _text("127.0.0.1:2525")]  # parse_listen() takes it apart
ServerAddress = Annotated[str, AfterValidator(check_server), _text("smtp.isp.test:587")]  # parse_server() takes it apart
NameServer = Annotated[str, BeforeValidator(parse_name_server), _text("192.0.2.53")]  # "host:port", parse_server() takes it apart
HostName = Annotated[str, AfterValidator(host_name), _text("mail.example.test")]
LocalDomain = Annotated[str, AfterValidator(local_domain), _text("example.test")]
