"""What can go wrong with the data folder, in words for the user."""


class StorageError(Exception):
    """The message says what is wrong, why, and "To fix this, ..."."""


class NotFoundError(StorageError):
    """Nothing is stored under this id."""


class IllegalMoveError(StorageError):
    """A run in this status cannot do that."""
