"""The words and constants that every room shares; imports nothing, so that no page waits for it."""

MECHANISMS = ("additive", "multiplicative", "none")
PARTS = ("extractor", "attention_branch", "perception_branch")
HEADS = {"auxiliary": "Auxiliary head", "perception": "Perception head"}
EQUATIONS = {"additive": "(1 + M) · g", "multiplicative": "M · g", "none": "g"}
TRAINED = "trained"  # the mechanism that the variant was trained with
