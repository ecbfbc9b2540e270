"""What an enhanced status code (RFC 3463, RFC 7372, RFC 8461 …) means to the person who reads a delivery report, and what they can do."""

from __future__ import annotations

# detail or subject code without the class: (what it means, what to do). A table, looked up by detail, then by subject.
REMEDIES: dict[str, tuple[str, str]] = {
    "1.0": ("The address was not accepted.", "Check the address, or ask the recipient for the right one."),
    "1.1": (
        "There is no mailbox of that name at that domain.",
        "Check the part before the @ for typing mistakes, or ask the recipient for the right address.",
    ),
    "1.2": ("There is no mail server for that domain.", "Check the part after the @ for typing mistakes."),
    "1.3": ("The address is not written correctly.", "Check the address for missing or extra characters."),
    "1.4": ("The address fits more than one mailbox.", "Ask the recipient for an address that is theirs alone."),
    "1.6": ("The recipient has moved and left no new address.", "Ask the recipient for the new address."),
    "1.7": ("The recipient's server does not accept your address as a sender.", "Check the sender address in your mail program."),
    "1.8": (
        "The recipient's server finds no domain behind your address.",
        "Tell your administrator: the DNS entry of your own domain may be missing.",
    ),
    "1.10": ("The domain says that it takes no mail at all.", "Check the part after the @, or reach the recipient in another way."),
    "2.0": ("There is a problem with the recipient's mailbox.", "Reach the recipient in another way, so that they can have it looked at."),
    "2.1": ("The mailbox is switched off.", "Reach the recipient in another way."),
    "2.2": ("The mailbox is full.", "Try again in a few days, or tell the recipient in another way."),
    "2.3": ("The message is larger than that mailbox takes.", "Send it with smaller attachments, or send a link to them."),
    "2.4": ("The list behind the address could not be expanded.", "Tell the owner of the list."),
    "3.0": ("The recipient's mail server has a problem.", "Try again later."),
    "3.1": ("The recipient's mail server is full.", "Try again later."),
    "3.2": ("The recipient's mail server takes no mail just now.", "Try again later."),
    "3.3": (
        "The recipient's mail server lacks something that the message needs.",
        "Send it in plainer form, for instance without special characters in addresses.",
    ),
    "3.4": ("The message is larger than that server takes.", "Send it with smaller attachments, or send a link to them."),
    "4.0": ("The recipient's mail server could not be reached.", "Check the part after the @; if it is right, try again later."),
    "4.1": ("The recipient's mail server does not answer.", "Check the part after the @; if it is right, try again later."),
    "4.2": ("The connection to the recipient's mail server broke.", "Try again later."),
    "4.3": (
        "The way to the recipient's mail server could not be looked up.",
        "Check the part after the @; if it is right, try again later.",
    ),
    "4.4": ("No way to the recipient's mail server is known.", "Check the part after the @, or tell your administrator."),
    "4.5": ("The recipient's mail server is overloaded.", "Try again later."),
    "4.6": ("The message went round in a circle between mail servers.", "Tell your administrator."),
    "4.7": (
        "The recipient's mail server did not take the message in all the time that we tried.",
        "Try again later, or reach the recipient in another way.",
    ),
    "5.0": ("The two mail servers did not understand each other.", "Tell your administrator."),
    "5.2": ("The two mail servers did not understand each other.", "Tell your administrator."),
    "5.3": ("The message has more recipients than that server takes at once.", "Send it to fewer people at a time."),
    "6.0": ("The form of the message was not accepted.", "Send it in plainer form, for instance as plain text."),
    "6.1": ("The recipient's mail server does not take this kind of content.", "Send the content in another form."),
    "6.2": (
        "The recipient's mail server takes 7-bit text only, and the message is signed or encrypted, so that it must not be converted.",
        "Send it without a signature, or let your mail program encode it (quoted-printable or base64) before it signs.",
    ),
    "6.3": (
        "The recipient's mail server takes 7-bit text only, and the message is in a form that cannot be converted.",
        "Send it in plainer form, for instance as plain text.",
    ),
    "6.7": (
        "The recipient's mail server does not take addresses with these characters.",
        "Use an address in plain letters, if the recipient has one.",
    ),
    "7.0": (
        "The recipient's mail server refused the message by its rules.",
        "Read the server's own words above; they often name the reason or a page that explains it.",
    ),
    "7.1": (
        "The recipient's mail server refused the message by its rules.",
        "Read the server's own words above; they often name the reason or a page that explains it.",
    ),
    "7.2": ("You may not send to this list.", "Ask the owner of the list."),
    "7.8": ("Our login at the next mail server failed.", "Tell your administrator: user name or password of the sender may be wrong."),
    "7.9": ("Our way of logging in at the next mail server is not strong enough for it.", "Tell your administrator."),
    "7.10": ("The next mail server wants an encrypted connection.", "Tell your administrator."),
    "7.11": ("The next mail server wants an encrypted connection for this.", "Tell your administrator."),
    "7.20": ("A signature on the message is missing or does not verify (DKIM).", "Tell your administrator."),
    "7.23": (
        "Our server is not allowed to send for your domain (SPF).",
        "Tell your administrator: the SPF entry of your domain needs a look.",
    ),
    "7.25": ("Our server's address has no matching name in the DNS.", "Tell your administrator: the reverse DNS entry needs a look."),
    "7.26": ("The message failed several checks of its origin (SPF, DKIM, DMARC).", "Tell your administrator."),
    "7.27": ("Your domain says that it takes no mail, so the recipient's server takes none from it.", "Tell your administrator."),
    "7.30": (
        "The message may only travel encrypted, and the next server cannot do that (REQUIRETLS).",
        "Send it without that demand, or in another way.",
    ),
}
UNKNOWN = (
    "Read the server's own words above, and show this report to your administrator if they do not help."  # what to do about all others
)


def place_of(status: str) -> str:
    """The key of the table for an enhanced code such as "5.1.1"; empty when nothing is known."""
    _, _, detail = status.partition(".")
    subject = detail.partition(".")[0] + ".0"
    return detail if detail in REMEDIES else subject if subject in REMEDIES else ""
