package tenants_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/secret"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		lives := "3"
		if long {
			lives = "60"
		}
		if err := f.Value.Set(lives); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// ofNames is the digest of a set of permissions: of equal names it is equal everywhere.
var ofNames = regexp.MustCompile(`"set":"[^"]*"`)

// recorded gives all tokens of an organization's entries and documents, and what its owner alone was told.
func (o *tenant) recorded(t testing.TB, w *world) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	org, err := w.node.Org(o.id)
	if err != nil {
		t.Fatal(err)
	}
	for at := uint64(1); at <= org.Journal.Len(); at++ {
		raw, err := org.Journal.Read(at)
		if err != nil {
			t.Fatal(err)
		}
		for one := range tokensIn(ofNames.ReplaceAllString(string(raw), "")) {
			all[one] = true
		}
	}
	history, err := o.History(t.Context(), o.id, wire.HistoryQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range history.Items {
		all[item.CID] = true
	}
	if docs, err := o.Documents(t.Context(), o.id, "", ""); err == nil {
		for _, d := range docs.Items {
			all[d.CID] = true
		}
	}
	hooks, err := o.Webhooks(t.Context(), o.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hooks.Items {
		all[h.ID] = true
	}
	for _, who := range []string{"owner", "reader", "nobody"} {
		all[apiKey(o.id, who)] = true
	}
	return all
}

// live lets an organization have a life of random commands.
func (o *tenant) live(t *rapid.T, commands int, recorded, refused map[string]int) {
	all := o.names.and(o.known)
	for range commands {
		in := all.intent(t)
		if _, err := o.Do(o.ctx, o.id, in); err != nil {
			refused[in.Kind]++
		} else {
			recorded[in.Kind]++
		}
	}
}

// A leak is an answer to a caller of one organization with something of another.
type leak struct{ where, what string }

// sweep has callers of theirs ask a handler for everything, first of their own organization, then by the names of mine that
// they guessed, of both. It gives what leaked. What is answered with more than a refusal is counted.
func (l *lives) sweep(t *rapid.T, h http.Handler) (leaks []leak) {
	callers := map[string]string{
		"owner": apiKey(l.theirs.id, "owner"), "reader": apiKey(l.theirs.id, "reader"), "nobody": apiKey(l.theirs.id, "nobody"),
		"stranger": secret.Of(secret.APIKey, keyOf("a stranger")).Text(), "guest": "",
	}
	routes := api.Routes()
	deletes := func(r api.Route) bool { return r.Method == http.MethodDelete }
	last := slices.DeleteFunc(slices.Clone(routes), func(r api.Route) bool { return !deletes(r) })
	routes = append(slices.DeleteFunc(routes, deletes), last...) // what is deleted cannot be asked for
	for _, about := range []struct {
		org string
		lexicon
		*needles
	}{{l.theirs.id, l.own, l.needles.and(knownWord)}, {l.theirs.id, l.guessed, l.needles}, {l.mine.id, l.guessed, l.needles}} {
		for _, r := range routes {
			if l.first && len(leaks) > 0 {
				return leaks
			}
			if about.org == l.mine.id && !strings.Contains(r.Path, "{org}") {
				continue
			}
			for _, who := range []string{"owner", "reader", "nobody", "stranger", "guest"} {
				if r.Open && who != "owner" || about.org == l.theirs.id && (who == "stranger" || who == "guest") {
					continue // who asks is not looked at, or has no part in the organization
				}
				q := on(t, r, about.org, about.lexicon)
				q.auth = callers[who]
				questions := []question{q}
				if bare, _, has := strings.Cut(q.path, "?"); has && who == "owner" && r.Method == http.MethodGet { // the one that gives most
					all := q
					all.path = bare
					questions = append(questions, all)
				}
				for _, q := range questions {
					about.forgive(q.path + q.body)
					answer := q.ask(h)
					if strings.HasPrefix(answer, "2") {
						l.answered[r.Method+" "+r.Path]++
					}
					if what := about.in(answer); what != "" {
						leaks = append(leaks, leak{fmt.Sprintf("%s of %s asks %s", who, l.theirs.id, q), what})
					}
				}
			}
		}
	}
	return leaks
}

// lives are those of two organizations, up to where theirs asks.
type lives struct {
	*world
	mine, theirs *tenant
	*ears
	own, guessed lexicon // what theirs knows
	*needles
	recorded, refused, answered map[string]int

	first bool // one leak is enough
}

// lived lets two organizations live side by side, while theirs listens wherever it can.
func lived(t *testing.T, rt *rapid.T, w *world, profile string, commands int) *lives {
	t.Helper()
	l := &lives{world: w, recorded: map[string]int{}, refused: map[string]int{}, answered: map[string]int{}}
	l.mine, l.theirs = w.pair(profile)
	l.mine.begin(t)
	l.theirs.begin(t)
	l.ears = w.listen(l.mine, l.theirs)
	for _, o := range []*tenant{l.theirs, l.mine, l.theirs} {
		o.live(rt, commands, l.recorded, l.refused)
	}
	l.needles = w.needles(t, l.mine, l.theirs)
	l.own, l.guessed = l.theirs.lexiconOf(t, l.theirs.names, w), l.mine.lexiconOf(t, l.mine.known, w)
	return l
}

// overheard gives what leaked to where theirs listens, once all of its own was heard there.
func (l *lives) overheard(t testing.TB) (leaks []leak) {
	t.Helper()
	l.ears.ask(l.mine)
	l.heardAll(t)
	for where, texts := range l.heard() {
		for _, text := range texts {
			if what := l.in(text); what != "" {
				leaks = append(leaks, leak{where, what})
			}
		}
	}
	return leaks
}

// Given two organizations of one server that live random lives, when callers of one ask everything that can be asked, and
// listen wherever one can listen, then nothing of the other reaches them.
func TestNothingReachesAnotherOrganization(t *testing.T) {
	w := newWorld(t)
	commands := 15
	if long {
		commands = 100
	}
	total := &lives{recorded: map[string]int{}, refused: map[string]int{}, answered: map[string]int{}}
	rapid.Check(t, func(rt *rapid.T) {
		profile := rapid.SampledFrom([]string{"stokr", "plain"}).Draw(rt, "profile")
		if w.worlds == 0 {
			profile = "stokr" // whose documents are asked for, too
		}
		l := lived(t, rt, w, profile, commands)
		defer l.close()
		for _, leaks := range [][]leak{l.overheard(t), l.sweep(rt, w.handler), l.overheard(t)} {
			for _, one := range leaks {
				rt.Errorf("%s: %s", one.where, one.what)
			}
		}
		for _, both := range [][2]map[string]int{{total.recorded, l.recorded}, {total.refused, l.refused}, {total.answered, l.answered}} {
			for what, n := range both[1] {
				both[0][what] += n
			}
		}
	})
	t.Logf("recorded %v, refused %v", total.recorded, total.refused)
	// A test that is refused everywhere would find nothing.
	for _, path := range []string{
		"", "/roles", "/subjects", "/keys", "/permissions", "/resources", "/guide", "/assignments", "/bindings", "/reports/who-has-what", "/history", "/entries",
		"/export", "/documents", "/topic", "/activity", "/watch", "/changes", "/webhooks", "/whoami",
	} {
		if total.answered["GET /v1/orgs/{org}"+path] == 0 {
			t.Errorf("%s was never answered", path)
		}
	}
	var never []string
	for _, r := range api.Routes() {
		if name := r.Method + " " + r.Path; total.answered[name] == 0 {
			never = append(never, name)
		}
	}
	t.Logf("only ever refused: %q", never)
	if len(total.recorded) < 10 || len(never) > len(api.Routes())/2 {
		t.Errorf("%d kinds of commands were recorded, %d of %d routes always refused", len(total.recorded), len(never), len(api.Routes()))
	}
}

// needles gives what must not reach callers of theirs.
func (w *world) needles(t testing.TB, mine, theirs *tenant) *needles {
	t.Helper()
	n := needlesOf(secretWord, mine.recorded(t, w))
	for one := range theirs.recorded(t, w) {
		delete(n.tokens, one)
	}
	for _, path := range []string{"/orgs/" + mine.id + "/did.json", "/orgs/" + mine.id + "/log/checkpoint", "/v1/orgs/" + mine.id + "/policy"} {
		n.forgive(question{method: http.MethodGet, path: path}.ask(w.handler)) // they are public, and have no words
	}
	return n
}
