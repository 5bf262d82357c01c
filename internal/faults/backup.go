package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// BackupReport counts what backup rounds did.
type BackupReport struct {
	Rounds int // backups that were begun, of which
	Killed int // were killed
	Kills  int // of the server, while one was made or just after
	Acks   int
}

func (r BackupReport) String() string {
	return fmt.Sprintf("%d backups, of which %d were killed; the server was killed %d times meanwhile; %d acknowledged", r.Rounds, r.Killed, r.Kills, r.Acks)
}

// backupLasts is how long a backup takes, about: kills come within.
const backupLasts = 150 * time.Millisecond

// BackupRounds runs `permledger backup` into one place again and again while a load writes, and kills now the backup, now the
// server. Whatever was acknowledged before a backup began that came to its end is in what is restored of it, which verifies and
// starts. Where one was killed, the backup before it, or that one, is whole.
func BackupRounds(ctx context.Context, o Options, rounds int) (report BackupReport, err error) {
	b := &backups{Options: o, rng: rand.New(rand.NewPCG(o.Seed, 7)), dir: filepath.Join(o.Scratch, "data"), dest: filepath.Join(o.Scratch, "backup")}
	first, err := o.Program.Init(ctx, b.dir)
	if err != nil {
		return report, err
	}
	b.in = []Ack{first}
	err = b.run(ctx, rounds)
	if b.load != nil {
		b.report.Acks = len(b.load.Acks())
	}
	if b.server != nil {
		b.server.Kill()
	}
	if err != nil {
		err = Failure{Fault: "backup", Seed: o.Seed, Case: fmt.Sprintf("round %d", b.report.Rounds), Acks: b.in}.report(ctx, o.Keep, b.dir, err)
	}
	o.Log("backup: %s", b.report)
	return b.report, err
}

type backups struct {
	Options
	rng       *rand.Rand
	dir, dest string
	server    *Server
	load      *Load
	in        []Ack // what is in the backup for certain
	report    BackupReport
}

func (b *backups) run(ctx context.Context, rounds int) error {
	for b.report.Rounds < rounds && ctx.Err() == nil {
		if err := b.round(ctx); err != nil {
			return err
		}
	}
	b.server.Kill()
	return b.restored(ctx, "last")
}

// round starts the server, lets the load write, and makes backups until one of the two is killed.
func (b *backups) round(ctx context.Context) error {
	server, err := b.Program.Serve(b.dir)
	if err != nil {
		return err
	}
	b.server = server
	c, err := server.Ready(ctx)
	if err != nil {
		return err
	}
	if b.load == nil {
		if b.load, err = NewLoad(ctx, c, b.dir, b.Seed, nil); err != nil {
			return err
		}
	} else if _, _, err := b.load.Retry(ctx, c); err != nil {
		return err
	}
	var writing sync.WaitGroup
	writing.Go(func() { b.load.Run(ctx, c) })
	defer writing.Wait()
	defer server.Kill()
	kill := b.rng.IntN(2) == 0 // the server, in the last of some
	for n := 1 + b.rng.IntN(3); n > 0; n-- {
		if err := b.one(ctx, kill && n == 1); err != nil {
			return err
		}
	}
	server.Kill()
	writing.Wait()
	return b.restored(ctx, fmt.Sprint("round", b.report.Rounds))
}

// one makes a backup, and kills it or the server while it is made.
func (b *backups) one(ctx context.Context, server bool) error {
	b.report.Rounds++
	before := append(b.in[:1:1], b.load.Acks()...)
	cmd := exec.CommandContext(ctx, b.Program.Path, "backup", b.dest, "--data", b.dir, "--with-keys")
	cmd.Env = b.Program.environment()
	errs := &text{}
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		return err
	}
	stopped := make(chan struct{})
	killing := server || b.rng.IntN(2) == 0
	timer := time.AfterFunc(time.Duration(b.rng.Int64N(int64(backupLasts))), func() {
		defer close(stopped)
		switch {
		case server:
			b.report.Kills++
			b.server.Kill()
		case killing:
			_ = cmd.Process.Kill()
		}
	})
	err := cmd.Wait()
	if !timer.Stop() {
		<-stopped
	}
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		b.in = before
	case errors.As(err, &exit) && exit.ExitCode() == -1 && !server:
		b.report.Killed++
	case errors.As(err, &exit) && server:
		// it was refused, or waited in vain
	default:
		return fmt.Errorf("a backup ended with: %w: %s", err, errs)
	}
	return nil
}

// restored restores the backup elsewhere, and judges what is there and whether it starts.
func (b *backups) restored(ctx context.Context, name string) error {
	to := filepath.Join(b.Scratch, "restored-"+name)
	if _, err := b.Program.Run(ctx, "restore", b.dest, to); err != nil {
		if code, _, ok := exitOf(err); ok && code == 2 && len(b.in) == 1 { // none came to its end yet
			return nil
		}
		return fmt.Errorf("restore: %w", err)
	}
	found := append(Judge(to, b.in), b.Program.Verify(ctx, to, b.in)...)
	if err := found.asError(); err != nil {
		return err
	}
	if _, err := b.Program.Run(ctx, "role", "ls", "--data", to, "--org", Organization); err != nil {
		return Findings{{Unstarted, err.Error()}}
	}
	found = append(Judge(to, b.in), b.Program.Verify(ctx, to, b.in)...)
	if err := found.asError(); err != nil {
		return err
	}
	return os.RemoveAll(to)
}

// text is what a process says; exec writes it from one goroutine.
type text struct{ b []byte }

func (t *text) Write(b []byte) (int, error) { t.b = append(t.b, b...); return len(b), nil }
func (t *text) String() string              { return string(t.b) }
