package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// damageEntries is how many commands are acknowledged before a directory is damaged, half of them before the old copy.
const damageEntries = 160

// blockEntries is how many long commands fill a block of the stream, of 8 MiB, and go on in the next.
const blockEntries = 1600

// snapshotEntries is how many commands make the program write a snapshot when it is stopped.
const snapshotEntries = 1100

// DamageReport counts what damage did.
type DamageReport struct {
	Cases    int
	Outcomes map[Outcome]int
}

func (r DamageReport) String() string {
	return fmt.Sprintf("%d damaged directories: %d started by themselves, %d were repaired, of %d a repair said what is lost",
		r.Cases, r.Outcomes[Started], r.Outcomes[Repaired], r.Outcomes[Lossy])
}

// Damage does every damage of the table to copies of a data directory, rounds times, each time with other places and
// another directory, of a server that was stopped or killed in turns, and demands of each what the table says.
func Damage(ctx context.Context, o Options, rounds int) (DamageReport, error) {
	return damageFrom(ctx, o, 0, rounds)
}

func damageFrom(ctx context.Context, o Options, first, rounds int) (DamageReport, error) {
	report := DamageReport{Outcomes: map[Outcome]int{}}
	var failed []error
	for n := first; n < first+rounds && ctx.Err() == nil; n++ {
		rng := rand.New(rand.NewPCG(o.Seed, 1000+uint64(n)))
		base, err := newDamageBase(ctx, o, filepath.Join(o.Scratch, fmt.Sprintf("damage%d", n)), rng, n)
		if err != nil {
			return report, err
		}
		for _, c := range damages() {
			if ctx.Err() != nil {
				break
			}
			if o.Kinds != nil && !o.Kinds.MatchString(c.name) {
				continue
			}
			if c.of != nil {
				if _, err := os.Stat(c.of(&damaged{dir: filepath.Join(base.root, "whole")})); err != nil {
					continue
				}
			}
			outcome, err := base.try(ctx, o, c, rng)
			if err != nil && ctx.Err() == nil {
				failed = append(failed, err)
			}
			report.Cases++
			report.Outcomes[outcome]++
		}
		if err := os.RemoveAll(base.root); err != nil {
			return report, err
		}
		if o.Log != nil {
			o.Log("damage: %s", report)
		}
	}
	return report, errors.Join(failed...)
}

// damageBase is a directory that damages are done to copies of.
type damageBase struct {
	root    string
	crashed bool
	acks    []Ack
}

// newDamageBase makes the directory of a round: the servers of every second one were killed, and two of
// four have a stream of several blocks, a snapshot and full tiles.
func newDamageBase(ctx context.Context, o Options, root string, rng *rand.Rand, round int) (*damageBase, error) {
	b := &damageBase{root: root, crashed: round%2 == 1}
	dir := filepath.Join(root, "whole")
	first, fat := damageEntries/2, round%4 >= 2
	if fat {
		first = blockEntries
	}
	acks, err := o.Program.loadedDirectory(ctx, dir, rng.Uint64(), first, fat, func(s *Server) { _ = s.Stop() })
	if err != nil {
		return nil, err
	}
	if err := copyDir(filepath.Join(root, "old"), dir); err != nil {
		return nil, err
	}
	end := func(s *Server) { _ = s.Stop() }
	if b.crashed {
		end = func(s *Server) {
			b.headMoved(dir)
			s.Kill()
		}
	}
	more, err := o.Program.load(ctx, dir, rng.Uint64(), damageEntries/2, false, end)
	b.acks = append(acks, more...)
	return b, err
}

// headMoved waits until the head record has something of the second load. It follows what is recorded by a tenth of a
// second; of events that nothing but both copies knew of, nobody could miss any once both are old.
func (b *damageBase) headMoved(dir string) {
	head := filepath.Join("orgs", "main", "head")
	old, _ := os.ReadFile(filepath.Join(b.root, "old", head))
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if now, err := os.ReadFile(filepath.Join(dir, head)); err == nil && !bytes.Equal(now, old) {
			return
		}
	}
}

// try does one damage to a copy.
func (b *damageBase) try(ctx context.Context, o Options, c damage, rng *rand.Rand) (Outcome, error) {
	work := filepath.Join(b.root, "work")
	d := &damaged{dir: filepath.Join(work, "state", "data"), old: filepath.Join(b.root, "old"), rng: rng}
	err := os.MkdirAll(filepath.Dir(d.dir), 0o700)
	if err == nil {
		err = copyDir(d.dir, filepath.Join(b.root, "whole"))
	}
	if err == nil {
		var entries []entry
		entries, err = readEntries(d.dir)
		d.n = len(entries)
	}
	if err == nil {
		err = c.do(d)
	}
	if err != nil {
		return 0, fmt.Errorf("damage, %s: %w", c.name, err)
	}
	kept := filepath.Join(work, "kept") // as the program finds it
	if err := copyDir(kept, d.dir); err != nil {
		return 0, err
	}
	outcome, err := b.judge(ctx, o.Program, c, d)
	if err != nil {
		state := "stopped"
		if b.crashed {
			state = "killed"
		}
		f := Failure{Fault: "damage", Seed: o.Seed, Case: fmt.Sprintf("%s, server %s", c.name, state), Acks: b.acks}
		err = f.report(ctx, o.Keep, kept, err)
	}
	return outcome, errors.Join(err, os.RemoveAll(work))
}

func (b *damageBase) judge(ctx context.Context, p *Program, c damage, d *damaged) (Outcome, error) {
	if c.undo != nil {
		if err := p.refusedUntil(ctx, d, c.undo); err != nil {
			return Started, err
		}
	}
	// A repair that is killed, or whose power is cut, must be one that can be done again.
	stopped := c.want != Started && d.rng.IntN(2) == 0
	if stopped {
		if err := p.stopRepair(ctx, d); err != nil {
			return Repaired, err
		}
	}
	if c.proves {
		if err := p.mustProve(ctx, d.dir); err != nil {
			return Lossy, err
		}
	}
	outcome, err := Recover(ctx, p, d.dir, b.acks)
	found := Findings(nil)
	if err != nil && !errors.As(err, &found) {
		return outcome, err
	}
	for _, f := range found {
		if !slices.Contains(c.only, f.Kind) {
			return outcome, err
		}
	}
	for _, kind := range c.only {
		if !found.Has(kind) {
			return outcome, fmt.Errorf("the judge found nothing %s; it must, or it is no judge", kind)
		}
	}
	byItself := b.crashed && c.killed || stopped && c.want == Repaired // the repair had come to its end, or nearly
	if outcome != c.want && !(byItself && outcome == Started) {
		return outcome, fmt.Errorf("it %s; the table says that it %s", outcome, c.want)
	}
	return outcome, nil
}

// repairLasts is how long a repair takes, about, in milliseconds.
const repairLasts = 150

// stopRepair begins a repair and kills it at some moment, or cuts the power where that can be done.
func (p *Program) stopRepair(ctx context.Context, d *damaged) error {
	if d.rng.IntN(2) == 0 {
		err := cutDuring(filepath.Dir(filepath.Dir(d.dir)), d.rng, func(data string) error {
			_, err := p.Run(ctx, "repair", data)
			return err
		})
		if !errors.As(err, new(*CannotError)) {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, p.Path, "repair", d.dir)
	cmd.Env = p.environment()
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed, or at its end: both are meant
		close(done)
	}()
	await(ctx, done, time.Duration(d.rng.IntN(repairLasts*1000))*time.Microsecond)
	_ = cmd.Process.Kill()
	<-done
	return ctx.Err()
}

// mustProve demands that a repair names what is lost, and the checkpoint that proves that it existed.
func (p *Program) mustProve(ctx context.Context, dir string) error {
	_, err := p.Run(ctx, "repair", "--dry-run", dir)
	_, said, exited := exitOf(err)
	if !exited || !proven.MatchString(said) {
		return Findings{{Silent, fmt.Sprintf("it does not say what is lost and what proves it: %v %s", err, said)}}
	}
	return nil
}

var proven = regexp.MustCompile(`positions? [0-9]+( to [0-9]+)? (is|are) lost; the checkpoint of [0-9]+ events with the root [A-Za-z0-9+/]{43}=, signed by the ledger and kept since .* proves? that`)

// refusedUntil demands that a start is refused and changes nothing while something cannot be read.
func (p *Program) refusedUntil(ctx context.Context, d *damaged, undo func(*damaged) error) error {
	before, err := snapshot(d.dir)
	if err != nil {
		return err
	}
	s, err := p.Serve(d.dir)
	if err != nil {
		return err
	}
	defer s.Kill()
	if _, err = s.Ready(ctx); err == nil {
		return Findings{{Silent, "it starts although it cannot read a file"}}
	}
	if _, said, exited := exitOf(err); !exited || said == "" {
		return Findings{{Silent, err.Error()}}
	}
	after, err := snapshot(d.dir)
	if err != nil {
		return err
	}
	var found Findings
	for _, change := range changes(before, after) {
		found = append(found, Finding{Changed, change})
	}
	return errors.Join(found.asError(), undo(d))
}
