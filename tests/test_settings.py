"""Settings: read once, every mistake in one line, and all of them at once."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chat.settings import SECRETS, BadSettings, Settings, Uploads, environment, read, secret_key

GOOD_KEY = "k" * 16 + "0123456789abcdef"


def mistakes(**env: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        read(env)
    return caught.value.lines


def kept_in(folder: Path) -> Settings:
    return read({"DATA": str(folder)})


def test_nothing_has_to_be_set() -> None:
    settings = read({})

    assert (settings.host, settings.port) == ("127.0.0.1", 5001)
    assert settings.public_url == "http://127.0.0.1:5001"
    assert settings.data == Path.cwd() / "data"
    assert settings.database_file == settings.data / "chat.db"
    assert not settings.secure
    assert not settings.postgres


def test_its_words_hold_no_secret() -> None:
    place = "postgresql://ada:the-secret@db/prosa"
    given = dict.fromkeys(SECRETS, "sk_test_the-secret-0123456789abcdef")
    given |= {"STRIPE_WEBHOOK_SECRET": "whsec_the-secret", "STRIPE_PRICE_ID": "price_1"}
    given |= {"STRIPE_SECRET_KEY": "sk_test_thesecret", "DATABASE_URL": place}

    assert "secret" not in repr(read(given)).replace("secret_key", "")


def test_every_mistake_is_told_at_once_in_a_line_of_its_own() -> None:
    lines = mistakes(
        PORT="x",
        PUBLIC_URL="nonsense",
        SECRET_KEY="changeme",
        OPENAI_BASE_URL="ftp://x",
        OLLAMA_HOST="",
        EMBEDDED_MODEL="/no/such.gguf",
        SIGN_UP="yes",
        TRUSTED_PROXIES="-1",
        LIMIT_SENDS="0",
        LOG_FORMAT="xml",
        DATABASE_URL="mysql://x",
        OPENAI_API_KEY_FILE="/no/such",
        ANTHROPIC_BASE_URL="api.anthropic.com",
        GEMINI_BASE_URL="//x",
        GEMINI_API_KEY="two words",
        OPENROUTER_API_KEY="sk-or-…",
        ANTHROPIC_API_KEY_FILE="/no/such",
    )

    named = {line.split()[0] for line in lines}
    assert named == set(
        """PORT PUBLIC_URL SECRET_KEY OPENAI_BASE_URL EMBEDDED_MODEL SIGN_UP TRUSTED_PROXIES
        LIMIT_SENDS LOG_FORMAT DATABASE_URL OPENAI_API_KEY_FILE ANTHROPIC_BASE_URL GEMINI_BASE_URL
        GEMINI_API_KEY OPENROUTER_API_KEY ANTHROPIC_API_KEY_FILE""".split()
    )
    assert len(lines) == len(named)
    assert all("\n" not in line and line.endswith((".", ").")) for line in lines)


@pytest.mark.parametrize("value", ["", "  ", "\t\n"])
def test_an_empty_setting_is_one_that_is_not_set(value: str) -> None:
    assert read({"PORT": value, "SECRET_KEY": value, "OPENAI_BASE_URL": value}) == read({})


@pytest.mark.parametrize("value", ["", "0", "65535", " 8080 "])
def test_a_port_is_a_number(value: str) -> None:
    assert read({"PORT": value}).port == int(value.strip() or 5001)


@pytest.mark.parametrize("value", ["-1", "65536", "80a", "8_0", "٣", "1.5", "0x50", "1e3", "²"])
def test_another_port_is_refused_in_one_line(value: str) -> None:
    (line,) = mistakes(PORT=value)
    assert line == f"PORT must be a whole number from 0 to 65535, not {value!r}."


@pytest.mark.parametrize("name", ["LIMIT_SIGN_UPS", "LIMIT_LOG_INS", "LIMIT_SENDS"])
def test_a_limit_has_no_end_but_begins_at_one(name: str) -> None:
    assert read({name: "1000000000"})
    assert len(mistakes(**{name: "0"})) == len(mistakes(**{name: "10000000000"})) == 1


def test_s133_the_value_of_a_bad_secret_is_never_repeated() -> None:
    (line,) = mistakes(SECRET_KEY="hunter2hunter2")
    assert "hunter2" not in line
    assert "at least 32" in line


@pytest.mark.parametrize(
    "value", ["changeme", "CHANGE-ME", "dev", "secret", "x" * 31, "your-secret-key-goes-here-" * 2,
              "<32 random characters, please, here>", "changeme" * 5]
)  # fmt: skip
def test_s056_a_placeholder_or_short_key_is_refused(value: str) -> None:
    (line,) = mistakes(SECRET_KEY=value)
    assert line.startswith("SECRET_KEY is ")


def test_a_key_is_measured_in_bytes() -> None:
    assert read({"SECRET_KEY": "ä" * 16}).secret_key == "ä" * 16


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{GOOD_KEY}\n")
    settings = read({"SECRET_KEY_FILE": str(path), "OPENAI_API_KEY_FILE": str(path)})

    assert settings.secret_key == settings.openai_api_key == GOOD_KEY


@pytest.mark.parametrize("name", ["OPENAI", "ANTHROPIC", "GEMINI", "OPENROUTER"])
def test_a_providers_key_is_one_word_and_never_repeated(name: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("hunter2\nhunter3\n")
    for env in ({f"{name}_API_KEY": "hunter2 hunter3"}, {f"{name}_API_KEY_FILE": str(path)}):
        (line,) = mistakes(**env)
        assert line.startswith(f"{name}_API_KEY must be one word")
        assert "hunter" not in line
    path.write_text("key-1\n")
    settings = read({f"{name}_API_KEY_FILE": str(path)})
    assert getattr(settings, f"{name.lower()}_api_key") == "key-1"


def test_a_bad_secret_in_a_file_is_still_bad(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("changeme\n")
    assert "placeholder" in mistakes(SECRET_KEY_FILE=str(path))[0]
    path.write_bytes(b"\xff" * 40)
    assert mistakes(SECRET_KEY_FILE=str(path))[0].startswith("SECRET_KEY_FILE cannot be read")


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("80")
    assert read({"PORT_FILE": str(tmp_path / "port")}).port == 5001


def test_uploads_are_in_a_folder_of_their_own(tmp_path: Path) -> None:
    assert read({"UPLOADS": str(tmp_path)}).uploads == Uploads(tmp_path)
    assert read({"UPLOADS": "s3://bucket/a/b/"}).uploads == Uploads(None, "bucket", "a/b")
    assert str(read({"UPLOADS": "s3://bucket"}).uploads) == "s3://bucket"
    assert mistakes(UPLOADS="https://bucket") == [
        "UPLOADS must be a folder or s3://bucket/prefix, not 'https://bucket'."
    ]


def test_the_models_file_is_a_path() -> None:
    assert read({}).models_file is None
    assert read({"MODELS_FILE": "a.toml"}).models_file == Path.cwd() / "a.toml"


def test_postgresql_needs_a_key_that_its_processes_share() -> None:
    assert mistakes(DATABASE_URL="postgresql://db/prosa") == [
        "SECRET_KEY must be set with PostgreSQL: processes share it."
    ]
    assert read({"DATABASE_URL": "postgresql://db/prosa", "SECRET_KEY": GOOD_KEY}).postgres


def test_the_public_address_follows_host_and_port_unless_it_is_given() -> None:
    assert read({"HOST": "0.0.0.0", "PORT": "80"}).public_url == "http://127.0.0.1:80"
    assert read({"HOST": "::1"}).public_url == "http://[::1]:5001"
    given = read({"PUBLIC_URL": "https://chat.example.com/"})
    assert (given.public_url, given.secure) == ("https://chat.example.com", True)
    assert given.public_url_given


def test_railways_own_domain_is_the_public_address() -> None:
    env = {"RAILWAY_PUBLIC_DOMAIN": "prosa.up.railway.app"}
    assert read(env).public_url == "https://prosa.up.railway.app"
    assert read(env | {"PUBLIC_URL": "https://a.example"}).public_url == "https://a.example"


@pytest.mark.parametrize(
    "value", ["example.com", "//example.com", "https://", "http://x:99999", "http://[::1",
              "javascript:alert(1)", "https://example.com/?x=1"]
)  # fmt: skip
def test_an_address_that_is_none_is_refused(value: str) -> None:
    (line,) = mistakes(PUBLIC_URL=value)
    assert line.startswith("PUBLIC_URL must be an http:// or https:// address")


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OLLAMA_HOST"])
@pytest.mark.parametrize("value", ["http://", "http://a b", "ftp://me:s3cret@x", "http://x:99999"])
def test_where_models_are_is_an_address_and_its_password_is_never_repeated(
    name: str, value: str
) -> None:
    (line,) = mistakes(**{name: value})
    assert line.startswith(f"{name} must be ")
    assert "s3cret" not in line


@pytest.mark.parametrize("value", ["a b", "box:port", "::1", "box:99999", "box?x=1"])
def test_ollamas_place_is_a_host(value: str) -> None:
    (line,) = mistakes(OLLAMA_HOST=value)
    assert line == f"OLLAMA_HOST must be an address, like localhost:11434, not {value!r}."


@pytest.mark.parametrize("value", ["box", ":99", "0.0.0.0:80", "[::1]", "https://box/ollama"])
def test_ollamas_place_may_be_short(value: str) -> None:
    assert read({"OLLAMA_HOST": value}).ollama_host == value


def test_dot_env_is_read_below_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\n\nPORT=1\n export HOST = '::1' \nLIMIT_SENDS=\"7\"\n#SIGN_UP=closed\n"
        "SECRET_KEY=a=b=c\nnonsense\n"
    )
    monkeypatch.setenv("PORT", "2")
    found = environment(tmp_path)

    assert (found["PORT"], found["HOST"], found["LIMIT_SENDS"]) == ("2", "::1", "7")
    assert found["SECRET_KEY"] == "a=b=c"
    assert not {"SIGN_UP", "#SIGN_UP", "nonsense", "# a comment"} & set(found)


def test_s132_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = kept_in(tmp_path / "new" / "data")
    key = secret_key(settings)

    path = settings.data / "secret-key"
    assert secret_key(settings) == key == path.read_text()
    assert len(key) >= 43
    assert path.stat().st_mode & 0o777 == 0o600
    assert settings.data.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in settings.data.iterdir()] == ["secret-key"]


def test_a_key_that_is_set_makes_no_file(tmp_path: Path) -> None:
    assert secret_key(replace(kept_in(tmp_path), secret_key=GOOD_KEY)) == GOOD_KEY
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_s056_a_kept_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    settings = kept_in(tmp_path)
    secret_key(settings)
    (tmp_path / "secret-key").chmod(mode)

    with pytest.raises(BadSettings, match="can be read by others: chmod 600"):
        secret_key(settings)


@pytest.mark.parametrize("content", [b"", b"changeme", b"x" * 31, b"\xff" * 40])
def test_a_kept_key_that_is_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret-key"
    path.touch(mode=0o600)
    path.write_bytes(content)

    with pytest.raises(BadSettings) as caught:
        secret_key(kept_in(tmp_path))
    (line,) = caught.value.lines
    assert "\n" not in line


def test_processes_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    program = (
        "import sys; from chat.settings import read, secret_key; sys.stdin.read();"
        "print(secret_key(read({'DATA': sys.argv[1]})))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in started:
        assert process.stdin
        process.stdin.close()  # all of them are waiting for it: they go at once
    keys = set()
    for process in started:
        with process:
            assert process.stdout
            keys.add(process.stdout.read())

    assert len(keys) == 1
    assert "" not in keys


def test_an_unreadable_dot_env_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xff\xfe")

    with pytest.raises(BadSettings, match=r"\.env cannot be read"):
        environment(tmp_path)


def test_a_number_of_5000_digits_is_refused_like_any_other() -> None:
    (line,) = mistakes(PORT="9" * 5000)

    assert "PORT must be a whole number" in line
    assert len(line) < 200
