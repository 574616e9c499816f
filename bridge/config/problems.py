"""All problems of one input in one error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.errors import InputError, Problem

SHOWN: Final = 20
"""More than this and the first ones explain the rest."""


def failure(what: str, problems: Sequence[Problem]) -> InputError:
    """Return one InputError for all `problems` of `what` (a file or folder), cut at 20 with "and N more".

    One problem alone becomes the error itself; `error.problems` holds it too, so that a printer needs one rule.
    """
    if not problems:
        raise ValueError("no problems, no error")
    unique = list(dict.fromkeys(problems))
    if len(unique) == 1:
        only = unique[0]
        return InputError(only.message, where=only.where, hint=only.hint, problems=(only,))
    shown = unique[:SHOWN]
    if len(unique) > SHOWN:
        shown.append(Problem(message=f"and {len(unique) - SHOWN} more"))
    return InputError(f"{what} has {len(unique)} problems", where=shown[0].where, problems=tuple(shown))
