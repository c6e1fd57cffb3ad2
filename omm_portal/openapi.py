"""What every operation of the OpenAPI document shares: problems, and the headers of writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

WRITES = ("post", "patch", "delete")
ACTIONS = tuple(f"/standby/{name}/" for name in ("switchover", "reboot", "takeover"))
"""What is asked of the runtime and makes no journal entry."""
PROBLEM: Document = {
    "type": "object",
    "description": "RFC 9457. Kinds of problems have further members.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "Short name that programs may rely on."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "description": "Messages by field, or a list of {index, errors} for a list.",
            "oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
        },
    },
}
PROBLEM_RESPONSE: Document = {
    "description": "A problem.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
WRITE_HEADERS: Document = {
    "OMM-Replication": {
        "description": "safe: the other OMM has confirmed the change durably.",
        "schema": {"type": "string", "enum": ["safe", "unsafe"]},
    },
    "OMM-Journal-Seq": {
        "description": "The journal entry that this answer speaks about.",
        "schema": {"type": "integer"},
    },
}
IF_MATCH: Document = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the object as it was read; 412 when somebody else saved first.",
    "schema": {"type": "string"},
}


def describe_common(result: Document, **_: Any) -> Document:
    """Post-processing hook: add the problem to all operations and the headers to writes."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for path, method, operation in _operations(result):
        operation["responses"]["default"] = PROBLEM_RESPONSE
        if method in WRITES and not path.endswith(ACTIONS):
            _describe_write(method, operation)
    return result


def _operations(result: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _describe_write(method: str, operation: Document) -> None:
    for code, response in operation["responses"].items():
        if code.startswith("2"):
            response["headers"] = WRITE_HEADERS
    if method in {"patch", "delete"}:
        operation.setdefault("parameters", []).append(IF_MATCH)
