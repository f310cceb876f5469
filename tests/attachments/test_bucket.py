"""UPLOADS=s3://…: the same way, into an object store that is a server of its own."""

import asyncio
import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import Request, urlopen

import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from chat.attachments.cleaning import DAY, Cleaning
from tests.attachments.made import encoded, scene
from tests.attachments.sending import upload, uploaded
from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import Person, reply_of
from tests.rows import count, state, until
from tests.test_commands import refused, run
from tests.upstream import Upstream

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # boto's own
DATA = bytes(range(256)) * 5_000


class Shop:
    """An S3 server on loopback, with a bucket; it can go away and come back."""

    def __init__(self) -> None:
        with closing(socket.socket()) as found:
            found.bind(("127.0.0.1", 0))
            self._port = found.getsockname()[1]
        self.env = {
            "UPLOADS": "s3://prosa/files",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": "ada",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_CA_BUNDLE": "/for/other/programs.pem",
            "AWS_PROFILE": "of-other-programs",
        }
        self.open()
        created = Request(f"{self.env['AWS_ENDPOINT_URL']}/prosa", method="PUT")
        urlopen(created).close()
        self.bucket = S3Store(
            "prosa",
            config={
                "endpoint": self.env["AWS_ENDPOINT_URL"],
                "access_key_id": "ada",
                "secret_access_key": "secret",
                "region": "us-east-1",
            },
            client_options={"allow_http": True},
        )

    def open(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def close(self) -> None:
        self._server.stop()

    def names(self) -> list[str]:
        return sorted(each["path"] for batch in obstore.list(self.bucket) for each in batch)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    found = Shop()
    yield found
    found.close()


@ON_SQLITE
async def test_files_are_kept_read_in_part_and_deleted_there(
    shop: Shop, make_site: SiteMaker, people: Callable[..., Person], tmp_path: Path
) -> None:
    site = await make_site(**shop.env)
    ada, eve = people(site), people(site)
    await ada.register()
    await eve.register()
    chip = await uploaded(ada, "data.bin", DATA)
    again = await uploaded(eve, "data.bin", DATA)

    digest = hashlib.sha256(DATA).hexdigest()
    assert shop.names() == [f"files/{digest}"]
    url = f"{site.base}/attachments/{chip}"
    async with ada._http.get(url) as response:
        assert await response.read() == DATA
    async with ada._http.get(url, headers={"Range": "bytes=-300000"}) as response:
        assert response.status == 206
        assert await response.read() == DATA[-300_000:]
    assert list((tmp_path / ".tmp").iterdir()) == []

    await ada.partial(f"/attachments/{chip}/deletion")
    async with eve._http.get(f"{site.base}/attachments/{again}") as response:
        assert await response.read() == DATA
    await eve.partial(f"/attachments/{again}/deletion")

    async def empty() -> bool:
        return await asyncio.to_thread(shop.names) == []

    await until(empty, within=30)


@ON_SQLITE
async def test_a_server_that_is_gone_is_said_and_one_that_is_back_goes_on(
    shop: Shop, make_site: SiteMaker, people: Callable[..., Person], tmp_path: Path
) -> None:
    site = await make_site(**shop.env)
    ada = people(site)
    await ada.register()
    chip = await uploaded(ada, "a.txt", b"before")
    shop.close()
    kept = await upload(ada, ("b.txt", b"meanwhile"))
    shown = await ada.get(f"/attachments/{chip}")
    page = await ada.get("/account/files")

    assert (kept.status, shown.status, page.status) == (503, 503, 200)
    assert kept.headers["Retry-After"] == "5"
    assert await count(site, "attachments") == 1
    assert list((tmp_path / ".tmp").iterdir()) == []
    shop.open()
    assert (await ada.get(f"/attachments/{chip}")).text == "before"
    obstore.delete(shop.bucket, shop.names())
    missing = await ada.get(f"/attachments/{chip}")
    assert missing.status == 404
    assert "This file is missing" in missing.text
    back = await uploaded(ada, "b.txt", b"meanwhile")
    assert (await ada.get(f"/attachments/{back}")).text == "meanwhile"

    obstore.put(shop.bucket, f"files/{'0' * 64}", b"nobody's")
    obstore.put(shop.bucket, "files/readme", b"not ours")
    clock = site.app.extensions["parts"].clock
    files = site.app.extensions["files"]
    await Cleaning(site.db, files, lambda: clock() + 2 * DAY).sweep()
    digest = hashlib.sha256(b"meanwhile").hexdigest()
    assert shop.names() == sorted([f"files/{digest}", "files/readme"])


@ON_SQLITE
async def test_a_reply_that_needs_it_says_so_and_is_written_again_later(
    shop: Shop,
    make_site: SiteMaker,
    people: Callable[..., Person],
    upstream: Upstream,
    tmp_path: Path,
) -> None:
    (tmp_path / "models.toml").write_text('[models."openai/tiny"]\nsees_images = true\n')
    site = await make_site(MODELS_FILE=str(tmp_path / "models.toml"), **shop.env)
    ada = people(site)
    await ada.register()
    chip = await uploaded(ada, "p.png", encoded(scene(), "PNG"))
    shop.close()
    sent = await ada.send("What is it?", attachment=chip)
    await ada.watched(reply_of(sent))
    failed = await ada.get(f"/replies/{reply_of(sent)}")
    shop.open()
    again = await ada.partial(f"/replies/{reply_of(sent)}/retry")
    await ada.watched(reply_of(again))

    assert failed.words(".outcome p").startswith("What this answer needs cannot be read")
    assert failed.html.select(".outcome form")
    assert await state(site, reply_of(again)) == "complete"
    assert "image_url" in str(upstream.asked[-1])


def test_a_backup_says_that_the_files_are_not_in_it(tmp_path: Path) -> None:
    data, place = tmp_path / "data", "s3://prosa/files"
    assert run("migrate", data=data, UPLOADS=place).returncode == 0
    done = run("backup", str(tmp_path / "b"), data=data, UPLOADS=place)

    assert done.returncode == 0, done.stderr
    assert "The files are not in it: s3://prosa/files is yours to keep." in done.stdout
    new = tmp_path / "new"
    assert run("restore", str(tmp_path / "b"), data=new, UPLOADS=place).returncode == 0
    # One with files goes nowhere but into a folder.
    uploads = tmp_path / "uploads"
    (uploads / "ab").mkdir(parents=True)
    (uploads / "ab" / "x").write_text("x")
    assert run("backup", str(tmp_path / "c"), data=data, UPLOADS=str(uploads)).returncode == 0
    done = run("restore", str(tmp_path / "c"), data=tmp_path / "third", UPLOADS=place)
    assert "set UPLOADS to a folder" in refused(done)


async def test_what_makes_no_sense_is_one_line(tmp_path: Path) -> None:
    done = run("serve", data=tmp_path, UPLOADS="s3://prosa", AWS_CHECKSUM_ALGORITHM="no such")

    assert "UPLOADS cannot be used" in refused(done)
