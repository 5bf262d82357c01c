// Package access answers who may do what, why, and as of when. It owns an index over the entries of one ledger; it
// decides nothing and records nothing.
//
// The index is temporal: for each permission of a role, each role that a subject was given and each permission given
// without a role, it holds the changes in the order of the log. So every question takes an [AsOf] and is answered for
// any earlier position without replay, and the answer for a position never changes as the log grows.
//
// What holds is what ledger/rules says: for any position and instant, [Index.Check] allows what rules.State.Check
// allows on the state folded to that position. There is no deny rule: roles and direct grants add up, and what nothing
// gives is denied. A permission of the token level counts for wallets only, every other one for the other kinds of
// subjects only; a grant with an end holds before its end; a subject that is deactivated may nothing; the owner may
// everything that has a name.
//
// An AsOf may also name an occurred time. Then a change of a role, of what a subject holds or of a direct grant counts
// only if it had occurred by then (for imported events the time the source gives, else the event's own), still in the
// order of the log; openings, catalogues, subjects, keys and recorded parts always count. What is said about a role
// whose creation does not count has no effect, and a role whose deletion counts gives nothing. A roles.set adds and
// takes away what its event says it did; a permissions.set replaces what counts before it.
//
// What holds now is asked most, by services that want no reasons: [Index.Allows] answers it from immutable versions,
// without a lock and without memory, and never from half of an entry. Everything else takes a read lock, and the entries
// that come wait for it.
//
// The index is a fold: it is thrown away and folded again from the entries, and asks for no key. A snapshot only saves
// the time of doing so.
package access
