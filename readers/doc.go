// Package readers serves the streams of a node to outside clients over NATS: any NATS client, with an NKey that the ledger
// knows, reads its organization's streams with the plain JetStream API, and can do nothing else.
//
// The server is one of its own, with a store of its own: not the one that holds the ledgers, and no connection leads from
// here to there. The node writes to it what it has applied ([Source]), at the same positions, so that whatever becomes of
// this store, it is made again.
//
// In it each organization has an account, READ_<organization>, with the streams, and each reader has an account to itself.
// What readers share is nothing: no subject, no inbox, no consumer. A reader's account has no JetStream. Its requests to the
// JetStream API arrive at a [gate] that knows from the subject whose they are, looks at each of them, and asks JetStream
// itself; JetStream's answers and messages go to the reader without passing through the gate.
//
// That is because a JetStream account is not a place to let strangers into. Reply subjects are not held against permissions,
// so who may ask for a message may have it published anywhere in the account; permissions compare whole tokens, so names of
// consumers that begin alike cannot be told apart; and where a push consumer delivers to stands in the body of a request.
//
// Consumers are kept in memory, under names that begin with the reader's id, which the reader does not see.
package readers
