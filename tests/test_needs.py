"""What is missing on this machine is said aloud, and is a failure in CI."""

from pathlib import Path

import pytest

from tests.needs import NEEDS, main, require


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any of the programs, and without a way to get them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)


@pytest.mark.parametrize("package", sorted(NEEDS))
def test_a_missing_program_is_a_skip_here_and_a_failure_in_ci(
    bare: None, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"apt-get install {package}"):
        require(package)
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match=f"apt-get install {package}"):
        require(package)


def test_what_cannot_be_installed_is_named(
    bare: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main() == 0
    said = capsys.readouterr().out
    assert all(need.without in said for need in NEEDS.values())
    monkeypatch.setenv("CI", "1")
    assert main() == 1
