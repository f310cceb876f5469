"""A backup becomes an installation again."""

import asyncio
import os
from pathlib import Path

from chat.backup.manifest import (
    KEY,
    UPLOADS,
    Manifest,
    copied,
    digest,
    kind,
    read,
    sync_folder,
    sync_tree,
)
from chat.db.connect import needing_driver
from chat.db.copies import Contents, contents_sqlite
from chat.db.migrations import migrations
from chat.db.place import take_place
from chat.settings import BadSettings, Settings


def restore(settings: Settings, folder: Path) -> Manifest:
    """Puts the backup in `folder` where these settings want an installation; there must be none.

    Everything is checked first. The database comes last, whole or not at all: until then it is no
    installation, and the same command begins again. Errors: BadSettings.
    """
    manifest = read(folder)
    if manifest.database != kind(settings):
        raise BadSettings(
            [
                f"{folder} is of {manifest.database}, DATABASE_URL of {kind(settings)}:"
                f" restore it to {manifest.database}, then run copy-database."
            ]
        )
    _check_place(settings, folder, manifest)
    _check_files(folder, manifest)
    try:
        if settings.postgres:
            _restore_postgres(settings, folder, manifest)
        else:
            _restore_sqlite(settings, folder, manifest)
    except OSError as error:
        raise BadSettings([f"The backup cannot be restored: {error}."]) from error
    return manifest


def _check_place(settings: Settings, folder: Path, manifest: Manifest) -> None:
    if settings.uploads.folder is None and any(_is_upload(file.path) for file in manifest.files):
        raise BadSettings([f"{folder} holds uploads: set UPLOADS to a folder that takes them."])


def _is_upload(path: str) -> bool:
    return path.startswith(f"{UPLOADS}/")


def _check_files(folder: Path, manifest: Manifest) -> None:
    for file in manifest.files:
        try:
            whole = digest(folder / file.path) == (file.size, file.sha256)
        except OSError as error:
            raise BadSettings([f"The backup is not whole: {error}."]) from error
        if not whole:
            raise BadSettings([f"{folder / file.path} is damaged: nothing was restored."])


def _restore_sqlite(settings: Settings, folder: Path, manifest: Manifest) -> None:
    database = settings.database_file
    given = folder / manifest.database_file
    _check_contents(given, contents_sqlite(given), manifest)
    unnamed = database.with_name(f"{database.name}.restoring")
    place = take_place(database)
    try:
        if database.exists() or not unnamed.exists():  # else it came from an earlier try
            _check_no_file(settings)
            _check_no_uploads(settings)
        _put(settings, folder, manifest, {given.name: unnamed, KEY: settings.data / KEY})
        unnamed.rename(database)
        sync_folder(database.parent)
    finally:
        os.close(place)


def _restore_postgres(settings: Settings, folder: Path, manifest: Manifest) -> None:
    with needing_driver():
        from chat.db.dumps import check_loadable, load_postgres
    given = folder / manifest.database_file
    if not 1 <= manifest.database_version <= (known := len(migrations("postgres"))):
        raise BadSettings(
            [f"{given} is of version {manifest.database_version}, this program of {known}."]
        )
    asyncio.run(check_loadable(settings.database_url, given))
    # Of an earlier try: what there is came from it.
    begun = (settings.uploads.folder or settings.data) / ".restoring"
    if not begun.exists():
        _check_no_uploads(settings)
    begun.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    begun.touch()
    _put(settings, folder, manifest, {})
    _check_contents(given, asyncio.run(load_postgres(settings.database_url, given)), manifest)
    begun.unlink()


def _put(settings: Settings, folder: Path, manifest: Manifest, places: dict[str, Path]) -> None:
    """Copies the uploads, and what has a place of its own, which comes first."""
    for file in sorted(manifest.files, key=lambda file: file.path not in places):
        uploads = settings.uploads.folder
        if uploads and _is_upload(file.path):
            target = uploads / file.path.removeprefix(f"{UPLOADS}/")
        elif file.path in places:
            target = places[file.path]
        else:
            continue
        if copied(folder / file.path, target) != (file.size, file.sha256):
            raise BadSettings([f"{folder / file.path} changed meanwhile: try again."])
    for made in (settings.uploads.folder, settings.data):
        if made and made.is_dir():
            sync_tree(made)


def _check_contents(given: Path, found: Contents, manifest: Manifest) -> None:
    if (found.version, found.counts) != (manifest.database_version, manifest.counts):
        raise BadSettings([f"{given} is not what the manifest says."])


def _check_no_file(settings: Settings) -> None:
    database = settings.database_file
    logs = [database.with_name(database.name + suffix) for suffix in ("-wal", "-journal")]
    for path in (database, *logs, settings.data / KEY):
        if path.exists():
            raise BadSettings([f"There is a {path} already: restore where nothing is."])


def _check_no_uploads(settings: Settings) -> None:
    uploads = settings.uploads.folder
    if uploads and uploads.is_dir() and any(not p.name.startswith(".") for p in uploads.iterdir()):
        raise BadSettings([f"There are files in {uploads}: restore where nothing is."])
