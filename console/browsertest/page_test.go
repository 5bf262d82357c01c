package browsertest_test

import (
	"testing"

	"github.com/permledger/permledger/console/browsertest"
)

func TestAFormIsFilledInAsAPersonDoes(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(map[bool]string{true: "with script", false: "without script"}[script], func(t *testing.T) {
			// Given a page with a form
			url := site(t, map[string]string{"/": document(`<form action="/done"><label>Name <input name="name" value="old"></label>
				<label>Kind <select name="kind"><option value="1">Global<option value="2">Custom</select></label>
				<label><input type="checkbox" name="p"> roles.create</label><button>Review change</button></form>`), "/done": document("<p>Recorded"), "/page.js": ""})
			p := browsertest.Open(t, url)
			p.Script(script)
			// when somebody fills it in
			p.Go("/")
			p.Fill("Name", "Compliance Officer")
			p.Select("Kind", "Custom")
			p.Check("roles.create", true)
			p.Click("Review change")
			// then the server is sent that
			p.See("Recorded")
			p.At("/done?name=Compliance+Officer&kind=2&p=on")
		})
	}
}
