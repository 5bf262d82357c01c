package wire

import "encoding/json"

// WebDID in the place of an organization's DID stands for the did:web that it has by its ledger's name.
const WebDID = "web"

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
	Kind       string `json:"kind"`                 // see the Intent constants
	Credential string `json:"credential,omitempty"` // did:key that will sign, or the wallet; to the route do it is not said

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
	Beside  string `json:"beside,omitempty"`  // RFC 3339: until when a credential that is replaced still signs
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
