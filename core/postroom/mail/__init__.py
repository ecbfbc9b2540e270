"""Values of the mail trade: replies, verdicts, envelopes, deliveries. No I/O and no clock."""
