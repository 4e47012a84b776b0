"""What the first view needs, computed while the server starts and before anybody's browser has loaded the page."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from streamlit.runtime.pages_manager import PagesManager

from abn.errors import ABNError
from abn.images import samples
from abn.images.fit import DEFAULT_FIT
from abn.ui.controls import image_picker, selection
from abn.ui.runtime import cache, cached_inference, models
from abn.ui.runtime.turns import background_turn


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """For `st.App`: begins beside the server, which doesn't wait for it."""
    PagesManager.uses_pages_directory = False  # else `st.navigation` counts from the second visitor on
    threading.Thread(target=compute_first_view, name="abn-warm-up", daemon=True).start()
    yield


def compute_first_view() -> None:
    """Explain the first photograph by the default variants, for all sessions."""
    shipped = {card.id: card for card in models.list_shipped()}
    cards = [shipped[variant] for variant in selection.default_variants(list(shipped.values()))]
    image_picker.gallery_thumbnails()
    picture = image_picker.open_photo(next(iter(samples.gallery()))).picture
    with suppress(ABNError):  # the page finds it too, and says it
        cached_inference.explain_cached(picture, cards, cache.server_cache(), background_turn(), fit=DEFAULT_FIT)
