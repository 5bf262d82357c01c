package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// canTrace says why strace does not work; nil where it does.
func canTrace(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "strace", "-D", "-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync", "true").CombinedOutput(); err != nil {
		return &CannotError{"strace cannot trace here, so no system call can be made to fail", fmt.Errorf("%w %s", err, out)}
	}
	return nil
}

// inject gives the beginning of a command line that makes calls of what follows fail. when counts the calls of each
// thread: 3 is the third, 3+ the third and all that follow. Calls about other files than paths do not count, if there are any.
// strace runs beside the program, which stays our child.
func inject(calls, failure, when string, paths ...string) []string {
	line := []string{"strace", "-D", "-f", "-qq", "-o", os.DevNull}
	for _, p := range paths {
		line = append(line, "-P", p)
	}
	return append(line, "-e", "trace="+calls, "-e", "inject="+calls+":error="+failure+":when="+when)
}

// A writeFault is a failure of the disk under load.
type writeFault struct {
	name    string
	calls   string
	failure string
	when    string
	file    func(dir string) string
}

func writeFaults() []writeFault {
	segment := func(dir string) string { return filepath.Join(journalDir(dir), "00000000.seg") }
	block := func(dir string) string {
		at, _ := streamDir(dir)
		return filepath.Join(at, "msgs", "1.blk")
	}
	in := func(name string) func(dir string) string {
		return func(dir string) string { return filepath.Join(dir, "orgs", Organization, name) }
	}
	return []writeFault{
		{"journal: one sync fails", "fsync", "EIO", "4", segment},
		{"journal: all syncs fail", "fsync,fdatasync", "EIO", "4+", segment},
		{"journal: one write finds the disk full", "pwrite64", "ENOSPC", "3", segment},
		{"journal: all writes find the disk full", "pwrite64", "ENOSPC", "3+", segment},
		{"stream: one write finds the disk full", "write,pwrite64", "ENOSPC", "3", block},
		{"stream: all writes fail", "write,pwrite64", "EIO", "3+", block},
		{"private texts: a write finds the disk full", "write,pwrite64", "ENOSPC", "2+", in("private")},
		{"private texts: a sync fails", "fsync", "EIO", "3", in("private")},
		{"head: a sync fails", "fsync", "EIO", "3+", in("head")},
	}
}

const (
	beforeFault = 10  // commands that are acknowledged before a server with a fault is started
	afterFault  = 500 // commands after which a fault ought to have been met
)

// FailingWrites lets writes and syncs of the program fail under load: in some ways of the table at random, or with some of
// 0 in all. The program then takes no more commands and says so; after a start without the fault, everything acknowledged
// is there, and what was left unclear is recorded at most once.
func FailingWrites(ctx context.Context, o Options, some int) (cases int, err error) {
	if err := canTrace(ctx); err != nil {
		return 0, err
	}
	all := writeFaults()
	rng := rand.New(rand.NewPCG(o.Seed, 7))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if some > 0 {
		all = all[:min(some, len(all))]
	}
	for i, w := range all {
		dir := filepath.Join(o.Scratch, fmt.Sprintf("write%d", i))
		acks, fault := o.Program.failingWrite(ctx, dir, o.Seed, w)
		if fault != nil && ctx.Err() == nil {
			err = errors.Join(err, Failure{Fault: "write", Seed: o.Seed, Case: w.name, Acks: acks}.report(ctx, o.Keep, dir, fault))
			continue
		}
		cases++
		if err := os.RemoveAll(dir); err != nil {
			return cases, err
		}
	}
	return cases, err
}

func (p *Program) failingWrite(ctx context.Context, dir string, seed uint64, w writeFault) ([]Ack, error) {
	acks, err := p.loadedDirectory(ctx, dir, seed, beforeFault, false, func(s *Server) { _ = s.Stop() })
	if err != nil {
		return nil, err
	}
	s, err := p.Serve(dir, inject(w.calls, w.failure, w.when, w.file(dir))...)
	if err != nil {
		return acks, err
	}
	defer s.Kill()
	c, err := s.Ready(ctx)
	if err != nil {
		return acks, err
	}
	l, err := NewLoad(ctx, c, dir, seed+1, nil)
	if errors.Is(err, errStopped) {
		l, err = nil, nil // the fault came early
	}
	if err != nil {
		return acks, err
	}
	if l != nil {
		writing, stop := context.WithCancel(ctx)
		defer stop()
		l.until(afterFault, stop)
		l.Run(writing, c)
		acks = append(acks, l.Acks()...)
		if l.Stopped() == 0 {
			return acks, fmt.Errorf("%d commands were acknowledged and none was answered with stopped or unknown; it said: %s", len(l.Acks()), s.Said())
		}
	}
	if err := s.Stop(); err != nil {
		if _, said, exited := exitOf(err); !exited || said == "" {
			return acks, err
		}
	}
	if n := strings.Count(s.Said(), "the ledger stops writing"); n != 1 {
		return acks, Findings{{Silent, fmt.Sprintf("it said %d times that it stops writing: %s", n, s.Said())}}
	}
	if l != nil {
		if acks, err = p.retry(ctx, dir, l, acks); err != nil {
			return acks, err
		}
	}
	return acks, p.startsAfter(ctx, dir, acks)
}

// retry starts a server without a fault and sends again what had no answer.
func (p *Program) retry(ctx context.Context, dir string, l *Load, acks []Ack) ([]Ack, error) {
	if err := p.session(ctx, dir, acks); err != nil {
		return acks, err
	}
	s, err := p.Serve(dir)
	if err != nil {
		return acks, err
	}
	defer s.Kill()
	c, err := s.Ready(ctx)
	if err != nil {
		return acks, err
	}
	known := len(l.Acks())
	if _, _, err := l.Retry(ctx, c); err != nil {
		return acks, err
	}
	if left := l.Unclear(); left > 0 {
		return acks, fmt.Errorf("%d commands have no answer although they were sent again", left)
	}
	return append(acks, l.Acks()[known:]...), s.Stop()
}

// startCalls are the calls of a start that are made to fail, and how.
var startCalls = []struct{ call, failure string }{
	{"openat", "EIO"}, {"openat", "EMFILE"}, {"openat", "EACCES"}, {"read", "EIO"}, {"pread64", "EIO"}, {"fstat", "EIO"},
	{"newfstatat", "EIO"}, {"getdents64", "EIO"}, {"fsync", "EIO"}, {"pwrite64", "ENOSPC"}, {"write", "EIO"},
	{"renameat", "EIO"}, {"ftruncate", "EIO"}, {"linkat", "EIO"}, {"linkat", "EPERM"}, {"unlinkat", "EIO"}, {"mkdirat", "ENOSPC"}, {"flock", "EIO"},
}

// StartReport counts what failing calls of starts did.
type StartReport struct {
	Possible int // calls that could fail
	Cases    int // of which were made to
	Refused  int // starts that ended
}

func (r StartReport) String() string {
	return fmt.Sprintf("%d of %d calls of a start were made to fail; %d starts were given up", r.Cases, r.Possible, r.Refused)
}

// FailingStarts lets calls of a start fail, one for each start, on copies of a directory that a kill left: some of them at
// random, or with some of 0 all. After each a start without a fault has everything acknowledged.
func FailingStarts(ctx context.Context, o Options, some int) (report StartReport, err error) {
	if err := canTrace(ctx); err != nil {
		return report, err
	}
	rng := rand.New(rand.NewPCG(o.Seed, 6))
	whole, work := filepath.Join(o.Scratch, "whole"), filepath.Join(o.Scratch, "work")
	acks, err := o.Program.loadedDirectory(ctx, whole, o.Seed, damageEntries/2, false, (*Server).Kill)
	if err != nil {
		return report, err
	}
	calls, err := o.Program.countCalls(ctx, whole, work)
	if err != nil {
		return report, err
	}
	type nth struct {
		call, failure string
		n             int
	}
	var all []nth
	for _, c := range startCalls {
		for n := 1; n <= calls[c.call]; n++ {
			all = append(all, nth{c.call, c.failure, n})
		}
	}
	report.Possible = len(all)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if some > 0 {
		all = all[:min(some, len(all))]
	}
	for _, c := range all {
		if ctx.Err() != nil {
			break
		}
		if err := copyDir(work, whole); err != nil {
			return report, err
		}
		refused, fault := o.Program.failingStart(ctx, work, c.call, c.failure, c.n, acks)
		if fault != nil && ctx.Err() == nil {
			f := Failure{Fault: "start", Seed: o.Seed, Case: fmt.Sprintf("%s %d of a thread fails with %s", c.call, c.n, c.failure), Acks: acks}
			err = errors.Join(err, f.report(ctx, o.Keep, work, fault))
		}
		report.Cases++
		if refused {
			report.Refused++
		}
		if err := os.RemoveAll(work); err != nil {
			return report, err
		}
		if report.Cases%50 == 0 {
			o.Log("start: %s", report)
		}
	}
	return report, errors.Join(err, os.RemoveAll(whole))
}

func (p *Program) failingStart(ctx context.Context, dir, call, failure string, n int, acks []Ack) (refused bool, err error) {
	s, err := p.Serve(dir, inject(call, failure, strconv.Itoa(n))...)
	if err != nil {
		return false, err
	}
	defer s.Kill()
	if _, err := s.Ready(ctx); err != nil {
		if _, said, exited := exitOf(err); !exited || said == "" {
			return true, Findings{{Silent, err.Error()}}
		}
		refused = true
	}
	s.Kill()
	outcome, err := Recover(ctx, p, dir, acks)
	if err == nil && outcome != Started {
		err = fmt.Errorf("it %s afterwards; it ought to start; with the fault it said: %s", outcome, s.Said())
	}
	return refused, err
}

// countCalls gives how often a thread makes each call until a server on a copy of a directory is ready, at most.
func (p *Program) countCalls(ctx context.Context, whole, work string) (map[string]int, error) {
	if err := copyDir(work, whole); err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	names := map[string]bool{}
	for _, c := range startCalls {
		names[c.call] = true
	}
	var list []string
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	log := filepath.Join(filepath.Dir(work), "calls")
	s, err := p.Serve(work, "strace", "-D", "-f", "-qq", "-o", log, "-e", "trace="+strings.Join(list, ","))
	if err != nil {
		return nil, err
	}
	defer s.Kill()
	if _, err := s.Ready(ctx); err != nil {
		return nil, err
	}
	s.Kill()
	f, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	byThread, most := map[string]int{}, map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		thread, call, _ := strings.Cut(lines.Text(), " ")
		call, _, ok := strings.Cut(strings.TrimSpace(call), "(")
		if !ok || !names[call] {
			continue
		}
		byThread[thread+call]++
		most[call] = max(most[call], byThread[thread+call])
	}
	return most, os.Remove(log)
}
