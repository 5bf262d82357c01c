package tlog

import (
	"errors"
	"fmt"
	"time"
)

const (
	// thinEvery is how often it is looked whether checkpoints can be thinned out while a log is open, thinFirst how long
	// after it was opened.
	thinEvery = time.Hour
	thinFirst = 10 * time.Minute
	// toSecondly and toMinutely are how old a checkpoint without cosignatures is before no more than one a second, and
	// one a minute, is kept. Nobody needs them: what a client holds is held against the tree, and one of any size is signed
	// again when it is asked for.
	toSecondly = time.Hour
	toMinutely = 24 * time.Hour
	// thinWorth is how many bytes thinning out must save for the file to be written anew, and thinShare, which part of it:
	// so all the writing is a few times what is kept.
	thinWorth = 1 << 20
	thinShare = 4
)

// thinOut thins out old checkpoints now and then, beside the signing of new ones, until the log is closed.
func (l *Log) thinOut() {
	timer := time.NewTimer(thinFirst)
	defer timer.Stop()
	for {
		select {
		case <-l.quit:
			return
		case <-timer.C:
		}
		timer.Reset(thinEvery)
		if err := l.thin(thinWorth, thinShare); err != nil {
			l.log.Warn("old checkpoints could not be thinned out", "organization", l.c.Organization, "error", err)
		}
	}
}

// thin writes the file anew without the checkpoints that need not be kept, if that saves more than so many bytes, and a share
// of the file. New ones are kept meanwhile; only at the end do they wait until the last ones are copied too.
func (l *Log) thin(worth, share int64) error {
	l.keep.Lock()
	old := l.kept
	l.keep.Unlock()
	t := thinning{now: l.c.Now(), newest: old.newest.Size}
	again := t
	saves := int64(0)
	bad, err := old.read(0, old.end, func(r record) {
		if !t.keeps(r) {
			saves += r.long
		}
	})
	if err == nil && bad.n > 0 { // what is damaged is not copied, and not lost either
		err = fmt.Errorf("kept checkpoints are damaged (%s); the next start leaves them out", &bad)
	}
	if err != nil || saves <= max(worth, old.end/share) || l.closing() {
		return err
	}
	w, err := old.begin()
	if err != nil {
		return err
	}
	w.copy(&old, 0, old.end, again.keeps)
	l.keep.Lock()
	defer l.keep.Unlock()
	if err := l.shortened(); err != nil || l.kept.turn != old.turn {
		return errors.Join(err, w.file.Close()) // it is another file now
	}
	w.copy(&l.kept, old.end, l.kept.end, func(record) bool { return true })
	return w.end(&l.kept)
}

// thinning says what of old checkpoints is kept: all with cosignatures, of the others the first of each second, or minute.
type thinning struct {
	now    time.Time
	newest uint64
	last   time.Time // the second or minute of which one is kept
}

func (t *thinning) keeps(r record) bool {
	span := time.Second
	switch age := t.now.Sub(r.at); {
	case r.cosigned || r.Size == t.newest || age <= toSecondly:
		return true
	case age > toMinutely:
		span = time.Minute
	}
	at := r.at.Truncate(span)
	if at.Equal(t.last) {
		return false
	}
	t.last = at
	return true
}
