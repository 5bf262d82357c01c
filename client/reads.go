package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/permledger/permledger/api/wire"
)

// Health says whether every ledger takes commands. It needs no token; with one, it names the ledgers that the caller has to
// do with.
func (c *Client) Health(ctx context.Context) (wire.Health, error) {
	// A ledger that stopped is an answer, with the status 503, and not an error.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/healthz", nil)
	if err != nil {
		return wire.Health{}, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.do(req)
	if err != nil {
		return wire.Health{}, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		defer resp.Body.Close()
		return wire.Health{}, problem(resp)
	}
	return decode[wire.Health](c, resp)
}

// Ready says whether requests should be sent to the server. It needs no token.
func (c *Client) Ready(ctx context.Context) (wire.Ready, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/readyz", nil)
	if err != nil {
		return wire.Ready{}, err
	}
	resp, err := c.do(req)
	if err != nil {
		return wire.Ready{}, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		defer resp.Body.Close()
		return wire.Ready{}, problem(resp)
	}
	return decode[wire.Ready](c, resp)
}

// Organizations gives the organizations of the server, by id.
func (c *Client) Organizations(ctx context.Context) ([]wire.Organization, error) {
	list, err := get[wire.List[wire.Organization]](ctx, c, path(), nil)
	return list.Items, err
}

// Organization gives one organization.
func (c *Client) Organization(ctx context.Context, org string, r Read) (wire.Organization, error) {
	return get[wire.Organization](ctx, c, path(org), r.query())
}

// Roles gives all roles, by key, with their permissions where these are asked for.
func (c *Client) Roles(ctx context.Context, org string, permissions bool, r Read) (wire.List[wire.Role], error) {
	return c.FindRoles(ctx, org, wire.RoleQuery{Permissions: permissions}, r)
}

// FindRoles gives the roles that fit.
func (c *Client) FindRoles(ctx context.Context, org string, find wire.RoleQuery, r Read) (wire.List[wire.Role], error) {
	q := r.query()
	set(q, "q", find.Text)
	set(q, "sort", find.Sort)
	setFlag(q, "permissions", find.Permissions)
	return get[wire.List[wire.Role]](ctx, c, path(org, "roles"), q)
}

// Role gives a role by key or id, with its permissions.
func (c *Client) Role(ctx context.Context, org, role string, r Read) (wire.One[wire.Role], error) {
	return get[wire.One[wire.Role]](ctx, c, path(org, "roles", role), r.query())
}

// FindSubjects gives the subjects that fit.
func (c *Client) FindSubjects(ctx context.Context, org string, find wire.SubjectQuery, r Read) (wire.List[wire.Subject], error) {
	q := r.query()
	for name, value := range map[string]string{"q": find.Text, "kind": find.Kind, "state": find.State, "role": find.Role, "sort": find.Sort} {
		set(q, name, value)
	}
	setFlag(q, "names", find.Names)
	return get[wire.List[wire.Subject]](ctx, c, path(org, "subjects"), q)
}

// Subjects gives all subjects, by key.
func (c *Client) Subjects(ctx context.Context, org string, r Read) (wire.List[wire.Subject], error) {
	return get[wire.List[wire.Subject]](ctx, c, path(org, "subjects"), r.query())
}

// Subject gives a subject by key or id, with what it was given.
func (c *Client) Subject(ctx context.Context, org, subject string, r Read) (wire.One[wire.Subject], error) {
	return get[wire.One[wire.Subject]](ctx, c, path(org, "subjects", subject), r.query())
}

// CredentialOwner gives the subject that signs with a did:key now.
func (c *Client) CredentialOwner(ctx context.Context, org, did string) (wire.One[wire.Subject], error) {
	return get[wire.One[wire.Subject]](ctx, c, path(org, "credentials", did), nil)
}

// Keys gives the ledger's keys and the subjects' credentials as they are now, those that sign nothing more too.
func (c *Client) Keys(ctx context.Context, org string) (wire.List[wire.Key], error) {
	return get[wire.List[wire.Key]](ctx, c, path(org, "keys"), nil)
}

// FindKeys gives the keys that fit, as they are now: of the Read only its page counts.
func (c *Client) FindKeys(ctx context.Context, org string, find wire.KeyQuery, r Read) (wire.List[wire.Key], error) {
	r.AsOf = ""
	q := r.query()
	set(q, "subject", find.Subject)
	set(q, "kind", find.Kind)
	set(q, "purposes", find.Purposes)
	return get[wire.List[wire.Key]](ctx, c, path(org, "keys"), q)
}

// Permissions gives what can be given or asked about, by name.
func (c *Client) Permissions(ctx context.Context, org string, r Read) (wire.List[wire.Permission], error) {
	return get[wire.List[wire.Permission]](ctx, c, path(org, "permissions"), r.query())
}

// PermissionsOf gives the same, and of each whether a subject has it, and through what.
func (c *Client) PermissionsOf(ctx context.Context, org, subject string, r Read) (wire.List[wire.Permission], error) {
	q := r.query()
	set(q, "subject", subject)
	return get[wire.List[wire.Permission]](ctx, c, path(org, "permissions"), q)
}

func question(r Read, subject, permission, resource string) url.Values {
	q := r.query()
	set(q, "subject", subject)
	set(q, "permission", permission)
	set(q, "resource", resource)
	return q
}

// Check says whether a subject may do what a permission allows on a resource; empty: on the whole organization.
func (c *Client) Check(ctx context.Context, org, subject, permission, resource string, r Read) (wire.Check, error) {
	return get[wire.Check](ctx, c, path(org, "check"), question(r, subject, permission, resource))
}

// Explain is Check with what is missing, where the answer is no.
func (c *Client) Explain(ctx context.Context, org, subject, permission, resource string, r Read) (wire.Check, error) {
	return get[wire.Check](ctx, c, path(org, "explain"), question(r, subject, permission, resource))
}

// CheckWith is [Client.Check] with what conditions compare, and a wallet that comes along.
func (c *Client) CheckWith(ctx context.Context, org string, q wire.Question, r Read) (wire.Check, error) {
	return sendQuery[wire.Check](ctx, c, http.MethodPost, path(org, "check"), r.query(), q)
}

// Decide is [Client.CheckWith] that gives the answer as a signed decision, too: in exact bytes, to be kept as a file.
func (c *Client) Decide(ctx context.Context, org string, q wire.Question, r Read) (wire.Check, error) {
	query := r.query()
	query.Set("proof", "true")
	return sendQuery[wire.Check](ctx, c, http.MethodPost, path(org, "check"), query, q)
}

// Prove gives the proof that an entry, by position or CID, is in the log: a C2SP tlog-proof, in the bytes of its file.
func (c *Client) Prove(ctx context.Context, org, ref string) ([]byte, error) {
	return c.bytes(ctx, path(org, "entries", ref, "proof"), nil)
}

// ProveGrowth gives the proof that the log of so many entries begins with the one of fewer, in the bytes of its file.
func (c *Client) ProveGrowth(ctx context.Context, org string, from, to uint64) ([]byte, error) {
	q := url.Values{}
	setNumber(q, "from", from)
	setNumber(q, "to", to)
	return c.bytes(ctx, path(org, "consistency"), q)
}

// ExplainWith is [Client.Explain] with what conditions compare, and a wallet that comes along.
func (c *Client) ExplainWith(ctx context.Context, org string, q wire.Question, r Read) (wire.Check, error) {
	return sendQuery[wire.Check](ctx, c, http.MethodPost, path(org, "explain"), r.query(), q)
}

// Resources gives the resources of a kind, of the empty kind all; with a subject those that it may see, or, with a
// permission too, those on which it may do what that allows.
func (c *Client) Resources(ctx context.Context, org, kind, subject, permission string, r Read) (wire.List[wire.Resource], error) {
	q := r.query()
	set(q, "kind", kind)
	set(q, "subject", subject)
	set(q, "permission", permission)
	return get[wire.List[wire.Resource]](ctx, c, path(org, "resources"), q)
}

// Delegable gives what a subject can delegate.
func (c *Client) Delegable(ctx context.Context, org, subject string, r Read) (wire.One[wire.Delegable], error) {
	return get[wire.One[wire.Delegable]](ctx, c, path(org, "subjects", subject, "delegable"), r.query())
}

// WhoCan gives everybody who may do what a permission allows on a resource, and why.
func (c *Client) WhoCan(ctx context.Context, org, permission, resource string, r Read) (wire.List[wire.Holder], error) {
	return get[wire.List[wire.Holder]](ctx, c, path(org, "who-can"), question(r, "", permission, resource))
}

// Access gives every permission that a subject may use, with all sources.
func (c *Client) Access(ctx context.Context, org, subject string, r Read) (wire.List[wire.Source], error) {
	return get[wire.List[wire.Source]](ctx, c, path(org, "access", subject), r.query())
}

// Diff says who gained and lost what between two moments, as access.Index.ParseAsOf reads them, and how roles changed.
// role and subject, by key or id, restrict it; empty: they do not.
func (c *Client) Diff(ctx context.Context, org, from, to, role, subject string) (wire.Difference, error) {
	return c.DiffPart(ctx, org, wire.DiffQuery{From: from, To: to, Role: role, Subject: subject})
}

// DiffPart is Diff of a part of the subjects: between distant moments of a large organization all of them are much.
func (c *Client) DiffPart(ctx context.Context, org string, d wire.DiffQuery) (wire.Difference, error) {
	q := url.Values{}
	set(q, "from", d.From)
	set(q, "to", d.To)
	set(q, "role", d.Role)
	set(q, "subject", d.Subject)
	setNumber(q, "skip", uint64(max(d.Skip, 0)))
	setNumber(q, "limit", uint64(max(d.Limit, 0)))
	return get[wire.Difference](ctx, c, path(org, "diff"), q)
}

// BlameRole says since which entry each permission is in a role.
func (c *Client) BlameRole(ctx context.Context, org, role string, r Read) (wire.List[wire.Blame], error) {
	q := r.query()
	set(q, "role", role)
	return get[wire.List[wire.Blame]](ctx, c, path(org, "blame"), q)
}

// BlameSubject says since which entry a subject has each permission, through whatever.
func (c *Client) BlameSubject(ctx context.Context, org, subject string, r Read) (wire.List[wire.Blame], error) {
	q := r.query()
	set(q, "subject", subject)
	return get[wire.List[wire.Blame]](ctx, c, path(org, "blame"), q)
}

// Simulate says what would be so if changes were recorded. Nothing is.
func (c *Client) Simulate(ctx context.Context, org string, r wire.Rehearsal) (wire.Rehearsed, error) {
	return post[wire.Rehearsed](ctx, c, path(org, "simulate"), r)
}

// History gives a page of history.
func (c *Client) History(ctx context.Context, org string, h wire.HistoryQuery) (wire.List[wire.Item], error) {
	return get[wire.List[wire.Item]](ctx, c, path(org, "history"), historyQuery(h))
}

// HistoryOutline divides the history into so many parts at most, as many entries each or as long each, and says how much
// happened in them. Of the query About, Limit, Newest and Cursor have no meaning here.
func (c *Client) HistoryOutline(ctx context.Context, org string, h wire.HistoryQuery, parts int, byTime bool) (wire.List[wire.HistoryPart], error) {
	q := historyQuery(h)
	setNumber(q, "parts", uint64(max(parts, 0)))
	if byTime {
		q.Set("by", "time")
	}
	return get[wire.List[wire.HistoryPart]](ctx, c, path(org, "history", "outline"), q)
}

func historyQuery(h wire.HistoryQuery) url.Values {
	q := Read{AsOf: h.AsOf, AtLeast: h.AtLeast}.query()
	set(q, "role", h.Role)
	set(q, "subject", h.Subject)
	set(q, "permission", h.Permission)
	set(q, "actor", h.Actor)
	set(q, "type", h.Type)
	set(q, "about", h.About)
	set(q, "since", h.Since)
	set(q, "before", h.Before)
	setNumber(q, "from", h.From)
	setNumber(q, "to", h.To)
	setNumber(q, "limit", uint64(max(h.Limit, 0)))
	set(q, "cursor", h.Cursor)
	setFlag(q, "newest", h.Newest)
	setFlag(q, "taking", h.Taking)
	return q
}

// Entry gives an entry by position or CID.
func (c *Client) Entry(ctx context.Context, org, ref string) (wire.Entry, error) {
	return get[wire.Entry](ctx, c, path(org, "entries", ref), nil)
}

// Recorded gives the entry that a command is recorded in, by the command's id: for ever where it was imported or
// derived, and for 24 hours else. Where there is none, the error has the code not-found.
func (c *Client) Recorded(ctx context.Context, org, id string) (wire.Entry, error) {
	return get[wire.Entry](ctx, c, path(org, "commands", id), nil)
}

// Document gives the exact bytes of a signed document by its CID.
func (c *Client) Document(ctx context.Context, org, cid string) ([]byte, error) {
	return c.bytes(ctx, path(org, "documents", cid), nil)
}

// bytes gives an answer as it comes.
func (c *Client) bytes(ctx context.Context, path string, q url.Values) ([]byte, error) {
	resp, err := c.request(ctx, http.MethodGet, path, q, nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, &UnreachableError{Server: c.base, Err: err}
	}
	return b, nil
}

// Policy gives what a checkpoint of an organization has to satisfy now, as c2sp.org/tlog-policy has it.
func (c *Client) Policy(ctx context.Context, org string) ([]byte, error) {
	return c.bytes(ctx, path(org, "policy"), nil)
}

// DocumentRecord says what the ledger says of a signed document, by either of its CIDs.
func (c *Client) DocumentRecord(ctx context.Context, org, cid string) (wire.One[wire.DocumentRecord], error) {
	return get[wire.One[wire.DocumentRecord]](ctx, c, path(org, "documents", cid, "record"), nil)
}

// DocumentLists gives what a document names by digest alone: a JSON object of the members that it would have been.
func (c *Client) DocumentLists(ctx context.Context, org, cid string) ([]byte, error) {
	return c.bytes(ctx, path(org, "documents", cid, "lists"), nil)
}

// Documents gives a page of the signed documents about a thing: role:<key>, subject:<key>, or empty for all.
func (c *Client) Documents(ctx context.Context, org, about, cursor string) (wire.List[wire.Document], error) {
	return c.DocumentsAt(ctx, org, about, Read{Cursor: cursor})
}

// DocumentsAt is [Client.Documents] as of a moment.
func (c *Client) DocumentsAt(ctx context.Context, org, about string, r Read) (wire.List[wire.Document], error) {
	q := r.query()
	set(q, "about", about)
	return get[wire.List[wire.Document]](ctx, c, path(org, "documents"), q)
}

// Activity gives the newest of what was refused, of who signed in, and of what was mended of the ledger's copies, oldest
// first; limit 0 is 100.
func (c *Client) Activity(ctx context.Context, org string, limit int) (wire.List[wire.Activity], error) {
	return c.FindActivity(ctx, org, wire.ActivityQuery{Limit: limit})
}

// FindActivity is Activity of what fits a query. Where there is more, older than what the answer has, its Next is the cursor to
// ask for that with.
func (c *Client) FindActivity(ctx context.Context, org string, a wire.ActivityQuery) (wire.List[wire.Activity], error) {
	if a.Limit < 0 {
		return wire.List[wire.Activity]{}, fmt.Errorf("activity: limit %s is negative", strconv.Itoa(a.Limit))
	}
	q := url.Values{}
	set(q, "actor", a.Actor)
	set(q, "kind", a.Kind)
	set(q, "type", a.Type)
	set(q, "about", a.About)
	set(q, "code", a.Code)
	set(q, "permission", a.Permission)
	set(q, "since", a.Since)
	set(q, "before", a.Before)
	setNumber(q, "limit", uint64(a.Limit))
	set(q, "cursor", a.Cursor)
	return get[wire.List[wire.Activity]](ctx, c, path(org, "activity"), q)
}

// Tokens gives all tokens; those of a wallet, or those that an account sees, where one of them is named.
func (c *Client) Tokens(ctx context.Context, org, wallet, account string, r Read) (wire.List[wire.Token], error) {
	q := r.query()
	set(q, "wallet", wallet)
	set(q, "account", account)
	return get[wire.List[wire.Token]](ctx, c, path(org, "tokens"), q)
}

// Token gives a token.
func (c *Client) Token(ctx context.Context, org, token string, r Read) (wire.One[wire.Token], error) {
	return get[wire.One[wire.Token]](ctx, c, path(org, "tokens", token), r.query())
}

// Investors gives holder records: of a token, of an investor, or all, where one is not named.
func (c *Client) Investors(ctx context.Context, org, token, investor string, r Read) (wire.List[wire.HolderRecord], error) {
	q := r.query()
	set(q, "token", token)
	set(q, "investor", investor)
	return get[wire.List[wire.HolderRecord]](ctx, c, path(org, "investors"), q)
}

// Guide says of each role its type, how it is proven, its abilities and who grants it.
func (c *Client) Guide(ctx context.Context, org string, r Read) (wire.List[wire.RoleGuide], error) {
	return get[wire.List[wire.RoleGuide]](ctx, c, path(org, "guide"), r.query())
}
