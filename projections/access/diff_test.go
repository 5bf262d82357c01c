package access_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// Given any history, when two of its moments are compared, then whoever may do something at one and not at the other is
// in the difference with a scope that covers it, and nothing is in it that Check does not say.
func TestDiffIsWhatCheckSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := random(t)
		a, b := l.asOf(t), l.asOf(t)
		if b.Position < a.Position {
			a, b = b, a
		}
		if b.Instant.Before(a.Instant) {
			b.Instant = a.Instant
		}
		x := l.index
		d := x.Diff(a, b, access.Only{})
		find := func(subject, permission, resource string, gained bool) bool {
			for _, s := range d.Subjects {
				list := s.Lost
				if gained {
					list = s.Gained
				}
				if s.Subject.Key == subject && slices.ContainsFunc(list, func(c access.Changed) bool { return c.Permission == permission && rules.Covers(c.Scope, resource) }) {
					return true
				}
			}
			return false
		}
		questions(func(subject, permission, resource string) {
			if u, err := x.Subject(subject, b); err != nil || u.Owner {
				return
			}
			before, after := x.Check(subject, permission, resource, a).Allowed, x.Check(subject, permission, resource, b).Allowed
			if before != after && !find(subject, permission, resource, after) {
				t.Fatalf("%s %s %q: %t as of %v, %t as of %v, and the difference does not say so: %+v", subject, permission, resource, before, a, after, b, d)
			}
		})
		for _, s := range d.Subjects {
			for _, c := range s.Gained {
				if got := x.Check(s.Subject.Key, c.Permission, c.Scope, a); got.Allowed || !x.Check(s.Subject.Key, c.Permission, c.Scope, b).Allowed {
					t.Fatalf("%s did not gain %+v", s.Subject.Key, c)
				}
			}
			for _, c := range s.Lost {
				if got := x.Check(s.Subject.Key, c.Permission, c.Scope, b); got.Allowed || !x.Check(s.Subject.Key, c.Permission, c.Scope, a).Allowed {
					t.Fatalf("%s did not lose %+v", s.Subject.Key, c)
				}
			}
			for _, c := range slices.Concat(s.Gained, s.Lost) {
				for _, at := range c.Causes {
					if at <= a.Position || at > b.Position {
						t.Fatalf("%s: %+v is caused by %d, which is not between %d and %d", s.Subject.Key, c, at, a.Position, b.Position)
					}
				}
				if len(c.Causes) == 0 && b.Instant.Equal(a.Instant) {
					t.Fatalf("%s: nothing caused %+v", s.Subject.Key, c)
				}
			}
			// then a restricted difference is a part of the whole one
			if diff := cmp.Diff([]access.SubjectChange{s}, x.Diff(a, b, access.Only{Subject: s.Subject.ID}).Subjects); diff != "" {
				t.Fatalf("only %s (-whole +part):\n%s", s.Subject.Key, diff)
			}
		}
		// and a moment does not differ from itself
		if d := x.Diff(b, b, access.Only{}); len(d.Subjects)+len(d.Roles) > 0 {
			t.Fatalf("%v differs from itself: %+v", b, d)
		}
	})
}
