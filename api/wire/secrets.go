package wire

// NewAPIKey asks for an API key: a subject with roles of its own.
type NewAPIKey struct {
	Key    string   `json:"key"`              // of the subject
	Holder string   `json:"holder,omitempty"` // key of the member that it is assigned to; absent: the organization's
	Roles  []string `json:"roles,omitempty"`  // keys
	Until  string   `json:"until,omitempty"`  // RFC 3339: from when on it works no more; absent: it has no end
	Name   string   `json:"name,omitempty"`   // in words
	Reason string   `json:"reason,omitempty"` // in words
}

// NewInvitation asks for an invitation.
type NewInvitation struct {
	Key    string   `json:"key"`             // of the subject that joins
	Kind   string   `json:"kind,omitempty"`  // human, technical or did; absent: human
	Auth   string   `json:"auth,omitempty"`  // how it will prove itself
	Until  string   `json:"until,omitempty"` // RFC 3339: from when on the code works no more; absent: in seven days
	Roles  []string `json:"roles,omitempty"` // keys
	Name   string   `json:"name,omitempty"`  // in words
	Email  string   `json:"email,omitempty"`
	Reason string   `json:"reason,omitempty"` // in words
}

// MadeSecret is a secret that was made. It is in this answer alone; who loses it makes another.
type MadeSecret struct {
	Secret   string  `json:"secret"` // plk_… of an API key, pli_… of an invitation
	DID      string  `json:"did"`    // its public key, as the ledger knows it
	Key      string  `json:"key"`    // of the subject
	Recorded Receipt `json:"recorded"`
}
