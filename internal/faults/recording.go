package faults

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// A file or directory of a recording keeps its number whatever names it gets. The root is 1.
type fileID int

const rootID fileID = 1

// Kinds of operations that change a file system, in the words of the system calls.
type opKind uint8

const (
	opCreate   opKind = iota // file or directory: see dir of the node
	opWrite                  // data at offset
	opTruncate               // to size
	opRename                 // also over something
	opUnlink                 // a name, of a file or a directory
	opLink                   // another name
	opSync                   // a file
	opSyncDir                // a directory
	opAck                    // an acknowledgement was read
)

// op is one operation, as it was recorded.
type op struct {
	kind     opKind
	file     fileID // what it is about; opUnlink: what had the name
	from, to place  // opRename both; opCreate, opLink: to; opUnlink: from
	isDir    bool
	mode     fs.FileMode
	offset   int64 // opTruncate: the size
	data     []byte
	ack      Ack
}

// place is a name in a directory.
type place struct {
	dir  fileID
	name string
}

// Recording is everything that happened to a directory, in one order, from a beginning that was safe on the disk.
type Recording struct {
	mu   sync.Mutex
	base []op // creates and fills what was there in the beginning
	ops  []op
	next fileID
}

// Ack records that an acknowledgement has been read: it counts for whatever cut comes after this moment.
func (r *Recording) Ack(a Ack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op{kind: opAck, ack: a})
}

// Len gives the number of operations.
func (r *Recording) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// Acks gives what was acknowledged before an operation.
func (r *Recording) Acks(cut int) (acks []Ack) {
	for _, o := range r.ops[:cut] {
		if o.kind == opAck {
			acks = append(acks, o.ack)
		}
	}
	return acks
}

// scan takes in what a directory holds at the beginning; known is told of each file's number and path.
func (r *Recording) scan(root string, known func(path string, id fileID)) error {
	r.next = rootID
	dirs := map[string]fileID{}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		id := r.number()
		known(path, id)
		if path == root {
			dirs[path] = id
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		at := place{dirs[filepath.Dir(path)], d.Name()}
		r.base = append(r.base, op{kind: opCreate, file: id, to: at, isDir: d.IsDir(), mode: info.Mode().Perm()})
		if d.IsDir() {
			dirs[path] = id
			return nil
		}
		b, err := os.ReadFile(path)
		r.base = append(r.base, op{kind: opWrite, file: id, data: b})
		return err
	})
}

// number gives a new number.
func (r *Recording) number() fileID {
	id := r.next
	r.next++
	return id
}
