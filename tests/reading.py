"""What a page shows under AppTest: predictions, pictures and maps with their words, captions, tables."""

import html
import json
import re
from collections.abc import Iterable

import numpy as np
from streamlit.testing.v1 import AppTest

from abn.explanations.explanation import Explanation
from abn.plots import numbers
from abn.ui.components import map_view
from abn.vocabulary import HEADS

FRAMED = re.compile(r'<div class="abn-framed"><img src="(?P<address>[^"]*)" alt="(?P<alt>[^"]*)"')


def plain(text: str) -> str:
    """A text without the backslashes that keep Markdown from reading it."""
    return re.sub(r"\\(.)", r"\1", text)


def texts(elements: Iterable) -> list[str]:
    """What each of these elements says, such as `at.info`."""
    return [plain(element.value) for element in elements]


def predictions(at: AppTest) -> list[list[tuple[str, str]]]:
    """Of each variant the label and the percentage that the auxiliary and the perception head predict."""
    bodies = [element.value for element in at.html if 'class="abn-prediction"' in element.value]
    return [re.findall(r"<dd title=\"[^\"]*\">(.*?)</dd><dd>(.*?)</dd>", body) for body in bodies]


def as_shown(explanations: Iterable[Explanation]) -> list[list[tuple[str, str]]]:
    """The same for explanations of the library, as a page writes them."""
    tops = [[explanation.top(head, 1)[0] for head in HEADS] for explanation in explanations]
    return [[(html.escape(numbers.short_label(p.label)), numbers.percent(p.probability)) for p in top] for top in tops]


def ticks(at: AppTest) -> list[list[str]]:
    """The numbers below each color bar, whether a map has it or it stands alone, in the page's order."""
    shown = []
    for element in at.main:
        if element.type == "html" and 'class="abn-ticks"' in element.value:
            shown.append(re.findall(r"<span>(.*?)</span>", element.value))
        elif _is_map(element) and component(element)["ticks"]:
            shown.append(component(element)["ticks"])
    return shown


def effects(at: AppTest) -> list[list[str]]:
    """Of each intervention Δp, in points, of the class predicted before, and of the class predicted after if another
    one is."""
    bodies = [element.value for element in at.html if 'class="abn-effect' in element.value]
    return [re.findall(r'data-points="(.*?)"', body) for body in bodies]


def bars(at: AppTest) -> list[str]:
    """The bars of both heads' predictions, as HTML."""
    return [element.value for element in at.html if 'class="abn-bars"' in element.value]


def component(element) -> dict:
    """The data of one of our own components."""
    (data,) = json.loads(element.proto.json)
    return data


def components(at: AppTest, name: str) -> dict[str, dict]:
    """Key → data of the components of a name ("abn_map_view", "abn_painter", …), in the page's order."""
    elements = [element for element in at.get("bidi_component") if element.proto.component_name == name]
    return {element.proto.id.split("-", 2)[2]: component(element) for element in elements}


def _is_map(element) -> bool:
    return element.type == "bidi_component" and element.proto.component_name == "abn_map_view"


def map_values(values: np.ndarray) -> list[float]:
    """A map's values as the browser gets them to draw it."""
    return np.round(values.astype(float), map_view.DIGITS).ravel().tolist()


def look(at: AppTest) -> dict[str, int | str]:
    """What is chosen of how maps are drawn, as the controls show it."""
    return components(at, "abn_look")["look"]["chosen"]


def pictures(at: AppTest) -> list[tuple[str, str]]:
    """Words of every picture and map, in the page's order, with its address; of a map all that decides its pixels."""
    shown = []
    for element in at.main:
        if element.type == "imgs" or element.type == "image":
            shown += [(image.alt, image.url) for image in element.proto.imgs]
        elif element.type == "html" and (framed := FRAMED.search(element.value)):
            shown.append((framed["alt"], framed["address"]))
        elif _is_map(element):
            data = component(element)
            drawn = {name: data[name] for name in ("image", "cover", "pixels", "values", "limits", "box", "look")}
            if not data["look"]["top"]:
                del drawn["look"]["mark"]  # how nothing is marked
            shown.append((data["alt"], json.dumps(drawn)))
    return shown


def alts(at: AppTest) -> list[str]:
    """The words of every picture and map, in the page's order."""
    return [words for words, _ in pictures(at)]


def mentions(at: AppTest, *parts: str) -> bool:
    """Whether one text of the page holds all these parts, which are data and not wording."""
    elements = (at.markdown, at.caption, at.info, at.success, at.warning, at.error)
    return any(all(part in text for part in parts) for group in elements for text in texts(group))


def keys(at: AppTest) -> list[str]:
    """The keys of the page's buttons."""
    return [button.key for button in at.button if button.key]


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption)


def tables(at: AppTest) -> list[list[list[str]]]:
    """The rows of each table, headings first, without the backslashes that keep Markdown from reading a text."""

    def rows(frame) -> list[list[str]]:
        if frame.index.dtype.kind not in "iu":  # the rows have names
            frame = frame.reset_index()
        return [[str(text).replace("\\", "") for text in row] for row in (frame.columns, *frame.to_numpy())]

    return [rows(table.value) for table in at.table]


def open_cards(at: AppTest, *variants: str) -> AppTest:
    """The page with the model cards of these variants opened."""
    for variant in variants:
        at.session_state[f"card-{variant}"] = True
    return at.run()


def open_tab(at: AppTest, tab: str) -> AppTest:
    """Compare with this tab opened below the maps."""
    at.session_state["compare_tab"] = at.query_params["compare_tab"] = tab
    return at.run()


def model_card(at: AppTest, which: int = -1) -> dict[str, str]:
    """The rows of an opened model card by their names: its eight lines, then its details."""
    summary, details = tables(at)[2 * which], tables(at)[2 * which + 1]
    return dict(summary[1:]) | dict(details[1:])
