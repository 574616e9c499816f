"""What real programs write is read as they mean it, without a declaration where one is not needed, and refused with a next step where it is."""

from __future__ import annotations

import pytest

from tests.logs.programs import Program, programs, read, wrong

PROGRAMS = programs()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_is_read_as_it_means(program: Program) -> None:
    assert wrong(program) == []


@pytest.mark.parametrize("program", [program for program in PROGRAMS if "zone" in program.options], ids=lambda program: program.name)
def test_no_zone_is_guessed(program: Program) -> None:
    result = read(program, without="zone")
    assert result.rejects is not None
    refused = [row["reason"] for row in result.rejects.to_pylist() if "declare `zone`" in row["reason"]]
    assert refused
    assert result.counts["lines"] == result.counts["parsed"] + result.counts["joined"] + result.counts["rejected"]


@pytest.mark.parametrize("program", [program for program in PROGRAMS if "dates" in program.options], ids=lambda program: program.name)
def test_no_order_of_day_and_month_is_guessed(program: Program) -> None:
    result = read(program, without="dates")
    assert result.rejects is not None
    assert result.table.num_rows == 0
    assert all("declare `dates`" in row["reason"] for row in result.rejects.to_pylist())


def test_there_are_as_many_samples_as_are_told() -> None:
    assert len(PROGRAMS) >= 369
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)
