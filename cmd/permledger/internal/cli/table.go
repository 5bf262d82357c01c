package cli

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// gap stands between two columns.
const gap = "  "

// table collects rows and writes them in columns, each as wide as its widest cell. The last cell of a row is not
// padded, so long texts cost nothing. Tabs and line feeds in cells become spaces: a row is a line.
type table struct {
	rows [][]string
}

// row adds a row.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = flat.Replace(c)
	}
	t.rows = append(t.rows, cells)
}

var flat = strings.NewReplacer("\n", " ", "\t", " ", "\r", " ")

// writeTo writes the rows. Each begins with indent.
func (t *table) writeTo(w io.Writer, indent string) error {
	var widths []int
	for _, r := range t.rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(r)-1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(c))
			}
		}
	}
	var b bytes.Buffer
	for _, r := range t.rows {
		end := len(r)
		for end > 0 && r[end-1] == "" { // no space at the end of a line
			end--
		}
		b.WriteString(indent)
		for i, c := range r[:end] {
			b.WriteString(c)
			if i < end-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)))
				b.WriteString(gap)
			}
		}
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}
