package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Options say how long to go on with a fault, and where.
type Options struct {
	Program *Program
	Seed    uint64
	Scratch string                           // an empty directory to work in
	Kinds   *regexp.Regexp                   // the damages that are done; nil: all
	Keep    string                           // where failures are kept; empty: nowhere
	Log     func(format string, args ...any) // how it goes, now and then
}

// KillReport counts what kill rounds did.
type KillReport struct {
	Rounds   int // of which
	Starting int // killed while starting
	Acks     int
	Unclear  int // commands without an answer, of which
	Recorded int // were recorded before the kill
}

func (r KillReport) String() string {
	return fmt.Sprintf("%d rounds (%d killed while starting), %d acknowledged, %d without an answer of which %d were recorded",
		r.Rounds, r.Starting, r.Acks, r.Unclear, r.Recorded)
}

const (
	directoryRounds = 40   // after so many rounds another directory is made, for every start reads the whole history
	acksARound      = 60   // at most, before the kill
	startLasts      = 200  // milliseconds, about; kills while starting come within
	killLate        = 3000 // microseconds; how long after the last awaited answer a kill comes, at most
)

// KillRounds kills the program with kill -9 under load, rounds times or until ctx ends: one round in five while it starts,
// else after a random number of answers. After each kill it starts again; what had no answer is sent once more, and
// everything acknowledged so far is judged.
func KillRounds(ctx context.Context, o Options, rounds int) (KillReport, error) {
	var report KillReport
	rng := rand.New(rand.NewPCG(o.Seed, 2))
	for n := 0; report.Rounds < rounds && ctx.Err() == nil; n++ {
		k := &killing{Options: o, rng: rng, dir: filepath.Join(o.Scratch, fmt.Sprintf("kill%d", n))}
		err := k.run(ctx, min(directoryRounds, rounds-report.Rounds))
		report.Rounds += k.report.Rounds
		report.Starting += k.report.Starting
		report.Unclear += k.report.Unclear
		report.Recorded += k.report.Recorded
		report.Acks += len(k.acks())
		if err != nil && ctx.Err() == nil {
			return report, Failure{Fault: "kill", Seed: o.Seed, Case: fmt.Sprintf("round %d", report.Rounds), Acks: k.acks()}.report(ctx, o.Keep, k.dir, err)
		}
		if err := os.RemoveAll(k.dir); err != nil {
			return report, err
		}
		o.Log("kill: %s", report)
	}
	return report, nil
}

// killing is the rounds on one directory.
type killing struct {
	Options
	rng    *rand.Rand
	dir    string
	first  Ack
	load   *Load
	report KillReport
}

func (k *killing) acks() []Ack {
	if k.load == nil {
		return nil
	}
	return append(k.load.Acks(), k.first)
}

func (k *killing) run(ctx context.Context, rounds int) (err error) {
	if k.first, err = k.Program.Init(ctx, k.dir); err != nil {
		return err
	}
	for range rounds {
		if ctx.Err() != nil {
			break
		}
		if err := k.round(ctx); err != nil {
			return err
		}
		k.report.Rounds++
	}
	o, err := Recover(ctx, k.Program, k.dir, k.acks())
	if err == nil && o != Started {
		err = Findings{{Unstarted, "after a kill a start must succeed; this one " + o.String()}}
	}
	return err
}

// round kills once.
func (k *killing) round(ctx context.Context) error {
	s, err := k.Program.Serve(k.dir)
	if err != nil {
		return err
	}
	defer s.Kill()
	if k.load != nil && k.rng.IntN(5) == 0 {
		k.report.Starting++
		await(ctx, s.Done(), time.Duration(k.rng.IntN(startLasts*1000))*time.Microsecond)
		select {
		case <-s.Done():
			return errors.Join(ctx.Err(), s.ended())
		default:
			return ctx.Err()
		}
	}
	c, err := s.Ready(ctx)
	if err != nil {
		return err
	}
	if err := Judge(k.dir, k.acks()).asError(); err != nil {
		return err
	}
	if k.load == nil {
		if k.load, err = NewLoad(ctx, c, k.dir, k.rng.Uint64(), nil); err != nil {
			return err
		}
	}
	k.report.Unclear += k.load.Unclear()
	before, _, err := k.load.Retry(ctx, c)
	k.report.Recorded += before
	if err != nil {
		return fmt.Errorf("send again what had no answer: %w", err)
	}
	if left := k.load.Unclear(); left > 0 {
		return fmt.Errorf("%d commands have no answer although they were sent again", left)
	}
	enough, stop := context.WithCancel(ctx)
	defer stop()
	k.load.alone = k.rng.IntN(3) == 0
	k.load.until(1+k.rng.IntN(acksARound), stop)
	ended := make(chan struct{})
	go func() {
		k.load.Run(ctx, c)
		close(ended)
	}()
	select {
	case <-enough.Done():
	case <-ended: // no server answers any more, long before it was killed
		return errors.Join(ctx.Err(), fmt.Errorf("the server gave no more answers; it said: %s", s.Said()))
	}
	await(ctx, s.Done(), time.Duration(k.rng.IntN(killLate))*time.Microsecond)
	s.Kill()
	<-ended
	if err := k.load.Err(); err != nil {
		return err
	}
	return ctx.Err()
}

// await waits for a moment that is to be random, or until the process has ended.
func await(ctx context.Context, done <-chan struct{}, moment time.Duration) {
	select {
	case <-time.After(moment):
	case <-done:
	case <-ctx.Done():
	}
}
