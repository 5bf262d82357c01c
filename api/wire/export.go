package wire

import (
	"fmt"
	"regexp"
)

// Formats of an export.
const (
	ExportBundle = "bundle" // a zip file of entries, proofs, documents and what explains them
	ExportCAR    = "car"    // the same as IPLD blocks, CAR version 1
	ExportLines  = "jsonl"  // the exact entries, one a line
	ExportCSV    = "csv"    // a row for each entry, for spreadsheets
	ExportVC     = "vc"     // the signed documents alone
)

// ExportQuery says what is exported. Without a role and a subject it is everything.
type ExportQuery struct {
	Format  string // empty: bundle
	Role    string // key or id
	Subject string // key or id
	Texts   string // which private texts: none, reasons, personal (with names and e-mail addresses); empty: reasons
	AsOf    string // as everywhere
	AtLeast uint64
}

// ExportName is how a file of an export is called: the organization, what it is of (all, role or subject, and its key), and as of which
// position. Keys may hold what a name of a file should not: that is an underscore in it.
func ExportName(org, kind, key string, position uint64, extension string) string {
	if key = unsafeInNames.ReplaceAllString(key, "_"); key != "" {
		kind += "-" + key[:min(len(key), 64)]
	}
	return fmt.Sprintf("%s-%s-%d.%s", org, kind, position, extension)
}

var unsafeInNames = regexp.MustCompile(`[^A-Za-z0-9._@-]+`)
