package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/stream"
)

// startLedgers opens the ledgers of a directory that is locked. All of them are looked at before the first is mended, and
// all are mended before nats-server may touch the store.
func (n *Node) startLedgers(ctx context.Context) error {
	if err := n.preflight(); err != nil {
		return err
	}
	names, err := n.organizations()
	if err != nil {
		return err
	}
	if err := n.settle(); err != nil {
		return err
	}
	var found []*prepared
	defer func() {
		for _, p := range found {
			if p.journal != nil {
				_ = p.journal.Close()
			}
		}
	}()
	for _, name := range names {
		p, err := n.prepare(ctx, name)
		if err != nil {
			return err
		}
		if p != nil {
			found = append(found, p)
		}
	}
	for _, p := range found {
		if err := n.mend(p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if err := n.serve(ctx, found); err != nil {
		return err
	}
	for len(found) > 0 {
		p := found[0]
		o, err := n.start(ctx, p)
		if err != nil {
			return err
		}
		n.orgs[o.ID], found = o, found[1:] // the organization closes the journal now
		for _, m := range append(n.repaired[o.ID], p.mended...) {
			o.Activity.mended(m)
		}
		if err := n.unguard(o.ID); err != nil {
			n.log.Warn("links to the stream's files could not be removed; the next start does it", "organization", o.ID, "error", err)
		}
	}
	return nil
}

// serveAttempts is how often the server is started before it is given up: once more for a stream that it lost or did not
// load, and once more for one that has to be made again then.
const serveAttempts = 3

// serve starts the embedded server and looks whether it left every stream as it was. Files that it deleted because it could
// not read them are put back, and it is started again. A stream that it cut short, or of which it says that positions are
// gone (files can end earlier than its index says), is set aside and made again: the journal has been compared with it and
// holds all of it.
func (n *Node) serve(ctx context.Context, found []*prepared) error {
	for _, p := range found {
		if p.compare.Damage != nil {
			continue
		}
		if err := n.guard(p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	for attempt := 1; ; attempt++ {
		var err error
		if n.srv, err = stream.Start(stream.Options{StoreDir: n.store(), AckWait: ackWait, ActivityMaxAge: n.opts.ActivityKeep, Logger: n.log}); err != nil {
			for _, p := range found {
				err = errors.Join(err, n.putBack(p))
			}
			return err
		}
		n.conn = n.srv.Conn
		wrong := map[*prepared]error{}
		for _, p := range found {
			if p.compare.Damage != nil {
				continue
			}
			err := n.served(ctx, p)
			if err == nil {
				continue
			}
			wrong[p] = err
			if !errors.As(err, new(*stream.DamagedError)) && !errors.Is(err, stream.ErrMissing) && !errors.Is(err, errShort) {
				attempt = serveAttempts // asking it again is no remedy
			}
		}
		if len(wrong) == 0 {
			return nil
		}
		err = n.srv.Close()
		n.srv, n.conn = nil, nil
		for p, was := range wrong {
			err = errors.Join(err, n.afterLoss(p, was, attempt == serveAttempts))
		}
		if err != nil {
			return err
		}
	}
}

// errShort says that the server holds less of a stream than its files did.
var errShort = errors.New("nats-server cut the stream short")

// served says whether the server has a stream as its files had it.
func (n *Node) served(ctx context.Context, p *prepared) error {
	log, err := n.srv.OpenLog(ctx, p.name)
	if err != nil {
		return err
	}
	last, _, err := log.Last(ctx)
	if err != nil {
		return err
	}
	if last < p.streamed() {
		return fmt.Errorf("%w: it ends at %d, its files held %d", errShort, last, p.streamed())
	}
	return nil
}

// streamed is how many entries the stream's files held before the server started.
func (p *prepared) streamed() uint64 { return p.compare.Stream + uint64(len(p.compare.OnlyStream)) }

// afterLoss puts back what a start has lost of a stream, and sets aside a stream that has to be made again. The server has
// let go of it.
func (n *Node) afterLoss(p *prepared, was error, last bool) error {
	if err := n.putBack(p); err != nil {
		return err
	}
	c, err := ledger.Compare(p.journal.Reader, n.store(), p.name)
	switch {
	case err != nil:
		return n.damage(p.name, err)
	case last:
		return fmt.Errorf("%s: nats-server does not take the stream although its files are whole; nothing is lost: %w", p.name, was)
	case errors.Is(was, stream.ErrMissing) && c.Damage == nil && c.Stream == p.streamed():
		return nil // it was not loaded, or deleted: all of it is there again
	}
	p.compare.Damage = was
	return n.setStreamAside(p)
}

// preflight looks at what the start will read, before it changes anything: nats-server deletes what it cannot read.
func (n *Node) preflight() error {
	if _, err := n.organizations(); err != nil {
		return err
	}
	files := 0
	uid := os.Geteuid()
	for _, top := range []string{"orgs", "store", "node"} {
		err := filepath.WalkDir(filepath.Join(n.dir, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == guardName || isAside(d.Name()) || n.isTiles(path)) {
				return fs.SkipDir
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if err := sane(path, info, uid); err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			return f.Close()
		})
		if errors.Is(err, fs.ErrNotExist) && top != "orgs" {
			continue // nothing has been recorded yet, or all of it is to be made again
		}
		if err != nil {
			return fmt.Errorf("look at the files before the start; nothing was changed: %w", err)
		}
	}
	limit, err := openFiles()
	if err != nil {
		return err
	}
	if need := filesNeeded(files); limit < need {
		return fmt.Errorf("%w: %d, and a directory of %d files needs %d; nothing was changed: raise it (`ulimit -n`, LimitNOFILE)", ErrOpenFiles, limit, files, need)
	}
	return nil
}
