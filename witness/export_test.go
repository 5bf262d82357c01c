package witness

import "time"

// OpenWith is Open with what only tests need: how many notes are remembered, and a call between storing and answering.
func OpenWith(o Config, keep int, stored func()) (*Witness, error) {
	o.keep, o.stored = keep, stored
	return Open(o)
}

// Handle is what a POST of body to add-checkpoint does.
func (w *Witness) Handle(body []byte) error {
	_, err := w.add(body)
	return err
}

// SubmitFast is Submit that wastes no time: it submits as often as it can, and cosignatures are of the age that is given
// when they are renewed.
func SubmitFast(o SubmitConfig, refresh time.Duration) *Submitter {
	o.pace = pace{refresh: refresh, first: time.Millisecond, longest: 4 * time.Millisecond, burst: 1e6, each: time.Microsecond, catchUp: 10 * time.Second}
	return Submit(o)
}

// Reformat reads a request and writes it again.
func Reformat(b []byte) ([]byte, error) {
	r, err := parseRequest(b)
	if err != nil {
		return nil, err
	}
	return formatRequest(r.old, r.proof, r.note), nil
}
