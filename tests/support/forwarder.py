"""A wire to a server of this machine: `python forwarder.py PORT UPSTREAM`. Standard library only.

A process of its own, so that it can be stopped: what comes is then taken by the kernel, and never answered.
"""

import asyncio
import sys
from contextlib import suppress

BACKLOG = 1_000  # connections that the kernel takes while this process is stopped


async def pass_on(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while octets := await source.read(65_536):
            to.write(octets)
            await to.drain()
    to.close()


async def main(port: int, upstream: int) -> None:
    async def connect(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        try:
            answers, questions = await asyncio.open_connection("127.0.0.1", upstream)
        except OSError:  # the server is away
            to.close()
            return
        await asyncio.gather(pass_on(source, questions), pass_on(answers, to))

    async with await asyncio.start_server(connect, "127.0.0.1", port, backlog=BACKLOG) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
