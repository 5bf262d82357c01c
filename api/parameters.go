package api

import (
	"slices"

	"github.com/permledger/permledger/api/wire"
)

// A parameter of a path, a query or a header, as the API's document describes it.
type parameter struct {
	what   string
	schema object
}

func oneOf(what string, values ...string) parameter {
	return parameter{what, object{"type": "string", "enum": values}}
}

func aText(what string) parameter { return parameter{what, object{"type": "string"}} }

func aTime(what string) parameter {
	return parameter{what, object{"type": "string", "format": "date-time"}}
}

func aNumber(what string) parameter {
	return parameter{what, object{"type": "integer", "minimum": 0, "maximum": mostInJSON}}
}

func aFlag(what string) parameter { return parameter{what, object{"type": "boolean"}} }

// parameters by their names: one has the same meaning wherever it is taken. What stands here for a route alone, as
// "/watch from", goes before it. A parameter that is not here is described as a text.
var parameters = map[string]parameter{
	"org":         aText("The organization's id."),
	"key":         aText("Key or id of the thing."),
	"subject":     aText("Key or id of a subject."),
	"did":         aText("A did:key."),
	"ref":         aText("Position or CID of an entry."),
	"cid":         aText("A content identifier."),
	"path":        aText("The rest of the path, with its slashes."),
	"purpose":     oneOf("What the status list says.", "revocation", "refresh"),
	"purposes":    aText("Purposes of the keys asked for, with commas between them: credential, reader, event, document, checkpoint, root, operator, attestor, invitation."),
	"list":        aText("Number of the status list."),
	"token":       aText("The CAIP-10 id of a token's contract."),
	"review":      aText("Id of an access review, or the title of one that is not closed."),
	"id":          aText("The id of a command: a ULID."),
	"as_of":       aText("Answer as of a moment of the history: a position (41, head~3), an entry (cid:bafk…), a time (2026-10-28, 2026-10-28T07:44Z), how long ago (24h), or changes that had occurred by then (occurred:2021-11-12). Without it: now."),
	"at_least":    aNumber("Wait until the ledger has this position, 5 s at most (then 503 not-yet): who wrote it reads it."),
	"wait":        oneOf("Answer when what is recorded stands so strongly.", wire.Recorded, wire.Committed, wire.Witnessed),
	"stop":        oneOf("Whether commands behind a refused one are not tried; any: also behind one that changes nothing.", "true", "any", "false"),
	"limit":       {"How many items a page has at most.", object{"type": "integer", "minimum": 1, "maximum": maxPageSize}},
	"cursor":      aText("Where the page begins: next of the page before. The other parameters stay as they were."),
	"role":        aText("Key or id of a role."),
	"permission":  aText("Name of a permission, with or without its catalogue."),
	"resource":    aText("Path of a resource; without it: the whole organization."),
	"actor":       aText("Key or id of the subject that did it."),
	"type":        aText("Type of an event, as role.updated."),
	"kind":        aText("Kind of the things asked for; of subjects also several, with commas between them; of keys those of the subjects whose they are."),
	"q":           aText("Text that is looked for, in any case: in key, name and description of a role; in key, name and e-mail address of a subject, which is noted where it was found by the latter two. An id finds what it is of."),
	"sort":        aText("Order of the list, with a - before it backwards: key, of subjects also added, of roles also name, permissions, holders, created and changed."),
	"state":       aText("States of the subjects asked for, with commas between them: active, invited, deactivated, removed."),
	"roles":       aFlag("Only the roles of which nothing was used, without what each subject did not use."),
	"names":       aFlag("With name and e-mail address of each, which is noted."),
	"about":       aText("What it is about: role: or subject: and a key, in the history also resource: and a path, or token: and an id."),
	"code":        aText("Code of a refusal."),
	"since":       aTime("Not before this."),
	"before":      aTime("Before this."),
	"from":        aText("Where it begins: a position."),
	"to":          aText("Where it ends: a position, which still belongs to it."),
	"newest":      aFlag("The newest first."),
	"skip":        aNumber("How many are left out at the beginning."),
	"taking":      aFlag("Only what took something away."),
	"parts":       {"Into how many parts it is divided at most.", object{"type": "integer", "minimum": 1, "maximum": mostParts}},
	"by":          oneOf("Whether the parts are of as many entries each, or as long each.", byPosition, byTime),
	"proof":       aFlag("Give the answer as a signed decision, too; takes history.read."),
	"permissions": aFlag("With the permissions of each."),
	"account":     aText("Key or id of the subject whose tokens are asked for."),
	"wallet":      aText("Address of a wallet."),
	"investor":    aText("Address of a wallet, ONCHAINID, or id of an investor."),
	"least":       {"From which overlap on, in percent.", object{"type": "integer", "minimum": 1, "maximum": 100}},
	"days":        aNumber("For how many days nobody looked."),
	"format":      aText("In which form."),
	"texts":       oneOf("Which private texts are in it.", "none", "reasons", "personal"),
	"filename":    aText("Under which name a browser saves it."),
	"timestamp":   aTime("As of when."),
}

// describeParameter describes a parameter of a place: path or query.
func describeParameter(name, in string) object {
	p, known := parameters[name]
	if !known {
		p = parameter{schema: object{"type": "string"}}
	}
	o := object{"name": name, "in": in, "schema": p.schema}
	if p.what != "" {
		o["description"] = p.what
	}
	if in == "path" {
		o["required"] = true
	}
	return o
}

// headerParameters describes the header fields that a route takes beside those of HTTP itself.
func headerParameters(r *Route) []object {
	var list []object
	if r.tagged() {
		list = append(list, object{"name": "If-None-Match", "in": "header", "schema": object{"type": "string"},
			"description": "The ETag of the answer that the caller has: where nothing but the position changed since, the answer is 304."})
	}
	if r.changes {
		list = append(list, object{"name": "If-Match", "in": "header", "schema": object{"type": "string"},
			"description": "The ETag of what was read, or the position that the change goes by in quotes: where others have changed the same thing since, nothing is recorded, and the answer is 412 with what they did."})
	}
	if r.once {
		list = append(list, object{"name": "Idempotency-Key", "in": "header", "schema": object{"type": "string", "minLength": 26, "maxLength": 38},
			"description": "A ULID or a UUID of version 7, made for this change: it becomes the command's id. The same key with the same change has the same answer, however often it is sent."})
	}
	if slices.Contains(r.gives(), mediaEvents) {
		list = append(list, object{"name": "Last-Event-ID", "in": "header", "schema": object{"type": "string"},
			"description": "The id of the last event that was seen: the stream goes on behind it."})
	}
	return list
}
