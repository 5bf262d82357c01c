package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// A search tries what the ledger knows: its subjects in the order in which they were added, its registered resources by
// path, its permissions by name. A page answers as of the position and the instant of the first one, so all pages answer
// the same request; where it ends, and which request that was, stands in its token.

const (
	usualResults = 100
	tokenVersion = 1
	chunk        = 256 // subjects that are looked at under one lock
)

// finder is one search.
type finder struct {
	p       *point
	i       *item
	a       access.AsOf
	in      rules.Context
	after   string // where the page before ended
	limit   int
	results []wire.AuthZENResult
	last    string // where this one ends, if there is more
	more    bool
}

// start reads a search for what has the name; of is the member that is searched for.
func (p *point) start(searched string) (*finder, error) {
	if err := p.parse(false, true); err != nil {
		return nil, err
	}
	i := &p.q.item
	about := i.subject.id
	if searched == "subject" {
		about = "" // others, too
	}
	if err := p.mayAsk(about); err != nil {
		return nil, err
	}
	if lacks := i.lacks(searched); lacks != "" {
		return nil, badRequest(lacks)
	}
	if i.wishes.explain || i.wishes.record {
		return nil, badRequest("In a search, context.permledger takes as_of, at_least and with")
	}
	f := &finder{p: p, i: i, in: i.about(), limit: p.q.limit, results: []wire.AuthZENResult{}}
	if f.limit == 0 {
		f.limit = usualResults
	}
	t, err := p.readToken(searched)
	if err != nil {
		return nil, err
	}
	if t.position > 0 {
		i.wishes.atLeast = max(i.wishes.atLeast, t.position) // another node may be ahead
	}
	_, f.a, f.in, err = p.asWished(i)
	if t.position > 0 && err == nil {
		f.a.Position, f.a.Instant, f.after = t.position, t.instant, t.after
	}
	return f, err
}

// found adds a result; false: the page is full.
func (f *finder) found(r wire.AuthZENResult, at string) bool {
	if len(f.results) == f.limit {
		f.more = true
		return false
	}
	f.results, f.last = append(f.results, r), at
	return true
}

func (f *finder) answer(searched string) error {
	out := wire.AuthZENResults{Results: f.results}
	if f.more || f.p.q.paged {
		out.Page = &wire.AuthZENNextPage{Count: len(f.results)}
	}
	if f.more {
		digest, err := f.p.digest(searched)
		if err != nil {
			return err
		}
		out.Page.NextToken = searchToken{f.a.Position, f.a.Instant, f.last, digest}.text()
	}
	return f.p.answerJSON(out)
}

func (p *point) searchSubjects() error {
	f, err := p.start("subject")
	if err != nil {
		return err
	}
	next := uint32(0)
	if f.after != "" {
		next = binary.BigEndian.Uint32([]byte(f.after)) + 1
	}
	typ, all := f.i.subject.typ, p.org.Access
	name := p.permission(f.i.action.id)
	path := string(appendPath(nil, f.i.resource.typ, f.i.resource.id))
	for full := name == ""; !full; {
		if err := p.r.Context().Err(); err != nil {
			return err
		}
		list := all.SubjectsFrom(next, chunk, f.a)
		if len(list) == 0 {
			break
		}
		for _, c := range list {
			if !isOfKind(typ, c.Kind) {
				if own, said := all.Property(c.Name, typeProperty, f.a); !said || own != typ {
					continue
				}
			}
			if all.AllowsIn(c.Name, name, path, f.in, f.a) && !f.found(wire.AuthZENResult{Type: typ, ID: c.Name}, string(binary.BigEndian.AppendUint32(nil, c.Number))) {
				full = true
				break
			}
		}
		next = list[len(list)-1].Number + 1
	}
	return f.answer("subject")
}

func (p *point) searchResources() error {
	f, err := p.start("resource")
	if err != nil {
		return err
	}
	subject, typ := f.i.subject, f.i.resource.typ
	if name := p.permission(f.i.action.id); name != "" && p.isOf(subject.typ, subject.id, f.a) {
		for _, path := range from(p.org.Access.ResourcePaths(typ, f.a), f.after) {
			if p.org.Access.AllowsIn(subject.id, name, path, f.in, f.a) && !f.found(wire.AuthZENResult{Type: typ, ID: resourceID(typ, path)}, path) {
				break
			}
		}
	}
	return f.answer("resource")
}

func (p *point) searchActions() error {
	f, err := p.start("action")
	if err != nil {
		return err
	}
	subject := f.i.subject
	f.in.Action = nil
	if p.isOf(subject.typ, subject.id, f.a) {
		path := string(appendPath(nil, f.i.resource.typ, f.i.resource.id))
		for _, name := range from(p.org.Access.PermissionNames(f.a), f.after) {
			if p.org.Access.AllowsIn(subject.id, name, path, f.in, f.a) && !f.found(wire.AuthZENResult{Name: name}, name) {
				break
			}
		}
	}
	return f.answer("action")
}

// from gives what stands behind after in a sorted list.
func from(list []string, after string) []string {
	at, there := slices.BinarySearch(list, after)
	if there {
		at++
	}
	return list[at:]
}

// resourceID gives an id that names the resource of a path: its name, or the path itself.
func resourceID(typ, path string) string {
	if name, top := strings.CutPrefix(path, typ+"/"); top && !strings.Contains(name, "/") {
		if id, err := url.PathUnescape(name); err == nil && string(appendPath(nil, typ, id)) == path {
			return id
		}
	}
	return path
}

// A searchToken says where a page ended, and of which answer to which request.
type searchToken struct {
	position uint64
	instant  time.Time
	after    string
	digest   [16]byte
}

func (t searchToken) text() string {
	b := append([]byte{tokenVersion}, t.digest[:]...)
	b = binary.BigEndian.AppendUint64(b, t.position)
	b = binary.BigEndian.AppendUint64(b, uint64(t.instant.UnixNano()))
	return base64.RawURLEncoding.EncodeToString(append(b, t.after...))
}

// readToken reads the token of a request, which must be the one that the token was given for.
func (p *point) readToken(searched string) (searchToken, error) {
	var t searchToken
	if p.q.token == "" {
		return t, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(p.q.token)
	if err != nil || len(b) < 34 || b[0] != tokenVersion || searched == "subject" && len(b) != 37 {
		return t, badRequest("page.token is none that was given here")
	}
	copy(t.digest[:], b[1:])
	t.position = binary.BigEndian.Uint64(b[17:])
	t.instant = time.Unix(0, int64(binary.BigEndian.Uint64(b[25:]))).UTC()
	t.after = string(b[33:])
	digest, err := p.digest(searched)
	if err == nil && (digest != t.digest || t.position == 0) {
		err = badRequest("page.token was given for another request: send the same one, or begin without a token")
	}
	return t, err
}

// digest names a request without its page.
func (p *point) digest(searched string) (digest [16]byte, err error) {
	var members map[string]json.RawMessage
	if err = json.Unmarshal(p.body, &members); err != nil {
		return digest, badRequest("The body is not the JSON that this takes")
	}
	delete(members, "page")
	plain, err := json.Marshal(members)
	if err == nil {
		plain, err = jcs.Transform(plain)
	}
	if err != nil {
		return digest, badRequest("The body is not the JSON that a page can be given of: " + clip(err.Error()))
	}
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(searched), []byte(p.org.ID), plain}, []byte{0}))
	return [16]byte(sum[:]), nil
}
