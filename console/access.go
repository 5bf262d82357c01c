package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func accessRoutes() []route {
	return []route{{method: http.MethodGet, path: "{org}/access", screen: (*visit).access}}
}

// accessPage answers who may do what, why, and since when. What is asked decides: a subject and a permission whether it may; a subject
// alone what all it may; a permission alone who may.
type accessPage struct {
	Subject, Permission, Resource, With string

	Answer  *wire.Check
	Chains  []chain  // why, as a picture
	Times   *allowed // when it was so
	Problem *wire.Problem
	Sign    string // the command that has the answer signed

	Held     []wire.Source // all that the subject may
	HeldNext string        // address of what comes behind
	HeldNot  *wire.Problem // why that is not shown

	Holders     []wire.Holder // all others who may
	HoldersNext string
	HoldersNot  *wire.Problem

	Subjects    []wire.Subject // to choose from: the first of them
	Permissions []wire.Permission
}

// Of lists a page has so many; a form suggests so many.
const (
	accessLines = 50
	suggested   = 200
)

func (v *visit) access() (view, error) {
	q := v.URL.Query()
	of := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	a := accessPage{Subject: of("subject"), Permission: of("permission"), Resource: of("resource"), With: of("with")}
	if !q.Has("subject") && !q.Has("permission") {
		a.Subject = v.me.Subject
	}
	status := 0
	if a.Subject != "" && a.Permission != "" {
		err := v.ask(&a)
		if p := refused(err); p != nil && p.Code() != wire.CodeBadAsOf {
			a.Problem, status = p, p.Status
		} else if err != nil {
			return view{}, err
		}
	}
	if err := v.accessLists(&a, q); err != nil {
		return view{}, err
	}
	if err := v.suggest(&a); err != nil {
		return view{}, err
	}
	return view{template: "access", title: a.title(), data: &a, status: status}, nil
}

func (a *accessPage) title() string {
	subject, permission := tame(a.Subject), tame(a.Permission)
	switch {
	case subject != "" && permission != "":
		return "May " + subject + " " + permission + "?"
	case subject != "":
		return "What " + subject + " may do"
	case permission != "":
		return "Who may " + permission
	}
	return "Effective access"
}

// tame gives a name that an address brought as a title can show it: names of subjects and permissions are printable ASCII, and what
// is not could turn what stands around it.
func tame(name string) string {
	const most = 80
	runes := []rune(name)
	for i, r := range runes {
		if r < ' ' || r > '~' {
			runes[i] = '\uFFFD'
		}
	}
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}

// ask asks the question, and what explains the answer.
func (v *visit) ask(a *accessPage) error {
	answer, err := v.explain(a, v.read())
	if err != nil {
		return err
	}
	v.call.of(answer.AsOf)
	a.Answer, a.Chains = &answer, chains(&answer)
	command := []string{"permledger", "check", a.Subject, answer.Permission}
	if a.Resource != "" {
		command = append(command, a.Resource)
	}
	if a.With != "" {
		command = append(command, "--with", a.With)
	}
	a.Sign = shell(append(command, "--as-of", number(answer.AsOf.Seq), "--proof", "-O", "decision.json"))
	a.Times, err = v.allowed(a, answer.AsOf.Seq)
	return err
}

func (v *visit) explain(a *accessPage, at client.Read) (wire.Check, error) {
	if a.With == "" {
		return v.client.Explain(v.ctx(), v.org, a.Subject, a.Permission, a.Resource, at)
	}
	v.call.csrf = v.me.CSRF // the question is a POST, which changes nothing
	return v.client.ExplainWith(v.ctx(), v.org, wire.Question{Subject: a.Subject, Permission: a.Permission, Resource: a.Resource, With: a.With}, at)
}

// accessLists adds what all the subject may, and who all may.
func (v *visit) accessLists(a *accessPage, q url.Values) error {
	if a.Subject != "" {
		r := v.read()
		r.Limit, r.Cursor = accessLines, q.Get("held")
		list, err := v.client.Access(v.ctx(), v.org, a.Subject, r)
		if a.HeldNot = refused(err); a.HeldNot == nil && err != nil {
			return err
		}
		a.Held = list.Items
		if list.Next != "" {
			a.HeldNext = v.changed("held", list.Next) + "#held"
		}
	}
	if a.Permission != "" && v.can("roles.read") {
		r := v.read()
		r.Limit, r.Cursor = accessLines, q.Get("holders")
		list, err := v.client.WhoCan(v.ctx(), v.org, a.Permission, a.Resource, r)
		if a.HoldersNot = refused(err); a.HoldersNot == nil && err != nil {
			return err
		}
		a.Holders = slices.DeleteFunc(list.Items, func(h wire.Holder) bool { return a.Answer != nil && h.Subject == a.Answer.Subject })
		if list.Next != "" {
			a.HoldersNext = v.changed("holders", list.Next) + "#holders"
		}
	}
	return nil
}

// suggest adds what the form's fields suggest, where that is not too much to send.
func (v *visit) suggest(a *accessPage) error {
	r := v.read()
	r.Limit = suggested
	if v.can("subjects.read") {
		list, err := v.client.Subjects(v.ctx(), v.org, r)
		if err != nil {
			return err
		}
		if list.Next == "" {
			a.Subjects = list.Items
		}
	}
	if v.can("permissions.read") {
		list, err := v.client.Permissions(v.ctx(), v.org, r)
		if err != nil {
			return err
		}
		if list.Next == "" {
			a.Permissions = list.Items
		}
	}
	return nil
}

// A missing is something that stands in the way.
type missing struct {
	wire.Missing
	Asked string // the field of the form that its nearest names are for
	Do    []way
}

// A way is something that the caller could do about it.
type way struct{ Text, Address string }

// Missing is what stands in the way, with what the caller could do about it.
func (p *page) Missing(a *accessPage) (all []missing) {
	for _, m := range a.Answer.Missing {
		one := missing{Missing: m, Asked: "permission"}
		add := func(action, text string, to ...string) {
			if p.May(action) {
				one.Do = append(one.Do, way{text, p.Link(to...)})
			}
		}
		switch m.Kind {
		case "unknown-subject":
			one.Asked = "subject"
		case "deactivated":
			add("subject.reactivate", "reactivate "+a.Subject, "members", a.Subject)
		case "permission":
			add("permission.grant", "give it again", "members", a.Subject, "permissions")
		case "role":
			switch {
			case m.Deleted:
			case m.Held && m.Since == 0:
				add("role.update", "put it into the role "+m.Role, "roles", m.Role, "edit")
			case !m.Held:
				add("role.assign", "give the role "+m.Role, "roles", m.Role, "members")
			}
		}
		all = append(all, one)
	}
	return all
}

// Instead gives the address of the page that asks the same with another subject or permission.
func (p *page) Instead(name, value string) string { return p.changed(name, value) }

// shell writes a command so that a shell takes each word for what it is: keys may hold any printable character.
func shell(words []string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@,+="
	quoted := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.Trim(w, plain) != "" {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}
