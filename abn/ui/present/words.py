"""The words of the projector mode and of the deck of saved views."""

LEAVE = "Leave (Esc)"
LEAVE_DECK = "Back to For teachers (Esc)"
BACK, FORWARD = "Previous view", "Next view"
PLACE = "{number} / {count}"

ADD = "Add to deck"
ADD_HELP = "Adds this view to the deck that you present from the page *For teachers*."
ADDED = "Added to the deck on the page *For teachers*."
DECK = "A deck of views"
DECK_HELP = (
    "One link per line: from “Add to deck” beside “Present”, made on this page, or copied from the address bar. "
    "“Present the deck” opens the first view. The arrow keys, or Page Up and Page Down, change the view. Keep a copy: "
    "the text is deleted with the session."
)
LINKS = "Links, one per line"
NOT_A_VIEW = "Not a page of this app: {lines}."
PRESENT = "Present"
PRESENT_HELP = "Large type without navigation, for a projector (key P). F fills the screen; P or Esc leaves."
PRESENT_DECK = "Present the deck"
