package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/client/pin"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/node"
)

// pinsOff is the value of PERMLEDGER_PINS that keeps nothing.
const pinsOff = "off"

// pinsDir gives where checkpoints are kept; empty: nowhere.
func (a *app) pinsDir() string {
	switch dir := a.p.Env("PERMLEDGER_PINS"); dir {
	case "":
	case pinsOff:
		return ""
	default:
		return dir
	}
	if state := a.p.Env("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "permledger", "pins")
	}
	if home := a.p.Env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "permledger", "pins")
	}
	return ""
}

// pins gives the checkpoints that are kept; nil where none are. far says that the ledger is somebody else's: its first
// checkpoint is then worth a line.
func (a *app) pins(far bool) (*pin.Pins, error) {
	dir := a.pinsDir()
	o := pin.Options{Warn: func(err error) { a.say("permledger: %v", err) }}
	if text := a.p.Env("PERMLEDGER_PATIENCE"); text != "" {
		var err error
		if o.Patience, err = time.ParseDuration(text); err != nil || o.Patience <= 0 {
			return nil, usage("PERMLEDGER_PATIENCE=%s: a duration, as 5s", text)
		}
	}
	if a.trust != "" {
		text, err := os.ReadFile(a.trust)
		if err != nil {
			return nil, usage("--trust: %w", err)
		}
		if o.Policy, err = note.ParsePolicy(text); err != nil {
			return nil, usage("--trust %s: %w", a.trust, err)
		}
	}
	if a.maxAge != "" {
		var err error
		if o.MaxAge, err = time.ParseDuration(a.maxAge); err != nil || o.MaxAge <= 0 {
			return nil, usage("--max-age %s: a duration, as 24h", a.maxAge)
		}
		if o.Policy == nil {
			return nil, usage("--max-age: witnesses say how old a checkpoint is; name yours with --trust FILE")
		}
		if o.Policy.Quorum == note.None {
			return nil, usage("--max-age: the policy %s asks for no witness, and nobody else says how old a checkpoint is", a.trust)
		}
	}
	if dir == "" {
		if o.Policy != nil {
			return nil, usage("--trust: checkpoints are not kept; say where with PERMLEDGER_PINS")
		}
		return nil, nil
	}
	if far {
		o.First = func(c note.Checkpoint, key note.Key) {
			a.say("first contact with %s: its checkpoint of %s is kept in %s, and it may only grow from now on", c.Origin, count(int(c.Size), "event", "events"), dir)
		}
	}
	return pin.Open(dir, o), nil
}

// pinning lets a session keep checkpoints of the ledgers at a place, a URL or a directory.
func (a *app) pinning(s *session, place string, far bool) (*session, error) {
	if s == nil || s.throwaway {
		return s, nil
	}
	pins, err := a.pins(far)
	if err != nil || pins == nil {
		return s, err
	}
	s.Client = s.Pinned(pins, place)
	return s, nil
}

// place names a data directory in pins.
func place(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	if whole, err := filepath.EvalSymlinks(abs); err == nil {
		return whole
	}
	return abs
}

// unpinned says that new ledgers are in a directory, so that what is kept of others that were there is no measure of them.
func (a *app) unpinned(dir string, organizations ...string) error {
	pins, err := a.pins(false)
	if err != nil || pins == nil {
		return err
	}
	for _, org := range append(organizations, node.Operator) {
		if err := pins.Moved(client.PlaceOf(place(dir), org)); err != nil {
			return err
		}
	}
	return nil
}

// pinnedLedger is a line of the answer of pin ls.
type pinnedLedger struct {
	Origin string   `json:"origin"`
	Size   uint64   `json:"size"`
	Root   string   `json:"root"`
	Places []string `json:"places"`
	Note   string   `json:"note"`
}

func (a *app) pinCommand() *cobra.Command {
	ls := a.answers(&cobra.Command{
		Use:   "ls",
		Short: "List the checkpoints that are kept",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			pins, err := a.kept()
			if err != nil {
				return err
			}
			all, err := pins.All()
			if err != nil {
				return err
			}
			list := []pinnedLedger{}
			for _, k := range all {
				_, c, err := note.ReadCheckpoint([]byte(k.Checkpoint))
				if err != nil {
					return err
				}
				list = append(list, pinnedLedger{k.Origin, c.Size, fmt.Sprintf("%x", c.Root), k.Places, k.Checkpoint})
			}
			return a.answer(list, func(w io.Writer) error {
				t := table{}
				t.row("LEDGER", "SIZE", "ROOT", "SEEN AT")
				for _, k := range list {
					t.row(k.Origin, fmt.Sprint(k.Size), k.Root[:16]+"…", strings.Join(k.Places, " "))
				}
				return t.writeTo(w, "")
			})
		},
	})
	forget := &cobra.Command{
		Use:   "forget LEDGER|URL|DIR",
		Short: "Forget a checkpoint: the next contact with the ledger is the first",
		Long: `Forget what is kept of a ledger, by its name (HOST/ORG), or by the URL or directory that it was met at. The next
contact is the first: whatever it shows then is believed. Do that only when you know why the ledger went back, as after
"permledger repair --accept-loss" or when you made it anew.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			pins, err := a.kept()
			if err != nil {
				return err
			}
			n, err := pins.Forget(args[0])
			if err != nil {
				return err
			}
			for _, org := range []string{cmp.Or(a.org, "main"), node.Operator} {
				more, err := pins.Forget(client.PlaceOf(strings.TrimSuffix(args[0], "/"), org))
				if err != nil {
					return err
				}
				if n += more; strings.Contains(args[0], "://") {
					continue
				}
				if more, err = pins.Forget(client.PlaceOf(place(args[0]), org)); err != nil {
					return err
				}
				n += more
			}
			if n == 0 {
				return exit(exitNotFound, "nothing is kept of %s; `permledger pin ls` lists what is", args[0])
			}
			a.say("%s forgotten", count(n, "checkpoint", "checkpoints"))
			return nil
		},
	}
	return group("pin", "List and forget the checkpoints that are kept of ledgers: see `permledger help pins`", ls, forget)
}

// kept gives the checkpoints that are kept, where any are.
func (a *app) kept() (*pin.Pins, error) {
	pins, err := a.pins(false)
	if err == nil && pins == nil {
		err = usage("no checkpoints are kept: PERMLEDGER_PINS is off, or there is no home directory")
	}
	return pins, err
}
