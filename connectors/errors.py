"""The errors of the shell, the tree on top; a class is here only because someone catches it.

PlumblineError
├── AlreadyRunning        a second process of the same role
├── HistoryError          the history cannot be used as asked
│   ├── HistoryAbsent     no history there (yet)
│   ├── HistoryForeign    of another journal, another kind, or another version of the format
│   └── HistoryDiffers    results that came again are not those that are stored
├── WrongInput            what was given cannot be used: exit status 2
├── StateUnfit            a stored state that this version does not read
├── Untrusted             an OPC UA server whose certificate nobody has trusted
├── TargetAway            what is pushed to does not take it now: try again later
└── JournalError
    ├── JournalAbsent     no journal there (yet)
    ├── JournalForeign    another journal than the one that was asked for, or of another format
    ├── JournalHole       entries are missing
    ├── JournalShortened  asked to read after an entry that is not there
    └── JournalUnwritable the transaction did not reach the disk: nothing of it may be acknowledged
"""


class PlumblineError(Exception):
    """What went wrong with the program's surroundings; its message is one line for a person."""


class AlreadyRunning(PlumblineError):  # noqa: N818 - says what is the case, as FileExistsError does not
    """Another process holds the role's lock."""


class WrongInput(PlumblineError):  # noqa: N818
    """What a person gave (a file, a folder, an option) cannot be used; trying again does not help."""


class JournalError(PlumblineError):
    """The journal cannot be used as it is."""


class JournalAbsent(JournalError):  # noqa: N818
    """There is no journal in the folder (yet): the gateway has never run here."""


class JournalForeign(JournalError):  # noqa: N818
    """A segment belongs to another journal, or to another version of the format."""


class JournalHole(JournalError):  # noqa: N818
    """Entries between two known ones, or before the first, are missing."""


class JournalShortened(JournalError):  # noqa: N818
    """The journal ends before the entry after which it was to be read."""


class JournalUnwritable(JournalError):  # noqa: N818
    """A transaction failed (disk full, I/O error) and was rolled back."""


class HistoryError(PlumblineError):
    """The history cannot be used as asked."""


class HistoryAbsent(HistoryError):  # noqa: N818
    """There is no history at this path (yet): the engine has never run here."""


class HistoryForeign(HistoryError):  # noqa: N818
    """The file belongs to another journal, to another kind of history, or to another version of the format."""


class HistoryDiffers(HistoryError):  # noqa: N818
    """A repeated row is not the row that is stored: the results were no pure function of the journal."""


class StateUnfit(PlumblineError):  # noqa: N818
    """The recovery folder holds a state of another version: it is rebuilt from the journal."""


class Untrusted(PlumblineError):  # noqa: N818
    """A server's certificate is not in the trust folder, or is not valid now."""


class TargetAway(PlumblineError):  # noqa: N818
    """InfluxDB or an OKR store is away, overloaded or wrongly configured; the same may be sent again later.

    `sort` tells outages apart for the log: a status, or the name of the error underneath.
    """

    def __init__(self, message: str, sort: str) -> None:
        super().__init__(message)
        self.sort = sort
