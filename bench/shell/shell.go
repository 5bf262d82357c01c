// Package shell is the HTTP server around each library, and around the maps of the floor: net/http, encoding/json, a
// question, an answer, and nothing else. It measures them within the process too.
package shell

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/permledger/permledger/bench/world"
)

// Path is where a shell answers.
const Path = "/check"

// Question is the body of a request.
type Question struct {
	User       string `json:"user"`
	Permission string `json:"permission"`
	Resource   string `json:"resource"`
}

// Answer is the body of an answer.
type Answer struct {
	Allowed bool `json:"allowed"`
}

// Body gives the body that asks a check.
func Body(c world.Check) []byte {
	b, err := json.Marshal(Question{c.User, c.Permission, c.Resource})
	if err != nil {
		panic(err) // three texts can be written
	}
	return b
}

// A Decider answers questions; it is safe for concurrent use.
type Decider func(user, permission, resource string) (bool, error)

// Main serves a decider that is made of the standard world, or measures it with -measure.
func Main(from func(*world.World) (Decider, error)) {
	listen := flag.String("listen", "", "the loopback `address` to serve at")
	measure := flag.Bool("measure", false, "measure it within this process, and print that as JSON")
	flag.Parse()
	w := world.Make(world.Standard, world.Seed)
	decide, err := from(w)
	if err == nil && *measure {
		err = json.NewEncoder(os.Stdout).Encode(Measure(w, decide))
	} else if err == nil {
		err = serve(*listen, decide)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(addr string, decide Decider) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return http.Serve(l, Handler(decide))
}

// Handler answers questions.
func Handler(decide Decider) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, func(w http.ResponseWriter, r *http.Request) {
		var q Question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		allowed, err := decide(q.User, q.Permission, q.Resource)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(Answer{allowed}) // a caller that has gone is nobody to tell
	})
	return mux
}

// Measured is what a decision costs within a process, on one goroutine.
type Measured struct {
	Nanoseconds float64 `json:"ns"` // in the best of some windows
	Bytes       float64 `json:"bytes"`
	Allocs      float64 `json:"allocs"`
	Wrong       int     `json:"wrong"` // decisions other than the oracle's
}

// Windows of a measurement, and how long each is.
const (
	windows = 8
	window  = 250 * time.Millisecond
)

// Measure asks all checks again and again.
func Measure(w *world.World, decide Decider) (m Measured) {
	next := 0
	ask := func() {
		c := &w.Checks[next]
		if next++; next == len(w.Checks) {
			next = 0
		}
		if allowed, err := decide(c.User, c.Permission, c.Resource); err != nil || allowed != c.Allowed {
			m.Wrong++
		}
	}
	var before, after runtime.MemStats
	for range windows {
		runtime.ReadMemStats(&before)
		n, begun := 0, time.Now()
		for time.Since(begun) < window {
			for range 16 {
				ask()
			}
			n += 16
		}
		ns := float64(time.Since(begun).Nanoseconds()) / float64(n)
		runtime.ReadMemStats(&after)
		if m.Nanoseconds == 0 || ns < m.Nanoseconds {
			m.Nanoseconds = ns
			m.Bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
			m.Allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
		}
	}
	return m
}
