"""In which form a journal's texts are written: one that whoever has the file open can read."""

from __future__ import annotations

from execbot.journal.connection import Connection
from execbot.journal.packing.texts import NEWEST, OLDEST, packed

FORM = "packing"
"""Meta: the number of the newest dictionary that is in use. A journal of an earlier version has
none: a `watch` that was running through the upgrade still reads it."""


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

    def _packed(self, text: str, before: str | None = None) -> str | bytes:
        if self._form is None:
            self._form = self._form_in_use()
        return packed(text, before, number=self._form)

    def _form_in_use(self) -> int:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (FORM,))
        return NEWEST if rows and rows[0][0] == str(NEWEST) else OLDEST
