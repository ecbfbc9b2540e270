"""Tables about TLS to other servers: what their domains demand, and what is to be reported to them."""

from __future__ import annotations

from peewee import BigIntegerField, Model, TextField


class StsPolicy(Model):
    """The MTA-STS policy of a domain as it was fetched last (RFC 8461)."""

    domain = TextField(primary_key=True)
    policy_id = TextField()  # of the TXT record that announced it
    mode = TextField()  # enforce, testing or none
    mx = TextField()  # JSON: patterns of host names
    max_age = BigIntegerField()  # seconds, as the policy says
    fetched_at = BigIntegerField()
    expires_at = BigIntegerField()
    checked_at = BigIntegerField()  # when fetching it was tried last
    used_at = BigIntegerField()  # when mail went there last, to the day

    class Meta:
        table_name = "sts_policy"


class TlsResult(Model):
    """Connections of one UTC day to one domain that went the same way (RFC 8460)."""

    id = TextField(primary_key=True)  # digest of all that makes it differ from others
    day = BigIntegerField()  # days since 1970
    domain = TextField()  # to whom it is reported
    policy_type = TextField()  # tlsa, sts or no-policy-found
    policy_domain = TextField()
    policy_string = TextField()  # JSON: lines
    mx_patterns = TextField()  # JSON
    result_type = TextField()  # "" is success
    reason = TextField()  # in words
    sending_mta_ip = TextField()
    receiving_mx = TextField()
    receiving_ip = TextField()
    helo = TextField()
    count = BigIntegerField()

    class Meta:
        table_name = "tls_result"
        indexes = ((("day", "domain"), False),)
