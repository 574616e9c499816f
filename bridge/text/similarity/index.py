"""The index: every issue's tokens, counted once, and the weights of their terms.

Reading texts is what costs; it is done once an issue and kept on disk. Weights depend on the whole
collection and are computed anew, which takes little. BM25: Robertson and Zaragoza, "The Probabilistic Relevance
Framework", 2009, with Lucene's idf; TF-IDF: Salton and Buckley, 1988, sublinear, by cosine.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import sparse

from bridge.disk import replacing
from bridge.errors import InputError
from bridge.text.similarity import signals
from bridge.text.similarity.issue import Issue
from bridge.text.similarity.terms import BODY, grams, terms, tokens

FORMAT: Final = 1
TITLE_WEIGHT: Final = 3.0
K1: Final = 1.2
B: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is kept of an issue besides its tokens."""

    id: str
    given: str | int
    """The id as it was given, for answers."""
    created: float | None
    title: str
    digest: str
    signals: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Index:
    """Issues in the order in which they were created; weights are computed when first needed."""

    rows: tuple[Row, ...]
    vocabulary: tuple[str, ...]
    """Tokens as they are written; columns of `counts`."""
    counts: Any
    """scipy CSR, issues x tokens, float32: how often in the title (times its weight) and the body."""

    @cached_property
    def created(self) -> np.ndarray[Any, Any]:
        """Return seconds since 1970 by issue, in order; unknown ones are -inf."""
        return np.array([-np.inf if row.created is None else row.created for row in self.rows])

    @cached_property
    def place(self) -> dict[str, int]:
        """Return the row by issue id."""
        return {row.id: at for at, row in enumerate(self.rows)}

    @cached_property
    def expansion(self) -> Expansion:
        """Return tokens as terms."""
        return _expansion(self.vocabulary)

    @cached_property
    def weights(self) -> Weights:
        """Return the weights of words."""
        return _weights(self.counts @ self.expansion.matrix)

    @cached_property
    def title_weights(self) -> TitleWeights:
        """Return the weights of the titles' pieces."""
        return _title_weights([row.title for row in self.rows])

    @cached_property
    def holders(self) -> dict[str, list[int]]:
        """Return which issues have a signal."""
        found: dict[str, list[int]] = {}
        for at, row in enumerate(self.rows):
            for signal in row.signals:
                found.setdefault(signal, []).append(at)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """Tokens x terms."""

    terms: dict[str, int]
    matrix: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Terms x issues: real part BM25, imaginary part TF-IDF, so that one pass over a list of issues gives both."""

    matrix: Any
    idf: np.ndarray[Any, Any]
    """For TF-IDF, by term."""
    columns: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]
    """The terms of issue n: columns[starts[n] : starts[n + 1]]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleWeights:
    """Pieces x issues, TF-IDF by cosine."""

    pieces: dict[str, int]
    matrix: Any
    idf: np.ndarray[Any, Any]


def build(issues: Sequence[Issue], old: Index | None = None) -> Index:
    """Return the index of these issues; of those that `old` has unchanged nothing is read again. Of two with one id the last counts."""
    known = {row.digest: at for at, row in enumerate(old.rows)} if old else {}
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    if old:
        numbers.update((token, at) for at, token in enumerate(old.vocabulary))
        numbers.default_factory = count(len(old.vocabulary)).__next__
    wanted = sorted({issue.id: issue for issue in issues}.values(), key=lambda issue: (issue.created is not None, issue.created or 0.0))
    rows: list[Row] = []
    sources: list[int] = []
    fresh: list[tuple[array[int], int]] = []
    for issue in wanted:
        digest = _digest(issue)
        at = known.get(digest)
        if at is not None and old:
            rows.append(old.rows[at])
            sources.append(at)
        else:
            rows.append(_row(issue, digest))
            sources.append(-1 - len(fresh))
            title = array("i", map(numbers.__getitem__, tokens(issue.title)))
            size = len(title)
            title.extend(map(numbers.__getitem__, tokens(issue.body[:BODY])))
            fresh.append((title, size))
    counts = _counts(fresh, len(numbers))
    if old and old.rows:
        before = old.counts.copy()
        before.resize((before.shape[0], len(numbers)))
        stacked = sparse.vstack([before, counts], format="csr") if fresh else before
        counts = stacked[[at if at >= 0 else len(old.rows) - 1 - at for at in sources]]
    else:
        counts = counts[[-1 - at for at in sources]] if sources else counts
    return Index(rows=tuple(rows), vocabulary=tuple(numbers), counts=counts)


def _digest(issue: Issue) -> str:
    text = "\0".join((repr(issue.given), repr(issue.created), issue.title, issue.body))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _row(issue: Issue, digest: str) -> Row:
    return Row(
        id=issue.id,
        given=issue.given,
        created=issue.created,
        title=issue.title,
        digest=digest,
        signals=signals.signals(f"{issue.title}\n{issue.body}"),
    )


def _counts(documents: Sequence[tuple[array[int], int]], width: int) -> Any:
    """Return issues x tokens; the first `size` tokens of a document are its title's."""
    sizes = np.array([len(found) for found, _ in documents], dtype=np.int64)
    data = np.ones(int(sizes.sum()), dtype=np.float32)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    for start, (_, size) in zip(starts, documents, strict=False):
        data[start : start + size] = TITLE_WEIGHT
    columns = np.concatenate([np.frombuffer(found, dtype=np.int32) for found, _ in documents if found] or [np.zeros(0, dtype=np.int32)])
    found = sparse.csr_matrix((data, columns, starts), shape=(len(documents), width))
    found.sum_duplicates()
    return found


def _expansion(vocabulary: Sequence[str]) -> Expansion:
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    columns = array("i")
    starts = array("q", [0])
    for token in vocabulary:
        columns.extend(map(numbers.__getitem__, terms(token)))
        starts.append(len(columns))
    shape = (len(vocabulary), len(numbers))
    cells = np.frombuffer(columns, dtype=np.int32) if columns else np.zeros(0, dtype=np.int32)
    matrix = sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), cells, np.frombuffer(starts, dtype=np.int64)), shape=shape)
    return Expansion(terms=dict(numbers), matrix=matrix)


def _weights(found: Any) -> Weights:
    """Return both weights of each term in each issue from how often it is there."""
    found = found.tocsr()
    issues, width = found.shape
    having = np.bincount(found.indices, minlength=width).astype(np.float32)
    lengths = np.asarray(found.sum(axis=1)).ravel()
    mean = float(lengths.mean()) if issues else 1.0
    rows = np.repeat(np.arange(issues), np.diff(found.indptr))
    often = found.data
    bm25 = (
        np.log1p((issues - having + 0.5) / (having + 0.5))[found.indices]
        * often
        * (K1 + 1)
        / (often + (K1 * (1 - B + B * lengths / max(mean, 1e-9)))[rows])
    )
    idf = (np.log((1 + issues) / (1 + having)) + 1).astype(np.float32)
    tfidf = (1 + np.log(np.maximum(often, 1e-9))) * idf[found.indices]
    norms = np.sqrt(np.bincount(rows, weights=tfidf * tfidf, minlength=issues))
    tfidf = tfidf / np.maximum(norms, 1e-9)[rows]
    # The idf of the query's side is in here too: then a query's factor is how often it has the term, for both methods.
    both = np.empty(len(often), dtype=np.complex64)
    both.real, both.imag = bm25, tfidf * idf[found.indices]
    turned = sparse.csr_matrix((both, found.indices, found.indptr), shape=found.shape).T.tocsr()
    return Weights(matrix=turned, idf=idf, columns=found.indices, starts=found.indptr)


def _title_weights(titles: Sequence[str]) -> TitleWeights:
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    columns = array("i")
    starts = array("q", [0])
    for title in titles:
        columns.extend(map(numbers.__getitem__, grams(title)))
        starts.append(len(columns))
    shape = (len(titles), len(numbers))
    cells = np.frombuffer(columns, dtype=np.int32) if columns else np.zeros(0, dtype=np.int32)
    found = sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), cells, np.frombuffer(starts, dtype=np.int64)), shape=shape)
    found.sum_duplicates()
    having = np.bincount(found.indices, minlength=shape[1])
    idf = (np.log((1 + shape[0]) / (1 + having)) + 1).astype(np.float32)
    rows = np.repeat(np.arange(shape[0]), np.diff(found.indptr))
    data = (1 + np.log(found.data)) * idf[found.indices]
    norms = np.sqrt(np.bincount(rows, weights=data * data, minlength=shape[0]))
    found.data = (data / np.maximum(norms, 1e-9)[rows]).astype(np.float32)
    return TitleWeights(pieces=dict(numbers), matrix=found.T.tocsr(), idf=idf)


def save(index: Index, path: Path) -> None:
    """Write the index; another process sees the old file or the new one."""
    rows = [[row.given, row.created, row.title, row.digest, row.signals] for row in index.rows]
    texts = {"rows": json.dumps(rows), "vocabulary": json.dumps(index.vocabulary), "format": str(FORMAT)}
    arrays: dict[str, Any] = {"data": index.counts.data, "indices": index.counts.indices, "indptr": index.counts.indptr}
    arrays |= {name: np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8) for name, text in texts.items()}
    with replacing(path) as file:
        np.savez(file, **arrays)


def load(path: Path) -> Index | None:
    """Read an index; None when there is none, or one of another format: it is built again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            text: Callable[[str], str] = lambda name: file[name].tobytes().decode("utf-8", "surrogatepass")  # noqa: E731  # three uses, one line
            if text("format") != str(FORMAT):
                return None
            rows = [Row(id=str(r[0]), given=r[0], created=r[1], title=r[2], digest=r[3], signals=r[4]) for r in json.loads(text("rows"))]
            vocabulary = tuple(json.loads(text("vocabulary")))
            counts = sparse.csr_matrix((file["data"], file["indices"], file["indptr"]), shape=(len(rows), len(vocabulary)))
            counts.check_format(full_check=True)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(f"{path} is no index: {error}", where=str(path), hint="delete it: it is built again") from error
    return Index(rows=tuple(rows), vocabulary=vocabulary, counts=counts)
