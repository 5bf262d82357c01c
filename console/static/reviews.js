// Keys for deciding the items of an access review: k keeps and r revokes the row that has the focus, and goes on to the next; and a
// button for all rows of a page. Without script each row has its own buttons.

const keysOff = () => { try { return localStorage.getItem("permledger-keys") === "off"; } catch { return false; } };
const choices = (row) => [...row.querySelectorAll("input[type=radio]")];
const rows = () => [...document.querySelectorAll("table.decide tbody tr")].filter((row) => choices(row).length && !row.hidden);

function choose(row, value) {
  const box = choices(row).find((c) => c.value === value);
  if (!box) return;
  box.checked = true;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
}

document.addEventListener("keydown", (e) => {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || keysOff() || (e.key !== "k" && e.key !== "r")) return;
  if (e.target.closest?.("input:not([type=radio]), select, textarea, [contenteditable]")) return;
  const all = rows();
  if (!all.length) return;
  const here = all.indexOf(e.target.closest?.("tr"));
  e.preventDefault();
  if (here < 0) {
    choices(all[0])[0].focus();
    return;
  }
  choose(all[here], e.key === "k" ? "keep" : "revoke");
  const next = all[here + 1];
  if (next) choices(next).find((c) => c.checked)?.focus();
});

export default function start(part) {
  part.addEventListener("click", (e) => {
    const value = e.target.closest("button")?.dataset.choose;
    if (value === undefined) return;
    for (const row of rows()) choose(row, value);
    e.target.focus();
  });
}
