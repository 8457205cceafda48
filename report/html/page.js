const diagrams = new Map();
for (const root of document.querySelectorAll(".diagram")) {
  const article = root.closest(".finding");
  const diagram = new Diagram(root);
  diagrams.set(article.id, diagram);
  for (const b of article.querySelectorAll("[data-jump]")) {
    b.addEventListener("click", () => {
      const point = Number(b.dataset.jump);
      diagram.select(point);
      diagram.root.scrollIntoView({ block: "nearest" });
      diagram.canvas.focus({ preventScroll: true });
    });
  }
}
for (const b of document.querySelectorAll("[data-copy]")) b.addEventListener("click", () => copy(b));

// Choosing a finding from the list puts the keys on its diagram.
for (const a of document.querySelectorAll('a[href^="#f"]')) {
  a.addEventListener("click", () => {
    const d = diagrams.get(a.hash.slice(1));
    if (d) setTimeout(() => d.canvas.focus({ preventScroll: true }));
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const d of diagrams.values()) d.restyle(); });
