"""An address as a QR code (ISO/IEC 18004), for a projector and for paper."""

import io

import segno

ERROR = "m"  # 15 % of it may be unreadable
BORDER = 4  # modules of quiet zone, as the standard asks for


def qr_svg(address: str, pixels: int = 224) -> str:
    """An SVG image, black on white also on a dark page, `pixels` wide and high."""
    code, stream = segno.make(address, error=ERROR, micro=False), io.BytesIO()
    scale = pixels / (code.symbol_size(border=0)[0] + 2 * BORDER)
    code.save(stream, kind="svg", scale=scale, border=BORDER, light="#fff", dark="#000", xmldecl=False, svgns=True)
    return stream.getvalue().decode().strip()
