"""Writes who gained and lost what, from a position on: python subscriber.py nats://127.0.0.1:4222 ORG SEED-FILE [POSITION]

It needs nats-py with nkeys (pip install "nats-py[nkeys]"). It believes the server; who must not, verifies: see client/replica.
"""

import asyncio
import json
import sys

import nats
from nats.js.api import ConsumerConfig, DeliverPolicy


async def main(servers: str, org: str, seed: str, position: str = "1") -> None:
    connection = await nats.connect(
        servers,
        name=org,  # by the name of the connection the server knows which organization's reader this is
        nkeys_seed=seed,
        max_reconnect_attempts=-1,
    )
    # An ordered consumer: made anew where a connection is lost, without a gap.
    messages = await connection.jetstream().subscribe(
        f"changes.{org}.>",
        stream=f"CHANGES_{org}",
        ordered_consumer=True,
        config=ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=int(position)),
    )
    async for message in messages.messages:
        change = json.loads(message.data)
        for one in change.get("subjects", []):
            for sign, held in (("+", one.get("gained", [])), ("-", one.get("lost", []))):
                for h in held:
                    print(change["position"], one["subject"], sign, h["permission"], h.get("resource", ""), flush=True)
        if "holders" in change:
            print(change["position"], change["role"]["role"], "holders:", change["holders"]["count"], change["holders"]["query"], flush=True)


asyncio.run(main(*sys.argv[1:]))
