package console

import (
	"html/template"

	"github.com/permledger/permledger/api/wire"
)

// peopleFunctions are those of templates about people and keys: they put together what a part of a page needs.
var peopleFunctions = template.FuncMap{
	"list":       func(all ...string) []string { return all },
	"sub":        func(a, b int) int { return a - b },
	"forKey":     forKey,
	"fieldError": func(id, message string) fieldError { return fieldError{id, message} },
	"heldOn":     func(p *page, h held) heldOn { return heldOn{p, h} },
	"take":       func(p *page, subject, what, name, scope string) taking { return taking{p, subject, what, name, scope} },
	"sourcesOn":  func(p *page, all []wire.Source) sourcesOn { return sourcesOn{p, all} },
	"keysOn":     func(p *page, all []wire.Key) keysOn { return keysOn{p, all} },
	"options": func(all ...string) (out []option) {
		for i := 0; i+1 < len(all); i += 2 {
			out = append(out, option{all[i], all[i+1]})
		}
		return out
	},
}

type (
	fieldError struct{ ID, Message string }
	heldOn     struct {
		Page *page
		Held held
	}
	taking struct {
		Page                       *page
		Subject, What, Name, Scope string
	}
	sourcesOn struct {
		Page    *page
		Sources []wire.Source
	}
	keysOn struct {
		Page *page
		Keys []wire.Key
	}
)
