// Package wire holds what the HTTP API of permledger sends and takes, as Go types of its JSON. Server and client share
// it. Names of members are stable; members are only added.
//
// Commands, evidence and entries are exact bytes that were signed. A program that writes them with encoding/json turns
// SetEscapeHTML off: else < > & in them are spelled in another way, and no signature holds.
//
// Ids are ULIDs in text. Times are RFC 3339 in UTC with milliseconds. Every answer about the ledger says as of when it
// holds.
package wire

import "encoding/json"

// AsOf says as of which position and instant an answer holds: position N means what the first N entries make so.
type AsOf struct {
	Seq      uint64 `json:"seq"`
	CID      string `json:"cid"`
	Time     string `json:"time"`               // of the entry
	Instant  string `json:"instant"`            // at which grants with an end were looked at
	Occurred string `json:"occurred,omitempty"` // only changes that had occurred by then count
}

// Problem is an error, as RFC 9457 says it. Type is stable: urn:permledger:problem:<code>.
type Problem struct {
	Type       string   `json:"type"`
	Title      string   `json:"title"`
	Status     int      `json:"status"`
	Detail     string   `json:"detail,omitempty"`
	Hint       string   `json:"hint,omitempty"`
	Permission string   `json:"permission,omitempty"` // missing or unknown
	Nearest    []string `json:"nearest,omitempty"`
	Holders    []string `json:"holders,omitempty"` // keys of subjects
	At         uint64   `json:"at,omitempty"`      // the position the problem speaks of
	Pointer    string   `json:"pointer,omitempty"` // JSON Pointer (RFC 6901) to what is wrong in the body
	Changes    []Item   `json:"changes,omitempty"` // of changed-since: what others did meanwhile, the newest first
}

// Organization is one organization of a node.
type Organization struct {
	ID      string         `json:"id"`
	Name    string         `json:"name"`
	Ledger  string         `json:"ledger"` // host/organization
	DID     string         `json:"did"`
	Profile map[string]any `json:"profile"`
	Owner   string         `json:"owner"` // key of the subject
	Rules   uint64         `json:"rules"`
	Genesis string         `json:"genesis"` // CID of the first entry
	// DefaultRole is the key of the role that everybody gets who is added; Recovery is of a lost owner; Witnesses cosign the
	// ledger's checkpoints. They are of now.
	DefaultRole string    `json:"defaultRole,omitempty"`
	Recovery    *Recovery `json:"recovery,omitempty"`
	Witnesses   []Witness `json:"witnesses,omitempty"`
	Counts      *Counts   `json:"counts,omitempty"` // where one organization was asked for
	AsOf        AsOf      `json:"asOf"`
}

// Counts say how many there are of what an organization has, as of a position.
type Counts struct {
	Roles   int `json:"roles"`
	Members int `json:"members"` // subjects that are active, API keys not counted
	Invited int `json:"invited"` // subjects that have not joined yet
	APIKeys int `json:"apiKeys"` // those that are active
	Reviews int `json:"reviews"` // access reviews that are not closed
}

// Recovery is an announced new owner in the place of a lost one.
type Recovery struct {
	To  string `json:"to"`  // key of the subject
	At  uint64 `json:"at"`  // the entry that announced it
	Due string `json:"due"` // the first instant at which the owner can be replaced
}

// Role is a role as of a position.
type Role struct {
	ID          string            `json:"id"`
	Key         string            `json:"key"`
	Name        string            `json:"name"`
	Type        string            `json:"type"`              // global: of the system; custom: the organization's own
	Managed     string            `json:"managed,omitempty"` // how it is assigned, where that is not by whoever may
	Default     bool              `json:"default,omitempty"` // everybody gets it who is added
	Actions     []string          `json:"actions"`           // what the caller may do with it: View, Edit, Delete
	Description string            `json:"description"`
	Labels      map[string]string `json:"labels,omitempty"`
	Permissions []string          `json:"permissions"` // left null where they were not asked for
	Count       int               `json:"count"`
	Holders     int               `json:"holders"`
	Keys        int               `json:"keys"` // of the holders: API keys
	Created     uint64            `json:"created"`
	Changed     uint64            `json:"changed"`
}

// Subject is a subject as of a position.
type Subject struct {
	ID          string `json:"id"`
	Key         string `json:"key"`
	Kind        string `json:"kind"`
	DID         string `json:"did,omitempty"`
	Owner       bool   `json:"owner,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	Email       string `json:"email,omitempty"`
	Added       uint64 `json:"added"`
	State       string `json:"state"`                 // active, invited, deactivated or removed
	Deactivated uint64 `json:"deactivated,omitempty"` // since which position it is not active

	InvitedUntil string            `json:"invitedUntil,omitempty"`
	Auth         string            `json:"auth,omitempty"`
	Holder       string            `json:"holder,omitempty"` // key
	Properties   map[string]string `json:"properties,omitempty"`
	Reference    string            `json:"reference,omitempty"`
	Links        []string          `json:"links,omitempty"` // wallets and DIDs it is shown with

	Holds []Holds  `json:"holds,omitempty"` // where one subject was asked for; in a list of who has a role, what each has of it
	Roles []string `json:"roles,omitempty"` // keys
}

// Key is a key of the ledger, or what a subject signs with.
type Key struct {
	DID     string `json:"did"`               // did:key
	Purpose string `json:"purpose"`           // event, document, checkpoint, root, operator, credential, attestor or reader
	Subject string `json:"subject,omitempty"` // key of the subject whose it is
	Revoked uint64 `json:"revoked,omitempty"` // position from which it signs nothing more; absent: it may

	Since    uint64 `json:"since"`              // position of the entry that made it known
	Current  bool   `json:"current,omitempty"`  // it is the one in use for its purpose; of credentials none is
	Beside   bool   `json:"beside,omitempty"`   // a checkpoint key that was replaced, and still signs
	LastUsed string `json:"lastUsed,omitempty"` // when this node was called with it, to ten minutes; absent: it was not
	Until    string `json:"until,omitempty"`    // of a credential: when it signs nothing any more; absent: it has no end
	Reported uint64 `json:"reported,omitempty"` // the first position from which others may have had it; absent: nobody said so

	// Of an API key.
	APIKey  bool     `json:"apiKey,omitempty"`
	Roles   []string `json:"roles,omitempty"`   // keys
	Holder  string   `json:"holder,omitempty"`  // key of the member that it is assigned to; absent: the organization's
	Changed *Change  `json:"changed,omitempty"` // the last entry about its subject
}

// Change says when something changed, and by whom.
type Change struct {
	Seq  uint64 `json:"seq"`
	Time string `json:"time"`
	By   string `json:"by"` // key of a subject
}

// Holds is one thing that a subject was given.
type Holds struct {
	Grant      string `json:"grant"` // id of the event that gave it
	At         uint64 `json:"at"`
	Role       string `json:"role,omitempty"` // key
	Permission string `json:"permission,omitempty"`
	Scope      string `json:"scope,omitempty"`
	Until      string `json:"until,omitempty"`
	Condition  string `json:"condition,omitempty"`
	Delegated  string `json:"delegated,omitempty"` // key of who delegated it
}

// Permission is a permission of a catalogue, or of the organization's own.
type Permission struct {
	Name        string   `json:"name"`
	Catalogue   string   `json:"catalogue,omitempty"`
	Category    string   `json:"category,omitempty"`
	Entity      string   `json:"entity,omitempty"`
	Action      string   `json:"action,omitempty"`
	Description string   `json:"description,omitempty"`
	Level       string   `json:"level,omitempty"`
	DependsOn   []string `json:"dependsOn,omitempty"`
	Guards      []string `json:"guards,omitempty"` // the ledger's own actions that it lets its holder do
	Selectable  bool     `json:"selectable"`       // whether a role may be made with it, or it be given
	Reserved    bool     `json:"reserved,omitempty"`
	Retired     bool     `json:"retired,omitempty"`
	Needs       []string `json:"needs,omitempty"`  // what must be so beside holding it
	Access      string   `json:"access,omitempty"` // the access to policies that it gives

	// Where a subject was asked about: whether it has the permission, on whatever scope, and through what.
	Has     *bool     `json:"has,omitempty"`
	Because []Because `json:"because,omitempty"`
}

// Because is one reason for a yes.
type Because struct {
	Kind         string `json:"kind"`                   // owner, role, permission
	Grant        string `json:"grant,omitempty"`        // id of the event that gave it
	At           uint64 `json:"at"`                     // the entry that gave it
	Role         string `json:"role,omitempty"`         // key
	RoleID       string `json:"roleId,omitempty"`       // its id, which stays when its key changes
	PermissionAt uint64 `json:"permissionAt,omitempty"` // the entry that put the permission into the role
	Scope        string `json:"scope,omitempty"`        // absent: the whole organization
	Until        string `json:"until,omitempty"`        // absent: it has no end
	Condition    string `json:"condition,omitempty"`    // under which it holds
	Delegated    bool   `json:"delegated,omitempty"`    // By has it itself, and delegated it
	By           string `json:"by,omitempty"`           // key of who gave it
	Reason       string `json:"reason,omitempty"`
}

// Missing is one thing that stands between a subject and a permission.
type Missing struct {
	Kind    string   `json:"kind"` // unknown-subject, deactivated, unknown-permission, level, scope, role
	Role    string   `json:"role,omitempty"`
	Held    bool     `json:"held,omitempty"`    // of a role: the subject has it
	Deleted bool     `json:"deleted,omitempty"` // of a role: it was deleted, at lostAt
	Since   uint64   `json:"since,omitempty"`   // since when the role holds the permission
	LostAt  uint64   `json:"lostAt,omitempty"`
	Ended   string   `json:"ended,omitempty"`
	Scope   string   `json:"scope,omitempty"`
	By      string   `json:"by,omitempty"`     // key of who took it away, at lostAt, or at since where it is deactivated
	Time    string   `json:"time,omitempty"`   // when
	Reason  string   `json:"reason,omitempty"` // why
	Nearest []string `json:"nearest,omitempty"`
	Text    string   `json:"text"` // for people
}

// Point is one of the four things to look at when a permission does not work.
type Point struct {
	Question string   `json:"question"`
	Yes      bool     `json:"yes"`
	Text     string   `json:"text"` // for people
	Nearest  []string `json:"nearest,omitempty"`
}

// Check answers whether a subject may do something.
type Check struct {
	Subject    string    `json:"subject"`
	Permission string    `json:"permission"`
	Resource   string    `json:"resource,omitempty"`
	Allowed    bool      `json:"allowed"`
	Because    []Because `json:"because"`
	Points     []Point   `json:"points,omitempty"`  // of explain: the four, in their order
	Missing    []Missing `json:"missing,omitempty"` // of explain, where denied
	AsOf       AsOf      `json:"asOf"`

	// Decision is the answer as a signed decision, where it was asked for: its exact bytes.
	Decision json.RawMessage `json:"decision,omitempty"`
}

// Source is an effective permission with all its reasons.
type Source struct {
	Permission string    `json:"permission"`
	Scope      string    `json:"scope,omitempty"`
	Because    []Because `json:"because"`
}

// Holder is a subject that may do something, and why.
type Holder struct {
	Subject string    `json:"subject"`
	Kind    string    `json:"kind"`
	Because []Because `json:"because"`
}

// Item is one line of history.
type Item struct {
	Seq      uint64   `json:"seq"`
	CID      string   `json:"cid"`
	Time     string   `json:"time"`
	Occurred string   `json:"occurred,omitempty"` // when it happened, where that was before it was recorded
	Type     string   `json:"type"`
	Actor    string   `json:"actor"` // key
	About    string   `json:"about"` // role:<key>, subject:<key>
	What     []string `json:"what"`  // for people
	Reason   string   `json:"reason,omitempty"`

	// What belongs together: each line is one command; a permissions.recorded is part of the command of its actor that comes
	// next; lines of one import have its source in common.
	Command string    `json:"command"`           // id of the command, which is the event's
	Follows string    `json:"follows,omitempty"` // id of the command that it follows from by itself, as the end of a grant from what gave it
	Import  *Imported `json:"import,omitempty"`  // the record of somebody else's that it was taken from
}

// Imported names the record that an entry was taken from.
type Imported struct {
	Format string `json:"format"` // of the records, as role-history
	Source string `json:"source"` // the same in every run
	Record string `json:"record"`
	Part   uint64 `json:"part,omitempty"` // a record may be several entries
}

// Entry is one entry for people and programs: the exact bytes, and what they say.
type Entry struct {
	Seq     uint64          `json:"seq"`
	CID     string          `json:"cid"`
	Subject string          `json:"subject"` // of the NATS message
	Entry   json.RawMessage `json:"entry"`   // the exact bytes
	Actor   string          `json:"actor"`   // key
	Reason  string          `json:"reason,omitempty"`
}

// List is an answer with several rows.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // cursor of the next page; absent at the end
	// Total is how many items all pages have; absent: none, or the list is whole or does not count them.
	Total int  `json:"total,omitempty"`
	AsOf  AsOf `json:"asOf,omitzero"` // absent of the list of organizations, each of which has its own
}

// Server is DIR/run/server.json: where the running server is found.
type Server struct {
	URL   string `json:"url"`
	Token string `json:"token"` // path of the file that holds the token
	PID   int    `json:"pid"`
	// Metrics is the URL of /metrics on a listener of its own; empty: there is none.
	Metrics string `json:"metrics,omitempty"`
	// Certificate is the path of the server's certificate in PEM, where the URL is one of https: clients on the machine compare it.
	Certificate string `json:"certificate,omitempty"`
	// Throwaway says that the ledger is gone when the server ends: clients keep nothing of it.
	Throwaway bool `json:"throwaway,omitempty"`
}
