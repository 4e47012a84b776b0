"""The words that all pages share: the frame, the predictions, the maps, and work that takes seconds."""

APP = "ABN Explorer"
QUEUE_ONE = "The processor is busy: one other computation is before yours."
QUEUE_MANY = "The processor is busy: {ahead} other computations are before yours."
FAILED = (
    "The computation failed. The server's log has the details; nobody else is affected. Try again, or choose another "
    "image or variant."
)
FULL_SCREEN = "Full screen"
LOADING_TORCH = "Loading PyTorch, once: a few seconds."

# predictions
TRAINED_AND_APPLIED = "trained & applied: **{applied}**"
TRAINED_NOT_APPLIED = "trained with **{trained}**{separator}applied :orange-badge[:material/swap_horiz: {applied}]"
UNTRAINED_APPLIED = "**never trained**{separator}applied **{applied}**"
AGREE = ":small[heads agree]"
DISAGREE = ":orange-badge[:material/call_split: heads disagree]"
AGREEMENT_HELP = (
    "The heads agree if both predict the same class. **JS divergence {bits:.2f} bits.** The Jensen–Shannon (JS) "
    "divergence compares the probabilities of all classes. It is 0 bits if they are equal, and 1 bit if they have no "
    "class in common."
)
BARS_ALT = "{title}, probabilities of both heads. {classes}."

# maps
MAP_ALT = "Attention map of {title} on the network input"
WHOLE_MAP_ALT = "Attention map of {title} on the whole image"
RANGE = "M from {low:.2f} to {high:.2f}"
DESCRIPTION = "{title}: M from {low:.2f} to {high:.2f}, highest {place}."
NO_CORRELATION = "undefined: a constant map has no ranks"

# work that takes seconds
STOP, RESUME = "Stop", "Resume"
KEPT = "{done} of {count} parts are done and kept."
TIME_LEFT = "{label}: about {time} left"
