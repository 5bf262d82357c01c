// Package journal keeps the synced, independent copy of every entry of one organization's ledger, and the head record
// that says how far that ledger had come.
//
// Entries are opaque bytes here, 1 to 65,535 of them each; positions start at 1. Whoever needs to know that an entry is
// genuine verifies it: the journal only promises that what was appended and synced comes back, in order, byte for
// byte, and that it says so where this is not the case. It never repairs, and never cuts a byte it has not set aside.
//
// # Journal
//
// A journal is a directory of segments named 00000000.seg, 00000001.seg and so on. Each holds 65,536 entries, only the
// last may hold fewer. A segment is the plain concatenation of its entry bundles as C2SP tlog-tiles defines them
// (https://c2sp.org/tlog-tiles), that is, of records:
//
//	uint16, big-endian   length of the entry, 1 to 65,535
//	[length]byte         the entry
//
// There is no header, no footer and nothing between them, so that bundle n is a range of bytes of segment n/256. Position p is
// record (p-1) mod 65,536 of segment (p-1)/65,536. Should the format ever change, the names of the files will.
//
// Behind its last record the last segment may have zero bytes, which hold nothing: with [Options.Ahead] they are written and
// synced ahead while the journal is open, in proportion to what is there, because a record that is written over them
// is synced in two thirds of the time. Closing cuts them off; a crash leaves them.
//
// A segment is full, synced, and ends with its last record before the next one is made. A crash in the middle of an append
// can therefore leave only the last segment with an incomplete record at its end: a torn tail, see [Reader.Torn]. All else is
// damage and is reported as a [*DamageError]. A power cut may also leave a whole record with the wrong bytes in it, which
// only the reader of the entries can see; [Journal.CutAfter] is for that. And of a record that was written over zeros it
// may leave any part, the length not among it: that looks like damage, and who knows better has [OpenCut].
//
// Other files of the directory: torn-SEGMENT-OFFSET holds bytes that were cut, unsynced marks that a sync failed (see
// [RewriteLast]), SEGMENT.seg.new is a copy that was not finished and may be deleted.
//
// # Head record
//
// A head record is one file of two slots, see [HeadFile].
//
// # Locking
//
// One process at a time may open a journal or head record for writing; the caller holds a lock that ensures it.
package journal
