"""The words of Live class, and of its section on For teachers, in the order in which a class meets them."""

TITLE = "Live class"
LINE = "A live class: everybody predicts on their own device, then the students' map appears beside M."

# For teachers
START_TEXT = (
    "Students open a link or type a code, on a phone, without an account. Everybody predicts. Then you reveal the "
    "attention map beside a map of the students' predictions. A room is deleted when you end it, or after four hours "
    "without use."
)
START = "Start a live class"

# the way in
CODE = "Code of the room"
CODE_PLACEHOLDER = "such as K7PM2"
ENTER = "Continue"
FOR_TEACHERS = "Teachers start a live class on the page *For teachers*."
TO_TEACHERS = "Start a live class"
ROOM = "Room {code}"
JOIN_TEXT = "Join with a nickname, or without one."
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
WRONG = "Your answer: “{given}”. Correct: **{right}**."
CREDIT = "{title}Image: {credit}"

# the result
YOUR_CELL = "your cell"
CLASS_MAP, NETWORK_MAP = "Students' map", "Map M"
MAP_OVER = "{name} over: {alt}"
OWN_RANGE = (
    "Students' map: their taps, smoothed over adjacent cells. Each map is colored from its lowest to its highest "
    "value. ★ marks its brightest cell."
)
CORRELATION = "Rank correlation **{value}**"
NO_CORRELATION = "No rank correlation: one map is constant"
HIT, MISS = "on the object", "not on the object"
POINTING = "Brightest cell  \nstudents: **{own}**  \nM: **{network}**"
PLACES = "Brightest cell  \nstudents: {own}  \nM: {network}"
NOBODY = "Nobody has predicted."
BARS_ALT = "{count} predictions. {votes}."
EXPERIMENT = "The perception branch with another map"
TRIAL_CHANGED = "**{label}** {probability} :orange-badge[changed]"
TRIAL_SAME = "**{label}** {probability}"
TRIAL_CHANGE = "{change} points"
TRIAL_ALT = "{edit} over: {alt}"

# the projector
JOIN_AT = "Join at {address}"
LOCAL = "Phones can't open this address. docs/serving.md shows how to start the app for a class."
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
READY = "The questions are ready. Invite the students, then press “Start”."
FINISHED = "The questions are over. Download the record, then end the room."
TABS = INVITE, QUESTIONS, RECORD = ("Invite", "Questions", "Record and end")
SECTION_LABEL = "Controls of the room"
PROJECTOR = "Open the projector view"
PROJECTOR_HELP = "A window for the projector, with one button. F fills the screen, Page Down goes to the next step."
KEEP_ADDRESS = (
    "This page's address holds your key: keep it to yourself. It works on a second device and after a reload."
)
SIMULATE, STOP_SIMULATION = "Rehearse with {count} simulated students", "Remove the simulated students"

# choosing questions
HOW = "What do you add?"
WAYS = SET, GALLERY, UPLOAD, FREE = ("A set", "Gallery image", "Your image", "Your question")
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
NO_IMAGE, OWN_IMAGE = "no image", "an image of your own"
LISTED = "{number}. {heading}"
DELETE = "Delete question {number}"
PREPARING = "Preparing the questions …"

# the record
NAMES = "With nicknames"
NAMES_HELP = "Off: students are numbered in the order in which they came."
CSV, ZIP, SHEET = "Predictions (CSV)", "Everything (zip)", "Sheet (HTML)"
RECORD_TEXT = (
    "The zip holds the predictions as CSV, the students' maps as PNG and npy, and one sheet of the session. Nothing of "
    "it stays on the server when the room ends."
)
END = "End the room"
END_SURE = "Delete it for everybody"
END_TEXT = "The room is deleted with all predictions. Download the record first."
CLOSED = "This room is closed: its teacher has ended the class, or nobody used it for four hours."
ENDED = "The room was ended. Nothing is stored."
