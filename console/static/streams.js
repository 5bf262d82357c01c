// The button that holds the newest lines still: while it is pressed the page says that there is more, and shows it when asked.
export default function start(part) {
  const button = part.querySelector("[data-pause]");
  button.addEventListener("click", () => {
    const main = document.getElementById("main");
    const paused = main.dataset.live !== "off";
    if (paused) main.dataset.live = "off";
    else delete main.dataset.live;
    button.setAttribute("aria-pressed", String(paused));
    if (!paused) document.querySelector("#newer a")?.click();
  });
}
