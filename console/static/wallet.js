// Has the wallet of this browser sign what a page asks it to. Each <section data-signing data-wallet data-method> has the fields "typed"
// or "hex", which the wallet signs, and "signature"; one <button data-wallet-sign> begins, and the form is sent once all is signed.
// It makes nothing of its own: what is signed stands on the page, and the wallet shows it again.

// Wallets say that they are there as window.ethereum, or when they are asked (EIP-6963).
const announced = [];
addEventListener("eip6963:announceProvider", (e) => { if (e.detail?.provider) announced.push(e.detail.provider); });
dispatchEvent(new Event("eip6963:requestProvider"));
const provider = () => window.ethereum ?? announced[0];

export default function start(form) {
  const button = form.querySelector("[data-wallet-sign]");
  button.addEventListener("click", () => signAll(form, button));
}

async function signAll(form, button) {
  const say = (text) => { form.querySelector("[data-wallet-says]").textContent = text; };
  const wallet = provider();
  if (!wallet) {
    say("This browser has no wallet that pages can ask. Sign elsewhere, and paste the signature.");
    return;
  }
  button.disabled = true;
  try {
    const all = [...form.querySelectorAll("[data-signing]")];
    for (const [i, one] of all.entries()) {
      say(`The wallet is asked for signature ${i + 1} of ${all.length}.`);
      one.querySelector("[name=signature]").value = await sign(wallet, one);
    }
    say("Signed. It is being recorded.");
    form.requestSubmit();
  } catch (err) {
    say(err?.code === 4001 ? "The wallet did not sign: it was declined there. Nothing is recorded." : `The wallet did not sign: ${err?.message ?? err}`);
  } finally {
    button.disabled = false;
  }
}

async function sign(wallet, section) {
  const { wallet: id, method } = section.dataset;
  const payload = section.querySelector(method === "eip712" ? "[name=typed]" : "[name=hex]").value;
  const address = id.slice(id.lastIndexOf(":") + 1); // of an address, or of a did:pkh
  const accounts = await wallet.request({ method: "eth_requestAccounts" });
  if (!accounts.some((a) => a.toLowerCase() === address.toLowerCase())) {
    throw new Error(`${address} is to sign, and this browser's wallet shows ${accounts.join(", ") || "no account"}. Choose the account there, and try again.`);
  }
  if (method !== "eip712") return wallet.request({ method: "personal_sign", params: [payload, address] });
  const chain = JSON.parse(payload).domain.chainId;
  if (chain !== undefined) { // some wallets sign only for the chain that they are at; whether this one does, it says itself
    await wallet.request({ method: "wallet_switchEthereumChain", params: [{ chainId: "0x" + BigInt(chain).toString(16) }] }).catch(() => {});
  }
  return wallet.request({ method: "eth_signTypedData_v4", params: [address, payload] });
}
