"""One browser's side of Streamlit's own protocol, without the browser: what a person does goes out as one message,
and the page counts as settled when the script has ended well.

Loopback only. What a browser would draw is looked at just as far as is needed: widgets' ids, errors, both heads'
answers, and which large messages a browser would keep (it names them, and gets a reference in their place).
"""

import asyncio
import http.cookies
import json
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

HOST = "127.0.0.1"
COOKIE = "_streamlit_xsrf"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by way of a proxy
ANSWER = re.compile(r'<dd title="[^"]*">(.*?)</dd><dd>(.*?)</dd>')


class Trouble(Exception):
    """The page, or the server, did what it must not do."""


@dataclass
class Browser:
    """One open page of one person."""

    port: int
    patience: float = 120.0  # seconds for anything to settle
    session: str = ""
    pages: dict[str, str] = field(default_factory=dict)  # name → hash
    page: str = ""  # the hash of the one that is open
    query: str = ""
    widgets: dict[str, str] = field(default_factory=dict)  # key → id, of the page as it is
    answers: list[list[tuple[str, str]]] = field(default_factory=list)  # of each column: both heads' class and number
    warnings: list[str] = field(default_factory=list)
    received: int = 0  # bytes
    _kept: dict[str, ForwardMsg] = field(default_factory=dict)  # large messages by their hash
    _states: dict[str, WidgetState] = field(default_factory=dict)
    _token: str = ""  # against forged requests: Streamlit gives it as a cookie, and wants it back as a header too
    _files: list = field(default_factory=list)
    _socket: ClientConnection | None = None

    # ---- what a person does ----

    async def open(self, path: str = "") -> None:
        """Open a page and wait until it has settled."""
        where, _, self.query = path.partition("?")
        origin = f"http://{HOST}:{self.port}"
        self._token = await asyncio.to_thread(_token, origin)
        self._socket = await connect(
            f"ws://{HOST}:{self.port}/_stcore/stream",
            subprotocols=["streamlit"], origin=origin, max_size=None, compression=None, proxy=None,
        )  # fmt: skip
        await self._run(ClientState(query_string=self.query, page_name=where))

    async def trigger(self, key: str, event: str, value: object) -> None:
        """What a component of ours tells, say a pick in the strip."""
        state = WidgetState(id=f"$$STREAMLIT_INTERNAL_KEY_{self.widgets[key]}__events")
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        await self.rerun(state)

    async def choose(self, key: str, value: str) -> None:
        """One of a row of buttons."""
        self._states[key] = state = WidgetState(id=self.widgets[key])
        state.string_array_value.data.append(value)
        await self.rerun()

    async def upload(self, key: str, name: str, data: bytes) -> None:
        """Give one more file to an uploader."""
        asked = BackMsg()
        asked.file_urls_request.request_id = name
        asked.file_urls_request.file_names.append(name)
        asked.file_urls_request.session_id = self.session
        await self._send(asked)
        async with asyncio.timeout(self.patience):
            while True:
                message = await self._receive()
                if message.WhichOneof("type") == "file_urls_response":
                    break
        (urls,) = message.file_urls_response.file_urls
        await asyncio.to_thread(_put, f"http://{HOST}:{self.port}{urls.upload_url}", self._token, name, data)
        self._states[key] = state = WidgetState(id=self.widgets[key])
        info = state.file_uploader_state_value.uploaded_file_info.add(name=name, size=len(data), file_id=urls.file_id)
        info.file_urls.CopyFrom(urls)
        self._files.append(info)
        del state.file_uploader_state_value.uploaded_file_info[:]
        state.file_uploader_state_value.uploaded_file_info.extend(self._files)
        await self.rerun()

    async def go(self, page: str) -> None:
        """To another page, by its link in the row above."""
        self._states.clear()
        self._files.clear()
        self.page = self.pages[page]
        await self._run(ClientState(page_script_hash=self.page, cached_message_hashes=list(self._kept)))

    async def rerun(self, *triggers: WidgetState, wait: bool = True) -> None:
        """Send what the widgets hold, and `triggers` once."""
        state = ClientState(query_string=self.query, page_script_hash=self.page, cached_message_hashes=list(self._kept))
        state.widget_states.widgets.extend([*self._states.values(), *triggers])
        await self._run(state, wait=wait)

    async def leave(self) -> None:
        """Close the page, whatever it is doing."""
        if self._socket is not None:
            await self._socket.close()

    # ---- what comes of it ----

    async def _run(self, state: ClientState, *, wait: bool = True) -> None:
        message = BackMsg()
        state.context_info.timezone = "UTC"
        state.context_info.locale = "en-US"
        state.context_info.url = f"http://{HOST}:{self.port}/"
        message.rerun_script.CopyFrom(state)
        await self._send(message)
        if not wait:
            return
        try:
            async with asyncio.timeout(self.patience):
                while not self._settled(await self._receive()):
                    pass
        except TimeoutError:
            raise Trouble(f"nothing settled within {self.patience:.0f} s") from None

    def _settled(self, message: ForwardMsg) -> bool:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session = message.new_session.initialize.session_id
            self.widgets, self.answers, self.warnings = {}, [], []
        elif kind == "navigation":
            self.page = message.navigation.page_script_hash
            self.pages = {
                one.url_pathname or one.page_name: one.page_script_hash for one in message.navigation.app_pages
            }
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta":
            self._look(message)
        elif kind == "script_finished":
            ended = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
            if ended == "FINISHED_WITH_COMPILE_EXCEPTION":
                raise Trouble(ended)
            return ended == "FINISHED_SUCCESSFULLY"
        return False

    def _look(self, message: ForwardMsg) -> None:
        if message.delta.WhichOneof("type") != "new_element":
            return
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise Trouble(f"a traceback: {element.exception.type} {element.exception.message}")
        if kind == "alert":
            if element.alert.format == Alert.ERROR:
                raise Trouble(f"an error: {element.alert.body}")
            self.warnings.append(element.alert.body)
        elif kind == "html" and 'class="abn-answer"' in element.html.body:
            self.answers.append(ANSWER.findall(element.html.body))
        elif kind:
            found = getattr(getattr(element, kind), "id", "")
            if isinstance(found, str) and found.startswith("$$ID-"):
                self.widgets[found.split("-", 2)[2]] = found

    async def _send(self, message: BackMsg) -> None:
        await self._socket.send(message.SerializeToString())

    async def _receive(self) -> ForwardMsg:
        data = await self._socket.recv()
        self.received += len(data)
        message = ForwardMsg()
        message.ParseFromString(data)
        if message.WhichOneof("type") == "ref_hash":
            return self._kept[message.ref_hash]
        if message.metadata.cacheable:
            self._kept[message.hash] = message
        return message


def _token(origin: str) -> str:
    with DIRECT.open(f"{origin}/_stcore/health", timeout=60) as answer:
        return http.cookies.SimpleCookie(answer.headers["Set-Cookie"])[COOKIE].value


def _put(url: str, token: str, name: str, data: bytes) -> None:
    """A file, as a browser's form sends it."""
    mark = "abn-load-boundary"
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{urllib.parse.quote(name)}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{mark}--\r\n".encode()
    headers = {"Cookie": f"{COOKIE}={token}", "X-Xsrftoken": token}
    headers["Content-Type"] = f"multipart/form-data; boundary={mark}"
    with DIRECT.open(urllib.request.Request(url, body, headers, method="PUT"), timeout=60) as answer:
        if answer.status not in (200, 204):
            raise Trouble(f"the upload got {answer.status}")
