package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
)

// history goes through the journal. What does not hold is said of a cluster's node, where no copy is that the journal could
// be compared with. What the events commit to is looked for in the private texts.
func (x *examination) history(ctx context.Context, name string, j *journal.Reader, g Genesis, head journal.Head, judge func(string, error)) {
	committed, erased := map[events.Digest]bool{}, map[events.Digest]bool{}
	err := holds(ctx, j, g.CID, head, func(e *events.Event) {
		for _, c := range e.Commitments() {
			committed[c] = true
		}
		if d, ok := e.Data.(*events.SubjectErased); ok {
			for _, c := range d.Texts {
				erased[c] = true
			}
		}
	})
	switch {
	case !x.remote, j.Len() < head.Position: // other findings say so
	case err != nil:
		judge("history", err)
	default:
		x.ok("history", name, "%s follow each other, from the first recorded one to the head", eventsOf(j.Len()))
	}
	for c := range erased {
		delete(committed, c)
	}
	x.private(name, committed, erased)
}

// private compares the private texts with what the events commit to, but for what they say is erased: that must not be
// here any more.
func (x *examination) private(name string, committed, erased map[events.Digest]bool) {
	const withheld = "put a backup's copy back; without one, reasons and names are withheld and every proof still verifies"
	lose, mend := withheld, "put a backup's copy back, or run `permledger repair`, which keeps the whole lines"
	if x.remote {
		lose = "move the directory out of orgs/: the node takes the organization in anew from the cluster, with its texts"
		mend = lose
	}
	path := filepath.Join(x.orgDir(name), "private")
	_, missing := os.Lstat(path)
	texts, damaged, err := private.Look(path)
	lost := 0
	for c := range committed {
		if _, ok := texts[c]; !ok {
			lost++
		}
	}
	left := 0
	for c := range erased {
		if _, here := texts[c]; here {
			left++
		}
	}
	switch {
	case left > 0 && x.running:
		x.add("erased", name, FindingWarn, "look again; if they are still here, start the node anew: it erases them then", "%d texts that were erased are here, as after an old copy was put back beneath a running node", left)
	case left > 0:
		x.add("erased", name, FindingWarn, "start the node: it erases them", "%d texts that were erased are here, as after an old copy was put back", left)
	case len(erased) > 0:
		x.ok("erased", name, "%d texts, and none of them is here", len(erased))
	}
	switch {
	case err != nil:
		x.add("private", name, FindingFail, "see that it can be read", "%v", err)
	case damaged > 0:
		x.add("private", name, FindingDamage, mend, "%d lines fit no commitment; %d texts are whole, %d are not here", damaged, len(texts), lost)
	case errors.Is(missing, fs.ErrNotExist) && lost > 0:
		x.add("private", name, FindingDamage, lose, "the file is missing, and events commit to %d texts", lost)
	case len(texts) == 0 && lost > 0:
		x.add("private", name, FindingWarn, lose, "none of the %d texts that events commit to is here: the file was lost", lost)
	default:
		x.ok("private", name, "%d texts; %d that events commit to are not here", len(texts), lost)
	}
}
