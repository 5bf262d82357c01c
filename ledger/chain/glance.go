package chain

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
)

// A Link is what [Glance] reads of an entry: what ties it to the one before. Its bytes alias the entry.
type Link struct {
	Schema   []byte // the event's dataschema
	Prev     []byte // empty: the event names none
	Sequence uint64
	Source   []byte
	Time     []byte
}

// ErrGlance says that the bytes do not even begin as an entry does.
var ErrGlance = errors.New("not an entry in canonical form")

// Glance reads of an entry what links it, for a pass that hashes and checks no signature. It finds where strings and
// objects end and demands the members of the event up to its time, in their order; what stands behind that, what they
// hold beyond a link, and what stands around the event it does not look at: that is for [Parse].
func Glance(raw []byte) (Link, error) {
	if len(raw) > events.MaxEntry {
		return Link{}, fmt.Errorf("entry of %d bytes: %w", len(raw), ErrTooLarge)
	}
	s := scanner{rest: raw}
	s.demand(`{`)
	if s.accept(`"document":`) {
		s.object()
		s.demand(`,`)
	}
	s.demand(`"event":{"actor":`)
	s.text()
	s.demand(`,"data":`)
	s.object()
	s.demand(`,"dataschema":`)
	l := Link{Schema: s.text()}
	s.demand(`,"id":`)
	s.text()
	if s.accept(`,"prev":`) {
		l.Prev = s.text()
	}
	s.demand(`,"sequence":`)
	digits := s.text()
	s.demand(`,"source":`)
	l.Source = s.text()
	s.demand(`,"specversion":"1.0","subject":`)
	s.text()
	s.demand(`,"time":`)
	l.Time = s.text()
	s.demand(`,`)
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if s.failed || err != nil || n > canon.MaxInteger || digits[0] == '0' || digits[0] == '+' {
		return Link{}, ErrGlance
	}
	l.Sequence = n
	return l, nil
}

// scanner reads JSON without white space from the front. Once it failed, all it gives is empty.
type scanner struct {
	rest   []byte
	failed bool
}

func (s *scanner) fail() { s.rest, s.failed = nil, true }

func (s *scanner) accept(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

func (s *scanner) demand(text string) {
	if !s.accept(text) {
		s.fail()
	}
}

// text reads a string and gives what stands between its quotes.
func (s *scanner) text() []byte {
	s.demand(`"`)
	end := closing(s.rest)
	if end < 0 {
		s.fail()
		return nil
	}
	text := s.rest[:end]
	s.rest = s.rest[end+1:]
	return text
}

// closing gives where the string ends whose first quote stands before b; -1 where it does not.
func closing(b []byte) int {
	for from := 0; ; {
		at := bytes.IndexByte(b[from:], '"')
		if at < 0 {
			return -1
		}
		at += from
		slashes := 0
		for at-slashes > from && b[at-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return at
		}
		from = at + 1
	}
}

// object passes over an object, whatever it holds.
func (s *scanner) object() {
	depth := 0
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '"':
			end := closing(s.rest[i+1:])
			if end < 0 {
				s.fail()
				return
			}
			i += end + 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				s.rest = s.rest[i+1:]
				return
			}
		}
		if depth == 0 {
			break
		}
	}
	s.fail()
}
