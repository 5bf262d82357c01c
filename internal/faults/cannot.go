package faults

// CannotError says that a kind of fault cannot be made on this machine. It is no failure: tests that meet it are skipped
// and say why, and a soak leaves that kind out.
type CannotError struct {
	What string // what cannot be done, and so what is not tried
	Err  error
}

func (e *CannotError) Error() string { return e.What + ": " + e.Err.Error() }

func (e *CannotError) Unwrap() error { return e.Err }
