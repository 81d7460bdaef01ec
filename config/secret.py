"""Secrets, by the name of an environment variable or a file; the plant file itself never holds one."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from config.errors import PlantFileError, Problem


def read_secret(path: str, env: str, file: Path | None, environ: Mapping[str, str]) -> SecretStr | None:
    """The secret that is called `path` in the plant file (`connectors.press.password`), None when unnamed.

    A file's line end is not part of it. Raises `PlantFileError` when the variable is not set, or the file
    cannot be read or is empty; the message names the variable or file, never the secret.
    """
    if env:
        if not environ.get(env):
            raise PlantFileError([Problem(f"{path}_env", f"expected the environment variable {env} to be set")])
        return SecretStr(environ[env])
    if file is None:
        return None
    try:
        secret = file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise PlantFileError(
            [Problem(f"{path}_file", f"expected a readable file: {reason} (got {str(file)!r})")]
        ) from error
    if not secret:
        raise PlantFileError(
            [Problem(f"{path}_file", f"expected a file with the secret in it; {str(file)!r} is empty")]
        )
    return SecretStr(secret)


def secret_problems(path: str, secret: str, env: str, file: str) -> Iterator[Problem]:
    """A secret that is to come from two places."""
    if env and file:
        yield Problem(f"{path}.{secret}_file", f"expected {secret}_env or {secret}_file, not both (got {file!r})")
