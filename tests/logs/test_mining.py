"""The laws of template mining: order changes nothing, ids last, what widens keeps its past."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import InputError
from bridge.logs import miner
from bridge.logs.counting import without_ids
from bridge.logs.miner import ALGORITHM, Miner, mined
from bridge.logs.template_store import KnownTemplates, load_known, save_known
from bridge.logs.tokens import TOKEN

CASES: list[dict[str, list[str]]] = json.loads((Path(__file__).parents[1] / "cases" / "logs" / "mining.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["about"]))
def test_table(case: dict[str, list[str]]) -> None:
    found = mined(case["messages"])
    assert sorted(found.texts) == sorted(case["templates"])


words = st.sampled_from(
    [
        *"user root news cyrus test guest for from failed = ( ) [ ] , : \" ' true null a.b.C /x/y 10.0.0.1 17 0xff w17 x_1 - .".split(),  # noqa: SIM905 - as it is read
        "\n",
        " ",
    ]
)
lines = st.lists(st.one_of(st.lists(words, max_size=12).map(" ".join), st.text(max_size=30)), max_size=30)


@settings(deadline=None)
@given(lines, st.randoms(use_true_random=False))
def test_order_and_batches_change_nothing(messages: list[str], chance: random.Random) -> None:
    clean = [message.encode("utf-8", "replace").decode() for message in messages]
    there = mined(clean)
    order = list(range(len(clean)))
    chance.shuffle(order)
    back = Miner()
    for number in order:
        back.add([clean[number]])
    ids = back.finish().assigned()
    assert [there.assigned()[number] for number in order] == ids


@settings(deadline=None)
@given(lines)
def test_every_message_has_one_template(messages: list[str]) -> None:
    clean = [message.encode("utf-8", "replace").decode() for message in messages]
    found = mined([*clean, *clean])
    assert found.assigned()[: len(clean)] == found.assigned()[len(clean) :]
    assert sum(found.lines) == 2 * len(clean)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(TOKEN.findall(text)) == text


@settings(deadline=None)
@given(lines, lines)
def test_what_was_known_is_never_new(first: list[str], second: list[str]) -> None:
    monday, tuesday = ([message.encode("utf-8", "replace").decode() for message in day] for day in (first, second))
    one = mined(monday)
    two = mined([*monday, *tuesday], one.templates)
    now = two.templates.current()
    assert [now[identity] for identity in one.assigned()] == two.assigned()[: len(monday)]
    assert all(two.known[two.ids.index(now[identity])] for identity in one.ids)
    again = mined(monday, two.templates)
    assert all(again.known)
    assert again.assigned() == two.assigned()[: len(monday)]


def test_the_second_day_gives_the_ids_of_the_first() -> None:
    first = ["export 17 done in 3 ms", "session opened for user root", "disk full on /dev/sda1"]
    one = mined(first)
    two = mined(["export 99 done in 1 ms", "disk full on /dev/sdb7"], one.templates)
    assert two.assigned() == [one.assigned()[0], one.assigned()[2]]
    assert two.known == (True, True)


def test_a_template_that_widens_keeps_its_old_id_as_alias() -> None:
    one = mined(["session opened for user root", "cache flushed"])
    two = mined(["session opened for user news", "queue drained"], one.templates)
    assert two.texts[two.numbers[0]] == "session opened for user <*>"
    assert two.templates.aliases()[two.assigned()[0]] == (one.assigned()[0],)
    assert dict(zip(two.texts, two.known, strict=True)) == {"session opened for user <*>": True, "queue drained": False}
    assert two.templates.current()[one.assigned()[0]] == two.assigned()[0]
    assert two.templates.current()[one.assigned()[1]] == one.assigned()[1], "what was not seen on the second day is kept"


def test_templates_that_merge_keep_all_their_ids() -> None:
    states = [
        "job moved to state queued now",
        "job moved to state running now",
    ]
    one = mined(states)
    assert len(one.ids) == 2
    two = mined(["job moved to state done now"], one.templates)
    assert two.texts == ("job moved to state <*> now",)
    assert two.known == (True,)
    assert set(two.templates.aliases()[two.ids[0]]) == set(one.ids)
    three = mined(["job moved to state unheard now"], two.templates)
    assert three.ids == two.ids


def test_what_is_kept_of_many_texts_still_reads_the_same() -> None:
    """Thirty-two texts in alphabetical order share their first word: the template must not shrink to it when the day was quiet."""
    names = [a + b + c for a in "klmn" for b in "opqr" for c in "stuvwx"]
    many = [f"copy of {one} went to {two} at last" for one in names[:40] for two in names[:40]]
    one = mined(many)
    assert one.texts == ("copy of <*> went to <*> at last",)
    quiet = mined(["cache flushed"], one.templates)
    assert {entry.template: entry.aliases for entry in quiet.templates.entries} == {one.texts[0]: (), "cache flushed": ()}
    assert mined(many[:2], quiet.templates).ids == one.ids
    assert max(len(entry.members) for entry in one.templates.entries) <= 40


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [*" \t\v\f\r/\\:=?&<>*()[]{}'\",;.-+@$é\u2028", "0", "a0f", "KB", "sec", "<*>", "http", "Mar", "Tue, ", "x.y", "w=A"]
            ),
            max_size=24,
        ).map("".join),
        min_size=1,
        max_size=20,
    )
)
def test_few_texts_and_many_are_masked_alike(texts: list[str]) -> None:
    """`re` masks few texts and RE2 many: one id whatever else is there."""
    distinct = [text for text, _ in itertools.groupby(sorted(texts))]
    few, numbers = miner.masks(distinct)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(miner, "_FEW", 0)
        patch.setattr(miner, "_FEW_BEFORE", 0)
        many, others = miner.masks(distinct)
    assert [few[number] for number in numbers.tolist()] == [many[number] for number in others.tolist()]


@given(
    texts=st.lists(
        st.lists(
            st.sampled_from(
                [*"afz <>:-_/.", "0", "0-0-0-0-0", "-0", "a0-d0-0-b-0", "0:0:0", "Mar 0 0:0:0", "0-0-0 0:0:0", "job ", "user="]
            ),
            max_size=16,
        ).map("".join),
        min_size=1,
        max_size=12,
    )
)
def test_a_text_that_is_kept_without_its_uuids_has_the_same_mask(texts: list[str]) -> None:
    def masked(given: list[str]) -> list[str]:
        found, rows = miner.masks(given)
        return [found[row] for row in rows.tolist()]

    assert masked([without_ids(text) for text in texts]) == masked(texts)


def test_a_store_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    assert load_known(path, ALGORITHM) == KnownTemplates(algorithm=ALGORITHM)
    known = mined(["session opened for user root", "session opened for user ütest"]).templates
    save_known(path, known)
    assert load_known(path, ALGORITHM) == known
    assert [item.name for item in tmp_path.iterdir()] == ["known.json"]
    with pytest.raises(InputError, match="made by"):
        load_known(path, "template-2027-01")
    path.write_text('{"templates": 3}')
    with pytest.raises(InputError, match="no file of known templates"):
        load_known(path, ALGORITHM)


def test_ids_are_the_same_on_every_machine() -> None:
    assert mined(["wrote 17 rows"]).ids == ("ffa434b9ac37",)
