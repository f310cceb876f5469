"""A machine without the Python that the stand-in needs says so, and in CI that is a failure."""

from pathlib import Path

import pytest

from tests.stripe import installed


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing installed, nothing to install it with."""
    for name in ("PATH", "HOME", "PYENV_ROOT"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(installed, "FOLDER", tmp_path / "venv")
    monkeypatch.setattr(installed, "COMMAND", tmp_path / "stripe")
    monkeypatch.delenv("CI", raising=False)


@pytest.mark.parametrize("need", [installed.require, installed.require_command])
def test_what_is_missing_is_a_skip_here_and_a_failure_in_ci(
    bare: None, monkeypatch: pytest.MonkeyPatch, need: object
) -> None:
    require = need.__wrapped__  # type: ignore[attr-defined]  # without its cache
    with pytest.raises(pytest.skip.Exception, match="NOT TESTED"):
        require()
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception):
        require()


def test_what_is_missing_is_named(bare: None) -> None:
    python, command = installed.missing()
    assert "3.14 or 3.13" in python and installed.WITHOUT in python
    assert installed.WITHOUT_COMMAND in command
