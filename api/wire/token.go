package wire

// Intents about tokens. Tokens are named by the CAIP-10 ids of their contracts, wallets by their addresses; what is spelt
// without the mixed case of EIP-55 is spelt right.
const (
	DeployToken        = "deploy-token" // without a wallet: owned by the one that the account is linked with
	TransferToken      = "transfer-token"
	UpdateToken        = "update-token"
	ActOnToken         = "act-on-token"
	AddAgent           = "add-agent"
	RemoveAgent        = "remove-agent"
	QualifyInvestor    = "qualify-investor"
	DisqualifyInvestor = "disqualify-investor"
	BlockWallet        = "block-wallet"
	UnblockWallet      = "unblock-wallet"
	ObserveChain       = "observe-chain"
)

// AtToken is what intents about tokens say beside the token. It is part of [Intent].
type AtToken struct {
	Token            string    `json:"token,omitempty"`
	Wallet           string    `json:"wallet,omitempty"` // the owner, agent or investor it is about
	State            string    `json:"state,omitempty"`  // paused or active
	IdentityRegistry string    `json:"identityRegistry,omitempty"`
	Compliance       string    `json:"compliance,omitempty"`
	HolderCondition  *string   `json:"holderCondition,omitempty"` // what holder records have to meet; empty: nothing
	Payload          string    `json:"payload,omitempty"`         // of an action: commitment, base64url
	Investor         string    `json:"investor,omitempty"`        // absent: named by its ONCHAINID, or else its wallet
	OnchainID        string    `json:"onchainId,omitempty"`
	Country          string    `json:"country,omitempty"`
	Observed         *Observed `json:"observed,omitempty"`
}

// Observed is what the contract of a token told: one log of a chain.
type Observed struct {
	Fact     string `json:"fact"`    // AgentAdded, AgentRemoved or OwnershipTransferred
	Account  string `json:"account"` // the agent, or the new owner
	Previous string `json:"previous,omitempty"`
	Block    uint64 `json:"block"`
	Hash     string `json:"blockHash"`
	Tx       string `json:"tx"`
	Index    uint64 `json:"index"` // of the log in its block
}

// Token is a token as of a position.
type Token struct {
	Token            string   `json:"token"`
	Name             string   `json:"name"`
	Owner            string   `json:"owner,omitempty"` // address; absent: nobody owns it
	OwnerSince       uint64   `json:"ownerSince,omitempty"`
	Agents           []string `json:"agents"` // addresses
	State            string   `json:"state"`  // paused or active
	IdentityRegistry string   `json:"identityRegistry,omitempty"`
	Compliance       string   `json:"compliance,omitempty"`
	HolderCondition  string   `json:"holderCondition,omitempty"`
	Holders          int      `json:"holders"`
	Blocked          []string `json:"blocked,omitempty"` // addresses
	Deployed         uint64   `json:"deployed"`
	As               []string `json:"as,omitempty"` // where tokens of wallets were asked for: owner, agent
}

// HolderRecord is an investor's position in a token.
type HolderRecord struct {
	Token      string            `json:"token"`
	Wallet     string            `json:"wallet"` // address
	Investor   string            `json:"investor"`
	OnchainID  string            `json:"onchainId,omitempty"`
	Country    string            `json:"country,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Blocked    bool              `json:"blocked,omitempty"`
	Compliant  bool              `json:"compliant"`
	Since      uint64            `json:"since"` // the position that qualified it last
}

// RoleGuide says of a role what a reader of the guide asks.
type RoleGuide struct {
	Role      string   `json:"role"` // key
	Name      string   `json:"name"`
	Type      string   `json:"type"`      // token or platform
	Proof     string   `json:"proof"`     // how somebody proves to have it
	Abilities []string `json:"abilities"` // permissions of its type
	GrantedBy string   `json:"grantedBy"`
	Text      string   `json:"text,omitempty"`
}
