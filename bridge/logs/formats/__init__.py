"""One module a format: bytes of a line to records."""
