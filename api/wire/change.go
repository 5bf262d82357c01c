package wire

import "encoding/json"

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

	// Where the request waited for more than being recorded:
	State      string `json:"state,omitempty"`      // how far it has come: recorded, committed or witnessed
	NotYet     string `json:"notYet,omitempty"`     // why it is not as far as was asked for
	Checkpoint string `json:"checkpoint,omitempty"` // the signed checkpoint that covers the entry
	Proof      string `json:"proof,omitempty"`      // that it does, as a C2SP tlog-proof
}

// How strongly a change stands.
const (
	Recorded  = "recorded"  // synced in the journal, and ordered
	Committed = "committed" // under a signed checkpoint
	Witnessed = "witnessed" // under a checkpoint that enough witnesses cosigned
)
