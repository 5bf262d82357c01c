package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/stream"
)

// How a [Finding] is to be taken.
const (
	FindingOK     = "ok"
	FindingWarn   = "warn"   // it works; a person should look
	FindingFail   = "fail"   // it will not start, or not write; nothing is damaged
	FindingDamage = "damage" // a copy of a ledger is not as it was left
)

// A Finding is what one check of [Examine] found.
type Finding struct {
	Check        string `json:"check"`
	Organization string `json:"organization,omitempty"`
	Level        string `json:"level"`
	Text         string `json:"text"`
	Do           string `json:"do,omitempty"` // what a person can do
}

// examination collects findings about one directory.
type examination struct {
	*Node
	running  bool // another process has the directory open
	remote   bool // the streams lie in a cluster, and are not looked at
	findings []Finding
}

func (x *examination) add(check, org, level, do, format string, args ...any) {
	x.findings = append(x.findings, Finding{check, org, level, fmt.Sprintf(format, args...), do})
}

func (x *examination) ok(check, org, format string, args ...any) {
	x.add(check, org, FindingOK, "", format, args...)
}

// Examine looks at a data directory, whether a server has it open or not, and changes nothing in it, but for a file in
// DIR/run that it syncs some times and removes. Files of the ledgers are opened for reading only. It fails where the
// directory is none.
func Examine(ctx context.Context, dir string, minFree uint64) ([]Finding, error) {
	x := &examination{Node: newNode(dir, Options{MinFree: minFree})}
	m, err := readMarker(dir)
	if err != nil {
		return nil, fmt.Errorf("examine %s: %w", dir, err)
	}
	x.host = m.Host
	x.ok("directory", "", "format %d, host %s", m.Format, m.Host)
	x.holder()
	x.files()
	x.space()
	x.mount()
	x.latency()
	x.clock()
	if x.remote = m.Cluster; x.remote {
		x.ok("promise", "", "cluster: acknowledged means ordered by a majority of its NATS servers, and synced in the journal of the node that answered; whether those servers sync is for their configuration to say")
	} else {
		x.ok("promise", "", "embedded: acknowledged means synced in the journal of this node, and ordered by its own nats-server")
	}
	x.witnesses()
	names, err := x.repairable("")
	if err != nil {
		return x.findings, fmt.Errorf("examine %s: %w", dir, err)
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return x.findings, context.Cause(ctx)
		}
		x.organization(ctx, name)
	}
	return x.findings, nil
}

// organization examines one ledger. The head record comes first, then the journal: a server that runs moves the head on
// only once the journal holds that much.
func (x *examination) organization(ctx context.Context, name string) {
	dir, mend := x.orgDir(name), "`permledger repair "+x.dir+" --dry-run` says what can be mended"
	if x.remote {
		mend = "move the directory out of orgs/: the node takes the organization in anew from the cluster"
	}
	judge := func(check string, err error) {
		if isDamage(err) || errors.Is(err, fs.ErrNotExist) {
			x.add(check, name, FindingDamage, mend, "%v", err)
		} else {
			x.add(check, name, FindingFail, "see that it can be read; nothing says that it is damaged", "%v", err)
		}
	}
	genesis, err := readGenesis(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if begun, err := x.begun(name); err == nil && begun == "" {
			x.add("genesis", name, FindingWarn, "the next start sets it aside", "the organization was never opened to the end")
			return
		}
	}
	if err != nil {
		judge("genesis", err)
	} else {
		x.ok("genesis", name, "%s", genesis.CID)
	}
	head, known, err := journal.ReadHead(filepath.Join(dir, "head"))
	if err != nil {
		judge("head", err)
	}
	j, damage, err := journal.Salvage(filepath.Join(dir, "journal"), journal.Options{})
	if err != nil {
		judge("journal", err)
		x.lost(ctx, name)
		return
	}
	var refusal error // of the next start
	if genesis.CID != "" && !x.running && !x.remote {
		if refusal = x.refusal(ctx, name, genesis); refusal != nil {
			judge("start", fmt.Errorf("it is refused: %w", refusal))
			x.lost(ctx, name)
		}
	}
	next := func(does string) string {
		if refusal != nil {
			return mend
		}
		return "the next start " + does
	}
	_, torn := j.Torn()
	switch {
	case len(damage) > 0:
		judge("journal", damage[0])
	case torn > 0 && !x.running:
		x.add("journal", name, FindingWarn, next("cuts it off and keeps it"), "%s, and %d bytes of a write that was cut off", eventsOf(j.Len()), torn)
	default:
		x.ok("journal", name, "%s", eventsOf(j.Len()))
	}
	if known {
		x.atHead(name, head, j, judge)
	}
	if !x.remote {
		x.stream(name, j, judge, next)
	}
	x.history(ctx, name, j, genesis, head, judge)
	x.kept(name, genesis.Source)
	x.leftovers(name)
}

// refusal says why a start would refuse what there is of a ledger, with the comparison that a start makes; nil: it would
// not. Nothing is changed or synced.
func (x *examination) refusal(ctx context.Context, name string, genesis Genesis) error {
	dir := x.orgDir(name)
	p := &prepared{name: name, genesis: genesis, recorded: func() (journal.Head, bool, error) {
		return journal.ReadHead(filepath.Join(dir, "head"))
	}}
	var err error
	p.reader, err = journal.OpenReader(filepath.Join(dir, "journal"), journal.Options{})
	return x.judge(ctx, p, err)
}

func (x *examination) atHead(name string, head journal.Head, j *journal.Reader, judge func(string, error)) {
	if j.Len() < head.Position {
		judge("head", fmt.Errorf("%w: the journal has %s, the head record says %d", ledger.ErrRolledBack, eventsOf(j.Len()), head.Position))
		return
	}
	raw, err := j.Read(head.Position)
	if err == nil && chain.CID(raw) != head.CID {
		err = &chain.BrokenError{Position: head.Position, Check: chain.CheckHead, Expected: head.CID, Found: chain.CID(raw)}
	}
	if err != nil {
		judge("head", err)
		return
	}
	x.ok("head", name, "at %d, %s", head.Position, head.CID)
}

// stream compares the blocks with the journal. A server that runs is allowed to be some entries ahead or behind.
func (x *examination) stream(name string, j *journal.Reader, judge func(string, error), next func(string) string) {
	if err := stream.CheckFiles(x.store(), name); err == nil {
		x.ok("stream-config", name, "as it must be")
	} else if errors.As(err, new(*stream.ConfigError)) {
		judge("stream-config", err)
		return
	}
	c, err := ledger.Compare(j, x.store(), name)
	switch behind := c.Journal - min(c.Journal, c.Stream); {
	case err != nil:
		judge("stream", err)
	case c.Damage != nil:
		x.add("stream", name, FindingDamage, next("sets it aside and makes it again"), "%v", c.Damage)
	case !x.running && len(c.OnlyStream) > 0:
		x.add("stream", name, FindingWarn, next("completes the journal"), "it has %s that the journal lacks", eventsOf(uint64(len(c.OnlyStream))))
	case !x.running && behind > 0:
		x.add("stream", name, FindingWarn, next("completes it"), "it lacks %s", eventsOf(behind))
	default:
		x.ok("stream", name, "the same %s as the journal", eventsOf(c.Stream))
	}
}

// leftovers names what is in an organization's directory beside the ledger.
func (x *examination) leftovers(name string) {
	entries, err := os.ReadDir(x.orgDir(name))
	if err != nil {
		x.add("leftovers", name, FindingFail, "", "%v", err)
		return
	}
	inJournal, _ := os.ReadDir(filepath.Join(x.orgDir(name), "journal"))
	inLog, _ := os.ReadDir(filepath.Join(x.orgDir(name), "log"))
	var aside []string
	for _, e := range slices.Concat(entries, inJournal, inLog) {
		switch file := e.Name(); {
		case strings.HasSuffix(file, "unsynced"):
			x.add("unsynced", name, FindingWarn, "look at the disk; the next start copies the file before it trusts it", "%s: a sync failed", file)
		case strings.HasPrefix(file, guardName) && !x.running:
			x.add("guard", name, FindingWarn, "the next start uses and removes it", "a start did not come to its end: %s", file)
		case file == freshJournal:
			x.add("repair", name, FindingWarn, "run `permledger repair` again", "a repair did not come to its end")
		case strings.Contains(file, "-aside-") || strings.HasPrefix(file, "torn-"):
			aside = append(aside, file)
		}
	}
	if slices.Sort(aside); len(aside) > 0 {
		x.add("set-aside", name, FindingWarn, "delete it once nobody wants to look into it", "%s", strings.Join(aside, ", "))
	}
	if all, err := ReadMended(x.dir, name); err != nil {
		x.add("mended", name, FindingWarn, "", "%v", err)
	} else if k := len(all); k > 0 {
		x.ok("mended", name, "%d times, last at %s: %s", k, all[k-1].Time, all[k-1].What)
	}
}

// holder says which process has the directory open.
func (x *examination) holder() {
	pid, err := lockHolder(filepath.Join(x.dir, "lock"))
	x.running = pid > 0
	switch {
	case err != nil:
		x.add("lock", "", FindingWarn, "", "it cannot be told who holds it: %v", err)
	case pid > 0:
		x.ok("lock", "", "held by process %d", pid)
	default:
		x.ok("lock", "", "held by nobody")
	}
}

// files looks at owners and modes, and at how many files may be open.
func (x *examination) files() {
	files, failed, uid := 0, 0, os.Geteuid()
	for _, top := range []string{"orgs", "store", "node", "keys"} {
		_ = filepath.WalkDir(filepath.Join(x.dir, top), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // a running server replaces files
				return nil
			}
			if err == nil && d.IsDir() && isAside(d.Name()) {
				return fs.SkipDir
			}
			var info fs.FileInfo
			if err == nil {
				if info, err = d.Info(); errors.Is(err, fs.ErrNotExist) {
					return nil
				}
			}
			if err == nil {
				err = sane(path, info, uid)
			}
			if err == nil && !d.IsDir() {
				files++
				if strings.HasSuffix(path, ".key") && info.Mode().Perm()&0o077 != 0 {
					err = fmt.Errorf("%w %s can be read by others (mode %04o)", ErrKeyFile, path, info.Mode().Perm())
				}
			}
			if err != nil {
				if failed++; failed <= 3 {
					x.add("files", "", FindingFail, "put owner and mode right", "%v", err)
				}
			}
			return nil
		})
	}
	if failed == 0 {
		x.ok("files", "", "%d, all of this user and for nobody else to write", files)
	}
	limit, err := openFiles()
	switch need := filesNeeded(files); {
	case err != nil:
		x.add("open-files", "", FindingWarn, "", "%v", err)
	case limit < need:
		x.add("open-files", "", FindingFail, "raise it: `ulimit -n`, LimitNOFILE", "%d may be open, %d are needed", limit, need)
	case limit < 4*uint64(files)+1024:
		x.add("open-files", "", FindingWarn, "raise it: `ulimit -n`, LimitNOFILE", "%d may be open, for %d files", limit, files)
	default:
		x.ok("open-files", "", "%d may be open", limit)
	}
}

func (x *examination) space() {
	free, err := freeSpace(x.dir)
	switch {
	case err != nil:
		x.add("space", "", FindingWarn, "", "%v", err)
	case free < x.opts.MinFree:
		x.add("space", "", FindingFail, "make room: commands wait until there is", "%s are free, %s are kept free", size(free), size(x.opts.MinFree))
	case free < 4*x.opts.MinFree:
		x.add("space", "", FindingWarn, "make room: commands wait when it is used up", "%s are free, %s are kept free", size(free), size(x.opts.MinFree))
	default:
		x.ok("space", "", "%s are free, %s are kept free", size(free), size(x.opts.MinFree))
	}
}

// latency measures what a sync takes. It is what every group of commands waits for.
func (x *examination) latency() {
	path := filepath.Join(x.dir, "run", fmt.Sprintf("doctor-%d", os.Getpid()))
	const rounds = 20
	times, err := syncTimes(path, rounds)
	if err != nil {
		x.add("sync", "", FindingWarn, "", "it could not be measured: %v", err)
		return
	}
	slices.Sort(times)
	median, worst := times[rounds/2], times[rounds-1]
	text := fmt.Sprintf("half of %d syncs took less than %v, the longest %v", rounds, median.Round(time.Microsecond), worst.Round(time.Microsecond))
	switch {
	case worst > time.Second:
		x.add("sync", "", FindingWarn, "every group of commands waits this long: look at the disk", "%s", text)
	default:
		x.ok("sync", "", "%s", text)
	}
}

func syncTimes(path string, rounds int) (times []time.Duration, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()
	page := bytes.Repeat([]byte{1}, 4096)
	for range rounds {
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := f.Sync(); err != nil {
			return nil, err
		}
		times = append(times, time.Since(begin))
	}
	return times, nil
}
