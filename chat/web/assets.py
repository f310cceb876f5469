"""The style sheet and the script: every file joined at start, named by content, kept compressed."""

import gzip
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from quart import Blueprint, Response, current_app, request

from chat.errors import NotFound

log = logging.getLogger(__name__)
FOLDER = Path(__file__).parents[2] / "static"
VENDOR = ("htmx.min.js", "hx-sse.min.js")
blueprint = Blueprint("assets", __name__, url_prefix="/assets")


@dataclass(frozen=True, slots=True)
class Asset:
    name: str  # "app.css"
    url: str
    kind: str
    body: bytes
    zipped: bytes


class Assets:
    """Everything a page loads beside itself. `has_htmx`: whether `make setup` could install it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        vendor = [folder / "vendor" / name for name in VENDOR]
        self.has_htmx = all(path.exists() for path in vendor)
        if not self.has_htmx:
            log.warning("htmx is not installed (npm, then make setup): pages reload as a whole.")
        scripts = [path.read_text("utf-8") for path in vendor if self.has_htmx]
        scripts += [f"{{\n{path.read_text('utf-8')}}}\n" for path in _files(folder / "js", "*.js")]
        styles = [path.read_text("utf-8") for path in _files(folder / "css", "*.css")]
        icon = folder / "icon.svg"
        made = [
            _asset("app.js", "text/javascript", "\n;".join(scripts)),
            _asset("app.css", "text/css", "\n".join(styles)),
            _asset("icon.svg", "image/svg+xml", icon.read_text("utf-8") if icon.exists() else ""),
        ]
        self._by_name = {asset.name: asset for asset in made}
        self._by_url = {asset.url: asset for asset in made}

    def url(self, name: str) -> str:
        return self._by_name[name].url

    def at(self, url: str) -> Asset:
        if url not in self._by_url:
            raise NotFound
        return self._by_url[url]


@blueprint.get("/<name>")
async def show(name: str) -> Response:
    asset: Asset = current_app.extensions["assets"].at(f"/assets/{name}")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.zipped, headers=headers, content_type=asset.kind)
    return Response(asset.body, headers=headers, content_type=asset.kind)


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def _asset(name: str, kind: str, text: str) -> Asset:
    body = text.encode()
    stem, _, ending = name.rpartition(".")
    mark = hashlib.sha256(body).hexdigest()[:12]
    return Asset(
        name=name,
        url=f"/assets/{stem}-{mark}.{ending}",
        kind=f"{kind}; charset=utf-8",
        body=body,
        zipped=gzip.compress(body, mtime=0),
    )
