package faults

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	fuse "github.com/hanwen/go-fuse/v2/fs"
	raw "github.com/hanwen/go-fuse/v2/fuse"
)

// recordFS is a file system that passes everything through to a directory and writes down what changes it, in order, with
// the data. The kernel's page cache writes through, so that each write, each sync and each rename is one operation here,
// done and noted under one lock. nats-server and the ledger map no files into memory.
type recordFS struct {
	*Recording
	ids    map[uint64]fileID // by inode number of the directory beneath
	coming fileID            // of the node to be made next
	server *raw.Server
}

const noFUSE = "no FUSE file system can be mounted here, so power cuts cannot be recorded"

// record mounts a directory once more, at mounted, and records what happens to it there until it is unmounted. What it
// holds in the beginning counts as safe. Where this is not possible on this machine the error is a [*CannotError].
func record(dir, mounted string) (*recordFS, error) {
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		return nil, &CannotError{noFUSE, err}
	} else {
		f.Close()
	}
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return nil, fmt.Errorf("record %s: %w", dir, err)
	}
	r := &recordFS{Recording: &Recording{}, ids: map[uint64]fileID{}}
	err := r.scan(dir, func(path string, id fileID) {
		var st syscall.Stat_t
		if syscall.Lstat(path, &st) == nil {
			r.ids[st.Ino] = id
		}
	})
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", dir, err)
	}
	top := &fuse.LoopbackRoot{Path: dir, Dev: uint64(st.Dev)}
	root := &recordNode{LoopbackNode: &fuse.LoopbackNode{RootData: top}, fs: r, id: rootID}
	top.RootNode = root
	second := time.Second
	r.server, err = fuse.Mount(mounted, root, &fuse.Options{
		EntryTimeout: &second, AttrTimeout: &second,
		MountOptions: raw.MountOptions{DirectMount: true, FsName: "permledger-record", DisableXAttrs: true},
	})
	if err != nil {
		return nil, &CannotError{noFUSE, err}
	}
	return r, nil
}

// stop unmounts; whoever had files open there has ended.
func (r *recordFS) stop() error { return r.server.Unmount() }

func (r *recordFS) note(o op) { r.ops = append(r.ops, o) }

// recordNode is a file or a directory.
type recordNode struct {
	*fuse.LoopbackNode
	fs *recordFS
	id fileID
}

// WrapChild makes what answers for a file. The lock is held.
func (n *recordNode) WrapChild(_ context.Context, ops fuse.InodeEmbedder) fuse.InodeEmbedder {
	return &recordNode{LoopbackNode: ops.(*fuse.LoopbackNode), fs: n.fs, id: n.fs.coming}
}

// recordFile is an open file.
type recordFile struct {
	*fuse.LoopbackFile
	sync bool // each write is a sync
}

// PassthroughFd keeps the kernel from writing past us.
func (*recordFile) PassthroughFd() (int, bool) { return 0, false }

func wrap(fh fuse.FileHandle, flags uint32) fuse.FileHandle {
	if fh == nil {
		return nil
	}
	return &recordFile{fh.(*fuse.LoopbackFile), flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0}
}

// recordDir is an open directory.
type recordDir struct {
	openDir
	node *recordNode
}

type openDir interface {
	fuse.FileReaddirenter
	fuse.FileSeekdirer
	fuse.FileReleasedirer
}

func (d *recordDir) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno {
	return d.node.Fsync(ctx, nil, flags)
}

func (n *recordNode) OpendirHandle(ctx context.Context, flags uint32) (fuse.FileHandle, uint32, syscall.Errno) {
	fh, ff, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return &recordDir{fh.(openDir), n}, ff, 0
}

func (n *recordNode) path(name string) string {
	return filepath.Join(n.RootData.Path, n.Path(n.Root()), name)
}

// child gives the number of a file by its name; 0 where there is none.
func (n *recordNode) child(name string) fileID {
	var st syscall.Stat_t
	if syscall.Lstat(n.path(name), &st) != nil {
		return 0
	}
	return n.fs.ids[st.Ino]
}

// born notes the number of a file just made. The directory beneath may use the inode number of one that is gone.
func (n *recordNode) born(name string, id fileID) {
	var st syscall.Stat_t
	if syscall.Lstat(n.path(name), &st) == nil {
		n.fs.ids[st.Ino] = id
	}
}

func (n *recordNode) Lookup(ctx context.Context, name string, out *raw.EntryOut) (*fuse.Inode, syscall.Errno) {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	n.fs.coming = n.child(name)
	return n.LoopbackNode.Lookup(ctx, name, out)
}

func (n *recordNode) Create(ctx context.Context, name string, flags, mode uint32, out *raw.EntryOut) (*fuse.Inode, fuse.FileHandle, uint32, syscall.Errno) {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	id := n.child(name)
	isNew := id == 0
	if isNew {
		id = n.fs.number()
	}
	n.fs.coming = id
	in, fh, ff, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return in, fh, ff, errno
	}
	if isNew {
		n.born(name, id)
		n.fs.note(op{kind: opCreate, file: id, to: place{n.id, name}, mode: fs.FileMode(mode).Perm()})
	} else if flags&syscall.O_TRUNC != 0 {
		n.fs.note(op{kind: opTruncate, file: id})
	}
	return in, wrap(fh, flags), ff, 0
}

func (n *recordNode) Open(ctx context.Context, flags uint32) (fuse.FileHandle, uint32, syscall.Errno) {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	fh, ff, errno := n.LoopbackNode.Open(ctx, flags)
	if errno == 0 && flags&syscall.O_TRUNC != 0 {
		n.fs.note(op{kind: opTruncate, file: n.id})
	}
	return wrap(fh, flags), ff, errno
}

func (n *recordNode) Mkdir(ctx context.Context, name string, mode uint32, out *raw.EntryOut) (*fuse.Inode, syscall.Errno) {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	id := n.fs.number()
	n.fs.coming = id
	in, errno := n.LoopbackNode.Mkdir(ctx, name, mode, out)
	if errno == 0 {
		n.born(name, id)
		n.fs.note(op{kind: opCreate, file: id, to: place{n.id, name}, isDir: true, mode: fs.FileMode(mode).Perm()})
	}
	return in, errno
}

func (n *recordNode) Unlink(ctx context.Context, name string) syscall.Errno {
	return n.remove(name, func() syscall.Errno { return n.LoopbackNode.Unlink(ctx, name) })
}

func (n *recordNode) Rmdir(ctx context.Context, name string) syscall.Errno {
	return n.remove(name, func() syscall.Errno { return n.LoopbackNode.Rmdir(ctx, name) })
}

func (n *recordNode) remove(name string, do func() syscall.Errno) syscall.Errno {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	id := n.child(name)
	errno := do()
	if errno == 0 {
		n.fs.note(op{kind: opUnlink, file: id, from: place{n.id, name}})
	}
	return errno
}

func (n *recordNode) Rename(ctx context.Context, name string, newParent fuse.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	if flags != 0 { // exchange or no-replace: nobody here asks for it
		return syscall.EINVAL
	}
	id := n.child(name)
	to := newParent.(*recordNode)
	errno := n.LoopbackNode.Rename(ctx, name, to.LoopbackNode, newName, flags)
	if errno == 0 {
		n.fs.note(op{kind: opRename, file: id, from: place{n.id, name}, to: place{to.id, newName}})
	}
	return errno
}

func (n *recordNode) Link(ctx context.Context, target fuse.InodeEmbedder, name string, out *raw.EntryOut) (*fuse.Inode, syscall.Errno) {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	from := target.(*recordNode)
	n.fs.coming = from.id
	in, errno := n.LoopbackNode.Link(ctx, from.LoopbackNode, name, out)
	if errno == 0 {
		n.fs.note(op{kind: opLink, file: from.id, to: place{n.id, name}})
	}
	return in, errno
}

func (n *recordNode) Setattr(ctx context.Context, f fuse.FileHandle, in *raw.SetAttrIn, out *raw.AttrOut) syscall.Errno {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	errno := n.LoopbackNode.Setattr(ctx, f, in, out)
	if size, ok := in.GetSize(); ok && errno == 0 {
		n.fs.note(op{kind: opTruncate, file: n.id, offset: int64(size)})
	}
	return errno
}

func (n *recordNode) Write(ctx context.Context, f fuse.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	rf := f.(*recordFile)
	written, errno := rf.Write(ctx, data, off)
	if errno == 0 {
		n.fs.note(op{kind: opWrite, file: n.id, offset: off, data: bytes.Clone(data[:written])})
		if rf.sync {
			n.fs.note(op{kind: opSync, file: n.id})
		}
	}
	return written, errno
}

// Fsync notes that what was written is safe. It does not bother the disk beneath.
func (n *recordNode) Fsync(_ context.Context, f fuse.FileHandle, _ uint32) syscall.Errno {
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	if n.IsDir() {
		n.fs.note(op{kind: opSyncDir, file: n.id})
	} else {
		n.fs.note(op{kind: opSync, file: n.id})
	}
	return 0
}

// What the recording has no words for is refused, so that it cannot be missed.

func (*recordNode) Mknod(context.Context, string, uint32, uint32, *raw.EntryOut) (*fuse.Inode, syscall.Errno) {
	return nil, syscall.ENOSYS
}

func (*recordNode) Symlink(context.Context, string, string, *raw.EntryOut) (*fuse.Inode, syscall.Errno) {
	return nil, syscall.ENOSYS
}

func (*recordNode) Tmpfile(context.Context, uint32, uint32, *raw.EntryOut) (*fuse.Inode, fuse.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EOPNOTSUPP
}

func (*recordNode) Allocate(context.Context, fuse.FileHandle, uint64, uint64, uint32) syscall.Errno {
	return syscall.EOPNOTSUPP
}

func (*recordNode) CopyFileRange(context.Context, fuse.FileHandle, uint64, *fuse.Inode, fuse.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}
