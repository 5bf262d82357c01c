package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

const (
	mediaRaw = "application/vnd.ipld.raw"
	mediaCAR = "application/vnd.ipld.car"
)

// publicDocuments says whether everybody gets documents by their CIDs.
func publicDocuments(s *server) bool { return s.opts.PublicDocuments }

// getBlock answers as the IPFS trustless gateway does: with the block that a CID names, by itself or as a CAR of one
// block. A CID of version 0, or of version 1 with the codec dag-pb, names the node around a document's bytes.
func getBlock(c *call, w http.ResponseWriter) error {
	id, block, public, err := c.block()
	if err != nil {
		return err
	}
	car, negotiated, err := c.blockFormat()
	if err != nil {
		return err
	}
	if block == nil {
		if strings.Contains(c.Header.Get("Cache-Control"), "only-if-cached") {
			return problemOf(http.StatusPreconditionFailed, string(rules.NotFound), "The block is not here")
		}
		return problemOf(http.StatusNotFound, string(rules.NotFound), "No document or entry that you may read has the CID "+clip(c.PathValue("cid")))
	}
	name, kind, tag := c.PathValue("cid"), mediaRaw, `"`+c.PathValue("cid")+`.raw"`
	file, format := name+".bin", "raw"
	if car {
		kind, tag, file, format = mediaCAR+"; version=1; order=dfs; dups=n", `W/"`+name+`.car"`, name+".car", "car"
		block = credential.CAR(id.Bytes(), block)
	}
	if given := c.query.Get("filename"); given != "" {
		file = given
	}
	h := w.Header()
	h.Set("Cache-Control", "private, max-age=29030400, immutable")
	if public {
		h.Set("Cache-Control", "public, max-age=29030400, immutable")
	}
	h.Set("Vary", "Accept, Authorization")
	h.Set("ETag", tag)
	h.Set("X-Ipfs-Path", "/ipfs/"+name)
	h.Set("X-Ipfs-Roots", name)
	h.Set("Content-Disposition", disposition(file))
	if negotiated {
		h.Set("Content-Location", "/ipfs/"+name+"?format="+format)
	}
	if matches(c.Header, tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	writeBytes(w, kind, block)
	return nil
}

// block finds the block of the path's CID where the caller may read it; nil where it does not. public says whether
// everybody may have it.
func (c *call) block() (id cid.Cid, block []byte, public bool, err error) {
	name := c.PathValue("cid")
	if len(name) > 128 { // to decode it takes quadratic time in the length
		return id, nil, false, badRequest("A CID has at most 128 characters here")
	}
	if id, err = cid.Decode(name); err != nil {
		return id, nil, false, badRequest(clip(name) + " is no CID: " + clip(err.Error()))
	}
	orgs, err := c.readable()
	if err != nil {
		return id, nil, false, err
	}
	for _, o := range orgs {
		if block = blockOf(o, name, id); block != nil {
			return id, block, false, nil
		}
	}
	if !c.server.opts.PublicDocuments {
		return id, nil, false, nil
	}
	for _, org := range c.server.node.Organizations() {
		if o, err := c.server.node.Org(org); err == nil {
			if block = documentBlock(o, name, id); block != nil {
				return id, block, true, nil
			}
		}
	}
	return id, nil, false, nil
}

// readable gives the organizations whose history the caller may read. One who may read none is refused, unless
// documents are public.
func (c *call) readable() (orgs []*node.Org, err error) {
	if c.caller.Kind == "" {
		return nil, nil
	}
	member := false
	for _, org := range c.server.node.Organizations() {
		o, err := c.server.node.Org(org)
		if err != nil {
			continue
		}
		if c.caller.Kind != LocalOperator {
			id, ok := c.caller.Subject(o)
			if !ok {
				continue
			}
			member, c.org, c.subject = true, o, id
			if !c.caller.May(o, rules.ActionHistoryRead, c.now) {
				continue
			}
		}
		orgs = append(orgs, o)
	}
	switch {
	case len(orgs) > 0 || c.caller.Kind == LocalOperator || c.server.opts.PublicDocuments:
		return orgs, nil
	case !member:
		return nil, stranger(c.caller)
	}
	return nil, c.may(rules.ActionHistoryRead)
}

func blockOf(o *node.Org, name string, id cid.Cid) []byte {
	if block := documentBlock(o, name, id); block != nil || id.Type() != cid.Raw {
		return block
	}
	at, ok := o.Access.ByCID(id.String())
	if !ok {
		return nil
	}
	raw, err := o.Journal.Read(at.Position)
	if err != nil || !hashesTo(id, raw) {
		return nil
	}
	return raw
}

func documentBlock(o *node.Org, name string, id cid.Cid) []byte {
	d, ok := o.Documents.ByCID(name)
	if !ok {
		return nil
	}
	block := d.File
	if id.Type() == cid.DagProtobuf {
		block, _ = credential.Node(d.File)
	}
	if !hashesTo(id, block) {
		return nil
	}
	return block
}

// hashesTo says whether a block is the one that a CID names.
func hashesTo(id cid.Cid, block []byte) bool {
	hash, err := multihash.Decode(id.Hash())
	sum := sha256.Sum256(block)
	return err == nil && hash.Code == multihash.SHA2_256 && string(hash.Digest) == string(sum[:])
}

// blockFormat says whether a CAR is asked for, and whether by the header field Accept alone.
func (c *call) blockFormat() (car, negotiated bool, err error) {
	for name, values := range map[string][]string{
		"dag-scope": {"block", "entity", "all"}, "car-version": {"1"}, "car-order": {"dfs", "unk"}, "car-dups": {"y", "n"},
	} {
		if c.query.Has(name) && !slices.Contains(values, c.query.Get(name)) {
			return false, false, badRequest(name + " is one of " + strings.Join(values, ", "))
		}
	}
	if c.query.Has("format") {
		switch c.query.Get("format") {
		case "raw":
			return false, false, nil
		case "car":
			return true, false, nil
		}
		return false, false, badRequest("The formats are raw and car, not " + clip(c.query.Get("format")))
	}
	switch {
	case accepts(c.Request, mediaRaw):
		return false, true, nil
	case accepts(c.Request, mediaCAR):
		return true, true, nil
	case c.Header.Get("Accept") == "":
		err = badRequest("What can be verified is served here: say ?format=raw or ?format=car")
	default:
		p := problemOf(http.StatusNotAcceptable, wire.CodeNotAcceptable, "What can be verified is served here: "+mediaRaw+" or "+mediaCAR)
		p.Hint = "Say ?format=raw, or accept one of these"
		err = p
	}
	return false, false, err
}

// disposition says that the bytes are to be saved, never shown, under a name in ASCII and, where it differs, in UTF-8.
func disposition(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\/`, r) {
			return '_'
		}
		return r
	}, clip(name))
	text := `attachment; filename="` + plain + `"`
	if plain != name {
		text += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(clip(name)), "+", "%20")
	}
	return text
}

// etagOf gives a tag of bytes.
func etagOf(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// matches says whether the caller says that it has what a tag stands for.
func matches(h http.Header, tag string) bool {
	for _, one := range strings.Split(strings.Join(h.Values("If-None-Match"), ","), ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
