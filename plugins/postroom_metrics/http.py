"""Just enough HTTP/1.1 (RFC 9112) to serve three read-only pages to a scraper; the web admin brings a real WSGI server."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from postroom.wire.stream import BareNewline, LineStream, LineTooLong

Pages = Mapping[bytes, Callable[[], bytes]]
REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed", 503: b"Service Unavailable"}
LINE = 4096  # bytes of a request or header line
HEADERS = 64  # header lines of a request
REQUESTS = 1000  # requests of one connection


def response(status: int, body: bytes, kind: bytes = b"text/plain; charset=utf-8") -> bytes:
    """A whole response; the connection stays open unless the client closes it."""
    allow = b"Allow: GET, HEAD\r\n" if status == 405 else b""  # RFC 9110 section 15.5.6
    head = b"HTTP/1.1 %d %s\r\n%sContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (status, REASONS[status], allow, kind, len(body))
    return head + body


def answer(request: bytes, pages: Pages) -> bytes:
    """The response to one request line."""
    parts = request.split()
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        return response(400, b"a request line is METHOD TARGET HTTP/1.1\n")
    if parts[0] not in (b"GET", b"HEAD"):
        return response(405, b"only GET and HEAD\n")
    page = pages.get(parts[1].partition(b"?")[0])
    whole = page() if page else response(404, b"known pages: " + b" ".join(sorted(pages)) + b"\n")
    return whole if parts[0] == b"GET" else b"".join(whole.partition(b"\r\n\r\n")[:2])  # RFC 9110 section 9.3.2: no content


def converse(stream: LineStream, pages: Pages) -> None:
    """Answer requests until the client closes or asks to close, or talks something else. A lost or slow client is raised."""
    try:
        answer_requests(stream, pages)
    except (BareNewline, LineTooLong):
        stream.write(response(400, b"lines end in CRLF and have at most %d bytes\n" % LINE))
        stream.flush()
        stream.linger()


def answer_requests(stream: LineStream, pages: Pages) -> None:
    """One request after the other. Raises what the stream raises."""
    for _ in range(REQUESTS):
        request = stream.read_line(LINE)
        close = request.endswith(b"HTTP/1.0")
        for _ in range(HEADERS):
            line = stream.read_line(LINE)
            if not line:
                break
            close = close or line.lower().replace(b" ", b"") == b"connection:close"
        else:
            stream.write(response(400, b"too many header lines\n"))
            close = True
        stream.write(answer(request, pages))
        stream.flush()
        if close:
            return
