"""Images under an address of their own, so that the browser fetches the same pixels once, however many maps lie on
them and however often a page is drawn."""

import base64
import hashlib
import io
from dataclasses import dataclass

from PIL import Image
from streamlit import config, runtime

from abn.ui.state import state

QUALITY = 90  # of the JPEG


@dataclass(frozen=True, eq=False)
class Encoded:
    """An image as a file for the browser."""

    data: bytes
    kind: str  # "image/jpeg" or "image/png"
    pixels: tuple[int, int]  # W, H


def encode(image: Image.Image) -> Encoded:
    """An image as a JPEG, or where it has transparent pixels as a PNG."""
    stream, kind = io.BytesIO(), "png" if image.mode == "RGBA" else "jpeg"
    image.save(stream, kind, quality=QUALITY, subsampling=0)  # as a small image is enlarged
    return Encoded(stream.getvalue(), f"image/{kind}", image.size)


def media_url(image: Encoded) -> str:
    """The address of an image, held by the server as long as a page of this session shows it, as Streamlit serves its
    own images; without a server, as in a test, the address holds the image itself. In each run of a page an image is
    handed to the server once."""
    if not runtime.exists():
        return f"data:{image.kind};base64,{base64.b64encode(image.data).decode()}"
    known = state.media_addresses.get(id(image))
    if known is None:
        known = state.media_addresses[id(image)] = image, _add(image.data, image.kind)
    return known[1]


def host(url: str) -> str:
    """The same for a small image that is kept as a data: URL."""
    if not runtime.exists():
        return url
    kind, text = url.removeprefix("data:").split(";base64,")
    return _add(base64.b64decode(text), kind)


def _add(data: bytes, kind: str) -> str:
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    place = f"abn-{hashlib.sha256(data).hexdigest()}"  # files of one place would replace each other
    address = runtime.get_instance().media_file_mgr.add(data, kind, place)
    return f"/{base}{address}" if base else address
