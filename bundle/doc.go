// Package bundle packs what proves a ledger, or what of it concerns a role or a subject, into one file, and reads such
// files back without trusting them.
//
// Three packings hold evidence: a zip file in the layout of C2SP tlog-tiles (https://c2sp.org/tlog-tiles), a CAR file of
// version 1 (https://ipld.io/specs/transport/car/carv1/) and JSON Lines; CSV and bare documents are for people. Their bytes
// are in docs/format.md.
//
// Writing is deterministic: the bytes follow from the [Source] and the [Question]. It streams, and holds no more than a
// tile's entries and a line for each file.
//
// Reading accepts only what writing gives. A bundle has one spelling: which files there are, their order, each byte
// around them. So a reader has nothing to be lenient about, and what other readers disagree on (names twice, gaps, overlaps,
// two lists of files) has no way in. [Open] goes over the form of the whole before anything is handed out; the contents are
// read when asked for, and checked against what the form says of them. Whether they prove anything is for package verify.
//
// No reader holds more than the list of files and one piece of a file, whatever a file claims to be: see the limits in this package.
package bundle
