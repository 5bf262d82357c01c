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
	// DefaultRole is the key of the role that everybody gets who is added; Recovery is of a lost owner. Both are of now.
	DefaultRole string    `json:"defaultRole,omitempty"`
	Recovery    *Recovery `json:"recovery,omitempty"`
	AsOf        AsOf      `json:"asOf"`
}

// Recovery is an announced new owner in the place of a lost one.
type Recovery struct {
	To  string `json:"to"`  // key of the subject
	At  uint64 `json:"at"`  // the entry that announced it
	Due string `json:"due"` // the first instant at which the owner can be replaced
}

// Opening asks for the command that opens an organization.
type Opening struct {
	Organization string `json:"organization"`
	Name         string `json:"name"`
	Profile      string `json:"profile"`
	DID          string `json:"did,omitempty"`
	OwnerKey     string `json:"ownerKey"`
	OwnerKind    string `json:"ownerKind"`
	OwnerDID     string `json:"ownerDid,omitempty"`
	Credential   string `json:"credential"`
	Root         string `json:"root"`
	OperatorKey  string `json:"operatorKey"`
}

// Intent is a change somebody wants, in the names people use: roles and subjects by key (or id), permissions with or
// without catalogue. [Prepared] answers it. Members that a kind does not use are absent.
type Intent struct {
	Kind       string `json:"kind"`       // see the Intent constants
	Credential string `json:"credential"` // did:key that will sign, or the wallet

	Role        string   `json:"role,omitempty"`    // key or id
	System      bool     `json:"system,omitempty"`  // of a new role: it can be neither changed nor deleted
	Managed     string   `json:"managed,omitempty"` // of a new role: how it is assigned
	Confirm     bool     `json:"confirm,omitempty"` // of what cannot be undone: it is meant
	Name        *string  `json:"name,omitempty"`
	Description *string  `json:"description,omitempty"`
	Permissions []string `json:"permissions,omitempty"` // of a new role, or a whole set
	Add         []string `json:"add,omitempty"`
	Remove      []string `json:"remove,omitempty"`
	// Labels are what else is said of a role, as its guideline; of an update an empty value takes one away, and those that
	// are not named stay.
	Labels map[string]string `json:"labels,omitempty"`

	Subject     string   `json:"subject,omitempty"` // key or id
	SubjectKind string   `json:"subjectKind,omitempty"`
	DID         string   `json:"did,omitempty"`
	SubjectKey  string   `json:"subjectCredential,omitempty"` // did:key that a new subject signs with
	DisplayName string   `json:"displayName,omitempty"`       // commitment, base64url
	Email       string   `json:"email,omitempty"`             // commitment, base64url
	Roles       []string `json:"roles,omitempty"`             // of set-role; that a new subject begins with

	Auth       string            `json:"auth,omitempty"`       // how a subject proves itself: email, api-key, signature or wallet
	Holder     string            `json:"holder,omitempty"`     // key of the member that an API key is assigned to
	Unassigned bool              `json:"unassigned,omitempty"` // it is assigned to nobody any more
	Properties map[string]string `json:"properties,omitzero"`  // all there are; {} takes them away
	Reference  *string           `json:"reference,omitempty"`  // in another system; empty takes it away
	Invitation string            `json:"invitation,omitempty"` // did:key of the code
	To         string            `json:"to,omitempty"`         // wallet or DID that an account is linked with
	Everything bool              `json:"everything,omitempty"` // of an erasure: the reasons that the subject gave, too
	Login      string            `json:"login,omitempty"`      // commitment, base64url

	Permission string `json:"permission,omitempty"`
	Scope      string `json:"scope,omitempty"`
	Until      string `json:"until,omitempty"`     // RFC 3339
	Condition  string `json:"condition,omitempty"` // as resource.properties.country == "LU"

	Resource string `json:"resource,omitempty"` // path
	Publish  bool   `json:"publish,omitempty"`  // a resource is published
	Withdraw bool   `json:"withdraw,omitempty"` // a resource is not published any more

	Catalogue json.RawMessage `json:"catalogue,omitempty"` // of schemas/catalogues' form
	Embedded  string          `json:"embedded,omitempty"`  // or the name of a catalogue the program brings along

	Switches *Switches `json:"switches,omitempty"` // of newer rules

	AtToken

	Key     string `json:"key,omitempty"`     // did:key
	Old     string `json:"old,omitempty"`     // did:key
	Purpose string `json:"purpose,omitempty"` // of a key
	From    uint64 `json:"from,omitempty"`    // position

	Review   string `json:"review,omitempty"`   // id, or title of one that is not closed
	Decision string `json:"decision,omitempty"` // keep or revoke; of close-review keep: what nobody decided of stays

	About  string `json:"about,omitempty"`  // role:<key> or subject:<key>, of a document
	Reason string `json:"reason,omitempty"` // commitment, base64url

	Scheme  string `json:"scheme,omitempty"`  // in which a wallet will sign: eip712, eip191 or eip4361; absent: eip712
	Expires string `json:"expires,omitempty"` // RFC 3339; from when on what the wallet signs is void; absent: in an hour
}

// Kinds of intents.
const (
	AdoptRules         = "adopt-rules"
	DefaultRole        = "default-role" // without a role: none is the default any more
	RecoverOwnership   = "recover-ownership"
	StartRecovery      = "start-recovery"
	StopRecovery       = "stop-recovery"
	TransferOwnership  = "transfer-ownership"
	UpdateOrganization = "update-organization"

	PublishCatalogue  = "publish-catalogue"
	AddSubject        = "add-subject"
	InviteSubject     = "invite-subject"
	UpdateSubject     = "update-subject"
	DeactivateSubject = "deactivate-subject"
	ReactivateSubject = "reactivate-subject"
	RemoveSubject     = "remove-subject"
	LinkSubject       = "link-subject"
	UnlinkSubject     = "unlink-subject"
	EraseSubject      = "erase-subject"
	ChangeLogin       = "change-login"
	CreateRole        = "create-role"
	UpdateRole        = "update-role"
	DeleteRole        = "delete-role"
	AssignRole        = "assign-role"
	RevokeRole        = "revoke-role"
	SetRoles          = "set-role"
	GrantPermission   = "grant-permission"
	RevokePermission  = "revoke-permission"
	SetPermissions    = "set-permissions"
	IssueDocument     = "issue-document"

	ReviewRole   = "review-role"
	StartReview  = "start-review"
	DecideReview = "decide-review"
	CloseReview  = "close-review"

	DelegateRole     = "delegate-role"
	AssignAccess     = "assign-access"
	UnassignAccess   = "unassign-access"
	DelegateAccess   = "delegate-access"
	RegisterResource = "register-resource"
	UpdateResource   = "update-resource"
	RemoveResource   = "remove-resource"

	RegisterKey = "register-key"
	RotateKey   = "rotate-key"
	SucceedKey  = "succeed-key"
	RevokeKey   = "revoke-key"
	ReportKey   = "report-key"
)

// Switches are those of a profile that version 1 of the rules did not know.
type Switches struct {
	DefaultRoles  bool   `json:"defaultRoles,omitempty"`
	Delegation    bool   `json:"delegation,omitempty"`
	FixedRoles    bool   `json:"fixedRoles,omitempty"`
	KeepDelegated bool   `json:"keepDelegated,omitempty"`
	OneRolePerKey bool   `json:"oneRolePerKey,omitempty"`
	RecoveryDelay uint64 `json:"recoveryDelay,omitempty"` // seconds
	WithdrawRoles bool   `json:"withdrawRoles,omitempty"`
}

// Prepared is a command ready to be signed. Where a set is too big for one entry, Parts come first, in order.
type Prepared struct {
	Parts   []json.RawMessage `json:"parts,omitempty"` // canonical bytes of the commands that record them
	Command json.RawMessage   `json:"command"`         // canonical bytes, without expiry
	// Preview says what recording it would do to what people may do; Refusal why it would not be recorded.
	Preview *Preview `json:"preview,omitempty"`
	Refusal *Problem `json:"refusal,omitempty"`
	Seq     uint64   `json:"seq"` // the position the preview was made at
	// Wallet is what a wallet has to sign, where the credential is one.
	Wallet *WalletRequest `json:"wallet,omitempty"`

	// What was asked for. Package client fills it in, to hold against it what it is to sign; it is not in the JSON.
	Intent  *Intent  `json:"-"`
	Opening *Opening `json:"-"`
}

// Preview says who would gain and lose what.
type Preview struct {
	Type   string      `json:"type"` // of the event
	Gains  []Effective `json:"gains,omitempty"`
	Losses []Effective `json:"losses,omitempty"`
	More   int         `json:"more,omitempty"` // gains and losses left out; of a role that very many have, at least so many
	// Holders says how many have the role that would change.
	Holders int       `json:"holders,omitempty"`
	Erases  []Erasure `json:"erases,omitempty"`
}

// Erasure is a private text that is to be erased.
type Erasure struct {
	Seq  uint64 `json:"seq"`  // of the entry that commits to it
	What string `json:"what"` // display name, e-mail, login or reason
}

// Invitation is what whoever has the code of one needs to accept it.
type Invitation struct {
	Organization string `json:"organization"` // id
	Name         string `json:"name"`         // of the organization
	Ledger       string `json:"ledger"`
	ID           string `json:"id"`      // of who is invited
	Subject      string `json:"subject"` // its key
	Auth         string `json:"auth,omitempty"`
	Until        string `json:"until"`   // the first instant at which it does not work
	Version      int    `json:"version"` // of subject.joined
}

// Effective is a permission a subject has, or would have.
type Effective struct {
	Subject    string `json:"subject"`
	Permission string `json:"permission"`
	Scope      string `json:"scope,omitempty"`
}

// WalletRequest is what a wallet is asked to sign for a prepared command: TypedData with eth_signTypedData_v4, or Text with
// personal_sign, which takes it as Hex. Whoever has the command makes it again (docs/format.md), and need not trust it.
type WalletRequest struct {
	Wallet    string          `json:"wallet"`  // did:pkh or address
	Method    string          `json:"method"`  // eip712, eip191 or eip4361
	Command   json.RawMessage `json:"command"` // canonical bytes, expiry included: what to submit with the signature
	TypedData json.RawMessage `json:"typedData,omitempty"`
	Text      string          `json:"text,omitempty"`
	Hex       string          `json:"hex,omitempty"` // the bytes of Text
	Expires   string          `json:"expires"`
}

// Submission asks to record a command, with the evidence of its author or the signature of its author's wallet.
type Submission struct {
	Command  json.RawMessage  `json:"command"`            // canonical bytes, expiry included
	Evidence json.RawMessage  `json:"evidence,omitempty"` // canonical bytes
	Wallet   *WalletSignature `json:"wallet,omitempty"`   // instead of Evidence
	Texts    []Text           `json:"texts,omitempty"`
}

// WalletSignature is what a wallet gave for a [WalletRequest].
type WalletSignature struct {
	Wallet    string `json:"wallet"`
	Method    string `json:"method"`
	Signature string `json:"signature"` // 0x and 130 hexadecimal digits
}

// Text is a private text, with the salt of its commitment.
type Text struct {
	Salt string `json:"salt"` // base64url
	Text string `json:"text"`
}

// Outcome answers one submission. Either Recorded or Problem is there.
type Outcome struct {
	Recorded *Receipt `json:"recorded,omitempty"`
	Problem  *Problem `json:"problem,omitempty"`
}

// Receipt says where a command is recorded.
type Receipt struct {
	Seq      uint64 `json:"seq"`
	CID      string `json:"cid"`
	Time     string `json:"time"`
	Type     string `json:"type"`
	Repeated bool   `json:"repeated,omitempty"`
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

	Holds []Holds  `json:"holds,omitempty"` // where one subject was asked for
	Roles []string `json:"roles,omitempty"` // keys
}

// Key is a key of the ledger, or what a subject signs with.
type Key struct {
	DID     string `json:"did"`               // did:key
	Purpose string `json:"purpose"`           // event, document, root, operator or credential
	Subject string `json:"subject,omitempty"` // key of the subject whose credential it is
	Revoked uint64 `json:"revoked,omitempty"` // position from which it signs nothing more; absent: it may

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
	Kind         string `json:"kind"` // owner, role, permission
	Grant        string `json:"grant,omitempty"`
	At           uint64 `json:"at"`                     // the entry that gave it
	Role         string `json:"role,omitempty"`         // key
	RoleID       string `json:"roleId,omitempty"`       //
	PermissionAt uint64 `json:"permissionAt,omitempty"` // the entry that put the permission into the role
	Scope        string `json:"scope,omitempty"`
	Until        string `json:"until,omitempty"`
	Condition    string `json:"condition,omitempty"` // under which it holds
	Delegated    bool   `json:"delegated,omitempty"` // By has it itself, and delegated it
	By           string `json:"by,omitempty"`        // key of who gave it
	Reason       string `json:"reason,omitempty"`
}

// Missing is one thing that stands between a subject and a permission.
type Missing struct {
	Kind    string   `json:"kind"` // unknown-subject, deactivated, unknown-permission, level, scope, role
	Role    string   `json:"role,omitempty"`
	Since   uint64   `json:"since,omitempty"` // since when the role holds the permission
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
	Occurred string   `json:"occurred,omitempty"`
	Type     string   `json:"type"`
	Actor    string   `json:"actor"` // key
	About    string   `json:"about"`
	What     []string `json:"what"`
	Reason   string   `json:"reason,omitempty"`
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
	AsOf  AsOf   `json:"asOf"`
}

// Server is DIR/run/server.json: where the running server is found.
type Server struct {
	URL   string `json:"url"`
	Token string `json:"token"` // path of the file that holds the token
	PID   int    `json:"pid"`
}
