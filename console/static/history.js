// The slider of moments: it says where it stands while it moves, and the page follows it. Its focus stays. The number field beside it does
// the same without script.
let timer = 0;

document.addEventListener("input", (e) => {
  const s = e.target;
  if (!(s instanceof HTMLInputElement) || s.dataset.travel === undefined) return;
  s.setAttribute("aria-valuetext", `event ${s.value}`);
  const n = document.getElementById("event");
  if (n) n.value = s.value;
  clearTimeout(timer);
  timer = setTimeout(() => go(s), 150);
});

// go shows the moment that the slider stands at: at its end that is now, whatever comes.
function go(s) {
  const to = s.value === s.max ? s.dataset.live : s.dataset.travel.replace("POSITION", s.value);
  if (to === location.pathname + location.search) return;
  htmx.ajax("GET", to, { target: "body", swap: "innerMorph", push: "true" });
}
