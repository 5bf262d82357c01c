package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNoMount says that no small file system can be mounted here.
type ErrNoMount struct{ Err error }

func (e *ErrNoMount) Error() string {
	return "no tmpfs can be mounted here, so no disk can be filled: " + e.Err.Error()
}

func (e *ErrNoMount) Unwrap() error { return e.Err }

const (
	diskSize = 128 << 20 // bytes of the file system
	diskLeft = 1 << 20   // bytes that are free when the load begins
)

// FullDisk fills the file system of a data directory under load. Commands are refused then, or their outcome is unknown,
// and nothing acknowledged is lost; when there is room again a new start goes on, and what was unclear is recorded at
// most once.
func FullDisk(ctx context.Context, o Options) (acked int, err error) {
	disk := filepath.Join(o.Scratch, "disk")
	if err := os.MkdirAll(disk, 0o700); err != nil {
		return 0, err
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskSize)); err != nil {
		return 0, &ErrNoMount{err}
	}
	defer func() { err = errors.Join(err, unix.Unmount(disk, unix.MNT_DETACH)) }()
	dir, ballast := filepath.Join(disk, "data"), filepath.Join(disk, "ballast")
	acks, err := o.Program.fillDisk(ctx, disk, dir, ballast, o.Seed)
	if err != nil {
		err = Failure{Fault: "full", Seed: o.Seed, Case: "a full disk", Acks: acks}.report(o.Keep, dir, err)
	}
	return len(acks), err
}

func (p *Program) fillDisk(ctx context.Context, disk, dir, ballast string, seed uint64) ([]Ack, error) {
	acks, err := p.loadedDirectory(ctx, dir, seed, beforeFault, func(s *Server) { _ = s.Stop() })
	if err != nil {
		return nil, err
	}
	// Given a server whose disk is all but full
	s, err := p.Serve(dir)
	if err != nil {
		return acks, err
	}
	defer s.Kill()
	c, err := s.Ready(ctx)
	if err != nil {
		return acks, err
	}
	l, err := NewLoad(ctx, c, dir, seed+1, nil)
	if err == nil {
		err = fill(disk, ballast)
	}
	if err != nil {
		return acks, err
	}
	// when commands come in until they are answered with no
	l.Run(ctx, c)
	acks = append(acks, l.Acks()...)
	if l.Stopped() == 0 {
		return acks, fmt.Errorf("no command was answered with stopped or unknown; it said: %s", s.Said())
	}
	// then what was acknowledged is there, with the disk still full, and a stop ends it
	if err := Judge(dir, acks).asError(); err != nil {
		return acks, err
	}
	if err := s.Stop(); err != nil {
		if _, said, exited := exitOf(err); !exited || said == "" {
			return acks, err
		}
	}
	// and with room again it goes on.
	if err := os.Remove(ballast); err != nil {
		return acks, err
	}
	if acks, err = p.retry(ctx, dir, l, acks); err != nil {
		return acks, err
	}
	outcome, err := Recover(ctx, p, dir, acks)
	if err == nil && outcome != Started {
		err = fmt.Errorf("it %s; it ought to start", outcome)
	}
	return acks, err
}

// fill takes all but a little of a file system's room.
func fill(disk, ballast string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(disk, &st); err != nil {
		return err
	}
	f, err := os.Create(ballast)
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	for left := int64(st.Bavail)*st.Bsize - diskLeft; left > 0 && err == nil; left -= int64(len(zeros)) {
		_, err = f.Write(zeros[:min(left, int64(len(zeros)))])
	}
	return errors.Join(err, f.Close())
}
