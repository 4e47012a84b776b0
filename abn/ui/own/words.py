"""The words of the page Bring your own, in the order of the page; `{…}` are filled in by the panels."""

TITLE = "Bring your own"
LINE = "Compare a variant of your own with the shipped ones. It is deleted when you close the page."
TAB_RANDOM = "CNN with random weights"
TAB_UPLOAD = "Your checkpoint"

# ---- a CNN with random weights ----

BACKBONE = "Backbone"
BACKBONE_HELP = (
    "Convolutional networks of timm with a pooled feature map, and the small ResNets of the paper. A few of them can't "
    "be cut for an attention branch; the page then shows why. Type to search. No weights are downloaded."
)
CLASSES = "Classes"
SEED = "Seed"
SEED_HELP = "The seed from which the weights are drawn."
MECHANISM = "Mechanism"
COMPUTING_SHAPES = "Computing the shapes of {backbone}"
CREATE = "Create variant"
CREATED = "Created, shown below"
CREATE_HELP = "Draws the weights from the seed. Predictions and map mean nothing until the network is trained."
CREATING = "Creating {backbone}"

# ---- the diagram and the line below it ----

STAGES = {  # where *Inside* shows an image
    "x": ("image",),
    "g": ("features",),
    "A": ("response of", "the trunk"),
    "class maps": ("one per", "class"),
    "auxiliary logits": ("auxiliary", "head"),
    "M": ("attention", "map"),
    "g′": ("reweighted", "features"),
    "logits": ("perception", "head"),
}
DIAGRAM = "Diagram of {title} with the shape of every stage"
SIZES = "Parameters: {parameters}. {gflops} GFLOPs per image of {size} × {size} px. Map: {rows} × {columns} cells."
TRUNK = "Trunk of the attention branch: {trunk}."

# ---- checkpoints ----

UPLOAD = "Checkpoint files"
UPLOAD_NOTE = (
    "A `.safetensors` file written by `abn train`, `abn distil` or `abn convert`. "
    "If its header holds no card, choose the `.json` card as well."
)
UPLOAD_HELP = (
    "Up to {megabytes} MB and {millions} million parameters per file. The header is checked first, and the weights "
    "must fit the network exactly. Pickle files (.pt, .pth, .tar) are never opened here."
)
READING = "Reading {name}"
READ = "{name}: read as “{title}”, shown below."
CONVERT = (
    "Convert a checkpoint of the authors' code on your own computer; the command runs no code from the file. "
    "Then choose the `.safetensors` file that it writes:"
)
CONVERT_COMMAND = "python -m abn convert {name} --arch ARCH --num-classes K --out NAME"
STOPPED = "Stopped: nothing was kept."
RETRY = "Try again"

# ---- the variants of the session ----

SESSION = "Your variants"
NOTHING = "No variants yet. A session holds up to {count}; nobody else sees them."
RANDOM_BADGE = "random weights"
IN_COMPARE = "in Compare"
SHAPES = "Diagram with shapes"
ADD = "Add to Compare"
OPEN_COMPARE = "Open Compare"
REMOVE = "Remove"
REMOVED = "Removed from this session."
RANDOM_NOTE = "Shapes, parameters and FLOPs are computed from the network. Nothing was trained or measured."
CLAIMS_NOTE = (
    "Backbone, map size, parameters, FLOPs and sha256 are computed here. "
    "Training, measurements and license are the author's claims."
)

# ---- limits ----

TOO_MANY = "A session holds up to {count} variants of its own: remove one of them first."
TOO_LARGE = "The variants of a session may take up to {megabytes} MB of memory together: remove one of them first."
SERVER_FULL = "The memory of this server for uploaded variants is full: try again in a few minutes."
UNKNOWN_VARIANT = "This variant is no longer in the session: upload or create it again."
