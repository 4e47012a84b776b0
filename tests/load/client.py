"""One browser's side of Streamlit's own protocol, without the browser: what a person does goes out as one message,
and the act is over when the page has settled and its pictures have been fetched. Loopback only.
"""

import json
import uuid

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from load.page import Page
from load.wire import COOKIE, HOST, Trouble, ask, put, token


class Browser:
    """One open page of one person."""

    def __init__(self, port: int):
        self.port, self.page, self.received = port, Page(), 0  # bytes
        self._token, self._socket = "", None
        self.files: list = []  # in the uploader
        self._fetched: set[str] = set()

    # ---- what a person does ----

    async def open(self, path: str = "") -> None:
        """Open a page by its address and wait until it has settled."""
        where, _, self.page.query = path.partition("?")
        self._token = await token(self.port)
        self._socket: ClientConnection = await connect(
            f"ws://{HOST}:{self.port}/_stcore/stream", origin=f"http://{HOST}:{self.port}", subprotocols=["streamlit"],
            additional_headers={"Cookie": f"{COOKIE}={self._token}"}, max_size=None, compression=None, proxy=None,
        )  # fmt: skip
        if self._socket.remote_address[0] != HOST:
            raise Trouble("the socket led away from this machine")
        await self._run(page_name=where)

    async def trigger(self, key: str, event: str, value: object) -> None:
        """What a component of ours tells once, say a pick in the strip."""
        state = WidgetState(id=f"$$STREAMLIT_INTERNAL_KEY_{self.page.widgets[key]}__events")
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        await self._run(state)

    async def choose(self, key: str, value: str) -> None:
        """One of a row of buttons."""
        self._fresh(key).string_array_value.data.append(value)
        await self._run()

    async def switch(self, key: str, on: bool) -> None:
        """A toggle."""
        self._fresh(key).bool_value = on
        await self._run()

    async def upload(self, key: str, name: str, data: bytes, *, wait: bool = True) -> None:
        """Give one more file to an uploader."""
        asked = BackMsg()
        asked.file_urls_request.request_id = str(uuid.uuid4())
        asked.file_urls_request.file_names.append(name)
        asked.file_urls_request.session_id = self.page.session
        await self._socket.send(asked.SerializeToString())
        while (message := await self._receive()).WhichOneof("type") != "file_urls_response":
            self.page.take(message)
        (urls,) = message.file_urls_response.file_urls
        await put(self.port, urls.upload_url, self._token, name, data)
        held = self._fresh(key).file_uploader_state_value.uploaded_file_info
        held.extend(self.files)
        held.add(name=name, size=len(data), file_id=urls.file_id).file_urls.CopyFrom(urls)
        self.files = list(held)
        await self._run(wait=wait)

    async def go(self, name: str) -> None:
        """To another page, by its link in the row above; what the widgets held stays behind."""
        self.page.states, self.page.query, self.files = {}, "", []
        self.page.hash = self.page.links[name]
        await self._run()

    async def again(self) -> None:
        """Have the page drawn anew."""
        await self._run()

    async def leave(self) -> None:
        """Close the page, whatever it is doing."""
        if self._socket is not None:
            await self._socket.close()

    # ---- what comes of it ----

    def _fresh(self, key: str) -> WidgetState:
        name = self.page.widgets[key]
        self.page.states[name] = WidgetState(id=name)
        return self.page.states[name]

    async def _run(self, *triggers: WidgetState, page_name: str = "", wait: bool = True) -> None:
        message, page = BackMsg(), self.page
        state = message.rerun_script
        state.query_string, state.page_script_hash, state.page_name = page.query, page.hash, page_name
        state.cached_message_hashes.extend(page.kept)
        state.widget_states.widgets.extend([*page.states.values(), *triggers])
        context = state.context_info
        context.timezone, context.locale, context.color_scheme = "UTC", "en-US", "light"
        context.url = f"http://{HOST}:{self.port}/"
        page.ask()
        await self._socket.send(message.SerializeToString())
        if wait:
            while not page.take(await self._receive()):
                pass
            await self._fetch()

    async def _receive(self) -> ForwardMsg:
        data = await self._socket.recv()
        self.received += len(data)
        return ForwardMsg.FromString(data)

    async def _fetch(self) -> None:
        """The pictures that this browser does not have yet."""
        for url in self.page.pictures:
            if url not in self._fetched:
                _, picture = await ask(self.port, url)
                self.received += len(picture)
                self._fetched.add(url)
