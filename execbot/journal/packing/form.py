"""In which form a journal's texts are written: one that whoever has the file open can read."""

from __future__ import annotations

from execbot.journal.connection import Connection
from execbot.journal.packing.texts import LAST_FOR_ALL, OLDEST, Kind, packed

FORM = "packing"
"""Meta: the form that is in use. A journal of an earlier version has an earlier one, or none: a
`watch` that was running through the upgrade still reads it."""

NEWEST = 3
"""In this form each kind of text has its dictionary; an earlier one is the number of the dictionary
for all."""


class Packing(Connection):
    """Packs what is written to this file."""

    _form: int | None = None

    def pack_newly(self) -> None:
        """Use the newest form from now on: no program of an earlier version reads this file any
        more."""
        if self._form_in_use() != NEWEST:
            self._run(
                "INSERT OR REPLACE INTO meta (key, value, updated_at) VALUES (?, ?, '')",
                (FORM, str(NEWEST)),
            )
        self._form = NEWEST

    def _packed(self, text: str, kind: Kind, before: str | None = None) -> str | bytes:
        if self._form is None:
            self._form = self._form_in_use()
        number = int(kind) if self._form == NEWEST else self._form  # an enum is slow to count with
        return packed(text, before, number=number)

    def _form_in_use(self) -> int:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (FORM,))
        known = {str(form): form for form in (LAST_FOR_ALL, NEWEST)}
        return known.get(rows[0][0], OLDEST) if rows else OLDEST
