package main

import (
	"strings"
	"testing"
)

// What cannot be measured is said before anything is built.
func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	right := options{clients: "1,32", rounds: 1, seconds: 1, cache: t.TempDir()}
	for want, change := range map[string]func(*options){
		`no peer "spicedb"`:             func(o *options) { o.peers = "floor,spicedb" },
		`"many" is no number`:           func(o *options) { o.clients = "1,many" },
		`"0" is no number`:              func(o *options) { o.clients = "0" },
		"at least one round":            func(o *options) { o.rounds = 0 },
		"run it in the directory bench": func(*options) { t.Chdir(t.TempDir()) },
	} {
		o := right
		change(&o)
		if err := run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}
