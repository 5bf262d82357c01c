package rules

import (
	"iter"
	"slices"

	"github.com/oklog/ulid/v2"
)

// subjects holds all subjects there ever were, in pieces of many, so that they stay where they are and are few objects
// to the garbage collector.
type subjects struct {
	pieces      [][]subject
	count       int
	byID, byKey table
}

const subjectsPiece = 64

type subject struct {
	id          ulid.ULID
	key         string
	kind        string
	did         string
	credential  string // the first it had
	added       uint64
	deactivated uint64 // position since which it is not active; 0: it is
	holdings
}

func (s *subjects) number(n uint32) *subject { return &s.pieces[n/subjectsPiece][n%subjectsPiece] }

// get gives the subject of an id, nil where there is none.
func (s *subjects) get(id ulid.ULID) *subject {
	if n, ok := s.byID.find(hashID(id), func(n uint32) bool { return s.number(n).id == id }); ok {
		return s.number(n)
	}
	return nil
}

// withKey gives the subject that has a key, nil where there is none.
func (s *subjects) withKey(key string) *subject {
	if n, ok := s.byKey.find(hashText(key), func(n uint32) bool { return s.number(n).key == key }); ok {
		return s.number(n)
	}
	return nil
}

// add takes in a subject whose id and key nobody has.
func (s *subjects) add(ns *notes, u subject) *subject {
	n, last := uint32(s.count), len(s.pieces)-1
	if n%subjectsPiece == 0 {
		s.pieces = append(s.pieces, make([]subject, 0, subjectsPiece))
		last++
	}
	s.pieces[last] = append(s.pieces[last], u)
	s.count++
	nobody := func(uint32) bool { return false }
	s.byID.put(hashID(u.id), n, nobody)
	s.byKey.put(hashText(u.key), n, nobody)
	if ns != nil {
		ns.note(func() {
			s.byID.remove(hashID(u.id), n)
			s.byKey.remove(hashText(u.key), n)
			s.count--
			*s.number(n) = subject{}
			if s.pieces[last] = s.pieces[last][:n%subjectsPiece]; n%subjectsPiece == 0 {
				s.pieces = s.pieces[:last]
			}
		})
	}
	return s.number(n)
}

// all yields all subjects, in the order in which they were added.
func (s *subjects) all() iter.Seq[*subject] {
	return func(yield func(*subject) bool) {
		for _, piece := range s.pieces {
			for i := range piece {
				if !yield(&piece[i]) {
					return
				}
			}
		}
	}
}

// sorted gives all subjects in the order of their ids.
func (s *subjects) sorted() []*subject {
	all := slices.AppendSeq(make([]*subject, 0, s.count), s.all())
	slices.SortFunc(all, func(a, b *subject) int { return a.id.Compare(b.id) })
	return all
}
