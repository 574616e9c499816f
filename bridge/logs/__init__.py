"""Logs: formats, times, the scanner that loses no line, templates, events as a table."""
