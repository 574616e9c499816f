"""Runs in an environment of its own: answers queries in Snowflake's SQL with fakesnow, which puts them into DuckDB's. See test_fakesnow.py."""

from __future__ import annotations

import pickle
import sys
from importlib import import_module


def main() -> None:
    """Answer (text, arguments) until the pipe ends."""
    fakesnow = import_module("fakesnow")
    connector = import_module("snowflake.connector")
    with fakesnow.patch():
        connection = connector.connect(database="db", schema="logs", paramstyle="pyformat", interpolate_empty_sequences=True)
        while True:
            try:
                text, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own test writes it
            except EOFError:
                return
            try:
                cursor = connection.cursor()
                cursor.execute(text if arguments else text.replace("%%", "%"), arguments)  # fakesnow knows no interpolate_empty_sequences
                rows = [list(row) for row in cursor.fetchall()]
                answer = ("", [column[0] for column in cursor.description], rows)
            except Exception as error:  # noqa: BLE001 - told on the other side
                answer = (f"{type(error).__name__}: {error}", [], [])
            pickle.dump(answer, sys.stdout.buffer)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
