"""For teachers: links and QR codes that open a page as a teacher wants it, and papers for a lesson."""

from abn.ui import layout
from abn.ui.elements import IN_SESSION, choose
from abn.ui.for_teachers import links, papers, words
from abn.ui.live_class.entrance import show_start
from abn.ui.present import deck

layout.begin(words.TITLE, words.LINE, room="for_teachers")
section = choose(words.SECTION, words.SECTIONS, "teach-section", label_visibility="collapsed", **IN_SESSION)
if section == words.LINK:
    links.show_link_builder()
elif section == words.ROOM:
    show_start()
elif section == words.DECK:
    deck.show_deck_editor()
else:
    links.warn_if_local(links.base_address())
    papers.show_papers(lambda page, query: links.make_link(links.base_address(), page, **query))
