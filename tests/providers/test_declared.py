"""The models file: what it adds and changes, and how its mistakes are told."""

from pathlib import Path

import aiohttp
import pytest

from chat.providers.anthropic import Anthropic
from chat.providers.declared import Declared, declared
from chat.providers.domain import Model, Price
from chat.providers.gemini import Gemini
from chat.providers.http import Limits
from chat.providers.openai import OpenAI
from chat.providers.presets import configured
from chat.settings import BadSettings, read

EXAMPLE = Path("chat/providers/models.example.toml")
LAB = '[endpoints.lab]\nwire = "openai"\nurl = "http://127.0.0.1:1/v1"\n'


def said(folder: Path, text: str, **env: str) -> Declared:
    path = folder / "models.toml"
    path.write_text(text, encoding="utf-8")
    return declared(read({"MODELS_FILE": str(path), **env}))


def mistakes(folder: Path, text: str, **env: str) -> list[str]:
    """The lines, without the file's name, which each begins with."""
    with pytest.raises(BadSettings) as caught:
        said(folder, text, **env)
    start = f"{folder / 'models.toml'}: "
    assert all(line.startswith(start) and line.endswith(".") for line in caught.value.lines)
    assert all("\n" not in line for line in caught.value.lines)
    return [line.removeprefix(start) for line in caught.value.lines]


def test_without_a_file_nothing_is_said() -> None:
    assert declared(read({})) == Declared()


def test_the_example_is_in_order_and_says_what_it_says() -> None:
    found = declared(read({"MODELS_FILE": str(EXAMPLE), "LAB_API_KEY": "key-1"}))

    (lab,) = found.endpoints
    assert (lab.key, lab.label, lab.wire, lab.api_key) == ("lab", "The lab", "openai", "key-1")
    assert found.told(Model("lab/qwen3-32b", "The lab", "qwen3-32b", reasons=False)) == Model(
        "lab/qwen3-32b",
        "The lab",
        "Qwen 3",
        "Open model, strong in many languages",
        context=32_768,
        context_limit=32_000,
        max_output=4_096,
        reasons=True,
        price=Price(0, 0, 0),
    )
    gpt = found.told(Model("openai/gpt-4o", "OpenAI", "gpt-4o", sees=True))
    assert (gpt.price, gpt.plan) == (Price(2_500_000, 1_250_000, 10_000_000), "pro")
    assert gpt.sees, "what the file does not say stays as it was found"
    assert found.hides("openai/gpt-3.5-turbo")
    assert not found.hides("openai/gpt-4o")


@pytest.mark.parametrize(
    ("dollars", "micro"),
    [("2.5", 2_500_000), ("0.1", 100_000), ("3", 3_000_000), ("0.0000015", 2), ("1e-9", 0)],
)
def test_a_price_is_kept_in_whole_micro_dollars(tmp_path: Path, dollars: str, micro: int) -> None:
    found = said(
        tmp_path, f'[models."openai/x"]\nprice = {{ input = {dollars}, output = {dollars} }}'
    )
    price = found.told(Model("openai/x", "OpenAI", "x")).price
    assert price == Price(micro, micro, micro), "cached costs what input costs, unless it is said"


def test_every_mistake_is_told_at_once_with_its_table_and_key(tmp_path: Path) -> None:
    text = """
    speed = 9
    [endpoints.OpenAI]
    wire = "soap"
    url = "localhost:8000"
    colour = "red"
    [endpoints.guide]
    wire = "openai"
    url = "http://x/v1"
    key = "a"
    key_env = "B"
    [models."lab/x"]
    [models.gpt]
    [models."openai/x"]
    name = ""
    context = 0
    max_output = 1.5
    sees_images = "yes"
    reasons = 1
    order = true
    hidden = "no"
    price = { input = -1, output = nan, cashed = 1 }
    """
    assert mistakes(tmp_path, text) == [
        "[endpoints.OpenAI] must be called by small letters, digits and hyphens, 40 at most.",
        "[endpoints.OpenAI] wire must be one of openai, anthropic, gemini, not 'soap'.",
        "[endpoints.OpenAI] url must be an http:// or https:// address, not 'localhost:8000'.",
        "[endpoints.OpenAI] colour is not known here.",
        "[endpoints.guide] is a name that is taken: settings connect that one.",
        "[endpoints.guide] key and key_env are two places of one key: keep one.",
        "[models.\"lab/x\"] is of no endpoint: 'lab' is neither in the file nor built in.",
        '[models.gpt] must be called "<endpoint>/<the provider\'s own id>".',
        "[models.\"openai/x\"] name must be a line of text, not ''.",
        '[models."openai/x"] context must be a whole number from 1 to 2147483647, not 0.',
        '[models."openai/x"] max_output must be a whole number from 1 to 2147483647, not 1.5.',
        "[models.\"openai/x\"] sees_images must be true or false, not 'yes'.",
        '[models."openai/x"] reasons must be true or false, not 1.',
        '[models."openai/x".price] input must be dollars for a million tokens, 0 or more, not -1.',
        '[models."openai/x".price] output must be dollars for a million tokens, 0 or more,'
        " not NaN.",
        '[models."openai/x".price] cashed is not known here.',
        '[models."openai/x"] order must be a whole number from -1000000 to 1000000, not True.',
        "[models.\"openai/x\"] hidden must be true or false, not 'no'.",
        "speed is not known here.",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("endpoints = 1", "endpoints must be a table, not 1."),
        ("[endpoints]\nlab = []", "[endpoints] lab must be a table, not []."),
        ("[endpoints.lab]\nurl = 'http://x'", "[endpoints.lab] wire must be one of openai, "
         "anthropic, gemini, and is missing."),
        ("[models]\n'openai/x' = 2", '[models] "openai/x" must be a table, not 2.'),
        ('[models."openai/x"]\n"a\\nb" = 1', '[models."openai/x"] "a\\nb" is not known here.'),
        ('[models."openai/a\\nb"]', '[models."openai/a\\nb"] must be called '
         '"<endpoint>/<the provider\'s own id>".'),
        ('[models."openai/x"]\nprice = 3', '[models."openai/x"] price must be a table, not 3.'),
        ('[models."openai/x"]\nprice = {input = 1}', '[models."openai/x".price] output must be '
         "dollars for a million tokens, 0 or more, and is missing."),
        ('[models."openai/x"]\nprice = {input = inf, output = 1}', '[models."openai/x".price] input'
         " must be dollars for a million tokens, 0 or more, not Infinity."),
        (f'[models."openai/x"]\norder = 0x{"f" * 5000}', '[models."openai/x"] order must be a '
         "whole number from -1000000 to 1000000, not a number that long."),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    assert mistakes(tmp_path, text) == [line]


@pytest.mark.parametrize("content", [b"[", b"\xff", b"a = 1\na = 2", b"a = " + b"9" * 5000])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "models.toml"
    for settings in (read({"MODELS_FILE": str(path)}), read({"MODELS_FILE": str(tmp_path)})):
        with pytest.raises(BadSettings) as caught:
            declared(settings)
        (line,) = caught.value.lines
        assert line.startswith(f"MODELS_FILE {settings.models_file} cannot be read: ")
        path.write_bytes(content)


def test_a_key_comes_from_the_file_a_variable_or_another_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key-3\n")
    ways = ('key = "key-1"', 'key_env = "LAB"', f'key_file = "{tmp_path / "key"}"', "")
    keys = [said(tmp_path, LAB + way, LAB="key-2").endpoints[0].api_key for way in ways]
    assert keys == ["key-1", "key-2", "key-3", ""]


def test_a_bad_key_is_one_line_that_does_not_repeat_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2 hunter3")
    one_word = "must be one word of ASCII characters, as the provider gave it."
    for way, told in (
        ('key = "hunter2 hunter3"', f"key {one_word}"),
        ("key = ['hunter2']", "key must be a line of text."),
        ('key_env = "LAB"', f"key_env {one_word}"),
        ('key_env = "NONE"', "key_env names NONE, which is not set."),
        ('key_env = "sk-hunter2"', "key_env must be the name of a variable of the environment."),
        (f'key_file = "{tmp_path / "key"}"', f"key_file {one_word}"),
    ):
        assert mistakes(tmp_path, LAB + way, LAB="hunter2 hunter3") == [f"[endpoints.lab] {told}"]
    (line,) = mistakes(tmp_path, LAB + 'key_file = "/no/such"')
    assert line.startswith("[endpoints.lab] key_file cannot be read: ")


def test_a_key_is_in_no_representation(tmp_path: Path) -> None:
    settings, found = read({"LAB": "hunter2"}), said(tmp_path, f'{LAB}key = "hunter2"')
    assert found.endpoints[0].api_key == settings.variables["LAB"] == "hunter2"
    assert "hunter2" not in f"{settings}{found}"


async def test_every_wire_can_be_spoken(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    wires = "".join(
        f'[endpoints.{wire}-2]\nwire = "{wire}"\nurl = "http://127.0.0.1:1"\n'
        for wire in ("openai", "anthropic", "gemini")
    )
    found = configured(read({"OPENAI_API_KEY": "k"}), http, Limits(), said(tmp_path, wires))

    assert [type(provider) for provider in found] == [OpenAI, OpenAI, Anthropic, Gemini]
    assert [provider.key for provider in found[1:]] == ["openai-2", "anthropic-2", "gemini-2"]
    assert [provider.label for provider in found[1:]] == ["openai-2", "anthropic-2", "gemini-2"]
