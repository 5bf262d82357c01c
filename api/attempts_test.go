package api_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// Given strangers who try names of a megabyte each, when they are refused, then what is remembered of them is small.
func TestLongNamesAreNotKept(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	kept := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const tries, long = 12, 1 << 20
	try := func(n int) {
		name := fmt.Sprint(n) + strings.Repeat("x", long-100)
		resp, err := http.Post(w.url+"/v1/orgs/acme/sessions", "application/json", strings.NewReader(`{"key":"`+name+`","password":"wrong"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("answered with %d", resp.StatusCode)
		}
	}
	try(0)
	before := kept()
	for n := range tries {
		try(n + 1)
	}
	if after := kept(); after > before+tries*long/2 {
		t.Errorf("%d bytes are kept of %d names", after-before, tries)
	}
}
