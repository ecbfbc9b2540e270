"""Accepted mail on its way: put in, claimed, sent, tried again, reported, and looked after by the administrator."""
