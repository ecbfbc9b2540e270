"""A next hop that counts bytes and keeps none."""

from __future__ import annotations

import contextlib
import socketserver
import threading


class Drain:
    """Listens on a free loopback port; ``wait`` gives the size of the message that comes."""

    def __init__(self) -> None:
        drain = self
        self.sizes: list[int] = []
        self.arrived = threading.Event()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    drain.converse(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def converse(self, peer: socketserver.StreamRequestHandler) -> None:
        """One connection."""
        peer.wfile.write(b"220 drain.example\r\n")
        while line := peer.rfile.readline():
            if line[:4].upper() != b"DATA":
                peer.wfile.write(b"250 ok\r\n")
                continue
            peer.wfile.write(b"354 go ahead\r\n")
            size = 0
            for text in iter(peer.rfile.readline, b".\r\n"):
                if not text:
                    return
                size += len(text)
            self.sizes.append(size)
            self.arrived.set()
            peer.wfile.write(b"250 taken\r\n")

    def wait(self, seconds: float = 60.0) -> int:
        """The size of the message, when it is here."""
        assert self.arrived.wait(seconds), "nothing came"
        return self.sizes[-1]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
