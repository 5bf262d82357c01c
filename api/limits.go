package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/time/rate"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
)

// Rate is how often something may be done: so many times a second in the long run, and Burst times at once. The zero Rate
// does not bound.
type Rate struct {
	PerSecond float64
	Burst     int
}

// ErrRate says that a text is no rate.
var ErrRate = errors.New("a rate is how many a second, as 50, or with how many at once, as 50:200")

// ParseRate reads a rate: N, or N:BURST. A burst that is not said is that of one second, at least 1. Empty is the zero Rate.
func ParseRate(text string) (Rate, error) {
	if text == "" {
		return Rate{}, nil
	}
	each, most, has := strings.Cut(text, ":")
	n, err := strconv.ParseFloat(each, 64)
	if err != nil || n <= 0 || n > 1e9 || math.IsNaN(n) {
		return Rate{}, fmt.Errorf("%q: %w", text, ErrRate)
	}
	r := Rate{n, max(1, int(math.Ceil(n)))}
	if has {
		if r.Burst, err = strconv.Atoi(most); err != nil || r.Burst < 1 {
			return Rate{}, fmt.Errorf("%q: %w", text, ErrRate)
		}
	}
	return r, nil
}

// Limits bound what callers and organizations take of a server. Zero does not bound. The node's operator is not bound.
//
// What comes faster than a rate waits for its turn, for [patience] at most: a flood whose senders wait for answers is slowed
// down, and takes no time of others. What would have to wait longer is refused with 429, and when to come again.
type Limits struct {
	CallerReads  Rate // requests and decisions of each caller in an organization
	CallerWrites Rate // commands of each
	Reads        Rate // of all callers of an organization together
	Writes       Rate

	// Storage is how many bytes the entries of an organization may take. With more, what takes away is recorded still.
	Storage uint64
}

const (
	// patience is how long a request waits for its turn.
	patience = time.Second
	// streamPatience is how long one waits for those of its commands that have come together.
	streamPatience = time.Minute
	// mostPatient is how many requests of an organization wait for their turn at a time.
	mostPatient = 256
	// mostLimited is for how many callers it is remembered what they did, before those who did little are forgotten.
	mostLimited = 10_000
)

// limited is whose rate it is. Without a caller it is the organization's.
type limited struct {
	org, caller string
	writes      bool
}

// limits holds a server's callers to its limits. It is safe for concurrent use.
type limits struct {
	Limits

	mu      sync.Mutex
	of      map[limited]*rate.Limiter
	waiting map[string]int // by organization
}

// bounds says whether reads, or writes, are bounded at all.
func (l *limits) bounds(writes bool) bool {
	if writes {
		return l.CallerWrites != Rate{} || l.Writes != Rate{}
	}
	return l.CallerReads != Rate{} || l.Reads != Rate{}
}

// guest is the caller of those who do not say who they are. What they do is not counted against the organization: else they
// could keep its own callers out.
const guest = ""

// reserve takes n turns, and gives how long to wait for them. Where that is longer than most, nothing is taken.
func (l *limits) reserve(org, caller string, writes bool, n int, now time.Time, most time.Duration) (wait time.Duration, ok bool) {
	each, all := l.CallerReads, l.Reads
	if writes {
		each, all = l.CallerWrites, l.Writes
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var taken []*rate.Reservation
	take := func(who limited, r Rate) {
		if r == (Rate{}) {
			return
		}
		for left := n; left > 0; left -= r.Burst { // more than one burst waits for as many
			one := l.limiter(who, r, now).ReserveN(now, min(left, r.Burst))
			taken = append(taken, one)
			wait = max(wait, one.DelayFrom(now))
		}
	}
	take(limited{org, caller, writes}, each)
	if caller != guest {
		take(limited{org: org, writes: writes}, all)
	}
	ok = wait == 0 || wait <= most && l.waiting[org] < mostPatient
	switch {
	case !ok:
		for _, one := range taken {
			one.CancelAt(now)
		}
	case wait > 0:
		l.waiting[org]++
	}
	return wait, ok
}

// limiter gives the limiter of somebody. The lock is held.
func (l *limits) limiter(who limited, r Rate, now time.Time) *rate.Limiter {
	if l.of == nil {
		l.of, l.waiting = map[limited]*rate.Limiter{}, map[string]int{}
	}
	if one := l.of[who]; one != nil {
		return one
	}
	if len(l.of) >= mostLimited {
		for other, one := range l.of {
			if one.TokensAt(now) >= float64(one.Burst()) { // it would begin anew as it is
				delete(l.of, other)
			}
		}
	}
	one := rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
	l.of[who] = one
	return one
}

// take waits for n turns, for as long as most says. The error is a problem that says when to come again.
func (l *limits) take(ctx context.Context, org, caller string, writes bool, n int, most time.Duration) error {
	if n <= 0 || !l.bounds(writes) {
		return nil
	}
	wait, ok := l.reserve(org, caller, writes, n, time.Now(), most)
	if !ok {
		what := "Requests"
		if writes {
			what = "Commands"
		}
		p := problemOf(http.StatusTooManyRequests, wire.CodeTooFast, what+" come faster here than the caller, or all callers of the organization together, may send them")
		p.retryAfter = max(1, int(math.Ceil(wait.Seconds())))
		p.Hint = fmt.Sprintf("Send fewer at a time; try again in %d s", p.retryAfter)
		return p
	}
	if wait == 0 {
		return nil
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.waiting[org]--; l.waiting[org] == 0 {
			delete(l.waiting, org)
		}
	}()
	turn := time.NewTimer(wait)
	defer turn.Stop()
	select {
	case <-turn.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// limitedAs names a caller for limits; bound is false for whoever has none.
func (c *call) limitedAs() (name string, bound bool) {
	if c.org == nil || c.caller.Kind == LocalOperator {
		return "", false
	}
	if c.route.Open {
		return guest, true
	}
	return c.name(), true
}

// slow holds a request to the rates of reading.
func (c *call) slow() error {
	name, bound := c.limitedAs()
	if !bound {
		return nil
	}
	return c.server.limits.take(c.Context(), c.org.ID, name, false, 1, patience)
}

// slow holds n decisions to the rates of reading.
func (p *point) slow(n int) error {
	if !p.s.limits.bounds(false) || p.subject == (ulid.ULID{}) { // the operator
		return nil
	}
	return p.s.limits.take(p.r.Context(), p.org.ID, p.subject.String(), false, n, patience)
}

// admit holds commands to the limits, those of requests of their own for as long as patience lasts. An error is of the
// request whose number is given: those before it may be recorded.
func (c *call) admit(requests []ledger.Request, most time.Duration) (int, error) {
	name, bound := c.limitedAs()
	if !bound {
		return 0, nil
	}
	if at, err := c.fits(requests); err != nil {
		return at, err
	}
	return 0, c.server.limits.take(c.Context(), c.org.ID, name, true, len(requests), most)
}

// fits refuses what gives where the organization's entries take as much as they may.
func (c *call) fits(requests []ledger.Request) (int, error) {
	most := c.server.limits.Storage
	if most == 0 {
		return 0, nil
	}
	have, err := c.org.Stored()
	if err != nil || have < most {
		return 0, err
	}
	for i := range requests {
		if !takesAway(requests[i].Command.Data) {
			p := problemOf(http.StatusForbidden, wire.CodeStorage,
				fmt.Sprintf("The organization's entries take %d bytes, and may take %d: only what takes rights away is recorded now", have, most))
			p.Hint = "Ask the operator of the server for more"
			return i, p
		}
	}
	return 0, nil
}

// takesAway says whether a command only takes away what somebody has or may, or says that a key is not to be trusted. It is
// recorded however much an organization has.
func takesAway(d events.Data) bool {
	switch d.(type) {
	case *events.AccessUnassigned, *events.AgentRemoved, *events.InvestorDisqualified, *events.KeyReported, *events.KeyRevoked, *events.KeyRotated,
		*events.KeySucceeded, *events.PermissionRevoked, *events.RecoveryStopped, *events.ResourceRemoved, *events.RoleDeleted, *events.RoleRevoked,
		*events.SubjectDeactivated, *events.SubjectErased, *events.SubjectRemoved, *events.WalletBlocked:
		return true
	}
	return false
}
