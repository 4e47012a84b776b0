"""Errors for people: each message is one plain sentence with what happened, why, and what to do."""


class ABNError(ValueError):
    """Base of every error that a person should read; the message alone must be enough."""


class PictureError(ABNError):
    """The given bytes are not an image that can be opened within the limits."""


class BackboneError(ABNError):
    """The backbone can't be cut into a feature extractor and a perception branch."""


class VariantError(ABNError):
    """A variant is unknown, or its card or weights are missing or broken."""


class CheckpointError(ABNError):
    """A checkpoint file can't be read, or does not fit the given architecture."""


class PickleError(CheckpointError):
    """The file is a pickle, which could run code: it is never opened where it may come from anybody."""


class RoomError(ABNError):
    """A live class can't do this: there is no such room, it is not the time for it, or its store is away."""
