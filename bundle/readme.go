package bundle

import (
	"bytes"
	_ "embed"
	"text/template"

	"github.com/permledger/permledger/ledger/note"
)

//go:embed README.tmpl
var readmeText string

var readmeTemplate = template.Must(template.New(fileReadme).Parse(readmeText))

// readme says in plain words what a bundle holds and what it proves. It is a function of the rest of the bundle.
func (p *packer) readme() ([]byte, error) {
	n, err := note.Parse(p.Checkpoint)
	if err != nil {
		return nil, err
	}
	others := map[string]struct{}{}
	for _, s := range n.Signatures {
		if s.Name != p.m.Origin {
			others[s.Name] = struct{}{}
		}
	}
	q := p.m.Question
	what := "all entries"
	if q.Kind != All {
		what = "the entries that concern the " + q.Kind + " " + q.ID.String()
	}
	var b bytes.Buffer
	err = readmeTemplate.Execute(&b, map[string]any{
		"What": what, "Origin": p.m.Origin, "Position": p.m.Position, "Size": p.m.Size, "Kind": q.Kind, "All": q.Kind == All,
		"Policy": len(p.Policy) > 0, "DID": len(p.DID) > 0, "Texts": q.Texts != NoTexts, "Witnesses": len(others), "Documents": len(p.documents) > 0,
	})
	return b.Bytes(), err
}
