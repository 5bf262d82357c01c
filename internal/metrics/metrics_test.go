package metrics

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// Given observations from many goroutines, when they are written, then all are counted, in the right buckets, as Prometheus
// reads them.
func TestHistogram(t *testing.T) {
	h, sizes := NewDurations(), NewSizes()
	var c Counter
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				h.Took(500 * time.Microsecond) // a bound belongs to its bucket
				h.Took(time.Minute)
				sizes.Observe(3)
				c.Inc()
			}
		})
	}
	all.Wait()
	var w Writer
	w.Histograms("took_seconds", "How long it took.")
	w.Histogram(h, "org", "main")
	w.Histograms("batch", "How many.")
	w.Histogram(sizes)
	w.Counters("n_total", "How often.")
	w.Value(float64(c.Value()), "path", "a\"b\\c\nd")
	text := string(w.Bytes())
	for _, want := range []string{
		"# HELP took_seconds How long it took.\n# TYPE took_seconds histogram\n",
		`took_seconds_bucket{org="main",le="0.00025"} 0` + "\n",
		`took_seconds_bucket{org="main",le="0.0005"} 8000` + "\n",
		`took_seconds_bucket{org="main",le="10"} 8000` + "\n",
		`took_seconds_bucket{org="main",le="+Inf"} 16000` + "\n",
		`took_seconds_sum{org="main"} 480004` + "\n",
		`took_seconds_count{org="main"} 16000` + "\n",
		`batch_bucket{le="2"} 0` + "\n", `batch_bucket{le="4"} 8000` + "\n", "batch_sum 24000\n", "batch_count 8000\n",
		"# TYPE n_total counter\n" + `n_total{path="a\"b\\c\nd"} 8000` + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if allocs := testing.AllocsPerRun(100, func() { h.Took(time.Millisecond); c.Inc() }); allocs > 0 {
		t.Errorf("counting allocates %v times", allocs)
	}
}
