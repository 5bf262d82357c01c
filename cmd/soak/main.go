// Soak looks for lost events for hours: the tests of package faults with greater numbers, and the fuzz targets and
// property tests of the whole module. Run it in the module's directory, as root for all of it:
//
//	go run ./cmd/soak -for 8h -seed 1 [-only kill,power,damage,calls,full,fuzz,model]
//	go run ./cmd/soak -replay soak-failures/power-123
//
// It prints the seed first and then a line a minute. A failure is kept as a directory below -keep, and judged again by
// -replay. The exit code is 1 if there was one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/permledger/permledger/internal/faults"
)

func main() {
	var s soak
	length := flag.Duration("for", 8*time.Hour, "how long")
	flag.Uint64Var(&s.seed, "seed", rand.Uint64(), "the `number` that all choices follow from")
	only := flag.String("only", strings.Join(order, ","), "the `kinds` to run, in turns")
	flag.StringVar(&s.keep, "keep", "soak-failures", "the `directory` that failures are kept in")
	replay := flag.String("replay", "", "judge a kept failure, a `directory`, again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := s.main(ctx, *length, strings.Split(*only, ","), *replay)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// order is in which the kinds take turns.
var order = []string{"kill", "power", "damage", "calls", "full", "model", "fuzz"}

// soak is one run.
type soak struct {
	seed    uint64
	keep    string
	program *faults.Program
	share   time.Duration // of the whole, for a turn at most

	mu     sync.Mutex
	latest map[string]string // what each kind said last
	found  int
}

func (s *soak) main(ctx context.Context, length time.Duration, kinds []string, replay string) (err error) {
	for _, k := range kinds {
		if !slices.Contains(order, k) {
			return fmt.Errorf("-only %s: there are %s", k, strings.Join(order, ", "))
		}
	}
	scratch, err := os.MkdirTemp("", "permledger-soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if replay == "" {
		fmt.Printf("seed %d, for %s: %s\n", s.seed, length, strings.Join(kinds, ", "))
	}
	if s.program, err = faults.Build(ctx, scratch); err != nil {
		return err
	}
	if replay != "" {
		return s.replay(ctx, replay, scratch)
	}
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	s.latest = map[string]string{}
	s.share = length / time.Duration(max(len(kinds), 1))
	var lines sync.WaitGroup
	lines.Go(func() { s.tell(ctx) })
	for turn := uint64(0); ctx.Err() == nil && len(kinds) > 0; turn++ {
		kinds = slices.DeleteFunc(kinds, func(kind string) bool {
			return ctx.Err() == nil && s.turn(ctx, kind, filepath.Join(scratch, "work"), s.seed+turn)
		})
	}
	cancel()
	lines.Wait()
	fmt.Println(s.line())
	if s.found > 0 {
		return fmt.Errorf("%d failures, kept in %s", s.found, s.keep)
	}
	return nil
}

// turn runs one kind for some minutes, in a short soak for its share, and says whether it cannot run here.
func (s *soak) turn(ctx context.Context, kind, work string, seed uint64) (never bool) {
	ctx, cancel := context.WithTimeout(ctx, s.share)
	defer cancel()
	o := faults.Options{Program: s.program, Seed: seed, Scratch: work, Keep: s.keep, Log: func(format string, args ...any) {
		s.say(kind, fmt.Sprintf(format, args...))
	}}
	err := os.MkdirAll(work, 0o700)
	if err == nil {
		err = s.run(ctx, kind, o)
	}
	if errors.As(err, new(*faults.CannotError)) {
		fmt.Printf("%s is left out: %v\n", kind, err)
		return true
	}
	if err != nil && ctx.Err() == nil {
		s.mu.Lock()
		s.found++
		s.mu.Unlock()
		fmt.Printf("FAILURE %s\n", err)
	}
	if err := os.RemoveAll(work); err != nil {
		fmt.Println(err)
	}
	return false
}

// run does one turn of a kind.
func (s *soak) run(ctx context.Context, kind string, o faults.Options) error {
	var err error
	switch kind {
	case "kill":
		_, err = faults.KillRounds(ctx, o, 200)
	case "power":
		_, err = faults.PowerCuts(ctx, o, 100)
	case "damage":
		_, err = faults.Damage(ctx, o, 2)
	case "calls":
		var n int
		n, err = faults.FailingWrites(ctx, o, 0)
		o.Log("calls: %d kinds of failing writes", n)
		if err == nil {
			_, err = faults.FailingStarts(ctx, o, 60)
		}
	case "full":
		var n int
		n, err = faults.FullDisk(ctx, o)
		o.Log("full: %d acknowledged until the disk was full", n)
	case "model":
		_, err = faults.Model(ctx, o, 500, 2*time.Minute)
	case "fuzz":
		_, err = faults.Fuzz(ctx, o, 20*time.Second)
	}
	return err
}

func (s *soak) say(kind, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest[kind] = line
}

// tell prints a line a minute.
func (s *soak) tell(ctx context.Context) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-minute.C:
			fmt.Println(s.line())
		case <-ctx.Done():
			return
		}
	}
}

// line says how far it has come, on one line.
func (s *soak) line() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := []string{time.Now().UTC().Format("15:04:05"), fmt.Sprintf("%d failures", s.found)}
	for _, kind := range slices.Sorted(maps.Keys(s.latest)) {
		parts = append(parts, s.latest[kind])
	}
	return strings.Join(parts, " | ")
}

func (s *soak) replay(ctx context.Context, dir, scratch string) error {
	f, err := faults.Replay(ctx, s.program, dir, scratch)
	fmt.Printf("%s, seed %d, %s\n", f.Fault, f.Seed, f.Case)
	if err != nil {
		return fmt.Errorf("it fails still: %w", err)
	}
	fmt.Println("it holds now")
	return nil
}
