// Package faults breaks permledger from outside and judges what is left. It works on the real program and on real files:
// kill -9 at any moment, power cuts, system calls that fail, a full disk, damage at rest.
//
// Three processes take part. The program under test is the one that is killed. This process writes the load and keeps
// an [Ack] of each answer that it has read. [Judge] reads the files by a reader of its own, which shares no code with
// the program, and `permledger verify` reads them once more in a process of its own.
//
// What is demanded after every fault, see [Judge] and [Recover]: nothing acknowledged is lost, no command is recorded
// twice, each acknowledged entry stands where it was said to stand; or the program says in one line that it will not go
// on, changes no byte, and `permledger repair` mends what it refused.
//
// Every fault has a control, in which the harness must find something: a fault test that cannot fail proves nothing.
//
// The tests of this package run each fault a few times; with PERMLEDGER_LONG=1 they run long. cmd/soak runs the same
// code for hours. All choices come from a seed that is printed; a failure is kept as a directory, see [Failure].
package faults
