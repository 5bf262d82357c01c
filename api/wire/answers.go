package wire

// Difference says what changed between two moments.
type Difference struct {
	From     AsOf            `json:"from"`
	To       AsOf            `json:"to"`
	Subjects []SubjectChange `json:"subjects"` // who gained and lost what, by key
	Roles    []RoleChange    `json:"roles"`    // by key
	Entries  []Item          `json:"entries"`  // what was recorded at the positions named above
	More     int             `json:"more,omitempty"`
	// MoreSubjects are left out behind those of a limit: of these something was recorded that may have changed what they may.
	MoreSubjects int `json:"moreSubjects,omitempty"`
}

// SubjectChange is what one subject gained and lost.
type SubjectChange struct {
	Subject string    `json:"subject"` // key
	Kind    string    `json:"kind"`
	Gained  []Changed `json:"gained,omitempty"`
	Lost    []Changed `json:"lost,omitempty"`
}

// Changed is a permission that was gained or lost.
type Changed struct {
	Permission string    `json:"permission"`
	Scope      string    `json:"scope,omitempty"`
	Condition  string    `json:"condition,omitempty"` // under which alone it is held
	Because    []Because `json:"because,omitempty"`   // what gives it now, or gave it
	Causes     []uint64  `json:"causes"`              // positions; none: an end has come that is not recorded yet
}

// RoleChange is how one role changed.
type RoleChange struct {
	Role        string         `json:"role"` // key
	Created     uint64         `json:"created,omitempty"`
	Deleted     uint64         `json:"deleted,omitempty"`
	Name        *string        `json:"name,omitempty"`        // the new one
	Description *string        `json:"description,omitempty"` // the new one
	Added       []InRole       `json:"added,omitempty"`
	Removed     []InRole       `json:"removed,omitempty"`
	Came        []HolderChange `json:"came,omitempty"` // who has it now and had it not
	Left        []HolderChange `json:"left,omitempty"`
	MoreCame    int            `json:"moreCame,omitempty"` // left out of Came, where there is a limit
	MoreLeft    int            `json:"moreLeft,omitempty"`
	Positions   []uint64       `json:"positions,omitempty"` // of what was recorded about the role itself
}

// InRole is a permission, and the position that put it into a role or took it out.
type InRole struct {
	Permission string `json:"permission"`
	At         uint64 `json:"at"`
}

// HolderChange is a subject that came to have a role, or has it no more.
type HolderChange struct {
	Subject string `json:"subject"`
	Scope   string `json:"scope,omitempty"`
	At      uint64 `json:"at,omitempty"`
}

// Blame says since which entry a permission is in a role, or with a subject, and who put it there, when and why.
type Blame struct {
	Permission string `json:"permission"`
	Scope      string `json:"scope,omitempty"`
	Role       string `json:"role,omitempty"` // through which a subject has it
	Seq        uint64 `json:"seq"`
	Time       string `json:"time"`
	Type       string `json:"type"` // of the event
	By         string `json:"by"`
	Reason     string `json:"reason,omitempty"`
}

// Rehearsal asks what would be so if changes were recorded, one after the other. Nothing is.
type Rehearsal struct {
	As      string   `json:"as,omitempty"` // key of who would record them; empty: the caller, else the owner
	Intents []Intent `json:"intents"`      // without credential
}

// Rehearsed says what recording the changes of a [Rehearsal] would come to. A change that would be refused changes
// nothing; those after it are tried all the same.
type Rehearsed struct {
	Steps  []Step      `json:"steps"` // one for each intent
	Gains  []Effective `json:"gains"` // by subject, permission and scope; the permission * is everything, as the owner has it
	Losses []Effective `json:"losses"`
	More   int         `json:"more,omitempty"` // gains and losses left out, at least
	AsOf   AsOf        `json:"asOf"`
}

// Step is what one change would come to.
type Step struct {
	Kind    string   `json:"kind"`
	Type    string   `json:"type,omitempty"` // of the event
	Refusal *Problem `json:"refusal,omitempty"`
}

// Guideline is the label of a role that says when to give it, and to whom.
const Guideline = "guideline"

// Bound is a subject with all that it was given and has not lost, whether or not it may use it.
type Bound struct {
	Subject string  `json:"subject"` // key
	Kind    string  `json:"kind"`
	Holds   []Holds `json:"holds"`
}
