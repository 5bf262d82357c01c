package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/secret"
)

func keyRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "{org}/keys", screen: (*visit).keys},
		{method: get, path: "{org}/credentials", screen: (*visit).credentials},
		{method: get, path: "{org}/keys/{key}", screen: (*visit).member},
		{method: get, path: "{org}/create-key", screen: (*visit).createKey, form: true},
		{method: post, path: "{org}/create-key", screen: (*visit).makeKey},
		{method: get, path: "{org}/keys/{key}/rotate", screen: (*visit).rotateKey, form: true},
		{method: post, path: "{org}/keys/{key}/rotate", screen: (*visit).makeNextKey},
	}
}

// keysPage is what the screen of keys and wallets shows.
type keysPage struct {
	APIKeys     []apiKey
	Total       int
	Next        string
	OwnOnly     bool           // the caller sees those alone that are assigned to it
	Wallets     []wire.Subject // the first wallets and DIDs that are members
	WalletCount int
	Ledger      []wire.Key // the ledger's own keys
}

// apiKey is an API key with the secrets that work for it.
type apiKey struct {
	wire.Subject
	Secrets []wire.Key
	Rotates bool // the caller can replace its secret
}

func (v *visit) keys() (view, error) {
	k := keysPage{OwnOnly: !v.can("api-key.read")}
	all, err := v.client.APIKeys(v.ctx(), v.org, v.pageOf(perPage))
	if _, err = partRefused(err); err != nil { // none is assigned to it
		return view{}, err
	}
	secrets := map[string][]wire.Key{}
	if v.at == "" && v.can("keys.read") { // which secrets there are is known of now
		list, err := v.client.FindKeys(v.ctx(), v.org, wire.KeyQuery{Kind: "api-key", Purposes: "credential"}, client.Read{})
		if err != nil {
			return view{}, err
		}
		for _, one := range list.Items {
			if one.Revoked == 0 {
				secrets[one.Subject] = append(secrets[one.Subject], one)
			}
		}
		if list, err = v.client.FindKeys(v.ctx(), v.org, wire.KeyQuery{Purposes: "event,document,checkpoint,root,operator,attestor"}, client.Read{}); err != nil {
			return view{}, err
		}
		k.Ledger = list.Items
	}
	for _, s := range all.Items {
		may := v.can("key.rotate") || v.can("api-key.update") || s.Holder == v.me.Subject
		k.APIKeys = append(k.APIKeys, apiKey{s, secrets[s.Key], may && v.at == "" && s.State == "active" && len(secrets[s.Key]) > 0})
	}
	k.Total, k.Next = max(all.Total, len(all.Items)), v.next(all.Next)
	if v.can("subjects.read") {
		wallets, err := v.client.FindSubjects(v.ctx(), v.org, wire.SubjectQuery{Kind: "wallet,did"}, client.Read{AsOf: v.read().AsOf, Limit: perPage})
		if err != nil {
			return view{}, err
		}
		k.Wallets, k.WalletCount = wallets.Items, max(wallets.Total, len(wallets.Items))
	}
	return view{template: "keys", title: "Keys and wallets", data: &k}, nil
}

// credentials gives the keys that people and programs sign with, page by page.
func (v *visit) credentials() (view, error) {
	if v.at != "" {
		return view{to: address(v.org, "", []string{"credentials"})}, nil
	}
	list, err := v.client.FindKeys(v.ctx(), v.org, wire.KeyQuery{Purposes: "credential,reader"}, client.Read{Limit: perPage, Cursor: v.URL.Query().Get("cursor")})
	if err != nil {
		return view{}, err
	}
	c := struct {
		Keys  []wire.Key
		Total int
		Next  string
	}{Keys: list.Items, Total: list.Total}
	if list.Next != "" {
		c.Next = url.Values{"cursor": {list.Next}}.Encode()
	}
	return view{template: "credentials", title: "Keys that people and programs sign with", data: &c}, nil
}

// newKey is the form of an API key that is to be made, or whose secret is to be replaced.
type newKey struct {
	*filledForm
	Roles []wire.Role
	One   bool   // it has exactly one role
	Key   string // of the one whose secret is replaced
	Old   []wire.Key
}

func (v *visit) createKey() (view, error) {
	return v.createKeyPage(&filledForm{Values: url.Values{}, Errors: map[string]string{}})
}

func (v *visit) createKeyPage(f *filledForm) (view, error) {
	all, err := v.allRoles()
	if err != nil {
		return view{}, err
	}
	roles := slices.DeleteFunc(all, func(r wire.Role) bool { return r.Managed != "" })
	return view{template: "create-key", title: "Create an API key", data: &newKey{filledForm: f, Roles: roles, One: v.details.Profile["oneRolePerKey"] == true}}, nil
}

// wrongKey says at which field what the API says against an API key belongs.
var wrongKey = map[string]string{"taken": "key", "/key": "key", "/until": "until"}

// makeKey shows what a new API key could do, and makes it once that is confirmed: its secret is in the answer alone.
func (v *visit) makeKey() (view, error) {
	f := v.filled()
	in := wire.NewAPIKey{
		Key: f.word("key", "Say what the key is called, as etl-nightly"), Holder: f.word("holder", ""), Roles: f.Values["role"], Until: f.end("until"),
		Name: f.word("name", ""), Reason: f.word("reason", ""),
	}
	if v.details.Profile["oneRolePerKey"] == true && len(in.Roles) != 1 {
		f.Errors["role"] = "An API key has exactly one role here: choose it"
	}
	if !f.ok() {
		return f.again(v.createKeyPage(f))
	}
	if f.Value("confirmed") == "" {
		m, err := v.making(f, "Create the API key "+in.Key, "Create the key", wire.Intent{
			Kind: wire.AddSubject, Subject: in.Key, SubjectKind: "api-key", Auth: "api-key", SubjectKey: standIn(), Holder: in.Holder, Roles: in.Roles, DisplayName: in.Name,
		})
		if err != nil || m != nil {
			return v.makingPage(m, err)
		}
	} else {
		made, err := v.client.MakeAPIKey(v.ctx(), v.org, in)
		if err == nil {
			return v.madeKey(made, "The API key "+in.Key)
		}
		if f.Problem = refused(err); f.Problem == nil {
			return view{}, err
		}
	}
	f.place(wrongKey)
	return f.again(v.createKeyPage(f))
}

func (v *visit) madeKey(made wire.MadeSecret, title string) (view, error) {
	v.newest()
	return view{template: "made", title: title, data: &madeSecret{
		MadeSecret: made, Title: title, Back: v.address("keys", made.Key), Says: "Whoever has this secret acts as " + made.Key + ". Put it where the program that needs it reads it, and nowhere else.",
	}}, nil
}

func (v *visit) rotateKey() (view, error) {
	return v.rotatePage(&filledForm{Values: url.Values{"overlap": {"0"}}, Errors: map[string]string{}})
}

func (v *visit) rotatePage(f *filledForm) (view, error) {
	old, err := v.secretsOf(v.PathValue("key"))
	return view{template: "rotate-key", title: "Rotate " + v.PathValue("key"), data: &newKey{filledForm: f, Key: v.PathValue("key"), Old: old}}, err
}

// secretsOf gives the secrets that work for an API key now, by their public keys.
func (v *visit) secretsOf(key string) ([]wire.Key, error) {
	all, err := v.client.FindKeys(v.ctx(), v.org, wire.KeyQuery{Subject: key, Kind: "api-key", Purposes: "credential"}, client.Read{})
	if err != nil {
		return nil, err
	}
	works := slices.DeleteFunc(all.Items, func(k wire.Key) bool { return k.Revoked != 0 })
	if len(works) == 0 {
		return nil, &notFound{"There is no API key " + key + " that works"}
	}
	return works, nil
}

// overlaps are how long the secret that is replaced may work on.
var overlaps = map[string]time.Duration{"0": 0, "1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour}

// makeNextKey puts another secret into an API key. It is made here, and only its public key goes on from here.
func (v *visit) makeNextKey() (view, error) {
	f := v.filled()
	key := v.PathValue("key")
	in := wire.Intent{Kind: wire.RotateKey, Old: f.word("old", ""), Until: f.end("until"), Key: standIn()}
	if beside, ok := overlaps[f.Value("overlap")]; !ok {
		f.Errors["overlap"] = "Choose how long"
	} else if beside > 0 {
		in.Beside = time.Now().Add(beside).UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
	}
	if !f.ok() {
		return f.again(v.rotatePage(f))
	}
	if f.Value("confirmed") == "" {
		m, err := v.making(f, "Replace the secret of "+key, "Replace the secret", in)
		if err != nil || m != nil {
			return v.makingPage(m, err)
		}
	} else {
		next := secret.New(secret.APIKey)
		in.Key, in.Reason = next.DID(), f.word("reason", "")
		receipt, err := v.client.Do(v.ctx(), v.org, in)
		if err == nil {
			return v.madeKey(wire.MadeSecret{Secret: next.Text(), DID: next.DID(), Key: key, Recorded: receipt}, "The next secret of "+key)
		}
		if f.Problem = refused(err); f.Problem == nil {
			return view{}, err
		}
	}
	return f.again(v.rotatePage(f))
}
