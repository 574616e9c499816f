"""The command line: parse, compose adapters, print, exit codes. Imports stay light until a command runs."""
