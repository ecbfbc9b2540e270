"""``make demo``: the whole way of a message through a real server on free ports, with the dialogues."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
import sys
import tempfile
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.sink import Sink
from tests.server import Server, serving

PASSWORD = "correct horse battery staple"
CONTENT_LINES = 8  # of a message or a long reply that are printed


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n=== {text}", flush=True)


def show(who: str, data: object) -> None:
    """Print what one side said, passwords hidden, long texts cut."""
    lines = (data if isinstance(data, bytes) else str(data).encode()).rstrip().splitlines()
    for line in lines[:CONTENT_LINES]:
        text = line.decode("utf-8", "replace")
        words = text.split(" ")
        shown = 3 if words[1:2] == ["LOGIN"] else 1 if words[0] == "PASS" else len(words) - 1 if words[0] == "AUTH" else len(words)
        print(f"  {who}: {' '.join(words[:shown])}{' ********' * (shown < len(words))}")
    if len(lines) > CONTENT_LINES:
        print(f"  {who}: … {len(lines) - CONTENT_LINES} more lines")


class Submission(smtplib.SMTP):
    """smtplib that prints what is said."""

    def send(self, s: Any) -> None:
        """Show, then send."""
        show("C", s)
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Read, then show."""
        code, text = super().getreply()
        show("S", b"\n".join(b"%d %s" % (code, line) for line in text.splitlines() or [b""]))
        return code, text


class Reading(poplib.POP3):
    """poplib that prints what is said."""

    def _putcmd(self, line: str) -> None:
        show("C", line)
        super()._putcmd(line)  # type: ignore[misc]

    def _getresp(self) -> bytes:
        reply: bytes = super()._getresp()  # type: ignore[misc]
        show("S", reply)
        return reply


class Mailbox(imaplib.IMAP4):
    """imaplib that prints what is said."""

    def send(self, data: bytes) -> None:
        """Show, then send."""
        show("C", data)
        super().send(data)

    def readline(self) -> bytes:
        """Read, then show."""
        line = super().readline()
        show("S", line)
        return line


def unverified() -> ssl.SSLContext:
    """The demo's certificate is self-signed."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def letter(to: str, subject: str) -> EmailMessage:
    """A message with an attachment and a line that begins with a dot."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"], message["Subject"] = "Alice <alice@example.test>", to, subject
    message.set_content("Good morning,\n\nthe figures are attached.\n.\nThis line follows a line with a single dot.\n")
    message.add_attachment(bytes(range(256)) * 64, maintype="application", subtype="octet-stream", filename="figures.bin")
    return message


def send(server: Server, message: EmailMessage) -> None:
    """Through the submission service, as a mail client does."""
    with Submission("127.0.0.1", server.ports["Submission"], local_hostname="client.example.test") as client:
        client.starttls(context=unverified())
        client.ehlo()
        client.login("alice", PASSWORD)
        client.send_message(message)


def read_by_imap(server: Server, sent: EmailMessage) -> None:
    """Look, fetch, compare, mark."""
    client = Mailbox("127.0.0.1", server.ports["IMAP4"])
    client.starttls(unverified())
    client.login("bob", PASSWORD)
    client.select("INBOX")
    client.fetch("1", "(UID FLAGS ENVELOPE BODYSTRUCTURE)")
    content = client.fetch("1", "BODY.PEEK[]")[1][0][1]
    show("S", content)
    client.store("1", "+FLAGS", "\\Seen")
    client.logout()
    compare(content, sent)


def compare(content: bytes, sent: EmailMessage) -> None:
    """Nothing must have happened to the attachment."""
    received = message_from_bytes(content, policy=policy.SMTP)
    same = [part.get_content() for part in received.iter_attachments()] == [part.get_content() for part in sent.iter_attachments()]
    assert same, "the attachment has changed on the way"
    print("  the attachment arrived byte for byte")


def read_by_pop3(server: Server, sent: EmailMessage) -> None:
    """Fetch, compare, delete."""
    client = Reading("127.0.0.1", server.ports["POP3"])
    client.stls(context=unverified())
    client.user("bob")
    client.pass_(PASSWORD)
    content = b"\r\n".join(client.retr(1)[1]) + b"\r\n"
    show("S", content)
    client.dele(1)
    client.quit()
    compare(content, sent)


def demo(folder: Path) -> None:
    """All steps."""
    sink = Sink()
    relay = {
        "plugins": {"smtp_relay": {"name": "Relay", "servers": [f"127.0.0.1:{sink.port}"], "encryption": "none"}},
        "connections": [{"name": "Internet", "sender": "Relay", "default": True, "immediate": True}],
    }
    with serving(folder, relay, users={"alice": PASSWORD, "bob": PASSWORD}) as server:
        title("A server is running")
        print("\n".join(f"  {line}" for line in server.output))
        local = letter("Bob <bob@example.test>", "Figures")
        title("Alice sends Bob a message with an attachment through submission")
        send(server, local)
        title("Bob reads it by IMAP4")
        read_by_imap(server, local)
        title("Bob fetches it by POP3 and deletes it")
        read_by_pop3(server, local)
        title("Alice sends one to the outside; the server relays it to the next hop")
        send(server, letter("carol@example.net", "Hello outside"))
        assert sink.arrived.wait(20), "the relayed message did not arrive\n" + server.log
        title("What the next hop saw")
        print("\n".join(f"  {line}" for line in sink.dialogue))
        title("Why it went there (postroom explain)")
        print(server.run("explain", "carol@example.net", "--user", "alice").stdout)
    sink.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="postroom-demo-") as name:
        demo(Path(name))
    print("\nThe demo has passed.")
