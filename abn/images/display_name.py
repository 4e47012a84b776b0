"""Names that come with files, made harmless to show."""

import unicodedata


def display_name(name: str, otherwise: str = "image") -> str:
    """The last part of a path, without control or invisible characters, at most 80 characters."""
    return one_line(str(name).replace("\\", "/").rstrip("/").rpartition("/")[2]) or otherwise


def one_line(text: str, length: int = 80) -> str:
    """Text from elsewhere on one line of at most so many characters, without control or invisible ones."""
    plain = "".join(char for char in " ".join(text.split()) if unicodedata.category(char)[0] != "C").strip()
    return plain if len(plain) <= length else plain[: length - 1] + "…"
