package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// A filledForm is what somebody typed and chose, and what is wrong with it: the page is shown again with both.
type filledForm struct {
	Values  url.Values
	Errors  map[string]string // by field
	Problem *wire.Problem     // what the API says against it
}

func (v *visit) filled() *filledForm {
	return &filledForm{Values: v.PostForm, Errors: map[string]string{}}
}

// Value gives what stands in a field.
func (f *filledForm) Value(field string) string { return f.Values.Get(field) }

// Error says what is wrong with a field; empty: nothing is.
func (f *filledForm) Error(field string) string { return f.Errors[field] }

// Has says whether a box, or an option, is chosen.
func (f *filledForm) Has(field, value string) bool { return slices.Contains(f.Values[field], value) }

// word gives what a field holds without spaces around it, and notes where a field that is needed is empty.
func (f *filledForm) word(field, missing string) string {
	text := strings.TrimSpace(f.Values.Get(field))
	if text == "" && missing != "" {
		f.Errors[field] = missing
	}
	return text
}

// end reads a field with a day or an instant.
func (f *filledForm) end(field string) string {
	at, err := until(f.Values.Get(field))
	if err != nil {
		f.Errors[field] = "Say a day, as 2026-12-31"
	}
	return at
}

// ok says whether nothing is wrong with it.
func (f *filledForm) ok() bool { return len(f.Errors) == 0 && f.Problem == nil }

// again shows the page of a form once more, with what is wrong with it.
func (f *filledForm) again(shown view, err error) (view, error) {
	shown.status = http.StatusUnprocessableEntity
	return shown, err
}

// against notes what the API says against a form: at the field that it is about, where one is known.
func (f *filledForm) against(p *wire.Problem, fields map[string]string) {
	if field, ok := fields[p.Pointer]; ok && p.Pointer != "" {
		f.Errors[field] = sentence(p)
		return
	}
	if field, ok := fields[p.Code()]; ok {
		f.Errors[field] = sentence(p)
		return
	}
	f.Problem = p
}

// place moves the problem of a form to the field that it is about, where one is known.
func (f *filledForm) place(fields map[string]string) {
	p := f.Problem
	f.Problem = nil
	f.against(p, fields)
}

// sentence gives the words of a problem in one line.
func sentence(p *wire.Problem) string {
	text := p.Title
	if p.Detail != "" {
		text = p.Detail
	}
	if p.Hint != "" {
		text += ". " + p.Hint
	}
	return text
}

// partRefused takes the refusal of a part of a page off an error: the part says it, and the rest is shown.
func partRefused(err error) (*wire.Problem, error) {
	if err == nil {
		return nil, nil
	}
	if p := problem(err); p.Status == http.StatusForbidden {
		return &p, nil
	}
	return nil, err
}
