package importer

import (
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
)

// room is what the names and texts of one command may take, in bytes as written; the rest of an entry is the event's
// frame, signatures and evidence. It never changes, nor does [events.PartsOf]: a record divided in another way would be
// another command under the same id.
const room = 48_000

func written(texts ...string) int {
	var b [512]byte
	n := 0
	for _, t := range texts {
		n += len(canon.AppendString(b[:0], t)) + 1
	}
	return n
}

// split takes sets out of a command where they are too big for it. Each set is given as where its names stand and where
// the digests of its parts go. other is the size of what else the command says. The parts come in order; size is what
// all takes together.
func split(other int, sets ...set) (parts [][]string, size int) {
	sizes := make([]int, len(sets))
	size = other
	for i, s := range sets {
		sizes[i] = written(*s.names...)
		size += sizes[i]
	}
	for inline := size; inline > room; {
		biggest := 0
		for i := range sizes {
			if sizes[i] > sizes[biggest] {
				biggest = i
			}
		}
		if sizes[biggest] == 0 {
			break // the texts alone are too big: the ledger says so
		}
		inline -= sizes[biggest]
		sizes[biggest] = 0
		s := sets[biggest]
		for _, names := range events.PartsOf(*s.names) {
			parts = append(parts, names)
			*s.parts = append(*s.parts, events.PartDigest(names))
		}
		*s.names = nil
	}
	return parts, size
}

type set struct {
	names *[]string
	parts *[]events.Digest
}

// commands gives the commands of a record: those that record its parts, and the one that says what the record says.
func commands(origin events.Import, parts [][]string, data events.Data) []Command {
	out := make([]Command, 0, len(parts)+1)
	for _, names := range parts {
		out = append(out, Command{origin, &events.PermissionsRecorded{Permissions: names}})
		origin.Part++
	}
	return append(out, Command{origin, data})
}

// recordAgain gives the parts of a record new ids, for parts that were recorded more than 24 hours ago and are forgotten:
// a run was stopped between the parts and what they are parts of. The last command keeps its id.
func recordAgain(all []Command, attempt uint64) []Command {
	n := uint64(len(all) - 1)
	out := make([]Command, len(all))
	copy(out, all)
	for i := range out[:n] {
		out[i].Origin.Part = n + 1 + (attempt-1)*n + uint64(i)
	}
	return out
}
