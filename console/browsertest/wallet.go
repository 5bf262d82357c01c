package browsertest

import (
	"context"
	"encoding/json"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Wallet gives the pages from the next one on a wallet, as an extension of the browser does: window.ethereum (EIP-1193), whose
// request({method, params}) is answered by a function. An error of it is one of the wallet, with code 4001, as when its owner says
// no. The function is called in goroutines of its own.
func (p *Page) Wallet(request func(method string, params json.RawMessage) (any, error)) {
	p.t.Helper()
	type asked struct {
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	type answer struct {
		Result any    `json:"result"`
		Error  string `json:"error"`
	}
	err := chromedp.Do(p.ctx, chromedp.ExposeFunc("permledgerWallet", func(_ context.Context, a asked) (answer, error) {
		result, err := request(a.Method, a.Params)
		if err != nil {
			return answer{Error: err.Error()}, nil
		}
		return answer{Result: result}, nil
	}))
	if err != nil {
		p.fatal("give it a wallet: %v", err)
	}
	must(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		window.ethereum = {
			request: async ({method, params = []}) => {
				const {result, error} = await permledgerWallet({method, params});
				if (error) throw Object.assign(new Error(error), {code: 4001});
				return result;
			},
			on() {},
			removeListener() {},
		}`})
}
