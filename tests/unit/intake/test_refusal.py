"""A refusal comes back whole from the one text that the ledger keeps of it."""

from __future__ import annotations

import pytest

from pipelines.intake.refusal import IntakeRefusal, read_refusal

FILE = "cdr/a [1]: b, line 7.csv"


@pytest.mark.parametrize("line", [None, 12])
def test_a_refusal_is_read_back_from_its_text(line: int | None) -> None:
    given = IntakeRefusal(FILE, "header_differs", "it has [x]: y.\nAnd z", "Mend it. Or not.", line)
    found = read_refusal(FILE, str(given))
    assert vars(found) == vars(given)


def test_words_of_another_form_are_kept_as_they_are() -> None:
    assert read_refusal(FILE, "of before").reason == "of before"
