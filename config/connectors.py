"""The kinds of connectors: `type` in `[connectors.…]` and the options that go with it."""

from config.connector import ConnectorOptions
from config.folder import FolderOptions
from config.http import HttpOptions
from config.mqtt import MqttOptions
from config.opcua import OpcuaOptions
from config.sparkplug import SparkplugOptions

# One more kind of connector is one more row.
CONNECTOR_TYPES: dict[str, type[ConnectorOptions]] = {
    "mqtt": MqttOptions,
    "http": HttpOptions,
    "opcua": OpcuaOptions,
    "folder": FolderOptions,
}

# Of kinds whose options depend on what comes: by type and payload.
BY_PAYLOAD: dict[tuple[str, object], type[ConnectorOptions]] = {("mqtt", "sparkplug"): SparkplugOptions}
