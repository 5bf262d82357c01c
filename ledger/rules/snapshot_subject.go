package rules

import (
	"bytes"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// appendLives appends what only some subjects have, each list in the order of ids.
func (s *State) appendLives(b []byte) []byte {
	b = snapshot.AppendCount(b, len(s.lapses))
	for _, id := range slices.SortedFunc(maps.Keys(s.lapses), ulid.ULID.Compare) {
		l := s.lapses[id]
		b = snapshot.AppendBool(append(b, id[:]...), l.removed)
		if !l.removed {
			b = snapshot.AppendInt(snapshot.AppendString(b, l.invitation), l.until.UnixMilli())
		}
	}
	b = snapshot.AppendCount(b, len(s.extras))
	for _, id := range slices.SortedFunc(maps.Keys(s.extras), ulid.ULID.Compare) {
		x := s.extras[id]
		b = snapshot.AppendString(snapshot.AppendString(append(b, id[:]...), x.auth), x.reference)
		b = append(b, x.holder[:]...)
		b = appendProperties(b, x.properties)
		b = snapshot.AppendString(snapshot.AppendStrings(b, x.links), x.login.credential)
		b = append(b, x.login.commitment[:]...)
	}
	b = snapshot.AppendCount(b, len(s.texts))
	for _, text := range slices.SortedFunc(maps.Keys(s.texts), func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		of := s.texts[text]
		b = append(append(b, text[:]...), of[:]...)
	}
	return b
}

// readLives reads what appendLives wrote, behind the subjects and the keys.
func (s *State) readLives(r *snapshot.Reader) {
	readByID(r, 17, func(id ulid.ULID) {
		u, l := s.subjects.get(id), lapse{removed: r.Bool()}
		if !l.removed {
			l.invitation, l.until = r.String(), instant(r.Int())
			if k := s.keys[l.invitation]; k == nil || k.purpose != events.PurposeInvitation || k.subject != id {
				r.Fail("an invitation has no key")
			}
		}
		if u == nil || u.deactivated == 0 {
			r.Fail("somebody is invited or removed who is nobody, or active")
			return
		}
		s.lapses[u.id] = l
	})
	readByID(r, 68, func(id ulid.ULID) {
		x := &extra{auth: r.String(), reference: r.String(), holder: r.ID(), properties: readProperties(r), links: r.Strings()}
		x.login = login{r.String(), events.Digest(r.Sum())}
		if s.subjects.get(id) == nil || x.empty() {
			r.Fail("nothing is said of a subject, or something of nobody")
			return
		}
		s.extras[id] = x
	})
	readSorted(r, 48, func() string { return string(r.Take(32)) }, func(text string) {
		of := r.ID()
		if s.subjects.get(of) == nil {
			r.Fail("a private text is nobody's")
			return
		}
		s.texts[events.Digest([]byte(text))] = of
	})
	for did, k := range s.keys {
		if k.purpose == events.PurposeCredential {
			s.addFurther(k.subject, did)
		}
	}
}

func appendProperties(b []byte, list []events.Property) []byte {
	b = snapshot.AppendCount(b, len(list))
	for _, p := range list {
		b = snapshot.AppendString(snapshot.AppendString(b, p.Name), p.Value)
	}
	return b
}

func readProperties(r *snapshot.Reader) (list []events.Property) {
	for range r.Count(2) {
		list = append(list, events.Property{Name: r.String(), Value: r.String()})
	}
	return list
}
