"""What a page hears of its room between two runs: a small reply to a plain request, which costs no run of the page.

The request carries a ticket that the page got from this process, so it is no way to guess codes.
"""

import hmac
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from abn.errors import RoomError
from abn.teaching.live_class.rehearsal import answer_some
from abn.teaching.live_class.room import Room
from abn.ui.live_class import rooms, words

NAME = "room-changes"
STUDENT, PUBLIC, TEACHER = "student", "public", "teacher"  # without counter; with it; and with the rehearsal

_secret = secrets.token_bytes(16)  # another in each process: after a restart, a page's run gives it a new ticket


def routes() -> list[Route]:
    """For `st.App`, also where the app is served below a path."""
    return [Route(f"/{NAME}", tell_changes), Route(f"/{{base:path}}/{NAME}", tell_changes)]


def address(code: str, role: str) -> str:
    """Where a page asks, relative to its own address."""
    return f"{NAME}?room={code}&role={role}&ticket={_ticket(code, role)}"


def tell_changes(request: Request) -> Response:
    """The scene of a room, and its counter. A teacher's page lets simulated students answer meanwhile."""
    given = request.query_params
    code, role = given.get("room", ""), given.get("role", "")
    if not hmac.compare_digest(given.get("ticket", "").encode(), _ticket(code, role).encode()):
        return Response(status_code=404)
    scene = rooms.read_scene(code)
    counter = ""
    if role != STUDENT and scene not in (None, rooms.AWAY):
        try:
            room = rooms.get_store().read(code)
            counter = describe_count(_rehearse(room) if role == TEACHER else room)
        except RoomError:  # it ended just now, or the store is away: the next reply tells
            counter = ""
    return JSONResponse({"scene": scene, "counter": counter}, headers={"Cache-Control": "no-store"})


def describe_count(room: Room) -> str:
    """How many have answered the question shown, or how many are in the room."""
    if room.question:
        return words.COUNTER.format(answered=len(room.answers_to(room.question)), students=len(room.students))
    return words.STUDENTS_ONE if len(room.students) == 1 else words.STUDENTS.format(students=len(room.students))


def _rehearse(room: Room) -> Room:
    if answer_some(room, room.scene) is room:
        return room
    return rooms.get_store().update(room.code, lambda now: answer_some(now, now.scene))


def _ticket(code: str, role: str) -> str:
    return hmac.digest(_secret, f"{code} {role}".encode(), "sha256").hex()[:32]
