package load

import "golang.org/x/sys/unix"

// turn is the time in nanoseconds after which another thread may have the processor. Since Linux 6.12 a thread that asks for
// little at a time is let on sooner.
const turn = 100_000

// shortTurns asks for them for this thread; an older system refuses, and measures a little more of its scheduler.
func shortTurns() {
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Runtime: turn}, 0)
}
