package witness

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// maxBody is how long a request may be: enough for the longest proof and some signatures of any kind.
const maxBody = 64 << 10

// maxHashes is how many hashes a consistency proof may have, by tlog-witness.
const maxHashes = 63

// refusal is an answer other than 200.
type refusal struct {
	status int
	text   string
	size   uint64 // of a 409: what the witness has
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// Handler serves the witness:
//
//	POST /add-checkpoint                         c2sp.org/tlog-witness
//	GET  /<SHA-256 of origin, hex>/checkpoint    the newest cosigned checkpoint, for monitors
//
// The answers to add-checkpoint are those of the specification: 200 with the cosignature, 400 malformed, or the old size
// beyond the new; 403 no valid signature of a known key, or an invalid one; 404 unknown log; 409 with the size that the
// witness has; 422 not shown to be consistent. What cannot be stored is 500, and was not cosigned.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.serveAdd)
	mux.HandleFunc("GET /{log}/checkpoint", w.serveLatest)
	return mux
}

func (w *Witness) serveAdd(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		http.Error(rw, fmt.Sprintf("the request cannot be read, or is longer than %d bytes", maxBody), http.StatusBadRequest)
		return
	}
	s, err := w.add(body)
	if no := (*refusal)(nil); errors.As(err, &no) {
		if no.status == http.StatusConflict { // as every log does that begins to ask
			w.o.Logger.Info("not cosigned", "status", no.status, "why", no.text)
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(no.status)
			fmt.Fprintf(rw, "%d\n", no.size)
			return
		}
		w.o.Logger.Warn("not cosigned", "status", no.status, "why", no.text)
		http.Error(rw, no.text, no.status)
		return
	}
	if err != nil {
		w.o.Logger.Error("not cosigned: the checkpoint could not be kept", "error", err)
		http.Error(rw, "the witness could not keep the checkpoint", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = rw.Write([]byte(s.String() + "\n"))
}

func (w *Witness) serveLatest(rw http.ResponseWriter, r *http.Request) {
	for _, l := range w.logs {
		if filepath.Base(l.dir) != r.PathValue("log") {
			continue
		}
		l.mu.Lock()
		latest := l.latest
		l.mu.Unlock()
		if latest == nil {
			break
		}
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Header().Set("Cache-Control", "no-cache")
		_, _ = rw.Write(latest.note.Bytes())
		return
	}
	rw.Header().Set("Cache-Control", "no-store")
	http.Error(rw, "no checkpoint of this log was cosigned here", http.StatusNotFound)
}

// request is the body of add-checkpoint.
type request struct {
	old   uint64
	proof []tree.Hash
	note  *note.Note
	note.Checkpoint
}

// parseRequest reads it as strictly as the specification has it.
func parseRequest(body []byte) (*request, error) {
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return nil, errors.New("no empty line before the checkpoint")
	}
	rows := strings.Split(string(head), "\n")
	text, ok := strings.CutPrefix(rows[0], "old ")
	if !ok {
		return nil, errors.New("it does not begin with the old size")
	}
	r := &request{}
	var err error
	if r.old, err = strconv.ParseUint(text, 10, 63); err != nil || strconv.FormatUint(r.old, 10) != text {
		return nil, errors.New("the old size is no decimal number without leading zeros")
	}
	if len(rows)-1 > maxHashes {
		return nil, fmt.Errorf("more than %d hashes", maxHashes)
	}
	for i, row := range rows[1:] {
		h, err := note.ParseHash(row)
		if err != nil {
			return nil, fmt.Errorf("hash %d: %w", i+1, err)
		}
		r.proof = append(r.proof, h)
	}
	r.note, r.Checkpoint, err = note.ReadCheckpoint(signed)
	return r, err
}

// add judges a checkpoint, and cosigns it where it continues what was cosigned before. Errors that are not a refusal mean
// that the checkpoint could not be kept.
func (w *Witness) add(body []byte) (note.Signature, error) {
	r, err := parseRequest(body)
	if err != nil {
		return note.Signature{}, refuse(http.StatusBadRequest, "%v", err)
	}
	l := w.logs[r.Origin]
	if l == nil {
		return note.Signature{}, refuse(http.StatusNotFound, "the log %q is not known here", r.Origin)
	}
	if err := l.verify(r.note); err != nil {
		return note.Signature{}, err
	}
	if r.old > r.Size {
		return note.Signature{}, refuse(http.StatusBadRequest, "the old size %d is beyond the new size %d", r.old, r.Size)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.evidence != "" {
		return note.Signature{}, refuse(http.StatusForbidden, "the log has signed two histories; nothing of it is cosigned any more")
	}
	if err := w.judge(l, r); err != nil {
		return note.Signature{}, err
	}
	s, err := note.Cosign(r.note.Text, w.o.Name, w.o.Signer, w.o.Now())
	if err != nil {
		return note.Signature{}, err
	}
	n := r.note.With(s)
	if l.latest == nil || l.latest.Checkpoint != r.Checkpoint {
		if err := l.store(n, r.Checkpoint); err != nil {
			return note.Signature{}, err
		}
	}
	l.latest = &cosigned{n, r.Checkpoint}
	if w.o.stored != nil {
		w.o.stored()
	}
	return s, nil
}

// verify says whether a key of the log signed the note: a signature of any of them has to verify.
func (l *log) verify(n *note.Note) error {
	signed := false
	for _, k := range l.keys {
		_, err := n.Verify(k)
		if errors.Is(err, note.ErrBadSignature) {
			return refuse(http.StatusForbidden, "%v", err)
		}
		signed = signed || err == nil
	}
	if !signed {
		return refuse(http.StatusForbidden, "no key that is known of %s has signed the checkpoint", l.origin)
	}
	return nil
}

// judge says why a checkpoint that the log signed is not cosigned: nil where it is. One that contradicts what was seen
// before ends the witness; one that is refused and beyond what was cosigned is kept, to be held against what comes later.
func (w *Witness) judge(l *log, r *request) error {
	var no *refusal
	size, root := l.length(), emptyRoot
	if l.latest != nil {
		root = l.latest.Root
	}
	inconsistent := tree.CheckConsistency(r.proof, r.old, root, r.Size, r.Root)
	switch {
	case r.old != size:
		no = &refusal{status: http.StatusConflict, text: fmt.Sprintf("%s: the old size is given as %d, and is %d", l.origin, r.old, size), size: size}
	case inconsistent != nil:
		no = refuse(http.StatusUnprocessableEntity, "%s: from %d to %d: %v", l.origin, r.old, r.Size, inconsistent)
	case r.Size == 0 && r.Root != emptyRoot:
		no = refuse(http.StatusUnprocessableEntity, "%s: this is not the root of the empty tree", l.origin)
	}
	if n := l.other(r.Checkpoint); n != nil {
		w.found(l, n, r, fmt.Sprintf("two roots of the size %d", r.Size), false)
		no = cmp.Or(no, refuse(http.StatusUnprocessableEntity, "%s: another root of the size %d was seen", l.origin, r.Size))
	} else if l.latest != nil && r.old == size && errors.Is(inconsistent, tree.ErrFork) {
		w.found(l, l.latest.note, r, fmt.Sprintf("the tree of the size %d does not begin with the tree of the size %d", r.Size, r.old), true)
	}
	if no == nil {
		return nil
	}
	if _, ok := l.seen[r.Size]; !ok && r.Size > size {
		if err := l.store(r.note, r.Checkpoint); err != nil {
			return err
		}
	}
	return no
}

var emptyRoot = new(tree.Frontier).Root()

// found writes the evidence, and ends the witness.
func (w *Witness) found(l *log, first *note.Note, r *request, what string, proven bool) {
	e := &ForkError{Origin: l.origin, What: what}
	e.File, e.Err = w.writeEvidence(l, first, r, what, proven)
	l.evidence = e.File
	if e.Err != nil {
		l.evidence = "(not written)"
	}
	w.accuse(e)
}

func (l *log) vkeys() []string {
	var out []string
	for _, k := range l.keys {
		out = append(out, k.String())
	}
	slices.Sort(out)
	return out
}
