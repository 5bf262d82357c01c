package console

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/permledger/permledger/client"
)

func verifyRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "{org}/verify", screen: (*visit).verify},
	}
}

// verification is what the browser is given to verify with. All of it comes from whom it is to check: so each part is said to be a claim,
// and the reader is asked for what they have from elsewhere.
type verification struct {
	Entries bool   // whether the caller may read entries
	CID     string // of a document of this server that is to be verified; empty: none is named
	Keys    string // of the log, as this server names them: a vkey a line
	Known   string // the entry that the page is as of, as 41@bafkrei…
	Origin  string // of the log, under which the browser remembers what it verified
}

var documentCID = regexp.MustCompile(`^bafkrei[a-z2-7]{52}$`)

func (v *visit) verify() (view, error) {
	data := verification{Entries: v.can("history.read"), Origin: cmp.Or(v.details.Ledger, v.org)}
	if cid := v.URL.Query().Get("document"); data.Entries && documentCID.MatchString(cid) {
		data.CID = cid
	}
	policy, err := v.client.Policy(v.ctx(), v.org)
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Problem.Status < http.StatusInternalServerError: // it has no key for checkpoints
	case err != nil:
		return view{}, err
	}
	var keys []string
	for line := range strings.Lines(string(policy)) {
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), "log "); ok {
			key, _, _ = strings.Cut(key, " ")
			keys = append(keys, key)
		}
	}
	data.Keys = strings.Join(keys, "\n")
	if name, _, ok := strings.Cut(data.Keys, "+"); ok {
		data.Origin = name
	}
	if at := v.call.asOf; at.Seq > 0 {
		data.Known = strconv.FormatUint(at.Seq, 10) + "@" + at.CID
	}
	return view{template: "verify", title: "Verify in this browser", data: data}, nil
}
