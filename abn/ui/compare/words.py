"""The words of Compare, in the order of the page."""

TITLE = "Compare"
PURPOSE = (
    "Up to four variants of the Attention Branch Network run on one image. The page shows their attention maps M and "
    "the predictions of both heads."
)
RUNNING = "Running the networks …"

LESSON = "{title}: {lesson}"
SEE_AS_TRAINED = "To see that, choose the mechanism “as trained”."  # after what a variant made for a lesson teaches

INPUT = "Network input"
INPUT_CAPTION = "{size} × {size} pixels, {fit}"
FITS = {"crop": "center crop", "squash": "squashed", "pad": "padded"}
OTHER_SIZE = "{title}: input of {size} × {size} pixels, map of {h} × {w} cells."
INPUT_ALT = "Network input: {alt}"
CREDIT = "Image: {credit}"
ONE_SCALE = "M, one scale for all maps."
OWN_SCALES = "Each map has its own color scale: colors of different maps can't be compared."
HOW_TO_READ = "How to read this page"
HELP = (
    "**The network input** is exactly what the network gets, pixel by pixel.\n\n"
    "**The attention map M** has {h} × {w} cells of {cell} × {cell} pixels, with values between 0 and 1, {drawn}.\n\n"
    "**Two heads predict.** The auxiliary head belongs to the attention branch. The perception head gets the features "
    "after M was applied, and makes the network's prediction. With “none”, M is not applied."
)
DRAWN_SMOOTH, DRAWN_AS_CELLS = "interpolated between the cells' centers", "drawn as cells"
LIMITS = (
    "A map shows how the network weighs its features, not why it predicts a class. **Bright does not mean important**: "
    "nothing in the loss requires it."
)

TOP = "Classes"
TOP_SCALE = "The most probable classes of both heads, on one scale: the gray track behind a bar is 100 %."

WHOLE = "Whole image"
WHOLE_ALT = "The whole image: {alt}"
WHOLE_IS_INPUT = "The network input already shows the whole image."
WHOLE_CAPTION = "{width} × {height} pixels. The frame marks the network input."

DIFFERENCE = "Difference"
NO_DIFFERENCE = "A difference needs two variants whose maps have the same cells."
FIRST, SECOND = "M of", "minus M of"
DIFFERENCE_ALT = "M of {first} minus M of {second}: from {low:.2f} to {high:.2f}."
DIFFERENCE_RESULT = "mean |ΔM| = {mean:.2f} · max |ΔM| = {most:.2f}"
DIFFERENCE_LEGEND = "Red: M of {first} is higher. Blue: M of {second} is higher. White: no difference."
DIFFERENCE_NOTE = "M is computed before the mechanism, so the applied mechanism doesn't change it."

SECOND_IMAGE = "Two images"
SECOND_VARIANT = "Variant"
SECOND_CHOICE = "Second image"
NO_SECOND = "none"
VARIATIONS = {"flip": "flipped left to right", "center": "center, enlarged", "cover": "center covered"}
OTHER_IMAGE = "another image"
WHICH_IMAGE = "Which image"
AGREEMENT = {True: "Same prediction on both images.", False: "The prediction differs between the images."}

EXPORT = "Export"
PRIVACY = "Images are redrawn from their pixels: the files hold no place, time or camera."
EVERYTHING, REPORT, TABLE = "Everything (zip)", "Report (HTML)", "Predictions (CSV)"
MAPS, MAP_PNG, MAP_NPY = "Maps", "Image (PNG)", "Raw map (npy)"

CARDS = "Model cards"

TABS = TOP, DIFFERENCE, SECOND_IMAGE, WHOLE, EXPORT, CARDS
