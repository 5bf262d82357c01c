package wire

// Question is what check and explain answer, with what a query has no room for.
type Question struct {
	Subject    string             `json:"subject"` // key or id
	Permission string             `json:"permission"`
	Resource   string             `json:"resource,omitempty"`
	Properties QuestionProperties `json:"properties,omitzero"`
	With       string             `json:"with,omitempty"`   // key or id of a wallet that comes with the subject
	Record     bool               `json:"record,omitempty"` // note the answer, which is then of now, in the activity stream
}

// QuestionProperties are what conditions compare, on the word of whoever asks. What the ledger knows goes before it.
type QuestionProperties struct {
	Subject  map[string]string `json:"subject,omitempty"`
	Action   map[string]string `json:"action,omitempty"`
	Resource map[string]string `json:"resource,omitempty"`
}

// Resource is a thing that its path names, as of a position.
type Resource struct {
	Path       string            `json:"path"`
	Kind       string            `json:"kind"`
	Name       string            `json:"name,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Published  bool              `json:"published"`
	Creator    string            `json:"creator,omitempty"`  // key of a subject
	Parents    []string          `json:"parents,omitempty"`  // paths, the nearest first
	Assigned   []string          `json:"assigned,omitempty"` // keys of who is assigned to it
	Registered uint64            `json:"registered"`
	Changed    uint64            `json:"changed"`
}

// Delegable is what a subject can delegate: what it has itself, whoever gave it.
type Delegable struct {
	Subject  string     `json:"subject"` // key
	Roles    []Holds    `json:"roles"`
	Policies []Resource `json:"policies"`
}
