"""Nodes as a plant file names them: a node id, or a browse path from Root, resolved on a server.

`ns=2;s=Line1.Bore` and `i=2258` are node ids; `nsu=urn:plant:press;s=Bore` names its namespace by its URI, which stays
when a server numbers its namespaces anew; `/0:Objects/2:Line1/2:Bore` is a browse path (a step without a number is of
namespace 0).
"""

import re
from collections.abc import Sequence

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua import uaerrors
from asyncua.ua.attribute_ids import AttributeIds

from connectors.opcua.calls import in_calls

NODES_A_CALL = 500
NAMESPACES = ua.NodeId.from_string("i=2255")  # Server_NamespaceArray
ROOT, HIERARCHICAL = ua.NodeId.from_string("i=84"), ua.NodeId.from_string("i=33")
HISTORY_READ = 1 << 2  # of the attribute UserAccessLevel

_STEP = re.compile(r"(?:(\d{1,5}):)?(.+)", re.DOTALL)


async def resolve(session: UaSession, texts: Sequence[str]) -> dict[str, ua.NodeId]:
    """The node ids of the nodes that the server has; a text that it cannot resolve is left out."""
    uris: list[str] | None = None
    if any(text.startswith("nsu=") for text in texts):
        (answer,) = await session.read_attributes([NAMESPACES], AttributeIds.Value)
        uris = list(answer.Value.Value) if answer.Value is not None else []
    found: dict[str, ua.NodeId] = {}
    for text in texts:
        if not text.startswith("/") and (node := _node_id(text, uris)) is not None:
            found[text] = node
    paths = [text for text in texts if text.startswith("/")]
    for text, target in zip(paths, await _translate(session, paths), strict=True):
        if target is not None:
            found[text] = target
    return found


async def with_history(session: UaSession, nodes: Sequence[ua.NodeId]) -> list[bool]:
    """Of each node whether the server records its values now and lets us read them back."""

    async def of(attribute: AttributeIds) -> list[ua.DataValue]:
        async def call(some: Sequence[ua.NodeId]) -> Sequence[ua.DataValue]:
            return await session.read_attributes(list(some), attribute)

        return await in_calls(call, nodes, NODES_A_CALL)

    recorded, allowed = await of(AttributeIds.Historizing), await of(AttributeIds.UserAccessLevel)
    return [
        bool(_value(one)) and bool(int(_value(other) or 0) & HISTORY_READ)
        for one, other in zip(recorded, allowed, strict=True)
    ]


def _value(answer: ua.DataValue) -> bool | int | None:
    value = answer.Value.Value if answer.Value is not None else None
    return value if isinstance(value, bool | int) else None


def _node_id(text: str, uris: list[str] | None) -> ua.NodeId | None:
    """The node id; None when the server has no such namespace. Raises `ValueError` or `UaError` for no node id."""
    if not text.startswith("nsu="):
        return ua.NodeId.from_string(text)
    uri, _, rest = text.removeprefix("nsu=").partition(";")
    if uris is None:
        return ua.NodeId.from_string(rest)
    return ua.NodeId.from_string(f"ns={uris.index(uri)};{rest}") if uri in uris else None


def _steps(text: str) -> list[ua.QualifiedName]:
    steps = [_STEP.fullmatch(step) for step in text[1:].split("/")]
    if not all(steps):
        raise ValueError(f"a step of {text!r} is empty")
    return [ua.QualifiedName(step[2], int(step[1] or 0)) for step in steps if step is not None]


async def _translate(session: UaSession, paths: Sequence[str]) -> list[ua.NodeId | None]:
    async def call(some: Sequence[str]) -> Sequence[ua.BrowsePathResult]:
        return await session.translate_browsepaths_to_nodeids([_browse_path(path) for path in some])

    try:
        results = await in_calls(call, paths, NODES_A_CALL)
    except uaerrors.BadNothingToDo:
        return []
    return [
        result.Targets[0].TargetId if result.StatusCode.is_good() and result.Targets else None for result in results
    ]


def _browse_path(text: str) -> ua.BrowsePath:
    path = ua.BrowsePath()
    path.StartingNode = ROOT
    for name in _steps(text):
        element = ua.RelativePathElement()
        element.ReferenceTypeId = HIERARCHICAL
        element.IsInverse = False  # type: ignore[assignment]  # asyncua's Boolean stands for bool
        element.TargetName = name
        path.RelativePath.Elements.append(element)
    return path
