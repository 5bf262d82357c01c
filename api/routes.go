package api

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
)

// A Route is one method on one path. The table of routes is data: the handler is made of it, and so is whatever
// describes the API.
type Route struct {
	Method  string
	Path    string // as net/http.ServeMux has it
	Summary string
	// Action is what the caller must be allowed to do (rules.Actions). Where it is empty, Why says the reason.
	Action   string
	And      string // a second action that the caller must be allowed to do
	Why      string
	Open     bool     // without a token
	Operator bool     // for the operator of the node alone
	Query    []string // the parameters it knows
	Also     []string // media types of other forms of the answer, for those who ask for them
	// Spec is the address of the specification that says how requests are read and errors answered, where docs/api.md does
	// not: such a route gives no problems, and may ignore members that it does not know. Empty: ours.
	Spec string
	// own says whether a request is about nobody but the caller, who may then make it whatever it holds; nil: none is.
	own     func(*call) bool
	guest   func(*server) bool // says whether the server lets those in who do not say who they are; nil: it does not
	head    bool               // it answers HEAD too, as answers in JSON do
	loose   bool               // it ignores parameters that it does not know, as its specification demands
	anyOrg  bool               // also for an organization that is not there, of which the answer says nothing
	public  bool               // open unless [Options.PrivateLog] says otherwise; then it takes the action history.read
	point   func(*point) error // answers at a decision point, which serves itself
	changes bool               // it records changes under a condition: it takes If-Match
	once    bool               // it makes a command: it takes Idempotency-Key
	plain   bool               // its answers have no tag: they are small, and asked for very often
	endpoint
}

// tagged says whether the answers of a route have a tag, by which a caller asks whether they changed.
func (r *Route) tagged() bool {
	return r.Method == http.MethodGet && r.Gives == mediaJSON && r.Spec == "" && strings.HasPrefix(r.Path, "/v1/orgs/{org}") && !r.plain
}

// Reasons for routes without an action.
const (
	whySigned    = "the command's own signature is judged by the rules of its ledger"
	whyHealth    = "watchdogs have no token; the answer names ledgers only to the node's operator and to those who are somebody in them"
	whyOpening   = "no organization's rules apply before it is opened; the node's operator holds the token"
	whyDescribes = "it describes the API, and nothing that the organization keeps to itself"
	whySelf      = "it is about the caller itself"
	whyDo        = "the command that it makes is judged by the rules of its ledger"
	whySignIn    = "nobody has a token before signing in; the password is what is judged"
	whyDraft     = "nothing is recorded; whoever may not record the change is told so in the answer"
	whyNode      = "it lists no organization but those that the caller is somebody in"
	whyLog       = "hashes and signatures tell nothing of what entries say; who holds them holds the operator to them (`serve --private-log` lets only those read them who may read the history)"
	whyPolicy    = "public keys, and who cosigns: what the public checkpoint is checked with, by whoever has no other right either"
	whyInvited   = "whoever has the code of an invitation is nobody yet; the code's own signature is what is judged"
)

// Reasons for routes that stand outside /v1, at the addresses that other specifications give them.
const (
	whyDID     = "the organization's DID document is public: others find the keys in it that its documents are checked with"
	whyStatus  = "status lists are public: the documents name them, for whoever was given one; they hold bits by number, and no names"
	whyContent = "what the caller may read the history of is found; documents by everybody, where the operator says that they are public"
)

// reads gives the parameters of a route that reads a ledger.
func reads(more ...string) []string { return append([]string{"as_of", "at_least"}, more...) }

// lines makes an endpoint that answers with lines of type Line.
func lines[Line any](f func(*call, http.ResponseWriter) error) endpoint {
	return stream(mediaLines, reflect.TypeFor[Line](), f)
}

// taking says what each line of a streamed request is.
func (e endpoint) taking(line reflect.Type) endpoint {
	e.Request, e.Takes = line, mediaLines
	return e
}

// Routes lists every route, in the order in which they are described.
func Routes() []Route { return slices.Concat(coreRoutes(), signInRoutes()) }

func coreRoutes() []Route {
	const (
		get, post, put  = http.MethodGet, http.MethodPost, http.MethodPut
		org, log        = "/v1/orgs/{org}", "/orgs/{org}/log"
		roles, happened = rules.ActionRolesRead, rules.ActionHistoryRead
		subjects        = rules.ActionSubjectsRead
	)
	atLeast, waits := []string{"at_least"}, []string{"wait"}
	question := reads("subject", "permission", "resource")
	all := slices.Concat(describingRoutes(), []Route{
		{Method: get, Path: "/healthz", Open: true, Why: whyHealth, endpoint: stream(mediaJSON, reflect.TypeFor[wire.Health](), health),
			Summary: "Whether every ledger takes commands"},
		operatingRoutes()[0], operatingRoutes()[1],

		{Method: get, Path: "/v1/orgs", Why: whyNode, endpoint: answer(listOrganizations),
			Summary: "The organizations of the node"},
		{Method: post, Path: "/v1/orgs/prepare", Why: whyOpening, Operator: true, endpoint: handle(prepareOpening),
			Summary: "The command that opens an organization, to be signed"},
		{Method: post, Path: "/v1/orgs", Why: whyOpening, Operator: true, Query: waits, endpoint: handle(openOrganization),
			Summary: "Open an organization with a signed command"},
		{Method: get, Path: org, Action: rules.ActionOrganizationRead, Query: reads(), endpoint: answer(getOrganization),
			Summary: "One organization"},
		{Method: get, Path: org + "/policy", Open: true, public: true, head: true, Why: whyPolicy, endpoint: stream(mediaPolicy, nil, getPolicy),
			Summary: "What a checkpoint has to satisfy: the ledger's keys and its witnesses, as c2sp.org/tlog-policy has it"},

		{Method: post, Path: org + "/prepare", Why: whyDraft, Query: atLeast, endpoint: handle(prepare),
			Summary: "The command of a change, to be signed, and what it would do"},
		{Method: post, Path: org + "/commands", changes: true, Why: whySigned, Query: []string{"stop", "wait"},
			endpoint: lines[wire.Outcome](recordCommands).taking(reflect.TypeFor[wire.Submission]()),
			Summary:  "Record signed commands, one a line; each line is answered in turn"},
		{Method: post, Path: org + "/do", changes: true, once: true, Why: whyDo, Query: []string{"at_least", "wait"}, endpoint: handle(do),
			Summary: "Record a change in the caller's name, signed with its API key or in its session; private texts in words"},
		{Method: put, Path: org + "/subjects/{key}/permissions", changes: true, once: true, Why: whyDo, Query: []string{"at_least", "wait"}, endpoint: handle(putPermissions),
			Summary: "Replace all that a subject was given without a role"},
		{Method: put, Path: org + "/subjects/{key}/roles", changes: true, once: true, Why: whyDo, Query: []string{"at_least", "wait"}, endpoint: handle(putRoles),
			Summary: "Replace all roles of a subject"},
		{Method: get, Path: org + "/operations", Why: whyDescribes, endpoint: answer(operations),
			Summary: "What the API can do, and which permission each operation takes"},
		{Method: get, Path: org + "/whoami", Why: whySelf, endpoint: answer(whoami),
			Summary: "Who makes the request"},
		{Method: put, Path: org + "/login", Why: whySelf, Query: waits, endpoint: handle(putLogin),
			Summary: "Give oneself a password, or another"},
		{Method: get, Path: org + "/commands/{id}", Action: happened, Query: atLeast, endpoint: answer(getRecorded),
			Summary: "The entry that a command is recorded in"},

		{Method: get, Path: org + "/roles", Action: roles, Query: reads("q", "sort", "permissions"), endpoint: pages(listRoles),
			Summary: "All roles, or those that q is found in"},
		{Method: get, Path: org + "/roles/{key}", Action: roles, Query: reads(), endpoint: answer(getRole),
			Summary: "A role with its permissions"},
		{Method: get, Path: org + "/invitations/{did}", Open: true, Why: whyInvited, endpoint: answer(getInvitation),
			Summary: "What an invitation is for"},
		{Method: post, Path: org + "/join", Open: true, Why: whyInvited, Query: waits, endpoint: handle(acceptInvitation),
			Summary: "Join with a command that the code of an invitation signed"},
		{Method: get, Path: org + "/api-keys", Action: rules.ActionAPIKeyRead, own: holdsKeys, Query: reads(), endpoint: pages(listAPIKeys),
			Summary: "The API keys; to who may not read them all, those that are assigned to it"},
		{Method: get, Path: org + "/subjects", Action: subjects, Query: reads("q", "kind", "role", "state", "sort", "names"), endpoint: pages(listSubjects),
			Summary: "All subjects, or those that fit"},
		{Method: get, Path: org + "/subjects/{key}", Action: subjects, own: ofCallersKeys("key"), Query: reads(), endpoint: answer(getSubject),
			Summary: "A subject with what it was given"},
		{Method: get, Path: org + "/subjects/{key}/delegable", Action: subjects, own: ofCallerPath("key"), Query: reads(), endpoint: answer(getDelegable),
			Summary: "What a subject can delegate: the roles and policies that it has, whoever gave them"},
		{Method: get, Path: org + "/credentials/{did}", Action: rules.ActionKeysRead, own: ofCallerKey, Query: atLeast, endpoint: answer(getCredential),
			Summary: "The subject that signs with a key now"},
		{Method: get, Path: org + "/keys", Action: rules.ActionKeysRead, Query: []string{"at_least", "subject", "kind", "purposes"}, endpoint: pagesBy(listKeys, func(k wire.Key) string { return k.DID }),
			Summary: "The ledger's keys and the subjects' credentials"},
		{Method: get, Path: org + "/permissions", Action: rules.ActionPermissionsRead, Query: reads("subject"), endpoint: pages(listPermissions),
			Summary: "What can be given"},

		{Method: get, Path: org + "/check", Action: roles, plain: true, own: ofCallerQuery("subject"), Query: append(slices.Clone(question), "proof"), endpoint: answer(check),
			Summary: "Whether a subject may do something; with proof=true, which takes history.read, also as a signed decision"},
		{Method: get, Path: org + "/explain", Action: roles, plain: true, own: ofCallerQuery("subject"), Query: question, endpoint: answer(explainCheck),
			Summary: "Whether a subject may do something, and what is missing"},
		{Method: post, Path: org + "/check", Action: roles, own: always, Query: reads("proof"), endpoint: handle(checkWith),
			Summary: "Whether a subject may do something, with what conditions compare; with record the answer is noted in the activity stream; with proof=true, which takes history.read, also as a signed decision"},
		{Method: post, Path: org + "/explain", Action: roles, own: always, Query: reads(), endpoint: handle(explainWith),
			Summary: "Whether a subject may do something, with what conditions compare, and what is missing"},
		{Method: get, Path: org + "/resources", Action: rules.ActionResourcesRead, own: ofCallerQuery("subject"),
			Query: reads("kind", "subject", "permission"), endpoint: pages(listResources),
			Summary: "The resources, or those of a kind; with a subject those that it may see"},
		{Method: get, Path: org + "/who-can", Action: roles, Query: reads("permission", "resource"), endpoint: pages(whoCan),
			Summary: "Everybody who may do something"},
		{Method: get, Path: org + "/access/{subject}", Action: roles, own: ofCallerPath("subject"), Query: reads(), endpoint: pages(getAccess),
			Summary: "Everything a subject may do, and why"},
		{Method: get, Path: org + "/tokens", Action: roles, own: ofCallerQuery("account"), Query: reads("account", "wallet"), endpoint: pages(listTokens),
			Summary: "All tokens; those of a wallet, or those that an account sees"},
		{Method: get, Path: org + "/tokens/{token}", Action: roles, Query: reads(), endpoint: answer(getToken),
			Summary: "A token with its owner and agents"},
		{Method: get, Path: org + "/investors", Action: roles, Query: reads("token", "investor"), endpoint: pages(listInvestors),
			Summary: "Holder records: of a token, of an investor, or all"},
		{Method: get, Path: org + "/guide", Action: roles, Query: reads(), endpoint: pages(listGuide),
			Summary: "Of each role its type, how it is proven, its abilities and who grants it"},
		{Method: get, Path: org + "/assignments", Action: roles, Query: reads(), endpoint: lines[wire.Assignment](assignments),
			Summary: "What every subject may do, one a line"},
		{Method: get, Path: org + "/bindings", Action: roles, Query: reads(), endpoint: lines[wire.Bound](bindings),
			Summary: "What every subject was given, one a line"},

		{Method: post, Path: org + "/simulate", Action: roles, Query: atLeast, endpoint: handle(simulate),
			Summary: "What would be so if changes were recorded; nothing is"},
		{Method: get, Path: org + "/diff", Action: happened, Query: []string{"from", "to", "role", "subject", "skip", "limit", "at_least"}, endpoint: answer(getDifference),
			Summary: "Who gained and lost what between two moments, and how roles changed"},
		{Method: get, Path: org + "/blame", Action: happened, Query: reads("role", "subject"), endpoint: pages(getBlame),
			Summary: "Since which entry each permission is in a role, or with a subject"},

		{Method: get, Path: org + "/reports/similar", Action: roles, Query: reads("least"), endpoint: pages(reportSimilar),
			Summary: "Roles that give nearly the same permissions"},
		{Method: get, Path: org + "/reports/undocumented", Action: roles, Query: reads(), endpoint: pages(reportUndocumented),
			Summary: "Roles without a description, or without a guideline that says when to use them"},
		{Method: get, Path: org + "/reports/unheld", Action: roles, Query: reads(), endpoint: pages(reportUnheld),
			Summary: "Roles that nobody has"},
		{Method: get, Path: org + "/reports/unused", Action: rules.ActionLogRead, Query: reads("since", "subject", "roles"), endpoint: answer(reportUnused),
			Summary: "Permissions that were held and not used in a period, and roles of which nothing was"},
		{Method: get, Path: org + "/reports/changes", Action: happened, Query: []string{"role", "from", "to", "at_least"}, endpoint: answer(reportChanges),
			Summary: "Whom a change of a role concerns"},
		{Method: get, Path: org + "/reports/unreviewed", Action: roles, Query: reads("days"), endpoint: pages(reportUnreviewed),
			Summary: "Roles that nobody has looked over for a quarter"},
		{Method: get, Path: org + "/followers", Action: rules.ActionKeysRead, Query: atLeast, endpoint: answer(getFollowers),
			Summary: "Who reads the streams over NATS from this node, and how far each of their consumers is"},
		{Method: get, Path: org + "/reports/attention", Action: roles, Query: []string{"days", "unused", "at_least"}, endpoint: answer(attention),
			Summary: "What to look at now: what ends within days, API keys that nobody used, invitations, open reviews, roles that lack something; what the caller may not read is absent"},
		{Method: get, Path: org + "/reviews", Action: roles, Query: reads(), endpoint: pages(listReviews),
			Summary: "The access reviews"},
		{Method: get, Path: org + "/reviews/{review}", Action: roles, Query: reads("used"), endpoint: answer(getReview),
			Summary: "An access review: by its id, or of one that is not closed by its title; with used=true, which takes log.read, also when what it is about was used last"},
		{Method: get, Path: org + "/reports/who-has-what", Action: roles, Query: reads(), endpoint: lines[wire.Having](whoHasWhat),
			Summary: "Everything everybody may do, one a line"},

		{Method: get, Path: org + "/history", Action: rules.ActionLogRead, own: always, endpoint: answer(getHistory),
			Query:   reads("role", "subject", "permission", "actor", "type", "about", "taking", "from", "to", "since", "before", "limit", "newest", "cursor"),
			Summary: "What happened; what others did where the caller may read their log"},
		{Method: get, Path: org + "/history/outline", Action: rules.ActionLogRead, own: always, endpoint: answer(getOutline),
			Query:   reads("role", "subject", "permission", "actor", "type", "taking", "from", "to", "since", "before", "parts", "by"),
			Summary: "How much happened in each part of the history; of others where the caller may read their log"},
		{Method: get, Path: org + "/entries", Action: happened, Query: []string{"from", "to", "at_least"}, endpoint: stream(mediaEntries, nil, entries),
			Summary: "The exact bytes of entries, each behind its length in two bytes, big-endian"},
		{Method: get, Path: org + "/export", Action: happened, Query: reads("format", "role", "subject", "texts"),
			Also:     []string{"application/zip", mediaCAR, mediaLines, "text/csv"},
			endpoint: stream(mediaEntries, nil, export),
			Summary:  "What concerns a role or a subject, or everything, with what proves it, as one file: bundle, car, jsonl, csv or vc"},
		{Method: get, Path: org + "/entries/{ref}", Action: happened, Query: atLeast, endpoint: answer(getEntry),
			Summary: "An entry by position or CID"},
		{Method: get, Path: org + "/entries/{ref}/proof", Action: happened, Query: atLeast, endpoint: stream(mediaProof, nil, prove),
			Summary: "The proof that an entry, by position or CID, is in the log: a C2SP tlog-proof"},
		{Method: get, Path: org + "/consistency", Action: happened, Query: []string{"from", "to", "at_least"}, endpoint: stream(mediaProof, nil, proveGrowth),
			Summary: "The proof that the log of so many entries begins with the log of fewer"},
		{Method: get, Path: org + "/documents", Action: happened, Query: reads("about", "limit", "cursor"), endpoint: answer(listDocuments),
			Summary: "The signed documents"},
		{Method: get, Path: org + "/documents/{cid}", Action: happened, Query: atLeast, Also: []string{mediaPage}, endpoint: stream(mediaDocument, nil, getDocument),
			Summary: "The exact bytes of a signed document; as a page to print to who accepts text/html"},
		{Method: get, Path: org + "/documents/{cid}/record", Action: happened, Query: atLeast, endpoint: answer(getDocumentRecord),
			Summary: "What the ledger says of a signed document"},
		{Method: get, Path: org + "/documents/{cid}/lists", Action: happened, Query: atLeast, endpoint: stream(mediaJSON, nil, getDocumentLists),
			Summary: "What a document names by digest alone, because it is too long for it"},
		{Method: get, Path: org + "/documents/{cid}/print", Action: happened, Query: atLeast, endpoint: stream(mediaPage, nil, printDocument),
			Summary: "A signed document as a page to print"},
		{Method: get, Path: org + "/topic", Action: happened, Query: []string{"from", "at_least"}, endpoint: stream(mediaTopic, nil, getTopic),
			Summary: "The messages of the topic in their exact bytes, one a line"},
		{Method: get, Path: org + "/activity", Action: rules.ActionLogRead, own: always, endpoint: answer(getActivity),
			Query:   []string{"actor", "kind", "type", "about", "code", "permission", "since", "before", "limit", "cursor"},
			Summary: "The newest that was refused, who signed in, and what was mended; of others where the caller may read their log"},
		{Method: get, Path: org + "/watch", Action: happened, Query: []string{"from"}, Also: []string{mediaEvents}, endpoint: lines[wire.Item](watch),
			Summary: "What happens, as it is recorded: lines, or server-sent events where the caller accepts them"},

		{Method: get, Path: "/orgs/{org}/did.json", Open: true, head: true, Why: whyDID, endpoint: stream(mediaDID, nil, getDID),
			Summary: "The organization's DID document"},
		{Method: get, Path: "/orgs/{org}/status/{purpose}/{list}", Open: true, head: true, Why: whyStatus, Query: []string{"timestamp"},
			endpoint: stream(mediaDocument, nil, getStatusList), Summary: "A status list (revocation or refresh) as a signed credential, now or as of a time"},
		{Method: get, Path: "/ipfs/{cid}", guest: publicDocuments, head: true, Why: whyContent,
			Query:    []string{"format", "filename", "dag-scope", "car-version", "car-order", "car-dups"},
			Also:     []string{mediaCAR},
			endpoint: stream(mediaRaw, nil, getBlock), Summary: "A document or an entry by its CID, as IPFS trustless gateways answer"},
		{Method: get, Path: log + "/checkpoint", Open: true, public: true, head: true, Why: whyLog, endpoint: stream(mediaNote, nil, getCheckpoint),
			Summary: "The newest checkpoint of the organization's log: a signed note, as C2SP tlog-checkpoint says"},
		{Method: get, Path: log + "/tile/{path...}", Open: true, public: true, head: true, Why: whyLog, endpoint: stream(mediaEntries, nil, getTile),
			Summary: "A tile of hashes, as C2SP tlog-tiles says: `L/N` or `L/N.p/W`"},
		{Method: get, Path: log + "/tile/entries/{path...}", Action: happened, head: true, endpoint: stream(mediaEntries, nil, getEntryBundle),
			Summary: "A bundle of entries, as C2SP tlog-tiles says: `N` or `N.p/W`"},
	}, authzenRoutes(), changesRoutes(), webhookRoutes(), secretRoutes())
	for i := range all {
		if all[i].paged {
			all[i].Query = slices.Concat(all[i].Query, []string{"limit", "cursor"})
		}
	}
	return all
}
