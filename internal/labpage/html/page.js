const claims = new Claims(document.getElementById("claims"));
const players = new Map(), diagrams = new Map();

// Pictures come to life when they come near: ten releases of them at once
// would make a page that opens slowly.
const near = new IntersectionObserver((entries) => {
  for (const e of entries) if (e.isIntersecting) wake(e.target);
}, { rootMargin: "600px" });

function wake(node) {
  near.unobserve(node);
  if (node.matches(".map")) {
    if (!players.has(node.dataset.map)) players.set(node.dataset.map, new MapPlayer(node));
  } else if (!diagrams.has(node.dataset.diagram)) {
    diagrams.set(node.dataset.diagram, new Diagram(node));
  }
}
for (const node of document.querySelectorAll(".map, .diagram")) near.observe(node);
addEventListener("beforeprint", () => { for (const node of document.querySelectorAll(".map")) if (node.offsetParent) wake(node); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const d of diagrams.values()) d.restyle(); });

// showRelease brings the panes of a release to the front.
function showRelease(root, label) {
  for (const input of root.querySelectorAll(".tabs > input")) {
    if (input.dataset.releases.split(" ").includes(label)) input.checked = true;
  }
}

// arrive shows what an address names: it opens all that folds it away.
function arrive(id, focus) {
  const node = id && document.getElementById(id);
  if (!node) return;
  for (let n = node; n; n = n.parentElement?.closest("details")) if (n.matches("details")) n.open = true;
  if (node.matches(".claim")) claims.reveal(node);
  node.scrollIntoView({ block: "start" });
  if (focus) node.querySelector("summary, a, button")?.focus({ preventScroll: true });
}

function fromHash() {
  let id = location.hash.slice(1);
  try {
    id = decodeURIComponent(id);
  } catch {
    // an address that somebody mangled
  }
  arrive(id, false);
}
addEventListener("hashchange", fromHash);
fromHash();

document.addEventListener("click", (e) => {
  const a = e.target.closest('a[href^="#"]');
  if (!a || e.ctrlKey || e.metaKey || e.shiftKey) return;
  const id = decodeURIComponent(a.hash.slice(1)), node = document.getElementById(id);
  if (a.dataset.verdict) claims.only(a.dataset.verdict);
  const release = a.closest("[data-release]")?.dataset.release;
  if (node && release) showRelease(node, release);
  // The same address twice is no change of it, and still somebody asks.
  if (a.hash === location.hash) arrive(id, true);
});

// An open claim puts its address into the bar, so that it can be sent as is.
for (const row of document.querySelectorAll(".claim > summary")) {
  row.addEventListener("click", () => {
    if (!row.parentElement.open) history.replaceState(null, "", "#" + encodeURIComponent(row.parentElement.id));
  });
}

document.addEventListener("keydown", (e) => {
  if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input, select, textarea")) return;
  e.preventDefault();
  claims.query.focus();
});

// A button copies the code beside it.
for (const b of document.querySelectorAll("[data-copy]")) {
  b.addEventListener("click", () => {
    b.dataset.copy = b.parentElement.querySelector("code, pre").textContent;
    copy(b);
  });
}
for (const b of document.querySelectorAll("[data-link]")) {
  const text = b.textContent;
  b.addEventListener("click", async () => {
    b.dataset.copy = location.href.split("#")[0] + "#" + encodeURIComponent(b.dataset.link);
    await copy(b);
    setTimeout(() => { b.textContent = text; }, 1700);
  });
}
