"""The published specifications as Prism reads them, and a Prism that stands between the adapters and the sandbox.

Each repair of a published file says why: it is made in memory and written beside, never into the file itself.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

METHODS = ("get", "put", "post", "delete")
_FILE = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}


def jira(contracts: Path, version: int) -> dict[str, Any]:
    """Return Jira Cloud's specification, mended."""
    file = {2: "jira-cloud-v2.yaml", 3: "jira-cloud-v3.json"}[version]
    text = (contracts / file).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text) if file.endswith("json") else yaml.load(text, Loader=yaml.CSafeLoader)  # noqa: TID251 - not our file
    document = _without_examples(document)
    issue = f"/rest/api/{version}/issue/{{issueIdOrKey}}"
    # An upload is declared as an array.
    document["paths"][f"{issue}/attachments"]["post"]["requestBody"]["content"] = {"multipart/form-data": {"schema": _FILE}}
    # GET remotelink is declared as one object; its example and the API give an array.
    content = document["paths"][f"{issue}/remotelink"]["get"]["responses"]["200"]["content"]["application/json"]
    content["schema"] = {"type": "array", "items": content["schema"]}
    return _answerable(document)


def zendesk(contracts: Path) -> dict[str, Any]:
    """Return Zendesk's specification, mended."""

    class Loader(yaml.CSafeLoader):
        """A bare `=` is a value in this file."""

    Loader.yaml_implicit_resolvers = {
        key: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:value"]
        for key, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    text = (contracts / "zendesk-support.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = _without_examples(yaml.load(text, Loader=Loader))  # noqa: S506, TID251 - a safe loader; not our file
    # Values of custom fields are typed as definitions of fields.
    document["components"]["schemas"]["TicketUpdateInput"]["properties"]["custom_fields"]["items"] = {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "required": ["id"],
    }
    # The app's links are described on pages of their own, in no published file.
    document["paths"]["/api/v2/jira/links"] = {
        method: {
            "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
            "responses": {"200": {"description": "links"}, "201": {"description": "made"}, "422": {"description": "there"}},
        }
        for method in ("get", "post")
    }
    del document["paths"]["/api/v2/jira/links"]["get"]["requestBody"]
    # Absent values are null in the API and in the file's own examples, and nowhere declared so.
    document["components"]["schemas"] = _nullable(document["components"]["schemas"])
    return _answerable(document)


def _nullable(node: Any) -> Any:
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _nullable(value) for key, value in node.items()}
    properties = found.get("properties")
    if isinstance(properties, dict) and all(isinstance(value, dict) for value in properties.values()):
        found["properties"] = {
            key: {"allOf": [value], "nullable": True} if "$ref" in value else {**value, "nullable": True}
            for key, value in properties.items()
        }
    return found


def _without_examples(node: Any) -> Any:
    """Drop examples: many are JSON in a string, some hold templates, and a proxy needs none."""
    if isinstance(node, list):
        return [_without_examples(item) for item in node]
    if not isinstance(node, dict):
        return node
    # A property may itself be called so: then it is a schema.
    return {
        key: _without_examples(value)
        for key, value in node.items()
        if not (key in {"example", "examples"} and not (isinstance(value, dict) and "type" in value))
    }


def _answerable(document: dict[str, Any]) -> dict[str, Any]:
    """Let every operation answer 429 and 503, which few document; the proxy's own address is none of the file's."""
    for operations in document["paths"].values():
        for method in METHODS:
            if method in operations:
                for status in ("429", "503"):
                    operations[method]["responses"].setdefault(status, {"description": "later"})
    document["servers"] = [{"url": "/"}]
    return document


@contextmanager
def proxy(program: Path, document: dict[str, Any], upstream: str, folder: Path, name: str) -> Iterator[str]:
    """Run Prism between a client and `upstream`; it says in the header `sl-violations` what the specification does not allow."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document, default=str), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(program), "proxy", "-h", "127.0.0.1", "-p", str(port), str(file), upstream]
    with (folder / f"{name}.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(process, port, folder / f"{name}.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"Prism did not start: {log.read_text(encoding='utf-8')[-2000:]}")
