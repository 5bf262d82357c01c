// Package metrics counts, and writes what was counted in the text format that Prometheus scrapes (version 0.0.4).
//
// Counting is one atomic addition and never allocates: the questions that are counted take a few hundred nanoseconds. Which
// labels there are is fixed where something is written, so that no caller can make new ones. That is all that is asked of the
// official client library here, which brings a registry with locks and hashed labels, and four more modules.
package metrics

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ContentType is that of what [Writer] writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// A Counter counts up from 0. It is safe for concurrent use; its zero value is ready.
type Counter struct{ n atomic.Uint64 }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Value gives the count.
func (c *Counter) Value() uint64 { return c.n.Load() }

// A Histogram counts observations by size. It is safe for concurrent use.
type Histogram struct {
	bounds []int64 // ascending
	scale  float64 // of one observed unit, in what is written
	counts []atomic.Uint64
	sum    atomic.Int64
}

// seconds are the upper bounds of durations.
var seconds = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}

// NewDurations makes a histogram of durations, which are written in seconds.
func NewDurations() *Histogram {
	h := &Histogram{scale: 1e-9, counts: make([]atomic.Uint64, len(seconds)+1)}
	for _, s := range seconds {
		h.bounds = append(h.bounds, int64(math.Round(s*1e9)))
	}
	return h
}

// NewSizes makes a histogram of numbers up to each power of two until 4,096.
func NewSizes() *Histogram {
	h := &Histogram{scale: 1}
	for n := int64(1); n <= 4096; n *= 2 {
		h.bounds = append(h.bounds, n)
	}
	h.counts = make([]atomic.Uint64, len(h.bounds)+1)
	return h
}

// Took observes a duration.
func (h *Histogram) Took(d time.Duration) { h.Observe(int64(d)) }

// Observe observes a number; of a histogram of durations, one of nanoseconds.
func (h *Histogram) Observe(v int64) {
	i, _ := slices.BinarySearch(h.bounds, v)
	h.counts[i].Add(1)
	h.sum.Add(v)
}

// Count gives how many observations there were.
func (h *Histogram) Count() (n uint64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// A Writer writes families of metrics one behind the other.
type Writer struct {
	b    bytes.Buffer
	name string
}

// Bytes gives what was written.
func (w *Writer) Bytes() []byte { return w.b.Bytes() }

// Counters begins a family of counters. help is one line.
func (w *Writer) Counters(name, help string) { w.family(name, "counter", help) }

// Gauges begins a family of numbers that go up and down.
func (w *Writer) Gauges(name, help string) { w.family(name, "gauge", help) }

// Histograms begins a family of histograms.
func (w *Writer) Histograms(name, help string) { w.family(name, "histogram", help) }

func (w *Writer) family(name, kind, help string) {
	w.name = name
	w.b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// Value writes a sample of the family that was begun last. labels are names and values in turns.
func (w *Writer) Value(v float64, labels ...string) { w.sample("", v, labels) }

// Histogram writes a histogram of the family that was begun last.
func (w *Writer) Histogram(h *Histogram, labels ...string) {
	var total uint64
	labels = append(slices.Clone(labels), "le", "")
	for i, bound := range h.bounds {
		total += h.counts[i].Load()
		labels[len(labels)-1] = number(float64(bound) * h.scale)
		w.sample("_bucket", float64(total), labels)
	}
	total += h.counts[len(h.bounds)].Load()
	labels[len(labels)-1] = "+Inf"
	w.sample("_bucket", float64(total), labels)
	labels = labels[:len(labels)-2]
	w.sample("_sum", float64(h.sum.Load())*h.scale, labels)
	w.sample("_count", float64(total), labels) // what came meanwhile is in neither
}

var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (w *Writer) sample(suffix string, v float64, labels []string) {
	w.b.WriteString(w.name + suffix)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		w.b.WriteString(sep + labels[i] + `="` + escaped.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 1 {
		w.b.WriteByte('}')
	}
	w.b.WriteString(" " + number(v) + "\n")
}

// number writes a float in the shortest form, rounded where scaling made it long.
func number(v float64) string {
	if rounded := math.Round(v*1e9) / 1e9; math.Abs(v) < 1e6 {
		v = rounded
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
