"""Counts made by OpenSearch or Elasticsearch: composite aggregations over all pages of a point in time.

A message is grouped by a script that reads it from the document and shrinks its numbers, so that few groups come back; it works
where the index keeps only the words of messages, too. Where scripts are refused, a keyword field is grouped, and what it has
forgotten is read; else the events are. An answer is believed only if the groups hold as many documents as fit (a document with
a list counts once in each group) and, with a script, if the first messages are found among the texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bridge.adapters.log_sources.counted import Counted
from bridge.errors import RefusedError
from bridge.logs.collapse import LONGEST, shrunk
from bridge.logs.question import CORE, Question
from bridge.logs.records import MESSAGE_LIMIT
from bridge.logs.remote import event_of

if TYPE_CHECKING:
    from bridge.adapters.log_sources.opensearch import OpenSearchLogs

MILLISECOND: Final = 1_000
_GROUPED: Final = frozenset({"keyword", "constant_keyword", "wildcard", "boolean", "long", "integer", "short", "byte", "unsigned_long"})
"""Types whose groups are what the documents say: a date, a float or an address is written in other ways there."""
_PAGE: Final = 1_000
_SCRIPT_PAGE: Final = 10_000
"""Groups of a page where each page runs the script over all documents again; servers allow 65,535."""
_SAMPLE: Final = 100
_SECOND: Final = 1_000_000
FUNCTION: Final = """
Object at(Object m, String n) {
  if (!(m instanceof Map)) { return null; }
  Map map = (Map) m;
  if (map.containsKey(n)) { return map.get(n); }
  int d = n.indexOf(".");
  while (d >= 0) {
    String head = n.substring(0, d);
    if (map.containsKey(head)) { return at(map.get(head), n.substring(d + 1)); }
    d = n.indexOf(".", d + 1);
  }
  return null;
}
"""
BODY: Final = """
Object s = at(params.get("_source"), (String) params.get("name"));
if (s == null) { return "w"; }
if (!(s instanceof String)) { return "?"; }
String t = (String) s;
if (t.length() > 65536) { return "?"; }
for (Object g : (List) params.get("grep")) { if (!t.contains((String) g)) { return "-"; } }
if (!"yes".equals(params.get("shrink")) || t.indexOf("\\n") >= 0) { return "w" + t; }
StringBuilder b = new StringBuilder("s");
int letters = -1;
for (int i = 0; i < t.length(); i++) {
  int c = t.charAt(i);
  if (c >= 48 && c <= 57) { if (letters < 0) { b.append("0"); } letters = 0; }
  else if (letters >= 0 && letters < 16 && c >= 97 && c <= 102) { letters++; }
  else { letters = -1; b.append((char) c); }
}
return b.toString();
"""
"""Painless, and Java: `w` and the message, `s` and what `bridge.logs.collapse` leaves of it, `-` for one that does not fit, `?`."""


class _UnbelievedError(Exception):
    """The groups are not what the documents say."""


def counted_there(source: OpenSearchLogs, question: Question, wanted: Sequence[str], *, every: int | None, shrink: bool) -> Counted | str:
    """Count what fits by these fields; or return why all events have to be read. `every` in microseconds."""
    asked = [key for key, _ in question.where]
    judged = {"level": question.levels, "service": question.services, "account_id": question.accounts, "trace_id": question.traces}
    names = list(dict.fromkeys((*wanted, *asked, *(name for name, values in judged.items() if values))))
    names = [name for name in names if name not in {"template", "file", "message"}]
    message = bool({"template", "message"} & set(wanted)) or bool(question.grep) or "message" in asked
    for name in names:
        source.known(name)
    types = source.types((*names, "message"))
    other = [name for name in names if types.get(source.columns[name]) not in _GROUPED]
    if other:
        return f"{source.columns[other[0]]} ({types.get(source.columns[other[0]], 'not in the index')}) has no exact groups"
    other = source.rewritten([*names, "message"])
    if set(other) & set(names):
        return f"{other[0]} is kept otherwise than it was written (normalizer, null_value)"
    if every is not None and every % _SECOND:
        return "buckets are shorter than a second"
    start, end = question.start, question.end
    inside = replace(
        question,
        start=None if start is None else start + -start % MILLISECOND,
        end=None if end is None else end - end % MILLISECOND,
    )
    if inside.start is not None and inside.end is not None and inside.start >= inside.end:
        return "the window lies within a millisecond"
    keyword = types.get(source.columns["message"]) in {"keyword", "wildcard"} and "message" not in other
    modes = ["none"] if not message else ["script", "keyword"] if keyword else ["script"]
    if keyword and not shrink and not question.grep:
        modes.reverse()
    reasons = []
    for mode in modes:
        try:
            result = _grouped(source, inside, names, mode, every=every, shrink=shrink and not question.grep and "message" not in asked)
        except (RefusedError, _UnbelievedError) as error:
            reasons.append(getattr(error, "message", str(error)))
            continue
        for edge in ((start, inside.start), (inside.end, end)):
            if edge[0] != edge[1]:
                _read(source, replace(question, start=edge[0], end=edge[1]), result)
        result.note = result.note or "; ".join(reasons)
        return result
    return "; ".join(reasons)


def _grouped(source: OpenSearchLogs, question: Question, names: Sequence[str], mode: str, *, every: int | None, shrink: bool) -> Counted:
    sources: list[dict[str, Any]] = []
    if every is not None:
        sources.append({"bucket": {"date_histogram": {"field": source.columns["at"], "fixed_interval": f"{every // _SECOND}s"}}})
    sources += [{f"k{number}": {"terms": {"field": source.columns[name], "missing_bucket": True}}} for number, name in enumerate(names)]
    if mode == "script":
        params = {"name": source.path("message"), "grep": list(question.grep), "shrink": "yes" if shrink else ""}
        script = {"lang": "painless", "source": FUNCTION + BODY, "params": params}
        sources.append({"m": {"terms": {"script": script}}})
    elif mode == "keyword":
        sources.append({"m": {"terms": {"field": source.columns["message"], "missing_bucket": True}}})
    result = Counted()
    everywhen = replace(question, start=None, end=None)
    forgotten = 0
    with source.point() as point:
        rows, total = _rows(source, question, sources, point, page=_SCRIPT_PAGE if mode == "script" else _PAGE, result=result)
        if not result.cut and sum(events for _, events in rows) != total:
            raise _UnbelievedError(f"its groups hold {sum(events for _, events in rows):,} documents, and there are {total:,}")
        if mode == "script":
            _confirm(source, question, {key["m"] for key, _ in rows}, point, shrink=shrink, cut=bool(result.cut))
    for key, events in rows:
        text = key.get("m")
        if mode == "script" and text == "-":
            continue
        if mode == "keyword" and text is None:
            forgotten += events
            continue
        values: dict[str, Any] = {name: key.get(f"k{number}") for number, name in enumerate(names)}
        whole = mode != "script" or not text or text[0] == "w"
        values["message"] = text[1:] if mode == "script" and text else text
        extra = {name: value for name, value in values.items() if name not in CORE and value is not None}
        event = event_of(0, values, json.dumps(extra, ensure_ascii=False))
        if everywhen.fits(event):
            result.groups.append((key["bucket"] * MILLISECOND if every is not None else 0, event, whole, events))
    if forgotten:
        _read(source, question, result, without="message")
        result.note = f"{forgotten:,} documents whose message is too long for {source.columns['message']} were read"
    return result


def _rows(
    source: OpenSearchLogs, question: Question, sources: Sequence[Any], point: dict[str, str], *, page: int, result: Counted
) -> tuple[list[tuple[dict[str, Any], int]], int]:
    """Return (key, documents) of each group, and how many documents there are."""
    body: dict[str, Any] = {"size": 0, "track_total_hits": True, "query": source.query(question)}
    if not sources:
        total = _total(source.search(body, point))
        return [({}, total)] if total else [], total
    rows: list[tuple[dict[str, Any], int]] = []
    names = [name for part in sources for name in part]
    total = 0
    after: Any = None
    while True:
        composite = {"size": page, "sources": sources, **({"after": after} if after is not None else {})}
        found = source.search({**body, "track_total_hits": after is None, "aggs": {"groups": {"composite": composite}}}, point)
        total = _total(found) if after is None else total
        try:
            groups = found["aggregations"]["groups"]
            for bucket in groups["buckets"]:
                key = {name: bucket["key"][name] for name in names}
                key |= {"bucket": int(key["bucket"])} if "bucket" in key else {}
                rows.append((key if key.get("m") is None else {**key, "m": str(key["m"])}, int(bucket["doc_count"])))
        except (KeyError, TypeError, ValueError) as error:
            raise _UnbelievedError("it answered without groups") from error
        after = groups.get("after_key")
        if after is None or not groups["buckets"]:
            return rows, total
        if len(rows) >= source.caps[1]:
            result.cut = f"cut at the cap of {source.caps[1]:,} groups"
            return rows, total


def _total(found: dict[str, Any]) -> int:
    try:
        total = found["hits"]["total"]
        if total["relation"] == "eq":
            return int(total["value"])
    except (KeyError, TypeError, ValueError):
        pass
    raise _UnbelievedError("it does not say how many documents there are")


def _confirm(source: OpenSearchLogs, question: Question, texts: set[str], point: dict[str, str], *, shrink: bool, cut: bool) -> None:
    """Check that the script does what it should, on the first messages."""
    if "?" in texts:
        raise _UnbelievedError("a message is no text, or a very long one")
    for event in [] if cut else source.first(question, _SAMPLE, point):
        message = event.message
        if not all(part in message for part in question.grep):
            continue
        text = "w" + message if not shrink or "\n" in message else "s" + shrunk([message])[0]
        if text not in texts and not any(one[:LONGEST] == text for one in texts if len(text) >= LONGEST) and len(message) < MESSAGE_LIMIT:
            raise _UnbelievedError("a message is in none of its groups")


def _read(source: OpenSearchLogs, question: Question, result: Counted, *, without: str = "") -> None:
    with closing(source.documents(question, without=without)) as found:
        for event in found:
            if len(result.read) >= source.caps[0]:
                result.cut = result.cut or f"counted from the first {source.caps[0]:,} events only"
                return
            if event is not None and question.fits(event):
                result.read.append(event)
