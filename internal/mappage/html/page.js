// The picture: groups of eight slots, four wide and two high, part after part.
class Memory {
  constructor(canvas, data, told) {
    this.canvas = canvas;
    this.data = data;
    this.told = told;
    const raw = atob(data.slots);
    this.slots = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) this.slots[i] = raw.charCodeAt(i);
    this.at = -1;
    canvas.addEventListener("pointermove", (e) => this.point(e));
    canvas.addEventListener("pointerdown", (e) => this.point(e));
    canvas.addEventListener("keydown", (e) => this.key(e));
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.draw();
  }
  kind(slot) { return this.slots[slot >> 1] >> (slot & 1 ? 4 : 0) & 15; }
  // A part begins a line of its own unless there are many or squares are small.
  layout(width) {
    const groups = this.slots.length / 4;
    this.size = 1;
    for (const s of [12, 9, 7, 5, 4, 3, 2]) if (groups * (4 * s + 2) * (2 * s + 2) < 1e6) { this.size = s; break; }
    this.gap = this.size > 2 ? 2 : this.size > 1 ? 1 : 0;
    this.w = 4 * this.size + this.gap;
    this.h = 2 * this.size + this.gap;
    this.columns = Math.max(1, Math.floor(width / this.w));
    this.apart = this.data.parts.length <= 64 && this.size > 2;
    this.rows = []; // of each part: its first group, and the place of that
    let first = 0, place = 0, y = 0;
    for (const p of this.data.parts) {
      this.rows.push({ part: p, first, place, y });
      first += p.groups;
      if (this.apart) y += Math.ceil(p.groups / this.columns) * this.h + 6;
      else place += p.groups;
    }
    return this.apart ? y : Math.ceil(place / this.columns) * this.h;
  }
  draw() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    const height = Math.max(this.layout(width), this.h);
    const ratio = Math.max(1, Math.min(devicePixelRatio || 1, 8192 / height));
    this.ratio = ratio;
    this.canvas.style.height = height + "px";
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    // The slots are drawn once; what is selected is drawn over a copy.
    this.drawn = document.createElement("canvas");
    this.drawn.width = this.canvas.width;
    this.drawn.height = this.canvas.height;
    const c = this.drawn.getContext("2d");
    c.scale(ratio, ratio);
    const css = getComputedStyle(document.documentElement);
    const colours = [0, 1, 2, 3, 4].map((k) => css.getPropertyValue("--k" + k).trim());
    if (this.size <= 2) {
      c.imageSmoothingEnabled = false;
      c.drawImage(this.pixels(Math.floor(width), Math.ceil(height), colours), 0, 0);
      this.mark();
      return;
    }
    // Kind by kind, so that the colour changes five times.
    for (let k = 0; k < 5; k++) {
      c.fillStyle = colours[k];
      for (const row of this.rows) for (let g = 0; g < row.part.groups; g++) {
        const n = row.place + g, x = (n % this.columns) * this.w, y = row.y + Math.floor(n / this.columns) * this.h;
        for (let i = 0; i < 8; i++) if (this.kind(8 * (row.first + g) + i) === k) {
          const s = this.size;
          c.fillRect(x + (i % 4) * s, y + (i >> 2) * s, s > 3 ? s - 1 : s, s > 3 ? s - 1 : s);
        }
      }
    }
    this.mark();
  }
  // Millions of squares of a pixel or two are written as pixels.
  pixels(width, height, colours) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const c = canvas.getContext("2d", { willReadFrequently: true });
    const inks = colours.map((colour) => { c.fillStyle = colour; c.fillRect(0, 0, 1, 1); return new Uint32Array(c.getImageData(0, 0, 1, 1).data.buffer)[0]; });
    const image = c.createImageData(width, height), to = new Uint32Array(image.data.buffer), s = this.size;
    for (const row of this.rows) for (let g = 0; g < row.part.groups; g++) {
      const n = row.place + g, x = (n % this.columns) * this.w, y = row.y + Math.floor(n / this.columns) * this.h;
      for (let i = 0; i < 8; i++) {
        const ink = inks[this.kind(8 * (row.first + g) + i)], at = (y + (i >> 2) * s) * width + x + (i % 4) * s;
        for (let dy = 0; dy < s; dy++) for (let dx = 0; dx < s; dx++) to[at + dy * width + dx] = ink;
      }
    }
    c.putImageData(image, 0, 0);
    return canvas;
  }
  mark() {
    if (!this.drawn) return;
    const c = this.canvas.getContext("2d"), css = getComputedStyle(document.documentElement);
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    c.drawImage(this.drawn, 0, 0);
    c.scale(this.ratio, this.ratio);
    if (this.at >= 0) {
      const { x, y } = this.place(this.at);
      c.strokeStyle = css.getPropertyValue("--select").trim();
      c.lineWidth = 2;
      c.strokeRect(x - 1, y - 1, this.size + 1, this.size + 1);
    }
  }
  row(group) {
    let lo = 0, hi = this.rows.length - 1;
    while (lo < hi) { const m = (lo + hi + 1) >> 1; if (this.rows[m].first <= group) lo = m; else hi = m - 1; }
    return this.rows[lo];
  }
  place(slot) {
    const group = slot >> 3, i = slot & 7, row = this.row(group), n = row.place + group - row.first;
    return { x: (n % this.columns) * this.w + (i % 4) * this.size, y: row.y + Math.floor(n / this.columns) * this.h + (i >> 2) * this.size };
  }
  point(e) {
    const box = this.canvas.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
    let row = this.rows[0];
    if (this.apart) for (const r of this.rows) if (r.y <= y) row = r;
    const column = Math.floor(x / this.w), line = Math.floor((y - row.y) / this.h);
    if (column >= this.columns) return;
    let n = line * this.columns + column;
    if (!this.apart) row = this.row(n);
    n -= row.place;
    if (n < 0 || n >= row.part.groups) return;
    const i = Math.min(3, Math.floor((x % this.w) / this.size)) + 4 * Math.min(1, Math.floor(((y - row.y) % this.h) / this.size));
    this.select(8 * (row.first + n) + i);
  }
  key(e) {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[e.key];
    if (!step) return;
    e.preventDefault();
    this.select(Math.max(0, Math.min(this.slots.length * 2 - 1, this.at < 0 ? 0 : this.at + step)));
  }
  select(slot) {
    if (slot === this.at) return;
    this.at = slot;
    const group = slot >> 3, row = this.row(group), n = group - row.first, p = row.part;
    const names = ["empty", "full", "deleted, nothing left", "evacuated", "no entry, and yet a key or an element is left"];
    let text = `${p.name}, group ${(n * this.data.scale).toLocaleString("en")}`;
    if (this.data.scale > 1) text += ` and ${this.data.scale - 1} more`;
    else text += `, slot ${slot & 7}: ${names[this.kind(slot)]}`;
    if (p.addr && (p.stride || n === 0)) text += `; group at 0x${(BigInt(p.addr) + BigInt(n) * BigInt(p.stride || 0)).toString(16)}`;
    this.told.textContent = text;
    this.canvas.dataset.slot = slot;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.mark());
  }
}

const slots = document.getElementById("slots");
if (slots) new Memory(document.querySelector("canvas.slots"), JSON.parse(slots.textContent), document.querySelector(".told"));
for (const node of document.querySelectorAll(".diagram")) new Diagram(node);

for (const table of document.querySelectorAll(".sortable")) {
  const heads = [...table.querySelectorAll("th")];
  heads.forEach((head, i) => {
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      const value = (tr) => tr.children[i].dataset.v;
      const rows = [...table.tBodies[0].rows].sort((a, b) => (i ? value(b) - value(a) : value(b).localeCompare(value(a))) * (down ? 1 : -1));
      table.tBodies[0].append(...rows);
      for (const h of heads) h.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); sort(); } });
  });
}
