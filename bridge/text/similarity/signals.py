"""Exact signals in a report: what two reports of one defect share to the letter, and reports of two defects hardly ever."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_FINGERPRINT: Final = re.compile(r"\bbridge-[0-9a-f]{20}\b")
_TEMPLATE: Final = re.compile(r"(?i)\btemplate[ :=`\[(]{1,4}([0-9a-f]{12})\b|\b(bridge-tpl-[0-9a-f]{10})\b")
"""As reports write it, and as the label that bridge puts on issues."""
_ENDPOINT: Final = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE)\s+(?:https?://[^\s/\"]+)?(/[\w./{}:\-]{2,120})[^\n]{0,40}?\b([45][0-9]{2})\b")
_JVM: Final = re.compile(r"^\s*(?:\|)?\s*at\s+(?:[\w.\-]+/{1,2})?([\w.$]+\.[\w$<>]+)\(", re.MULTILINE)
_PYTHON: Final = re.compile(r'^\s*File "[^"\n]*?([^"/\\\n]+)", line \d+, in (\S+)', re.MULTILINE)
_NODE: Final = re.compile(
    r"^\s*at\s+(?:async\s+)?([\w.$<>\[\] ]+?)\s+\((?:file://|node:|/|[A-Za-z]:\\|webpack)[^)\n]*:\d+:\d+\)", re.MULTILINE
)
_LIBRARY: Final = re.compile(
    r"^(?:java|javax|jdk|sun|scala|kotlin|org\.junit|junit|org\.mockito|org\.apache\.maven|org\.hamcrest|com\.google\.common)\."
)
_EXCEPTION: Final = re.compile(r"\b((?:[a-z][\w]*\.)*[A-Z]\w*(?:Exception|Error|Failure|Fault))\b")
_VERBS: Final = ("GET ", "POST ", "PUT ", "PATCH ", "DELETE ")
_JVM_MARKS: Final = (".java:", ".kt:", ".scala:", ".groovy:", "(Unknown Source)")
_FRAMES: Final = 5
_SCANNED: Final = 20_000
KINDS: Final = {
    "fingerprint": "the same fingerprint",
    "template": "the same log template",
    "stack": "the same stack frames",
    "endpoint": "the same endpoint and status",
}
"""By kind, the strongest first; with the words for `why`."""


def signals(text: str) -> dict[str, str]:
    """Return signals as `kind:hash` with what they are, for people."""
    text = text[:_SCANNED]
    found: dict[str, str] = {}
    if "bridge-" in text:
        found.update({f"fingerprint:{mark}": mark for mark in _FINGERPRINT.findall(text)})
    if "emplate" in text or "bridge-tpl" in text:
        found.update({f"template:{mark}": mark for pair in _TEMPLATE.findall(text) for mark in pair if mark})
    for method, path, status in _ENDPOINT.findall(text) if any(verb in text for verb in _VERBS) else ():
        plain = re.sub(r"/[0-9a-f\-]*[0-9][0-9a-f\-]*(?=/|$)", "/{id}", path)
        found[f"endpoint:{method} {plain} {status}"] = f"{method} {plain} {status}"
    frames = _frames(text)
    if len(frames) >= _FRAMES:
        raised = _EXCEPTION.search(text)
        top = [raised[1] if raised else "", *frames[:_FRAMES]]
        found["stack:" + hashlib.sha256("\n".join(top).encode("utf-8", "replace")).hexdigest()[:20]] = " in ".join(
            part for part in (top[0].rpartition(".")[2], top[1]) if part
        )
    return found


def _frames(text: str) -> list[str]:
    """Return the program's own frames, the innermost first; line numbers change with every release and are left out."""
    if any(mark in text for mark in _JVM_MARKS):
        found = [frame for frame in _JVM.findall(text) if not _LIBRARY.match(frame)]
        if len(found) >= _FRAMES:
            return found
    if ".js:" in text or ".ts:" in text:
        found = _NODE.findall(text)
        if len(found) >= _FRAMES:
            return found
    return [f"{file}:{name}" for file, name in reversed(_PYTHON.findall(text))] if 'File "' in text else []
