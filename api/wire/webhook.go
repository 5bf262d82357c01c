package wire

// CodeNotDelivered says that a receiver did not take a delivery.
const CodeNotDelivered = "not-delivered" // 502

// NewWebhook says where what changes is to be sent.
type NewWebhook struct {
	URL   string   `json:"url"`
	Kinds []string `json:"kinds,omitempty"` // of changes; none: all but the kind other
	From  uint64   `json:"from,omitempty"`  // the first position to be sent; 0: what comes next
}

// Webhook is where what changes is sent, and how that goes.
type Webhook struct {
	ID       string   `json:"id"`
	URL      string   `json:"url"`
	Kinds    []string `json:"kinds,omitempty"`
	Created  string   `json:"created"`
	By       string   `json:"by"`                // key of who answers for it: made it, or started it last
	Secret   string   `json:"secret,omitempty"`  // shown once: when it was made
	Position uint64   `json:"position"`          // the last one that it is done with
	Head     uint64   `json:"head"`              // the last one that there is
	Stopped  string   `json:"stopped,omitempty"` // why nothing is sent any more
	Failures int      `json:"failures,omitempty"`
	Error    string   `json:"error,omitempty"` // of the last attempt
	Next     string   `json:"next,omitempty"`  // attempt, where one failed
	Dead     int      `json:"dead,omitempty"`  // messages that it would not take
}

// DeadLetter is a message that a webhook would not take.
type DeadLetter struct {
	Seq      uint64 `json:"seq"`
	Time     string `json:"time"`
	Attempts int    `json:"attempts"`
	Error    string `json:"error"`
}

// RotateWebhook has a webhook get another secret.
type RotateWebhook struct {
	Overlap string `json:"overlap,omitempty"` // how long deliveries are signed with the one before too, like 24h, which is what stands for none
}

// ReplayWebhook has a webhook get what was recorded from a position on, again or at last.
type ReplayWebhook struct {
	From uint64 `json:"from"`
}

// TestWebhook has a webhook get a message that is no change.
type TestWebhook struct{}

// Tested says that a receiver took a delivery that was no change.
type Tested struct {
	ID string `json:"id"`
}
