"""What an OPC UA server offers: its variables, as a list of tags that is ready to be filled in."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson
from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds

from connectors.opcua.calls import in_calls
from connectors.opcua.link import Link
from connectors.opcua.nodes import NAMESPACES
from connectors.opcua.rows import row_of
from connectors.opcua.settings import OpcuaSettings

MOST_VARIABLES = 10_000
NODES_A_CALL = 200
OBJECTS, SERVER = ua.NodeId.from_string("i=85"), ua.NodeId.from_string("i=2253")
HIERARCHICAL = ua.NodeId.from_string("i=33")
SHOWN = 40  # characters of a value
_OBJECT, _VARIABLE = 1, 2  # node classes


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: its node as a plant file writes it, the way to it, and its value now, as JSON."""

    tag: str
    path: str
    value: str


def offered(settings: OpcuaSettings) -> Iterator[str]:
    """The lines of TOML. Raises one of `FAILURES`, or `Untrusted`."""
    variables = asyncio.run(_variables(settings))
    more = f" (the first {MOST_VARIABLES})" if len(variables) >= MOST_VARIABLES else ""
    yield f"# {settings.url} offers {len(variables)} variables{more}. Give a name to what is measured, and say"
    yield "# what is something else (kind = ...); leave out the rest: docs/connectors/tags.md."
    yield "tags = ["
    for one in variables:
        yield f"  # {one.path}: {one.value}"
        yield f'  {{ tag = {json.dumps(one.tag, ensure_ascii=False)}, name = "" }},'
    yield "]"


async def _variables(settings: OpcuaSettings) -> list[Variable]:
    link = Link(settings)
    try:
        await link.open()
        return await _browse(link.session)
    finally:
        await link.close()


async def _browse(session: UaSession) -> list[Variable]:
    """All variables below Objects, level by level; each node once; what OPC UA itself defines is left out."""
    (answer,) = await session.read_attributes([NAMESPACES], AttributeIds.Value)
    uris = list(answer.Value.Value) if answer.Value is not None else []
    seen, level, found = {OBJECTS, SERVER}, [(OBJECTS, "")], list[tuple[ua.NodeId, str]]()
    while level and len(found) < MOST_VARIABLES:
        below: list[tuple[ua.NodeId, str]] = []
        children = await _children(session, [node for node, _ in level])
        for (_, path), references in zip(level, children, strict=True):
            for reference in references:
                node = ua.NodeId(
                    reference.NodeId.Identifier, reference.NodeId.NamespaceIndex, reference.NodeId.NodeIdType
                )
                if node in seen or int(reference.NodeClass) not in (_OBJECT, _VARIABLE):
                    continue
                seen.add(node)
                way = f"{path}/{reference.BrowseName.Name}"
                below.append((node, way))
                if int(reference.NodeClass) == _VARIABLE and node.NamespaceIndex:
                    found.append((node, way))
        level = below
    found = found[:MOST_VARIABLES]
    values = await _values(session, [node for node, _ in found])
    return [Variable(_tag(node, uris), _one_line(way), value) for (node, way), value in zip(found, values, strict=True)]


async def _children(session: UaSession, nodes: Sequence[ua.NodeId]) -> list[list[ua.ReferenceDescription]]:
    async def call(some: Sequence[ua.NodeId]) -> Sequence[ua.BrowseResult]:
        parameters = ua.BrowseParameters()
        for node in some:
            wanted = ua.BrowseDescription()
            wanted.NodeId, wanted.ReferenceTypeId, wanted.BrowseDirection = (
                node,
                HIERARCHICAL,
                ua.BrowseDirection.Forward,
            )
            wanted.NodeClassMask, wanted.ResultMask = ua.UInt32(_OBJECT | _VARIABLE), ua.UInt32(63)
            parameters.NodesToBrowse.append(wanted)
        return await session.browse(parameters)

    children = []
    for result in await in_calls(call, nodes, NODES_A_CALL):
        references, point = list(result.References or ()), result.ContinuationPoint
        while point:
            more = ua.BrowseNextParameters()
            more.ContinuationPoints = [point]
            (rest,) = await session.browse_next(more)
            references += rest.References or ()
            point = rest.ContinuationPoint
        children.append(references)
    return children


async def _values(session: UaSession, nodes: Sequence[ua.NodeId]) -> list[str]:
    async def call(some: Sequence[ua.NodeId]) -> Sequence[ua.DataValue]:
        return await session.read_attributes(list(some), AttributeIds.Value)

    answers = await in_calls(call, nodes, NODES_A_CALL)
    return [_one_line(orjson.dumps(row_of("", answer).value).decode())[:SHOWN] for answer in answers]


def _tag(node: ua.NodeId, uris: Sequence[str]) -> str:
    """With the namespace's URI, which stays when a server numbers its namespaces anew."""
    text = node.to_string()
    _, _, rest = text.partition(";")
    number = node.NamespaceIndex
    return f"nsu={uris[number]};{rest}" if rest and number < len(uris) and ";" not in uris[number] else text


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
