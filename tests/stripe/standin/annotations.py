"""Lets the engine, written for Python 3.14, run on 3.13: its annotations are not evaluated."""

import __future__

import importlib.machinery
import sys
from pathlib import Path
from types import CodeType
from typing import Any

FLAG = __future__.annotations.compiler_flag


def install() -> None:
    """Before the engine is imported. Bytecode goes where no other import of it looks."""
    if sys.version_info >= (3, 14):
        return
    sys.pycache_prefix = str(Path(sys.prefix) / "annotations")
    sys.dont_write_bytecode = False
    usual = importlib.machinery.SourceFileLoader.source_to_code

    def later(
        self: importlib.machinery.SourceFileLoader,
        data: Any,
        path: Any,
        *,
        _optimize: int = -1,
    ) -> CodeType:
        if "/site-packages/seahaven" not in str(path):
            return usual(self, data, path, _optimize=_optimize)
        code: CodeType = compile(data, path, "exec", FLAG, True, _optimize)
        return code

    vars(importlib.machinery)["SourceFileLoader"].source_to_code = later
