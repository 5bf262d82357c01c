// Bench compares how fast permledger decides with others who do: on one machine, in one run, with the same data, the same
// questions and the same load generator, which looks at every answer.
//
//	cd bench && go run .
//
// builds each peer (OpenFGA and Cerbos from their modules, once, which takes some ten minutes), starts each as a process of
// its own on a loopback address, puts the data of package world in, asks with 1 and with 32 clients in rounds that take
// turns, and prints a table in Markdown and what was wanted. It ends with status 1 where an answer was wrong or missing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/peer"
	"github.com/permledger/permledger/bench/world"
)

// options are the flags.
type options struct {
	peers     string
	clients   string
	cache     string
	rounds    int
	seconds   float64
	warmUp    float64
	inProcess bool
	profile   string
}

func main() {
	var o options
	cache, _ := os.UserCacheDir()
	flag.StringVar(&o.peers, "peers", "", "the `names` of those to compare, separated by commas; empty: all")
	flag.StringVar(&o.clients, "clients", "1,32", "with how `many` clients")
	flag.StringVar(&o.cache, "cache", filepath.Join(cache, "permledger-bench"), "a `directory` to keep OpenFGA and Cerbos in once they are built")
	flag.IntVar(&o.rounds, "rounds", 3, "how many `rounds`; in each everybody has a turn")
	flag.Float64Var(&o.seconds, "seconds", 6, "how long a turn is measured")
	flag.Float64Var(&o.warmUp, "warm-up", 1, "`seconds` before, which are not")
	flag.BoolVar(&o.inProcess, "in-process", true, "also measure libraries within a process")
	flag.StringVar(&o.profile, "profile", "", "afterwards, ask permledger again for its profiles, into this `directory`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	peers, err := peer.Find(o.peers)
	if err != nil {
		return err
	}
	var clients []int
	for text := range strings.SplitSeq(o.clients, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-clients %s: %q is no number of clients", o.clients, text)
		}
		clients = append(clients, n)
	}
	if o.rounds < 1 || o.seconds <= 0 || o.warmUp < 0 {
		return errors.New("at least one round, of more than no time")
	}
	e := &peer.Env{World: world.Make(world.Standard, world.Seed), Cache: o.cache, Say: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
	}}
	if e.Bench, err = os.Getwd(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(e.Bench, "shells")); err != nil {
		return fmt.Errorf("run it in the directory bench: %w", err)
	}
	if err := os.MkdirAll(e.Cache, 0o755); err != nil {
		return err
	}
	if e.Dir, err = os.MkdirTemp("", "permledger-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(e.Dir)

	before := busy()
	lines, rows, err := measure(ctx, e, o, peers, clients)
	if err != nil {
		return err
	}
	fmt.Printf("%d processors (%s)%s, %s, %s/%s; %d rounds of %gs; %s\n\n", runtime.NumCPU(), processor(), before, runtime.Version(), runtime.GOOS, runtime.GOARCH,
		o.rounds, o.seconds, time.Now().UTC().Format(time.DateOnly))
	writeTable(os.Stdout, lines)
	if len(rows) > 0 {
		fmt.Println()
		writeInProcess(os.Stdout, rows)
	}
	fmt.Println()
	writeBars(os.Stdout, lines)
	return inOrder(lines, rows)
}

// turn is one row's in a round.
type turn struct {
	line   *line
	server *peer.Server
	target load.Target
}

// measure starts the peers and gives each its turns.
func measure(ctx context.Context, e *peer.Env, o options, peers []peer.Peer, clients []int) (lines []*line, rows []inProcess, err error) {
	var turns []turn
	var servers []*peer.Server
	for _, p := range peers {
		s, err := p.Start(ctx, e)
		if s != nil {
			defer s.Stop()
		}
		if err != nil {
			return nil, nil, err
		}
		for _, n := range clients {
			for _, r := range s.Rows {
				l := &line{peer: p.Name, name: r.Name, asks: r.Asks, clients: n}
				lines = append(lines, l)
				turns = append(turns, turn{l, s, r.Target})
			}
		}
		servers = append(servers, s)
	}
	// What the generator itself leaves behind is collected between turns, so that it does not stand in anybody's way.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for i := range o.rounds {
		for _, t := range turns {
			runtime.GC()
			var before, after time.Duration
			r, err := load.Run(ctx, t.target, t.line.clients, duration(o.warmUp), duration(o.seconds), func() { before, after = after, t.server.CPU() })
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", t.line.name, err)
			}
			one := round{Result: r, cpu: after - before, memory: t.server.Memory()}
			t.line.rounds = append(t.line.rounds, one)
			e.Say("round %d of %d: %s, %d clients: %s decisions/s, p99 %s", i+1, o.rounds, t.line.name, t.line.clients, thousands(t.line.decisions(&one)), r.Times.At(0.99))
		}
	}
	for _, s := range servers {
		s.Stop()
		if o.inProcess && len(s.Measure) > 0 {
			one, err := within(ctx, s)
			if err != nil {
				return nil, nil, err
			}
			rows = append(rows, one)
		}
		if o.profile != "" && len(s.Profile) > 0 {
			if err := profile(ctx, e, o, s); err != nil {
				return nil, nil, err
			}
		}
	}
	return lines, rows, nil
}

// within measures a library within its process.
func within(ctx context.Context, s *peer.Server) (inProcess, error) {
	one := inProcess{name: s.Library}
	out, err := exec.CommandContext(ctx, s.Measure[0], s.Measure[1:]...).Output()
	if err = errors.Join(err, json.Unmarshal(out, &one.Measured)); err != nil {
		return one, fmt.Errorf("%s in process: %w", s.Library, err)
	}
	return one, nil
}

// profile asks a server that profiles itself, of each row.
func profile(ctx context.Context, e *peer.Env, o options, s *peer.Server) error {
	if err := os.MkdirAll(o.profile, 0o755); err != nil {
		return err
	}
	for i, r := range s.Rows {
		file := filepath.Join(o.profile, fmt.Sprintf("%s-%d.pprof", s.Library, i))
		p, err := e.Again(ctx, r.Target.Addr, append(slices.Clone(s.Profile), file))
		if err != nil {
			return err
		}
		_, err = load.Run(ctx, r.Target, 32, duration(o.warmUp), duration(o.seconds), func() {})
		p.Stop()
		if err != nil {
			return err
		}
		e.Say("%s: %s", r.Name, file)
	}
	return nil
}

// inOrder is an error where anybody gave a wrong answer or none.
func inOrder(lines []*line, rows []inProcess) error {
	var all []error
	for _, l := range lines {
		for _, r := range l.rounds {
			if r.Wrong > 0 || r.Failed > 0 {
				all = append(all, fmt.Errorf("%s, %d clients: %d decisions are wrong, %d requests failed: %w", l.name, l.clients, r.Wrong, r.Failed, r.Err))
			}
		}
	}
	for _, r := range rows {
		if r.Wrong > 0 {
			all = append(all, fmt.Errorf("%s, in process: %d decisions are wrong", r.name, r.Wrong))
		}
	}
	return errors.Join(all...)
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// busy says how busy the machine is with something else, where the system tells it.
func busy() string {
	b, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(b)); len(fields) > 0 {
		return ", load " + fields[0] + " before"
	}
	return ""
}

// processor gives the name of the processor, where the system tells it.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, ok := strings.Cut(string(b), "model name")
	if !ok {
		return runtime.GOARCH
	}
	name, _, _ := strings.Cut(strings.TrimLeft(rest, "\t :"), "\n")
	return name
}
