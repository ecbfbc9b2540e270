"""Every answer without variable text, as the bytes that are sent."""

from __future__ import annotations

from postroom.mail.reply import Reply
from postroom.wire.answer import Answer, Then


def say(code: int, enhanced: str, text: str, then: Then = Then.READ_LINE) -> Answer:
    """An answer of one reply; 5xx counts as an error of the client, 4xx does not: it may not be the client's."""
    return Answer(Reply(code, enhanced, text).wire, then, code >= 500)


def refuse(reply: Reply, *, disconnect: bool = False) -> Answer:
    """An answer that refuses a command."""
    return Answer(reply.wire, Then.CLOSE if disconnect else Then.READ_LINE, reply.permanent)


# --- success
OK = say(250, "2.0.0", "Ok")
SENDER_OK = say(250, "2.1.0", "Sender ok")
RECIPIENT_OK = say(250, "2.1.5", "Recipient ok")
GO_AHEAD_TLS = say(220, "2.0.0", "Ready to start TLS", Then.START_TLS)
LOGGED_IN = say(235, "2.7.0", "Authentication successful")
CANNOT_VRFY = say(252, "2.5.2", "Cannot VRFY user, but will accept message and attempt delivery")  # RFC 5321 section 7.3
HELP = say(
    214,
    "2.0.0",
    "Postroom takes these commands:\nHELO EHLO STARTTLS AUTH MAIL RCPT DATA BDAT\nRSET NOOP VRFY ETRN HELP QUIT\nSee RFC 5321",
)

# --- order (RFC 5321 section 4.1.4)
HELO_FIRST = say(503, "5.5.1", "Send HELO or EHLO first")
MAIL_FIRST = say(503, "5.5.1", "Need MAIL command first")
RCPT_FIRST = say(503, "5.5.1", "Need RCPT command first")
MAIL_GIVEN = say(503, "5.5.1", "Sender already given, use RSET to start again")
IN_TRANSACTION = say(503, "5.5.1", "Not allowed during a mail transaction")
IN_CHUNKS = say(503, "5.5.1", "Message transfer by BDAT has begun, only BDAT or RSET may follow")
TLS_FIRST = say(530, "5.7.0", "Must issue a STARTTLS command first")  # RFC 3207 section 4
LOGIN_FIRST = say(530, "5.7.0", "Authentication required")  # RFC 4954 section 6
EHLO_FIRST = say(503, "5.5.1", "Send EHLO first")

# --- syntax
UNKNOWN = say(500, "5.5.2", "Command not recognized")
NOT_IMPLEMENTED = say(502, "5.5.1", "Command not implemented")
NOT_TEXT = say(500, "5.5.2", "Command is not UTF-8 text")
TOO_LONG = say(500, "5.5.2", "Line too long")
BARE_NEWLINE = say(500, "5.5.2", "Lines must end with CRLF")
NO_ARGUMENT = say(501, "5.5.4", "This command takes no argument")
HELO_SYNTAX = say(501, "5.5.4", "Syntax: HELO hostname, or EHLO hostname")
MAIL_SYNTAX = say(501, "5.5.2", "Syntax: MAIL FROM:<address> [parameters]")
RCPT_SYNTAX = say(501, "5.5.2", "Syntax: RCPT TO:<address> [parameters]")
BDAT_SYNTAX = say(501, "5.5.4", "Syntax: BDAT size [LAST]", Then.CLOSE)  # where its chunk ends is not known
VRFY_SYNTAX = say(501, "5.5.4", "Syntax: VRFY address")
ETRN_SYNTAX = say(501, "5.5.4", "Syntax: ETRN domain")
AUTH_SYNTAX = say(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
NOT_BASE64 = say(501, "5.5.2", "Cannot decode base64")
NOT_HTTP = say(554, "5.5.0", "This is a mail server", Then.CLOSE)

# --- policy
NO_EXPN = say(502, "5.5.1", "EXPN is not available here")
NO_ETRN = say(459, "4.7.1", "ETRN is not allowed for you")  # RFC 1985 section 5.3
ACCESS_DENIED = say(554, "5.7.1", "Server access not allowed", Then.CLOSE)
EARLY_TALKER = say(554, "5.5.0", "You must wait for the greeting", Then.CLOSE)
HELO_REFUSED = say(550, "5.7.1", "Connections from hosts of that name are refused here")
RELAY_DENIED = say(550, "5.7.1", "Relaying not allowed! Bad sender IP address")
NO_INTERNET = say(550, "5.7.1", "Your account may not send mail to other servers")
UNKNOWN_USER = say(550, "5.1.1", "No such user here")
ROUTED_LOCAL_PART = say(550, "5.7.1", "Relaying not allowed! The local part has %, ! or @")
TOO_MANY_RECIPIENTS = say(452, "4.5.3", "Too many recipients")  # RFC 5321 section 4.5.3.1.10
TOO_MANY_MESSAGES = say(421, "4.7.0", "Too many messages on this connection, connect again", Then.CLOSE)  # RFC 9422 section 4.1
NEEDS_SMTPUTF8 = say(553, "5.6.7", "Address needs SMTPUTF8")  # RFC 6531 section 3.2
TEMPORARY = say(451, "4.3.0", "Temporary problem, try again later")
CLOSED_BY_CHECK = say(421, "4.7.0", "Closing connection", Then.CLOSE)

# --- TLS and AUTH
NO_TLS = say(502, "5.5.1", "STARTTLS is not available")
HAS_TLS = say(503, "5.5.1", "TLS is already active")
NO_AUTH = say(503, "5.5.1", "Authentication is not available")
HAS_LOGIN = say(503, "5.5.1", "Already authenticated")
CANCELLED = say(501, "5.7.0", "Authentication cancelled")
AUTH_LATER = say(454, "4.7.0", "Temporary authentication failure")

# --- messages
BINARY_BY_DATA = say(503, "5.5.1", "BODY=BINARYMIME needs BDAT")  # RFC 3030 section 3
TOO_BIG = say(552, "5.3.4", "Message size exceeds the maximum of this server")
FAR_TOO_BIG = say(552, "5.3.4", "Message size exceeds the maximum of this server", Then.CLOSE)
TOO_MANY_HOPS = say(554, "5.4.6", "Too many hops")
CHUNKS_OVER = say(503, "5.5.1", "This message was refused, use RSET to start again")
FAULTS = {
    "bare-lf": say(550, "5.6.0", "Message has a bare LF (lines must end with CRLF), nothing was accepted"),
    "bare-cr": say(550, "5.6.0", "Message has a bare CR (lines must end with CRLF), nothing was accepted"),
    "nul": say(550, "5.6.0", "Message has a NUL byte, nothing was accepted"),
    "too-big": TOO_BIG,
}
