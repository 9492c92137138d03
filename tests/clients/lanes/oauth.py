"""The official Python client, which signs in by itself, driven over standard input and output.

Writes `{"page": ...}` when a browser must open a page, and reads the query of the redirect that
ends the sign-in. Writes `{"ready": true}` when it is connected. Then reads one tool call a line,
`{"name": ..., "arguments": ...}`, and writes its result.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata


class Wallet:
    """What the client stores of its sign-in."""

    tokens = None
    client_info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info):
        self.client_info = client_info


def write(message):
    print(json.dumps(message), flush=True)


async def read():
    line = await asyncio.to_thread(sys.stdin.readline)
    return json.loads(line) if line else None


async def show_page(url):
    write({"page": url})


async def return_from_page():
    query = await read()
    return AuthorizationCodeResult(
        code=query["code"], state=query.get("state"), iss=query.get("iss")
    )


async def main(url, redirect_uri):
    metadata = OAuthClientMetadata(
        client_name="lane",
        redirect_uris=[redirect_uri],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
        scope="openid offline_access",
    )
    auth = OAuthClientProvider(url, metadata, Wallet(), show_page, return_from_page)
    async with httpx2.AsyncClient(auth=auth, follow_redirects=True) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            write({"ready": True})
            while request := await read():
                result = await client.call_tool(request["name"], request["arguments"])
                write(result.model_dump(mode="json", by_alias=True, exclude_none=True))


asyncio.run(main(*sys.argv[1:]))
