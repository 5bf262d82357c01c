package api

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/permledger/permledger/internal/synced"
)

// When an API key was used last is known to the node that it was used at, not to the ledger: reading is no event. It is known
// to ten minutes, and kept at most once a minute, so that it costs requests next to nothing. A crash loses the newest.
const (
	usedWithin = 10 * time.Minute
	usedKept   = time.Minute
)

// lastUse knows when keys were used last, by organization and did:key. It is safe for concurrent use.
type lastUse struct {
	dir  string   // the data directory
	orgs sync.Map // from organization to *orgUse
	fail func(error)
}

type orgUse struct {
	file string
	keys sync.Map // from did:key to *atomic.Int64: seconds since 1970

	mu   sync.Mutex
	kept time.Time
}

func (l *lastUse) in(org string) *orgUse {
	if found, ok := l.orgs.Load(org); ok {
		return found.(*orgUse)
	}
	one := &orgUse{file: filepath.Join(l.dir, "orgs", org, "used.json")}
	b, err := os.ReadFile(one.file)
	var was map[string]time.Time
	if err == nil {
		err = json.Unmarshal(b, &was)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.fail(err)
	}
	for did, at := range was {
		n := new(atomic.Int64)
		n.Store(at.Unix())
		one.keys.Store(did, n)
	}
	found, _ := l.orgs.LoadOrStore(org, one)
	return found.(*orgUse)
}

// note says that a key was used.
func (l *lastUse) note(org, did string, now time.Time) {
	one := l.in(org)
	at := now.Truncate(usedWithin).Unix()
	found, ok := one.keys.Load(did)
	if !ok {
		found, _ = one.keys.LoadOrStore(did, new(atomic.Int64))
	}
	if n := found.(*atomic.Int64); n.Load() >= at || n.Swap(at) >= at {
		return
	}
	if err := one.keep(now); err != nil {
		l.fail(err)
	}
}

// keep writes what is known, unless that was done just now.
func (o *orgUse) keep(now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.kept) < usedKept {
		return nil
	}
	o.kept = now
	all := map[string]time.Time{}
	o.keys.Range(func(did, n any) bool {
		all[did.(string)] = time.Unix(n.(*atomic.Int64).Load(), 0).UTC()
		return true
	})
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return synced.Replace(o.file, append(b, '\n'), 0o600)
}

// of gives when a key was used last; zero: not that it were known.
func (l *lastUse) of(org, did string) time.Time {
	if n, ok := l.in(org).keys.Load(did); ok {
		return time.Unix(n.(*atomic.Int64).Load(), 0)
	}
	return time.Time{}
}
