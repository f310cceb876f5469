"""A backup of a whole installation, made while it runs."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chat.backup.manifest import (
    DATABASES,
    KEY,
    UPLOADS,
    File,
    Manifest,
    copied,
    digest,
    kind,
    sync_tree,
    write,
)
from chat.db.connect import needing_driver
from chat.db.copies import Contents, contents_sqlite, copy_sqlite
from chat.settings import BadSettings, Settings


def make(settings: Settings, folder: Path) -> Manifest:
    """Writes a backup into `folder`, which is new or empty.

    The database comes first: every upload that it names was there before. Errors: BadSettings;
    nothing is left behind then.
    """
    _check(settings, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise BadSettings([f"{folder} is not empty: a backup needs a folder of its own."])
        (folder / DATABASES[kind(settings)]).touch(mode=0o600, exist_ok=False)  # ours from here on
    except OSError as error:
        raise BadSettings([f"{folder} cannot be used: {error}."]) from error
    try:
        return _written(settings, folder)
    except BaseException as error:
        _emptied(folder)
        if isinstance(error, OSError):
            raise BadSettings([f"The backup cannot be written: {error}."]) from error
        raise


def _check(settings: Settings, folder: Path) -> None:
    uploads = settings.uploads.folder
    if uploads and folder.resolve().is_relative_to(uploads.resolve()):
        raise BadSettings([f"{folder} is among the uploads: put the backup elsewhere."])


def _written(settings: Settings, folder: Path) -> Manifest:
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    database = folder / DATABASES[kind(settings)]
    contents = _database(settings, database)
    files = [File(database.name, *_synced(database)), *_files(settings, folder)]
    sync_tree(folder)
    manifest = Manifest(made_at, contents.version, contents.counts, files, kind(settings))
    write(folder, manifest)
    return manifest


def _database(settings: Settings, target: Path) -> Contents:
    if settings.postgres:
        with needing_driver():
            from chat.db.dumps import dump_postgres
        return asyncio.run(dump_postgres(settings.database_url, target))
    copy_sqlite(settings.database_file, target)
    return contents_sqlite(target)


def _files(settings: Settings, folder: Path) -> Iterator[File]:
    key = settings.data / KEY
    if key.is_file() and not settings.postgres:  # there it comes from the environment
        yield File(KEY, *copied(key, folder / KEY))
    uploads = settings.uploads.folder
    for inside, folders, names in os.walk(uploads) if uploads else ():
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(inside, name)
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            place = f"{UPLOADS}/{path.relative_to(uploads or '').as_posix()}"
            try:
                yield File(place, *copied(path, folder / place))
            except FileNotFoundError:  # deleted meanwhile
                continue


def _synced(path: Path) -> tuple[int, str]:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return digest(path)


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
