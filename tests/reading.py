"""What a person gets to see of a page under AppTest: pictures and maps with their words, captions, and more."""

import json

from streamlit.testing.v1 import AppTest


def component(element) -> dict:
    """The data of one of our own components."""
    return json.loads(element.proto.json)


def components(at: AppTest, name: str) -> dict[str, dict]:
    """Key → data of the components of a name ("abn_map_view", "abn_painter", …), in the page's order."""
    found = [element for element in at.get("bidi_component") if element.proto.component_name == name]
    return {element.proto.id.split("-", 2)[2]: component(element) for element in found}


def pictures(at: AppTest) -> list[tuple[str, str]]:
    """Words and address of every picture and map, in the page's order."""
    found = []
    for element in at.main:
        if element.type == "imgs" or element.type == "image":
            found += [(image.alt, image.url) for image in element.proto.imgs]
        elif element.type == "bidi_component" and element.proto.component_name == "abn_map_view":
            found.append((component(element)["alt"], component(element)["picture"]))
    return found


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption)


def tables(at: AppTest) -> list[list[list[str]]]:
    """The rows of each table, headings first, without the backslashes that keep Markdown from reading a text."""

    def rows(frame) -> list[list[str]]:
        if frame.index.dtype.kind not in "iu":  # the rows have names
            frame = frame.reset_index()
        return [[str(text).replace("\\", "") for text in row] for row in (frame.columns, *frame.to_numpy())]

    return [rows(table.value) for table in at.table]


def model_card(at: AppTest, which: int = -1) -> dict[str, str]:
    """The rows of a model card by their names."""
    return dict(tables(at)[which][1:])
