package wire

// Codes of problems about who calls.
const (
	CodeNoSession = "no-session"        // 409: the request is made in no session
	CodeSignIn    = "sign-in-refused"   // 401: nobody has this name with this password
	CodeTooFast   = "too-fast"          // 429: more than a rate allows; the field Retry-After says when to try again
	CodeStorage   = "storage-full"      // 403: only what takes away is recorded
	CodeTooMany   = "too-many-attempts" // 429: the field Retry-After says when to try again
	CodeCrossSite = "cross-site"        // 403: a browser sent it, and nothing shows that a page of this server made it
	CodeCodeSpent = "code-spent"        // 409: there is no one-time code any more
)

// Private gives the members of an intent that are commitments to private texts. To the route do an intent comes with the
// words themselves in their place; to prepare with the commitments.
func (in *Intent) Private() []*string {
	return []*string{&in.Reason, &in.DisplayName, &in.Email, &in.Login, &in.Payload}
}

// PutPermissions is all that a subject is to be given without a role, on one scope.
type PutPermissions struct {
	Permissions []string `json:"permissions"`
	Scope       string   `json:"scope,omitempty"`  // empty: the organization
	Reason      string   `json:"reason,omitempty"` // in words
}

// PutRoles is all roles that a subject is to have on the whole organization.
type PutRoles struct {
	Roles  []string `json:"roles"`            // keys or ids
	Reason string   `json:"reason,omitempty"` // in words
}

// Replaced says what putting a set changed. Where nothing did, nothing was recorded.
type Replaced struct {
	Unchanged bool     `json:"unchanged,omitempty"`
	Recorded  *Receipt `json:"recorded,omitempty"`
	Added     []string `json:"added,omitempty"` // of a very large set, see the entry
	Removed   []string `json:"removed,omitempty"`
	Before    uint64   `json:"before"` // how many there were
	After     uint64   `json:"after"`
}

// Whoami says who makes a request. The local operator is nobody in a ledger.
type Whoami struct {
	Kind        string   `json:"kind"`              // local-operator, api-key, session, wallet or oidc
	Subject     string   `json:"subject,omitempty"` // key
	ID          string   `json:"id,omitempty"`
	SubjectKind string   `json:"subjectKind,omitempty"`
	Credential  string   `json:"credential,omitempty"` // did:key that it signs with
	Owner       bool     `json:"owner,omitempty"`
	Roles       []string `json:"roles,omitempty"`   // keys
	Actions     []string `json:"actions"`           // of the ledger that it may do on the whole organization now, sorted
	Expires     string   `json:"expires,omitempty"` // of a session
	Session     string   `json:"session,omitempty"` // its id
	CSRF        string   `json:"csrf,omitempty"`    // of a session in a cookie: what X-Csrf-Token repeats
	AsOf        AsOf     `json:"asOf"`
}

// SignIn asks for a session. Either Email or Key says who signs in with a password, or Wallet signed a message.
type SignIn struct {
	Email    string        `json:"email,omitempty"`
	Key      string        `json:"key,omitempty"` // of the subject
	Password string        `json:"password,omitempty"`
	Wallet   *WalletSignIn `json:"wallet,omitempty"`
	Cookie   bool          `json:"cookie,omitempty"` // the token comes in a cookie, for a browser
}

// WalletSignIn is a message of EIP-4361, as a challenge gave it, and its signature.
type WalletSignIn struct {
	Message   string `json:"message"`
	Signature string `json:"signature"` // 65 bytes in hexadecimal
}

// AskChallenge asks for what a wallet signs to sign in.
type AskChallenge struct {
	Wallet string `json:"wallet"`          // address, or did:pkh
	Chain  uint64 `json:"chain,omitempty"` // that the message names; 0: the wallet's own, else 1
}

// Challenge is a message to sign by EIP-191.
type Challenge struct {
	Message string `json:"message"`
	Hex     string `json:"hex"`     // the same bytes, as wallets take them
	Expires string `json:"expires"` // the first instant at which it does not hold
}

// FirstSignIn is the one-time code that init showed, and the password that the owner is to have.
type FirstSignIn struct {
	Code     string `json:"code"`
	Password string `json:"password"`
	Cookie   bool   `json:"cookie,omitempty"`
}

// WaysIn says how people can sign in.
type WaysIn struct {
	Password  bool       `json:"password"`
	Wallet    bool       `json:"wallet"`
	Providers []Provider `json:"providers"` // identity providers
}

// Provider is an identity provider that vouches for people.
type Provider struct {
	Name string `json:"name"`
	URL  string `json:"url"` // where a browser begins
}

// Session is one of the caller's sessions.
type Session struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"` // session (with a password), wallet or oidc
	Cookie  bool   `json:"cookie,omitempty"`
	Begun   string `json:"begun"`
	Seen    string `json:"seen"` // its newest request
	Ends    string `json:"ends"` // if no request comes
	Current bool   `json:"current,omitempty"`
}

// SignedIn is a session. Its token is shown this once.
type SignedIn struct {
	Token   string `json:"token,omitempty"` // pls_…; where it is in a cookie, it is nowhere else
	Subject string `json:"subject"`
	Expires string `json:"expires"`
	CSRF    string `json:"csrf,omitempty"` // with a cookie: what X-Csrf-Token repeats
}

// PutLogin asks for a new password.
type PutLogin struct {
	Password string `json:"password,omitempty"` // the one there is; absent where there is none yet
	New      string `json:"new"`
	Reason   string `json:"reason,omitempty"` // in words
}

// SignedOut says whose session ended.
type SignedOut struct {
	Subject string `json:"subject"`
	Ended   int    `json:"ended,omitempty"` // how many sessions
}

// ActivityQuery selects records of activity. All that is named must hold.
type ActivityQuery struct {
	Actor      string // key or id of a subject
	Kind       string // refused, denied, signed-in, …
	Type       string // of the event that was asked for
	About      string // role:<key>, subject:<key>
	Code       string
	Permission string
	Since      string // RFC 3339: not before it
	Before     string // RFC 3339
	Limit      int    // 0: 100
	Cursor     string // the Next of an answer: what is older than its records
}

// Operation is something the API can do, and what it takes: a route, or a change that the routes prepare and do make.
type Operation struct {
	Method  string `json:"method,omitempty"` // of a route
	Path    string `json:"path,omitempty"`
	Summary string `json:"summary,omitempty"`

	Kind    string   `json:"kind,omitempty"` // of an intent
	Members []string `json:"members,omitempty"`

	Action      string   `json:"action,omitempty"`      // of the ledger
	Permissions []string `json:"permissions,omitempty"` // each of which lets its holder do it; the organization's own first
	And         []string `json:"and,omitempty"`         // one of these is needed besides
	Why         string   `json:"why,omitempty"`         // it needs none
	Operator    bool     `json:"operator,omitempty"`    // for the operator of the node alone
}
