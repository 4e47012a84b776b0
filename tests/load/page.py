"""What a browser knows of the open page: it takes the server's messages and keeps what a person's next act needs.

What a browser would draw is looked at just as far as is needed: the widgets' ids and what they hold, errors, both
heads' answers, the pictures that would be fetched, and which large messages are kept (a browser names them, and gets a
reference in place of each).
"""

import json
import re
from dataclasses import dataclass, field

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from load.wire import Trouble

PICTURE = re.compile(r'<img src="(/media/[^"]*)" alt="([^"]*)"')
ANSWER = re.compile(r'<dd title="[^"]*">(.*?)</dd><dd>(.*?)</dd>')

Path = tuple[int, ...]  # where an element stands


@dataclass
class Page:
    """The page as the last run drew it."""

    session: str = ""
    hash: str = ""  # which page it is
    query: str = ""
    links: dict[str, str] = field(default_factory=dict)  # the last part of each page's address → its hash
    widgets: dict[str, str] = field(default_factory=dict)  # key → id
    states: dict[str, WidgetState] = field(default_factory=dict)  # by id: what goes back with every run
    answers: dict[Path, list[tuple[str, str]]] = field(default_factory=dict)  # both heads' class and number
    pictures: dict[str, str] = field(default_factory=dict)  # address → what it shows, in words
    _popovers: list[Path] = field(default_factory=list)  # what is in them is not there until they are opened
    _kept: dict[str, tuple[int, ForwardMsg]] = field(default_factory=dict)  # hash → when last met, the large message
    _runs: int = 0
    _longest: int = 2  # runs for which a large message is kept
    _begun: bool = False

    @property
    def kept(self) -> list[str]:
        """Hashes of the messages that need not be sent again."""
        return list(self._kept)

    def ask(self) -> None:
        """A run has been asked for: what settles now is that run."""
        self._begun = False

    def take(self, message: ForwardMsg) -> bool:
        """Whether the page has settled with this message: the script has ended, and well."""
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            where, (_, kept) = message.metadata, self._kept[message.ref_hash]
            self._kept[message.ref_hash] = self._runs, kept
            self._draw(tuple(where.delta_path), kept.delta)
        elif kind == "delta":
            if message.metadata.cacheable:
                self._kept[message.hash] = self._runs, message
            self._draw(tuple(message.metadata.delta_path), message.delta)
        elif kind == "new_session":
            self._begin(message.new_session, bool(message.metadata.run.fragment_ids))
        elif kind == "navigation":
            self.links = {one.url_pathname or "": one.page_script_hash for one in message.navigation.app_pages}
            self.hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "page_not_found":
            raise Trouble("the page was not found")
        elif kind == "script_finished":
            return self._end(ForwardMsg.ScriptFinishedStatus.Name(message.script_finished))
        return False

    def _begin(self, told, fragment: bool) -> None:
        self._begun = True
        self.session, self._longest = told.initialize.session_id, told.config.max_cached_message_age
        if fragment:
            return
        if told.app_pages:
            self.links = {one.url_pathname or "": one.page_script_hash for one in told.app_pages}
        self.hash = told.page_script_hash or self.hash
        self.widgets, self.answers, self.pictures, self._popovers = {}, {}, {}, []

    def _end(self, how: str) -> bool:
        if how == "FINISHED_WITH_COMPILE_ERROR":
            raise Trouble("the script could not be read")
        if how != "FINISHED_SUCCESSFULLY" or not self._begun:
            return False
        there = set(self.widgets.values())
        self.states = {key: state for key, state in self.states.items() if key in there}
        self._runs += 1
        self._kept = {key: one for key, one in self._kept.items() if self._runs - one[0] <= self._longest}
        return True

    def _draw(self, path: Path, delta) -> None:
        what = delta.WhichOneof("type")
        if what == "add_block" and delta.add_block.WhichOneof("type") == "popover":
            self._popovers.append(path)
        if what != "new_element":
            return
        kind = delta.new_element.WhichOneof("type")
        element = getattr(delta.new_element, kind)
        if kind == "exception":
            raise Trouble(f"a traceback: {element.type} {element.message}")
        if kind == "alert" and element.format == Alert.ERROR:
            raise Trouble(f"an error: {element.body}")
        if kind == "html" and 'class="abn-prediction"' in element.body:
            self.answers[path] = ANSWER.findall(element.body)
        elif kind == "html":
            self.pictures |= dict(PICTURE.findall(element.body))
        elif kind == "imgs":
            self.pictures |= {one.url: one.alt for one in element.imgs}
        elif kind == "bidi_component" and element.component_name == "abn_map_view":
            (data,) = json.loads(element.json)
            self.pictures.setdefault(data["image"], data["alt"])
        if isinstance(name := getattr(element, "id", None), str) and name.startswith("$$ID-"):
            self.widgets[name.split("-", 2)[2]] = name
            if not any(path[: len(one)] == one for one in self._popovers):
                self._hold(kind, element)

    def _hold(self, kind: str, element) -> None:
        """What a browser sends back of a widget as soon as it is drawn: its default, or what the script has set."""
        if kind not in ("checkbox", "button_group") or (element.id in self.states and not element.set_value):
            return
        self.states[element.id] = state = WidgetState(id=element.id)
        if kind == "checkbox":
            state.bool_value = element.value if element.set_value else element.default
        else:
            default = [element.options[place].content for place in element.default]
            state.string_array_value.data.extend(element.raw_values if element.set_value else default)
