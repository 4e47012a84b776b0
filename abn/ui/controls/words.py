"""The words of the controls that all pages share: the image, the variants, the mechanism, the fit and the view."""

# the image
IMAGES = "Images"
IMAGE_MENU = "Image"
FIND = "Find an image by its title"
UPLOAD = "Upload photos"
CLOSE = "Close"
UPLOAD_HELP = (
    "PNG, JPEG, HEIC, WebP, AVIF, JPEG 2000, GIF, BMP or TIFF. They stay in this session and are deleted when you "
    "close the page."
)
CAMERA = "Use the camera"
CAMERA_HELP = "One photo at a time. It is removed if you clear it, take another one, or switch the camera off."
TAKE_PHOTO, CAMERA_PHOTO = "Take a photo", "camera photo"
IN_SESSION, REMOVE = "**In this session**", "Remove {name}"
OWN_ALT = "Your image {name}"
NOT_HERE = "This link's image is not here; the first example is shown."
LOST = (
    "The server was restarted, and your images were deleted. Remove them from the list where you chose them, and "
    "upload them again."
)
MORE_FILES = "{names} and {count} more"
TOO_MANY = "A session holds {count} images. Remove some first."
FULL = "This session already holds {megabytes} MB of images. Remove some first."
SHARED = (
    "The server's memory for images is full, so each session may hold {megabytes} MB. Remove some images first, or "
    "choose a smaller one."
)

# the variants
VARIANT_MENU = "Variants"
VARIANTS = "Variants side by side (up to 4)"
VARIANTS_HELP = (
    "Up to 4 at a time: to add another one, take one off first. Variants of one family share the architecture and "
    "differ in how they were trained, mostly in the mechanism.\n\n"
    "The variants for photos use the network EfficientNet-Lite0. Those named “Lite2” use EfficientNet-Lite2, a larger "
    "size of the same network."
)
OWN_VARIANT = "Bring your own variant"
NO_VARIANT = "Choose at least one variant."
VARIANT, VARIANT_HELP = "Variant", "One of the variants chosen in the menu Variants."
TRAINED_ON = {  # by the kind of a card
    "clothing": "trained on items of clothing, gray on black",
    "photograph": "trained on photos",
    "nothing": "random weights, not trained",
    "other": "trained on other images",
}
OTHER_KIND = "{titles}: {trained_on}, so predictions for this image mean little."
SHOW_FITTING = "Show variants trained on such images"

# the mechanism
MECHANISM = "Mechanism"
MECHANISM_HELP = (
    "How the attention map M reweights the features g. Additive: (1 + M) · g. Multiplicative: M · g. None: g alone; M "
    "is computed and not applied."
)
SAME_WEIGHTS = "Same weights"
SAME_WEIGHTS_HELP = (
    "For the mechanisms additive, multiplicative and none. Off: show the variant that was trained with this mechanism. "
    "On: keep each variant's weights and change only the mechanism that is applied. The variant was not trained for "
    "that."
)
NO_SIBLING = "No variant was trained with the mechanism “{mechanism}” for: {titles}."
MERGED = (
    "Only one variant of this family was trained with “{mechanism}”, so one column is left. “Same weights” keeps all "
    "chosen variants and changes only the mechanism that is applied."
)

# the fit and the view
FIT_MENU, FIT = "Fit", "Fit to the network input"
FIT_HELP = (
    "Crop: the center of the image, as in the variant's evaluation. Squash: the whole image, stretched to a square. "
    "Pad: the whole image, with a border of one color."
)
VIEW_MENU = "View"
SCALE = "Color scale"
SCALE_HELP = (
    "Raw: M from 0 to 1. Min–max: each map uses the whole color bar, so colors of different maps can't be compared. "
    "Shared: all maps use one range, so their colors can be compared."
)
SHOW_CONTROLS = "Show the menus"
