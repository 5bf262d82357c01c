package wire

import "strings"

// ProblemType is what the type of every [Problem] begins with; its code follows.
const ProblemType = "urn:permledger:problem:"

// Codes of problems that are not refusals of the rules. Refusals have the codes of ledger/rules.
const (
	CodeUnauthenticated  = "unauthenticated" // 401: no token, or not the right one
	CodeNoRoute          = "no-route"        // 404
	CodeMethodNotAllowed = "method-not-allowed"
	CodeNoOrganization   = "no-organization" // 404
	CodeBadRequest       = "bad-request"     // 400: the query or the body is not what the route takes
	CodeBadAsOf          = "bad-as-of"       // 400: as_of names no point of the history
	CodeNotConfirmed     = "not-confirmed"   // 428: what cannot be undone was asked for without confirming it
	CodeBadCommand       = "bad-command"     // 422: a submission is not a signed command in canonical form
	CodeAmbiguous        = "ambiguous"       // 422: several catalogues have the name
	CodeTooLarge         = "too-large"       // 413
	CodeMediaType        = "media-type"      // 415
	CodeNotYet           = "not-yet"         // 503: the ledger has not reached at_least
	CodeNoCheckpoint     = "no-checkpoint"   // 409: nothing can be proven, because the ledger has no checkpoint key yet
	CodeNotTried         = "not-tried"       // 424: a command before it was refused
	CodeWait             = "wait"            // 503: nothing can be recorded just now, as with little free space; nothing was
	CodeStopped          = "stopped"         // 503: the ledger takes no more commands; nothing was recorded
	CodeOutcomeUnknown   = "outcome-unknown" // 503: it may or may not be recorded; sending it again is harmless
	CodeBroken           = "broken"          // 500: a hash, a link or a signature does not hold, or an entry cannot be read
	CodeInternal         = "internal"        // 500
	CodeNoStatusList     = "no-status-list"  // 404: there is no such status list at that time
	CodeNotAcceptable    = "not-acceptable"  // 406
	CodeChanged          = "changed-since"   // 412: others changed the same thing since the position that If-Match names; nothing was recorded
)

// Code gives the last part of the problem's type, by which programs tell problems apart.
func (p *Problem) Code() string { return strings.TrimPrefix(p.Type, ProblemType) }

// AsOfHeader is the header field of answers that have no room for it elsewhere: an [AsOf] in JSON.
const AsOfHeader = "Permledger-As-Of"

// PositionHeader is the header field of a status list: the position that it is of.
const PositionHeader = "Permledger-Position"

// One is an answer that is one thing.
type One[T any] struct {
	Item T    `json:"item"`
	AsOf AsOf `json:"asOf"`
}

// Health says whether every ledger of the server takes commands.
type Health struct {
	Status        string               `json:"status"` // ok, waiting or stopped
	Organizations []OrganizationHealth `json:"organizations"`
}

// Values of Health.Status.
const (
	HealthOK      = "ok"
	HealthWaiting = "waiting" // a ledger takes no command now, and may again without a start
	HealthStopped = "stopped"
)

// Ready says whether requests should be sent to a server.
type Ready struct {
	Status string `json:"status"` // ready, draining or stopped
}

// Values of Ready.Status beside [HealthStopped], which says that no ledger writes any more.
const (
	IsReady          = "ready"
	NotReadyDraining = "draining"
)

// OrganizationHealth says how far one ledger is, and whether it takes commands.
type OrganizationHealth struct {
	ID       string `json:"id"`
	Position uint64 `json:"position"`
	CID      string `json:"cid"`
	Writing  bool   `json:"writing"`
	Waits    bool   `json:"waits,omitempty"` // not now: it has not stopped
	Error    string `json:"error,omitempty"` // why it does not
	Do       string `json:"do,omitempty"`    // what to do about that, where it is known

	// Unsigned: no checkpoint can be signed or kept now. Commands are recorded all the same, and the server's log says why.
	Unsigned  bool          `json:"unsigned,omitempty"`
	Witnesses *WitnessCount `json:"witnesses,omitempty"` // of its checkpoints; nil: it has none
}

// WitnessCount says how many witnesses a ledger has, and how many of them cosign: all that everybody may know of them.
type WitnessCount struct {
	Known     int  `json:"known"`
	Cosigning int  `json:"cosigning"`
	Alarm     bool `json:"alarm,omitempty"` // one of them knows another history of this ledger: a person has to look
}

// Witness says how far a witness is with the checkpoints of a ledger. Nothing waits for it but who asked to.
type Witness struct {
	Name  string `json:"name"` // in the policy
	URL   string `json:"url,omitempty"`
	Size  uint64 `json:"size"`            // of the newest checkpoint that it cosigned since the server's start
	At    string `json:"at,omitempty"`    // the time of that cosignature
	Error string `json:"error,omitempty"` // why it does not cosign now
	Since string `json:"since,omitempty"` // from when on
	Alarm bool   `json:"alarm,omitempty"` // it knows another history of this ledger: a person has to look
}

// Document is a signed document of the ledger, without its bytes.
type Document struct {
	CID       string `json:"cid"`                 // of the exact bytes
	LegacyCID string `json:"legacyCid,omitempty"` // that ipfs add of version 0 prints; empty: the file is above 256 KiB
	Seq       uint64 `json:"seq"`                 // of the entry that carries it
	Number    uint64 `json:"number"`              // of the document in its ledger, from 0
	Format    string `json:"format"`
	About     string `json:"about"`               // role/<id>, subject/<id> or review/<id>
	Key       string `json:"key,omitempty"`       // what it is about, as people name it: role:desk, subject:ben
	Revoked   uint64 `json:"revoked,omitempty"`   // the position that took away something it says
	Refreshed uint64 `json:"refreshed,omitempty"` // the position of the next document about the same thing
}

// DocumentRecord is a signed document with what the ledger says of it.
type DocumentRecord struct {
	Document
	Size   int      `json:"size"`
	SHA256 string   `json:"sha256"` // in hexadecimal
	Issuer string   `json:"issuer"`
	Method string   `json:"verificationMethod"`
	Lists  []string `json:"lists,omitempty"` // permissions, roles or items: what it names by digest alone
	Status []string `json:"status"`          // URLs of its status lists, as the document names them
	Entry  string   `json:"entry"`           // CID
	Type   string   `json:"type"`            // of the entry
	Time   string   `json:"time"`
}

// Assignment is what one subject may use, on whatever scope.
type Assignment struct {
	Subject     string   `json:"subject"` // key
	Permissions []string `json:"permissions"`
}

// Activity is something that was asked, or done, and is not in the ledger.
type Activity struct {
	Seq        uint64 `json:"seq"` // in the activity stream
	Time       string `json:"time"`
	Kind       string `json:"kind"`              // refused, denied, decided, signed-in, signed-out, sign-in-refused, personal-data, mended, alarm
	ID         string `json:"id"`                // of the command
	Type       string `json:"type"`              // of the event that was asked for
	Request    string `json:"request,omitempty"` // method and path, where no command was
	About      string `json:"about"`
	Actor      string `json:"actor"` // key
	Credential string `json:"credential"`
	Code       string `json:"code"`
	Reason     string `json:"reason"`
	Permission string `json:"permission,omitempty"`
	Resource   string `json:"resource,omitempty"` // of a check
}

// HistoryQuery selects lines of history. All that is named must hold.
type HistoryQuery struct {
	AsOf       string // as everywhere; nothing after it is shown
	AtLeast    uint64
	Role       string // key or id
	Subject    string // key or id
	Permission string
	Actor      string // key or id of a subject
	Type       string // of the event
	About      string // role:<key>, subject:<key>, resource:<path> or token:<id>: what the entry itself is about
	Taking     bool   // only what took something away
	Since      string // RFC 3339: not before it
	Before     string // RFC 3339
	From       uint64 // first position
	To         uint64 // last position; 0: no bound
	Limit      int    // of lines on a page; 0: 100
	Newest     bool   // the newest first
	Cursor     string // the Next of the page before
}

// DiffQuery asks what is different between two moments.
type DiffQuery struct {
	From, To      string // as access.Index.ParseAsOf reads them
	Role, Subject string // keys or ids that restrict it; empty: they do not
	Skip          int    // so many subjects for whom something may differ are left out, by key
	Limit         int    // so many behind them are looked at, and of who came to have a role so many shown; 0: all
}

// HistoryPart is a stretch of the history, and how much happened in it.
type HistoryPart struct {
	From    uint64 `json:"from"`    // first position
	To      uint64 `json:"to"`      // last position; below from: nothing was recorded in it
	Since   string `json:"since"`   // when it begins: by position, the time of its first entry
	Until   string `json:"until"`   // when it ends: by position, the time of its last entry
	Entries int    `json:"entries"` // those that are asked for, and the caller may read
	Took    int    `json:"took"`    // of them, that took something away: a role, a permission, a key, an access, a membership
}

// RoleQuery says which roles are asked for, and in which order.
type RoleQuery struct {
	Text        string // found in key, name or description, in any case; empty: all
	Sort        string // key, name, permissions, holders, created or changed, with a - before it backwards; empty: key
	Permissions bool   // with the permissions of each
}

// SubjectQuery says which subjects are asked for, and in which order: those that fit all that is said.
type SubjectQuery struct {
	Text  string // found in key, name or e-mail address, in any case, or the id; empty: all
	Kind  string // or several, with commas between them
	State string // the same
	Role  string // key or id of a role that they have on any scope
	Sort  string // key or added, with a - before it backwards; empty: key
	Names bool   // with name and e-mail address of each, which is noted
}

// KeyQuery says which keys are asked for: those that fit all that is said.
type KeyQuery struct {
	Subject  string // key or id of whose they are
	Kind     string // of the subjects whose they are, or several, with commas between them
	Purposes string // or several, with commas between them
}
