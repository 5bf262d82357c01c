package api

import (
	"embed"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"
	"sync"
)

// The descriptions in the API's own document are the comments of package wire: they are written once.
//
//go:embed wire/*.go
var wireSource embed.FS

// comments are what package wire says of its types and their members.
type comments struct {
	types   map[string]string
	members map[string]map[string]string // by type and name in Go
}

var wireComments = sync.OnceValue(func() comments {
	w := comments{types: map[string]string{}, members: map[string]map[string]string{}}
	files, err := wireSource.ReadDir("wire")
	if err != nil {
		panic("api: the embedded source of package wire: " + err.Error())
	}
	for _, f := range files {
		src, err := wireSource.ReadFile(path.Join("wire", f.Name()))
		if err != nil {
			panic("api: the embedded source of package wire: " + err.Error())
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			panic("api: the embedded source of package wire: " + err.Error()) // it was compiled
		}
		w.read(file)
	}
	return w
})

func (w comments) read(file *ast.File) {
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			w.types[t.Name.Name] = prose(general.Doc.Text())
			if s, ok := t.Type.(*ast.StructType); ok {
				w.members[t.Name.Name] = membersOf(s)
			}
		}
	}
}

func membersOf(s *ast.StructType) map[string]string {
	said := map[string]string{}
	for _, f := range s.Fields.List {
		text := prose(f.Comment.Text())
		if text == "" {
			text = prose(f.Doc.Text())
		}
		for _, name := range f.Names {
			said[name.Name] = text
		}
	}
	return said
}

// prose makes one line of a comment, without the brackets of links.
func prose(comment string) string {
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(strings.Fields(comment), " "))
}
