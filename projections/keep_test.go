package projections_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/documents"
	"github.com/permledger/permledger/projections/history"
	"github.com/permledger/permledger/projections/projectionstest"
	"github.com/permledger/permledger/projections/topic"
)

func fold() *projections.Fold {
	return projections.NewFold(access.New(), history.New(), documents.New(), topic.New())
}

// Cut after whichever entry, kept, read back and gone on with, a fold is the one of all entries. What cannot be read
// leaves a fold that takes in everything from the first entry.
func TestFoldSnapshot(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := projectionstest.Ledger(t, rt)
		cut := rapid.IntRange(0, len(l.Entries)).Draw(rt, "cut")
		whole, before, after, refused := fold(), fold(), fold(), fold()
		for i, en := range l.Entries {
			whole.Apply(en)
			if i < cut {
				before.Apply(en)
			}
		}
		position, sections := before.Snapshot()
		if position != uint64(cut) {
			rt.Fatalf("the snapshot after %d entries is of %d", cut, position)
		}
		if err := after.Restore(sections); err != nil {
			rt.Fatal(err)
		}
		bad := append([][]byte(nil), sections...)
		spoilt := rapid.IntRange(0, len(bad)-1).Draw(rt, "spoilt")
		bad[spoilt] = bad[spoilt][:len(bad[spoilt])-1]
		for _, none := range [][][]byte{nil, sections[1:], bad} {
			if err := refused.Restore(none); !errors.Is(err, projections.ErrSnapshot) {
				rt.Fatalf("%d sections, one spoilt: %v", len(none), err)
			}
		}
		for i, en := range l.Entries {
			if i >= cut {
				after.Apply(en)
			}
			refused.Apply(en)
		}
		_, want := whole.Snapshot()
		for name, f := range map[string]*projections.Fold{"restored": after, "refused": refused} {
			_, got := f.Snapshot()
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					rt.Fatalf("%s after %d of %d entries: section %d differs", name, cut, len(l.Entries), i)
				}
			}
		}
	})
}
