package metrics

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var started = time.Now()

// Process writes what is known of this process, under the names that Prometheus's own libraries give it.
func (w *Writer) Process() {
	w.Gauges("process_start_time_seconds", "When the process started, in seconds since 1970.")
	w.Value(float64(started.UnixMilli()) / 1000)
	w.Counters("process_cpu_seconds_total", "Processor time that the process used.")
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err == nil {
		w.Value(float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9)
	}
	w.Gauges("process_resident_memory_bytes", "Memory of the process that is in RAM.")
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(b)); len(fields) > 1 {
			if pages, err := strconv.ParseFloat(fields[1], 64); err == nil {
				w.Value(pages * float64(os.Getpagesize()))
			}
		}
	}
	w.Gauges("process_open_fds", "Open files and connections.")
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		w.Value(float64(len(entries)))
	}
	w.Gauges("process_max_fds", "How many files and connections may be open.")
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		w.Value(float64(limit.Cur))
	}
	w.Gauges("go_goroutines", "Goroutines.")
	w.Value(float64(runtime.NumGoroutine()))
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	w.Gauges("go_memstats_heap_alloc_bytes", "Bytes of the heap that are in use.")
	w.Value(float64(mem.HeapAlloc))
	w.Counters("go_gc_pause_seconds_total", "How long all goroutines stood still for the garbage collector.")
	w.Value(float64(mem.PauseTotalNs) / 1e9)
}
