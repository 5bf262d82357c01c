// Package stream keeps ledgers in NATS JetStream. It is the only package that knows NATS.
//
// A ledger is the stream LEDGER_<org>: the stream's sequence is the entry's position, and the bytes of a message are the
// entry. Subjects are ledger.<org>.<type>; an organization's id is [a-z0-9-]{1,32} and every token of a subject is
// [a-z0-9-]+, so text that a user wrote never becomes part of a subject. A stream keeps everything: it refuses deleting
// and purging, has no limit and no age, and [Conn.OpenLog] compares its configuration and its state with what they must
// be each time, because an administrator of NATS can change either ([ConfigError], [DamagedError]).
//
// [Start] runs a nats-server inside this process. It does not sync each message: the journal is the synced copy, and the
// store follows within a second. [Log.Append] publishes a group of entries without waiting in between, each with the
// position it must follow. An outcome that is not clear, because an answer was lost, is resolved by reading the stream
// back, so appending the same entries again is harmless. The header Nats-Expected-Last-Msg-Id is never sent: with
// nats-server 2.15.2 a wrong one stops a replicated stream for good.
//
// Pipelined publishes keep a group whole only while nobody else publishes to the stream. The embedded server guarantees
// that: the one user that may publish connects in this process. A foreign message between two of ours is noticed and
// reported ([StaleError.Strays]), not prevented.
//
// [Connect] connects to an external cluster (NATS 2.12 or newer), where any number of nodes append to the same streams. A
// group is one atomic batch (NATS ADR-50) there, and the first message says what position it must follow: the stream's
// leader takes all of the group or nothing. An acknowledged entry is in the logs of a majority of the stream's replicas,
// and on their disks if the servers run with sync_interval: always, which a client cannot find out ([Conn.Promise]). The
// rest of the API is the same, with two differences that follow from there being several servers: that something is not
// there is never final (batch.go says what Append makes of it), and [Log.Follow] outlives changes of leaders. A cluster
// also keeps what nodes must share: private texts ([Texts]) and small sealed records ([Shared]).
//
// [Scan] reads nats-server's block files without a server and checks each record's checksum. It follows the file format
// of nats-server 2.15.2 (server/filestore.go, writeMsgRecordLocked), which is internal to that program: the tests of this
// package must pass before the dependency is raised.
package stream
