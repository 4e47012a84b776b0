"""How a page follows its room: it is drawn again when the room has changed, and the counter follows by itself."""

from abn.teaching.live_class.room import Room
from abn.ui.components.room_watch import show_watch
from abn.ui.live_class import changes, rooms


def follow(code: str) -> None:
    """Draw the page again on a change; to be called before the room is read, so that it works while the store is
    away."""
    show_watch(changes.address(code, changes.STUDENT), rooms.read_scene(code), key="unseen-room-watch")


def show_counter(room: Room) -> None:
    """How many have answered so far. Only a teacher's page lets simulated students answer."""
    role = changes.TEACHER if rooms.is_teacher(room) else changes.PUBLIC
    show_watch(changes.address(room.code, role), room.scene, counter=changes.describe_count(room), key="room-counter")
