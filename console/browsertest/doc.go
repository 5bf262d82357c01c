// Package browsertest drives a real, headless Chromium through the console, as a person at a keyboard would, and fails a test for
// everything such a person would not see: errors in the browser's console, what the content security policy refused, a request to
// another host, an answer that is an error, a bar that names another position than the content below it.
//
//	func TestMain(m *testing.M) { os.Exit(browsertest.Run(m)) }
//
//	func TestCreateRole(t *testing.T) {
//		p := browsertest.Open(t, server.URL)
//		p.Go("/console/acme/roles")
//		p.Click("Create role")               // by the name a screen reader says, or a CSS selector
//		p.Fill("Name", "Compliance Officer") // by the label
//		p.Check("TOKEN_MANAGE", true)
//		p.Click("Review change")
//		p.See("2 people gain")               // waits until it can be read
//		p.Within("tr", "Compliance").Click("Edit")
//		p.Inspect("roles")                   // pictures, axe in both schemes, nothing too wide for 320 pixels
//	}
//
// Every method ends the test where it cannot do what it was asked, with a picture of the page; waiting ends after [Patience].
// Before a method acts or reads, the page has come to rest: nothing is loading, no answer is on its way (a stream of events aside).
// Each test has a browser context (cookies, storage, cache) of its own in one browser of the test binary.
//
// Where there is no Chromium, or no npm for axe, the test is skipped with the reason; with PERMLEDGER_JUDGES set, as in CI, it
// fails. PERMLEDGER_CHROMIUM names the program; none skips all. Pictures stand in PERMLEDGER_SCREENSHOTS, one folder for each test, or
// else in the test's artifact directory.
//
// A Page belongs to the goroutine of its test.
package browsertest
