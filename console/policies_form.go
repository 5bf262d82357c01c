package console

import (
	"fmt"
	"net/http"
	"net/url"
)

// filled is what somebody filled into a form, and what of it cannot be taken, by field: the page shows both again.
type filled struct {
	url.Values
	Wrong map[string]string
}

// fail says what is wrong with a field; the first word about it stays.
func (f *filled) fail(field, format string, args ...any) {
	if f.Wrong == nil {
		f.Wrong = map[string]string{}
	}
	if f.Wrong[field] == "" {
		f.Wrong[field] = fmt.Sprintf(format, args...)
	}
}

func (f *filled) bad() bool { return len(f.Wrong) > 0 }

func (f *filled) status() int {
	if f.bad() {
		return http.StatusUnprocessableEntity
	}
	return 0
}

// Has says whether a box was ticked, or an option chosen.
func (f filled) Has(field, value string) bool {
	for _, v := range f.Values[field] {
		if v == value {
			return true
		}
	}
	return false
}

// A field of a form, as the part "field" writes it.
type field struct {
	Name, Label, Hint string
	Value, Wrong      string
	Options           []option // none: it is written into
	Area              bool     // of several lines
	Required          bool
}

// An option is one of a drop-down list.
type option struct{ Value, Text string }

// textField gives a field to write into.
func textField(f filled, name, label, hint string) field {
	return field{Name: name, Label: label, Hint: hint, Value: f.Get(name), Wrong: f.Wrong[name]}
}

// requiredField gives a field that cannot be left empty.
func requiredField(f filled, name, label, hint string) field {
	one := textField(f, name, label, hint)
	one.Required = true
	return one
}

// areaField gives a field of several lines.
func areaField(f filled, name, label, hint string) field {
	one := textField(f, name, label, hint)
	one.Area = true
	return one
}

// choiceField gives a list to choose from, or, where there is none, a field to write into.
func choiceField(f filled, name, label, hint string, options []option) field {
	one := requiredField(f, name, label, hint)
	one.Options = options
	return one
}

// Optional gives the field as one that may stay empty.
func (f field) Optional() field {
	f.Required = false
	return f
}

// DescribedBy gives the ids of what describes a field.
func (f field) DescribedBy() string {
	switch {
	case f.Wrong != "" && f.Hint != "":
		return f.Name + "-wrong " + f.Name + "-hint"
	case f.Wrong != "":
		return f.Name + "-wrong"
	case f.Hint != "":
		return f.Name + "-hint"
	}
	return ""
}

// among are those among whom a form lets choose; none where there are too many, or the caller may not read them: then it is
// written who.
type among []option

// mostPeople is how many a list to choose from has.
const mostPeople = 200

func (v *visit) among() (among, error) {
	if !v.can("subjects.read") {
		return nil, nil
	}
	r := v.read()
	r.Limit = mostPeople
	list, err := v.client.Subjects(v.ctx(), v.org, r)
	if err != nil || list.Next != "" {
		return nil, err
	}
	var all among
	for _, s := range list.Items {
		if s.State != "active" || s.Key == v.me.Subject {
			continue
		}
		text := s.Key
		if s.DisplayName != "" {
			text += " · " + s.DisplayName
		}
		all = append(all, option{s.Key, text + " (" + s.Kind + ")"})
	}
	return all, nil
}
