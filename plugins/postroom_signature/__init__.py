"""Texts below the messages of users: signatures and disclaimers."""
