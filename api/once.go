package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/rules"
)

// once is a request that its caller may send again without having its change recorded twice. Its key becomes the id of the
// command, which the ledger remembers for as long as it would take it: so it holds across restarts, and on every node.
type once struct {
	id     ulid.ULID // zero: the caller gave no key
	intent wire.Intent
	sum    [32]byte // of what is asked for, and by whom
}

// once reads the field Idempotency-Key: a ULID, or a UUID of version 7, which has the same bits in the same places.
func (c *call) once(in wire.Intent) (once, error) {
	o := once{intent: in}
	fields := c.Header.Values("Idempotency-Key")
	if len(fields) == 0 {
		return o, nil
	}
	if !c.route.once { // its answer cannot be given again
		return o, badRequest("This takes no Idempotency-Key: what it answers with is shown once")
	}
	text := strings.Trim(strings.Join(fields, ","), `"`) // the field is said to be a string in quotes, and mostly comes without
	id, err := commandID(text)
	if err != nil || events.Hashed(id) {
		p := badRequest("Idempotency-Key is " + clip(text) + ", which cannot be the id of a command")
		p.Hint = "Make a new ULID, or a UUID of version 7, for each change: both hold the time at which they were made"
		return o, p
	}
	asked, err := json.Marshal(in)
	if err != nil {
		return o, err
	}
	o.id, o.sum = id, sha256.Sum256(append([]byte(c.org.ID+" "+c.subject.String()+" "), asked...))
	return o, nil
}

var errNoCommandID = errors.New("neither a ULID nor a UUID of version 7")

// commandID reads the id of a command in either spelling.
func commandID(text string) (id ulid.ULID, err error) {
	if len(text) == 36 {
		b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
		if err != nil || len(b) != 16 || b[6]>>4 != 7 || b[8]>>6 != 2 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
			return id, errNoCommandID
		}
		return ulid.ULID(b), nil
	}
	if id, err = ulid.ParseStrict(text); err != nil || id.String() != text {
		return id, errNoCommandID
	}
	return id, nil
}

// recordedAt gives the position of a command by its id, for as long as the rules remember it.
func (c *call) recordedAt(id ulid.ULID) (at uint64, ok bool) {
	var err error
	c.org.Fold.Read(func(s *rules.State) {
		_, err = ledger.Try(s, events.Command{ID: id, Ledger: s.Source(), Data: &events.RoleDeleted{}}, c.now)
	})
	if refusal := (*rules.Refusal)(nil); errors.As(err, &refusal) && refusal.Code == rules.Repeated {
		return refusal.At, true
	}
	return 0, false
}

// again answers a request that was answered before, as it was; nil: it was not.
func (c *call) again(o once) (*wire.Receipt, events.Data, error) {
	if o.id == (ulid.ULID{}) {
		return nil, nil, nil
	}
	at, ok := c.recordedAt(o.id)
	if !ok {
		return nil, nil, nil
	}
	en, err := c.entry(at)
	if err != nil {
		return nil, nil, err
	}
	sum, known := c.server.done.get(doneKey{c.org.ID, o.id})
	if en.Event.Actor != c.subject || known && sum != o.sum || !known && !c.concerns(en.Event.Data.About(), o.intent) {
		p := problemOf(http.StatusConflict, string(rules.Conflict), fmt.Sprintf("Another change with this Idempotency-Key is recorded at %d", at))
		p.At, p.Hint = at, "A key stands for one change for ever: take a new one"
		return nil, nil, p
	}
	r := received(ledger.Receipt{Position: at, CID: en.CID(), Time: en.Event.Time, Event: en.Event, Repeated: true})
	c.stand(c.org, r)
	return r, en.Event.Data, nil
}

// concerns says whether an entry can be what an intent asked for: it names no other role or subject. It is all that is known
// of what a server that has gone since was asked.
func (c *call) concerns(thing string, in wire.Intent) bool {
	kind, id, _ := strings.Cut(thing, "/")
	named := map[string]string{"role": in.Role, "subject": in.Subject}[kind]
	return named == "" || named == id || kind+":"+named == about(c.org, thing)
}

// done remembers what was asked for with which key, by organization and command. The ledger itself does not forget that
// something was recorded.
type done struct{ recent[doneKey, [32]byte] }

type doneKey struct {
	org string
	id  ulid.ULID
}

const mostDone = 50_000 // of each half, of about 120 bytes

func (d *done) add(org string, o once) {
	if o.id != (ulid.ULID{}) {
		d.put(doneKey{org, o.id}, o.sum, mostDone)
	}
}
