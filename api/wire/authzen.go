package wire

// The types of the OpenID AuthZEN Authorization API 1.0. Its requests may have other members, which are passed over; the
// server reads them in one pass of its own, so these types are for clients and for what describes the API.

// AuthZENEntity is a subject or a resource. In a search the id of what is searched for is left out.
type AuthZENEntity struct {
	Type       string         `json:"type"`
	ID         string         `json:"id,omitempty"`
	Properties map[string]any `json:"properties,omitempty"`
}

// AuthZENAction is an action: its name is that of a permission.
type AuthZENAction struct {
	Name       string         `json:"name"`
	Properties map[string]any `json:"properties,omitempty"`
}

// AuthZENContext is what a request says beside. Of its members only permledger means something here.
type AuthZENContext struct {
	Permledger *AuthZENWishes `json:"permledger,omitempty"`
}

// AuthZENWishes are what permledger does beyond AuthZEN, where a request asks for it.
type AuthZENWishes struct {
	Explain bool   `json:"explain,omitempty"`  // answer with reasons
	Record  bool   `json:"record,omitempty"`   // note the decision, which is then of now, in the activity stream
	AsOf    string `json:"as_of,omitempty"`    // decide as of then
	AtLeast uint64 `json:"at_least,omitempty"` // wait until the ledger has this position
	With    string `json:"with,omitempty"`     // key or id of a wallet that comes with the subject
}

// Evaluation is one question. In a batch each member that is left out is that of the batch.
type Evaluation struct {
	Subject  *AuthZENEntity  `json:"subject,omitempty"`
	Action   *AuthZENAction  `json:"action,omitempty"`
	Resource *AuthZENEntity  `json:"resource,omitempty"`
	Context  *AuthZENContext `json:"context,omitempty"`
}

// Evaluations is a batch of questions.
type Evaluations struct {
	Evaluation
	Evaluations []Evaluation    `json:"evaluations,omitempty"` // none: the question is the batch itself
	Options     *AuthZENOptions `json:"options,omitempty"`
}

// AuthZENOptions say how a batch is answered.
type AuthZENOptions struct {
	Semantic string `json:"evaluations_semantic,omitempty"` // execute_all (else), deny_on_first_deny or permit_on_first_permit
}

// AuthZENDecision is the answer to a question. Context is there where the question asked for reasons.
type AuthZENDecision struct {
	Decision bool                `json:"decision"`
	Context  *AuthZENExplanation `json:"context,omitempty"`
}

// AuthZENExplanation says why. ReasonAdmin holds one line by language.
type AuthZENExplanation struct {
	ReasonAdmin map[string]string `json:"reason_admin,omitempty"`
	Permledger  *Check            `json:"permledger,omitempty"`
}

// AuthZENDecisions are the answers to a batch, in its order. A batch of none is one question, and answered as that is.
type AuthZENDecisions struct {
	Evaluations []AuthZENDecision   `json:"evaluations,omitempty"`
	Decision    *bool               `json:"decision,omitempty"`
	Context     *AuthZENExplanation `json:"context,omitempty"`
}

// AuthZENMostResults is how many results one page of a search has at most.
const AuthZENMostResults = 1000

// AuthZENSearch asks for all subjects, actions or resources with which the rest of the question is answered with yes.
type AuthZENSearch struct {
	Evaluation
	Page *AuthZENPage `json:"page,omitempty"`
}

// AuthZENPage says which part of a search's results is asked for.
type AuthZENPage struct {
	Token string `json:"token,omitempty"` // the next_token of the page before; empty: the first
	Limit int    `json:"limit,omitempty"` // how many results at most; 0: as many as the server likes
}

// AuthZENResult is one result: type and id of a subject or a resource, the name of an action.
type AuthZENResult struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// AuthZENResults is a page of results.
type AuthZENResults struct {
	Results []AuthZENResult  `json:"results"`
	Page    *AuthZENNextPage `json:"page,omitempty"` // where a page was asked for, or there are more
}

// AuthZENNextPage says where the next page begins.
type AuthZENNextPage struct {
	NextToken string `json:"next_token"` // empty: this was the last page
	Count     int    `json:"count"`      // of results in this page
}

// AuthZENMetadata is what a decision point says of itself.
type AuthZENMetadata struct {
	PolicyDecisionPoint string `json:"policy_decision_point"`
	Evaluation          string `json:"access_evaluation_endpoint"`
	Evaluations         string `json:"access_evaluations_endpoint"`
	SearchSubject       string `json:"search_subject_endpoint"`
	SearchResource      string `json:"search_resource_endpoint"`
	SearchAction        string `json:"search_action_endpoint"`
}
