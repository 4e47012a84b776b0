"""The one family of errors meant for people: each message is a plain sentence that says what to do."""


class ABNError(ValueError):
    """Base of every error that a person should read; the message alone must be enough."""


class PictureError(ABNError):
    """The bytes given are not a picture that we can or want to open."""


class BackboneError(ABNError):
    """The backbone cannot be cut into a feature extractor and a perception branch."""


class VariantError(ABNError):
    """A variant is unknown, or its card or weights are missing or broken."""


class CheckpointError(ABNError):
    """A checkpoint file cannot be read, or does not fit the architecture named."""


class PickleError(CheckpointError):
    """The file is a pickle, which could run code: it is never opened where it may come from anybody."""
