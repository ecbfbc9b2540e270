"""A web server on loopback with a certificate, for policies and reports."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Web:
    """What it answers (the same until it is changed), and what it was asked."""

    status: int = 200
    media_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)  # method, path, headers, body
    port: int = 0
    held: threading.Event | None = None  # when it is set to something, answers wait for it


@contextmanager
def serving(certificate: Path) -> Iterator[Web]:
    """A server with this key and certificate."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            web.asked.append((self.command, self.path, dict(self.headers), body))
            if web.held is not None:
                web.held.wait(20)
            self.send_response(web.status)
            for key, value in {"Content-Type": web.media_type, "Content-Length": str(len(web.body)), **web.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(web.body)

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *args: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *args: Any) -> None:
            """Clients go away on purpose."""

        def get_request(self) -> tuple[Any, Any]:
            sock, address = super().get_request()
            sock.settimeout(20)
            return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address

    server = Quiet(("127.0.0.1", 0), Handler)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield web
    server.shutdown()
    thread.join(20)
    server.server_close()
