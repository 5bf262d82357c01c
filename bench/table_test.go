package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/shell"
)

func lineOf(peer, name string, asks, clients int, rates ...uint64) *line {
	l := &line{peer: peer, name: name, asks: asks, clients: clients}
	for _, n := range rates {
		l.rounds = append(l.rounds, round{Result: load.Result{Requests: n, Took: time.Second}, cpu: 500 * time.Millisecond, memory: 20 << 20})
	}
	return l
}

func measuredLines() []*line {
	return []*line{
		lineOf("floor", "net/http + maps, HTTP", 1, 32, 50_000, 40_000),
		lineOf("openfga", "OpenFGA, HTTP", 1, 32, 4_000, 5_000),
		lineOf("permledger", "permledger, AuthZEN evaluation", 1, 32, 36_000, 32_000),
		lineOf("permledger", "permledger, AuthZEN evaluations of 100", 100, 32, 3_000, 4_000),
		lineOf("permledger", "permledger, GET /check", 1, 32, 1_000, 1_000),
	}
}

func TestTheTableSaysWhatWasMeasured(t *testing.T) {
	var b bytes.Buffer
	writeTable(&b, measuredLines())
	writeInProcess(&b, []inProcess{{"maps", shell.Measured{Nanoseconds: 81, Bytes: 0, Allocs: 0}}, {"casbin", shell.Measured{Nanoseconds: 267_000, Bytes: 177_454, Allocs: 4494}}})
	const want = `| asked | clients | decisions/s (best) | all rounds | p50 ms | p99 ms | p99 of all rounds | server CPU µs/decision | RSS MB | × floor | × OpenFGA |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
| net/http + maps, HTTP | 32 | 50,000 | 40,000–50,000 | 0 | 0 | 0–0 | 10.0 | 20 | 1 | 10.0 (8.00–12.5) |
| OpenFGA, HTTP | 32 | 5,000 | 4,000–5,000 | 0 | 0 | 0–0 | 100 | 20 | 0.100 (0.080–0.125) | 1 |
| permledger, AuthZEN evaluation | 32 | 36,000 | 32,000–36,000 | 0 | 0 | 0–0 | 13.9 | 20 | 0.720 (0.720–0.800) | 7.20 (6.40–9.00) |
| permledger, AuthZEN evaluations of 100 | 32 | 400,000 | 300,000–400,000 | 0 | 0 | 0–0 | 1.25 | 20 | 8.00 (6.00–10.0) | 80.0 (75.0–80.0) |
| permledger, GET /check | 32 | 1,000 | 1,000–1,000 | 0 | 0 | 0–0 | 500 | 20 | 0.020 (0.020–0.025) | 0.200 (0.200–0.250) |
| in process, one goroutine | µs/decision | B/decision | allocations |
|---|--:|--:|--:|
| maps | 0.081 | 0 | 0 |
| casbin | 267 | 177,454 | 4,494 |
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestWhatIsWantedIsJudged(t *testing.T) {
	var b bytes.Buffer
	writeBars(&b, measuredLines())
	const want = `✗ permledger, AuthZEN evaluation, 32 clients: 7.20 times OpenFGA's HTTP check, wanted 8
✓ permledger, AuthZEN evaluation, 32 clients: 0.720 of the floor, wanted 0.6
✓ permledger, AuthZEN evaluation, 32 clients: p99 0s, wanted under 2ms
✓ permledger, AuthZEN evaluations of 100, 32 clients: 11.1 times the decisions of single requests, wanted 10
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// A table with a wrong answer behind it is no table that anybody is to believe.
func TestWrongAnswersFailTheRun(t *testing.T) {
	lines := measuredLines()
	if err := inOrder(lines, nil); err != nil {
		t.Fatal(err)
	}
	lines[1].rounds[1].Wrong = 3
	lines[2].rounds[0].Failed = 1
	err := inOrder(lines, []inProcess{{"casbin", shell.Measured{Wrong: 2}}})
	for _, want := range []string{"OpenFGA, HTTP, 32 clients: 3 decisions", "1 requests failed", "casbin, in process: 2 decisions"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
