package wire

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
