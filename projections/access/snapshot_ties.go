package access

import (
	"maps"
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

func (x *Index) appendTies(b []byte) []byte {
	b = snapshot.AppendCount(b, len(x.ties))
	last := uint32(0)
	for _, at := range slices.Sorted(maps.Keys(x.ties)) {
		t := x.ties[at]
		b, last = snapshot.AppendUint(b, uint64(at-last)), at
		b = snapshot.AppendBool(snapshot.AppendString(b, t.condition.String()), t.passed)
		if t.passed {
			b = snapshot.AppendUint(snapshot.AppendBool(b, t.keep), uint64(t.by))
			b = snapshot.AppendUint(snapshot.AppendUint(b, uint64(t.line)), t.from)
		}
	}
	return b
}

func (r *restorer) ties() {
	last := uint64(0)
	for range r.Count(3) {
		last = r.after(last)
		text := r.String()
		t := &tie{passed: r.Bool()}
		if text != "" {
			c, err := events.ParseCondition(text)
			if err != nil || c.String() != text {
				r.Fail("a condition has another spelling")
			}
			t.condition = c
		} else if !t.passed {
			r.Fail("a grant holds under nothing")
		}
		if t.passed {
			t.keep, t.by = r.Bool(), r.below(r.x.subjects.len())
			t.line, t.from = r.below(r.x.lines.len()), r.Below(last)
			if t.from == 0 {
				r.Fail("a grant is passed on from none")
			}
		}
		if r.Err() != nil {
			return
		}
		r.x.ties[uint32(last)] = t
	}
	r.passed()
}

// passed finds out from the lines and the ties who passed something on to whom.
func (r *restorer) passed() {
	x, some := r.x, false
	for _, t := range x.ties {
		some = some || t.passed
	}
	if !some || r.Err() != nil {
		return
	}
	for _, l := range x.lines.all {
		for _, c := range l.all {
			if t := x.tied(uint64(c.position)); c.gives() && t != nil && t.passed {
				x.notePassed(t.by, l.subject)
			}
		}
	}
}

func (x *Index) appendResources(b []byte) []byte {
	b = snapshot.AppendCount(b, len(x.resources))
	for _, path := range slices.Sorted(maps.Keys(x.resources)) {
		r := x.resources[path]
		b = snapshot.AppendString(b, path)
		b = snapshot.AppendCount(b, len(r.facts))
		last := uint64(0)
		for _, f := range r.facts {
			b, last = snapshot.AppendUint(b, f.position-last), f.position
			if b = snapshot.AppendBool(b, f.gone); f.gone {
				continue
			}
			b = snapshot.AppendString(b, f.name)
			b = appendProperties(b, f.properties)
			b = snapshot.AppendUint(snapshot.AppendBool(b, f.published), uint64(f.creator+1))
			b = snapshot.AppendUint(b, f.registered)
		}
		b = snapshot.AppendCount(b, len(r.assigned))
		for _, who := range slices.Sorted(maps.Keys(r.assigned)) {
			b = snapshot.AppendUint(b, uint64(who))
			b = snapshot.AppendCount(b, len(r.assigned[who]))
			last := uint64(0)
			for _, a := range r.assigned[who] {
				b, last = snapshot.AppendUint(b, a.position-last), a.position
				b = snapshot.AppendBool(snapshot.AppendBool(b, a.taken), a.passed)
				if a.passed {
					b = snapshot.AppendUint(snapshot.AppendUint(snapshot.AppendBool(b, a.keep), uint64(a.by)), a.from)
				}
			}
		}
	}
	return b
}

// appendProperties tells no list from an empty one, as appendNames does.
func appendProperties(b []byte, list []events.Property) []byte {
	b = snapshot.AppendCount(snapshot.AppendBool(b, list != nil), len(list))
	for _, p := range list {
		b = snapshot.AppendString(snapshot.AppendString(b, p.Name), p.Value)
	}
	return b
}

func (r *restorer) properties() []events.Property {
	is := r.Bool()
	list := make([]events.Property, r.Count(2))
	for i := range list {
		list[i] = events.Property{Name: r.String(), Value: r.String()}
	}
	switch {
	case !is && len(list) > 0:
		r.Fail("there are properties in no list")
	case !is:
		return nil
	}
	return list
}

func (r *restorer) resources() {
	before := ""
	for i := range r.Count(4) {
		path := r.String()
		if i > 0 && path <= before {
			r.Fail("the resources are out of order")
		}
		if r.Err() != nil {
			return
		}
		before = path
		res := r.x.resource(path)
		last := uint64(0)
		for range r.Count(2) {
			last = r.after(last)
			f := fact{position: last, gone: r.Bool(), creator: nobody}
			if !f.gone {
				f.name, f.properties, f.published = r.String(), r.properties(), r.Bool()
				f.creator = uint32(r.Below(uint64(r.x.subjects.len())+1)) - 1
				f.registered = r.Below(last + 1)
			}
			res.facts = append(res.facts, f)
		}
		n := r.Count(2)
		if n > 0 {
			res.assigned = make(map[uint32][]assigned, n)
		}
		next := uint64(0)
		for range n {
			who := r.below(r.x.subjects.len())
			list := make([]assigned, r.Count(3))
			if uint64(who) < next || len(list) == 0 {
				r.Fail("who is assigned is out of order")
			}
			last := uint64(0)
			for i := range list {
				last = r.after(last)
				a := assigned{position: last, taken: r.Bool(), passed: r.Bool()}
				if a.passed {
					a.keep, a.by, a.from = r.Bool(), r.below(r.x.subjects.len()), r.Below(last)
				}
				list[i] = a
			}
			if r.Err() != nil {
				return
			}
			res.assigned[who], next = list, uint64(who)+1
		}
	}
}
