package replica

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A Kind says why a replica has stopped.
type Kind string

const (
	Broken   Kind = "BROKEN ENTRY"  // an entry that the stream shows does not hold
	Gap      Kind = "MISSING ENTRY" // the stream leaves entries out
	Fork     Kind = "FORK"          // the stream and what was verified or signed are not one history
	Rollback Kind = "ROLLBACK"      // the log says that it has fewer entries than it had
	Newer    Kind = "LATER RELEASE" // an entry that this release does not know: nobody is accused
	Damaged  Kind = "DAMAGED FILE"  // what was kept cannot be read, or is of another ledger
)

// A Fault says why a replica has stopped, and refuses all checks from then on. Only a person can say what to do: compare with
// what others have seen, and begin with an empty directory once it is known which history is the true one.
type Fault struct {
	Kind     Kind
	Position uint64 // the entry, or the size of the checkpoint
	What     string
	Entry    []byte // the entry that was shown; nil: it is about none
	Shown    []byte // the checkpoint that was shown; nil: it is about none
	Known    []byte // the largest checkpoint that was found to be of the verified entries; nil: there was none
	File     string // that holds all of it; empty where nobody is accused, or it could not be written
	Err      error
}

func (f *Fault) Error() string {
	s := fmt.Sprintf("%s at %d: %s", f.Kind, f.Position, f.What)
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	if f.File != "" {
		s += "; what was shown is kept in " + f.File
	}
	return s + "; the replica answers nothing more"
}

func (f *Fault) Unwrap() error { return f.Err }

// accuse writes down what was shown, and stops the replica.
func (r *Replica) accuse(f *Fault) error {
	if r.kept.Checkpoint != "" {
		f.Known = []byte(r.kept.Checkpoint)
	}
	var err error
	if f.File, err = r.evidence(f); err != nil {
		f.Err = errors.Join(f.Err, fmt.Errorf("what was shown could not be written to a file: %w", err))
	}
	return r.halt(f)
}

// halt stops the replica.
func (r *Replica) halt(f *Fault) error {
	r.stop(f)
	r.cancel()
	r.log.Error("the replica has stopped and refuses all checks", "kind", string(f.Kind), "position", f.Position, "reason", f.What, "error", f.Err, "file", f.File)
	return f
}

// evidence writes a file for whoever is shown the accusation, and gives its name.
func (r *Replica) evidence(f *Fault) (string, error) {
	now := time.Now().UTC()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\nNoticed  %s\nledger   %s\ngenesis  %s\nposition %d\n%s.\n", f.Kind, now.Format(time.RFC3339Nano), r.status.Source, r.status.Genesis, f.Position, f.What)
	if f.Err != nil {
		fmt.Fprintf(&b, "%v\n", f.Err)
	}
	fmt.Fprintf(&b, "\nThe last entry that was verified: position %d, CID %s\n", r.status.Position, r.status.CID)
	part := func(title string, content []byte) {
		if content != nil {
			fmt.Fprintf(&b, "\n%s\n\n%s\n", title, content)
		}
	}
	part("The largest checkpoint that was found to be of the verified entries:", f.Known)
	part("The checkpoint that is shown now:", f.Shown)
	part("The entry that is shown:", f.Entry)
	file, err := os.CreateTemp(r.o.Dir, "evidence-"+now.Format("20060102T150405Z")+"-*.txt")
	if err != nil {
		return "", err
	}
	_, err = file.Write(b.Bytes())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", err
	}
	return filepath.Clean(file.Name()), nil
}
