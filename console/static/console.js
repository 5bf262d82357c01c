// What script adds to pages that work without it: live updates, keys, filters, copying. Each page is whole without.

// page says what the page is that is shown: of which position, and whose ledger it follows (none: it stays as it is). That stands in the
// part that is swapped: the attributes of the body stay those of the page that was loaded first.
const page = () => {
  const { position, follow } = document.getElementById("main")?.dataset ?? {};
  return { position: Number(position), follow };
};

// After a page was swapped in, the reader is at its beginning, as after a real navigation; a form that was refused keeps its place.
document.addEventListener("htmx:after:swap", () => {
  const alert = document.querySelector("main [role=alert]");
  const main = alert || document.getElementById("main");
  if (main && !document.activeElement?.closest("main")) {
    if (!main.hasAttribute("tabindex")) main.setAttribute("tabindex", "-1");
    main.focus({ preventScroll: !alert });
  }
  setUp();
});

// Live: what is recorded shows at once where nobody is in the middle of something, and is announced where somebody is.
let stream, streamOf = "";
function follow() {
  const { position, follow: org = "" } = page();
  if (org === streamOf) return;
  stream?.abort();
  clearTimeout(arrived.timer);
  streamOf = org;
  if (org) listen(stream = new AbortController(), org, position + 1);
}

// listen reads server-sent events, of which only the position counts: the page is then asked for anew. (EventSource would have to
// know every type of event by name.)
async function listen(until, org, from) {
  for (let wait = 1000; !until.signal.aborted; wait = Math.min(30000, wait * 2)) {
    try {
      const answer = await fetch(`/v1/orgs/${encodeURIComponent(org)}/watch?from=${from}`, { headers: { Accept: "text/event-stream" }, signal: until.signal });
      if (answer.status < 500 && !answer.ok) return; // signed out, or not allowed any more: the next page says so
      const text = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { done, value } = await text.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) {
          if (!line.startsWith("id:")) continue;
          from = Number(line.slice(3)) + 1;
          wait = 1000;
          arrived(from - 1);
        }
      }
    } catch {
      if (until.signal.aborted) return;
    }
    await new Promise((go) => setTimeout(go, wait));
  }
}

function arrived(position) {
  const isNew = () => page().follow && position > page().position;
  if (!isNew()) return;
  if (busy()) {
    announce(position);
    return;
  }
  clearTimeout(arrived.timer);
  arrived.timer = setTimeout(() => {
    if (!isNew()) return;
    if (busy()) announce(position); else htmx.ajax("GET", location.pathname + location.search, { target: "body", swap: "innerMorph" });
  }, 300);
}

// busy: a form of this page holds what somebody typed or chose, or has the focus.
function busy() {
  const main = document.getElementById("main");
  if (!main || main.dataset.live === "off" || main.querySelector("form[data-busy], details[open][data-unfolded], [role=alert]")) return true;
  return !!document.activeElement?.closest("main form, main dialog");
}

function announce(position) {
  let p = document.getElementById("newer");
  if (!p) {
    p = document.createElement("p");
    p.id = "newer";
    p.className = "notice warn";
    p.setAttribute("role", "status");
    document.getElementById("main").prepend(p);
  }
  p.textContent = `Event ${position} was recorded meanwhile. `;
  const again = document.createElement("a");
  again.href = location.href;
  again.textContent = "Show the page anew";
  p.append(again);
}

document.addEventListener("input", (e) => e.target.closest("main form:not(.filters)")?.setAttribute("data-busy", ""));

// What somebody unfolded would fold again.
document.addEventListener("click", (e) => e.target.closest("main summary")?.parentElement.setAttribute("data-unfolded", ""));

// Keys: / filter, g and a letter, [ and ] to the event before and after, ? help. Single keys can be switched off (WCAG 2.1.4).
const off = () => { try { return localStorage.getItem("permledger-keys") === "off"; } catch { return false; } };
const places = { o: "overview", r: "roles", m: "members", k: "keys", p: "policies", t: "tokens", e: "access", h: "history", w: "reviews", v: "verify", x: "exports", s: "streams", a: "activity" };
let afterG = 0;
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || off() || e.target.closest?.("input, select, textarea, [contenteditable]")) return;
  const go = (selector) => { const a = document.querySelector(selector); if (a) { e.preventDefault(); a.click(); } };
  if (Date.now() - afterG < 1500 && places[e.key]) {
    afterG = 0;
    go(`.top nav a[href*="/${places[e.key]}"]`);
    return;
  }
  afterG = 0;
  switch (e.key) {
    case "g": afterG = Date.now(); break;
    case "/": { const f = document.querySelector("main [data-filter], main input[type=search]"); if (f) { e.preventDefault(); f.focus(); } break; }
    case "[": go("main [rel=prev]"); break;
    case "]": go("main [rel=next]"); break;
    case "?": go('a[href$="/help"]'); break;
  }
});

// Who fills in a field that belongs to a choice means that choice: <input data-picks="radio-id">.
document.addEventListener("input", (e) => {
  const choice = e.target.dataset?.picks && document.getElementById(e.target.dataset.picks);
  if (choice && e.target.value) choice.checked = true;
});

// A filter hides the rows that do not hold what is typed: <input data-filter="id">. A group without rows is hidden, too.
document.addEventListener("input", (e) => {
  const table = e.target.dataset?.filter && document.getElementById(e.target.dataset.filter);
  if (!table) return;
  const wanted = e.target.value.toLowerCase().trim().split(/\s+/);
  for (const row of table.querySelectorAll("tbody tr:not(.group), [data-row]")) {
    const text = (row.closest(".matrix") ? row.cells[0] : row).textContent.toLowerCase();
    row.hidden = !wanted.every((w) => text.includes(w));
  }
  for (const group of table.querySelectorAll("fieldset, tbody:has(> .group)")) {
    group.hidden = !group.querySelector("tr:not(.group, [hidden]), [data-row]:not([hidden])");
    const closed = wanted[0] && group.querySelector("details:not([open])");
    if (closed && !group.hidden) closed.open = true;
  }
});

// A form with data-pending says in its output what is chosen and not sent yet, as "+ a, − b": the boxes that are otherwise than
// data-had says they were.
function pending(form) {
  const boxes = [...form.querySelectorAll("input[type=checkbox][data-name]")];
  const names = (sign, some) => some.map((b) => sign + b.dataset.name);
  const all = [
    ...names("+ ", boxes.filter((b) => b.checked && b.dataset.had === undefined)),
    ...names("− ", boxes.filter((b) => !b.checked && b.dataset.had !== undefined)),
  ];
  const shown = form.querySelector("[data-pending-shown]");
  const text = all.length ? all.slice(0, 12).join(", ") + (all.length > 12 ? ` and ${all.length - 12} more` : "") : "Nothing is changed yet.";
  if (shown && shown.textContent !== text) shown.textContent = text;
  for (const count of form.querySelectorAll("[data-count]")) {
    const group = [...count.closest("fieldset").querySelectorAll("input[type=checkbox]")];
    count.textContent = `${group.filter((b) => b.checked).length}/${group.length}`;
  }
}
document.addEventListener("change", (e) => {
  const form = e.target.closest?.("form[data-pending]");
  if (form) pending(form);
});

// The switch for keys, of the help page.
document.addEventListener("change", (e) => {
  if (e.target.dataset?.keys === undefined) return;
  try { localStorage.setItem("permledger-keys", e.target.checked ? "on" : "off"); } catch { /* it stays for this page */ }
});

// <button data-all="fieldset-id"> and data-none choose all or none of a group; <button data-copy="text"> copies.
document.addEventListener("click", (e) => {
  const b = e.target.closest("button");
  if (!b) return;
  const group = b.dataset.all ?? b.dataset.none;
  if (group !== undefined) {
    e.preventDefault();
    for (const c of document.getElementById(group).querySelectorAll("input[type=checkbox]:not(:disabled)")) {
      if (!c.closest("[hidden]") && c.checked !== (b.dataset.all !== undefined)) c.click();
    }
  }
  if (b.dataset.copy !== undefined) {
    e.preventDefault();
    navigator.clipboard?.writeText(b.dataset.copy).then(() => { b.textContent = "Copied"; });
  }
});

// setUp is what each page needs once it is there: what only script can do is shown, local times are titles.
const modules = [], started = new WeakSet();
export function onPage(f) { modules.push(f); f(); }
function setUp() {
  follow();
  for (const e of document.querySelectorAll("[data-script]")) e.hidden = false;
  for (const form of document.querySelectorAll("form[data-pending]")) pending(form);
  for (const box of document.querySelectorAll("[data-keys]")) box.checked = !off();
  for (const t of document.querySelectorAll("main time[datetime]:not([title])")) {
    const d = new Date(t.getAttribute("datetime"));
    if (!isNaN(d)) t.title = d.toLocaleString() + " here";
  }
  for (const f of modules) f();
  for (const e of document.querySelectorAll("[data-module]")) { // what one page alone takes comes with it
    if (started.has(e)) continue;
    started.add(e);
    import(e.dataset.module).then((m) => m.default(e));
  }
}
setUp();
