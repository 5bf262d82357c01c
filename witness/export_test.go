package witness

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
