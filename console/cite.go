package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Citation says in one line what a page shows and as of when, with an address that shows the same again; empty on pages that
// have none: what is about to be changed, or no session's.
func (p *page) Citation() string {
	at := p.call.asOf
	if p.Method != http.MethodGet || p.me.Subject == "" || at.Seq == 0 {
		return ""
	}
	ledger := p.details.Ledger
	if ledger == "" {
		ledger = p.org
	}
	return fmt.Sprintf("%s: %s, event %d (%s) of %s, %s%s", p.Title, ledger, at.Seq, at.CID, at.Time, p.origin(), p.pinned())
}

// pinned is the address of this page at the moment that it shows: at its position, or, where a time was asked for that has passed, at
// that time, as what ended in between is not the same at both.
func (p *page) pinned() string {
	at, moment := p.call.asOf, number(p.call.asOf.Seq)
	switch {
	case p.at == "":
	case at.Occurred != "":
		moment = p.at
	case at.Instant != at.Time && hasPassed(at.Instant):
		moment = at.Instant
	}
	q := p.URL.Query()
	q.Del("recorded")
	q.Set("at", moment)
	return with(p.URL.EscapedPath(), q.Encode())
}

func hasPassed(instant string) bool {
	t, err := time.Parse(time.RFC3339Nano, instant)
	return err == nil && t.Before(time.Now())
}

// Sought says of which time a page is, where one was asked for and no event; empty: an event was.
func (p *page) Sought() string {
	switch at := p.call.asOf; {
	case at.Occurred != "":
		return "of those that had happened by " + shownTime(at.Occurred)
	case p.at != "" && at.Instant != "" && at.Instant != at.Time:
		return "by " + shownTime(at.Instant)
	}
	return ""
}

// origin is where the browser calls this server. Behind a proxy the name of the session's cookie says whether that is over https.
func (p *page) origin() string {
	scheme := "http://"
	for _, c := range p.Cookies() {
		if p.TLS != nil || strings.HasPrefix(c.Name, "__Host-") {
			scheme = "https://"
		}
	}
	return scheme + p.Host
}
