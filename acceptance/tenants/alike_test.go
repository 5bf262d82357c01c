package tenants_test

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/ledger/secret"
)

// public are the routes that everybody may ask of an organization that there is: keys, hashes and signatures, and invitations,
// of whoever has their codes. They tell whether there is one.
var public = []string{
	"/orgs/{org}/did.json", "/orgs/{org}/status/{purpose}/{list}", "/orgs/{org}/log/checkpoint", "/orgs/{org}/log/tile/{path...}",
	"/v1/orgs/{org}/policy", "/v1/orgs/{org}/invitations/{did}", "/v1/orgs/{org}/join",
}

// private are those of them that are not public on a server that keeps its logs to those who may read the history.
var private = []string{"/orgs/{org}/log/checkpoint", "/orgs/{org}/log/tile/{path...}", "/v1/orgs/{org}/policy"}

// unique are the routes whose answers hold a number that is used once.
var unique = []string{"/v1/orgs/{org}/sessions/challenge"}

// nowhere is a name of the length of another, of an organization that there is not.
func nowhere(id string) string { return strings.Repeat("x", len(id)) }

// Given an organization, when callers of another, strangers and guests ask for anything of it that is not public, then
// they are answered, byte for byte, as if there were no such organization.
func TestAnotherOrganizationIsLikeNone(t *testing.T) {
	w := newWorld(t)
	once(t, func(rt *rapid.T) {
		l := lived(t, rt, w, "stokr", 5)
		defer l.close()
		compared := 0
		kept := api.New(w.node, api.Options{Token: token, Version: "test", PrivateLog: true})
		for _, r := range api.Routes() {
			h := w.handler
			if slices.Contains(private, r.Path) {
				h = kept
			} else if !strings.Contains(r.Path, "{org}") || slices.Contains(public, r.Path) || slices.Contains(unique, r.Path) {
				continue
			}
			for who, auth := range map[string]string{
				"owner": apiKey(l.theirs.id, "owner"), "nobody": apiKey(l.theirs.id, "nobody"), "stranger": secret.Of(secret.APIKey, keyOf("a stranger")).Text(), "guest": "",
				"who mistyped": apiKey(l.theirs.id, "owner") + "x",
			} {
				for range 3 {
					q := on(rt, r, l.mine.id, l.guessed)
					q.auth = auth
					if r.Path == "/v1/orgs/{org}/sessions" && r.Method == http.MethodPost && who != "guest" {
						continue // tries a password, which takes its time and may be tried so often only
					}
					there := q.ask(h)
					q.path = strings.Replace(q.path, "/"+l.mine.id, "/"+nowhere(l.mine.id), 1)
					none := q.ask(h)
					compared++
					if strings.ReplaceAll(there, l.mine.id, nowhere(l.mine.id)) != strings.ReplaceAll(none, l.mine.id, nowhere(l.mine.id)) {
						t.Errorf("%s asks %s:\n%s\n%s", who, q, there, none)
					}
				}
			}
		}
		if compared < 500 {
			t.Errorf("only %d answers were compared", compared)
		}
	})
}

// apart gives how well two lots of times can be told apart: how often one of the first is longer than one of the second. Half
// the time is not at all.
func apart(a, b []time.Duration) float64 {
	type one struct {
		took  time.Duration
		first bool
	}
	var all []one
	for _, d := range a {
		all = append(all, one{d, true})
	}
	for _, d := range b {
		all = append(all, one{d, false})
	}
	slices.SortFunc(all, func(x, y one) int { return cmp.Compare(x.took, y.took) })
	sum := 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].took == all[i].took {
			j++
		}
		for k := i; k < j; k++ { // of equal ones, each has the middle of their ranks
			if all[k].first {
				sum += float64(i+j+1) / 2
			}
		}
		i = j
	}
	n, m := float64(len(a)), float64(len(b))
	return (sum - n*(n+1)/2) / (n * m)
}

// times gives how long a request took for each of two organizations, asked in random order, within the process, where nothing
// hides a microsecond.
func times(h http.Handler, auth, path string, first, second string, n int) (a, b []time.Duration) {
	for i := range 2 * n {
		org, of := first, &a
		if (rand.Uint64()&1 == 0 || len(a) == n) && len(b) < n {
			org, of = second, &b
		}
		r := httptest.NewRequest(http.MethodGet, strings.Replace(path, "{org}", org, 1), nil)
		r.Header.Set("Authorization", "Bearer "+auth)
		out := httptest.NewRecorder()
		begun := time.Now()
		h.ServeHTTP(out, r)
		took := time.Since(begun)
		if i >= n/10 { // the first ones warm up
			*of = append(*of, took)
		}
		if len(a)+len(b) >= 2*n-n/10 {
			break
		}
	}
	return a, b
}

// Given an organization, when callers of another ask for something of it, then how long the answer takes does not tell whether
// there is such an organization. PERMLEDGER_LONG=1 measures; a machine that is busy needs another go at times.
func TestTimesDoNotTell(t *testing.T) {
	if !long {
		t.Skip("set PERMLEDGER_LONG=1 to measure")
	}
	w := newWorld(t)
	mine, theirs := w.pair("stokr")
	mine.begin(t)
	theirs.begin(t)
	const tells = 0.08 // as far from a half as that: less than a microsecond here, which no network lets through
	told := func(h http.Handler, auth, path string) (best float64, longer time.Duration) {
		best = 1
		for range 5 {
			a, b := times(h, auth, path, mine.id, nowhere(mine.id), 5000)
			if by := apart(a, b) - 0.5; max(by, -by) < max(best, -best) {
				best = by
				slices.Sort(a)
				slices.Sort(b)
				longer = a[len(a)/2] - b[len(b)/2]
			}
			if max(best, -best) < tells {
				break
			}
		}
		return best, longer
	}
	for _, path := range []string{"/v1/orgs/{org}/roles", "/v1/orgs/{org}/roles/falcon-role-0", "/v1/orgs/{org}/whoami", "/v1/orgs/{org}/history"} {
		for who, auth := range map[string]string{"a caller of another": apiKey(theirs.id, "owner"), "a stranger": secret.Of(secret.APIKey, keyOf("a stranger")).Text()} {
			by, longer := told(w.handler, auth, path)
			t.Logf("%s: %s tells by %+.3f, the median is longer by %s", path, who, by, longer)
			if max(by, -by) >= tells {
				t.Errorf("%s: %s tells there is an organization by the time that the answer takes: %+.3f", path, who, by)
			}
		}
	}
	// What takes a little longer is seen.
	slow := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, mine.id) {
			for begun := time.Now(); time.Since(begun) < 5*time.Microsecond; {
			}
		}
		w.handler.ServeHTTP(out, r)
	})
	if by, _ := told(slow, apiKey(theirs.id, "owner"), "/v1/orgs/{org}/roles"); by < tells {
		t.Errorf("5 µs more are not seen: %+.3f", by)
	}
}
