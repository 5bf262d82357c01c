package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/shell"
)

// round is one run of a row: with so many clients, what came of it.
type round struct {
	load.Result
	cpu    time.Duration
	memory uint64
}

// line is a row of the table with all its rounds.
type line struct {
	peer, name string
	asks       int // decisions in a request
	clients    int
	rounds     []round
}

// best is the round with the most requests a second.
func (l *line) best() *round {
	b := &l.rounds[0]
	for i := range l.rounds {
		if l.rounds[i].Rate() > b.Rate() {
			b = &l.rounds[i]
		}
	}
	return b
}

// decisions gives how many decisions a second a round came to.
func (l *line) decisions(r *round) float64 { return r.Rate() * float64(l.asks) }

// over gives the best round's decisions a second over those of another line, and the least and the most of the single rounds,
// which were measured beside each other.
func (l *line) over(o *line) (best, least, most float64) {
	for i := range min(len(l.rounds), len(o.rounds)) {
		x := l.decisions(&l.rounds[i]) / o.decisions(&o.rounds[i])
		if i == 0 || x < least {
			least = x
		}
		most = max(most, x)
	}
	return l.decisions(l.best()) / o.decisions(o.best()), least, most
}

// find gives the line of a peer's first row with so many clients; nil: it was not measured.
func find(lines []*line, peer string, clients int) *line {
	for _, l := range lines {
		if l.peer == peer && l.clients == clients {
			return l
		}
	}
	return nil
}

// writeTable writes what was measured as a table in Markdown.
func writeTable(w io.Writer, lines []*line) {
	fmt.Fprintln(w, "| asked | clients | decisions/s (best) | all rounds | p50 ms | p99 ms | p99 of all rounds | server CPU µs/decision | RSS MB | × floor | × OpenFGA |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, l := range lines {
		b := l.best()
		var rates, tails []float64
		for i := range l.rounds {
			rates = append(rates, l.decisions(&l.rounds[i]))
			tails = append(tails, milliseconds(l.rounds[i].Times.At(0.99)))
		}
		per := "-"
		if b.cpu > 0 && b.Requests > 0 {
			per = digits(float64(b.cpu.Microseconds()) / float64(b.Requests) / float64(l.asks))
		}
		cells := []string{
			l.name, fmt.Sprint(l.clients), thousands(l.decisions(b)), thousands(slices.Min(rates)) + "–" + thousands(slices.Max(rates)),
			digits(milliseconds(b.Times.At(0.5))), digits(milliseconds(b.Times.At(0.99))), digits(slices.Min(tails)) + "–" + digits(slices.Max(tails)),
			per, fmt.Sprint(b.memory >> 20), l.ratio(find(lines, "floor", l.clients)), l.ratio(find(lines, "openfga", l.clients)),
		}
		fmt.Fprintln(w, "| "+strings.Join(cells, " | ")+" |")
	}
}

// ratio writes the decisions a second over those of another line.
func (l *line) ratio(o *line) string {
	if o == nil {
		return ""
	}
	if o == l {
		return "1"
	}
	best, least, most := l.over(o)
	if len(l.rounds) == 1 {
		return digits(best)
	}
	return fmt.Sprintf("%s (%s–%s)", digits(best), digits(least), digits(most))
}

// inProcess is what one decision costs within the process of a peer.
type inProcess struct {
	name string
	shell.Measured
}

func writeInProcess(w io.Writer, rows []inProcess) {
	fmt.Fprintln(w, "| in process, one goroutine | µs/decision | B/decision | allocations |")
	fmt.Fprintln(w, "|---|--:|--:|--:|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.name, digits(r.Nanoseconds/1000), digits(r.Bytes), digits(r.Allocs))
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// digits writes a figure with as many digits as it is worth.
func digits(f float64) string {
	switch {
	case f >= 100:
		return thousands(f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	case f >= 1:
		return fmt.Sprintf("%.2f", f)
	case f == 0:
		return "0"
	}
	return fmt.Sprintf("%.3f", f)
}

func thousands(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
