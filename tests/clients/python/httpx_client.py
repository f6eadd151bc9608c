"""httpx with HTTP/2: arguments are the proxy, the CA and the origin. Prints what came back as JSON."""

import asyncio
import hashlib
import json
import sys

import httpx

proxy, ca, origin = sys.argv[1:]


async def main():
    async with httpx.AsyncClient(http2=True, verify=ca, proxies=proxy, timeout=30) as client:
        many = await asyncio.gather(*(client.get(f"{origin}/echo?{n}") for n in range(20)))
        down = await client.get(f"{origin}/bytes/{1 << 20}")
        up = await client.post(f"{origin}/echo", content=down.content)
        print(json.dumps({"versions": sorted({answer.http_version for answer in many}),
                          "paths": [answer.json()["path"] for answer in many],
                          "down": hashlib.sha256(down.content).hexdigest(), "up": up.json()["sha256"]}))


asyncio.run(main())
