"""A backup becomes an installation again."""

import os
from pathlib import Path

from chat.backup.manifest import (
    DATABASE,
    KEY,
    UPLOADS,
    Manifest,
    copied,
    digest,
    read,
    sync_folder,
    sync_tree,
)
from chat.db.copies import contents_sqlite
from chat.db.place import take_place
from chat.settings import BadSettings, Settings


def restore(settings: Settings, folder: Path) -> Manifest:
    """Puts the backup in `folder` where these settings want an installation; there must be none.

    Everything is checked first. The database gets its name last: until then it is no installation,
    and the same command begins again. Errors: BadSettings.
    """
    if settings.postgres:
        raise BadSettings(["DATABASE_URL: this version restores no PostgreSQL, only SQLite."])
    manifest = read(folder)
    _check_files(folder, manifest)
    contents = contents_sqlite(folder / DATABASE)
    if (contents.version, contents.counts) != (manifest.database_version, manifest.counts):
        raise BadSettings([f"{folder / DATABASE} is not what the manifest says."])
    place = take_place(settings.database_file)
    try:
        _put(settings, folder, manifest)
    except OSError as error:
        raise BadSettings([f"The backup cannot be restored: {error}."]) from error
    finally:
        os.close(place)
    return manifest


def _check_files(folder: Path, manifest: Manifest) -> None:
    for file in manifest.files:
        try:
            whole = digest(folder / file.path) == (file.size, file.sha256)
        except OSError as error:
            raise BadSettings([f"The backup is not whole: {error}."]) from error
        if not whole:
            raise BadSettings([f"{folder / file.path} is damaged: nothing was restored."])


def _put(settings: Settings, folder: Path, manifest: Manifest) -> None:
    database = settings.database_file
    unnamed = database.with_name(f"{database.name}.restoring")
    if database.exists() or not unnamed.exists():  # else what there is came from an earlier try
        _check_empty(settings)
    places = {DATABASE: unnamed, KEY: settings.data / KEY}
    for file in sorted(manifest.files, key=lambda file: file.path != DATABASE):
        target = places.get(file.path) or settings.uploads / file.path.removeprefix(f"{UPLOADS}/")
        if copied(folder / file.path, target) != (file.size, file.sha256):
            raise BadSettings([f"{folder / file.path} changed meanwhile: try again."])
    for made in (settings.uploads, settings.data):
        if made.is_dir():
            sync_tree(made)
    unnamed.rename(database)
    sync_folder(database.parent)


def _check_empty(settings: Settings) -> None:
    database = settings.database_file
    logs = [database.with_name(database.name + suffix) for suffix in ("-wal", "-journal")]
    for path in (database, *logs, settings.data / KEY):
        if path.exists():
            raise BadSettings([f"There is a {path} already: restore where nothing is."])
    if settings.uploads.is_dir() and any(
        not path.name.startswith(".") for path in settings.uploads.iterdir()
    ):
        raise BadSettings([f"There are files in {settings.uploads}: restore where nothing is."])
