// Writes who gained and lost what, from a position on: node subscriber.js nats://127.0.0.1:4222 ORG SEED-FILE [POSITION]
// It believes the server; who must not, verifies: see client/replica.
import { readFileSync } from "node:fs";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { DeliverPolicy, jetstream } from "@nats-io/jetstream";

const [servers, org, seed, from = "1"] = process.argv.slice(2);
const connection = await connect({
  servers,
  name: org, // by the name of the connection the server knows which organization's reader this is
  authenticator: nkeyAuthenticator(new TextEncoder().encode(readFileSync(seed, "utf8").trim())),
  maxReconnectAttempts: -1,
});
connection.closed().then((why) => {
  console.error("the connection is closed:", why?.message ?? "by us"); // as where the key was revoked: it is not tried for ever
  process.exit(1);
});
const consumer = await jetstream(connection).consumers.get(`CHANGES_${org}`, {
  deliver_policy: DeliverPolicy.StartSequence,
  opt_start_seq: Number(from),
}); // an ordered consumer: made anew where a connection is lost, without a gap
for await (const message of await consumer.consume()) {
  const change = message.json();
  for (const { subject, gained = [], lost = [] } of change.subjects ?? []) {
    for (const { permission, resource = "" } of gained) console.log(change.position, subject, "+", permission, resource);
    for (const { permission, resource = "" } of lost) console.log(change.position, subject, "-", permission, resource);
  }
  if (change.holders) console.log(change.position, change.role.role, "holders:", change.holders.count, change.holders.query);
}
