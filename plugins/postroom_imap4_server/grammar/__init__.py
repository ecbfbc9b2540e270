"""The words of IMAP: what clients write is decoded here within limits, what the server says is encoded here. No state, no socket."""
