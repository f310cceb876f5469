"""Documents as LibreOffice itself writes them, in every format of its that is read."""

import subprocess
from pathlib import Path

import pytest

from tests.attachments.made import reading_of
from tests.needs import require

SAMPLES = Path(__file__).with_name("samples")
MADE = {
    "report.fodt": "docx odt epub html pdf".split(),
    "prices.fods": "xlsx xls ods csv".split(),
    "talk.fodp": "pptx odp".split(),
}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all of them."""
    program = require("libreoffice-writer-nogui")
    folder = tmp_path_factory.mktemp("libreoffice")
    own = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    for source, kind in [(name, kind) for name, kinds in MADE.items() for kind in kinds]:
        command = [program, own, "--headless", "--convert-to", kind, "--outdir", str(folder)]
        done = subprocess.run(
            [*command, str(SAMPLES / source)], capture_output=True, text=True, check=False
        )
        assert (folder / source).with_suffix(f".{kind}").exists(), done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("kind", ["docx", "odt"])
async def test_a_text_is_read_in_its_order_with_its_notes(
    written: Path, kind: str, tmp_path: Path
) -> None:
    reading = await reading_of(written / f"report.{kind}", tmp_path)

    assert (reading.kind, reading.trouble, reading.cut) == ("document", "", False)
    assert reading.text.splitlines() == [
        *("# Relatório de ação", "Olá, coração[note 1] aqui.", "## Listas"),
        *("- primeiro", "  - dentro", "- segundo[note 2]", "nome | idade", "Ana | 41"),
        *(
            "Uma ligação,\ttab",
            "e outra linha. مرحبا 你好",
            "",
            "[note 1] Uma nota.",
            "",
            "[note 2] Outra nota.",
        ),
    ]


async def test_a_page_keeps_its_lists_and_tables(written: Path, tmp_path: Path) -> None:
    page = await reading_of(written / "report.html", tmp_path, "report.html")
    book = await reading_of(written / "report.epub", tmp_path)

    assert page.text.startswith("# Relatório de ação\n")
    assert "\n- primeiro\n  - dentro\n- segundo" in page.text
    assert "\nnome | idade\nAna | 41\n" in book.text
    for each in (page, book):
        assert "\ne outra linha. مرحبا 你好\n" in each.text and "Uma nota." in each.text


async def test_a_pdf_is_read(written: Path, tmp_path: Path) -> None:
    reading = await reading_of(written / "report.pdf", tmp_path)

    assert reading.text.startswith("[page 1]\nRelatório de ação\n")
    assert "Uma ligação," in reading.text and "Ana 41" in reading.text


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
async def test_sheets_are_rows_under_their_names(written: Path, kind: str, tmp_path: Path) -> None:
    """Numbers, dates and what was calculated as people see them; no bare rows."""
    reading = await reading_of(written / f"prices.{kind}", tmp_path)

    assert (reading.kind, reading.trouble, reading.pages) == ("document", "", 3)
    assert reading.text.splitlines() == [
        *("[sheet Preços]", '"pão, ""d\'água""",2,2.5,TRUE,2026-11-30,5'),
        *("[sheet Última]", "longe"),
    ]


async def test_a_few_cells_of_an_old_encoding_are_not_taken_for_chinese(
    written: Path, tmp_path: Path
) -> None:
    assert b"p\xe3o" in (written / "prices.csv").read_bytes(), "as it is exported by default"
    reading = await reading_of(written / "prices.csv", tmp_path, "prices.csv")

    assert (reading.type, reading.kind) == ("text/csv", "text")
    assert reading.text == '"pão, ""d\'água""",2,2.5,TRUE,2026-11-30,5\n'


@pytest.mark.parametrize("kind", ["pptx", "odp"])
async def test_slides_are_read_with_what_is_to_be_said(
    written: Path, kind: str, tmp_path: Path
) -> None:
    reading = await reading_of(written / f"talk.{kind}", tmp_path)

    assert reading.text.splitlines() == [
        *("[slide 1]", "Primeiro diapositivo", "O que dizer", "[slide 2]", "Segundo diapositivo"),
    ]
