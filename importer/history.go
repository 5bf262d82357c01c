package importer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// history is what a role history says so far: it gives each line the id of the role it speaks of, and finds lines that
// contradict those before them.
//
// That is found here and not left to the ledger because the ledger knows only what is so now. In a second run, a line
// that added what was there could be accepted after all, when a later line took it away; so what a file's own lines say
// of each other decides, and it says the same in every run.
type history struct {
	target Target
	source string
	last   time.Time // of the last line; those after it are not earlier
	// By the role's key:
	roles   map[string]*role
	absent  map[string]time.Time   // the latest time of a line for which there was no role
	refused map[string]refusedLine // the last update or deletion that the ledger refused
}

// role is what the file says of a role.
type role struct {
	id          ulid.ULID
	gone        error // why no line can speak of it; nil: it is there
	whole       bool  // the file made it, so it is all that is known below
	title       string
	description string
	stage       string
	permissions map[string]struct{}
}

type refusedLine struct {
	line int
	time time.Time
}

func runHistory(ctx context.Context, in io.Reader, s *sender) error {
	s.history = &history{target: s.target, source: s.opt.Source, roles: map[string]*role{}, absent: map[string]time.Time{}, refused: map[string]refusedLine{}}
	names := map[string]string{}
	l := lines{in: bufio.NewReaderSize(in, 64<<10)}
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return s.flush(ctx)
		}
		if err != nil && !errors.Is(err, errLineTooLong) {
			return err
		}
		if err == nil && blank(line) {
			continue
		}
		r := &record{line: l.number, name: strconv.Itoa(l.number), broken: err}
		if err == nil {
			r.change, r.broken = parseChange(line, names)
		}
		if err := s.add(ctx, r); err != nil {
			return err
		}
	}
}

// convert makes the commands of a line, and takes what it says into the history; r.undo takes it out again. The error
// is the target's.
func (h *history) convert(ctx context.Context, r *record) error {
	r.commands, r.sent, r.attempt, r.size, r.edits, r.undo, r.err = nil, 0, 0, 0, false, nil, r.broken
	c := &r.change
	if r.err == nil && c.time.Before(h.last) {
		r.err = fmt.Errorf("the time goes back: it is %s, an earlier line says %s", c.time.Format(time.RFC3339Nano), h.last.Format(time.RFC3339Nano))
	}
	if r.err != nil {
		if c.op == opCreate && c.role != "" && !h.made(c.role) {
			h.put(r, h.notMade(r)) // lines about it must not reach another role of the key
		}
		return nil
	}
	origin := events.Import{Format: FormatRoleHistory, Source: h.source, Record: r.name, Occurred: c.time}
	if c.op == opCreate {
		h.create(r, origin)
		return nil
	}
	return h.alter(ctx, r, origin)
}

// made says whether the file made the role that has the key. Of others, the ledger knows whether they are there.
func (h *history) made(key string) bool {
	ro := h.roles[key]
	return ro != nil && ro.whole && ro.gone == nil
}

// put puts a role under the key of r until r is undone.
func (h *history) put(r *record, ro *role) {
	key, before, undo := r.change.role, h.roles[r.change.role], r.undo
	h.roles[key] = ro
	r.undo = func() {
		h.roles[key] = before
		if undo != nil {
			undo()
		}
	}
}

// set is put for a good line: time moves on.
func (h *history) set(r *record, ro *role) {
	h.put(r, ro)
	undo, last := r.undo, h.last
	h.last = r.change.time
	r.undo = func() {
		h.last = last
		undo()
	}
}

func (h *history) notMade(r *record) *role {
	return &role{gone: fmt.Errorf("line %d, which makes the role %q, is not recorded", r.line, r.change.role)}
}

func (h *history) create(r *record, origin events.Import) {
	c := &r.change
	if h.made(c.role) {
		r.err = fmt.Errorf("there is a role %q already", c.role)
		return
	}
	if c.time.Before(h.absent[c.role]) { // that line would find this role in a second run
		r.err = fmt.Errorf("a line before speaks of the role %q at a later time", c.role)
		return
	}
	ro := &role{id: events.ThingID("role", origin), whole: true, title: c.role, permissions: make(map[string]struct{}, len(c.permissions))}
	c.texts(ro)
	for _, name := range c.permissions {
		ro.permissions[name] = struct{}{}
	}
	h.set(r, ro)
	d := &events.RoleCreated{Role: ro.id, Key: c.role, Name: ro.title, Description: ro.description, Labels: labels(ro.stage), Permissions: c.permissions}
	parts, size := split(written(d.Name, d.Description, ro.stage), set{&d.Permissions, &d.Parts})
	r.commands, r.size = commands(origin, parts, d), size
}

// texts takes what a line says beside permissions into a role.
func (c *change) texts(ro *role) {
	if c.title != nil {
		if ro.title = *c.title; ro.title == "" {
			ro.title = c.role
		}
	}
	if c.description != nil {
		ro.description = *c.description
	}
	if c.stage != nil {
		ro.stage = *c.stage
	}
}

func labels(stage string) []events.Label {
	if stage == "" {
		return []events.Label{}
	}
	return []events.Label{{Name: "stage", Value: stage}}
}

// alter converts an update or a deletion.
func (h *history) alter(ctx context.Context, r *record, origin events.Import) error {
	c := &r.change
	d := &events.RoleUpdated{Add: c.add, Remove: c.remove}
	var after role // of the texts only
	c.texts(&after)
	parts, size := split(written(after.title, after.description, after.stage), set{&d.Add, &d.AddParts}, set{&d.Remove, &d.RemoveParts})
	origin.Part = uint64(len(parts))
	ro, err := h.find(ctx, r, origin)
	if err != nil || r.err != nil {
		return err
	}
	origin.Part = 0
	if c.op == opDelete {
		h.set(r, &role{gone: fmt.Errorf("line %d deleted the role %q", r.line, c.role)})
		r.commands = commands(origin, nil, &events.RoleDeleted{Role: ro.id})
		return nil
	}
	if r.err = c.fits(ro); r.err != nil {
		return nil
	}
	next := *ro
	c.texts(&next)
	h.update(r, ro, &next)
	r.edits = len(c.add)+len(c.remove) > 0
	if ro.whole && !r.edits && next.title == ro.title && next.description == ro.description && next.stage == ro.stage {
		return nil // unchanged
	}
	d.Role = ro.id
	if c.title != nil {
		d.Name = &after.title
	}
	d.Description = c.description
	if c.stage != nil {
		d.Labels = labels(after.stage)
	}
	r.commands, r.size = commands(origin, parts, d), size
	return nil
}

// find gives the role that a line speaks of. It sets r.err where there is none.
func (h *history) find(ctx context.Context, r *record, of events.Import) (*role, error) {
	c := &r.change
	ro := h.roles[c.role]
	if ro == nil {
		id, ok, err := h.target.Role(ctx, c.role, of)
		if err != nil {
			return nil, fmt.Errorf("line %d: ask for the role %q: %w", r.line, c.role, err)
		}
		// The time in a role's id is when it came to be. A change cannot have occurred before that; and in a second run,
		// what has the key now may be a role that only a later line of this file makes.
		if !ok || id.Time() >= uint64(c.time.UnixMilli()) {
			r.err = fmt.Errorf("there is no role %q at that time", c.role)
			if c.time.After(h.absent[c.role]) {
				h.absent[c.role] = c.time
			}
			return nil, nil
		}
		ro = &role{id: id}
		h.put(r, ro)
	}
	refused := h.refused[c.role]
	switch {
	case ro.gone != nil:
		r.err = fmt.Errorf("there is no role %q: %w", c.role, ro.gone)
	case refused.line > 0 && !c.time.After(refused.time):
		// A second run would try the refused line again, after this one was recorded. Where this one is later, the ledger
		// keeps the order.
		r.err = fmt.Errorf("line %d, of the same role and no earlier, is not recorded, so this one cannot be", refused.line)
	}
	return ro, nil
}

// fits says why a line contradicts what is known of its role.
func (c *change) fits(ro *role) error {
	if !ro.whole {
		return nil
	}
	for _, name := range c.add {
		if _, has := ro.permissions[name]; has {
			return fmt.Errorf("the role %q has %s already", c.role, name)
		}
	}
	for _, name := range c.remove {
		if _, has := ro.permissions[name]; !has {
			return fmt.Errorf("the role %q does not have %s", c.role, name)
		}
	}
	return nil
}

// update takes an update into the history. The sets of permissions are big and change little: they are changed in place.
func (h *history) update(r *record, ro, after *role) {
	c := &r.change
	h.set(r, after)
	if !ro.whole {
		return
	}
	change := func(add, remove []string) {
		for _, name := range add {
			ro.permissions[name] = struct{}{}
		}
		for _, name := range remove {
			delete(ro.permissions, name)
		}
	}
	change(c.add, c.remove)
	back := r.undo
	r.undo = func() {
		change(c.remove, c.add)
		back()
	}
}

// missed notes that a line was not recorded, after it was undone.
func (h *history) missed(r *record) {
	c := &r.change
	if c.op == opCreate {
		h.roles[c.role] = h.notMade(r)
		return
	}
	h.refused[c.role] = refusedLine{r.line, c.time}
}
