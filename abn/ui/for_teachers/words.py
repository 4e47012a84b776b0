"""The words of For teachers, in the order of the page; the papers' own texts are in abn/teaching/worksheet.toml."""

TITLE = "For teachers"
LINE = "Links and QR codes that open a page as you set it, and worksheets for a lesson."
SECTIONS = LINK, ROOM, DECK, PAPERS = "Link and QR code", "Live class", "Deck for the projector", "Worksheets"
SECTION = "What do you need?"

# a link
PAGE = "Page"
STEP = "Step"
STEP_OPTION = "{number}. {title}"
CLOSE_OPTION = "Summary"
SET = "Set"
SET_HELP = "The same number gives the same questions. The answers to a set need its key: see “Worksheets”."
IMAGE = "Image"
VARIANTS = "Variants"
MECHANISM = "Mechanism"
SAME_WEIGHTS = "Same weights"
STAGE = "Stage"
STAGE_HELP = "The stage that is opened in the diagram."
FIT = "Fit to the input"
HIDE = "Hide the menus"
HIDE_HELP = "One button brings them back. The page *For teachers* is hidden, too."
VIEW = "View of the maps"
COLORS = "Colors"
SCALE = "Scale"
CELLS = "Cells"
OPACITY = "Opacity, %"
TOP = "Mark the brightest, %"
SHOWS = ":orange-badge[The page will show: {shown}] {note}"
NO_VARIANT = "no variant"
OPEN = "Open"
SHOW_LARGE = "Show on the projector"
QR_LABEL = "QR code of {address}"
LOCAL = (
    "Only this computer can open this address. Start the app with `--server.address=0.0.0.0`. The terminal then shows "
    "a *Network URL*: open the app by that address, and make the link there."
)
LINK_NOTE = "A link opens the same view for everybody. Uploaded images never enter a link."
DIALOG = "Open this page"

# the papers
DURATION = "Length of the lesson"
MINUTES = "{minutes} minutes"
KEY = "Key of your set"
KEY_HELP = (
    "A key opens a set of exercises and its answers. Links and handouts contain only the set's number, so students "
    "don't get the key."
)
KEY_PLACEHOLDER = "K7PM-2QX9"
NEW_SET = "Make a new set"
YOUR_SET = "**Set {seed}**. Note the key **{key}**: it is stored nowhere, and you need it for the answers."
ANY_SET = "Without a key, plan and handout are for set {seed}, and the answers are not available."
PREPARING = "Running the variants on the gallery …"
PAPERS_OFFERED = {  # paper → (its title, what it holds, its button)
    "plan": ("Teacher's plan", "Goals, minutes, links and questions, without answers.", "Download plan"),
    "handout": ("Student handout", "QR codes, tasks and room to write, without answers.", "Download handout"),
    "answers": ("Answers", "To your set, the questions and the tasks. Needs the key.", "Download answers"),
}
FILES = {
    "plan": "abn-plan-{minutes}-minutes.html",
    "handout": "abn-handout-{minutes}-minutes-set-{seed}.html",
    "answers": "abn-answers-set-{seed}.html",
}
PRINT = "Each worksheet is one HTML file: open it and print it."
