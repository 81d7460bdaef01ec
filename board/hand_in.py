"""Hands in what people have measured, through the gateway's HTTP intake: it is taken in when the gateway says so."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from config.errors import PlantFileError
from config.http import HttpOptions
from config.models import PlantFile
from config.secret import read_secret

ANSWER_SECONDS = 15.0  # the gateway answers after ten at the latest


@dataclass(frozen=True, slots=True)
class Door:
    """One HTTP connector: where it is reached, and the token; `trust` is the certificate file it shows, empty without.

    `shut` says why it cannot be used (its token cannot be read).
    """

    address: str
    token: str = field(repr=False)
    trust: str = ""
    shut: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: `is_on_disk` when it was taken in; `detail` why not; `refused` what of it will not be used."""

    is_on_disk: bool
    detail: str = ""
    refused: tuple[Mapping[str, Any], ...] = ()


HandIn = Callable[[str, str, Mapping[str, Any]], Outcome]  # connector, topic, message


def nowhere(connector: str, _topic: str, _message: Mapping[str, Any]) -> Outcome:
    """What a board answers that has not been told of any gateway."""
    return Outcome(False, f"no gateway has been told to this board (connector {connector})")


def hand_in(doors: Mapping[str, Door], connector: str, topic: str, message: Mapping[str, Any]) -> Outcome:
    """One message to a topic of a connector; every failure is an outcome with its reason."""
    door = doors[connector]
    if door.shut:
        return Outcome(False, door.shut)
    verify = ssl.create_default_context(cafile=door.trust) if door.trust else True
    try:
        with httpx.Client(verify=verify, timeout=ANSWER_SECONDS, trust_env=False) as client:
            answer = client.post(
                f"{door.address}/{topic}",
                content=orjson.dumps(message),
                headers={"Authorization": f"Bearer {door.token}", "Content-Type": "application/json"},
            )
        body = orjson.loads(answer.content)
    except (httpx.HTTPError, OSError) as error:
        return Outcome(False, f"{door.address}: {error or type(error).__name__}")
    except orjson.JSONDecodeError:
        return Outcome(False, f"{door.address}: expected an answer in JSON, got {answer.content[:80]!r}")
    if answer.status_code != httpx.codes.OK:
        return Outcome(False, f"{answer.status_code}: {body.get('detail', '')}")
    return Outcome(True, refused=tuple(body["refused"]))


def doors(plant: PlantFile, environ: Mapping[str, str]) -> dict[str, Door]:
    """By connector. One whose token cannot be read is shut, and says why: the rest of the board goes on."""
    found: dict[str, Door] = {}
    for name, options in plant.connectors.items():
        if isinstance(options, HttpOptions):
            found[name] = _door(plant, name, options, environ)
    return found


def _door(plant: PlantFile, name: str, options: HttpOptions, environ: Mapping[str, str]) -> Door:
    trust = str(plant.file(options.tls.cert)) if options.tls.cert else ""
    file = plant.file(options.token_file) if options.token_file else None
    try:
        token = read_secret(f"connectors.{name}.token", options.token_env, file, environ)
    except PlantFileError as error:
        return Door(options.reached_at, "", trust, shut=str(error))
    assert token is not None, "checked by HttpOptions.problems"
    return Door(options.reached_at, token.get_secret_value(), trust)
