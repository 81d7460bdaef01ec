"""Sparkplug B's payload for google.protobuf, put together from its field numbers: a second reader, and writer.

Field numbers and types: Eclipse Sparkplug Specification 3.0.0, section 6.4.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = descriptor_pb2.FieldDescriptorProto
_UINT32, _UINT64, _BOOL = _TYPES.TYPE_UINT32, _TYPES.TYPE_UINT64, _TYPES.TYPE_BOOL
_STRING, _BYTES, _FLOAT, _DOUBLE = _TYPES.TYPE_STRING, _TYPES.TYPE_BYTES, _TYPES.TYPE_FLOAT, _TYPES.TYPE_DOUBLE
_PACKAGE = "plumbline.tests.sparkplug"

# name: number, type (a message's name for messages), repeated
_MESSAGES: dict[str, dict[str, tuple[int, int | str, bool]]] = {
    "PropertyValue": {
        "type": (1, _UINT32, False),
        "is_null": (2, _BOOL, False),
        "int_value": (3, _UINT32, False),
        "long_value": (4, _UINT64, False),
        "float_value": (5, _FLOAT, False),
        "double_value": (6, _DOUBLE, False),
        "boolean_value": (7, _BOOL, False),
        "string_value": (8, _STRING, False),
    },
    "PropertySet": {"keys": (1, _STRING, True), "values": (2, "PropertyValue", True)},
    "MetaData": {"is_multi_part": (1, _BOOL, False), "content_type": (2, _STRING, False), "size": (3, _UINT64, False)},
    "DataSet": {"num_of_columns": (1, _UINT64, False), "columns": (2, _STRING, True), "types": (3, _UINT32, True)},
    "Template": {"version": (1, _STRING, False), "metrics": (2, "Metric", True), "template_ref": (4, _STRING, False)},
    "Metric": {
        "name": (1, _STRING, False),
        "alias": (2, _UINT64, False),
        "timestamp": (3, _UINT64, False),
        "datatype": (4, _UINT32, False),
        "is_historical": (5, _BOOL, False),
        "is_transient": (6, _BOOL, False),
        "is_null": (7, _BOOL, False),
        "metadata": (8, "MetaData", False),
        "properties": (9, "PropertySet", False),
        "int_value": (10, _UINT32, False),
        "long_value": (11, _UINT64, False),
        "float_value": (12, _FLOAT, False),
        "double_value": (13, _DOUBLE, False),
        "boolean_value": (14, _BOOL, False),
        "string_value": (15, _STRING, False),
        "bytes_value": (16, _BYTES, False),
        "dataset_value": (17, "DataSet", False),
        "template_value": (18, "Template", False),
    },
    "Payload": {
        "timestamp": (1, _UINT64, False),
        "metrics": (2, "Metric", True),
        "seq": (3, _UINT64, False),
        "uuid": (4, _STRING, False),
        "body": (5, _BYTES, False),
    },
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    made = descriptor_pb2.FileDescriptorProto(name="sparkplug_of_tests.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = made.message_type.add(name=name)
        one_of = "value" if name in {"Metric", "PropertyValue"} else ""
        if one_of:
            message.oneof_decl.add(name=one_of)
        for field, (number, kind, repeated) in fields.items():
            label = _TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = _TYPES.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = kind  # type: ignore[assignment] # one of the numbers of the enumeration
            if field.endswith("_value"):
                added.oneof_index = 0
    return made


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())  # type: ignore[no-untyped-call] # protobuf ships no type for it
Payload: Any = message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))
