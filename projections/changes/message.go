// Package changes says of each entry, in plain JSON, who gained and who lost which permission on what, and by which
// entries. It owns the form of these messages (docs/changes.md, schemas/change.1.json).
//
// A message is computed from its entry and from what package access knows of its position and the one before it, whenever
// somebody wants it: nothing is kept, and recording waits for nothing. It depends on the entries up to its own alone, so
// that equal positions of one ledger have equal bytes, on every node and after every restart. Messages taken in one after
// the other, with what the query of a message gives, leave what access.Index.Effective gives of the last of them.
package changes

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/projections/access"
)

// MaxMessage is the most bytes a message has.
const MaxMessage = 64 << 10

// A Kind sorts messages by what they are about. It is the last token of the subject that they are published under.
type Kind string

// The kinds. Which one a message is of follows from the type of its entry alone.
const (
	Subject      Kind = "subject"      // what one subject holds
	Role         Kind = "role"         // what a role holds, and so its holders
	Organization Kind = "organization" // its owner, or what permissions there are
	Resource     Kind = "resource"     // what is said of a resource, and who reaches it
	Token        Kind = "token"        // the state of a token, and who has which part in it
	Other        Kind = "other"        // nothing that anybody holds
)

// Kinds gives all kinds.
func Kinds() []Kind { return []Kind{Subject, Role, Organization, Resource, Token, Other} }

// A Message says what one entry changed.
type Message struct {
	Position uint64 `json:"position"`
	CID      string `json:"cid"` // of the entry
	Time     string `json:"time"`
	Kind     Kind   `json:"kind"`
	Type     string `json:"type"`  // of the event
	About    string `json:"about"` // as in the event: subject/…, role/…, resource/…
	By       string `json:"by"`    // id of who did it

	// Recheck says that conditions, or what permissions need beside a holder, may come out otherwise than before, though
	// nobody gained or lost anything: answers about what the message is about are to be asked for again.
	Recheck bool `json:"recheck,omitempty"`

	Role     *OfRole     `json:"role,omitempty"`
	Subjects []OfSubject `json:"subjects,omitempty"` // those for whom something changed, but for the holders
	Holders  *Holders    `json:"holders,omitempty"`
	Cut      *Cut        `json:"cut,omitempty"`

	query string // of Holders and Cut
}

// OfRole names the role by which somebody gained or lost something, or says what changed in it.
type OfRole struct {
	Role    string   `json:"role"` // key
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"`
	Created bool     `json:"created,omitempty"`
	Deleted bool     `json:"deleted,omitempty"`
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// OfSubject says what changed for a subject.
type OfSubject struct {
	Subject string `json:"subject"` // key
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Owner   *bool  `json:"owner,omitempty"` // true: it became the owner, who may whatever has a name; false: it was
	Gained  []Held `json:"gained,omitempty"`
	Lost    []Held `json:"lost,omitempty"`
	Changed []Held `json:"changed,omitempty"` // held before, and now until another instant
}

// Held is a permission that is, or was, held on a resource and all beneath it.
type Held struct {
	Permission string   `json:"permission"`
	Resource   string   `json:"resource,omitempty"` // absent: the whole organization
	Condition  string   `json:"condition,omitempty"`
	Until      string   `json:"until,omitempty"` // the first instant at which it is not held; absent: it has no end
	Because    []uint64 `json:"because"`         // positions that gave it, ascending
}

// Holders says how many subjects more the message may have changed something for, and where to ask for whom and what.
type Holders struct {
	Count int    `json:"count"`
	Query string `json:"query"` // path of the API
}

// Cut says that a message would have more than [MaxMessage] bytes, so that it lists the first of its permissions only.
type Cut struct {
	Count int    `json:"count"` // of the permissions that are left out
	Query string `json:"query"` // path of the API, where all of it is
}

// KindOf gives the kind of the messages about events with data.
func KindOf(d events.Data) Kind {
	switch d.(type) {
	case *events.RoleCreated, *events.RoleUpdated, *events.RoleDeleted:
		return Role
	case *events.SubjectAdded, *events.SubjectInvited, *events.SubjectJoined, *events.SubjectUpdated, *events.SubjectDeactivated,
		*events.SubjectReactivated, *events.SubjectRemoved,
		*events.RoleAssigned, *events.RoleDelegated, *events.RoleRevoked, *events.RolesSet, *events.GrantEnded,
		*events.PermissionGranted, *events.PermissionRevoked, *events.PermissionsSet:
		return Subject
	case *events.OrganizationOpened, *events.OwnershipTransferred, *events.OwnershipRecovered, *events.CataloguePublished, *events.RulesAdopted:
		return Organization
	case *events.ResourceRegistered, *events.ResourceUpdated, *events.ResourceRemoved,
		*events.AccessAssigned, *events.AccessUnassigned, *events.AccessDelegated:
		return Resource
	case events.TokenData:
		return Token
	}
	return Other
}

// rechecks says whether an event may change how conditions and needs come out.
func rechecks(d events.Data) bool {
	switch d := d.(type) {
	case *events.SubjectUpdated:
		return d.Properties != nil
	case *events.CataloguePublished, *events.RulesAdopted, *events.SubjectRemoved:
		return true
	}
	kind := KindOf(d)
	return kind == Resource || kind == Token
}

// roleOf gives the role that somebody was given or lost; zero: none, or several.
func roleOf(d events.Data) ulid.ULID {
	switch d := d.(type) {
	case *events.RoleAssigned:
		return d.Role
	case *events.RoleDelegated:
		return d.Role
	case *events.RoleRevoked:
		return d.Role
	case *events.GrantEnded:
		return d.Role
	}
	return ulid.ULID{}
}

// Of gives the message of an entry that the index has taken in, whatever came later.
func Of(x *access.Index, en *chain.Entry) Message {
	e := en.Event
	m := Message{
		Position: e.Sequence, CID: en.CID(), Time: e.Time.UTC().Format(canon.TimeLayout), Kind: KindOf(e.Data),
		Type: string(e.Data.Type()), About: e.Data.About(), By: e.Actor.String(), Recheck: rechecks(e.Data),
		query: fmt.Sprintf("/v1/orgs/%s/changes/%d", events.Organization(e.Source), e.Sequence),
	}
	if m.Kind == Resource || m.Kind == Other { // they give and take nothing
		return m
	}
	f := x.Effect(e)
	if r := f.Role; r != nil {
		m.Role = &OfRole{
			Role: r.Role.Key, ID: r.Role.ID.String(), Name: r.Role.Name, Created: r.Created, Deleted: r.Deleted, Added: r.Added, Removed: r.Removed,
		}
	}
	if id := roleOf(e.Data); m.Role == nil && id != (ulid.ULID{}) {
		if r, err := x.RoleRef(id, access.AsOf{Position: e.Sequence}); err == nil {
			m.Role = &OfRole{Role: r.Key, ID: r.ID.String(), Name: r.Name}
		}
	}
	for i := range f.Subjects {
		m.Subjects = append(m.Subjects, ofSubject(&f.Subjects[i]))
	}
	if f.Holders > 0 {
		m.Holders = &Holders{f.Holders, m.query}
	}
	return m
}

// OfSubjects gives effects as they stand in messages.
func OfSubjects(list []access.SubjectEffect) []OfSubject {
	out := make([]OfSubject, len(list))
	for i := range list {
		out[i] = ofSubject(&list[i])
	}
	return out
}

func ofSubject(f *access.SubjectEffect) OfSubject {
	return OfSubject{
		Subject: f.Key, ID: f.Subject.String(), Kind: f.Kind, Owner: f.Owner,
		Gained: held(f.Gained), Lost: held(f.Lost), Changed: held(f.Changed),
	}
}

func held(list []access.Hold) []Held {
	var out []Held
	for _, h := range list {
		one := Held{Permission: h.Permission, Resource: h.Scope, Condition: h.Condition, Because: h.Because}
		if !h.Until.IsZero() {
			one.Until = h.Until.UTC().Format(canon.TimeLayout)
		}
		out = append(out, one)
	}
	return out
}

// Bytes gives a message in its one form, JSON in one line, with at most [MaxMessage] bytes.
func (m Message) Bytes() []byte {
	b := encode(m)
	if len(b) <= MaxMessage {
		return b
	}
	short := m
	short.Cut = &Cut{Query: m.query}
	room := MaxMessage - 1024 - len(encode(m.bare())) // the rest of the message, with room for what says that it is cut
	fits := func(v any) bool {
		room -= len(encode(v)) + 1
		return room >= 0
	}
	names := func(list []string) []string {
		n := 0
		for n < len(list) && fits(list[n]) {
			n++
		}
		short.Cut.Count += len(list) - n
		return list[:n:n]
	}
	if m.Role != nil {
		r := *m.Role
		r.Added, r.Removed = names(r.Added), names(r.Removed)
		short.Role = &r
	}
	of := func(list []Held) []Held {
		n := 0
		for n < len(list) && fits(list[n]) {
			n++
		}
		short.Cut.Count += len(list) - n
		return list[:n:n]
	}
	short.Subjects = nil
	for _, s := range m.Subjects {
		bare := s
		bare.Gained, bare.Lost, bare.Changed = nil, nil, nil
		if there := fits(bare); !there {
			short.Cut.Count += len(s.Gained) + len(s.Lost) + len(s.Changed)
			continue
		}
		room -= 64 // the names of its lists
		s.Gained, s.Lost, s.Changed = of(s.Gained), of(s.Lost), of(s.Changed)
		short.Subjects = append(short.Subjects, s)
	}
	return encode(short)
}

// bare is a message without its lists.
func (m Message) bare() Message {
	m.Subjects = nil
	if m.Role != nil {
		r := *m.Role
		r.Added, r.Removed = nil, nil
		m.Role = &r
	}
	return m
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("changes: a message has no JSON: " + err.Error()) // it is made of numbers and strings
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
