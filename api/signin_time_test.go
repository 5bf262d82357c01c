package api_test

import (
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// Given a name that somebody has and names that nobody has, when wrong passwords are tried in turn, then how long the answers
// take does not tell them apart: by their ranks (Mann-Whitney), in measurements that alternate.
func TestSignInTakesAsLong(t *testing.T) {
	if os.Getenv("PERMLEDGER_LONG") == "" {
		t.Skip("measures for a minute: PERMLEDGER_LONG=1")
	}
	w := newWorld(t)
	w.open("acme", "plain")
	w.join("acme", "ben", "ben@acme.example", password)
	w.add("acme", "svc")
	var hours atomic.Int64 // so that no name has to wait
	srv := httptest.NewServer(api.New(w.node, api.Options{Now: func() time.Time { return time.Now().Add(time.Duration(hours.Load()) * time.Hour) }}))
	defer srv.Close()
	c := client.New(srv.URL, "", srv.Client())
	took := func(in wire.SignIn) float64 {
		t.Helper()
		hours.Add(1)
		in.Password = "a password that is wrong"
		begun := time.Now()
		if _, err := c.SignIn(t.Context(), "acme", in); problemIn(err).Code() != wire.CodeSignIn {
			t.Fatal(err)
		}
		return time.Since(begun).Seconds()
	}
	const rounds = 200
	somebody := wire.SignIn{Key: "ben"}
	for name, other := range map[string]func(int) wire.SignIn{
		"a key of nobody":          func(n int) wire.SignIn { return wire.SignIn{Key: fmt.Sprintf("nobody-%d", n)} },
		"an address of nobody":     func(n int) wire.SignIn { return wire.SignIn{Email: fmt.Sprintf("nobody-%d@acme.example", n)} },
		"who has no password":      func(int) wire.SignIn { return wire.SignIn{Key: "svc"} },
		"an address of somebody":   func(int) wire.SignIn { return wire.SignIn{Email: "ben@acme.example"} },
		"the same, as a yardstick": func(int) wire.SignIn { return somebody },
	} {
		took(somebody)
		var known, unknown []float64
		for n := range rounds {
			if n%2 == 0 { // so that neither is always the one after the other
				known, unknown = append(known, took(somebody)), append(unknown, took(other(n)))
			} else {
				unknown, known = append(unknown, took(other(n))), append(known, took(somebody))
			}
		}
		if z := ranks(known, unknown); math.Abs(z) > 5 {
			t.Errorf("%s is told from somebody with a password: z = %.1f", name, z)
		} else {
			t.Logf("%s: z = %.1f", name, z)
		}
	}
}

// ranks gives the Mann-Whitney statistic of two samples, as many standard deviations from what equal ones would give.
func ranks(a, b []float64) float64 {
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	sum := 0.0
	for _, v := range a {
		at, _ := slices.BinarySearch(all, v)
		sum += float64(at + 1)
	}
	n, m := float64(len(a)), float64(len(b))
	u := sum - n*(n+1)/2
	return (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
}
