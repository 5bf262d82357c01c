package verify

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Words says what a report proves and what it does not, for somebody who knows neither ledgers nor this program.
func (r *Report) Words() (proven, not []string) {
	yes := func(format string, args ...any) { proven = append(proven, fmt.Sprintf(format, args...)) }
	no := func(format string, args ...any) { not = append(not, fmt.Sprintf(format, args...)) }
	if r.Position == 0 {
		return nil, nil
	}
	if r.Hashes {
		r.hashWords(yes, no)
		return proven, not
	}
	if r.Extract != nil {
		r.extractWords(yes, no)
		return proven, append(not, r.Notes...)
	}
	yes("Entries 1 to %d of %s are complete, in their order and unchanged: each names the one before it by its hash.", r.Position, r.Source)
	if r.Fast {
		no("Signatures of entries, documents, private texts, and whether the rules permitted what is recorded, were not looked at (--fast).")
	} else {
		yes("Each entry is signed with a key that the ledger had named before it and not yet replaced.")
		yes("Every change was permitted: the rules (version %d), asked again with what held before it, give the same entry.", r.Rules)
		yes("Who asked is proven of %s: each carries that person's, program's or wallet's own signature.", count(r.Signed, "entry", "entries"))
	}
	if r.Documents > 0 {
		yes("%s what the entries give, computed again.", count(r.Documents, "signed document is", "signed documents are"))
	}
	if r.Texts > 0 {
		yes("%s what an entry committed to.", count(r.Texts, "private text is", "private texts are"))
	}
	if r.Stream > 0 {
		yes("%s byte for byte what the stream's files hold too.", count(r.Stream, "entry is", "entries are"))
	}
	r.checkpointWords(yes, no)
	if !r.Fast {
		r.entryWords(no)
	}
	return proven, append(not, r.Notes...)
}

// hashWords says what hashes and a checkpoint prove without the entries.
func (r *Report) hashWords(yes, no func(string, ...any)) {
	c := r.Checkpoint
	yes("%s signed one hash over %s, with the key %s.", r.Source, count(c.Size, "entry", "entries"), strings.Join(c.Keys, " and "))
	yes("Every hash of these entries, and every hash over hashes, gives that one: whoever has an entry can show that it is one of them.")
	if c.Trusted {
		yes("The policy you gave trusts the key%s.", map[bool]string{true: ", and as many witnesses have signed as it asks for", false: "; it asks for no witness"}[len(c.Witnesses) > 0])
	} else {
		no("Whose ledger this is: its key was taken from itself. Get a policy from elsewhere and give it with --trust.")
	}
	no("What the entries say, and that each was permitted: they are for those who may read the history. Give a token that may.")
	no("What came after entry %d, and whether anything did.", r.Position)
}

// extractWords says what some entries prove without the others.
func (r *Report) extractWords(yes, no func(string, ...any)) {
	x := r.Extract
	yes("%s of %s, the last of them number %d, unchanged and each at its place in the ledger: all lie under its checkpoint.", count(x.Entries, "entry is", "entries are"), r.Source, r.Position)
	yes("Each is signed with a key that the entries here name before it and do not replace.")
	yes("Who asked is proven of %s: each carries that person's, program's or wallet's own signature.", count(r.Signed, "entry", "entries"))
	if r.Documents > 0 {
		yes("%s signed with the ledger's document key, and an entry names the exact file.", count(r.Documents, "document is", "documents are"))
	}
	if r.Texts > 0 {
		yes("%s what an entry committed to.", count(r.Texts, "private text is", "private texts are"))
	}
	no("That these are all entries about the %s %s, or about keys: others may have been left out. Only a bundle of all entries shows that.", x.Kind, x.ID)
	no("That the rules permitted what is recorded, and that documents say what held: that takes the entries in between.")
	r.checkpointWords(yes, no)
	r.entryWords(no)
}

func (r *Report) checkpointWords(yes, no func(string, ...any)) {
	c := r.Checkpoint
	if c == nil {
		return
	}
	if len(c.Doubted) < len(c.Keys) {
		yes("The ledger signed for them: its checkpoint (one hash over all entries up to %d) is signed with %s.", c.Size, keys(c.Keys))
	} else {
		yes("They lie under the checkpoint (one hash over all entries up to %d), which is signed with %s.", c.Size, keys(c.Keys))
	}
	for _, s := range c.Doubted {
		no("Who signed the checkpoint with %s: that key was reported as known to others from entry %d on.", s.Key, s.From)
	}
	if c.Trusted {
		yes("The policy you gave trusts the key%s.", map[bool]string{true: ", and as many witnesses have signed as it asks for", false: "; it asks for no witness"}[len(c.Witnesses) > 0])
	}
	for _, w := range c.Witnesses {
		say := yes
		if c.Claimed {
			say = no
		}
		say("%s signed on %s that it had seen this checkpoint and none that contradicts it%s.", w.Name, instant(w.At), claimed(c.Claimed))
	}
	if len(c.Ahead) > 0 {
		no("When %s signed: by the clock here, that is yet to come.", strings.Join(c.Ahead, ", "))
	}
	switch {
	case len(c.Witnesses) > 0:
	case len(c.Unknown) > 0:
		no("That witnesses signed the checkpoint: lines of %s stand under it, which only a policy with their keys can check. Give one with --trust.", names(c.Unknown))
	default:
		no("Nobody but the ledger's operator signed the checkpoint: that others were shown the same history is not proven.")
	}
	r.ageWords(yes, no)
	if !c.Trusted && !r.Pinned {
		no("Whose ledger this is: its keys were taken from itself. Get a policy from elsewhere and give it with --trust.")
	}
	if r.Kept > 0 {
		yes("%s of these same entries.", count(r.Kept, "checkpoint that was shown to others before is", "checkpoints that were shown to others before are"))
	}
	if c.Size < r.Position {
		no("That entries from %d on are what others are shown: the checkpoint was signed before them.", c.Size+1)
	}
	after := r.Position
	if r.Extract != nil {
		after = r.Extract.AsOf
	}
	no("What came after entry %d, and whether anything did.", after)
	if c.Size > after && !c.Trusted {
		no("That the checkpoint's key was still the ledger's at entry %d: what replaced or reported it behind entry %d is not here.", c.Size, after)
	}
}

// ageWords says what the greatest age that was asked for was held against, for it proves no more than whose word that is.
func (r *Report) ageWords(yes, no func(string, ...any)) {
	switch c := r.Checkpoint; {
	case c.MaxAge == 0:
	case c.Vouched != "witnesses":
		no("That it is not older than %v: its age goes by the time of the last entry, %s, which is the operator's word. Give a policy with witnesses with --trust.", c.MaxAge, instant(c.At))
	case c.Claimed:
		no("That it is not older than %v: its age goes by witnesses that only the sender of this file names. Give a policy with --trust.", c.MaxAge)
	default:
		yes("As many witnesses as the policy asks for vouched for it on %s, not longer than %v ago.", instant(c.At), c.MaxAge)
	}
}

// names lists who signed, as far as there is room.
func names(all []string) string {
	s := strings.Join(all[:min(len(all), shown)], ", ")
	if more := len(all) - shown; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// entryWords says what the entries leave open.
func (r *Report) entryWords(no func(string, ...any)) {
	all := r.Position
	if r.Extract != nil {
		all = r.Extract.Entries
	}
	if rest := all - r.Signed - r.Node; rest > 0 {
		no("Who asked in %s: there the operator's word stands for it, for they carry no signature of their author.", count(rest, "entry", "entries"))
	}
	no("When exactly things happened: times are those of the operator's clock. The order is proven.")
	for _, s := range r.Suspects {
		if s.Documents {
			no("Who signed the documents of %s: the key %s, which signed them, was reported as known to others from entry %d on. The entries name the exact files.", positions(s.Positions), s.Key, s.From)
			continue
		}
		no("Who signed %s: the key %s, which signed them, was reported as known to others from entry %d on.", positions(s.Positions), s.Key, s.From)
	}
	if r.Erased > 0 {
		no("What %s said: erased on purpose, as entries say.", count(r.Erased, "private text", "private texts"))
	}
	if r.Withheld > 0 {
		no("What %s said: not here.", count(r.Withheld, "private text", "private texts"))
	}
}

func claimed(by bool) string {
	if by {
		return "; but that this name and key are a witness's, only the sender of this file says"
	}
	return ""
}

// keys names the keys that signed.
func keys(dids []string) string {
	if len(dids) == 1 {
		return "the checkpoint key that the entries name, " + dids[0]
	}
	return "checkpoint keys that the entries name, " + strings.Join(dids, " and ")
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// shown is how many positions are listed before it only says how many there are.
const shown = 10

func positions(all []uint64) string {
	var list []string
	for _, p := range all[:min(len(all), shown)] {
		list = append(list, strconv.FormatUint(p, 10))
	}
	s := "entries "
	if len(all) == 1 {
		s = "entry "
	}
	s += strings.Join(list, ", ")
	if more := len(all) - len(list); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

func count(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatUint(n, 10) + " " + many
}
