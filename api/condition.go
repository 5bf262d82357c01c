package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/history"
)

const (
	// mostBehind is how many entries back a condition may look where no index says which are about a thing. Whoever looked
	// so long ago looks again.
	mostBehind = 5_000
	// mostChanges is how many entries a caller is told of that changed what it went by.
	mostChanges = 50
)

// ifMatch reads the position that a change goes by: the one in an entity tag of an answer, or alone in quotes. ok is false
// where the change goes by none.
func (c *call) ifMatch() (seq uint64, ok bool, err error) {
	fields := c.Header.Values("If-Match")
	if len(fields) == 0 {
		return 0, false, nil
	}
	text := strings.Join(fields, ",")
	inner, quoted := strings.CutPrefix(text, `"`)
	inner, ends := strings.CutSuffix(inner, `"`)
	number, _, _ := strings.Cut(inner, "-")
	seq, bad := strconv.ParseUint(number, 10, 53)
	if !quoted || !ends || bad != nil {
		p := badRequest("If-Match is " + clip(text) + ", which is no ETag of an answer with a position")
		p.Hint = `Send the ETag of what was read, or the position that the change goes by in quotes, as "42"`
		return 0, false, p
	}
	head := c.org.Access.Head().Position
	if seq > head+mostBehind {
		return 0, false, badRequest(fmt.Sprintf("If-Match names the position %d; the last is %d", seq, head))
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait) // another node may have shown what is not here yet
	defer cancel()
	return seq, true, c.reached(ctx, seq)
}

// under puts requests under the condition of the call, if it has one: that nobody else recorded something about the same
// things since. What is known to be otherwise is said at once, of the request whose number is given. thing is what they are
// about; empty: each says it itself.
func (c *call) under(requests []ledger.Request, thing string) (int, error) {
	seq, ok, err := c.ifMatch()
	if err != nil || !ok {
		return 0, err
	}
	if c.mine == nil {
		c.mine = map[ulid.ULID]bool{}
	}
	for i := range requests {
		c.mine[requests[i].Command.ID] = true
	}
	mine := maps.Clone(c.mine) // the ledger looks at it in a goroutine of its own
	for i := range requests {
		about := thing
		if about == "" {
			if _, part := requests[i].Command.Data.(*events.PermissionsRecorded); part {
				continue // of the command that follows it
			}
			about = requests[i].Command.Data.About()
		}
		head := c.org.Access.Head().Position
		if err := c.unchanged(seq, head, about); err != nil {
			return i, err
		}
		requests[i].If = &ledger.Condition{Behind: head, Not: func(e *events.Event) bool { return e.Data.About() == about && !mine[e.ID] }}
	}
	return 0, nil
}

// unchanged gives the problem of a change that goes by the position seq, where entries up to head stand in its way.
func (c *call) unchanged(seq, head uint64, about string) error {
	q := history.Query{From: seq + 1, To: head, Newest: true}
	kind, name, _ := strings.Cut(about, "/")
	id, err := ulid.ParseStrict(name)
	switch {
	case seq >= head:
		return nil
	case err == nil && kind == "role":
		q.Role = id
	case err == nil && kind == "subject":
		q.Subject = id
	case head-seq > mostBehind:
		p := problemOf(http.StatusPreconditionFailed, wire.CodeChanged, fmt.Sprintf("The change goes by position %d, and the ledger is at %d: what happened since is not looked for", seq, head))
		p.Hint, p.At = "Read again what the change goes by", head
		return p
	}
	found, _ := c.org.History.Find(q)
	var changes []wire.Item
	for _, at := range found {
		en, err := c.entry(at)
		if err != nil {
			return err
		}
		if en.Event.Data.About() != about || c.mine[en.Event.ID] {
			continue
		}
		if !c.readsThing(kind, id) { // it asked for a change, and may not look: that there was one is all it is told
			p := problemOf(http.StatusPreconditionFailed, wire.CodeChanged,
				fmt.Sprintf("What the change is about was changed at position %d, and the change goes by position %d: nothing was recorded", at, seq))
			p.At = at
			return p
		}
		item, err := c.item(at)
		if err != nil {
			return err
		}
		if action := c.levels().needs(en.Event.Actor); action != "" { // what it did is told; who it was is for those who may read that
			item.Actor, item.Reason, item.Import = "", "", nil
		}
		if changes = append(changes, item); len(changes) == mostChanges {
			break
		}
	}
	if len(changes) == 0 {
		return nil
	}
	last := changes[0]
	by := ""
	if last.Actor != "" {
		by = " by " + last.Actor
	}
	p := problemOf(http.StatusPreconditionFailed, wire.CodeChanged,
		fmt.Sprintf("%s was changed%s at position %d, and the change goes by position %d: nothing was recorded", last.About, by, last.Seq, seq))
	p.Hint, p.At, p.Changes = "Look at what was changed, read it again, and decide anew", last.Seq, changes
	return p
}

// readsThing says whether the caller may read what events of a kind are about.
func (c *call) readsThing(kind string, id ulid.ULID) (ok bool) {
	if c.caller.Kind == LocalOperator || kind == "subject" && id == c.subject {
		return true
	}
	action := map[string]string{"role": rules.ActionRolesRead, "subject": rules.ActionSubjectsRead}[kind]
	c.org.Fold.Read(func(s *rules.State) {
		ok = action != "" && s.May(c.subject, action, "", c.now) || s.May(c.subject, rules.ActionHistoryRead, "", c.now)
	})
	return ok
}

// cameBetween explains why a condition did not hold when the command was judged. Other errors stay what they are.
func (c *call) cameBetween(about string, failed error) error {
	changed := (*ledger.ChangedError)(nil)
	if !errors.As(failed, &changed) {
		return failed
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait)
	defer cancel()
	if err := c.reached(ctx, changed.At); err != nil {
		return err
	}
	seq, _, err := c.ifMatch()
	if err == nil {
		err = c.unchanged(seq, c.org.Access.Head().Position, about)
	}
	if err == nil { // it was decided on, and another node's came in its place
		err = fmt.Errorf("%w: %w", ledger.ErrWait, failed)
	}
	return err
}
