r"""Wire text and JSON <-> typed values, by the type of the field.

    type          in Python                            in text               in JSON
    boolean       bool                                 true                  true
    integer       int                                  42                    42
    float         float                                1.5                   1.5, "NaN"
    decimal       Decimal, scale kept                  1.50                  1.50
    text, enum    str                                  as it is              "..."
    uuid          str, canonical                       as it is              "..."
    date, time    date, time without zone              2024-01-01            "2024-01-01"
    timestamp     datetime without zone                2024-01-01 19:13:00   "2024-01-01T19:13:00"
    timestamptz   datetime in UTC                      2024-01-01 19:13:00+00  "2024-01-01T19:13:00+00:00"
    bytes         bytes                                \x0aff                "\x0aff"
    json          what JSON is; numbers int, Decimal   {"a": 1}              as it is
    array         tuple                                {a,"b c",NULL}        [...]
    interval, other   str, known to the backend alone

None is the value that is not there (NULL), on every type; `JSON_NULL` is the `null` within a JSON value.
"""

from bridge_core.values.casts import cast
from bridge_core.values.conversion import from_json, typed
from bridge_core.values.operation import typed_filter, typed_operation
from bridge_core.values.text import JSON_NULL, json_text, text_of, zone_of
from bridge_core.values.versions import etag
from bridge_core.values.wire import decode_json, encode, jsonable

__all__ = [
    "JSON_NULL",
    "cast",
    "decode_json",
    "encode",
    "etag",
    "from_json",
    "json_text",
    "jsonable",
    "text_of",
    "typed",
    "typed_filter",
    "typed_operation",
    "zone_of",
]
