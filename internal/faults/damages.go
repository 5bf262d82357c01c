package faults

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"
)

// A damaged directory is a copy of a data directory that is about to be damaged.
type damaged struct {
	dir string
	old string // the same directory as it was when half of it had been recorded
	rng *rand.Rand
	n   int // entries
}

// A damage is something that can happen to files at rest, and what has to become of it.
type damage struct {
	name string
	do   func(d *damaged) error
	want Outcome

	// killed says that a directory which a kill left may also start by itself: its head record can then be behind what
	// the damage took, which looks like a write that never reached the disk, and is completed from the other copy.
	killed bool
	// only are kinds of findings that have to be there; empty: nothing may be found.
	only []string
	// proves says that a repair which cannot mend it has to say that the positions are lost, and which checkpoint proves
	// that they existed.
	proves bool
	// of is the file that it is about, where not every directory has that file.
	of func(d *damaged) string
	// undo takes the damage away. It is there where the damage hides bytes and does not spoil them: the start is refused,
	// with whatever code, and when the damage is gone all is as before.
	undo func(d *damaged) error
}

func (d *damaged) org(name string) string { return filepath.Join(d.dir, "orgs", Organization, name) }

func (d *damaged) segment() string { return filepath.Join(journalDir(d.dir), "00000000.seg") }

func (d *damaged) stream(names ...string) string {
	at, _ := streamDir(d.dir) // what lies below an empty path is not there, which whoever opens it says
	return filepath.Join(append([]string{at}, names...)...)
}

func (d *damaged) block() string { return d.stream("msgs", "1.blk") }

// middle chooses a position that is neither near the beginning nor near the end.
func (d *damaged) middle() int { return d.n/4 + d.rng.IntN(d.n/2) }

// entryAt gives where an entry lies in the journal's segment, its length not included.
func entryAt(b []byte, position int) (from, to int) {
	for i, e := range records(b) {
		from = to + 2
		to = from + len(e)
		if i+1 == position {
			break
		}
	}
	return from, to
}

// edit changes a file's bytes.
func edit(file string, change func([]byte) []byte) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, change(b), 0o600)
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 4; return b }
}

func zeroPage(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		from := at / page * page
		clear(b[from:min(from+page, len(b))])
		return b
	}
}

func cutOff(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }

// flipEntry flips a bit of an entry in whichever of some files has it: of its data, which its own signature covers.
func (d *damaged) flipEntry(files []string, position int) error {
	seg, err := os.ReadFile(d.segment())
	if err != nil {
		return err
	}
	from, to := entryAt(seg, position)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if at := bytes.Index(b, seg[from:to]); at >= 0 {
			return edit(file, flip(at+(to-from)/3+d.rng.IntN((to-from)/3)))
		}
	}
	return fmt.Errorf("entry %d is in none of %v", position, files)
}

func (d *damaged) inStream(position int) error {
	files, err := blocks(d.dir)
	return errors.Join(err, d.flipEntry(files, position))
}

func (d *damaged) inJournal(position int) error {
	return d.flipEntry([]string{d.segment()}, position)
}

// garbage are bytes without a meaning.
func (d *damaged) garbage(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + d.rng.IntN(255))
	}
	return b
}

// putOld replaces something by what it was.
func (d *damaged) putOld(path string) error {
	name, err := filepath.Rel(d.dir, path)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	from := filepath.Join(d.old, name)
	if info, err := os.Stat(from); err == nil && info.Mode().IsRegular() {
		return copyFile(path, from, info.Mode().Perm())
	}
	return copyDir(path, from)
}

// hide puts a directory in the place of a file, so that not even root can read it; show undoes that.
func hide(file func(d *damaged) string) (do, undo func(*damaged) error) {
	do = func(d *damaged) error {
		at := file(d)
		return errors.Join(os.Rename(at, filepath.Join(filepath.Dir(d.dir), "hidden")), os.Mkdir(at, 0o700))
	}
	undo = func(d *damaged) error {
		at := file(d)
		return errors.Join(os.Remove(at), os.Rename(filepath.Join(filepath.Dir(d.dir), "hidden"), at))
	}
	return do, undo
}

// damages is the table of what is promised. Each do chooses its place by the directory's random numbers.
func damages() []damage {
	hideSegment, showSegment := hide((*damaged).segment)
	hideBlock, showBlock := hide((*damaged).block)
	remove := func(path func(d *damaged) string) func(*damaged) error {
		return func(d *damaged) error { return os.RemoveAll(path(d)) }
	}
	inOrg := func(name string) func(*damaged) string {
		return func(d *damaged) string { return d.org(name) }
	}
	inStream := func(names ...string) func(*damaged) string {
		return func(d *damaged) string { return d.stream(names...) }
	}
	old := func(path func(d *damaged) string) func(*damaged) error {
		return func(d *damaged) error { return d.putOld(path(d)) }
	}
	index := inStream("msgs", "index.db")
	// nats-server believes the blocks where it has no index, and what is wrong with them then goes without a word.
	withoutIndex := func(do func(*damaged) error) func(*damaged) error {
		return func(d *damaged) error { return errors.Join(do(d), os.RemoveAll(index(d))) }
	}
	checkpoints, tile := inOrg("log/checkpoints"), inOrg("log/tile/0/000")
	lastBytes := func(d *damaged) error {
		return edit(d.block(), func(b []byte) []byte { return flip(len(b) - 1 - d.rng.IntN(100))(b) })
	}
	cutTail := func(d *damaged) error { return edit(d.block(), cutOff(1+d.rng.IntN(1000))) }
	halved := func(d *damaged) error {
		return edit(d.block(), func(b []byte) []byte { return b[:len(b)/2] })
	}
	anyPage := func(d *damaged) error {
		return edit(d.block(), func(b []byte) []byte { return zeroPage(d.rng.IntN(len(b)))(b) })
	}
	loosened := func(change func(*jetstream.StreamConfig)) func(*damaged) error {
		return func(d *damaged) error { return d.loosen(change) }
	}
	return []damage{
		{name: "nothing", do: func(*damaged) error { return nil }},

		{name: "stream: a bit in a record's head", do: func(d *damaged) error { return edit(d.block(), flip(d.rng.IntN(20))) }},
		{name: "stream: a bit in an entry", do: func(d *damaged) error { return d.inStream(d.middle()) }},
		{name: "stream: a bit in the last bytes", do: lastBytes},
		{name: "stream: a bit in an entry, and no index", do: withoutIndex(func(d *damaged) error { return d.inStream(d.middle()) })},
		{name: "stream: a bit in the last bytes, and no index", do: withoutIndex(lastBytes)},
		{name: "stream: the tail is cut", do: func(d *damaged) error { return edit(d.block(), cutOff(1+d.rng.IntN(20_000))) }},
		{name: "stream: the last bytes are cut, and no index", do: withoutIndex(cutTail)},
		{name: "stream: the block is halved", do: halved},
		{name: "stream: the block is halved, and no index", do: withoutIndex(halved)},
		{name: "stream: a page is zeroed", do: anyPage},
		{name: "stream: a page is zeroed, and no index", do: withoutIndex(anyPage)},
		{name: "stream: garbage behind the end", do: func(d *damaged) error {
			return edit(d.block(), func(b []byte) []byte { return append(b, d.garbage(1+d.rng.IntN(70_000))...) })
		}},
		{name: "stream: zeros behind the end", do: func(d *damaged) error {
			return edit(d.block(), func(b []byte) []byte { return append(b, make([]byte, 64<<10)...) })
		}},
		{name: "stream: the block is deleted", do: remove((*damaged).block)},
		{name: "stream: the block is deleted, and no index", do: withoutIndex(remove((*damaged).block))},
		{name: "stream: the index is deleted", do: remove(index)},
		{name: "stream: a bit in the index", of: index, do: func(d *damaged) error {
			return edit(index(d), func(b []byte) []byte { return flip(d.rng.IntN(len(b)))(b) })
		}},
		{name: "stream: the index is halved", of: index, do: func(d *damaged) error {
			return edit(index(d), func(b []byte) []byte { return b[:len(b)/2] })
		}},
		{name: "stream: the index is empty", of: index, do: func(d *damaged) error { return os.Truncate(index(d), 0) }},
		{name: "stream: a bit in the configuration", do: func(d *damaged) error { return edit(d.stream("meta.inf"), flip(d.rng.IntN(400))) }},
		{name: "stream: the configuration is deleted", do: remove(inStream("meta.inf"))},
		{name: "stream: the configuration's checksum is deleted", do: remove(inStream("meta.sum"))},
		{name: "stream: a bit in the configuration's checksum", do: func(d *damaged) error { return edit(d.stream("meta.sum"), flip(d.rng.IntN(16))) }},
		{name: "stream: its configuration lets it forget", want: Repaired, do: loosened(forgetting)},
		{name: "stream: its configuration bounds it", want: Repaired, do: loosened(bounding)},
		{name: "stream: the directory is deleted", do: remove(inStream())},
		{name: "stream: the store is deleted", do: func(d *damaged) error { return os.RemoveAll(filepath.Join(d.dir, "store")) }},
		{name: "stream: an old copy of it", do: old(inStream())},
		{name: "stream: the block cannot be read", do: hideBlock, undo: showBlock},

		{name: "journal: a bit in a length", want: Repaired, killed: true, do: func(d *damaged) error {
			return edit(d.segment(), func(b []byte) []byte { from, _ := entryAt(b, d.middle()); return flip(from - 1 - d.rng.IntN(2))(b) })
		}},
		{name: "journal: a bit in an entry", want: Repaired, killed: true, do: func(d *damaged) error { return d.inJournal(d.middle()) }},
		{name: "journal: a bit in the last entry", want: Repaired, killed: true, do: func(d *damaged) error { return d.inJournal(d.n) }},
		{name: "journal: the tail is cut", want: Repaired, killed: true, do: func(d *damaged) error { return edit(d.segment(), cutOff(1+d.rng.IntN(20_000))) }},
		{name: "journal: a page is zeroed", want: Repaired, killed: true, do: func(d *damaged) error {
			return edit(d.segment(), func(b []byte) []byte { from, _ := entryAt(b, d.middle()); return zeroPage(from)(b) })
		}},
		{name: "journal: zeros behind the end", do: func(d *damaged) error {
			return edit(d.segment(), func(b []byte) []byte { return append(b, make([]byte, 1+d.rng.IntN(9000))...) })
		}},
		{name: "journal: garbage behind the end", do: func(d *damaged) error {
			return edit(d.segment(), func(b []byte) []byte { return append(b, d.garbage(1+d.rng.IntN(9000))...) })
		}},
		{name: "journal: the segment is deleted", want: Repaired, do: remove((*damaged).segment)},
		{name: "journal: the directory is deleted", want: Repaired, do: remove(inOrg("journal"))},
		{name: "journal: an old copy of it", want: Repaired, do: old(inOrg("journal"))},
		{name: "journal: the segment cannot be read", do: hideSegment, undo: showSegment},

		{name: "head: deleted", want: Repaired, do: remove(inOrg("head"))},
		{name: "head: a bit in one slot", do: func(d *damaged) error {
			return edit(d.org("head"), flip(d.rng.IntN(2)*page+d.rng.IntN(sector)))
		}},
		{name: "head: a bit in both slots", want: Repaired, do: func(d *damaged) error {
			return edit(d.org("head"), func(b []byte) []byte { return flip(page + d.rng.IntN(sector))(flip(d.rng.IntN(sector))(b)) })
		}},
		{name: "head: empty", want: Repaired, do: func(d *damaged) error { return os.Truncate(d.org("head"), 0) }},
		{name: "head: zeroed", want: Repaired, do: func(d *damaged) error {
			return edit(d.org("head"), func(b []byte) []byte { clear(b); return b })
		}},
		{name: "head: an old copy of it", do: old(inOrg("head"))},
		{name: "genesis: deleted", want: Repaired, do: remove(inOrg("genesis"))},
		{name: "genesis: cut off", want: Repaired, do: func(d *damaged) error { return edit(d.org("genesis"), cutOff(1+d.rng.IntN(60))) }},
		{name: "private: a bit in a text", only: []string{Unproven}, do: func(d *damaged) error {
			return edit(d.org("private"), func(b []byte) []byte {
				i := bytes.Index(b, []byte("because of"))
				return flip(i + d.rng.IntN(5))(b)
			})
		}},

		{name: "snapshot: deleted", of: inOrg("snapshot"), do: remove(inOrg("snapshot"))},
		{name: "snapshot: a bit", of: inOrg("snapshot"), do: func(d *damaged) error {
			return edit(d.org("snapshot"), func(b []byte) []byte { return flip(d.rng.IntN(len(b)))(b) })
		}},
		{name: "snapshot: cut off", of: inOrg("snapshot"), do: func(d *damaged) error { return edit(d.org("snapshot"), cutOff(1+d.rng.IntN(4000))) }},

		{name: "both: a bit in different entries", want: Repaired, killed: true, do: func(d *damaged) error {
			at := d.middle()
			return errors.Join(d.inStream(at-1), d.inJournal(at))
		}},
		{name: "both: a bit in the same entry", want: Lossy, do: func(d *damaged) error {
			at := d.middle()
			return errors.Join(d.inStream(at), d.inJournal(at))
		}},
		{name: "both: old copies", want: Lossy, do: func(d *damaged) error {
			return errors.Join(d.putOld(d.org("journal")), d.putOld(d.stream()))
		}},
		{name: "both: deleted", want: Lossy, do: func(d *damaged) error {
			return errors.Join(os.RemoveAll(d.org("journal")), os.RemoveAll(d.stream()))
		}},
		{name: "both, and the head: old copies, and the checkpoints are left", want: Lossy, proves: true, do: func(d *damaged) error {
			return errors.Join(d.putOld(d.org("journal")), d.putOld(d.stream()), d.putOld(d.org("head")))
		}},

		{name: "checkpoints: deleted", do: remove(checkpoints)},
		{name: "checkpoints: a bit", do: func(d *damaged) error {
			return edit(checkpoints(d), func(b []byte) []byte { return flip(d.rng.IntN(len(b)))(b) })
		}},
		{name: "checkpoints: empty", do: func(d *damaged) error { return os.Truncate(checkpoints(d), 0) }},
		{name: "checkpoints: a bit in the size of the last", do: func(d *damaged) error {
			return edit(checkpoints(d), func(b []byte) []byte {
				origin := "\nlocalhost/" + Organization + "\n"
				return flip(bytes.LastIndex(b, []byte(origin)) + len(origin))(b)
			})
		}},
		{name: "checkpoints: the tail is cut", do: func(d *damaged) error { return edit(checkpoints(d), cutOff(1+d.rng.IntN(400))) }},
		{name: "checkpoints: a page is zeroed", do: func(d *damaged) error {
			return edit(checkpoints(d), func(b []byte) []byte { return zeroPage(d.rng.IntN(len(b)))(b) })
		}},
		{name: "checkpoints: garbage behind the end", do: func(d *damaged) error {
			return edit(checkpoints(d), func(b []byte) []byte { return append(b, d.garbage(1+d.rng.IntN(9000))...) })
		}},
		{name: "checkpoints: an old copy of them", do: old(checkpoints)},
		{name: "tiles: a bit", of: tile, do: func(d *damaged) error {
			return edit(tile(d), func(b []byte) []byte { return flip(d.rng.IntN(len(b)))(b) })
		}},
		{name: "tiles: halved", of: tile, do: func(d *damaged) error {
			return edit(tile(d), func(b []byte) []byte { return b[:len(b)/2] })
		}},
		{name: "tiles: longer", of: tile, do: func(d *damaged) error {
			return edit(tile(d), func(b []byte) []byte { return append(b, d.garbage(32)...) })
		}},
		{name: "tiles: another's", of: tile, do: func(d *damaged) error {
			b, err := os.ReadFile(d.org("log/tile/0/001"))
			return errors.Join(err, os.WriteFile(tile(d), b, 0o600))
		}},
		{name: "tiles: one is deleted", of: tile, do: remove(tile)},
		{name: "tiles: all are deleted", of: tile, do: remove(inOrg("log/tile"))},
		{name: "tiles and checkpoints: deleted", do: remove(inOrg("log"))},

		// Nothing in the directory can notice this one: only who remembers a later position does, as the judge here.
		{name: "an old copy of the whole directory", only: []string{Lost}, do: func(d *damaged) error {
			return errors.Join(os.RemoveAll(d.dir), copyDir(d.dir, d.old))
		}},
	}
}
