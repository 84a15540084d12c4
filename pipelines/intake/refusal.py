"""Why a whole file is not taken, as an exception that names file, line, reason and cure.

Belongs here: the refusal of files. Does not: rejects of single records (reasons.py).
"""

from __future__ import annotations

import re

_SAID = re.compile(r"(?:, line (?P<line>\d+))?: (?P<reason>.*) \[(?P<code>\w+)\]\. (?P<cure>.*)", re.DOTALL)


class IntakeRefusal(Exception):  # noqa: N818  (a refusal is an answer to the sender, not a fault of ours)
    """A file of which nothing is kept but its row in the ledger.

    `file` is relative to the landing folder; `line` is 1-based and physical; `code` is short snake_case.
    `reason` and `cure` are sentences for a person and never hold a value of a personal column.
    """

    def __init__(self, file: str, code: str, reason: str, cure: str, line: int | None = None) -> None:
        where = file if line is None else f"{file}, line {line}"
        super().__init__(f"{where}: {reason} [{code}]. {cure}")
        self.file = file
        self.code = code
        self.reason = reason
        self.cure = cure
        self.line = line

    def __reduce__(self) -> tuple[type[IntakeRefusal], tuple[str, str, str, str, int | None]]:
        """By its parts: an executor's refusal travels to the driver."""
        return type(self), (self.file, self.code, self.reason, self.cure, self.line)


def read_refusal(file: str, said: str) -> IntakeRefusal:
    """The refusal of a file from its text, which is what the ledger keeps of it."""
    found = _SAID.fullmatch(said.removeprefix(file))
    if found is None:
        return IntakeRefusal(file, "refused", said, "")
    line = None if found["line"] is None else int(found["line"])
    return IntakeRefusal(file, found["code"], found["reason"], found["cure"], line)
