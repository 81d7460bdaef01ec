"""The OKR store's errors: what a request is refused with, and what keeps the store from opening."""


class OkrError(Exception):
    """What the OKR store refuses with."""


class StoreError(OkrError):
    """The database cannot be used: it was written by a later version."""


class Refused(OkrError):  # noqa: N818 - the base of what is the case: missing, conflict
    """A request that changes nothing; `status` is its HTTP status, `title` the problem's name."""

    status = 422
    title = "Unprocessable content"


class Missing(Refused):
    """No such objective, key result or alert."""

    status = 404
    title = "Not found"


class Forbidden(Refused):
    """Not for who asks: a person moves a key result as a program would, or the other way round."""

    status = 403
    title = "Forbidden"


class Conflict(Refused):
    """It contradicts what is stored: the key or revision is taken, or the step does not follow."""

    status = 409
    title = "Conflict"


class Unwritable(Refused):
    """The database cannot be written now: nothing of the request is stored, and it may be sent again."""

    status = 503
    title = "Service unavailable"
