package console

import (
	"cmp"
	"net/http"
	"net/url"
	"sort"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// newMember is the form of somebody new: invited, or added without.
type newMember struct {
	*filledForm
	Roles []wire.Role // that can be given at once; none to who may not
	Kinds []option
	Ways  []option // in which it proves itself
}

var (
	invitedKinds = []option{{"human", "A person"}, {"technical", "A technical user"}, {"did", "A DID"}}
	addedKinds   = []option{{"human", "A person"}, {"technical", "A technical user"}, {"wallet", "A wallet"}, {"did", "A DID"}}
	invitedWays  = []option{{"", "Not said"}, {"email", "E-mail and password"}, {"signature", "A key of its own"}, {"oidc", "An identity provider"}}
	addedWays    = append(invitedWays[:len(invitedWays):len(invitedWays)], option{"wallet", "A wallet's signature"})
)

// wrongNewMember says at which field what the API says against somebody new belongs.
var wrongNewMember = map[string]string{"taken": "key", "/key": "key", "/until": "until", "/email": "email"}

func (v *visit) invite() (view, error) {
	return v.invitePage(&filledForm{Values: url.Values{"key": {v.URL.Query().Get("key")}, "auth": {"email"}}, Errors: map[string]string{}})
}

func (v *visit) invitePage(f *filledForm) (view, error) {
	roles, err := v.givable()
	return view{template: "invite", title: "Invite somebody", data: &newMember{f, roles, invitedKinds, invitedWays}}, err
}

// givable gives the roles that somebody new can begin with.
func (v *visit) givable() ([]wire.Role, error) {
	if !v.can("role.assign") {
		return nil, nil
	}
	all, err := v.allRoles()
	var some []wire.Role
	for _, r := range all {
		if r.Managed == "" {
			some = append(some, r)
		}
	}
	return some, err
}

// makeInvitation shows whom an invitation would let in, and makes it once that is confirmed: its code is in the answer alone.
func (v *visit) makeInvitation() (view, error) {
	f := v.filled()
	in := wire.NewInvitation{
		Key: f.word("key", "Say what it is called here, as ben or ben@acme.example"), Kind: f.word("kind", ""), Auth: f.word("auth", ""), Until: f.end("until"),
		Roles: f.Values["role"], Name: f.word("name", ""), Email: f.word("email", ""), Reason: f.word("reason", ""),
	}
	if !f.ok() {
		return f.again(v.invitePage(f))
	}
	if f.Value("confirmed") == "" {
		m, err := v.making(f, "Invite "+in.Key, "Make the invitation", wire.Intent{
			Kind: wire.InviteSubject, Subject: in.Key, SubjectKind: cmp.Or(in.Kind, "human"), Auth: in.Auth, Invitation: standIn(), Until: in.Until,
			Roles: in.Roles, DisplayName: in.Name, Email: in.Email,
		})
		if m != nil {
			m.Says = "Not before it has joined."
		}
		if err != nil || m != nil {
			return v.makingPage(m, err)
		}
	} else {
		made, err := v.client.MakeInvitation(v.ctx(), v.org, in)
		if err == nil {
			v.newest()
			link := v.origin() + v.address("join") + "#" + made.Secret
			return view{template: "made", title: "Invitation of " + in.Key, data: &madeSecret{
				MadeSecret: made, Title: "The invitation of " + in.Key, Link: link, Back: v.address("members", in.Key),
				Says: "Whoever has this link joins as " + in.Key + ", once. Send it in a way that only " + in.Key + " reads.",
			}}, nil
		}
		if f.Problem = refused(err); f.Problem == nil {
			return view{}, err
		}
	}
	f.place(wrongNewMember)
	return f.again(v.invitePage(f))
}

// origin is where the browser says that it found this page.
func (v *visit) origin() string {
	if o := v.Header.Get("Origin"); strings.HasPrefix(o, "http") {
		return o
	}
	if v.TLS != nil {
		return "https://" + v.Host
	}
	return "http://" + v.Host
}

func (v *visit) addMember() (view, error) {
	return v.addMemberPage(&filledForm{Values: url.Values{}, Errors: map[string]string{}})
}

func (v *visit) addMemberPage(f *filledForm) (view, error) {
	roles, err := v.givable()
	return view{template: "add-member", title: "Add a member", data: &newMember{f, roles, addedKinds, addedWays}}, err
}

func (v *visit) recordMember() (view, error) {
	f := v.filled()
	in := wire.Intent{
		Kind: wire.AddSubject, Subject: f.word("key", "Say what it is called here; a wallet by its address"), SubjectKind: cmp.Or(f.word("kind", ""), "human"),
		Auth: f.word("auth", ""), DisplayName: f.word("name", ""), Email: f.word("email", ""), DID: f.word("did", ""), SubjectKey: f.word("credential", ""), Roles: f.Values["role"],
	}
	if !f.ok() {
		return f.again(v.addMemberPage(f))
	}
	return v.reviewOr(f, wrongNewMember, v.addMemberPage, "Add "+in.Subject, v.address("members", in.Subject), in)
}

// reviewOr shows a change for review, or, where it would be refused for what was typed, the form again.
func (v *visit) reviewOr(f *filledForm, fields map[string]string, form func(*filledForm) (view, error), title, back string, in wire.Intent) (view, error) {
	shown, err := v.review(title, back, in)
	if c, ok := shown.data.(*change); ok && c.Refusal != nil && c.Refusal.Status != http.StatusForbidden {
		f.against(c.Refusal, fields)
		return f.again(form(f))
	}
	return shown, err
}

// memberFacts is the form of what is said of a member.
type memberFacts struct {
	*filledForm
	Subject wire.Subject
}

func (v *visit) editMember() (view, error) {
	one, err := v.client.Subject(v.ctx(), v.org, v.PathValue("key"), v.read())
	if err != nil {
		return view{}, err
	}
	s := one.Item
	lines := make([]string, 0, len(s.Properties))
	for name, value := range s.Properties {
		lines = append(lines, name+" = "+value)
	}
	sort.Strings(lines)
	values := url.Values{
		"name": {s.DisplayName}, "email": {s.Email}, "reference": {s.Reference}, "properties": {strings.Join(lines, "\n")}, "holder": {s.Holder},
	}
	return v.factsPage(&filledForm{Values: values, Errors: map[string]string{}})
}

func (v *visit) factsPage(f *filledForm) (view, error) {
	one, err := v.client.Subject(v.ctx(), v.org, v.PathValue("key"), v.read())
	return view{template: "member-edit", title: "Edit " + v.PathValue("key"), data: &memberFacts{f, one.Item}}, err
}

// updateMember reviews what is to be said of a member anew: what was left as it was is not said again.
func (v *visit) updateMember() (view, error) {
	f := v.filled()
	key := v.PathValue("key")
	one, err := v.client.Subject(v.ctx(), v.org, key, v.read())
	if err != nil {
		return view{}, err
	}
	s := one.Item
	in := wire.Intent{Kind: wire.UpdateSubject, Subject: key}
	if name := f.word("name", ""); name != s.DisplayName {
		if name == "" {
			f.Errors["name"] = "A name is replaced by another, or erased with all personal texts; it is not left empty"
		}
		in.DisplayName = name
	}
	if email := f.word("email", ""); email != s.Email {
		if email == "" {
			f.Errors["email"] = "An address is replaced by another, or erased with all personal texts; it is not left empty"
		}
		in.Email = email
	}
	if reference := f.word("reference", ""); reference != s.Reference {
		in.Reference = &reference
	}
	if holder := f.word("holder", ""); holder != s.Holder {
		in.Holder, in.Unassigned = holder, holder == ""
	}
	properties := f.properties("properties")
	if !sameTexts(properties, s.Properties) {
		in.Properties = properties
	}
	if !f.ok() {
		return f.again(v.factsPage(f))
	}
	return v.reviewOr(f, map[string]string{"no-change": "name", "/properties": "properties", "/email": "email"}, v.factsPage, "Change what is said of "+key, v.address("members", key), in)
}

// properties reads lines of a name, = and a value.
func (f *filledForm) properties(field string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(f.Values.Get(field)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if _, twice := all[name]; !ok || name == "" || twice {
			f.Errors[field] = "Write one on each line, as country = LU, and each name once"
			return all
		}
		all[name] = value
	}
	return all
}

func sameTexts(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if other, ok := b[name]; !ok || other != value {
			return false
		}
	}
	return true
}
