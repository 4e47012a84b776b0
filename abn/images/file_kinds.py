"""What a file is by how it begins: which of Pillow's readers may open it, or the name of a kind that isn't read."""

from PIL import Image

from abn.errors import PictureError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")
SUFFIXES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .webp .gif .bmp .dib .tif .tiff .avif .jp2 .j2k .j2c .jpf .jpx "
    ".heic .heif .hif".split()
)
CHOOSE = "choose a PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000 or HEIC image"
NOT_READ = "This is {kind}, which is not read here: save it as PNG or JPEG."
NO_HEIF = "This HEIC image needs the package pillow-heif, which is not installed here: save it as JPEG."

_READ = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")
_AVIF = {b"avif", b"avis"}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_BRANDS = {b"crx ": "a raw photo of a camera", b"avci": "an HEIF image coded with AVC"}  # of files that begin alike
_KINDS = (
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (0, b"#?RADIANCE", "a Radiance HDR image"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"FUJIFILMCCD-RAW", "a raw photo of a camera"),
    (0, b"IIU\0", "a raw photo of a camera"),
    (0, b"IIRO", "a raw photo of a camera"),
    (8, b"CR\2", "a raw photo of a camera"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"icns", "an icon"),
    (0, b"\0\0\2\0\1\0", "a cursor"),
    (0, b"qoif", "a QOI image"),
    (0, b"\1\xda", "an SGI image"),
    (-18, b"TRUEVISION-XFILE", "a TGA image"),
    (0, b"SIMPLE  =", "a FITS file"),
    (128, b"DICM", "a DICOM file"),
    (0, b"P1", "a PNM image"), (0, b"P2", "a PNM image"), (0, b"P3", "a PNM image"), (0, b"P4", "a PNM image"),
    (0, b"P5", "a PNM image"), (0, b"P6", "a PNM image"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "an SVG drawing or another XML file"),
    (0, b"<!doctype html", "a web page"), (0, b"<!DOCTYPE html", "a web page"), (0, b"<html", "a web page"),
    (0, b"version https://git-lfs", "a pointer of Git LFS to a file"),
    (0, b"PK\3\4", "a zip or an office document"),
    (0, b"\x1a\x45\xdf\xa3", "a video"),
)  # fmt: skip


def is_image(beginning: bytes) -> bool:
    """Whether the first 16 bytes or more are those of an image that is read here."""
    read = beginning.startswith(_READ + _JPEG_2000) and beginning[8:11] != b"CR\2"
    return read or beginning[8:12] == b"WEBP" or bool(_brands(beginning) & (_AVIF | _HEIF))


def name_kind(data: bytes) -> str:
    """The kind of a file that isn't read here, with its article; empty where that is unknown."""
    brands = _brands(data)
    if brands:
        known = [name for brand, name in _BRANDS.items() if brand in brands]
        return "" if brands & (_AVIF | _HEIF) else (known or ["a video"])[0]
    return next((name for at, mark, name in _KINDS if data.startswith(mark, at)), "")


def choose_readers(data: bytes) -> tuple[str, ...]:
    """The names of Pillow's readers that may open a file. Raises `PictureError` for a kind that isn't read."""
    if kind := name_kind(data):
        raise PictureError(NOT_READ.format(kind=kind))
    brands = _brands(data)
    if brands & _HEIF and not brands & _AVIF:
        _register_heif()
        return ("HEIF",)
    return FORMATS


def _brands(data: bytes) -> set[bytes]:
    """The kinds that an ISO media file, such as AVIF, HEIC or a video, is said to be; as far as `data` has them."""
    if data[4:8] != b"ftyp":
        return set()
    length = min(int.from_bytes(data[:4], "big"), 256)
    return {data[at : at + 4] for at in (8, *range(16, min(length, len(data)) - 3, 4))}


def _register_heif() -> None:
    """Make Pillow read HEIC, once. The package waits until then: it is large, and may be missing."""
    if "HEIF" in Image.OPEN:
        return
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise PictureError(NO_HEIF) from error
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
