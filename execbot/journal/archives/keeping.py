"""Archives beside a journal, its backup, or a journal that is put back: looked for and copied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from execbot.journal.archives.files import Archive, trouble_with
from execbot.journal.care.whole import flush
from execbot.journal.errors import JournalUnavailable


def carried(archives: Iterable[Archive], source: Path, target: Path) -> tuple[str, ...]:
    """Have these archives in the directory `target` too; in words those that are to be had neither
    there nor in `source`. A file that is there as it was written stays.

    They never change, so on one file system both names are of one file. Raises JournalUnavailable
    where `target` cannot be written.
    """
    missing = []
    for archive in archives:
        if not trouble_with(archive, target):
            continue
        trouble = trouble_with(archive, source)
        if trouble:
            missing.append(trouble)
            continue
        try:
            _carry(source / archive.name, target / archive.name)
        except OSError as error:
            message = f"the archive cannot be copied: {target / archive.name} ({error})"
            raise JournalUnavailable(message, path=target) from error
    return tuple(missing)


def _carry(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)
        part.chmod(0o400)
        flush(part)
    part.replace(target)
    flush(target.parent)
