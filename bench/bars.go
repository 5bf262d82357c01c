package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// What is wanted of permledger, in ratios of the same run and in one time.
const (
	overOpenFGA = 8.0
	ofFloor     = 0.6
	tail        = 2 * time.Millisecond // of 99 in 100 answers, with 32 clients
	overSingle  = 10.0                 // decisions a second of batches over single ones
)

// writeBars says of each thing that is wanted whether it was so.
func writeBars(w io.Writer, lines []*line) {
	for _, one := range lines {
		if one.peer != "permledger" || !strings.Contains(one.name, "evaluation") {
			continue
		}
		if one.asks > 1 {
			if single := find(lines, "permledger", one.clients); single != nil {
				writeBar(w, one, "times the decisions of single requests", ratioOf(one, single), overSingle)
			}
			continue
		}
		if o := find(lines, "openfga", one.clients); o != nil {
			writeBar(w, one, "times OpenFGA's HTTP check", ratioOf(one, o), overOpenFGA)
		}
		if o := find(lines, "floor", one.clients); o != nil {
			writeBar(w, one, "of the floor", ratioOf(one, o), ofFloor)
		}
		if p99 := one.best().Times.At(0.99); one.clients == 32 {
			fmt.Fprintf(w, "%s %s, %d clients: p99 %s, wanted under %s\n", mark(p99 < tail), one.name, one.clients, p99, tail)
		}
	}
}

func ratioOf(l, o *line) float64 {
	best, _, _ := l.over(o)
	return best
}

func writeBar(w io.Writer, l *line, of string, have, want float64) {
	fmt.Fprintf(w, "%s %s, %d clients: %s %s, wanted %g\n", mark(have >= want), l.name, l.clients, digits(have), of, want)
}

func mark(met bool) string {
	if met {
		return "✓"
	}
	return "✗"
}
