package wire

// Similar is two roles that give nearly the same permissions.
type Similar struct {
	Role    string   `json:"role"`  // key; it has as many permissions as the other, or more
	Other   string   `json:"other"` // key
	Overlap int      `json:"overlap"`
	Common  int      `json:"common"`            // permissions in both
	Only    []string `json:"only,omitempty"`    // in Role alone
	InOther []string `json:"inOther,omitempty"` // in Other alone
}

// RoleReport is a role in a report, with what a report says of it.
type RoleReport struct {
	Role    string   `json:"role"` // key
	Name    string   `json:"name"`
	Count   int      `json:"count"`             // of permissions
	Holders int      `json:"holders"`           //
	Created uint64   `json:"created"`           // position
	Missing []string `json:"missing,omitempty"` // of undocumented: description, guideline
	Since   uint64   `json:"since,omitempty"`   // of unheld: the position at which the last holder lost it; absent: nobody ever had it
	Last    string   `json:"last,omitempty"`    // of unused and unreviewed: when it last was; absent: never
	At      uint64   `json:"at,omitempty"`      // of unreviewed: the position of the last review
}

// UnusedPermission is a permission that a subject holds and did not use in a period.
type UnusedPermission struct {
	Subject    string   `json:"subject"`
	Kind       string   `json:"kind"`
	Permission string   `json:"permission"`
	Through    []string `json:"through"` // keys of roles; empty: given without a role
	Since      uint64   `json:"since"`   // the position since which it holds it
	Held       string   `json:"held"`    // the time of that
}

// Usage is a report of what was not used. What counts as use is said in Counts.
type Usage struct {
	Items     []UnusedPermission `json:"items"` // permissions, by subject and name
	Roles     []RoleReport       `json:"roles"` // of which no holder used anything
	Since     string             `json:"since"` // the period begins here and ends at the moment asked about
	Counts    string             `json:"counts"`
	Entries   int                `json:"entries"`          // own actions that counted
	Decisions int                `json:"decisions"`        // recorded decisions that counted
	Oldest    string             `json:"oldest,omitempty"` // of the decisions that are still kept
	AsOf      AsOf               `json:"asOf"`
}

// Having is one thing that a subject may do.
type Having struct {
	Subject    string   `json:"subject"`
	Kind       string   `json:"kind"`
	Permission string   `json:"permission"` // *: everything, as the owner
	Scope      string   `json:"scope,omitempty"`
	Through    []string `json:"through"` // keys of roles; a permission that was given without one is there as an empty text
}

// Affected is who a change of a role concerns. Nothing is sent to anybody by itself.
type Affected struct {
	Role    string           `json:"role"`
	From    AsOf             `json:"from"`
	To      AsOf             `json:"to"`
	Change  RoleChange       `json:"change"`
	Holders []AffectedHolder `json:"holders"` // of the role, before or after, by key
	Entries []Item           `json:"entries"` // what was recorded
}

// AffectedHolder is somebody that a change of a role concerns.
type AffectedHolder struct {
	Subject string      `json:"subject"`
	Kind    string      `json:"kind"` // human, technical, api-key, wallet or did
	Gained  []Effective `json:"gained,omitempty"`
	Lost    []Effective `json:"lost,omitempty"`
}

// Decisions of a review.
const (
	Keep   = "keep"
	Revoke = "revoke"
)

// Review is an access review: what was given when it started is looked over.
type Review struct {
	ID        string       `json:"id"`
	Title     string       `json:"title"`
	Scope     string       `json:"scope"` // all, role:<key> or subject:<key>
	Due       string       `json:"due,omitempty"`
	Count     int          `json:"count"`     // of items
	Undecided int          `json:"undecided"` // of them
	Started   uint64       `json:"started"`   // position
	Time      string       `json:"time"`      // of that
	By        string       `json:"by"`        // key of who started it
	Open      bool         `json:"open"`
	Closed    uint64       `json:"closed,omitempty"`   // position
	ClosedAt  string       `json:"closedAt,omitempty"` // its time
	ClosedBy  string       `json:"closedBy,omitempty"`
	Document  string       `json:"document,omitempty"` // CID of the signed record, where it is closed
	Items     []ReviewItem `json:"items,omitempty"`    // where one review was asked for
}

// ReviewItem is something that was given when a review started, and what was decided of it.
type ReviewItem struct {
	Subject    string `json:"subject"`        // key
	Role       string `json:"role,omitempty"` // key; of a closed review the name that its document has
	Permission string `json:"permission,omitempty"`
	Scope      string `json:"scope,omitempty"`
	Grant      string `json:"grant"`
	Decision   string `json:"decision,omitempty"` // keep, revoke, or none in a closed review; absent: nobody decided yet
	By         string `json:"by,omitempty"`
	At         uint64 `json:"at,omitempty"` // position of the decision
	Time       string `json:"time,omitempty"`
	Reason     string `json:"reason,omitempty"`

	Kind       string `json:"kind,omitempty"`       // of the subject
	Given      uint64 `json:"given,omitempty"`      // position of what gave it
	Since      string `json:"since,omitempty"`      // time of that
	GivenBy    string `json:"givenBy,omitempty"`    // key
	Until      string `json:"until,omitempty"`      // when it ends by itself
	Privileged bool   `json:"privileged,omitempty"` // it lets its holder change who may do what
	LastUsed   string `json:"lastUsed,omitempty"`   // within a quarter, where that was asked for; absent: it is not known to have been
}

// Attention is what somebody who is responsible for an organization should look at now. Lists hold the most urgent first, at most 100 each;
// what the caller may not read is absent.
type Attention struct {
	Before      string    `json:"before"`        // what ends by then is listed
	Unused      string    `json:"unused"`        // keys that were not used since are
	Ends        []Ending  `json:"ends"`          // of what was given
	Keys        []Key     `json:"keys,omitzero"` // API keys that end, or that nobody used
	Invitations []Invitee `json:"invitations,omitzero"`
	Reviews     []Review  `json:"reviews"`      // that are not closed
	Unreviewed  int       `json:"unreviewed"`   // roles that nobody looked over for a quarter
	Unheld      int       `json:"unheld"`       // roles that nobody has
	Undescribed int       `json:"undocumented"` // roles without a description or a guideline
	More        int       `json:"more,omitempty"`
	AsOf        AsOf      `json:"asOf"`
}

// Ending is something that was given and ends by itself.
type Ending struct {
	Subject    string `json:"subject"`        // key
	Role       string `json:"role,omitempty"` // key
	Permission string `json:"permission,omitempty"`
	Scope      string `json:"scope,omitempty"`
	At         uint64 `json:"at"` // the entry that gave it
	Until      string `json:"until"`
}

// Invitee is somebody who was invited and has not joined.
type Invitee struct {
	Subject string `json:"subject"` // key
	Until   string `json:"until"`
}
