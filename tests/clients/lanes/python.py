"""The official Python client, driven over standard input and output.

Writes `{"revision": ...}` when it is connected. Then reads one request a line,
`{"method": ..., "params": ...}`, and writes its answer, `{"result": ...}` or `{"error": ...}`.
"""

import asyncio
import json
import os
import sys

from mcp import Client, MCPError, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.types import PromptReference, ResourceTemplateReference


def make_transport(transport, target):
    match transport:
        case "http":
            return f"{target}/mcp"
        case "sse":
            return sse_client(f"{target}/sse")
        case "stdio":
            return StdioServerParameters(command=target, args=["stdio"], env=dict(os.environ))


async def list_all(field, params, list_page):
    """Returns all pages of a list as one, or the single page that the parameters select."""
    if params:
        return await list_page(**params)
    page = await list_page()
    items = list(getattr(page, field))
    while page.next_cursor:
        page = await list_page(cursor=page.next_cursor)
        items.extend(getattr(page, field))
    return page.model_copy(update={field: items})


async def send(client, method, params):
    match method:
        case "tools/list":
            return await list_all("tools", params, client.list_tools)
        case "tools/call":
            return await client.call_tool(params["name"], params.get("arguments"))
        case "prompts/list":
            return await list_all("prompts", params, client.list_prompts)
        case "prompts/get":
            return await client.get_prompt(params["name"], params.get("arguments"))
        case "resources/list":
            return await list_all("resources", params, client.list_resources)
        case "resources/templates/list":
            return await list_all("resource_templates", params, client.list_resource_templates)
        case "resources/read":
            return await client.read_resource(params["uri"])
        case "completion/complete":
            kinds = {"ref/prompt": PromptReference, "ref/resource": ResourceTemplateReference}
            reference = kinds[params["ref"]["type"]].model_validate(params["ref"])
            return await client.complete(reference, params["argument"])
    raise ValueError(f"no case for {method}")


async def answer(client, request):
    try:
        result = await send(client, request["method"], request.get("params"))
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}


def write(message):
    print(json.dumps(message), flush=True)


async def main(transport, mode, target):
    async with Client(make_transport(transport, target), mode=mode) as client:
        write({"revision": client.protocol_version})
        while line := await asyncio.to_thread(sys.stdin.readline):
            write(await answer(client, json.loads(line)))


asyncio.run(main(*sys.argv[1:]))
