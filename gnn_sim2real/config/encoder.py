"""The type of an encoder's description (`class_path`, `init_args`) in the settings of a grid."""

_Value = bool | int | float | str | None
_Plain = dict[str, str | dict[str, _Value | list[_Value]]]

EncoderSettings = dict[str, str | dict[str, _Value | list[_Value] | _Plain]]
"""An encoder, or a pair or blend around one.

Spelled out because jsonargparse would build the inner encoder if the type were `Any`, and a grid needs plain values.
"""
