"""What FETCH answers: data items of many messages at a time, from columns, kept answers and the messages themselves."""
