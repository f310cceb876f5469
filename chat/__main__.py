"""The commands: serve, migrate, create-admin, backup, restore, copy-database, check."""

import argparse
import asyncio
import getpass
import logging
import sys
from pathlib import Path
from typing import NoReturn

from chat import log
from chat.settings import BadSettings, Settings, environment, read

LONGEST_BODY = 1024 * 1024  # bytes
LONGEST_EVENT = 512 * 1024  # of Stripe's


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when it went well, else 1 after a clear line."""
    options = _parser().parse_args(arguments)
    try:
        settings = read(environment())
        log.configure(settings.log_format)
        return int(options.run(settings, options))
    except BadSettings as error:
        for line in error.lines:
            print(line, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def serve(settings: Settings, options: argparse.Namespace) -> int:
    if options.reload:
        from chat.reload import watch

        return watch(["-m", "chat", "serve"])
    from chat.app import create_app, drain
    from chat.attachments.intake import file_limit
    from chat.server import run
    from chat.web.guard import guarded

    app = create_app(settings)
    app.logger.addFilter(_unsaid)
    wall = guarded(
        app,
        settings,
        body_limit=body_limit,
        file_limit=file_limit(settings, app.extensions["plans"]),
    )
    return run(wall, settings, draining=lambda: drain(app))


def body_limit(path: str) -> int:
    """Bytes of a body without files: the wall hears out whoever sends more, so that it is told."""
    return LONGEST_EVENT if path == "/api/stripe/webhook" else LONGEST_BODY


def migrate(settings: Settings, _: argparse.Namespace) -> int:
    async def run() -> None:
        from chat.db.connect import connect

        await (await connect(settings)).close()

    asyncio.run(run())
    print("The database is of this version.")
    return 0


def create_admin(settings: Settings, options: argparse.Namespace) -> int:
    from chat.accounts.admin import make_admin
    from chat.errors import ChatError

    try:
        made = asyncio.run(make_admin(settings, options.email, _new_password))
    except ChatError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.email} {'is a new administrator' if made else 'is an administrator now'}.")
    return 0


def backup(settings: Settings, options: argparse.Namespace) -> int:
    from chat.backup.making import make

    made = make(settings, options.folder)
    print(f"{options.folder} holds {made.sentence()}.")
    if settings.uploads.folder is None:
        print(f"The files are not in it: {settings.uploads} is yours to keep.")
    return 0


def restore(settings: Settings, options: argparse.Namespace) -> int:
    from chat.backup import restoring

    restored = restoring.restore(settings, options.folder)
    print(f"Restored: {restored.sentence()}, as of {restored.made_at}.")
    return 0


def copy_database(settings: Settings, options: argparse.Namespace) -> int:
    from chat.db import copying

    for copied in asyncio.run(copying.copy_database(options.source, options.target)):
        print(f"{copied.table:<14}{copied.rows:>10} rows  {copied.checksum[:16]}")
    key = settings.data / "secret-key"
    print(
        "Copied and compared. Now set DATABASE_URL to the new address, and SECRET_KEY to the key"
        f" used so far ({key} holds it where none was set); the uploads folder stays."
    )
    return 0


def check(settings: Settings, _: argparse.Namespace) -> int:
    """Mistakes in the settings have ended the program before; those in their files do now."""
    from chat.billing.declaring import said

    said(settings)
    print(f"The settings are in order. Prosa will be on {settings.public_url}.")
    return 0


def _unsaid(record: logging.LogRecord) -> bool:
    """Quart logs a start that failed; where the operator can mend it, `run` says so in one line."""
    return not (record.exc_info and isinstance(record.exc_info[1], BadSettings))


def _new_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("A password for the new account: ")
    return sys.stdin.readline().rstrip("\n")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help says more)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m chat", description="Prosa, a self-hosted chat.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser
    command = add("serve", help="start; also brings the database to this version")
    command.add_argument("--reload", action="store_true", help="restart when a source changes")
    command.set_defaults(run=serve)
    add("migrate", help="bring the database to this version").set_defaults(run=migrate)
    command = add("create-admin", help="the first administrator, or promote an account")
    command.add_argument("email", metavar="EMAIL", help="a new account asks for a password")
    command.set_defaults(run=create_admin)
    command = add("backup", help="copy everything into a folder, also while it runs")
    command.add_argument("folder", metavar="FOLDER", type=Path, help="new or empty")
    command.set_defaults(run=backup)
    command = add("restore", help="make an installation of a backup, where there is none")
    command.add_argument("folder", metavar="FOLDER", type=Path, help="what backup has written")
    command.set_defaults(run=restore)
    command = add(
        "copy-database",
        help="move everything but the uploads from SQLite to PostgreSQL, or back",
        description="Copies all rows of FROM, which nobody may serve meanwhile, into TO, which must"
        " be empty, and compares them. FROM stays as it is. When it breaks off, TO stays empty.",
        epilog="Addresses are like DATABASE_URL's: sqlite:///path or postgresql://user@host/name."
        " A password may also come from the environment, as PGPASSWORD.",
    )
    command.add_argument("source", metavar="FROM", help="the database as it is now")
    command.add_argument("target", metavar="TO", help="new or empty")
    command.set_defaults(run=copy_database)
    add("check", help="read the settings and say every mistake").set_defaults(run=check)
    return parser


if __name__ == "__main__":
    logging.raiseExceptions = False  # a closed terminal is no reason for a stack trace
    sys.exit(main())
