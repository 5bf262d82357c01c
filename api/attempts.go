package api

import (
	"cmp"
	"sync"
	"time"
)

// Attempts to sign in. A name has attemptsFree tries that fail one after the other; then each try has to wait, twice as
// long as the one before, attemptsMost at most. A name that nobody has is counted like one that somebody has. Whoever tries in the name of
// others can so make them wait, but for no longer than attemptsMost; an API key does not wait.
const (
	attemptsFree  = 5
	attemptsFirst = 2 * time.Second
	attemptsMost  = 5 * time.Minute
	attemptsKept  = time.Hour // after the last one that failed they are forgotten
	attemptsNames = 1 << 16   // are counted; beyond, the longest ago are forgotten
)

// addressFree is attemptsFree of an address of another machine, which several people may share.
const addressFree = 30

// attempts counts failed attempts by name, or by address. Its zero value has none. It is safe for concurrent use.
type attempts struct {
	free   int // that need not wait; 0: attemptsFree
	mu     sync.Mutex
	failed map[string]*failures
}

type failures struct {
	count int
	last  time.Time
}

func (f *failures) until(free int) time.Time {
	if f.count < free {
		return f.last
	}
	wait := attemptsFirst
	for range f.count - free {
		if wait *= 2; wait >= attemptsMost {
			wait = attemptsMost
			break
		}
	}
	return f.last.Add(wait)
}

// begin counts an attempt as failed, until [attempts.succeeded] says otherwise: so that many at once are counted before any
// of them is answered. It gives how long the name has to wait, and counts nothing, where it is too early.
func (a *attempts) begin(name string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = map[string]*failures{}
	}
	f := a.failed[name]
	if f != nil && now.Sub(f.last) >= attemptsKept {
		f = nil
	}
	if f != nil {
		if wait := f.until(cmp.Or(a.free, attemptsFree)).Sub(now); wait > 0 {
			return wait
		}
	} else {
		a.shed(now)
		f = &failures{}
		a.failed[name] = f
	}
	f.count, f.last = f.count+1, now
	return 0
}

func (a *attempts) succeeded(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.failed, name)
}

// forgive takes one attempt back: of an address, for who knows one password must not try others the more for it.
func (a *attempts) forgive(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.failed[name]; f != nil && f.count > 0 {
		f.count--
	}
}

// shed makes room for another name.
func (a *attempts) shed(now time.Time) {
	if len(a.failed) < attemptsNames {
		return
	}
	oldest, at := "", now
	for name, f := range a.failed {
		if now.Sub(f.last) >= attemptsKept {
			delete(a.failed, name)
		} else if !f.last.After(at) {
			oldest, at = name, f.last
		}
	}
	if len(a.failed) >= attemptsNames {
		delete(a.failed, oldest)
	}
}
