"""Imports point left: a slice knows what stands before it, and nobody imports routes but `app`."""

import ast
from pathlib import Path

ORDER = """errors checks settings providers db backup web log accounts keys billing attachments
instructions conversations usage replies leaving admin app listener server reload
__main__""".split()


def imports(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    found = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    assert all(node.level == 0 for node in found), f"{path}: relative import"
    names = {str(node.module) for node in found}
    names |= {f"{node.module}.{alias.name}" for node in found for alias in node.names}
    return {name for name in names if name.startswith("chat.")}


def sources() -> list[Path]:
    return [path for path in Path("chat").rglob("*.py") if path != Path("chat/__init__.py")]


def layer(path: Path) -> str:
    return path.relative_to("chat").parts[0].removesuffix(".py")


def test_imports_point_left() -> None:
    for path in sources():
        allowed = ORDER[: ORDER.index(layer(path)) + 1]
        reached = {name.split(".")[1] for name in imports(path)}
        assert reached <= set(allowed), f"{path} reaches up: {reached - set(allowed)}"


def test_only_the_app_knows_routes() -> None:
    for path in sources():
        if layer(path) != "app":
            routed = {name for name in imports(path) if name.endswith(".routes")}
            assert not routed, f"{path} imports {routed}"


def test_only_settings_read_the_environment() -> None:
    for path in sources():
        if layer(path) != "settings" and path.name != "embedded_server.py":
            tree = ast.walk(ast.parse(path.read_text("utf-8")))
            read = [
                n for n in tree if isinstance(n, ast.Attribute) and n.attr in ("environ", "getenv")
            ]
            assert not read, f"{path} reads the environment"
