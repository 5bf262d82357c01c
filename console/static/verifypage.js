// The page Verify: a form, the verifier (verify.js), and what it found in words.
import { missing, parseCitation, parseTrust, verifyFile, verifyServer, wordsOf } from "./verify.js";

const make = (name, text, attributes = {}) => {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
};

// What this browser remembers of a ledger: the key that its reader trusts, and the last checkpoint that held.
const remembered = (what, ledger) => { try { return localStorage.getItem(`permledger-${what}:${ledger}`) ?? ""; } catch { return ""; } };
const remember = (what, ledger, text) => {
  try {
    text ? localStorage.setItem(`permledger-${what}:${ledger}`, text) : localStorage.removeItem(`permledger-${what}:${ledger}`);
  } catch { /* the browser keeps nothing: so nothing is remembered */ }
};

// What it means that a check does not hold.
const meanings = {
  form: "It is not in the one form that it can have.",
  position: "Another event was to stand here: one is missing, stands there twice, or was moved.",
  link: "It does not name the event before it: one of the two is not what was recorded.",
  source: "It is of another ledger.",
  time: "It says that it was recorded before the event before it.",
  signature: "The key that it names did not sign these bytes.",
  evidence: "Its author did not sign this, or not for this ledger and this history.",
  key: "It is signed with a key that may not sign at this place.",
  head: "It is another history than the one that you, this page or this browser know.",
  checkpoint: "The checkpoint is not of these events.",
  signer: "The checkpoint is not signed with the ledger's own key.",
  trust: "Those whom you trust have not signed the checkpoint.",
  tile: "The hashes beside the events are not those of the events.",
  proof: "It is not proven that this event stands in the ledger.",
  document: "The document is not what was signed, or no event of this ledger names it.",
  issuer: "The DID document does not name the keys that the events do.",
  text: "A text is not one that an event names the hash of.",
  manifest: "The bundle says of itself what is not so.",
  sum: "A file of the bundle was changed.",
};

// start makes the page work.
export default async function start(root) {
  const at = (id) => root.querySelector(`#verify-${id}`);
  const { org, origin, known, cid } = root.dataset;
  let stop;

  const why = await missing();
  if (why) {
    at("form").replaceWith(make("p", `${why} Use the command line below.`, { class: "notice bad", role: "alert" }));
    return;
  }
  document.getElementById("main").dataset.live = "off"; // a page that is made anew would take the answer away
  at("trust").value = remembered("trust", origin);
  showKept();

  function kept() {
    try {
      const k = JSON.parse(remembered("kept", origin) || "null");
      return Number.isSafeInteger(k?.size) && /^[0-9a-f]{64}$/.test(k?.root) ? { ...k, origin } : undefined;
    } catch {
      return undefined;
    }
  }

  function showKept() {
    const k = kept(), p = at("kept");
    p.hidden = !k;
    if (!k) return;
    p.replaceChildren(`This browser verified ${k.size} events of ${origin} on ${k.on}: what it verifies now has to begin with them. `);
    const forget = make("button", "Forget that", { type: "button", class: "plain" });
    forget.addEventListener("click", () => { remember("kept", origin, ""); showKept(); at("start").focus(); });
    p.append(forget);
  }

  // read reads a field, and says at the field what is wrong with it.
  function read(id, parse) {
    const field = at(id), error = at(`${id}-error`), text = field.value.trim();
    error.hidden = true;
    field.removeAttribute("aria-invalid");
    try {
      return text === "" ? undefined : parse(text);
    } catch (e) {
      error.textContent = `This cannot be read: ${e.message}.`;
      error.hidden = false;
      field.setAttribute("aria-invalid", "true");
      field.focus();
      throw e;
    }
  }

  const files = at("file"), drop = at("drop");
  const chooseFile = () => { root.querySelector("[name=source][value=file]").checked = true; };
  files.addEventListener("change", chooseFile);
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (e) => { e.preventDefault(); drop.classList.add("over"); });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (e) => {
    e.preventDefault();
    drop.classList.remove("over");
    if (e.dataTransfer.files.length > 0) {
      files.files = e.dataTransfer.files;
      chooseFile();
      at("form").requestSubmit();
    }
  });
  at("stop").addEventListener("click", () => stop?.abort());

  at("form").addEventListener("submit", async (e) => {
    e.preventDefault();
    e.stopPropagation();
    let trust, mine;
    try {
      trust = read("trust", parseTrust);
      mine = read("known", parseCitation);
    } catch {
      return;
    }
    const source = root.querySelector("[name=source]:checked").value, server = source === "server";
    if (source === "file" && !files.files[0]) {
      say("Choose a file, or drop one here.");
      files.focus();
      return;
    }
    remember("trust", origin, at("trust").value.trim());
    stop = new AbortController();
    const total = known.split("@")[0];
    running(true, server ? Number(total) : 0);
    const since = performance.now();
    const progress = (n) => { at("bar").value = n; at("count").textContent = `${n.toLocaleString("en")} events`; };
    const options = { trust, known: [mine].filter(Boolean), kept: kept(), progress, signal: stop.signal };
    try {
      const run = server ? await verifyServer(org, { ...options, known: [...options.known, { ...parseCitation(known), shown: true }] })
        : await verifyFile(source === "file" ? files.files[0] : await served(cid), { ...options, org: root.dataset.entries === "true" ? org : "", cid: source === "document" ? cid : undefined });
      if (run.ok && run.checkpoint && !run.extract && run.source === origin && run.checkpoint.size > (kept()?.size ?? 0)) {
        remember("kept", origin, JSON.stringify({ size: run.checkpoint.size, root: run.checkpoint.root, on: new Date().toISOString().slice(0, 10) }));
        showKept();
      }
      show(run, server ? "ledger" : source, performance.now() - since);
    } catch (error) {
      show({ failed: stop.signal.aborted ? "It was stopped." : `It could not be read: ${error.message}` });
    } finally {
      running(false);
    }
  });

  // served gives a document of this server as a file.
  async function served(cid) {
    const answer = await fetch(`/v1/orgs/${encodeURIComponent(org)}/documents/${cid}`, { headers: { Accept: "application/vc" }, signal: stop.signal });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).title ?? answer.statusText);
    return answer.blob();
  }

  function running(on, total) {
    at("progress").hidden = !on;
    at("stop").hidden = !on;
    at("start").disabled = on;
    at("result").hidden = true;
    if (!on) return;
    at("bar").removeAttribute("value");
    if (total) at("bar").max = total;
    at("count").textContent = "";
    say("Verifying.");
  }

  function say(text) { at("status").textContent = text; }

  // show writes what was found.
  function show(run, what, millis) {
    const section = at("result");
    const b = run.broken;
    const state = run.failed ? "warn" : run.ok ? "good" : b.unjudged ? "warn" : "bad";
    const title = run.failed ? "Not verified" : run.ok ? `The ${what} holds` : b.unjudged ? "It cannot be judged here" : `The ${what} does not hold`;
    const box = make("div", undefined, { class: `notice ${state}` });
    box.append(make("h2", title, { id: "verify-title" }));
    section.replaceChildren(box);
    if (run.failed) {
      box.append(make("p", run.failed));
    } else {
      const took = `${(millis / 1000).toFixed(1)} s`, number = (n) => n.toLocaleString("en");
      const signatures = run.position + run.signed + (run.checkpoint?.keys.length ?? 0);
      box.append(make("p", run.position > 0 ? `${number(run.extract?.entries ?? run.position)} events of ${run.source} hold: hashes, links, ${number(signatures)} signatures${run.checkpoint ? ", tree and checkpoint" : ""}. That took ${took}.` : `That took ${took}.`));
      if (b) broken(section, b);
      if (run.ok) found(section, run);
    }
    // What is focused is shown and read out, so no status repeats it.
    setTimeout(() => { say(""); section.hidden = false; section.focus(); });
  }

  function facts(section, list) {
    const dl = make("dl", undefined, { class: "facts" });
    for (const [name, value, mono] of list) {
      if (value === undefined || value === "") continue;
      const dd = make("dd");
      dd.append(make(mono ? "code" : "span", String(value)));
      dl.append(make("dt", name), dd);
    }
    section.append(dl);
  }

  function broken(section, b) {
    section.append(make("h3", [b.position && `Event ${b.position}`, b.file, `check: ${b.check}`].filter(Boolean).join(", ")));
    section.append(make("p", b.unjudged ? b.message : meanings[b.check]));
    if (b.expected === undefined && !b.unjudged) section.append(make("p", b.message, { class: "mono" }));
    facts(section, [["Expected", b.expected, true], ["Found", b.found, true], ["CID of these bytes", b.cid, true]]);
    if (b.unjudged) section.append(make("p", "That is no proof that anything is wrong: a newer permledger, or the command line, can judge it."));
    if (b.raw) {
      section.append(make("h3", `The ${b.raw.length.toLocaleString("en")} bytes of event ${b.position}`), make("pre", new TextDecoder().decode(b.raw)));
    }
  }

  function found(section, run) {
    const { proven, not } = wordsOf(run), c = run.checkpoint;
    facts(section, [
      ["Ledger", run.source], ["Last event", run.position || undefined], ["Its CID", run.head, true], ["Root of the tree", run.root, true],
      ["Checkpoint", c && `of ${c.size.toLocaleString("en")} events`], ["Signed with", c?.keys.join(" "), true],
      ["Document", run.document?.cid, true], ["Signed by", run.document?.key, true],
    ]);
    for (const [title, kind, list] of [["What is proven", "holds", proven], ["What is not", "open", not]]) {
      const ul = make("ul", undefined, { class: kind });
      for (const s of list) ul.append(make("li", s));
      section.append(make("h3", title), ul);
    }
  }
}
