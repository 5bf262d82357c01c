// Package page writes a signed document as a page for people: HTML that prints on A4, without scripts and without any
// request to elsewhere. What it shows is read from the signed file, but for what it says of the file itself: where it
// stands in the ledger, whether it is revoked, and how to check all this by hand. The page is a rendering and proves
// nothing; the file does.
//
// Names in documents are written by people who may mean ill. They are escaped, stand apart from the text around them
// where they run from right to left, and code points that could make one text look like another are shown as such.
package page

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
)

// Facts are what is known of a document beside its file.
type Facts struct {
	File         []byte
	CID          string
	LegacyCID    string // empty: there is none
	Organization string // its name
	Ledger       string // its source
	About        string // what the document is about, as the ledger names it: role:desk, user:ben
	Position     uint64 // of the entry that carries it
	EntryCID     string
	EntryType    string
	AsOf         uint64 // the position up to which Revoked and Refreshed are known
	Revoked      uint64 // 0: it is not
	Refreshed    uint64 // 0: there is no newer one
	// Lists is what the file names by digests alone, as projections/documents gives it; nil: nothing is missing.
	Lists []byte
	// Category gives the category of a permission as the document names it; nil: none are known.
	Category func(name string) string
	// Proof is the C2SP tlog-proof that the entry is under a checkpoint, which it ends with; empty: none is at hand.
	Proof string
}

//go:embed page.html
var text string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"visible": visible}).Parse(text))

// Policy is the Content-Security-Policy of a page: nothing is loaded but the one style that stands in it.
var Policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}()

// HTML gives the page of a document. It errs where the file is no document of this program.
func HTML(f Facts) ([]byte, error) {
	v := view{Facts: f, Style: template.CSS(style), Policy: Policy}
	if err := v.read(); err != nil {
		return nil, fmt.Errorf("page of %s: %w", f.CID, err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, &v); err != nil {
		return nil, fmt.Errorf("page of %s: %w", f.CID, err)
	}
	return b.Bytes(), nil
}

type view struct {
	Facts
	Style  template.CSS
	Policy string

	Title, Kind, Issuer, Time string
	Signed                    proof
	SHA256                    string
	Whole                     string // the file, where it is short enough to be printed
	Size                      int
	Large                     bool // above one chunk of IPFS
	Status                    []status
	DIDURL                    string
	Subject                   subject
	Groups                    []group
	Count                     int // of permissions
	Roles                     []held
	Items                     []item
	FromList                  bool // something shown is not in the file, which names it by its digest
}

type proof struct {
	VerificationMethod string `json:"verificationMethod"`
	Created            string `json:"created"`
	Cryptosuite        string `json:"cryptosuite"`
	ProofValue         string `json:"proofValue"`
}

type status struct {
	Purpose string `json:"statusPurpose"`
	Index   string `json:"statusListIndex"`
	List    string `json:"statusListCredential"`
}

type set struct {
	Count  int    `json:"count"`
	Digest string `json:"digest"`
}

type subject struct {
	Type          string          `json:"type"`
	ID            string          `json:"id"`
	UserID        string          `json:"userId"`
	UUID          string          `json:"uuid"`
	Name          string          `json:"name"`
	Title         string          `json:"title"`
	Description   string          `json:"description"`
	Deleted       bool            `json:"deleted"`
	State         string          `json:"state"`
	Owner         bool            `json:"organizationOwner"`
	Scope         string          `json:"scope"`
	Permissions   json.RawMessage `json:"permissions"`
	Roles         json.RawMessage `json:"roles"`
	Items         json.RawMessage `json:"items"`
	PermissionSet *set            `json:"permissionSet"`
	RoleSet       *set            `json:"roleSet"`
	ItemSet       *set            `json:"itemSet"`
}

type held struct {
	Name        string `json:"name"`
	UUID        string `json:"uuid"`
	Scope       string `json:"scope"`
	Until       string `json:"until"`
	Condition   string `json:"condition"`
	DelegatedBy string `json:"delegatedBy"`
}

type item struct {
	UserID     string `json:"userId"`
	Role       string `json:"role"`
	Permission string `json:"permission"`
	Scope      string `json:"scope"`
	Decision   string `json:"decision"`
	By         string `json:"by"`
	Decided    string `json:"decided"`
}

// group is the permissions of one category.
type group struct {
	Category string
	Held     []held
}

// most is how large a file may be to be printed whole.
const most = 32 << 10

func (v *view) read() error {
	var doc struct {
		Issuer  string   `json:"issuer"`
		Time    string   `json:"validFrom"`
		Subject subject  `json:"credentialSubject"`
		Proof   proof    `json:"proof"`
		Status  []status `json:"credentialStatus"`
	}
	if err := json.Unmarshal(v.File, &doc); err != nil {
		return err
	}
	sum := sha256.Sum256(v.File)
	v.SHA256, v.Size, v.Large = hex.EncodeToString(sum[:]), len(v.File), len(v.File) > credential.Chunk
	if len(v.File) <= most {
		v.Whole = string(v.File)
	}
	v.Issuer, v.Time, v.Signed, v.Status, v.Subject = doc.Issuer, doc.Time, doc.Proof, doc.Status, doc.Subject
	if v.Ledger != "" {
		v.DIDURL = document.DIDURL(v.Ledger)
	}
	switch doc.Subject.Type {
	case "Role":
		v.Kind, v.Title = "Role", doc.Subject.Name
	case "UserPermissions":
		v.Kind, v.Title = "Permissions of a user", cmp.Or(v.About, doc.Subject.UserID)
	case "AccessReview":
		v.Kind, v.Title = "Access review", doc.Subject.Title
	default:
		return fmt.Errorf("it is about a %q", doc.Subject.Type)
	}
	return v.readLists()
}

// readLists reads the permissions, roles and items, from the file or from the list that it names.
func (v *view) readLists() error {
	lists := map[string]json.RawMessage{}
	if len(v.Lists) > 0 {
		if err := json.Unmarshal(v.Lists, &lists); err != nil {
			return err
		}
		for member, array := range lists {
			if err := document.CheckList(v.File, document.List{Member: member, Array: array}); err != nil {
				return err
			}
		}
		v.FromList = true
	}
	array := func(member string, own json.RawMessage, into any) error {
		if own == nil {
			own = lists[member]
		}
		if own == nil {
			return nil
		}
		return json.Unmarshal(own, into)
	}
	var permissions []held
	if v.Subject.Type == "Role" {
		var names []string
		if err := array("permissions", v.Subject.Permissions, &names); err != nil {
			return err
		}
		for _, name := range names {
			permissions = append(permissions, held{Name: name})
		}
	} else if err := array("permissions", v.Subject.Permissions, &permissions); err != nil {
		return err
	}
	v.Count, v.Groups = len(permissions), v.grouped(permissions)
	if err := array("roles", v.Subject.Roles, &v.Roles); err != nil {
		return err
	}
	return array("items", v.Subject.Items, &v.Items)
}

// grouped gives permissions by category, those without one last.
func (v *view) grouped(permissions []held) []group {
	of := map[string][]held{}
	for _, p := range permissions {
		category := ""
		if v.Category != nil {
			category = v.Category(p.Name)
		}
		of[category] = append(of[category], p)
	}
	var groups []group
	for _, category := range slices.Sorted(maps.Keys(of)) {
		if category != "" {
			groups = append(groups, group{category, of[category]})
		}
	}
	if rest := of[""]; rest != nil {
		groups = append(groups, group{"", rest})
	}
	return groups
}

// visible shows what cannot be seen, or would turn text around.
func visible(text string) string {
	if canon.CheckText(text, true) == nil {
		return text
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if canon.Forbidden(r) {
			fmt.Fprintf(&b, "[U+%04X]", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
