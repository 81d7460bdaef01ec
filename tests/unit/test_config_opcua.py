"""The options of an OPC UA connector: what is wrong is said with its path."""

from pathlib import Path

import pytest

from config.errors import PlantFileError
from config.load import load
from config.opcua import OpcuaOptions
from config.tags import TagOptions

PLANT = """
[plant]
id = "p1"
[connectors.press]
type = "opcua"
{options}
[characteristics."line1/op10/bore"]
usl = 10.0
"""
URL = 'url = "opc.tcp://127.0.0.1:4840"'
TAGS = 'tags = [{ tag = "ns=2;s=Bore", name = "line1/op10/bore" }]'


def problem(options: str, folder: Path) -> str:
    path = folder / "plant.toml"
    path.write_text(PLANT.format(options=options))
    with pytest.raises(PlantFileError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (f'url = "http://127.0.0.1:4840"\n{TAGS}', "connectors.press.url"),
        (f'url = "opc.tcp://127.0.0.1"\n{TAGS}', "expected opc.tcp://host:port"),
        (f'url = "opc.tcp://me:secret@127.0.0.1:4840"\n{TAGS}', "without a name or password in it"),
        (f'{URL}\ntags = [{{ tag = "Bore" }}]', "connectors.press.tags[0].tag: expected a node id"),
        (f'{URL}\ntags = [{{ tag = "ns=2;x=Bore" }}]', "(got 'ns=2;x=Bore')"),
        (f'{URL}\n{TAGS}\nsecurity = "Basic256Sha256"', "connectors.press.certificate: is required"),
        (f'{URL}\n{TAGS}\ntrust = "pki"', 'connectors.press.trust: is not used with security = "None"'),
        (f'{URL}\n{TAGS}\nsecurity = "Basic128Rsa15"', "connectors.press.security"),
        (f'{URL}\n{TAGS}\ndedupe = "payload"', "connectors.press.dedupe: is not used with OPC UA"),
        (f'{URL}\n{TAGS}\nplace = "{{line}}"', "connectors.press.place: {line} is no part"),
        (f"{URL}\n{TAGS}\nqueue_size = 0", "connectors.press.queue_size"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(options: str, said: str, tmp_path: Path) -> None:
    assert said in problem(options, tmp_path)


@pytest.mark.parametrize(
    "node",
    ["i=2258", "ns=2;s=a;b=c", "nsu=urn:plant:press;s=Bore", "ns=1;g=09087e75-8e5e-499b-954f-f2a9603db28a",
     "ns=1;b=M/Rb",      "/0:Objects/2:Line1/2:Bore", "/Objects/Bore"],
)  # fmt: skip
def test_a_node_is_a_node_id_or_a_path(node: str) -> None:
    options = OpcuaOptions(type="opcua", url="opc.tcp://press:4840", tags=(TagOptions(tag=node),))
    assert list(options.problems("p")) == []
    assert options.nodes == (node,)


def test_what_means_nothing_is_not_subscribed_to_and_no_security_is_warned_about() -> None:
    tags = (TagOptions(tag="ns=2;s=a"), TagOptions(tag="ns=2;s=b", kind="ignore"))
    options = OpcuaOptions(type="opcua", url="opc.tcp://press:4840", tags=tags)
    assert options.nodes == ("ns=2;s=a",)
    assert len(list(options.warnings())) == 1
    here = OpcuaOptions(type="opcua", url="opc.tcp://127.0.0.1:4840", tags=tags)
    assert list(here.warnings()) == []
    bare = OpcuaOptions(type="opcua", url="opc.tcp://127.0.0.1:4840")
    assert [warning.split(":")[0] for warning in bare.warnings()] == ["no tags"]
    secured = OpcuaOptions(
        type="opcua",
        url="opc.tcp://press:4840",
        tags=tags,
        security="Basic256Sha256",
        certificate="c",
        key="k",
        trust="t",
    )
    assert list(secured.problems("p")) == []
    assert list(secured.warnings()) == []
    assert secured.address == "opc.tcp://press:4840 (Basic256Sha256, SignAndEncrypt)"
