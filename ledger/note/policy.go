package note

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors of [Policy.Verify], to be told apart with errors.Is.
var (
	// ErrOrigin says that a checkpoint is of a log that the policy does not list.
	ErrOrigin = errors.New("the policy does not list this log")
	// ErrLogSignature says that a checkpoint has no valid signature of its log; the error wraps [ErrUnsigned] or
	// [ErrBadSignature] too.
	ErrLogSignature = errors.New("the log has not signed this checkpoint")
	// ErrQuorum says that too few witnesses have cosigned a checkpoint.
	ErrQuorum = errors.New("too few witnesses have cosigned this checkpoint")
)

// None is the quorum of a policy that asks for no witness.
const None = "none"

// Log is a log that a policy trusts to sign its own checkpoints.
type Log struct {
	Key Key    // its name is the log's origin
	URL string // where to reach it; may be empty
}

// Witness is a witness that a policy knows.
type Witness struct {
	Name string // within the policy alone
	Key  Key
	URL  string // its submission prefix; may be empty
}

// Group is a number of members of which some have to cosign.
type Group struct {
	Name    string
	K       int      // how many of the members it takes, at least 1
	Members []string // names of witnesses and of groups before this one
}

// Policy says when a checkpoint is believed: signed by any one of the logs, and cosigned as the quorum says.
type Policy struct {
	Logs      []Log
	Witnesses []Witness
	Groups    []Group
	Quorum    string // the name of a witness or a group, or [None]
}

// Verified is a checkpoint that a policy was asked about.
type Verified struct {
	Checkpoint
	Note      *Note
	Log       Key         // the first of the policy's keys that signed it
	Witnesses []Witnessed // those whose cosignatures verify, in the policy's order
	Quorum    bool        // whether these are enough
	// At is the time from which the quorum vouches: the latest for which enough cosignatures are of this time or a later
	// one. It is zero without a quorum, and where the policy asks for no witness.
	At time.Time
}

// Witnessed is a cosignature that verifies.
type Witnessed struct {
	Name string // as the policy has it
	Key  Key
	At   time.Time
}

// Verify reads a checkpoint and judges it. It returns what it verified also where nothing but the quorum is missing
// ([ErrQuorum]); with any other error it returns nil.
func (p *Policy) Verify(b []byte) (*Verified, error) {
	n, c, err := ReadCheckpoint(b)
	if err != nil {
		return nil, err
	}
	v := &Verified{Checkpoint: c, Note: n}
	if err := p.log(v); err != nil {
		return nil, err
	}
	for _, w := range p.Witnesses {
		at, err := n.Verify(w.Key)
		if errors.Is(err, ErrUnsigned) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("checkpoint %d of %s: witness %s: %w", c.Size, c.Origin, w.Name, err)
		}
		v.Witnesses = append(v.Witnesses, Witnessed{Name: w.Name, Key: w.Key, At: at})
	}
	if v.Quorum, v.At = p.quorum(v.Witnesses); !v.Quorum {
		return v, fmt.Errorf("%w: size %d of %s, quorum %s, cosigned by %s", ErrQuorum, c.Size, c.Origin, p.Quorum, names(v.Witnesses))
	}
	return v, nil
}

// log finds the log that signed. A signature of any listed log has to verify, even of one that this checkpoint is not of.
func (p *Policy) log(v *Verified) error {
	listed, signed := false, false
	for _, l := range p.Logs {
		_, err := v.Note.Verify(l.Key)
		if err != nil && !errors.Is(err, ErrUnsigned) {
			return fmt.Errorf("%w: size %d of %s: %w", ErrLogSignature, v.Size, v.Origin, err)
		}
		if l.Key.Name != v.Origin {
			continue
		}
		if listed = true; err == nil && !signed {
			signed, v.Log = true, l.Key
		}
	}
	switch {
	case !listed:
		return fmt.Errorf("%w: the checkpoint is of %q", ErrOrigin, v.Origin)
	case !signed:
		return fmt.Errorf("%w: size %d of %s: %w", ErrLogSignature, v.Size, v.Origin, ErrUnsigned)
	}
	return nil
}

// quorum says whether these witnesses are enough, and since when.
func (p *Policy) quorum(by []Witnessed) (bool, time.Time) {
	since := func(t time.Time) func(string) bool {
		return func(name string) bool {
			return slices.ContainsFunc(by, func(w Witnessed) bool { return w.Name == name && !w.At.Before(t) })
		}
	}
	if p.Quorum == None {
		return true, time.Time{}
	}
	var at time.Time
	met := false
	for _, w := range by {
		if p.Satisfied(since(w.At)) && (!met || w.At.After(at)) {
			met, at = true, w.At
		}
	}
	return met, at
}

// Satisfied says whether the quorum is reached when exactly the witnesses for which cosigned says so have cosigned. A
// quorum that the policy does not define is never reached.
func (p *Policy) Satisfied(cosigned func(witness string) bool) bool {
	if p.Quorum == None {
		return true
	}
	met := make(map[string]bool, len(p.Witnesses)+len(p.Groups))
	for _, w := range p.Witnesses {
		met[w.Name] = cosigned(w.Name)
	}
	for _, g := range p.Groups { // members stand before their group
		k := 0
		for _, m := range g.Members {
			if met[m] {
				k++
			}
		}
		met[g.Name] = g.K > 0 && k >= g.K
	}
	return met[p.Quorum]
}

func names(by []Witnessed) string {
	if len(by) == 0 {
		return "nobody"
	}
	var out []string
	for _, w := range by {
		out = append(out, w.Name)
	}
	return strings.Join(out, ", ")
}
