"""Reading the body of a call: the one way in which anything that a user sends becomes a value.

The web framework's own binding coerces types and takes the last of two equal keys, so that `{"on": true, "on": false}` would mean what nobody
wrote. Here a body is bytes; it is refused unless it is strict JSON without duplicate keys, floats or unknown fields.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import quote

import msgspec
from litestar import Request
from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, RequestBody

from kizuna.errors import RecordError
from kizuna.kernel import canonical
from kizuna.web.errors import TooLargeError

T = TypeVar("T", bound=msgspec.Struct)
MAX_BODY_BYTES = 1 << 20
Call = Request[Any, Any, Any]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every body's struct inherits: unknown fields are refused."""


def parse(data: bytes, kind: type[T]) -> T:
    """Return the value that a JSON body spells, in whatever order and spacing, but in one way only.

    Raises:
        RecordError: it is not UTF-8 JSON, holds a duplicate key, a float or an unknown field, or does not fit `kind`.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float
        )
        canonical.check(value)
        return msgspec.json.decode(data, type=kind, strict=True)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(f"the body is not what this call takes: {_short(error)}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RecordError("the body holds a key twice: say each thing once")
    return found


def _no_float(text: str) -> NoReturn:
    raise RecordError(f"the body holds the number `{text[:20]}`: use whole numbers, or text for decimals")


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__


async def read(request: Call, kind: type[T]) -> T:
    """Return a call's JSON body as a `kind`.

    Raises:
        RecordError: it says that it is something other than JSON, or does not parse.
        TooLargeError: it is over `MAX_BODY_BYTES`.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RecordError("send the body as `application/json`")
    return parse(await read_bytes(request, MAX_BODY_BYTES), kind)


async def read_bytes(request: Call, limit: int) -> bytes:
    """Return a call's body as it came.

    Raises:
        TooLargeError: it has more than `limit` bytes; nothing more than that is read.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLargeError(f"the body has more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def attachment(name: str) -> dict[str, str]:
    """Return the header by which a browser keeps an answer as a file of this name, in any script (RFC 6266, RFC 8187)."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    also = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return {"content-disposition": f'attachment; filename="{plain}"{also}'}


def described(kind: type[msgspec.Struct]) -> type[Operation]:
    """Return the operation class by which a route that reads a `kind` says so in the OpenAPI document."""
    (schema,), parts = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    whole = parts.get(kind.__name__, schema)
    return _operation("application/json", whole)


def described_query(kind: type[msgspec.Struct]) -> type[Operation]:
    """Return the operation class by which a route that reads a `kind` from its address says so in the OpenAPI document."""
    (_,), parts = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    schema = parts[kind.__name__]
    found = [
        Parameter(
            name=name,
            param_in="query",
            description=shape.get("description"),
            required=name in schema.get("required", ()),
            schema=cast("Any", {key: value for key, value in shape.items() if key != "description"}),
        )
        for name, shape in schema.get("properties", {}).items()
    ]

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.parameters = list(found)

    return Described


def described_bytes() -> type[Operation]:
    """Return the operation class of a route that takes bytes as they are."""
    return _operation("application/octet-stream", {"format": "binary", "type": "string"})


def _operation(media_type: str, schema: dict[str, Any]) -> type[Operation]:
    content = {media_type: OpenAPIMediaType(schema=cast("Any", schema))}

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(content=content, required=True)

    return Described
