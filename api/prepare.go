package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// invalid gives the problem of what cannot be.
func invalid(err error) *problem {
	return problemOf(http.StatusUnprocessableEntity, string(rules.Invalid), err.Error())
}

// refusal turns what deciding gave into the part of an answer that says so; other errors stay errors.
func refusal(err error, org *node.Org) (*wire.Preview, *wire.Problem, error) {
	var r *rules.Refusal
	if errors.As(err, &r) {
		return nil, &refused(r, org).Problem, nil
	}
	return nil, nil, err
}

// draft turns an intent into data on the state as it is. It belongs to one call of prepare.
type draft struct {
	call  *call
	in    wire.Intent
	state *rules.State
	tried bool       // for a simulation, which makes nothing
	named ulid.ULID  // the command's id; zero: a new one
	parts [][]string // of sets that are too big for one entry

	erases []wire.Erasure // what an erasure names

	refusal     error    // why the command would not be recorded; nil: it would
	unconfirmed *problem // says that what cannot be undone was not confirmed; nil: it was, or can be undone
}

// intent says of a kind of intent which members it has, and how its data is made. Data that has parts is made twice:
// whole, to decide on it, and divided, to record it.
type intent struct {
	members []string
	whole   func(*draft) (events.Data, error)
	divide  func(*draft, events.Data) events.Data // nil: it has no sets
}

// intents by their kinds.
var intents = map[string]intent{
	wire.PublishCatalogue: {[]string{"catalogue", "embedded"}, (*draft).publishCatalogue, nil},
	wire.AddSubject:       {[]string{"subject", "subjectKind", "did", "subjectCredential", "displayName", "email", "auth", "holder", "properties", "reference", "roles"}, (*draft).addSubject, nil},
	wire.InviteSubject: {[]string{"subject", "subjectKind", "displayName", "email", "auth", "invitation", "properties", "reference", "roles", "until"},
		(*draft).inviteSubject, nil},
	wire.UpdateSubject:      {[]string{"subject", "displayName", "email", "holder", "unassigned", "properties", "reference"}, (*draft).updateSubject, nil},
	wire.ReactivateSubject:  {[]string{"subject"}, (*draft).reactivateSubject, nil},
	wire.RemoveSubject:      {[]string{"subject"}, (*draft).removeSubject, nil},
	wire.LinkSubject:        {[]string{"subject", "to"}, (*draft).linkSubject, nil},
	wire.UnlinkSubject:      {[]string{"subject", "to"}, (*draft).unlinkSubject, nil},
	wire.EraseSubject:       {[]string{"subject", "everything"}, (*draft).eraseSubject, nil},
	wire.ChangeLogin:        {[]string{"subject", "key", "login"}, (*draft).changeLogin, nil},
	wire.DeactivateSubject:  {[]string{"subject"}, (*draft).deactivateSubject, nil},
	wire.AdoptRules:         {[]string{"switches"}, (*draft).adoptRules, nil},
	wire.DefaultRole:        {[]string{"role"}, (*draft).defaultRole, nil},
	wire.RecoverOwnership:   {[]string{"subject"}, (*draft).recoverOwnership, nil},
	wire.StartRecovery:      {[]string{"subject"}, (*draft).startRecovery, nil},
	wire.StopRecovery:       {[]string{"subject"}, (*draft).stopRecovery, nil},
	wire.TransferOwnership:  {[]string{"subject"}, (*draft).transferOwnership, nil},
	wire.UpdateOrganization: {[]string{"name"}, (*draft).updateOrganization, nil},
	wire.CreateRole:         {[]string{"role", "name", "description", "labels", "permissions", "system", "managed"}, (*draft).createRole, (*draft).divideCreated},
	wire.UpdateRole:         {[]string{"role", "name", "description", "labels", "add", "remove"}, (*draft).updateRole, (*draft).divideUpdated},
	wire.DeleteRole:         {[]string{"role", "confirm"}, (*draft).deleteRole, nil},
	wire.AssignRole:         {[]string{"role", "subject", "scope", "until", "condition"}, (*draft).assignRole, nil},
	wire.RevokeRole:         {[]string{"role", "subject", "scope"}, (*draft).revokeRole, nil},
	wire.SetRoles:           {[]string{"roles", "subject"}, (*draft).setRoles, nil},
	wire.GrantPermission:    {[]string{"permission", "subject", "scope", "until", "condition"}, (*draft).grantPermission, nil},
	wire.RevokePermission:   {[]string{"permission", "subject", "scope"}, (*draft).revokePermission, nil},
	wire.SetPermissions:     {[]string{"permissions", "subject", "scope"}, (*draft).setPermissions, (*draft).divideSet},
	wire.DelegateRole:       {[]string{"role", "subject", "scope", "until"}, (*draft).delegateRole, nil},
	wire.AssignAccess:       {[]string{"resource", "subject"}, (*draft).assignAccess, nil},
	wire.UnassignAccess:     {[]string{"resource", "subject"}, (*draft).unassignAccess, nil},
	wire.DelegateAccess:     {[]string{"resource", "subject"}, (*draft).delegateAccess, nil},
	wire.RegisterResource:   {[]string{"resource", "name", "properties", "publish"}, (*draft).registerResource, nil},
	wire.UpdateResource:     {[]string{"resource", "name", "properties", "publish", "withdraw"}, (*draft).updateResource, nil},
	wire.RemoveResource:     {[]string{"resource"}, (*draft).removeResource, nil},
	wire.ReviewRole:         {[]string{"role"}, (*draft).reviewRole, nil},
	wire.StartReview:        {[]string{"name", "about", "until"}, (*draft).startReview, nil},
	wire.DecideReview:       {[]string{"review", "decision", "subject", "role", "permission", "scope"}, (*draft).decideReview, nil},
	wire.CloseReview:        {[]string{"review", "decision"}, (*draft).closeReview, nil},
	wire.IssueDocument:      {[]string{"about"}, (*draft).issueDocument, nil},
	wire.RegisterKey:        {[]string{"key", "purpose", "subject", "until"}, (*draft).registerKey, nil},
	wire.RotateKey:          {[]string{"key", "old", "until", "beside"}, (*draft).rotateKey, nil},
	wire.SucceedKey:         {[]string{"key", "old"}, (*draft).succeedKey, nil},
	wire.RevokeKey:          {[]string{"key"}, (*draft).revokeKey, nil},
	wire.ReportKey:          {[]string{"key", "from"}, (*draft).reportKey, nil},

	wire.DeployToken:        {[]string{"token", "name", "wallet"}, (*draft).deployToken, nil},
	wire.TransferToken:      {[]string{"token", "wallet"}, (*draft).transferToken, nil},
	wire.UpdateToken:        {[]string{"token", "state", "identityRegistry", "compliance", "holderCondition"}, (*draft).updateToken, nil},
	wire.ActOnToken:         {[]string{"token", "permission", "payload"}, (*draft).actOnToken, nil},
	wire.AddAgent:           {[]string{"token", "wallet"}, (*draft).addAgent, nil},
	wire.RemoveAgent:        {[]string{"token", "wallet"}, (*draft).removeAgent, nil},
	wire.QualifyInvestor:    {[]string{"token", "wallet", "investor", "onchainId", "country", "properties"}, (*draft).qualifyInvestor, nil},
	wire.DisqualifyInvestor: {[]string{"token", "wallet"}, (*draft).disqualifyInvestor, nil},
	wire.BlockWallet:        {[]string{"token", "wallet"}, (*draft).blockWallet, nil},
	wire.UnblockWallet:      {[]string{"token", "wallet"}, (*draft).unblockWallet, nil},
	wire.ObserveChain:       {[]string{"token", "observed"}, (*draft).observeChain, nil},
}

// members refuses members that the kind of intent does not use: what was meant by them would be lost.
func members(in wire.Intent, kind intent) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var have map[string]json.RawMessage
	if err := json.Unmarshal(b, &have); err != nil {
		return err
	}
	known := append([]string{"kind", "credential", "reason", "scheme", "expires"}, kind.members...)
	for name := range have {
		if !slices.Contains(known, name) {
			p := badRequest(fmt.Sprintf("An intent of the kind %s has no member %s", in.Kind, name))
			p.Pointer = "/" + name
			return p
		}
	}
	return nil
}

func prepare(c *call, in wire.Intent) (wire.Prepared, error) { return prepareAs(c, in, ulid.ULID{}) }

// prepareAs is prepare of a command whose id its author chose; zero: it has a new one.
func prepareAs(c *call, in wire.Intent, named ulid.ULID) (wire.Prepared, error) {
	kind, ok := intents[in.Kind]
	if !ok {
		p := badRequest(fmt.Sprintf("There is no kind of intent %q", clip(in.Kind)))
		if in.Kind == "" {
			p = badRequest("The intent says no kind, as create-role")
		}
		p.Pointer = "/kind"
		p.Nearest = rules.Nearest(in.Kind, maps.Keys(intents))
		return wire.Prepared{}, p
	}
	if err := members(in, kind); err != nil {
		return wire.Prepared{}, err
	}
	if in.Credential == "" {
		in.Credential = c.caller.did()
	}
	reason, err := commitment("reason", in.Reason)
	if err != nil {
		return wire.Prepared{}, err
	}
	var p wire.Prepared
	d := draft{call: c, in: in, named: named}
	c.org.Fold.Read(func(s *rules.State) {
		d.state = s
		p, err = d.prepare(kind, reason)
	})
	if err == nil && d.refusal != nil { // outside Read: it looks at the state, too
		_, p.Refusal, err = refusal(d.refusal, c.org)
	}
	return p, err
}

func (d *draft) prepare(kind intent, reason events.Digest) (wire.Prepared, error) {
	p := wire.Prepared{Seq: d.state.Position()}
	actor, err := d.actor()
	if err != nil {
		return p, err
	}
	proof, err := d.auth()
	if err != nil {
		return p, err
	}
	me := d.call.subject
	other := me != (ulid.ULID{}) && actor != me
	if other && !events.SignsWithWallet(proof.Method) { // a preview says what others hold
		r := &rules.Refusal{Code: rules.NotProven, Reason: clip(d.in.Credential) + " is no key of the caller's"}
		return p, refused(r, d.call.org)
	}
	whole, err := kind.whole(d)
	if err != nil {
		return p, err
	}
	cmd := d.command(actor, whole)
	cmd.Reason = reason
	if d.named != (ulid.ULID{}) && cmd.Origin.Import == nil { // a log of a chain has an id already
		cmd.ID = d.named
	}
	tried := cmd
	if kind.divide != nil {
		cmd.Data = kind.divide(d, whole)
	}
	for _, names := range d.parts {
		part := d.command(actor, &events.PermissionsRecorded{Permissions: names})
		b, err := part.Bytes(events.Signed{})
		if err != nil {
			return p, err
		}
		p.Parts = append(p.Parts, b)
	}
	if p.Command, err = cmd.Bytes(events.Signed{}); err != nil {
		return p, err
	}
	e, err := ledger.Try(d.state, tried, d.call.now)
	if err == nil {
		err = d.fits(e, cmd.Data)
	}
	if ask, asked := d.askWallet(cmd); asked == nil {
		p.Wallet = ask
	} else if err == nil {
		err = asked
	}
	if err != nil {
		d.refusal = err
		return p, nil
	}
	if d.unconfirmed != nil { // without a command that could be signed
		return wire.Prepared{}, d.unconfirmed
	}
	if !other || d.state.Demand(me, rules.ActionRolesRead, "", d.call.now) == nil { // a wallet may be somebody's whose account calls, and is not known to be
		p.Preview = d.preview(&e)
		p.Preview.Erases = d.erases
	}
	return p, nil
}

// fits refuses what is decided but does not fit an entry.
func (d *draft) fits(e events.Event, recorded events.Data) error {
	e.Sequence, e.Prev = d.state.Position()+1, d.call.org.Access.Head().CID
	if recorded != nil && len(d.parts) > 0 { // the parts are elsewhere; the effect is small beside them
		e.Data = recorded
	}
	b, err := e.Encode()
	if err != nil {
		return err
	}
	if err := chain.Room(len(b), &chain.Evidence{}, d.state.Documented(e.Data)); err != nil {
		return &rules.Refusal{Code: rules.Invalid, Reason: err.Error()}
	}
	return nil
}

func (d *draft) command(actor ulid.ULID, data events.Data) events.Command {
	proof, _ := d.auth() // of a scheme that is none it proves nothing
	c := events.Command{
		ID: d.id(), Ledger: d.state.Source(), Actor: actor, Data: data, Version: d.state.Newest(data.Type()), Auth: proof,
	}
	if seen, ok := data.(*events.ChainObserved); ok { // each log of a chain has one id
		i := seen.Import()
		c.ID, c.Origin.Import = events.ImportID(i), &i
	}
	return c
}

func (d *draft) id() ulid.ULID { return node.NewID(d.call.now.UnixMilli()) }

// actor gives in whose name the credential acts. The root and operator keys act in the owner's: they are nobody's own.
func (d *draft) actor() (ulid.ULID, error) {
	owner := d.state.Owner()
	switch in := d.in; {
	case in.Credential == "":
		return ulid.ULID{}, badRequest("credential is missing: the did:key, or the wallet, that will sign")
	case in.Kind == wire.ObserveChain:
		if id, ok := d.state.AttestorOf(in.Credential); ok {
			return id, nil
		}
	case in.Kind == wire.SucceedKey,
		in.Kind == wire.RotateKey && in.Old == in.Credential && (in.Old == d.state.Key(events.PurposeRoot) || in.Old == d.state.Key(events.PurposeOperator)):
		return owner, nil
	case in.Credential == d.state.Key(events.PurposeOperator) && d.state.Rules() > 1:
		return d.state.Opened().Operator, nil
	}
	if id, ok := d.state.KeyOwner(d.in.Credential); ok {
		return id, nil
	}
	if id, ok := d.state.WalletOwner(d.in.Credential); ok {
		return id, nil
	}
	r := &rules.Refusal{Code: rules.NotProven, Reason: clip(d.in.Credential) + " is no key that somebody signs commands with here"}
	return ulid.ULID{}, refused(r, d.call.org)
}

// commitment reads a commitment to a private text; empty: there is none.
func commitment(name, text string) (events.Digest, error) {
	if text == "" {
		return events.Digest{}, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != 32 {
		return events.Digest{}, badRequest(name + " is no commitment: 32 bytes in base64url; the text itself comes with the signed command")
	}
	return events.Digest(b), nil
}

// instant reads the time at which a grant ends.
func instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil { // strict, as time.Parse is not
		return t, badRequest(fmt.Sprintf("until is %q, which is no RFC 3339 time", clip(text)))
	}
	return t.UTC().Truncate(time.Millisecond), nil
}
