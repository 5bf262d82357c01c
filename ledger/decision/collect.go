package decision

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
)

// A Source is where the entries of a ledger are looked up. Its functions are called from one goroutine.
type Source struct {
	Entry    func(position uint64) (*chain.Entry, error)
	Deployed func(token string) uint64 // the position of the token's deployment; 0: there is none
	// Find gives the positions of entries of these types up to a position, the newest first.
	Find func(upTo uint64, types ...events.Type) []uint64
}

// Collect reads the entries at some positions, with those that they name by what is in them: the parts of a set, and the
// deployment of a token. They come in the order of the ledger.
func (s *Source) Collect(positions []uint64) ([]*chain.Entry, error) {
	have := map[uint64]*chain.Entry{}
	for left := slices.Clone(positions); len(left) > 0; {
		at := left[len(left)-1]
		left = left[:len(left)-1]
		if have[at] != nil {
			continue
		}
		en, err := s.Entry(at)
		if err != nil {
			return nil, err
		}
		have[at] = en
		parts, err := s.parts(at, partsOf(en.Event.Data))
		if err != nil {
			return nil, err
		}
		left = append(left, parts...)
		if d, ok := en.Event.Data.(events.TokenData); ok {
			if deployed := s.Deployed(d.Of()); deployed != 0 {
				left = append(left, deployed)
			}
		}
	}
	return inOrder(have), nil
}

// partsOf gives the parts that an event puts into a set.
func partsOf(d events.Data) []events.Digest {
	switch d := d.(type) {
	case *events.RoleCreated:
		return d.Parts
	case *events.RoleUpdated:
		return d.AddParts
	case *events.PermissionsSet:
		return d.Parts
	}
	return nil
}

// parts gives the positions that recorded parts last, before an entry.
func (s *Source) parts(before uint64, digests []events.Digest) (list []uint64, err error) {
	if len(digests) == 0 {
		return nil, nil
	}
	left := map[events.Digest]bool{}
	for _, digest := range digests {
		left[digest] = true
	}
	for _, at := range s.Find(before, (*events.PermissionsRecorded)(nil).Type()) {
		en, err := s.Entry(at)
		if err != nil {
			return nil, err
		}
		if d, ok := en.Event.Data.(*events.PermissionsRecorded); ok && left[d.Part] {
			delete(left, d.Part)
			if list = append(list, at); len(left) == 0 {
				return list, nil
			}
		}
	}
	return nil, fmt.Errorf("decision: %d parts that entry %d names were not recorded before it", len(left), before)
}

// WithKeys adds the entries that register the keys which sealed the given ones, and the keys wanted beside, up to a
// position. The first entry is among the given ones.
func (s *Source) WithKeys(entries []*chain.Entry, upTo uint64, wanted ...string) ([]*chain.Entry, error) {
	have, known := map[uint64]*chain.Entry{}, map[string]bool{}
	registers := s.keys(upTo)
	need := func(en *chain.Entry) {
		have[en.Event.Sequence] = en
		wanted = append(wanted, en.Key)
		switch d := en.Event.Data.(type) {
		case *events.OrganizationOpened:
			for _, did := range []string{d.Keys.Event, d.Keys.Document, d.Keys.Root, d.Keys.Operator, d.Keys.Checkpoint} {
				known[did] = true
			}
		case *events.KeyRotated:
			wanted, known[d.New] = append(wanted, d.Old), true
		case *events.KeySucceeded:
			wanted, known[d.Key] = append(wanted, d.Lost), true
			if en.Evidence != nil {
				wanted = append(wanted, en.Evidence.Key)
			}
		case *events.KeyRegistered:
			known[d.Key] = true
		}
	}
	for _, en := range entries {
		need(en)
	}
	for len(wanted) > 0 {
		did := wanted[len(wanted)-1]
		if wanted = wanted[:len(wanted)-1]; known[did] {
			continue
		}
		en, err := registers(did)
		if err != nil {
			return nil, err
		}
		need(en)
	}
	return inOrder(have), nil
}

// keys gives what finds the entry that registers a key of the ledger, up to a position. It reads no more than it takes.
func (s *Source) keys(upTo uint64) func(did string) (*chain.Entry, error) {
	made := map[string]*chain.Entry{}
	var left []uint64
	begun := false
	return func(did string) (*chain.Entry, error) {
		if !begun {
			left = s.Find(upTo, (*events.KeyRegistered)(nil).Type(), (*events.KeyRotated)(nil).Type(), (*events.KeySucceeded)(nil).Type())
			begun = true
		}
		for made[did] == nil && len(left) > 0 {
			en, err := s.Entry(left[0])
			if err != nil {
				return nil, err
			}
			left = left[1:]
			switch d := en.Event.Data.(type) {
			case *events.KeyRegistered:
				made[d.Key] = en
			case *events.KeyRotated:
				made[d.New] = en
			case *events.KeySucceeded:
				made[d.Key] = en
			}
		}
		if made[did] == nil {
			return nil, fmt.Errorf("decision: no entry up to %d registers the key %s", upTo, did)
		}
		return made[did], nil
	}
}

func inOrder(entries map[uint64]*chain.Entry) []*chain.Entry {
	list := make([]*chain.Entry, 0, len(entries))
	for _, en := range entries {
		list = append(list, en)
	}
	slices.SortFunc(list, func(a, b *chain.Entry) int { return cmp.Compare(a.Event.Sequence, b.Event.Sequence) })
	return list
}

// Least gives, of entries that give a yes, the least; see [Reduce].
func Least(entries []*chain.Entry, q *Question) ([]*chain.Entry, error) {
	at := make(map[uint64]*chain.Entry, len(entries))
	list := make([]*events.Event, len(entries))
	for i, en := range entries {
		list[i], at[en.Event.Sequence] = en.Event, en
	}
	list, err := Reduce(list, q)
	if err != nil {
		return nil, err
	}
	least := make([]*chain.Entry, len(list))
	for i, e := range list {
		least[i] = at[e.Sequence]
	}
	return least, nil
}
