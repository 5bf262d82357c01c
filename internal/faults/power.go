package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
)

// PowerReport counts what power cuts did.
type PowerReport struct {
	States   int // judged, of which
	Again    int // were cut a second time, while the program mended the first cut
	Repaired int // did not start by themselves, and were mended by a repair
	Acks     int // acknowledgements looked for, over all states
	Ops      int // recorded operations, over all recordings
}

func (r PowerReport) String() string {
	return fmt.Sprintf("%d crash states (%d cut again while mending, %d repaired), %d acknowledgements looked for, %d operations recorded",
		r.States, r.Again, r.Repaired, r.Acks, r.Ops)
}

const (
	recordingStates = 100 // states that are made of one recording
	phaseAcks       = 120 // acknowledgements between two ends of the program in a recording
)

// PowerCuts records a load on a file system that writes down every change, makes states that power cuts could leave of
// it, starts the program for real on each, and judges. One state in five is cut a second time while it is mended.
func PowerCuts(ctx context.Context, o Options, states int) (PowerReport, error) {
	var report PowerReport
	rng := rand.New(rand.NewPCG(o.Seed, 3))
	for n := 0; report.States < states && ctx.Err() == nil; n++ {
		dir := filepath.Join(o.Scratch, fmt.Sprintf("power%d", n))
		rec, err := o.Program.recordLoad(ctx, dir, rng.Uint64())
		if err != nil {
			return report, err
		}
		report.Ops += rec.Len()
		for range min(recordingStates, states-report.States) {
			if err := cutOnce(ctx, o, rec, rng, dir, &report); err != nil {
				return report, err
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			return report, err
		}
		o.Log("power: %s", report)
	}
	return report, nil
}

// cutOnce makes one state of a recording and judges it.
func cutOnce(ctx context.Context, o Options, rec *Recording, rng *rand.Rand, dir string, report *PowerReport) error {
	cut := rec.randomCut(rng)
	choices := rng.Uint64()
	acks := rec.Acks(cut)
	state := filepath.Join(dir, "state")
	f := Failure{Fault: "power", Seed: o.Seed, Acks: acks,
		Case: fmt.Sprintf("state %d: cut before operation %d of %d, choices %d", report.States, cut, rec.Len(), choices)}
	if err := rec.Crash(cut, rand.New(rand.NewPCG(choices, 0)), true).write(state); err != nil {
		return err
	}
	again := rng.IntN(5) == 0
	if again {
		report.Again++
		f.Case += ", cut again while mending"
		err := cutDuring(dir, rng, func(data string) error {
			s, err := o.Program.Serve(data)
			if err != nil {
				return err
			}
			defer s.Kill()
			_, err = s.Ready(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	kept := filepath.Join(dir, "kept") // as it was before the program saw it
	if err := copyDir(kept, filepath.Join(state, "data")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	outcome, err := Recover(ctx, o.Program, filepath.Join(state, "data"), acks)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && outcome == Lossy {
		err = Findings{{Lost, "a repair says that something is lost"}}
	}
	if err != nil {
		return f.report(ctx, o.Keep, kept, err)
	}
	report.States++
	report.Acks += len(acks)
	if outcome != Started {
		report.Repaired++
	}
	return errors.Join(os.RemoveAll(state), os.RemoveAll(kept))
}

// randomCut chooses a moment after the first acknowledgement.
func (r *Recording) randomCut(rng *rand.Rand) int {
	first := 0
	for first < len(r.ops) && r.ops[first].kind != opAck {
		first++
	}
	return first + 1 + rng.IntN(len(r.ops)-first)
}

// cutDuring has something done to the data directory in dir/state and cuts the power while it is; the state becomes what
// is left then. That the program refuses to do it is no error.
func cutDuring(dir string, rng *rand.Rand, do func(data string) error) error {
	state, mounted, was := filepath.Join(dir, "state"), filepath.Join(dir, "mounted"), filepath.Join(dir, "was")
	rec, err := recording(state, mounted, func(*Recording) error {
		err := do(filepath.Join(mounted, "data"))
		if _, _, exited := exitOf(err); exited {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := os.Rename(state, was); err != nil {
		return err
	}
	left := rec.Crash(rng.IntN(rec.Len()+1), rng, true)
	return errors.Join(left.write(state), os.RemoveAll(was))
}

// recording mounts a directory to be recorded, does something there, and unmounts it.
func recording(dir, mounted string, do func(*Recording) error) (*Recording, error) {
	if err := os.MkdirAll(mounted, 0o700); err != nil {
		return nil, err
	}
	r, err := record(dir, mounted)
	if err != nil {
		return nil, err
	}
	err = do(r.Recording)
	return r.Recording, errors.Join(err, r.stop())
}

// recordLoad records the life of a data directory from its making on: servers that are killed and stopped under load, of
// several writers and of one, and one that finds its stream gone and makes it again.
func (p *Program) recordLoad(ctx context.Context, dir string, seed uint64) (*Recording, error) {
	disk, mounted := filepath.Join(dir, "disk"), filepath.Join(dir, "mounted")
	if err := os.MkdirAll(disk, 0o700); err != nil {
		return nil, err
	}
	data := filepath.Join(mounted, "data")
	return recording(disk, mounted, func(rec *Recording) error {
		first, err := p.Init(ctx, data)
		if err != nil {
			return err
		}
		rec.Ack(first)
		var load *Load
		phase := func(acks int, end func(*Server) error) error {
			s, err := p.Serve(data)
			if err != nil {
				return err
			}
			defer s.Kill()
			c, err := s.Ready(ctx)
			if err == nil && load == nil {
				load, err = NewLoad(ctx, c, data, seed, rec.Ack)
			}
			if err != nil {
				return err
			}
			if _, _, err := load.Retry(ctx, c); err != nil {
				return err
			}
			writing, stop := context.WithCancel(ctx)
			defer stop()
			load.until(acks, stop)
			load.Run(writing, c)
			return errors.Join(end(s), load.Err(), ctx.Err())
		}
		kill := func(s *Server) error { s.Kill(); return nil }
		long := phaseAcks
		if seed%4 == 0 {
			long = snapshotEntries // the stop writes a snapshot, and what follows begins at it
		}
		if err := errors.Join(phase(phaseAcks, kill), phase(long, (*Server).Stop)); err != nil {
			return err
		}
		for range 2 { // the second one finds what the first has written ahead
			load.alone = true
			if err := phase(phaseAcks, kill); err != nil {
				return err
			}
		}
		load.alone = false
		if err := phase(phaseAcks, kill); err != nil {
			return err
		}
		stream, err := streamDir(filepath.Join(disk, "data")) // looked for beneath: this process keeps out of its own mount
		if err != nil {
			return err
		}
		stream = filepath.Join(mounted, stream[len(disk):])
		if out, err := exec.CommandContext(ctx, "rm", "-r", stream).CombinedOutput(); err != nil {
			return fmt.Errorf("rm -r %s: %w: %s", stream, err, out)
		}
		return phase(phaseAcks, kill)
	})
}
