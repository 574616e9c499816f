"""Documents put together at random, with hostile words in every place: ADF by Atlassian's schema, and the text kept in all four formats.

`make adf` tries 10,000 and prints what came out; the tests try a few hundred of them.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.reporting import adf, gates_markup, html, markdown, parse, wiki
from bridge.reporting.nodes import (
    Align,
    Block,
    Break,
    Bullets,
    Code,
    CodeBlock,
    Document,
    Emphasis,
    Heading,
    Image,
    Inline,
    Link,
    Paragraph,
    Quote,
    Rule,
    Strong,
    Table,
    Text,
    body,
    inlines,
)
from bridge.text.terminal import visible
from tests.reporting.sinks import PIECES, read, unescaped

_DEPTH = 3
ALIGNS: tuple[Align, ...] = ("", "left", "right", "center")


def words(draw: random.Random) -> str:
    """Return hostile words as they reach nodes: made visible, without blanks at their ends."""
    text = visible("".join(draw.choices(PIECES, k=draw.randint(1, 6)))).strip()
    return text or "x"


def line(draw: random.Random, depth: int = 0) -> tuple[Inline, ...]:
    """Return inline nodes; neighbouring texts never stand side by side, as in what is parsed."""
    made: list[Inline] = []
    for _ in range(draw.randint(1, 3)):
        kind = draw.random()
        below = line(draw, depth + 1) if depth < _DEPTH and kind < 0.35 else ()
        if below and kind < 0.12:
            made.append(Strong(children=below))
        elif below and kind < 0.24:
            made.append(Emphasis(children=below))
        elif below:
            made.append(Link(url="https://a.test/x", children=(Text(text=words(draw)),)))
        elif kind < 0.5:
            made.append(Code(text=words(draw)))
        elif kind < 0.55 and depth == 0 and made:
            made.append(Break())
        elif kind < 0.6:
            made.append(Image(source="pictures/a.svg", alt=words(draw), caption=words(draw)))
        elif not made or not isinstance(made[-1], Text):
            made.append(Text(text=words(draw)))
    return tuple(made) or (Text(text="x"),)


def block(draw: random.Random, depth: int = 0) -> Block:
    """Return a block; lists and quotes hold further ones."""
    kind = draw.random()
    if depth < _DEPTH and kind < 0.2:
        items = tuple(tuple(block(draw, depth + 1) for _ in range(draw.randint(1, 2))) for _ in range(draw.randint(1, 3)))
        return Bullets(start=draw.choice([None, 1, 7]), items=items)
    if depth < _DEPTH and kind < 0.3:
        return Quote(children=tuple(block(draw, depth + 1) for _ in range(draw.randint(0, 2))))
    if kind < 0.45:
        columns = draw.randint(1, 3)
        rows = [tuple((Text(text=words(draw)),) for _ in range(columns)) for _ in range(draw.randint(1, 4))]
        return Table(align=tuple(draw.choice(ALIGNS) for _ in range(columns)), head=rows[0], rows=tuple(rows[1:]))
    if kind < 0.6:
        return CodeBlock(text="\n".join(words(draw) for _ in range(draw.randint(0, 3))), language=draw.choice(["", "sql", "json"]))
    if kind < 0.7:
        return Heading(level=draw.randint(2, 6), children=line(draw, _DEPTH))
    return Rule() if kind < 0.72 else Paragraph(children=line(draw))


def document(draw: random.Random) -> Document:
    """Return a whole document."""
    return Document(children=tuple(block(draw) for _ in range(draw.randint(1, 6))))


def leaves(blocks: tuple[Block, ...]) -> Iterator[str]:
    """Yield every text in reading order, pictures and empty ones left out."""
    for node in blocks:
        match node:
            case CodeBlock(text=text):
                yield from text.split("\n")
            case Bullets(items=items):
                for item in items:
                    yield from leaves(item)
            case Quote(children=children):
                yield from leaves(children)
            case _:
                yield from (child.text for child in inlines((node,)) if isinstance(child, Text | Code))


def adf_words(node: dict[str, Any]) -> str:
    """Return all text of an ADF document."""
    return str(node.get("text", "")) + "".join(adf_words(child) for child in node.get("content", ()))


def lost(shown: str, made: Document) -> str | None:
    """Return the first text that does not stand in `shown`, in order; blanks don't count."""
    at, shown = 0, "".join(shown.split())
    for text in leaves(body(made)):
        wanted = "".join(text.split())
        found = shown.find(wanted, at)
        if found < 0:
            return text
        at = found + len(wanted)
    return None


def faults(made: Document, schema: Any) -> Iterator[str]:
    """Yield what is wrong with one document's renderings."""
    node = adf.render(made)
    if schema is not None:
        yield from (f"schema: {error.message}" for error in schema.iter_errors(node))
    page = html.render(made, title="t", pictures={}, made_by="")
    markup = wiki.render(made)
    yield from (f"gate: {problem.message}" for problem in gates_markup.problems(json.dumps(node), markup, page))
    again = parse.parse(markdown.render(made), parse.Allowed(pictures=frozenset({"pictures/a.svg"})))
    read_back = "\n".join(leaves(body(again)))
    whole = "".join(markup.replace("{ noformat", "{noformat").split())
    either = (whole, "".join(unescaped(markup).split()))  # code blocks know no escapes
    for text in leaves(body(made)):
        if not any("".join(text.split()) in shown for shown in either):
            yield f"text lost in wiki: {text!r}"
    for name, shown in (("adf", adf_words(node)), ("markdown", read_back), ("html", read(page).text.replace("\u00a0", " "))):
        gone = lost(shown, made)
        if gone is not None:
            yield f"text lost in {name}: {gone!r}"


def main() -> int:
    """Print how many documents were tried, their kinds of nodes, and every violation."""
    import jsonschema_rs

    folder = Path(os.environ.get("BRIDGE_CORPORA", str(Path(__file__).parents[2].parent / "shared" / "corpora"))).parent
    path = folder / "contracts" / "adf-full.schema.json"
    if not path.is_file():
        print(f"skipped: no {path} (BRIDGE_CORPORA names the folder beside it)")
        return 0
    schema = jsonschema_rs.validator_for(json.loads(path.read_text(encoding="utf-8")))
    count = int(os.environ.get("BRIDGE_DOCUMENTS", "10000"))
    draw = random.Random(11)
    kinds: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for _ in range(count):
        made = document(draw)
        kinds.update(type(node).__name__ for node in made.children)
        for fault in faults(made, schema):
            wrong[fault.partition(":")[0]] += 1
            if sum(wrong.values()) <= 10:
                print(fault[:300])
    print(f"{count:,} documents: " + ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common()))
    print(f"violations of Atlassian's schema: {wrong['schema']}; of our own gate: {wrong['gate']}; texts lost in one of four formats: "
          f"{sum(number for name, number in wrong.items() if name.startswith('text lost'))}")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
