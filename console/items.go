package console

import (
	"strconv"

	"github.com/permledger/permledger/api/wire"
)

// items are lines of history on a page.
type items struct {
	Page  *page
	Items []wire.Item
}

func itemsOf(p *page, all []wire.Item) items { return items{p, all} }

// part is what a part of a page sees: the page, or what stands for it there, and what the part is about.
type part struct{ Page, Data any }

func partOf(page, data any) part { return part{page, data} }

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// readNumber reads a position; empty is 0.
func readNumber(text string) (n uint64, ok bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}
