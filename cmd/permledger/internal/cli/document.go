package cli

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/page"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

func (a *app) documentCommand() *cobra.Command {
	return group("document", "Issue, list, show and print signed documents about roles and users",
		a.documentIssue(), a.documentList(), a.documentShow(), a.documentPrint())
}

// issued is the answer of `document issue`.
type issued struct {
	wire.Receipt
	Document wire.Document `json:"document"`
}

func (a *app) documentIssue() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "issue role:KEY|user:KEY",
		Short: "Issue a signed document about a role, or about what a user has",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			about, err := thing(args[0])
			if err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				r, err := a.attempt(c.Context(), s, wire.Intent{Kind: wire.IssueDocument, About: about})
				if err != nil || r == nil {
					return err
				}
				en, err := s.Entry(c.Context(), s.org, strconv.FormatUint(r.Seq, 10))
				if err != nil {
					return fmt.Errorf("the document was issued at %d; reading it: %w", r.Seq, err)
				}
				d, err := documentOf(c.Context(), s, en.Entry)
				if err != nil {
					return fmt.Errorf("the document was issued at %d; reading it: %w", r.Seq, err)
				}
				return a.answer(issued{*r, d.Document}, func(w io.Writer) error {
					t := table{}
					t.row(fmt.Sprintf("recorded at %d", r.Seq), r.CID, r.Type)
					t.row("document", d.CID, d.LegacyCID)
					return t.writeTo(w, "")
				})
			})
		},
	})
}

// documentOf asks what the ledger says of the document that an entry carries.
func documentOf(ctx context.Context, s *session, entry []byte) (wire.DocumentRecord, error) {
	en, err := chain.Parse(entry)
	if err != nil {
		return wire.DocumentRecord{}, exit(exitIntegrity, "%w", err)
	}
	one, err := s.DocumentRecord(ctx, s.org, en.Document.CID)
	return one.Item, err
}

func (a *app) documentList() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "ls [role:KEY|user:KEY]",
		Short: "List the signed documents; `permledger cat CID` writes one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			about := ""
			if len(args) == 1 {
				var err error
				if about, err = thing(args[0]); err != nil {
					return err
				}
			}
			return a.with(c.Context(), func(s *session) error { return a.documents(c, s, about) })
		},
	})
}

func (a *app) documents(c *cobra.Command, s *session, about string) error {
	all, err := s.Documents(c.Context(), s.org, about, "")
	for err == nil && all.Next != "" {
		var more wire.List[wire.Document]
		more, err = s.Documents(c.Context(), s.org, about, all.Next)
		all.Items, all.Next = append(all.Items, more.Items...), more.Next
	}
	if err != nil {
		return fmt.Errorf("list the documents: %w", err)
	}
	return answerList(a, all, func(w io.Writer) error {
		t := table{}
		t.row("SEQ", "ABOUT", "STATUS", "CID", "IPFS ADD")
		for _, d := range all.Items {
			t.row(fmt.Sprint(d.Seq), aboutOf(d), statusOf(d), d.CID, legacyOf(d))
		}
		return t.writeTo(w, "")
	})
}

// aboutOf names what a document is about as commands take it.
func aboutOf(d wire.Document) string {
	if d.Key == "" {
		return d.About
	}
	return strings.Replace(d.Key, "subject:", "user:", 1)
}

func statusOf(d wire.Document) string {
	switch {
	case d.Revoked != 0:
		return fmt.Sprintf("revoked at %d", d.Revoked)
	case d.Refreshed != 0:
		return fmt.Sprintf("newer at %d", d.Refreshed)
	}
	return "holds"
}

// legacyOf gives what plain ipfs add prints of a document.
func legacyOf(d wire.Document) string {
	if d.LegacyCID == "" {
		return "another: above 256 KiB"
	}
	return d.LegacyCID
}

func (a *app) documentShow() *cobra.Command {
	var lists bool
	c := a.answers(&cobra.Command{
		Use:   "show CID",
		Short: "Check a signed document, and show what the ledger says of it",
		Long: `Check a signed document, and show what the ledger says of it: both its CIDs, where it stands, who signed it, whether
something that it says was taken away since (revoked), and whether there is a newer one.

What is too long for a document is named in it by count and digest; --lists writes it, compared with the digest.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				file, one, err := checkedDocument(c.Context(), s, args[0])
				if err != nil {
					return fmt.Errorf("show the document %s: %w", args[0], err)
				}
				if lists {
					b, err := checkedLists(c.Context(), s, file, one.Item)
					if err != nil {
						return fmt.Errorf("show the document %s: %w", args[0], err)
					}
					return a.write(b)
				}
				return a.answer(one, func(w io.Writer) error { return writeDocument(w, one) })
			})
		},
	})
	c.Flags().BoolVar(&lists, "lists", false, "write what the document names by digest alone, as one JSON object, and nothing else")
	return c
}

// checkedDocument reads a document, holds its bytes against the CID and its signature against the key that it names, and
// asks what the ledger says of it.
func checkedDocument(ctx context.Context, s *session, name string) ([]byte, wire.One[wire.DocumentRecord], error) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "ipfs://"), "cid:")
	one, err := s.DocumentRecord(ctx, s.org, name)
	if err != nil {
		return nil, one, err
	}
	file, err := s.Document(ctx, s.org, name)
	if err != nil {
		return nil, one, err
	}
	legacy, _ := credential.LegacyCID(file)
	if have := credential.CID(file); have != one.Item.CID || legacy != one.Item.LegacyCID {
		return nil, one, exit(exitIntegrity, "its bytes have the CID %s, not %s", have, one.Item.CID)
	}
	if strings.HasPrefix(name, "bafkrei") && name != one.Item.CID || strings.HasPrefix(name, "Qm") && name != legacy {
		return nil, one, exit(exitIntegrity, "its bytes have the CIDs %s and %s", one.Item.CID, legacy)
	}
	if _, err := credential.Verify(file, methodOption(one.Item.Method)...); err != nil {
		return nil, one, exit(exitIntegrity, "%w", err)
	}
	return file, one, nil
}

// methodOption gives the key that a verification method names in its fragment: those of did:web do, too. That it is the
// issuer's, the DID document and the entries say.
func methodOption(method string) []credential.Option {
	did, multibase, _ := strings.Cut(method, "#")
	if strings.HasPrefix(did, "did:key:") {
		return nil
	}
	key, err := didkey.Parse("did:key:" + multibase)
	if err != nil {
		key = make(ed25519.PublicKey, ed25519.PublicKeySize) // no key: nothing verifies with it
	}
	return []credential.Option{credential.WithKey(key)}
}

// checkedLists reads what a document names by digests, and compares it with them.
func checkedLists(ctx context.Context, s *session, file []byte, d wire.DocumentRecord) ([]byte, error) {
	b, err := s.DocumentLists(ctx, s.org, d.CID)
	if err != nil {
		return nil, err
	}
	var lists map[string]json.RawMessage
	if err := json.Unmarshal(b, &lists); err != nil {
		return nil, exit(exitIntegrity, "its lists: %w", err)
	}
	for member, array := range lists {
		if err := document.CheckList(file, document.List{Member: member, Array: array}); err != nil {
			return nil, exit(exitIntegrity, "%w", err)
		}
	}
	return b, nil
}

func writeDocument(w io.Writer, one wire.One[wire.DocumentRecord]) error {
	d := one.Item
	t := table{}
	t.row("about", aboutOf(d.Document))
	t.row("cid", d.CID)
	t.row("ipfs add", legacyOf(d.Document))
	t.row("sha256", d.SHA256)
	t.row("bytes", strconv.Itoa(d.Size))
	t.row("format", d.Format)
	t.row("issuer", d.Issuer)
	t.row("signed by", d.Method)
	t.row("signature", "holds")
	t.row("entry", fmt.Sprintf("%d  %s  %s", d.Seq, d.Entry, d.Type))
	t.row("time", d.Time)
	t.row("number", strconv.FormatUint(d.Number, 10))
	for _, url := range d.Status {
		t.row("status list", url)
	}
	t.row("status", fmt.Sprintf("%s, %s", statusOf(d.Document), asOfText(one.AsOf)))
	if len(d.Lists) > 0 {
		t.row("by digest", strings.Join(d.Lists, ", ")+": --lists writes it")
	}
	return t.writeTo(w, "")
}

func (a *app) documentPrint() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "print CID",
		Short: "Write a signed document as a page to print (HTML)",
		Long: `Write a signed document as a page for people: HTML that prints on A4, with the permissions by category, both CIDs, the
signature and how to check all of it by hand. The page itself proves nothing: it is the signed file that does.`,
		Example: `  permledger document print bafkrei… -O role.html`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				b, err := printed(c.Context(), s, args[0])
				if err != nil {
					return fmt.Errorf("print the document %s: %w", args[0], err)
				}
				if out == "" || out == "-" {
					return a.write(b)
				}
				if err := os.WriteFile(out, b, 0o644); err != nil { // it is made to be handed on
					return fmt.Errorf("print the document %s: %w", args[0], err)
				}
				a.say("%s  %d bytes", out, len(b))
				return nil
			})
		},
	}
	c.Flags().StringVarP(&out, "out", "O", "", "the `file` to write; else stdout")
	return c
}

func printed(ctx context.Context, s *session, name string) ([]byte, error) {
	file, one, err := checkedDocument(ctx, s, name)
	if err != nil {
		return nil, err
	}
	d := one.Item
	var lists []byte
	if len(d.Lists) > 0 {
		if lists, err = checkedLists(ctx, s, file, d); err != nil {
			return nil, err
		}
	}
	at := client.Read{AsOf: strconv.FormatUint(d.Seq, 10)}
	o, err := s.Organization(ctx, s.org, at)
	if err != nil {
		return nil, err
	}
	permissions, err := s.Permissions(ctx, s.org, at)
	if err != nil {
		return nil, err
	}
	category := map[string]string{}
	for _, p := range permissions.Items {
		category[p.Name] = p.Category
		if _, short, ok := strings.Cut(p.Name, ":"); ok && category[short] == "" {
			category[short] = p.Category
		}
	}
	proof, err := provenEntry(ctx, s, d)
	if err != nil {
		return nil, err
	}
	return page.HTML(page.Facts{
		File: file, CID: d.CID, LegacyCID: d.LegacyCID, Organization: o.Name, Ledger: o.Ledger, About: aboutOf(d.Document),
		Position: d.Seq, EntryCID: d.Entry, EntryType: d.Type, AsOf: one.AsOf.Seq, Revoked: d.Revoked, Refreshed: d.Refreshed,
		Lists: lists, Category: func(name string) string { return category[name] }, Proof: proof,
	})
}

// provenEntry looks whether the entry that the ledger names carries the document, and gives the proof that it is under a
// checkpoint; empty where the ledger has no key for checkpoints.
func provenEntry(ctx context.Context, s *session, d wire.DocumentRecord) (string, error) {
	ref := strconv.FormatUint(d.Seq, 10)
	_, en, err := entryOf(ctx, s, ref)
	if err != nil {
		return "", err
	}
	if en.CID() != d.Entry || en.Document == nil || en.Document.CID != d.CID {
		return "", exit(exitIntegrity, "the entry at %d does not carry this document", d.Seq)
	}
	b, err := s.Prove(ctx, s.org, ref)
	if client.CodeOf(err) != "" {
		return "", nil // the page says of no proof then
	}
	if err != nil {
		return "", err
	}
	proof, err := note.ParseProof(b)
	if err == nil {
		err = proof.Check(tree.Leaf(en.Bytes()))
	}
	if err != nil {
		return "", exit(exitIntegrity, "the proof of entry %d: %w", d.Seq, err)
	}
	return string(b), nil
}

// thing reads what a document is about; users are subjects to the API.
func thing(about string) (string, error) {
	switch kind, name, _ := strings.Cut(about, ":"); {
	case name != "" && (kind == "role" || kind == "subject"):
		return about, nil
	case name != "" && kind == "user":
		return "subject:" + name, nil
	}
	return "", usage("a document about %s: say role:KEY or user:KEY", about)
}
