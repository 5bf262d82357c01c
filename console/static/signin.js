// What script adds to signing in and joining: a code out of its link, and a wallet in this browser. Both are forms
// that work without.

// The code stands behind #, which browsers send to nobody. It leaves the address when it is in the form.
for (const field of document.querySelectorAll("[data-fragment]")) {
  const code = location.hash.slice(1);
  if (code && code.startsWith(field.dataset.fragment) && !field.value) {
    field.value = code;
    history.replaceState(null, "", location.pathname + location.search);
  }
}

const wallet = window.ethereum;
const say = (form, text) => { const out = form.querySelector("output"); if (out) out.textContent = text; };

// A form that asks for a wallet: the browser's own is asked which it is.
for (const form of document.querySelectorAll("form[data-wallet]")) {
  const button = form.querySelector("button[data-ask]");
  if (!wallet || !button) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      const [address] = await wallet.request({ method: "eth_requestAccounts" });
      if (!address) return say(form, "The wallet names no account.");
      form.querySelector("input[name=wallet]").value = address;
      form.requestSubmit();
    } catch (e) {
      say(form, `The wallet says: ${e?.message ?? e}`);
    }
  });
}

// A form that asks for a signature of a message: the wallet is shown the message, and what it signs is sent.
for (const form of document.querySelectorAll("form[data-sign]")) {
  const button = form.querySelector("button[data-ask]");
  if (!wallet || !button) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await wallet.request({ method: "eth_requestAccounts" });
      form.querySelector("[name=signature]").value = await wallet.request({ method: "personal_sign", params: [form.dataset.sign, form.dataset.address] });
      form.requestSubmit();
    } catch (e) {
      say(form, `The wallet says: ${e?.message ?? e}`);
    }
  });
}
