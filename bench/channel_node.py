"""One node of the channel benchmark, a process of its own: serves or reads until a count is receipted, then prints what it took.

Run by `bench_channel`; argument: settings file, `writer` or `reader`, count of entries to reach.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

from kizuna.domains import instruments
from kizuna.kernel.domain import Domain
from kizuna.kernel.record import WITHHELD, Body, Withheld
from kizuna.node.clock import SystemClock
from kizuna.node.held.facts import load_partners
from kizuna.node.keys import keyfiles
from kizuna.node.service import Node, open_node
from kizuna.node.settings import host_port, read_settings
from kizuna.web.partners import PartnerClient, PartnerListener
from kizuna.web.tls import TlsFiles

POLL_S = 0.02
LIMIT_S = 120.0


class Filler(Body, frozen=True):
    """A record of a given size."""

    text: str | Withheld = WITHHELD


BENCH = Domain(name="bench", records={"bench.filler-said.v1": Filler})
DOMAINS = (instruments.DOMAIN, BENCH)


async def _serve(node: Node, client: PartnerClient, files: TlsFiles, role: str, count: int) -> dict[str, float]:
    host, port = host_port(node.settings.partners.listen)
    listener = PartnerListener(node.runner, files, lambda: load_partners(node.store).values(), host, port)
    await listener.start()
    await client.start(node.runner, lambda: load_partners(node.store).values())
    before = resource.getrusage(resource.RUSAGE_SELF)
    node.runner.start()
    column = "SELECT receipted FROM channel_out" if role == "writer" else "SELECT size FROM channel_in"
    first: tuple[float, int] | None = None
    until = time.perf_counter() + LIMIT_S
    while True:
        await asyncio.sleep(POLL_S)
        now, size = time.perf_counter(), node.store.query(column)[0][0]
        if first is None and size > 1:
            first = (now, size)
        if size >= count or now > until:
            break
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert first is not None, "nothing crossed"
    assert size >= count, "not all of it crossed in time"
    if role == "reader":
        await asyncio.sleep(1.0)  # so that the last receipt reaches the writer
    await client.close()
    await listener.close()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"records": size - first[1], "wall_s": now - first[0], "cpu_s": cpu_s, "all": size}


def main() -> None:
    """Run one side and print its figures as JSON."""
    config, role, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    gc.set_threshold(50_000, 50, 100)  # as `kizuna run` does
    settings = read_settings(config)
    files = TlsFiles(settings.keys / keyfiles.CERTIFICATE, settings.keys / keyfiles.TLS_KEY)
    client = PartnerClient(files)
    node = open_node(settings, clock=SystemClock(), random=os.urandom, send=client.send, domains=DOMAINS)
    try:
        print(json.dumps(asyncio.run(_serve(node, client, files, role, count))))
    finally:
        node.close()


if __name__ == "__main__":
    main()
