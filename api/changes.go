package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/changes"
)

// changesFilter are the parameters that restrict changes.
var changesFilter = []string{"kind", "type", "subject", "role", "permission"}

func changesRoutes() []Route {
	const org = "/v1/orgs/{org}"
	return []Route{
		{Method: http.MethodGet, Path: org + "/changes", Action: rules.ActionHistoryRead,
			Query:    append([]string{"from", "since", "limit", "wait"}, changesFilter...),
			endpoint: stream(mediaJSON, reflect.TypeFor[wire.Changes](), getChanges),
			Summary:  "Who gained and lost which permission on what, and why: a page, which wait=30s has wait for the first that fits, or server-sent events to who accepts them"},
		{Method: http.MethodGet, Path: org + "/changes/{position}", Action: rules.ActionHistoryRead, Query: []string{"cursor", "at_least"},
			endpoint: answer(getChange),
			Summary:  "What one entry changed, with the holders of its role, page by page"},
	}
}

// Bounds of pages of changes.
const (
	changesPage    = 100   // messages, where no limit is given
	maxChangesPage = 1_000 // messages
	changesScan    = 5_000 // entries that are looked at for one page
	changesBytes   = 4 << 20
	maxChangesWait = time.Minute
	holdersPage    = 2_000 // permissions of holders, about
)

// fits says whether a message is one that a caller asked for.
type fits func(*shown) bool

// filter reads the parameters that restrict changes.
func (c *call) filter() (fits, error) {
	now := c.org.Access.Now(c.now)
	kind, typ, permission := changes.Kind(c.query.Get("kind")), c.query.Get("type"), c.query.Get("permission")
	if kind != "" && !slices.Contains(changes.Kinds(), kind) {
		return nil, badRequest(fmt.Sprintf("kind is %q; there are %s", clip(string(kind)), kindNames()))
	}
	if _, known := events.New(events.Type(typ)); typ != "" && !known {
		return nil, badRequest(fmt.Sprintf("There is no type of event %q", clip(typ)))
	}
	var subject, role ulid.ULID
	var err error
	if name := c.query.Get("subject"); name != "" {
		if subject, err = c.anySubject(name, now); err != nil {
			return nil, err
		}
	}
	if name := c.query.Get("role"); name != "" {
		if role, err = c.anyRole(name, now); err != nil {
			return nil, err
		}
	}
	x := c.org.Access
	return func(s *shown) bool {
		m := &s.message
		switch {
		case kind != "" && m.Kind != kind, typ != "" && m.Type != typ:
			return false
		case role != (ulid.ULID{}) && !ofRole(s.entry.Event.Data, m, role):
			return false
		case permission != "" && !ofPermission(m, permission):
			return false
		case subject != (ulid.ULID{}) && m.About != "subject/"+subject.String():
			_, is := x.EffectFor(s.entry.Event, subject)
			return is
		}
		return true
	}, nil
}

func kindNames() string {
	var names []string
	for _, k := range changes.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func ofRole(d events.Data, m *changes.Message, role ulid.ULID) bool {
	if set, ok := d.(*events.RolesSet); ok {
		return slices.Contains(set.Added, role) || slices.Contains(set.Removed, role)
	}
	return m.Role != nil && m.Role.ID == role.String()
}

// ofPermission says whether a message is about a permission, named with or without its catalogue. It need not be one that
// there is: catalogues change.
func ofPermission(m *changes.Message, name string) bool {
	is := func(have string) bool {
		return have == name || have[strings.LastIndexByte(have, ':')+1:] == name
	}
	if m.Role != nil && (slices.ContainsFunc(m.Role.Added, is) || slices.ContainsFunc(m.Role.Removed, is)) {
		return true
	}
	for _, s := range m.Subjects {
		for _, list := range [][]changes.Held{s.Gained, s.Lost, s.Changed} {
			if slices.ContainsFunc(list, func(h changes.Held) bool { return is(h.Permission) }) {
				return true
			}
		}
	}
	return false
}

// begin gives the position that changes are asked for from.
func (c *call) begin(otherwise uint64) (uint64, error) {
	if !c.query.Has("since") {
		from, err := c.number("from", otherwise)
		return max(from, 1), err
	}
	at, err := time.Parse(time.RFC3339Nano, c.query.Get("since"))
	if c.query.Has("from") || err != nil {
		return 0, badRequest("since is an instant like 2026-10-28T07:44:00Z, in the place of from")
	}
	before, _ := c.org.Access.AtTime(at.Add(-time.Millisecond))
	return before.Position + 1, nil
}

func getChanges(c *call, w http.ResponseWriter) error {
	fit, err := c.filter()
	if err != nil {
		return err
	}
	if !accepts(c.Request, mediaEvents) {
		return c.changesPage(w, fit)
	}
	for _, name := range []string{"limit", "wait"} {
		if c.query.Has(name) {
			return badRequest("A stream of events has no end: " + name + " is for pages")
		}
	}
	next, err := c.begin(c.org.Access.Head().Position + 1)
	if err == nil {
		next, err = c.lastEvent(next)
	}
	if err != nil {
		return err
	}
	h := c.server.hubs.of(c.org)
	return c.follow(w, next, mediaEvents, func(out *lineWriter, position uint64) error {
		s, err := h.at(position)
		if err != nil || !fit(s) {
			return err
		}
		out.buffer.Write(s.event)
		return out.some()
	})
}

// changesPage answers with the changes from a position on. Where none fits it waits, as long as the caller wants.
func (c *call) changesPage(w http.ResponseWriter, fit fits) error {
	limit, err := c.limit(changesPage, maxChangesPage)
	if err != nil {
		return err
	}
	var wait time.Duration
	if text := c.query.Get("wait"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > maxChangesWait {
			return badRequest(fmt.Sprintf("wait is %q; it goes from 0s to %v", clip(text), maxChangesWait))
		}
	}
	otherwise := uint64(1)
	if wait > 0 {
		otherwise = c.org.Access.Head().Position + 1
	}
	next, err := c.begin(otherwise)
	if err != nil {
		return err
	}
	page := &changesSoFar{call: c, hub: c.server.hubs.of(c.org), fit: fit, next: next, limit: limit}
	if err := page.take(); err != nil {
		return err
	}
	if len(page.items) == 0 && wait > 0 {
		leave, err := c.enterStream()
		if err != nil {
			return err
		}
		defer leave()
		if err := page.await(wait); err != nil {
			return err
		}
	}
	writeJSON(w, mediaJSON, http.StatusOK, page.answer())
	return nil
}

// changesSoFar is a page on its way.
type changesSoFar struct {
	*call
	hub   *hub
	fit   fits
	next  uint64
	limit int
	items []json.RawMessage
	bytes int
}

// take adds what there is, up to the bounds of a page.
func (p *changesSoFar) take() error {
	for looked := 0; p.next <= p.org.Access.Head().Position && len(p.items) < p.limit && p.bytes < changesBytes && looked < changesScan; looked++ {
		s, err := p.hub.at(p.next)
		if err != nil {
			return err
		}
		if p.next++; p.fit(s) {
			p.items, p.bytes = append(p.items, s.bytes), p.bytes+len(s.bytes)
		}
	}
	return nil
}

// await waits for the first that fits. Whoever may not read it any more gets nothing of what came since.
func (p *changesSoFar) await(wait time.Duration) error {
	ctx, cancel := context.WithTimeout(p.Context(), wait)
	defer cancel()
	look := time.NewTicker(authEvery)
	defer look.Stop()
	for {
		changed := p.org.Changed()
		err := p.take()
		if !p.stillMay() { // asked after the entries were read, so that none is behind the one that took the right away
			return stranger(p.caller)
		}
		if err != nil || len(p.items) > 0 {
			return err
		}
		select {
		case <-changed:
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// answer gives the page. It is a wire.Changes whose messages are in their exact bytes.
func (p *changesSoFar) answer() any {
	return struct {
		Items []json.RawMessage `json:"items"`
		Next  uint64            `json:"next"`
		Head  uint64            `json:"head"`
	}{append([]json.RawMessage{}, p.items...), p.next, p.org.Access.Head().Position}
}

func getChange(c *call) (wire.ChangeInFull, error) {
	var full wire.ChangeInFull
	at, err := strconv.ParseUint(c.PathValue("position"), 10, 53)
	if err != nil || at == 0 || at > c.org.Access.Head().Position {
		return full, problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is no entry %s", clip(c.PathValue("position"))))
	}
	s, err := c.server.hubs.of(c.org).at(at)
	if err != nil {
		return full, err
	}
	var behind ulid.ULID
	if cursor := c.query.Get("cursor"); cursor != "" {
		if behind, err = ulid.ParseStrict(cursor); err != nil {
			return full, badRequest("The cursor is not one that this answered with")
		}
	}
	full.Change, full.Subjects = wireChange(s.message), []wire.ChangedHolder{}
	if s.message.Holders == nil {
		return full, nil
	}
	list, more := c.org.Access.EffectOn(s.entry.Event, behind, holdersPage)
	for _, one := range changes.OfSubjects(list) {
		full.Subjects = append(full.Subjects, wireHolder(one))
	}
	if more && len(list) > 0 {
		full.Next = list[len(list)-1].Subject.String()
	}
	return full, nil
}

func wireChange(m changes.Message) wire.ChangeMessage {
	out := wire.ChangeMessage{
		Position: m.Position, CID: m.CID, Time: m.Time, Kind: string(m.Kind), Type: m.Type, About: m.About, By: m.By, Recheck: m.Recheck,
		Role: (*wire.ChangedRole)(m.Role), Holders: (*wire.Elsewhere)(m.Holders), Cut: (*wire.Elsewhere)(m.Cut),
	}
	for _, s := range m.Subjects {
		out.Subjects = append(out.Subjects, wireHolder(s))
	}
	return out
}

func wireHolder(s changes.OfSubject) wire.ChangedHolder {
	held := func(list []changes.Held) []wire.HeldChange {
		var out []wire.HeldChange
		for _, h := range list {
			out = append(out, wire.HeldChange(h))
		}
		return out
	}
	return wire.ChangedHolder{
		Subject: s.Subject, ID: s.ID, Kind: s.Kind, Owner: s.Owner, Gained: held(s.Gained), Lost: held(s.Lost), Changed: held(s.Changed),
	}
}
