package tenants_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
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
		lives := "2"
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

// public are the routes whose answers everybody may have, of an organization whose id it knows: keys, hashes and signatures.
var public = []string{
	"/orgs/{org}/did.json", "/orgs/{org}/status/{purpose}/{list}", "/orgs/{org}/log/checkpoint", "/orgs/{org}/log/tile/{path...}",
	"/v1/orgs/{org}/policy", "/v1/orgs/{org}/invitations/{did}", "/v1/orgs/{org}/join",
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

// sweep has callers of theirs ask a handler for everything, of their own organization and of mine by the names that they
// guessed. It gives what leaked.
func sweep(t *rapid.T, h http.Handler, mine, theirs *tenant, own, guessed lexicon, n *needles) (leaks []leak, asked int) {
	callers := map[string]string{
		"owner": apiKey(theirs.id, "owner"), "reader": apiKey(theirs.id, "reader"), "nobody": apiKey(theirs.id, "nobody"),
		"stranger": secret.Of(secret.APIKey, keyOf("a stranger")).Text(), "guest": "",
	}
	for _, r := range api.Routes() {
		for _, about := range []struct {
			org string
			lexicon
		}{{theirs.id, own}, {theirs.id, guessed}, {mine.id, guessed}} {
			if about.org == mine.id && !strings.Contains(r.Path, "{org}") {
				continue
			}
			for _, who := range []string{"owner", "reader", "nobody", "stranger", "guest"} {
				if r.Open && who != "owner" || about.org == theirs.id && (who == "stranger" || who == "guest") {
					continue // then who asks is not looked at, or has no part in the organization
				}
				q := on(t, r, about.org, about.lexicon)
				q.auth = callers[who]
				n.forgive(q.path + q.body)
				asked++
				if what := n.in(q.ask(h)); what != "" {
					leaks = append(leaks, leak{fmt.Sprintf("%s of %s asks %s", who, theirs.id, q), what})
				}
			}
		}
	}
	return leaks, asked
}

// Given two organizations of one server that live random lives, when callers of one ask everything that can be asked, and
// listen wherever one can listen, then nothing of the other reaches them.
func TestNothingReachesAnotherOrganization(t *testing.T) {
	w := newWorld(t)
	recorded, refused := map[string]int{}, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		profile := rapid.SampledFrom([]string{"stokr", "plain"}).Draw(rt, "profile")
		if w.worlds == 0 {
			profile = "stokr" // whose documents are asked for, too
		}
		mine, theirs := w.pair(profile)
		mine.begin(t)
		theirs.begin(t)
		ears := w.listen(mine, theirs)
		defer ears.close()
		commands := 25
		if long {
			commands = 150
		}
		theirs.live(rt, commands/2, recorded, refused)
		mine.live(rt, commands, recorded, refused)
		theirs.live(rt, commands/2, recorded, refused)

		n := w.needles(t, mine, theirs)
		ears.ask(mine)
		ears.heardAll(t)
		for where, texts := range ears.heard() {
			if len(texts) == 0 {
				t.Errorf("%s: nothing was heard at all", where)
			}
			for _, text := range texts {
				if what := n.in(text); what != "" {
					rt.Errorf("%s heard %s", where, what)
				}
			}
		}
		own, guessed := theirs.lexiconOf(t, theirs.names, w), mine.lexiconOf(t, mine.known, w)
		leaks, asked := sweep(rt, w.handler, mine, theirs, own, guessed, n)
		for _, l := range leaks {
			rt.Errorf("%s: %s", l.where, l.what)
		}
		t.Logf("%s beside %s: %d requests, %d tokens", theirs.id, mine.id, asked, len(n.tokens))
	})
	t.Logf("recorded %v, refused %v", recorded, refused)
}

// needles gives what must not reach callers of theirs.
func (w *world) needles(t testing.TB, mine, theirs *tenant) *needles {
	t.Helper()
	n := needlesOf(secretWord, mine.recorded(t, w))
	for one := range theirs.recorded(t, w) {
		delete(n.tokens, one)
	}
	for _, path := range []string{"/orgs/" + mine.id + "/did.json", "/orgs/" + mine.id + "/log/checkpoint", "/v1/orgs/" + mine.id + "/policy"} {
		n.forgive(question{method: http.MethodGet, path: path}.ask(w.handler))
	}
	return n
}
