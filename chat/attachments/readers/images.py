"""Images of every format: decoded, turned upright, and encoded anew, without their metadata."""

import io
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from chat.attachments.readers.found import Found, Sort, Unreadable

MOST_PIXELS = 80_000_000
MODEL_EDGE, THUMB_EDGE = 1_568, 320  # pixels of the longest side
MODEL_BYTES, THUMB_BYTES = 3_500_000, 15_000
PNG_BYTES = 1_000_000  # larger ones are photographs
FEW_COLOURS = 128
REDUCING_GAP = 2.0  # a coarse step first, to this many times what is wanted; then a fine one
_FORMATS = {
    "image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP",
    "image/avif": "AVIF", "image/bmp": "BMP", "image/tiff": "TIFF", "image/heic": "HEIF",
}  # fmt: skip
_SIDEWAYS = (5, 6, 7, 8)  # orientations of EXIF that lie on their side
_ORIENTATION = 0x112
Image.MAX_IMAGE_PIXELS = None  # it warns first; ours is a limit


def read(path: Path, sort: Sort, folder: Path) -> Found:
    name = _FORMATS[sort.type]
    if name == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
    with Image.open(path, formats=(name,)) as opened:
        if opened.width * opened.height > MOST_PIXELS:  # so says its header: nothing is decoded yet
            raise Unreadable("too_large")
        width, height = opened.size
        profile = opened.info.get("icc_profile")
        image = _shrunk(opened)
    turned = image.getexif().get(_ORIENTATION) in _SIDEWAYS
    image = ImageOps.exif_transpose(image)
    image = _plain(image, profile)
    image.info = {}  # encoders take more from there than one would think
    model = _model(image, folder)
    thumb = _thumb(image, folder)
    if turned:
        width, height = height, width
    return Found(width=width, height=height, model=model, thumb=thumb, pages=1)


def _shrunk(image: Image.Image) -> Image.Image:
    """As large as models want it, decoded as coarsely as that allows."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if _see_through(image) else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode.startswith("I;16"):
        image = image.convert("I")
    # What `thumbnail` asks of a JPEG's decoder ignores that images are rarely square.
    scale = REDUCING_GAP * MODEL_EDGE / max(image.size)
    image.draft(None, (int(image.width * scale), int(image.height * scale)))
    image.thumbnail((MODEL_EDGE, MODEL_EDGE), Image.Resampling.LANCZOS, REDUCING_GAP)
    image.load()
    return image


def _plain(image: Image.Image, profile: object) -> Image.Image:
    """In the colours of screens: L, RGB, or RGBA where something shines through."""
    if image.mode in ("I", "F"):
        return _eight_bits(image)
    if isinstance(profile, bytes) and image.mode in ("RGB", "RGBA", "CMYK"):
        image = _on_screens(image, profile)
    if _see_through(image):
        image = image.convert("RGBA")
        lowest, _ = image.getchannel("A").getextrema()
        return image if lowest != 255 else image.convert("RGB")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _see_through(image: Image.Image) -> bool:
    return image.has_transparency_data


def _eight_bits(image: Image.Image) -> Image.Image:
    """From brightness in any unit: 16 bits as they are, others from the least to the most."""
    low, high = (float(each) for each in image.getextrema() if not isinstance(each, tuple))
    if image.mode == "I" and low >= 0 and 4_095 < high <= 65_535:
        low, high = 0.0, 65_535.0
    scale = 255 / (high - low) if high > low else 0.0
    return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")


def _on_screens(image: Image.Image, profile: bytes) -> Image.Image:
    """With its colour profile applied, or as it is where that makes no sense."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        found = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return found or image


def _model(image: Image.Image, folder: Path) -> str:
    if image.mode == "RGBA" or image.getcolors(FEW_COLOURS):
        encoded = _encoded(image, "PNG")
        if len(encoded) <= PNG_BYTES:
            (folder / "model.png").write_bytes(encoded)
            return "model.png"
    if image.mode == "RGBA":
        image = _on_white(image)
    for quality in (85, 70, 50):
        encoded = _encoded(image, "JPEG", quality=quality)
        if len(encoded) <= MODEL_BYTES:
            break
    (folder / "model.jpg").write_bytes(encoded)
    return "model.jpg"


def _thumb(image: Image.Image, folder: Path) -> str:
    for edge, quality in ((320, 75), (320, 50), (240, 40), (160, 30), (96, 20)):
        small = image.copy()
        small.thumbnail((min(edge, THUMB_EDGE),) * 2)
        encoded = _encoded(small, "WEBP", quality=quality)
        if len(encoded) <= THUMB_BYTES:
            break
    (folder / "thumb.webp").write_bytes(encoded)
    return "thumb.webp"


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _encoded(image: Image.Image, kind: str, **how: object) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()
