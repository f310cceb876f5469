"""What a backup is said to hold. It is written last: without it a folder is no backup."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from chat.settings import BadSettings, Settings

NAME, KEY, UPLOADS = "manifest.json", "secret-key", "uploads"
DATABASES = {"SQLite": "chat.db", "PostgreSQL": "chat.dump"}  # the file of each kind
FORMAT = 2
PIECE = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class File:
    """`path` within the backup, with slashes; `size` in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`made_at`: UTC; `counts`: rows by table; `database`: its kind, a key of DATABASES."""

    made_at: str
    database_version: int
    counts: dict[str, int]
    files: list[File]
    database: str = "SQLite"  # FORMAT 1 knew no other

    @property
    def database_file(self) -> str:
        return DATABASES[self.database]

    def sentence(self) -> str:
        """What is in it, for an operator."""
        counts = ", ".join(f"{number} {table}" for table, number in self.counts.items())
        uploads = sum(file.path.startswith(f"{UPLOADS}/") for file in self.files)
        return f"{counts}, {uploads} uploads; {sum(file.size for file in self.files)} bytes"


def kind(settings: Settings) -> str:
    return "PostgreSQL" if settings.postgres else "SQLite"


def write(folder: Path, manifest: Manifest) -> None:
    """Whole or not at all, and on disk."""
    made = folder / f"{NAME}.part"
    with made.open("x", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **asdict(manifest)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    made.rename(folder / NAME)
    sync_folder(folder)


def read(folder: Path) -> Manifest:
    """Errors: BadSettings when it is missing or makes no sense."""
    path = folder / NAME
    try:
        found = json.loads(path.read_bytes())
        if found.pop("format") not in (1, FORMAT):
            raise BadSettings([f"{path} is of another version of Prosa."])
        files = [_file(each) for each in found.pop("files")]
        manifest = Manifest(files=files, **found)
        if manifest.database_file not in {file.path for file in files}:
            raise ValueError(manifest.database)
        if not isinstance(manifest.counts, dict):
            raise TypeError
    except OSError as error:
        raise BadSettings([f"{folder} is no whole backup: {error}."]) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadSettings([f"{path} is damaged."]) from error
    return manifest


def copied(source: Path, target: Path) -> tuple[int, str]:
    """(bytes, SHA-256) of what was copied; it is on disk then, and its owner's alone."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as given, open(target, "wb", opener=_private) as made:
        while piece := given.read(PIECE):
            digest.update(piece)
            size += made.write(piece)
        made.flush()
        os.fsync(made.fileno())
    return size, digest.hexdigest()


def digest(path: Path) -> tuple[int, str]:
    """(bytes, SHA-256) of a file."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), found


def sync_folder(folder: Path) -> None:
    """The names in it are on disk then, not only what is in the files."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_tree(folder: Path) -> None:
    for inside, _, _ in os.walk(folder):
        sync_folder(Path(inside))


def _file(given: Any) -> File:
    file = File(**given)
    path = PurePosixPath(file.path)
    known = file.path in (*DATABASES.values(), KEY) or path.parts[0] == UPLOADS
    if not known or path.is_absolute() or ".." in path.parts:
        raise ValueError(file.path)
    return file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
