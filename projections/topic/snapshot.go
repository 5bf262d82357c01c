package topic

import (
	"encoding/json"

	"github.com/permledger/permledger/ledger/snapshot"
	"github.com/permledger/permledger/projections"
)

var _ projections.Snapshotter = (*Projection)(nil)

// What stands before the snapshot of a topic, and the version of its form.
const (
	snapshotOf      = "topic"
	snapshotVersion = 1
)

// AppendSnapshot implements projections.Snapshotter: the positions and bytes of the messages, then which of them is not
// as it should be. The messages stand there in full, for to render one takes the state that it was of.
func (p *Projection) AppendSnapshot(b []byte) []byte {
	p.mu.RLock()
	defer p.mu.RUnlock()
	b = snapshot.AppendHeader(b, snapshotOf, snapshotVersion)
	b = snapshot.AppendCount(b, len(p.messages))
	last, total := uint64(0), 0
	for _, m := range p.messages {
		b = snapshot.AppendCount(snapshot.AppendUint(b, m.Position-last), len(m.Bytes))
		last, total = m.Position, total+len(m.Bytes)
	}
	b = snapshot.AppendCount(b, total)
	for _, m := range p.messages {
		b = append(b, m.Bytes...)
	}
	if b = snapshot.AppendBool(b, p.err != nil); p.err != nil {
		b = snapshot.AppendCount(b, p.wrong)
	}
	return b
}

// ReadSnapshot implements projections.Snapshotter.
func (p *Projection) ReadSnapshot(b []byte) error {
	r := snapshot.NewReader(b)
	r.Header(snapshotOf, snapshotVersion)
	messages := make([]Posted, r.Count(2))
	lengths := make([]int, len(messages))
	last := uint64(0)
	for i := range messages {
		step := r.Uint()
		if step == 0 || last+step < last {
			r.Fail("its positions are out of order")
		}
		last += step
		messages[i].Position, lengths[i] = last, r.Count(1)
	}
	text := append([]byte(nil), r.Bytes()...) // one piece for all of them
	for i, n := range lengths {
		if n > len(text) {
			r.Fail("its messages are longer than what is there")
			break
		}
		messages[i].Bytes, text = text[:n:n], text[n:]
	}
	if len(text) > 0 {
		r.Fail("its messages are shorter than what is there")
	}
	var err error
	wrong := 0
	if r.Bool() {
		if wrong = int(r.Below(uint64(len(messages)))); r.Err() == nil {
			err = refused(messages[wrong].Position, fault(messages[wrong].Bytes))
		}
	}
	if err := r.Close(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages, p.err, p.wrong = messages, err, wrong
	return nil
}

// fault says again what is wrong with a message that was written though [Message.Validate] refused it.
func fault(b []byte) error {
	var m struct{ ID, Action, Issuer, CID, UUID, Name, Description, User string }
	if err := json.Unmarshal(b, &m); err != nil {
		return ErrInvalid
	}
	err := Message{m.ID, Action(m.Action), m.Issuer, m.CID, m.UUID, m.Name, m.Description, m.User}.Validate()
	if err == nil {
		return ErrInvalid
	}
	return err
}
