"""Images of every format and state: upright, small, without metadata, or a word why not."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms

from chat.attachments.reading import Reading
from tests.attachments.made import encoded, exif, noise, reading_of, scene

pillow_heif.register_heif_opener()


def opened(reading: Reading) -> tuple[Image.Image, Image.Image]:
    """Both derived images; each has nothing but pixels in it."""
    assert (reading.trouble, reading.kind) == ("", "image")
    assert reading.model and reading.thumb
    assert reading.model.stat().st_size <= 3_500_000
    assert reading.thumb.stat().st_size <= 15_000
    model, thumb = (
        Image.open(io.BytesIO(path.read_bytes())) for path in (reading.model, reading.thumb)
    )
    assert max(model.size) <= 1_568 and max(thumb.size) <= 320 and thumb.format == "WEBP"
    for image in (model, thumb):
        assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()
    assert model.format == {".png": "PNG", ".jpg": "JPEG"}[reading.model.suffix]
    return model, thumb


def red_corner(image: Image.Image) -> tuple[bool, bool]:
    """Whether it is at the right, and at the bottom."""
    image = image.convert("RGB")
    right, bottom = image.width * 9 // 10, image.height * 9 // 10
    for place in ((False, False), (True, False), (False, True), (True, True)):
        at = (right if place[0] else image.width // 10, bottom if place[1] else image.height // 10)
        red, green, _ = image.crop((*at, at[0] + 1, at[1] + 1)).tobytes()
        if red > green + 60:
            return place
    raise AssertionError("no red corner")


FORMATS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg": ("image/jpeg", lambda: encoded(scene(), "JPEG")),
    "jpeg cmyk": ("image/jpeg", lambda: encoded(scene(mode="CMYK"), "JPEG")),
    "jpeg progressive": ("image/jpeg", lambda: encoded(scene(), "JPEG", progressive=True)),
    "png": ("image/png", lambda: encoded(scene(), "PNG")),
    "png palette": ("image/png", lambda: encoded(scene(mode="P"), "PNG")),
    "gif": ("image/gif", lambda: encoded(scene(mode="P"), "GIF")),
    "webp": ("image/webp", lambda: encoded(scene(), "WEBP")),
    "avif": ("image/avif", lambda: encoded(scene(), "AVIF")),
    "bmp": ("image/bmp", lambda: encoded(scene(), "BMP")),
    "tiff": ("image/tiff", lambda: encoded(scene(mode="CMYK"), "TIFF", compression="tiff_lzw")),
    "heic": ("image/heic", lambda: encoded(scene(), "HEIF")),
}


@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_is_shown_and_sent_the_right_way_up(name: str, tmp_path: Path) -> None:
    kind, made = FORMATS[name]
    reading = await reading_of(made(), tmp_path, "holiday.txt")

    model, thumb = opened(reading)
    assert (reading.type, reading.width, reading.height) == (kind, 400, 200)
    assert (model.size, thumb.size) == ((400, 200), (320, 160))
    assert red_corner(model) == red_corner(thumb) == (False, False)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "HEIF"])
async def test_a_turned_phone_makes_an_upright_picture_without_its_place_s028(
    kind: str, tmp_path: Path
) -> None:
    photo = encoded(scene(), kind, exif=exif(6))
    assert kind == "HEIF" or b"SecretPhone" in photo

    reading = await reading_of(photo, tmp_path)

    model, thumb = opened(reading)
    assert (reading.width, reading.height) == model.size == (200, 400)
    assert red_corner(model) == red_corner(thumb) == (True, False)
    for path in (reading.model, reading.thumb):
        assert path and b"SecretPhone" not in path.read_bytes()


async def test_of_an_animation_the_first_frame_is_kept(tmp_path: Path) -> None:
    frames = [scene(), *(Image.new("RGB", (400, 200), (0, each, 0)) for each in range(9))]
    for kind in ("GIF", "WEBP"):
        moving = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert red_corner(opened(await reading_of(moving, tmp_path))[0]) == (False, False)


async def test_what_shines_through_stays_and_few_colours_stay_exact(tmp_path: Path) -> None:
    glass = Image.new("RGBA", (50, 50), (0, 0, 255, 0))
    glass.paste((255, 0, 0, 128), (10, 10, 40, 40))
    model, thumb = opened(await reading_of(encoded(glass, "PNG"), tmp_path))
    assert (model.mode, thumb.mode) == ("RGBA", "RGBA")
    assert model.getpixel((20, 20)) == (255, 0, 0, 128)

    photo = noise(620, 620)
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    assert opened(await reading_of(encoded(photo, "PNG"), tmp_path))[0].format == "JPEG"


async def test_brightness_of_sixteen_bits_is_brightness_of_eight(tmp_path: Path) -> None:
    deep = Image.new("I;16", (64, 64), 32_768)
    deep.paste(65_535, (0, 0, 32, 32))
    model, _ = opened(await reading_of(encoded(deep, "PNG"), tmp_path))
    assert [model.convert("L").getpixel(at) for at in ((5, 5), (60, 60))] == [255, 127]


async def test_a_large_photo_comes_down_to_what_models_take(tmp_path: Path) -> None:
    photo = encoded(noise(2_000, 1_000), "JPEG", quality=95)

    reading = await reading_of(photo, tmp_path)

    assert (reading.width, reading.height) == (2_000, 1_000)
    assert opened(reading)[0].size == (1_568, 784)


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """One that says it is so large, whatever is in it."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (header, *chunks, (b"IEND", b""))
    )


BOMB = zlib.compress(b"\0" * 50_000_000)
WHOLE = {kind: encoded(scene(), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF")}
HOSTILE = {
    "13,000 pixels square": (png(13_000, 13_000, (b"IDAT", BOMB)), "too_large"),
    "60,000 pixels square": (png(60_000, 60_000, (b"IDAT", BOMB)), "too_large"),
    "no pixels": (png(0, 0), "broken"),
    "less than it says": (png(8_000, 8_000, (b"IDAT", zlib.compress(b"\0" * 99))), "broken"),
    "a text bomb": (
        png(8, 8, (b"zTXt", b"a\0\0" + zlib.compress(b"a" * 90_000_000)), (b"IDAT", BOMB)),
        "broken",
    ),
    "nothing but a mark": (b"\xff\xd8\xff", "broken"),
    **{f"half a {kind}": (whole[: len(whole) * 2 // 3], "broken") for kind, whole in WHOLE.items()},
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_bombs_and_halves_are_named_and_leave_nothing_s027(name: str, tmp_path: Path) -> None:
    content, trouble = HOSTILE[name]

    reading = await reading_of(content, tmp_path)

    assert (reading.kind, reading.trouble) == ("image", trouble)
    assert (reading.model, reading.thumb, reading.width) == (None, None, 0)


async def test_ten_thousand_frames_cost_as_much_as_one_s027(tmp_path: Path) -> None:
    head = encoded(Image.new("P", (2, 2)), "GIF")
    at = head.index(b",")  # the first image; what follows is one after the other
    frame = head[at:-1]
    reading = await reading_of(head[:at] + frame * 10_000 + b";", tmp_path)
    assert (reading.trouble, reading.width) == ("", 2)


@pytest.mark.parametrize(
    ("tail", "name"),
    [
        (b"<script>alert(1)</script>", "a.html"),
        (b"%PDF-1.7\n1 0 obj\n%%EOF startxref", "a.pdf"),
        (b"PK\3\4 and so on PK\5\6" + b"\0" * 18, "a.docx"),
    ],
)
async def test_of_a_polyglot_only_the_pixels_remain_s021(
    tail: bytes, name: str, tmp_path: Path
) -> None:
    commented = Image.new("RGB", (9, 9))
    both = encoded(commented, "JPEG", comment=tail) + tail
    reading = await reading_of(both, tmp_path, name)

    opened(reading)
    assert reading.type == "image/jpeg"
    assert reading.model and tail not in reading.model.read_bytes()


async def test_a_drawing_with_scripts_is_text_whatever_it_is_called_s021(tmp_path: Path) -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    for name in ("a.png", "a.svg", "a.html"):
        reading = await reading_of(drawing, tmp_path, name)
        assert (reading.kind, reading.model) == ("text", None)
        assert not reading.type.startswith("image/")


async def test_a_profile_that_is_none_is_passed_over(tmp_path: Path) -> None:
    photo = encoded(scene(), "JPEG", icc_profile=b"\0" * 3_000)
    assert red_corner(opened(await reading_of(photo, tmp_path))[0]) == (False, False)


async def test_colours_are_those_of_their_profile(tmp_path: Path) -> None:
    """Here one in which red means green; phones have one in which red means a little more of it."""
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    odd = usual.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")
    photo = encoded(Image.new("RGB", (64, 64), (200, 60, 60)), "PNG", icc_profile=odd)

    model, _ = opened(await reading_of(photo, tmp_path))

    red, green, _ = model.convert("RGB").crop((9, 9, 10, 10)).tobytes()
    assert green > red + 60
