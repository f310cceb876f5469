"""Spreadsheets of Excel (old and new) and of LibreOffice: each sheet's rows as CSV."""

import csv
import io
from pathlib import Path

import python_calamine as calamine

from chat.attachments.readers.archive import opened
from chat.attachments.readers.found import Found, Gathered, Sort, Unreadable


def read(path: Path, sort: Sort, folder: Path) -> Found:
    if sort.type != "application/vnd.ms-excel":
        with opened(path):  # how large it says it is; calamine unpacks whatever there is
            pass
    gathered = Gathered()
    try:
        with open(path, "rb") as file:
            workbook = calamine.CalamineWorkbook.from_filelike(file)
        for name in workbook.sheet_names:
            if gathered.full:
                break
            _sheet(workbook, name, gathered)
    except calamine.PasswordError as error:
        raise Unreadable("encrypted") from error
    return gathered.found(pages=len(workbook.sheet_names))


def _sheet(workbook: calamine.CalamineWorkbook, name: str, gathered: Gathered) -> None:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    begun = False
    for row in workbook.get_sheet_by_name(name).iter_rows():
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if not begun:
            gathered.add(f"[sheet {name}]\n")
            begun = True
        writer.writerow(cells)
        gathered.add(written.getvalue())
        written.seek(written.truncate(0))
        if gathered.full:
            return


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
