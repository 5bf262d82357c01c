package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// describingRoutes are the routes that tell what the API is.
func describingRoutes() []Route {
	const get = http.MethodGet
	return []Route{
		{Method: get, Path: "/v1/openapi.json", Open: true, head: true, Why: whyDescribes, endpoint: stream(mediaOpenAPI, nil, getOpenAPI),
			Summary: "The API in OpenAPI 3.1"},
		{Method: get, Path: "/v1/docs", Open: true, head: true, Why: whyDescribes, endpoint: stream(mediaPage, nil, getManual),
			Summary: "The same as a page to read, which asks for nothing else"},
		{Method: get, Path: "/v1/orgs/{org}/openapi.json", Why: whyDescribes, endpoint: stream(mediaOpenAPI, nil, getOrganizationsOpenAPI),
			Summary: "The API in OpenAPI 3.1, with the organization's own names of the permissions that each operation takes"},
		{Method: get, Path: "/v1/orgs/{org}/docs", Why: whyDescribes, endpoint: stream(mediaPage, nil, getOrganizationsManual),
			Summary: "The same as a page to read, which asks for nothing else"},
	}
}

//go:embed manual.html
var manualText string

//go:embed manual.css
var manualStyle string

var manualPage = template.Must(template.New("manual").Parse(manualText))

// manualPolicy is the Content-Security-Policy of the page: nothing is loaded but the one style that stands in it.
var manualPolicy = func() string {
	sum := sha256.Sum256([]byte(manualStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// manual is what the page shows: the document, as people read it.
type manual struct {
	Title, About string
	Style        template.CSS
	Parts        []manualPart
	Changes      []manualType // one for each kind of intent
	Types        []manualType
	Problems     []manualProblem
}

type manualPart struct {
	Name       string
	Operations []manualOperation
}

type manualOperation struct {
	ID, Method, Path, Summary, Demand string
	Permissions                       []string
	Parameters                        []manualMember
	Request, Response                 manualBody
}

type manualBody struct {
	Media string // types
	Type  string // its name in the document; empty: bytes
	Lines bool   // it is one for each line
}

type manualType struct {
	Name, About, Demand string
	Permissions         []string
	Members             []manualMember
}

type manualMember struct {
	Name, In, Type, Ref, About string
	Required                   bool
}

type manualProblem struct{ Code, Title string }

// manualOf makes the page of a document.
func manualOf(doc object) []byte {
	info := doc["info"].(object)
	m := manual{Title: info["title"].(string), About: info["description"].(string), Style: template.CSS(manualStyle)}
	paths, schemas := doc["paths"].(object), doc["components"].(object)["schemas"].(object)
	for _, r := range Routes() {
		o := paths[documentPath(r.Path)].(object)[strings.ToLower(r.Method)].(object)
		part := slices.IndexFunc(m.Parts, func(p manualPart) bool { return p.Name == tag(r.Path) })
		if part < 0 {
			m.Parts, part = append(m.Parts, manualPart{Name: tag(r.Path)}), len(m.Parts)
		}
		m.Parts[part].Operations = append(m.Parts[part].Operations, operationOf(&r, o))
	}
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		t := typeOf(name, schemas[name].(object))
		if kind, ok := strings.CutPrefix(name, "Intent."); ok {
			t.Name = kind
			m.Changes = append(m.Changes, t)
			continue
		}
		m.Types = append(m.Types, t)
	}
	for _, code := range slices.Sorted(maps.Keys(titles)) {
		m.Problems = append(m.Problems, manualProblem{code, titles[code]})
	}
	var b bytes.Buffer
	if err := manualPage.Execute(&b, &m); err != nil {
		panic("api: its manual cannot be written: " + err.Error())
	}
	return b.Bytes()
}

func operationOf(r *Route, o object) manualOperation {
	op := manualOperation{ID: o["operationId"].(string), Method: r.Method, Path: documentPath(r.Path), Summary: r.Summary}
	op.Demand, op.Permissions = demandText(o["x-permission"].(object))
	params, _ := o["parameters"].([]object)
	for _, p := range params {
		about, _ := p["description"].(string)
		kind, ref := typeText(p["schema"].(object))
		required, _ := p["required"].(bool)
		op.Parameters = append(op.Parameters, manualMember{Name: p["name"].(string), In: p["in"].(string), Type: kind, Ref: ref, About: about, Required: required})
	}
	if body, ok := o["requestBody"].(object); ok {
		op.Request = bodyOf([]string{r.Takes}, body["content"].(object))
	}
	op.Response = bodyOf(r.gives(), o["responses"].(object)["200"].(object)["content"].(object))
	return op
}

func bodyOf(kinds []string, content object) manualBody {
	b := manualBody{Media: strings.Join(kinds, ", ")}
	media := content[kinds[0]].(object)
	schema, ok := media["schema"].(object)
	if !ok {
		schema, b.Lines = media["x-itemSchema"].(object)
	}
	_, b.Type = typeText(schema)
	return b
}

// demandText says in words what the caller must be allowed to do.
func demandText(demand object) (string, []string) {
	action, _ := demand["action"].(string)
	why, _ := demand["why"].(string)
	permissions, _ := demand["permissions"].([]string)
	switch {
	case demand["operator"] == true:
		return "the operator of the node alone: " + why, nil
	case action == "":
		return "none: " + why, nil
	case demand["own"] == true:
		return action + ", of others than the caller itself", permissions
	}
	return action, permissions
}

// typeText names the type of a schema; ref is the name of its part of the document, if it has one.
func typeText(schema object) (text, ref string) {
	if name, ok := schema["$ref"].(string); ok {
		name = name[strings.LastIndex(name, "/")+1:]
		return name, name
	}
	switch kind := schema["type"].(type) {
	case string:
		switch kind {
		case "array":
			text, ref = typeText(schema["items"].(object))
			return "list of " + text, ref
		case "object":
			if of, ok := schema["additionalProperties"].(object); ok {
				text, ref = typeText(of)
				return "map of " + text, ref
			}
		}
		if values, ok := schema["enum"].([]string); ok {
			return strings.Join(values, " | "), ""
		}
		return kind, ""
	case []string:
		return strings.Join(kind, " or "), ""
	}
	if kind, ok := schema["const"].(string); ok {
		return fmt.Sprintf("%q", kind), ""
	}
	return "any JSON", ""
}

func typeOf(name string, schema object) manualType {
	t := manualType{Name: name}
	t.About, _ = schema["description"].(string)
	if demand, ok := schema["x-permission"].(object); ok {
		t.Demand, t.Permissions = demandText(demand)
	}
	properties, _ := schema["properties"].(object)
	required, _ := schema["required"].([]string)
	for _, member := range slices.Sorted(maps.Keys(properties)) {
		p := properties[member].(object)
		about, _ := p["description"].(string)
		kind, ref := typeText(p)
		t.Members = append(t.Members, manualMember{Name: member, Type: kind, Ref: ref, About: about, Required: slices.Contains(required, member)})
	}
	return t
}

func getManual(c *call, w http.ResponseWriter) error {
	return c.showManual(w, c.server.manual())
}

func getOrganizationsManual(c *call, w http.ResponseWriter) error {
	return c.showManual(w, manualOf(c.openAPI()))
}

func (c *call) showManual(w http.ResponseWriter, b []byte) error {
	w.Header().Set("Content-Security-Policy", manualPolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	return c.still(w, mediaPage, b)
}
