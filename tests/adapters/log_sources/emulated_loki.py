"""A small Loki: the part of its interface and of LogQL that our requests use, written to its documentation.

What it takes from there and what is easily done wrong: a range is (t - range, t]; lines that one stage can't read get
`__error__`, and a metric query with such a line fails; a name that a stream's label has is extracted as `NAME_extracted`;
more than `max_query_series` groups, a query over more than 721 h and a page of more than 5,000 lines are refused.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.adapters.log_sources.emulations import BadRequestError, Emulation

_STRING = r'"(?:[^"\\]|\\.)*"'
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_HOUR = 3_600 * 10**9
_TOKEN = re.compile(rf"\s*(?:({_STRING})|(\|=|\|~|!~|!=|=~|=|\||[(){{}},])|({_NAME})|(\[[0-9]+ms\]))", re.DOTALL)

Labels = dict[str, str]
Stage = Callable[[str, Labels, Labels, int], bool]
"""(line, the stream's labels, all labels, nanoseconds) to whether the line stays; labels are changed."""


@dataclass
class Loki(Emulation):
    """Streams of lines."""

    entries: list[tuple[dict[str, str], int, str]] = field(default_factory=list)
    """Labels, nanoseconds, line."""
    metadata: frozenset[str] = frozenset()
    """Which of the labels are structured metadata of entries: no selector sees them."""
    most_series: int = 500
    most_entries: int = 5_000

    def answer(self, method: str, path: str, params: dict[str, str], body: Any) -> Any:  # noqa: ARG002 - it takes no JSON
        if path == "/loki/api/v1/labels":
            return {"status": "success", "data": sorted({name for labels, _, _ in self.entries for name in labels})}
        if path == "/loki/api/v1/query_range" and set(params) == {"query", "start", "end", "limit", "direction"}:
            return self._lines(params)
        if path == "/loki/api/v1/query" and set(params) == {"query", "time"}:
            return self._vector(params)
        raise BadRequestError(f"no such handler: {method} {path}")

    def _lines(self, params: dict[str, str]) -> Any:
        limit, start, end = int(params["limit"]), int(params["start"]), int(params["end"])
        if limit > self.most_entries:
            raise BadRequestError(
                f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {self.most_entries})"
            )
        if end - start > 721 * _HOUR:
            raise BadRequestError("the query time range exceeds the limit (query length: 744h0m0s, limit: 30d1h)")
        parser = Parser(params["query"], self.metadata)
        run = parser.log_query()
        parser.done()
        found = sorted(
            (at, json.dumps(labels), line)
            for stream, at, line in self.entries
            if start <= at < end and (labels := run(line, stream, at)) is not None
        )
        streams: dict[str, list[list[str]]] = {}
        for at, text, line in found[:limit]:
            streams.setdefault(text, []).append([str(at), line])
        result = [{"stream": json.loads(text), "values": values} for text, values in streams.items()]
        return {"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}

    def _vector(self, params: dict[str, str]) -> Any:
        parser = Parser(params["query"], self.metadata)
        by, run, length = parser.metric_query()
        parser.done()
        if length > 721 * _HOUR:
            raise BadRequestError("the query time range exceeds the limit (query length: 744h0m0s, limit: 30d1h)")
        time = int(params["time"])
        counts: Counter[str] = Counter()
        for stream, at, line in self.entries:
            if not time - length < at <= time:
                continue
            labels = run(line, stream, at)
            if labels is None:
                continue
            if "__error__" in labels:
                raise BadRequestError(f"pipeline error: '{labels['__error__']}' for series")
            counts[json.dumps({name: labels[name] for name in by if labels.get(name)})] += 1
        if len(counts) > self.most_series:
            raise BadRequestError(
                f"maximum number of series ({self.most_series}) reached for a single query; consider reducing query cardinality by adding "
                "more specific stream selectors, reducing the time range, or aggregating results with functions like sum(), count() or topk()"
            )
        result = [{"metric": json.loads(text), "value": [time // 10**6 / 1_000, str(number)]} for text, number in counts.items()]
        return {"status": "success", "data": {"resultType": "vector", "result": result, "stats": {}}}


class Parser:
    """Reads LogQL: a selector with line filters, `regexp`, `label_format`, `drop` and label filters, and counts of it."""

    def __init__(self, text: str, metadata: frozenset[str]) -> None:
        self.text, self.tokens, self.metadata, place = text, [], metadata, 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise BadRequestError(f"parse error : syntax error: {text[place : place + 40]}")
            self.tokens.append(match[0].strip())
            place = match.end()
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if wanted and token not in wanted:
            raise BadRequestError(f"parse error : syntax error: unexpected {token!r}, expecting {wanted}: {self.text}")
        self.place += 1
        return token

    def name(self) -> str:
        token = self.take()
        if not re.fullmatch(_NAME, token):
            raise BadRequestError(f"parse error : syntax error: unexpected {token!r}, expecting a name")
        return token

    def string(self) -> str:
        token = self.take()
        if not re.fullmatch(_STRING, token, re.DOTALL) or "\n" in token:
            raise BadRequestError(f"parse error : syntax error: unexpected {token!r}, expecting STRING")
        value: str = json.loads(token)
        return value

    def done(self) -> None:
        self.take("")

    def metric_query(self) -> tuple[list[str], Callable[[str, Labels, int], Labels | None], int]:
        self.take("sum")
        by = []
        if self.peek() == "by":
            self.take("by")
            self.take("(")
            by.append(self.name())
            while self.take(",", ")") == ",":
                by.append(self.name())
        for token in ("(", "count_over_time", "("):
            self.take(token)
        run = self.log_query()
        length = re.fullmatch(r"\[([0-9]+)ms\]", self.take())
        self.take(")")
        self.take(")")
        if length is None or int(length[1]) == 0:
            raise BadRequestError("parse error : expecting RANGE")
        return by, run, int(length[1]) * 10**6

    def log_query(self) -> Callable[[str, Labels, int], Labels | None]:
        matchers = self._selector()
        stages: list[Stage] = []
        while self.peek() in {"|", "|=", "|~", "!~", "!="}:
            stages.append(self._stage())

        def run(line: str, stream: Labels, at: int) -> Labels | None:
            selected = {name: value for name, value in stream.items() if name not in self.metadata}
            if not all(matches(selected) for matches in matchers):
                return None
            labels = dict(stream)
            for stage in stages:
                if not stage(line, stream, labels, at):
                    return None
            return {name: value for name, value in labels.items() if value}

        return run

    def _selector(self) -> list[Callable[[Labels], bool]]:
        self.take("{")
        found = [self._matcher()]
        while self.take(",", "}") == ",":
            found.append(self._matcher())
        if all(matches({}) for matches in found):
            raise BadRequestError("queries require at least one regexp or equality matcher that does not have an empty-compatible value")
        return found

    def _matcher(self) -> Callable[[Labels], bool]:
        name, sign, value = self.name(), self.take("=", "!=", "=~", "!~"), self.string()
        if sign in {"=", "!="}:
            return lambda labels: (labels.get(name, "") == value) == (sign == "=")
        pattern = re.compile(re2(value), re.DOTALL)
        return lambda labels: (pattern.fullmatch(labels.get(name, "")) is not None) == (sign == "=~")

    def _stage(self) -> Stage:
        sign = self.take()
        if sign != "|":
            value = self.string()
            if sign in {"|=", "!="}:
                return lambda line, *_: (value in line) == (sign == "|=")
            pattern = re.compile(re2(value))
            return lambda line, *_: (pattern.search(line) is not None) == (sign == "|~")
        if self.peek() == "regexp":
            self.take()
            return _regexp(self.string())
        if self.peek() == "label_format":
            self.take()
            name = self.name()
            self.take("=")
            return _label_format(name, self.string())
        if self.peek() == "drop":
            self.take()
            names = [self.name()]
            while self.peek() == ",":
                self.take()
                names.append(self.name())
            return lambda _line, _stream, labels, _at: all(labels.pop(name, "") is not None for name in names)
        holds = self._either()
        return lambda _line, _stream, labels, _at: holds(labels)

    def _either(self) -> Callable[[Labels], bool]:
        parts = [self._both()]
        while self.peek() == "or":
            self.take()
            parts.append(self._both())
        return lambda labels: any(part(labels) for part in parts)

    def _both(self) -> Callable[[Labels], bool]:
        parts = [self._one()]
        while self.peek() == "and":
            self.take()
            parts.append(self._one())
        return lambda labels: all(part(labels) for part in parts)

    def _one(self) -> Callable[[Labels], bool]:
        if self.peek() != "(":
            return self._matcher()
        self.take()
        inner = self._either()
        self.take(")")
        return inner


def _regexp(text: str) -> Stage:
    pattern = re.compile(re2(text))
    if not pattern.groupindex:
        raise BadRequestError("parse error : at least one named capture must be supplied")

    def stage(line: str, stream: Labels, labels: Labels, _at: int) -> bool:
        match = pattern.search(line)
        for name, value in (match.groupdict() if match else {}).items():
            labels[f"{name}_extracted" if name in stream else name] = value or ""
        return True

    return stage


def _label_format(name: str, text: str) -> Stage:
    template = Template(text)

    def stage(line: str, _stream: Labels, labels: Labels, at: int) -> bool:
        labels[name] = template.run(line, labels, at)
        return True

    return stage


def re2(pattern: str) -> str:
    r"""Return a pattern of RE2 for `re`: `\x{fffd}` is `�`, and `$` is the end of the text only."""
    pattern = re.sub(r"\\x\{([0-9a-f]+)\}", lambda match: re.escape(chr(int(match[1], 16))), pattern)
    return re.sub(r"(?<!\\)\$$", r"\\Z", pattern)


class Template:
    """The part of Go's text/template that is used: `if`, `else`, calls, fields, literals."""

    def __init__(self, text: str) -> None:
        self.parts = re.split(r"\{\{ (.*?) \}\}", text)

    def run(self, line: str, labels: Labels, at: int) -> str:
        out, shown = [], [True]
        for number, part in enumerate(self.parts):
            if number % 2 == 0:
                out += [part] if all(shown) else []
            elif part.startswith("if "):
                shown.append(bool(_evaluate(part[3:], line, labels, at)))
            elif part == "else":
                shown[-1] = not shown[-1]
            elif part == "end":
                shown.pop()
            elif all(shown):
                out.append(str(_evaluate(part, line, labels, at)))
        return "".join(out)


def _evaluate(text: str, line: str, labels: Labels, at: int) -> Any:
    tokens = re.findall(rf"{_STRING}|[()]|\.{_NAME}|{_NAME}|[0-9]+", text)
    if re.sub(r"\s", "", "".join(tokens)) != re.sub(r"\s", "", text):
        raise BadRequestError(f"parse error : invalid template: {text}")
    functions: dict[str, Callable[..., Any]] = {
        "or": lambda *values: next((value for value in values if value), values[-1]),
        "contains": lambda part, whole: part in whole,
        "regexReplaceAll": lambda pattern, whole, new: re.sub(re2(pattern), new, whole),
        "div": lambda one, other: int(one) // int(other),
        "unixEpochNanos": str,
        "__timestamp__": lambda: at,
        "__line__": lambda: line,
    }

    def call() -> Any:
        word = tokens.pop(0)
        values = []
        if word in functions:
            while tokens and tokens[0] != ")":
                values.append(operand())
            return functions[word](*values)
        tokens.insert(0, word)
        return operand()

    def operand() -> Any:
        token = tokens.pop(0)
        if token == "(":
            value = call()
            tokens.pop(0)
            return value
        if token.startswith('"'):
            return json.loads(token)
        if token.startswith("."):
            return labels.get(token[1:], "")
        if token.isdigit():
            return int(token)
        if token in functions:
            return functions[token]()
        raise BadRequestError(f'parse error : invalid template: function "{token}" not defined')

    return call()
