"""The settings of local delivery, as an administrator writes them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from postroom.config.schema import PluginSettings


class Settings(PluginSettings):
    """Local routing. Domains are in the section ``domains``; users, mappings and lists are in the database."""

    unrecognised_to_outgoing: bool = Field(
        False, description="Locally sent mail for an unrecognised local recipient goes out like mail for another domain."
    )
    disable_default_user_mappings: bool = Field(
        False, description="A user gets only the mail of the mappings, not that of name@ every local domain."
    )
    everyone_from: Literal["local", "anyone"] = Field(
        "local", description="Whose mail the list everyone takes: that of users and of senders who may send anywhere, or anyone's."
    )
    plus_separator: str = Field(
        "+", max_length=1, description="user+tag@domain reaches user when no such name exists; empty switches plus-addresses off."
    )
    plus_folder: bool = Field(False, description="Mail for user+tag goes to the folder named tag when the user has one, else to INBOX.")
    max_depth: int = Field(10, ge=1, le=50, description="How deeply lists, mappings, forwards and assistants may be nested.")
    max_targets: int = Field(20_000, ge=1, le=1_000_000, description="How many mailboxes and addresses one recipient may lead to.")
