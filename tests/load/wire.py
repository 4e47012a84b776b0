"""Requests to this machine and to nothing else: plain HTTP on loopback, one connection each, as light as can be.

A request names a port and a path, never a host; no redirection is followed and no proxy asked.
"""

import asyncio
import http.cookies
import re
import urllib.parse

HOST = "127.0.0.1"
COOKIE = "_streamlit_xsrf"  # against forged requests: Streamlit gives it, and wants it back as a header too
MARK = "abn-load-boundary"


class Trouble(Exception):
    """The page, or the server, did what it must not do."""


async def ask(port: int, path: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[str, bytes]:
    """The head and the body of an answer; `Trouble` where it is refused."""
    if not re.fullmatch(r"/(?!/)[!-~]*", path):
        raise Trouble(f"{path[:80]!r} is not a path on this machine")
    fields = {"Host": f"{HOST}:{port}", "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    told = head.decode("latin-1")
    if told[:9] != "HTTP/1.1 " or told[9] != "2":
        raise Trouble(f"{method} was answered {told.splitlines()[0] if told else 'with nothing'}")
    return told, rest


async def token(port: int) -> str:
    """What a browser gets with the page, and shows when it sends a file."""
    head, _ = await ask(port, "/_stcore/health")
    for line in head.splitlines():
        name, _, value = line.partition(": ")
        if name.lower() == "set-cookie" and COOKIE in (cookies := http.cookies.SimpleCookie(value)):
            return cookies[COOKIE].value
    raise Trouble("no cookie against forged requests came")


async def put(port: int, path: str, given: str, name: str, data: bytes) -> None:
    """Send a file as a browser's form does."""
    head = f'--{MARK}\r\nContent-Disposition: form-data; name="file"; filename="{urllib.parse.quote(name)}"\r\n'
    body = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + data + f"\r\n--{MARK}--\r\n".encode()
    kind = f"multipart/form-data; boundary={MARK}"
    await ask(
        port, path, method="PUT", body=body, Content_Type=kind, Cookie=f"{COOKIE}={given}", X_Xsrftoken=given,
        Origin=f"http://{HOST}:{port}",
    )  # fmt: skip
