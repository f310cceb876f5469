"""The store that the settings name."""

from pathlib import Path

from chat.attachments.disk import made_folder
from chat.attachments.store import Folder, Store
from chat.settings import BadSettings, Settings


def temporary(settings: Settings) -> Path:
    """Where files arrive: on the disk that they are kept on, hidden from backups."""
    return (settings.uploads.folder or settings.data) / ".tmp"


def open_store(settings: Settings) -> Store:
    """BadSettings when the place cannot be used; a bucket is not asked yet."""
    if settings.uploads.folder is None:
        try:
            from chat.attachments.bucket import Bucket  # only where it is wanted
        except ImportError as error:
            raise BadSettings(
                ["UPLOADS is an s3:// address, and its driver is missing: make s3"]
            ) from error
        return Bucket(settings.uploads, settings.variables)
    try:
        made_folder(temporary(settings))
    except OSError as error:
        raise BadSettings([f"UPLOADS cannot be used: {error}."]) from error
    return Folder(settings.uploads.folder)
