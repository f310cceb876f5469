"""A backup of a whole installation, made while it runs."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chat.backup.manifest import (
    DATABASE,
    KEY,
    UPLOADS,
    File,
    Manifest,
    copied,
    digest,
    sync_tree,
    write,
)
from chat.db.copies import contents_sqlite, copy_sqlite
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
        (folder / DATABASE).touch(mode=0o600, exist_ok=False)  # ours from here on
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
    if settings.postgres:
        raise BadSettings(["DATABASE_URL: this version backs up no PostgreSQL, only SQLite."])
    if folder.resolve().is_relative_to(settings.uploads.resolve()):
        raise BadSettings([f"{folder} is among the uploads: put the backup elsewhere."])


def _written(settings: Settings, folder: Path) -> Manifest:
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    database = folder / DATABASE
    copy_sqlite(settings.database_file, database)
    contents = contents_sqlite(database)
    files = [File(DATABASE, *_synced(database)), *_files(settings, folder)]
    sync_tree(folder)
    manifest = Manifest(made_at, contents.version, contents.counts, files)
    write(folder, manifest)
    return manifest


def _files(settings: Settings, folder: Path) -> Iterator[File]:
    if (key := settings.data / KEY).is_file():
        yield File(KEY, *copied(key, folder / KEY))
    for inside, folders, names in os.walk(settings.uploads):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(inside, name)
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            place = f"{UPLOADS}/{path.relative_to(settings.uploads).as_posix()}"
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
