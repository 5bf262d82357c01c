package node

import "golang.org/x/sys/unix"

// clock says whether something sets the machine's clock.
func (x *examination) clock() {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	const unsynchronized = 5 // TIME_ERROR
	switch {
	case err != nil:
		x.add("clock", "", FindingWarn, "", "it cannot be told whether it is synchronized: %v", err)
	case state == unsynchronized || t.Status&unix.STA_UNSYNC != 0:
		x.add("clock", "", FindingWarn, "run an NTP client: events are stamped with this clock, which cannot go back", "nothing synchronizes it; it is %s", x.opts.Now().UTC().Format("2006-01-02 15:04:05Z"))
	default:
		x.ok("clock", "", "synchronized, to %d ms", t.Maxerror/1000)
	}
}
