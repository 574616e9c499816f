"""What to write instead of what the guard refuses, for people."""

from __future__ import annotations

import difflib
import re

from bridge.sql.lists import lists

_CALL = re.compile(r"^(?:[\w$]+\.)*([\w$]+)\(\)")
_ADVICE = {
    "statement": "write one query: SELECT ..., or WITH ... SELECT ...; two questions are two files",
    "into": "leave INTO out: bridge keeps the rows itself",
    "lock": "leave the FOR clause out: a read needs no lock",
    "settings": "leave the clause out; limits stand in bridge.yaml",
    "format": "leave the clause out: the driver decides it",
    "option": "leave the modifier out",
    "hint": "leave the hint out, or take one that only changes a plan",
    "comment": "leave the comment out, or write it as /* ... */ without the exclamation mark",
    "characters": "type the place again as plain text",
    "parameter": "write :name, and declare the parameter",
    "assignment": "give the value a name in a WITH part instead",
    "table": "read your own tables; what there is, is in information_schema",
    "size": "take smaller counts; pass long lists as a parameter",
    "nesting": "split it into WITH parts",
    "syntax": "check the place, and that the dialect is the right one; a clause that only this server knows may go into a sub-select",
    "node": "say it with plain SELECT, JOIN, WHERE, GROUP BY",
    "time": "make it shorter, or split it into WITH parts",
    "crash": "make it shorter, or split it into WITH parts",
}


def advice(rule: str, message: str, dialect: str) -> str:
    """Return what to write instead, empty when there is nothing to say; `message` is the guard's own."""
    if rule != "function":
        return _ADVICE.get(rule, "")
    call = _CALL.match(message)
    near = difflib.get_close_matches(call.group(1), lists(dialect).functions, n=1, cutoff=0.75) if call else []
    if near:
        return f"did you mean {near[0]}()?"
    return "compute it with functions that only look at their arguments; one of those is missing? docs/sql-safety.md says where to add it"
