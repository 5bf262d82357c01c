package console_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console/browsertest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Run(m)) }

// browse opens a browser in which somebody of acme signed in.
func (w *world) browse(t *testing.T, who string) *browsertest.Page {
	t.Helper()
	p := browsertest.Open(t, w.url)
	p.Go("/console/acme/overview")
	p.Fill("E-mail, or your key in the organization", who)
	p.Fill("Password", password)
	p.Click("Sign in")
	p.At("/console/acme/overview")
	return p
}

// Given a browser, when somebody signs in, goes from page to page and signs out, then each page says the same position in its bar and
// its content, and what others record shows by itself.
func TestInABrowser(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	p := browsertest.Open(t, w.url)
	p.Go("/")
	p.Fill("Its id, as main", "acme")
	p.Click("Go on")
	p.Fill("E-mail, or your key in the organization", "owner")
	p.Fill("Password", "not the password that it has")
	p.Expect(http.StatusUnauthorized)
	p.Click("Sign in")
	p.See("Nobody can sign in here with this name and this password")
	p.Screenshot("sign-in")
	p.Fill("Password", password)
	p.Click("Sign in")
	p.At("/console/acme/overview")
	p.Click("Roles")
	p.At("/console/acme/roles")
	p.See("Desk")
	w.role("night", "Night desk", "a.read")
	p.See("Night desk")
	p.Screenshot("roles")
	p.Go("/console/acme/roles?at=3")
	p.See("As of event 3")
	p.Gone("Night desk")
	p.Click("Back to live")
	p.See("Night desk")
	p.Click("Sign out")
	p.At("/console/acme/sign-in")
}

// Given a page that somebody reads, when events follow each other fast, then the page comes to the last of them.
func TestManyEvents(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	p := w.browse(t, "owner")
	p.Click("Roles")
	p.See("Desk")
	var last wire.Receipt
	for _, name := range []string{"b.read", "c.read", "d.read", "e.read", "f.read"} {
		last = w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{name}})
	}
	if last.Seq != 8 {
		t.Fatalf("the last is %d", last.Seq)
	}
	p.See("Live at event 8")
}

// Given somebody who reviews a change, when others record something meanwhile, then the review stays, while other pages follow.
func TestAReviewStays(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	reader, p := w.browse(t, "owner"), w.browse(t, "owner")
	reader.Click("Roles")
	p.Click("Roles")
	p.Click("#roles tbody th a")
	p.Click("Edit")
	p.Fill("Description", "changed")
	p.Click("Review change")
	p.See("Who gains and loses what")
	w.role("night", "Night desk", "b.read")
	reader.See("Night desk")
	if follows := browsertest.Eval[bool](p, `() => document.getElementById("main").dataset.follow !== undefined`); follows {
		t.Error("a page that answers a form follows the ledger")
	}
	p.See("Live at event 3")
	p.Fill("Reason", "mine")
	p.Click("Record this change")
	p.See("Recorded: event 5")
	w.role("late", "Late desk", "b.read")
	p.See("Live at event 6") // a page that was swapped in follows, from where it stands
}

// Given a form that makes a secret, when its button is pressed twice, then it is sent once, and the secret is shown.
func TestAFormIsSentOnce(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	p := w.browse(t, "owner")
	p.Go("/console/acme/create-key")
	p.Fill("Key", "tool")
	p.Check("Desk desk", true)
	p.Click("Review the key")
	p.See("Create the key")
	browsertest.Eval[any](p, `() => {
		const button = [...document.querySelectorAll("main button")].find(b => b.textContent === "Create the key");
		button.click();
		button.click();
	}`)
	p.See("This is shown once, and kept nowhere")
	p.Click("Copy the secret") // it stays
	refused, err := w.As(w.bearer("owner")).FindActivity(t.Context(), acme, wire.ActivityQuery{Kind: "refused"})
	if err != nil || len(refused.Items) > 0 {
		t.Errorf("it was sent again: %+v, %v", refused.Items, err)
	}
}
