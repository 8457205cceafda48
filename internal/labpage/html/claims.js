const NAMES = table({
  "v-confirmed": "confirmed", "v-refuted": "refuted", "v-racy": "only in a racy program", "v-notseen": "not seen", "v-unknown": "unknown",
});

// Claims is the list of claims with its filter: words, verdicts, and the
// release whose verdicts count.
class Claims {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector(".filter");
    this.rows = [...root.querySelectorAll(".claim")].map((row) => ({
      row, overall: row.dataset.v, each: row.dataset.r,
      text: row.querySelector("summary").textContent.replace(/\s+/g, " ").toLowerCase(),
    }));
    this.query = this.form.querySelector("#q");
    this.release = this.form.querySelector("#release");
    this.boxes = [...this.form.querySelectorAll("[name=v]")];
    this.form.hidden = false;
    root.addEventListener("pointerover", (e) => {
      const cell = e.target.closest?.(".strip i[data-r]");
      if (cell && !cell.title) cell.title = `Go ${cell.dataset.r}: ${NAMES[cell.className.split(" ")[0]]}`;
    });
    this.form.addEventListener("submit", (e) => e.preventDefault());
    this.form.addEventListener("input", () => this.apply());
    this.form.addEventListener("reset", () => setTimeout(() => this.apply()));
    for (const b of root.querySelectorAll("[data-reset]")) b.addEventListener("click", () => this.reset());
    this.apply();
  }

  reset() {
    this.form.reset();
    this.apply();
  }

  // only shows the claims of one verdict.
  only(code) {
    this.form.reset();
    for (const b of this.boxes) b.checked = b.value === code;
    this.apply();
  }

  apply() {
    const words = this.query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(this.boxes.filter((b) => b.checked).map((b) => b.value));
    const at = this.release.value === "" ? -1 : Number(this.release.value);
    let shown = 0;
    for (const r of this.rows) {
      // "d" is a verdict over releases: such a claim stays one on each of them.
      const hit = verdicts.size === 0 || verdicts.has(at < 0 ? r.overall : r.each[at]) || (at >= 0 && verdicts.has("d") && r.overall === "d");
      const show = hit && words.every((w) => r.text.includes(w));
      r.row.hidden = !show;
      if (show) shown++;
    }
    for (const c of this.root.querySelectorAll(".chapter")) c.hidden = !c.querySelector(".claim:not([hidden])");
    this.root.classList.toggle("by-release", at >= 0);
    for (const s of this.root.querySelectorAll(".strip")) {
      [...s.children].forEach((cell, i) => cell.classList.toggle("at", i === at));
    }
    const filtered = words.length > 0 || verdicts.size > 0 || at >= 0;
    this.form.querySelector("[type=reset]").hidden = !filtered;
    this.form.querySelector(".count").textContent = shown === this.rows.length ? `${shown} claims` : `${shown} of ${this.rows.length} claims`;
    this.root.querySelector(".nothing").hidden = shown > 0 || this.rows.length === 0;
  }

  // reveal makes a row visible, whatever the filter says.
  reveal(row) {
    if (row.hidden) this.reset();
  }
}
