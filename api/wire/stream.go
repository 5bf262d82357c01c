package wire

// CodeTooManyStreams says that a caller, or all of an organization, have as many streams open as they may.
const CodeTooManyStreams = "too-many-streams" // 429: the field Retry-After says when to try again

// Why a stream of changes ends, in the last of its events.
const (
	ClosedSlow     = "slow"     // it was read too slowly
	ClosedRevoked  = "revoked"  // the caller may not read it any more
	ClosedStopping = "stopping" // the server stops
)

// Closed is the last event of a stream that the server ends: what comes behind Position is had by asking again, with
// Last-Event-ID.
type Closed struct {
	Reason   string `json:"reason"`
	Position uint64 `json:"position"` // the last one that the stream is done with
}

// ChangeMessage says what one entry changed in who may do what; docs/changes.md describes it.
type ChangeMessage struct {
	Position uint64          `json:"position"`
	CID      string          `json:"cid"` // of the entry
	Time     string          `json:"time"`
	Kind     string          `json:"kind"`
	Type     string          `json:"type"`  // of the event
	About    string          `json:"about"` // as in the event
	By       string          `json:"by"`    // id of who did it
	Recheck  bool            `json:"recheck,omitempty"`
	Role     *ChangedRole    `json:"role,omitempty"`
	Subjects []ChangedHolder `json:"subjects,omitempty"`
	Holders  *Elsewhere      `json:"holders,omitempty"`
	Cut      *Elsewhere      `json:"cut,omitempty"`
}

// ChangedRole names the role by which somebody gained or lost something, or says what changed in it.
type ChangedRole struct {
	Role    string   `json:"role"` // key
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"`
	Created bool     `json:"created,omitempty"`
	Deleted bool     `json:"deleted,omitempty"`
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// ChangedHolder says what changed for a subject.
type ChangedHolder struct {
	Subject string       `json:"subject"` // key
	ID      string       `json:"id"`
	Kind    string       `json:"kind"`
	Owner   *bool        `json:"owner,omitempty"` // true: it became the owner; false: it was
	Gained  []HeldChange `json:"gained,omitempty"`
	Lost    []HeldChange `json:"lost,omitempty"`
	Changed []HeldChange `json:"changed,omitempty"` // held before, and now until another instant
}

// HeldChange is a permission that is, or was, held on a resource and all beneath it.
type HeldChange struct {
	Permission string   `json:"permission"`
	Resource   string   `json:"resource,omitempty"` // absent: the whole organization
	Condition  string   `json:"condition,omitempty"`
	Until      string   `json:"until,omitempty"`
	Because    []uint64 `json:"because"` // positions that gave it
}

// Elsewhere says how much a message leaves out, and where it is asked for.
type Elsewhere struct {
	Count int    `json:"count"`
	Query string `json:"query"` // path of the API
}

// Changes is a page of what changed. The next page begins at the position Next.
type Changes struct {
	Items []ChangeMessage `json:"items"`
	Next  uint64          `json:"next"`
	Head  uint64          `json:"head"` // the last position that there is
}

// ChangeInFull is what one entry changed, with nothing left out but what further pages have.
type ChangeInFull struct {
	Change   ChangeMessage   `json:"change"`
	Subjects []ChangedHolder `json:"subjects"`       // those that the message counts as holders, as far as anything changed for them
	Next     string          `json:"next,omitempty"` // cursor of the next page of them; absent at the end
}

// ChangesQuery says which changes to show. The zero value is all that come next.
type ChangesQuery struct {
	From       uint64 // position; 0: from the first, and of a stream what comes next
	Since      string // an instant, in the place of From
	Kind       string // subject, role, organization, resource, token or other
	Type       string // of the event
	Subject    string // key or id: for whom something changed
	Role       string // key or id
	Permission string
	Limit      int    // of a page; 0: as the server likes
	Wait       string // how long a page waits for the first that fits, like 30s
}

// Followers are those who read an organization's streams over NATS from this node.
type Followers struct {
	Served bool       `json:"served"` // whether the node serves readers at all
	Items  []Follower `json:"items"`
	AsOf   AsOf       `json:"asOf"`
}

// Follower is a reader with what it has on a node.
type Follower struct {
	Subject     string     `json:"subject"` // key
	Connections int        `json:"connections"`
	Consumers   []Consumer `json:"consumers"`
}

// Consumer is how far a consumer of a reader is.
type Consumer struct {
	Stream    string `json:"stream"`
	Name      string `json:"name"`
	Delivered uint64 `json:"delivered"` // position of the last message that was sent
	Floor     uint64 `json:"floor"`     // up to which all were acknowledged; 0 where none are to be
	Pending   uint64 `json:"pending"`   // messages that it has not got yet
	Unacked   int    `json:"unacked"`   // that it got and has not acknowledged
}
