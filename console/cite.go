package console

import (
	"fmt"
	"net/http"
	"strings"
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

// pinned is the address of this page at the position that it shows.
func (p *page) pinned() string {
	if p.at != "" && p.at == number(p.call.asOf.Seq) {
		return p.changed("recorded", "")
	}
	q := p.URL.Query()
	q.Del("recorded")
	q.Set("at", number(p.call.asOf.Seq))
	return with(p.URL.EscapedPath(), q.Encode())
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
