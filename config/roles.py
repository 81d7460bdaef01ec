"""Who may do what at the web process: the roles that an access token can have, and who asks."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a token is for. `push` is for programs that push results, and lets them do nothing else."""

    READ = "read"
    WRITE = "write"
    PUSH = "push"
    ADMIN = "admin"

    def allows(self, need: "Role") -> bool:
        """Whether who has this role may do what needs that one.

        >>> Role.WRITE.allows(Role.READ), Role.READ.allows(Role.WRITE), Role.WRITE.allows(Role.PUSH)
        (True, False, False)
        """
        return self in (need, Role.ADMIN) or (self is Role.WRITE and need is Role.READ)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the name of the token that was shown, empty where none is needed; what it may; the token's id."""

    name: str
    role: Role
    token: str = ""

    def may(self, need: Role) -> bool:
        """Whether that may be done by who asks."""
        return self.role.allows(need)


ANYBODY = Asker("", Role.ADMIN)  # on a machine where no token is needed
