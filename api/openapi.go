package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

const (
	mediaProblem = "application/problem+json"
	mediaOpenAPI = "application/openapi+json;version=3.1"
)

// OpenAPI gives the API's document: OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1), made of the table of routes.
// guards gives the names of the permissions that let somebody do an action; nil: no organization is spoken of.
func OpenAPI(guards func(action string) []string) map[string]any {
	routes := Routes()
	s := newSchemas(routes)
	paths := object{}
	for i := range routes {
		r := &routes[i]
		path, _ := paths[documentPath(r.Path)].(object)
		if path == nil {
			path = object{}
			paths[documentPath(r.Path)] = path
		}
		path[strings.ToLower(r.Method)] = s.operation(r)
	}
	responses := object{}
	for status, what := range problemStatuses {
		responses[strconv.Itoa(status)] = failure(what, s.of(reflect.TypeFor[wire.Problem]()))
	}
	doc := object{
		"openapi":           "3.1.1",
		"jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
		"info": object{
			"title": "permledger", "version": "1", "summary": "A ledger of who may do what",
			"description": "Requests are read strictly: a member or parameter that is not named here is refused. Members are only added to answers. " +
				"Errors are problems (RFC 9457) whose type is " + wire.ProblemType + " and a code. Every operation says in x-permission what its caller must be allowed to do.",
			"license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []object{{"url": "/"}},
		"security": []object{{"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas": s.made, "responses": responses,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer",
				"description": "An API key (plk_…), the token of a session (pls_…), or the content of run/token in the data directory, which is the operator's."}},
		},
	}
	if guards != nil {
		name(doc, guards)
	}
	return doc
}

// documentPath writes a path as OpenAPI does.
func documentPath(path string) string { return strings.ReplaceAll(path, "...}", "}") }

// problemStatuses are what answers with an error have in common, by status.
var problemStatuses = map[int]string{
	http.StatusBadRequest:            "The request is not in order; pointer says where in the body.",
	http.StatusUnauthorized:          "Who calls is not known, or is nobody in this organization.",
	http.StatusForbidden:             "The caller may not do this; permission says what is missing.",
	http.StatusNotFound:              "There is no such thing.",
	http.StatusConflict:              "It conflicts with what is so.",
	http.StatusPreconditionFailed:    "Others changed the same thing since; changes says what they did. Nothing was recorded.",
	http.StatusRequestEntityTooLarge: "The request is too large.",
	http.StatusUnsupportedMediaType:  "The body is of another type.",
	http.StatusUnprocessableEntity:   "It cannot be.",
	http.StatusServiceUnavailable:    "Not now, or it is not known whether it was recorded.",
}

func failure(what string, schema object) object {
	return object{"description": what, "content": object{mediaProblem: object{"schema": schema}}}
}

// gives lists the media types that a route answers with.
func (r *Route) gives() []string {
	return append([]string{r.Gives}, r.Also...)
}

func (s *schemas) operation(r *Route) object {
	o := object{"operationId": operationID(r), "summary": r.Summary, "tags": []string{tag(r.Path)}, "x-permission": demandOf(r)}
	if r.Spec != "" {
		o["externalDocs"] = object{"description": "Requests and errors are as this says", "url": r.Spec}
	}
	var params []object
	for _, segment := range strings.Split(documentPath(r.Path), "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			params = append(params, describeParameter(strings.TrimSuffix(name, "}"), "path"))
		}
	}
	for _, name := range r.Query {
		params = append(params, describeParameter(name, "query"))
	}
	if params = append(params, headerParameters(r)...); len(params) > 0 {
		o["parameters"] = params
	}
	if r.Takes != "" {
		o["requestBody"] = object{"required": true, "content": object{r.Takes: s.media(r.Takes, r.Request)}}
	}
	o["responses"] = s.responses(r)
	switch {
	case r.Open:
		o["security"] = []object{}
	case r.guest != nil:
		o["security"] = []object{{}, {"bearer": []string{}}}
	}
	return o
}

// media describes a body; of lines, each line.
func (s *schemas) media(kind string, t reflect.Type) object {
	switch {
	case t == nil:
		return object{}
	case kind == mediaLines, kind == mediaEvents:
		// OpenAPI 3.1 has no word for the items of a stream: this is the one that 3.2 has.
		return object{"x-itemSchema": s.of(t)}
	}
	return object{"schema": s.of(t)}
}

func (s *schemas) responses(r *Route) object {
	content := object{}
	for i, kind := range r.gives() {
		t := r.Response
		if i > 0 && kind != mediaEvents {
			t = nil // another form of it
		}
		content[kind] = s.media(kind, t)
	}
	ok := object{"description": "The answer.", "content": content}
	if r.tagged() {
		ok["headers"] = object{"ETag": object{"schema": object{"type": "string"}, "description": "The position as of which this is, and what it says."}}
	}
	out := object{"200": ok}
	if r.tagged() {
		out["304"] = object{"description": "What the caller has is so still."}
	}
	if r.Spec != "" {
		for _, status := range []string{"4XX", "5XX"} {
			out[status] = object{"description": "An error, as the specification of this route has it."}
		}
		return out
	}
	for _, status := range r.failures() {
		text := strconv.Itoa(status)
		out[text] = object{"$ref": "#/components/responses/" + text}
	}
	return out
}

// failures lists the statuses that a route's errors may have.
func (r *Route) failures() []int {
	list := []int{http.StatusBadRequest, http.StatusServiceUnavailable}
	if !r.Open {
		list = append(list, http.StatusUnauthorized)
	}
	if r.Action != "" || r.Operator || r.Request != nil && !r.Open {
		list = append(list, http.StatusForbidden)
	}
	if strings.Contains(r.Path, "{") {
		list = append(list, http.StatusNotFound)
	}
	if r.Takes != "" {
		list = append(list, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	if r.changes {
		list = append(list, http.StatusPreconditionFailed)
	}
	return list
}

// demandOf says what the caller of a route must be allowed to do, or why nothing.
func demandOf(r *Route) object {
	o := takes(r.Action, r.Why)
	if r.And != "" {
		o["and"] = r.And
	}
	if r.Operator {
		o["operator"] = true
	}
	if r.own != nil {
		o["own"] = true
	}
	return o
}

func takes(action, why string) object {
	o := object{}
	if action != "" {
		o["action"] = action
	}
	if why != "" {
		o["why"] = why
	}
	return o
}

// operationID names an operation: getRolesByKey, postCheck.
func operationID(r *Route) string {
	path := documentPath(r.Path)
	if rest, ok := strings.CutPrefix(path, "/v1/orgs/{org}/"); ok {
		path = rest
	}
	id := strings.ToLower(r.Method)
	for word := range strings.FieldsFuncSeq(path, func(c rune) bool { return strings.ContainsRune("/-._", c) }) {
		if name, ok := strings.CutPrefix(word, "{"); ok {
			word = strings.TrimSuffix(name, "}")
			id += "By"
		}
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

// tag says what part of the API a route belongs to.
func tag(path string) string {
	for _, own := range []string{"/v1/orgs/{org}/", "/orgs/{org}/", "/v1/"} {
		if rest, ok := strings.CutPrefix(path, own); ok {
			first, _, _ := strings.Cut(rest, "/")
			return first
		}
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// name puts the names that an organization has for its permissions beside the actions of the ledger.
func name(v any, guards func(string) []string) {
	switch v := v.(type) {
	case object:
		if demand, ok := v["x-permission"].(object); ok {
			if action, ok := demand["action"].(string); ok {
				demand["permissions"] = append([]string{}, guards(action)...)
			}
		}
		for _, one := range v {
			name(one, guards)
		}
	case []object:
		for _, one := range v {
			name(one, guards)
		}
	}
}

func written(doc map[string]any) []byte {
	b, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		panic(fmt.Sprintf("api: its document cannot be written: %v", err)) // it is made of maps and texts
	}
	return append(b, '\n')
}

func getOpenAPI(c *call, w http.ResponseWriter) error {
	return c.still(w, mediaOpenAPI, c.server.document())
}

func getOrganizationsOpenAPI(c *call, w http.ResponseWriter) error {
	return c.still(w, mediaOpenAPI, written(c.openAPI()))
}

// openAPI gives the document with the names of the organization's own permissions.
func (c *call) openAPI() map[string]any {
	guards := c.guards()
	doc := OpenAPI(func(action string) []string { return guards[action] })
	doc["info"].(object)["title"] = "permledger: " + c.org.ID
	return doc
}
