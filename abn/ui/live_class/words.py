"""The words of Room and of Teach's live class, in the order in which a class meets them."""

TITLE = "Room"
LINE = "A live class: everybody predicts on their own device, then the class's attention map appears beside M."

# Teach
START_TEXT = (
    "Students open a link or type a code, on a phone, without an account. Everybody predicts; then you reveal the "
    "attention map beside the class's own. A room is deleted when you end it, or after four hours without use."
)
START = "Start a live class"

# the way in
CODE = "Code of the room"
CODE_PLACEHOLDER = "K7PM2"
ENTER = "Enter the room"
FOR_TEACHERS = "Teachers start a live class on the page Teach."
TO_TEACH = "Start a live class"
NICKNAME = "Nickname (optional)"
NICKNAME_HELP = "The teacher sees it. Leave it empty to stay unnamed."
JOIN = "Join"
WRONG_KEY = (
    "The key in this address doesn't belong to this room. Open the teacher's address again, or join as a student."
)

# phases
LOBBY = "You are in the room. The first question comes soon."
OVER = "That was the last question."
LOCKED = "Locked. Look at the projector."
LOCKED_BADGE = ":gray-badge[:material/lock: locked]"
QUESTION_OF = "Question {number} of {count}"
POINTS = "{points:.2f} points"
TOTAL = "Your points: **{total:.2f}** of {scored}"
NOT_SCORED = "This question has no correct option."
NO_PREDICTION = "You made no prediction for this question."

# a question
TAP = "Tap the cell where M will be highest."
COUNTED = "Counted. You can change it until the question is locked."
CHOOSE = "Choose one."
YOURS = "yours"
CORRECT = "correct"
RIGHT = "Correct: **{right}**."
WRONG = "Yours was “{given}”. Correct: **{right}**."
PICK_ALT = "{alt} Pick a cell."
CREDIT = "{title}Image: {credit}"

# the result
CLASS_MAP, NETWORK_MAP = "Class map", "Map M"
MAP_OVER = "{name} over: {alt}"
OWN_RANGE = "Each map uses the whole color bar. ★ marks its brightest cell."
CORRELATION = "Rank correlation **{value}**"
NO_CORRELATION = "No rank correlation: one map is constant"
HIT, MISS = "on the object", "not on the object"
POINTING = "Brightest cell: class **{own}**, M **{network}**"
PLACES = "Brightest cell: class {own}; M {network}"
NOBODY = "Nobody has predicted."
BARS_ALT = "{count} predictions. {votes}."
EXPERIMENT = "The perception branch with another map"
TRIAL_CHANGED = "**{label}** {probability} :orange-badge[changed]"
TRIAL_SAME = "**{label}** {probability}"
TRIAL_CHANGE = "Δp {change} points"
TRIAL_ALT = "{edit} over: {alt}"

# the projector
JOIN_AT = "Join at {address}"
CODE_LABEL = "Code"
COUNTER = "{answered} of {students} have predicted"
STUDENTS_ONE, STUDENTS = "1 student is here", "{students} students are here"
BEGIN, REVEAL, NEXT, FINISH = "Start", "Reveal", "Next", "Finish"
QR_LABEL = "QR code of {address}"

# the teacher's controls
BACK, LOCK, REOPEN = "Back", "Lock", "Reopen"
RUN_EXPERIMENT = "Invert and shuffle the map"
EXPERIMENT_HELP = (
    "Runs the perception branch with the map inverted, then shuffled, on this image, for everybody to see."
)
NO_QUESTIONS = "Add questions first: a set takes one click."
READY = "The room is ready. “Start” shows the first question."
FINISHED = "The questions are over. Download the record, then end the room."
TABS = INVITE, QUESTIONS, RECORD = ("Invite", "Questions", "Record and end")
SECTION_LABEL = "Controls of the room"
PROJECTOR = "Open the projector view"
PROJECTOR_HELP = "A window for the projector, with one button. F11 fills the screen; Page Down goes to the next step."
STUDENT_LINK = "Link for students"
KEEP_ADDRESS = (
    "This page's address holds your key: keep it to yourself. It works on a second device and after a reload."
)
SIMULATE, STOP_SIMULATION = "Rehearse with {count} simulated students", "Remove the simulated students"

# choosing questions
HOW = "What do you add?"
WAYS = SET, GALLERY, UPLOAD, FREE = ("A set", "Gallery image", "Your image", "Free choice")
SEED = "Set"
SEED_HELP = "The same number gives the same questions, also on the page Exercises."
ADD_SET = "Add the set ({count} questions)"
IMAGE, VARIANT, KIND, EDIT = "Image", "Variant", "Question", "Edit of the map"
UPLOAD_LABEL = "Image for the room"
UPLOAD_HELP = "The room keeps a square of 640 pixels of it, and deletes it when the room ends."
OWN_TITLE, OWN_ALT = "The teacher's image", "The teacher's image"
ADD = "Add the question"
TEXT = "Question"
OPTION = "Option {letter}"
RIGHT_OPTION = "Correct option"
NO_RIGHT = "none is correct"
WITH_IMAGE = "With the image"
NO_IMAGE = "no image"
CHOOSE_IMAGE = "Choose an image first."
LISTED = "{number}. {heading}"
DELETE = "Delete question {number}"
PREPARING = "Preparing the questions …"

# the record
NAMES = "With nicknames"
NAMES_HELP = "Off: students are numbered in the order in which they came."
CSV, ZIP, SHEET = "Predictions (CSV)", "Everything (zip)", "Sheet (HTML)"
RECORD_TEXT = (
    "The zip holds the predictions as CSV, each class map as PNG and npy, and one sheet of the session. Nothing of it "
    "stays on the server when the room ends."
)
END = "End the room"
END_SURE = "Delete it for everybody"
END_TEXT = "The room is deleted with all predictions. Download the record first."
ENDED = "The room was ended. Nothing of it is stored."
