"""The Postroom plugin sender_list."""
