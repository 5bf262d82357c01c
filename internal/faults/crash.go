package faults

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Sizes in which a write reaches a disk: what is torn is torn there.
const (
	sector = 512
	page   = 4096
)

// crash is what a power cut leaves of a recording, being computed.
type crash struct {
	rng   *rand.Rand
	files map[fileID]*crashFile
	dirs  []*dirOp // all changes of names, in order
	// trust is false in the control, in which no sync does anything.
	trust bool
}

// crashFile is a file: what is safe of it, and what was done to it since.
type crashFile struct {
	isDir   bool
	mode    fs.FileMode
	safe    []byte
	pending []op
	names   []*dirOp // of a directory: changes of names in it that no sync covers
}

// dirOp is a change of names.
type dirOp struct {
	op
	kept bool // on the disk for certain
}

// Crash gives what a power cut just before operation cut leaves on the disk, as far as an ordinary file system on a disk
// that honours a flush may lose things. All that a sync covers is there. Of the rest something is chosen at random:
//
//   - of what was written to a file, each page or sector is as it was after some of the writes, and the size is that
//     after some of the writes, so pages may be zero that were written;
//   - of the changes of names, either a prefix of all, as a journal of all metadata keeps it, or a prefix in each
//     directory, or any of them. A sync of a directory covers the names in it, and nothing else does. A rename between
//     directories is in both or in neither.
//
// Without trust no sync covers anything: that is the control.
func (r *Recording) Crash(cut int, rng *rand.Rand, trust bool) *crash {
	c := &crash{rng: rng, trust: true, files: map[fileID]*crashFile{rootID: {isDir: true, mode: 0o700}}}
	for _, o := range r.base {
		c.take(o)
	}
	for id := range c.files {
		c.sync(id)
	}
	c.trust = trust
	for _, o := range r.ops[:cut] {
		c.take(o)
	}
	return c
}

func (c *crash) take(o op) {
	switch o.kind {
	case opCreate:
		c.files[o.file] = &crashFile{isDir: o.isDir, mode: o.mode}
		c.rename(o, o.to.dir)
	case opLink:
		c.rename(o, o.to.dir)
	case opUnlink:
		c.rename(o, o.from.dir)
	case opRename:
		c.rename(o, o.from.dir, o.to.dir)
	case opWrite, opTruncate:
		f := c.files[o.file]
		f.pending = append(f.pending, o)
	case opSync, opSyncDir:
		if c.trust {
			c.sync(o.file)
		}
	}
}

func (c *crash) rename(o op, dirs ...fileID) {
	d := &dirOp{op: o}
	c.dirs = append(c.dirs, d)
	for _, id := range dirs {
		f := c.files[id]
		f.names = append(f.names, d)
	}
}

func (c *crash) sync(id fileID) {
	f := c.files[id]
	for _, d := range f.names {
		d.kept = true
	}
	f.names = nil
	for _, o := range f.pending {
		f.safe = apply(f.safe, o)
	}
	f.pending = nil
}

// apply does a write or truncation to bytes.
func apply(b []byte, o op) []byte {
	end := o.offset
	if o.kind == opWrite {
		end = max(o.offset+int64(len(o.data)), int64(len(b)))
	}
	b = resize(b, end)
	copy(b[min(o.offset, end):], o.data)
	return b
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		clear(b[size:])
		return b[:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// names chooses the changes of names that are on the disk.
func (c *crash) names() {
	switch c.rng.IntN(3) {
	case 0: // one journal: everything before something that is kept is kept too
		last := -1
		for i, d := range c.dirs {
			if d.kept {
				last = i
			}
		}
		for i, upTo := 0, last+1+c.rng.IntN(len(c.dirs)-last); i < upTo; i++ {
			c.dirs[i].kept = true
		}
	case 1: // one for each directory
		for _, id := range c.order() {
			f := c.files[id]
			for _, d := range f.names[:c.rng.IntN(len(f.names)+1)] {
				d.kept = true
			}
		}
	case 2:
		for _, d := range c.dirs {
			d.kept = d.kept || c.rng.IntN(2) == 0
		}
	}
}

// order gives the numbers of all files, ascending, for the choices to follow from the seed.
func (c *crash) order() []fileID {
	ids := make([]fileID, 0, len(c.files))
	for id := rootID; len(ids) < len(c.files); id++ {
		if c.files[id] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// content chooses what a file holds on the disk.
func (c *crash) content(f *crashFile) []byte {
	n := len(f.pending)
	size := page
	var after func() int // how many of the writes a piece has seen
	switch same := c.rng.IntN(n + 1); c.rng.IntN(5) {
	case 0:
		return f.safe
	case 1:
		after = func() int { return n }
	case 2:
		after = func() int { return same }
	case 3:
		after = func() int { return c.rng.IntN(n + 1) }
	case 4:
		after, size = func() int { return c.rng.IntN(n + 1) }, sector
	}
	// One image after each write would cost too much where there are many: the pieces are taken out as the writes go by.
	longest := int64(len(f.safe))
	for _, o := range f.pending {
		longest = max(longest, o.offset+int64(len(o.data)))
	}
	seen := make([]int, (longest+int64(size)-1)/int64(size))
	for i := range seen {
		seen[i] = after()
	}
	out := make([]byte, longest)
	now := append([]byte(nil), f.safe...)
	lengthAt, length := after(), int64(0)
	for i := 0; ; i++ {
		for p, at := range seen {
			if at == i {
				from := min(p*size, len(now))
				copy(out[p*size:], now[from:min(from+size, len(now))])
			}
		}
		if lengthAt == i {
			length = int64(len(now))
		}
		if i == n {
			return out[:min(length, longest)]
		}
		now = apply(now, f.pending[i])
	}
}

// write makes the directory that is left.
func (c *crash) write(dir string) error {
	c.names()
	names := map[fileID]map[string]fileID{}
	for _, d := range c.dirs {
		if !d.kept {
			continue
		}
		if d.kind == opUnlink || d.kind == opRename {
			if at := names[d.from.dir]; at[d.from.name] == d.file {
				delete(at, d.from.name)
			}
		}
		if d.kind != opUnlink {
			if names[d.to.dir] == nil {
				names[d.to.dir] = map[string]fileID{}
			}
			names[d.to.dir][d.to.name] = d.file
		}
	}
	contents := map[fileID][]byte{}
	for _, id := range c.order() {
		if f := c.files[id]; !f.isDir {
			contents[id] = c.content(f)
		}
	}
	return c.writeDir(dir, rootID, names, contents)
}

func (c *crash) writeDir(path string, id fileID, names map[fileID]map[string]fileID, contents map[fileID][]byte) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for name, child := range names[id] {
		at := filepath.Join(path, name)
		var err error
		if c.files[child].isDir {
			err = c.writeDir(at, child, names, contents)
		} else {
			err = os.WriteFile(at, contents[child], c.files[child].mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
