package browsertest

import "time"

// Impatient makes a page give up soon what it waits for, so that a test of giving up is no long one.
func (p *Page) Impatient() { p.patience = time.Second / 10 }
