package history

import (
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// by says how a subject proves itself.
func by(auth string) string {
	if auth == "" {
		return ""
	}
	return ", proves itself by " + auth
}

// said says what is said of a subject.
func said(lines []string, properties []events.Property, reference string) []string {
	for _, p := range properties {
		lines = append(lines, fmt.Sprintf("%s: %s", p.Name, p.Value))
	}
	if reference != "" {
		lines = append(lines, fmt.Sprintf("reference: %q", reference))
	}
	return lines
}

// begins says which roles a subject begins with.
func begins(lines []string, role func(ulid.ULID) string, roles []ulid.ULID, byDefault ulid.ULID) []string {
	for _, id := range roles {
		lines = append(lines, "+ "+role(id))
	}
	if byDefault != (ulid.ULID{}) {
		lines = append(lines, "+ "+role(byDefault)+", the default")
	}
	return lines
}

func changed(d *events.SubjectUpdated, names Names) []string {
	lines := []string{names.SubjectKey(d.Subject) + " changed"}
	var zero events.Digest
	if d.DisplayName != zero {
		lines = append(lines, "another name for people to read")
	}
	if d.Email != zero {
		lines = append(lines, "another e-mail address")
	}
	switch {
	case d.Holder != (ulid.ULID{}):
		lines = append(lines, "assigned to "+names.SubjectKey(d.Holder))
	case d.Unassigned:
		lines = append(lines, "assigned to nobody")
	}
	if d.Properties != nil && len(d.Properties) == 0 {
		lines = append(lines, "no properties")
	}
	if d.Reference != nil && *d.Reference == "" {
		lines = append(lines, "no reference")
		return said(lines, d.Properties, "")
	}
	if d.Reference != nil {
		return said(lines, d.Properties, *d.Reference)
	}
	return said(lines, d.Properties, "")
}
