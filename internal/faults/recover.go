package faults

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Outcome says how a data directory came back after a fault.
type Outcome int

const (
	Started  Outcome = iota // by itself
	Repaired                // refused first, then mended by `permledger repair`
	Lossy                   // refused, and repair says what is lost
)

func (o Outcome) String() string {
	return [...]string{"starts", "is repaired", "cannot be mended"}[o]
}

// exitIntegrity is the exit code of a program that will not go on because something does not hold.
const exitIntegrity = 7

// Recover starts the program on a data directory that a fault left and judges it: it starts, or it refuses in order and
// a repair mends it; then everything acknowledged holds, and holds still after an ordinary stop, where `permledger
// verify` judges both copies. The error is [Findings] where something is wrong.
func Recover(ctx context.Context, p *Program, dir string, acks []Ack) (Outcome, error) {
	before, err := snapshot(dir)
	if err != nil {
		return 0, err
	}
	o := Started
	refused := p.session(ctx, dir, acks)
	if _, _, exited := exitOf(refused); exited {
		if found := judgeRefusal(dir, before, refused); len(found) > 0 {
			return o, found
		}
		if o, err = p.repair(ctx, dir); err != nil || o == Lossy {
			return o, err
		}
		if err := p.session(ctx, dir, acks); err != nil {
			return o, Findings{{Unmended, err.Error()}}
		}
	} else if refused != nil {
		return o, refused
	}
	found := Judge(dir, acks)
	found = append(found, p.Verify(ctx, dir, acks)...)
	return o, found.asError()
}

// session starts a server, judges while it runs, and stops it.
func (p *Program) session(ctx context.Context, dir string, acks []Ack) error {
	s, err := p.Serve(dir)
	if err != nil {
		return err
	}
	defer s.Kill()
	if _, err := s.Ready(ctx); err != nil {
		return err
	}
	if err := Judge(dir, acks).asError(); err != nil {
		return err
	}
	if err := s.Stop(); err != nil {
		return fmt.Errorf("it does not stop in order: %s", err)
	}
	return nil
}

// judgeRefusal says what is wrong with a start that was refused: it must end with the code that says so, in one line of
// its own, and leave every file as it was.
func judgeRefusal(dir string, before map[string]string, refused error) (found Findings) {
	code, said, _ := exitOf(refused)
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(said), "\n"), func(line string) bool { return strings.HasPrefix(line, "level=") })
	if code != exitIntegrity || len(lines) != 1 || !strings.HasPrefix(lines[0], "permledger: ") {
		found = append(found, Finding{Silent, fmt.Sprintf("exit %d, and it said: %s", code, said)})
	}
	after, err := snapshot(dir)
	if err != nil {
		return append(found, Finding{Unread, err.Error()})
	}
	changed := changes(before, after)
	if len(changed) > 0 && len(found) == 0 {
		found = append(found, Finding{Unstarted, said})
	}
	for _, change := range changed {
		found = append(found, Finding{Changed, change})
	}
	return found
}

// repair runs `permledger repair`. That it cannot mend everything is an outcome, told by its exit code.
func (p *Program) repair(ctx context.Context, dir string) (Outcome, error) {
	before, err := snapshot(dir)
	if err != nil {
		return Repaired, err
	}
	_, refused := p.Run(ctx, "repair", dir)
	if refused == nil {
		return Repaired, nil
	}
	if _, _, exited := exitOf(refused); !exited {
		return Repaired, refused
	}
	if found := judgeRefusal(dir, before, refused); len(found) > 0 {
		return Lossy, append(found, Finding{Unmended, refused.Error()})
	}
	return Lossy, nil
}

// snapshot gives what every file of a data directory holds, by path, as a digest. Files that only speak of a running
// process do not count: the lock, and what is below run.
func snapshot(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case name == "lock":
			return nil
		case d.IsDir():
			if name == "run" {
				return fs.SkipDir
			}
			all[name+"/"] = "a directory"
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrPermission) {
			all[name] = "unreadable"
			return nil
		}
		if err != nil {
			return err
		}
		all[name] = fmt.Sprintf("%d bytes, %x", len(b), sha256.Sum256(b))
		return nil
	})
	return all, err
}

// changes lists what differs between two snapshots.
func changes(before, after map[string]string) (list []string) {
	for name, was := range before {
		if is, ok := after[name]; !ok {
			list = append(list, name+" is gone")
		} else if is != was {
			list = append(list, fmt.Sprintf("%s had %s, has %s", name, was, is))
		}
	}
	for name, is := range after {
		if _, ok := before[name]; !ok {
			list = append(list, name+" is new: "+is)
		}
	}
	slices.Sort(list)
	return list
}
