package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	diskSize = 128 << 20 // bytes of the file system
	diskLeft = 1 << 20   // bytes that are free when the load begins
)

// FullDisk fills the file system of a data directory under load, once above the room that the program keeps free and once
// without any. Commands are refused then, or their outcome is unknown, and nothing acknowledged is lost. When there is
// room again, the same server goes on where it kept some free, else a new one, and what was unclear is recorded at most once.
func FullDisk(ctx context.Context, o Options) (acked int, err error) {
	for _, floor := range []bool{true, false} {
		n, err := fullDisk(ctx, o, floor)
		if acked += n; err != nil {
			return acked, err
		}
	}
	return acked, nil
}

func fullDisk(ctx context.Context, o Options, floor bool) (acked int, err error) {
	disk := filepath.Join(o.Scratch, "disk")
	if err := os.MkdirAll(disk, 0o700); err != nil {
		return 0, err
	}
	unmount, err := mountSmall(disk, diskSize)
	if err != nil {
		return 0, &CannotError{"no tmpfs can be mounted here, so no disk can be filled", err}
	}
	defer func() { err = errors.Join(err, unmount()) }()
	dir, ballast := filepath.Join(disk, "data"), filepath.Join(disk, "ballast")
	p := *o.Program
	if !floor {
		p.env = []string{"PERMLEDGER_MIN_FREE=1"}
	}
	acks, err := p.fillDisk(ctx, disk, dir, ballast, o.Seed, floor)
	if err != nil {
		err = Failure{Fault: "full", Seed: o.Seed, Case: fmt.Sprintf("a full disk, with room kept free: %t", floor), Acks: acks}.report(ctx, o.Keep, dir, err)
	}
	return len(acks), err
}

func (p *Program) fillDisk(ctx context.Context, disk, dir, ballast string, seed uint64, floor bool) ([]Ack, error) {
	acks, err := p.loadedDirectory(ctx, dir, seed, beforeFault, false, func(s *Server) { _ = s.Stop() })
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
	if floor {
		if err := os.Remove(ballast); err != nil {
			return acks, err
		}
		known := len(l.Acks())
		wait, cancel := context.WithTimeout(ctx, patience) // it looks now and then
		defer cancel()
		for l.Unclear() > 0 {
			if _, _, err := l.Retry(wait, c); err != nil {
				return acks, fmt.Errorf("there is room again, and %d commands are still not recorded: %w; it said: %s", l.Unclear(), err, s.Said())
			}
			await(wait, s.Done(), 100*time.Millisecond)
		}
		acks = append(acks, l.Acks()[known:]...)
		if err := s.Stop(); err != nil {
			return acks, err
		}
		return acks, p.startsAfter(ctx, dir, acks)
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
	return acks, p.startsAfter(ctx, dir, acks)
}

// startsAfter demands that the program starts by itself with everything acknowledged.
func (p *Program) startsAfter(ctx context.Context, dir string, acks []Ack) error {
	outcome, err := Recover(ctx, p, dir, acks)
	if err == nil && outcome != Started {
		err = fmt.Errorf("it %s; it ought to start", outcome)
	}
	return err
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
	for left := int64(st.Bavail)*int64(st.Bsize) - diskLeft; left > 0 && err == nil; left -= int64(len(zeros)) {
		_, err = f.Write(zeros[:min(left, int64(len(zeros)))])
	}
	return errors.Join(err, f.Close())
}
