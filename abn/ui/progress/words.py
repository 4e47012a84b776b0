"""The words about progress that the browser keeps, on Learn and Exercises."""

OFFER = "This browser keeps progress from an earlier visit: {what}. Until you choose, new progress isn't kept."
CONTINUE = "Continue"
START_OVER = "Start over"
MENU = "Progress"
PRIVACY = (
    "This browser keeps your progress, so a reload doesn't delete it. The progress holds no name and goes to this app "
    "only. On a shared computer, delete it when you leave."
)
DELETE = "Delete my progress"


def tasks(count: int) -> str:
    return "one task" if count == 1 else f"{count} tasks"


def sets(count: int) -> str:
    return "one set of exercises" if count == 1 else f"{count} sets of exercises"
