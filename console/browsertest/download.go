package browsertest

import (
	"os"
	"path/filepath"
)

// Download clicks and gives the file that the browser saves then: the name that the server gave it, and its bytes.
func (p *Page) Download(target string) (name string, b []byte) {
	p.t.Helper()
	before := p.saved()
	p.Click(target)
	var id string
	p.until(func() string {
		for guid, d := range p.saved() {
			if _, old := before[guid]; old {
				continue
			}
			if d.err != "" {
				p.fatal("download %s: %s", target, d.err)
			}
			if d.done {
				id, name = guid, d.name
				return ""
			}
		}
		return "a click on " + target + " saved no file"
	})
	b, err := os.ReadFile(filepath.Join(p.downloads, id))
	if err != nil {
		p.fatal("download %s: %v", target, err)
	}
	return name, b
}

func (p *Page) saved() map[string]download {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	all := make(map[string]download, len(p.watch.downloads))
	for id, d := range p.watch.downloads {
		all[id] = *d
	}
	return all
}
