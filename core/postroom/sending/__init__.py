"""The rules of sending: which mail a sender takes, when it runs, how much it may send, when it tries again. Pure: no sockets, no clock."""
