package stream

import "strings"

const (
	maxOrg     = 32
	maxSubject = 255
)

// kind is one of the sorts of stream. Its value is the prefix of the stream's name; in lower case it is the first token of
// its subjects.
type kind string

const (
	kindLedger   kind = "LEDGER"
	kindTopic    kind = "TOPIC"
	kindActivity kind = "ACTIVITY"
	kindChanges  kind = "CHANGES"
	kindPrivate  kind = "PRIVATE" // in external clusters only
	kindCluster  kind = "CLUSTER" // in external clusters only; one for all organizations, so without an id
)

// id names one stream.
type id struct {
	kind kind
	org  string
}

func newID(k kind, org string) (id, error) {
	if len(org) > maxOrg || !isToken(org) {
		return id{}, &NameError{"organization", org}
	}
	return id{k, org}, nil
}

// parseID is the inverse of stream.
func parseID(stream string) (id, error) {
	k, org, _ := strings.Cut(stream, "_")
	switch kind(k) {
	case kindLedger, kindTopic, kindActivity, kindChanges:
		if i, err := newID(kind(k), org); err == nil {
			return i, nil
		}
	}
	return id{}, &NameError{"stream", stream}
}

// stream is the stream's name.
func (i id) stream() string {
	if i.kind == kindCluster {
		return string(i.kind)
	}
	return string(i.kind) + "_" + i.org
}

// root is what all subjects of the stream begin with, without a dot at the end.
func (i id) root() string {
	root := strings.ToLower(string(i.kind))
	if i.kind == kindCluster {
		return root
	}
	return root + "." + i.org
}

// subjects is the filter of the stream.
func (i id) subjects() string {
	switch i.kind {
	case kindTopic:
		return i.root()
	case kindActivity, kindChanges, kindPrivate, kindCluster:
		return i.root() + ".*"
	default:
		return i.root() + ".>"
	}
}

// owns reports whether subject is one that the stream may hold.
func (i id) owns(subject string) bool {
	if len(subject) > maxSubject {
		return false
	}
	rest, ok := strings.CutPrefix(subject, i.root())
	if !ok {
		return false
	}
	if i.kind == kindTopic {
		return rest == ""
	}
	rest, ok = strings.CutPrefix(rest, ".")
	if !ok || (i.kind == kindActivity || i.kind == kindChanges) && strings.Contains(rest, ".") {
		return false
	}
	for token := range strings.SplitSeq(rest, ".") {
		if !isToken(token) {
			return false
		}
	}
	return true
}

// isToken reports whether s is one or more of [a-z0-9-].
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}
