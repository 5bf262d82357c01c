package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/verify"
)

// said gives what a report says is proven, and what not, as two texts.
func said(r *verify.Report) (proven, not string) {
	yes, no := r.Words()
	return strings.Join(yes, "\n"), strings.Join(no, "\n")
}

// Given a ledger that reported its checkpoint key, when that key signs the checkpoint of an export, then nobody is told that
// the ledger signed it; when the key that it was replaced with signs too, the ledger did.
func TestReportedCheckpointKey(t *testing.T) {
	w := open(t, plain)
	w.do(ask{}, &events.SubjectAdded{Subject: id("bob"), Key: "bob", Kind: events.KindHuman})
	w.do(ask{}, &events.KeyReported{Key: did("checkpoint"), From: 2})
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint")
	const signed, doubted = "The ledger signed for them", "Who signed the checkpoint"
	for _, q := range []*parcel{p, w.bundleOf(p, bundle.Subject)} {
		for _, fast := range []bool{false, true} {
			r, err := verifyBundle(t, q.write(t, bundle.Zip), verify.Options{Fast: fast})
			if err != nil {
				t.Fatal(err)
			}
			if yes, no := said(r); len(r.Checkpoint.Doubted) != 1 || strings.Contains(yes, signed) || !strings.Contains(no, doubted) || !strings.Contains(no, did("checkpoint")) {
				t.Errorf("fast %v: %+v\n%s\nnot: %s", fast, r.Checkpoint, yes, no)
			}
		}
	}
	w.do(ask{}, &events.KeyRotated{Old: did("checkpoint"), New: did("checkpoint2")})
	p = pack(t, w)
	r, err := verifyBundle(t, p.write(t, bundle.CAR), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if yes, no := said(r); len(r.Checkpoint.Doubted) > 0 || !strings.Contains(yes, signed) || strings.Contains(no, doubted) {
		t.Errorf("%s\nnot: %s", yes, no)
	}
}

// Given a trusted witness whose clock is years ahead, or who lies, when somebody asks how old the checkpoint is, then it is
// refused; when nobody asks, the time is not among what is proven.
func TestWitnessOfTheFuture(t *testing.T) {
	w := history(t, plain)
	p := pack(t, w)
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	p.witness = map[string]time.Time{"auditor": now.AddDate(10, 0, 0)}
	p.sign(t, p.position, "checkpoint2")
	b := p.write(t, bundle.Zip)
	o := verify.Options{Trust: policy(1, "auditor"), Now: now}
	r, err := verifyBundle(t, b, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, no := said(r); len(r.Checkpoint.Ahead) != 1 || !strings.Contains(no, "When auditor signed") {
		t.Errorf("%+v\nnot: %s", r.Checkpoint, no)
	}
	o.MaxAge = 24 * time.Hour
	_, err = verifyBundle(t, b, o)
	wantBrokenFile(t, err, verify.CheckAge, "checkpoint", 0)
	o = verify.Options{Trust: o.Trust, Now: now.AddDate(10, 0, 1)}
	if r, err = verifyBundle(t, b, o); err != nil || len(r.Checkpoint.Ahead) > 0 {
		t.Errorf("ten years later: %+v, %v", r.Checkpoint, err)
	}
}

// Given an export as of a position that lies before its checkpoint, then it is not said to be proven that the key was still
// the ledger's: the entry that ended it may be among those that are not here. A policy that trusts the key says so.
func TestKeyBehindThePosition(t *testing.T) {
	w := open(t, plain)
	w.do(ask{}, &events.SubjectAdded{Subject: id("bob"), Key: "bob", Kind: events.KindHuman})
	w.do(ask{}, &events.KeyRotated{Old: did("checkpoint"), New: did("checkpoint2")})
	w.do(ask{}, &events.KeyRevoked{Key: did("checkpoint")})
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint") // which somebody has stolen since
	_, err := verifyBundle(t, p.write(t, bundle.Zip), verify.Options{})
	wantBrokenFile(t, err, verify.CheckSigner, "checkpoint", 0)
	p.position = 2
	for _, q := range []*parcel{p, w.bundleOf(p, bundle.Subject)} {
		if q != p {
			q.Positions = []uint64{1, 2}
		}
		b := q.write(t, bundle.Zip)
		r, err := verifyBundle(t, b, verify.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, no := said(r); !strings.Contains(no, "was still the ledger's at entry 4") {
			t.Errorf("not: %s", no)
		}
		// Who trusts the key that is in use now does not take the other.
		_, err = verifyBundle(t, b, verify.Options{Trust: policy(0)})
		wantBrokenFile(t, err, verify.CheckTrust, "checkpoint", 0)
	}
}
