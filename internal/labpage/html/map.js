const SLOTS = table({ "#": "s-full", ".": "s-empty", ">": "s-moved", x: "s-dead", r: "s-residue" });
const SLOT_NAMES = table({ "#": "full", ".": "empty", ">": "moved away", x: "deleted", r: "empty, key still readable" });

// framesOf puts the frames together again: each holds only what differs from
// the array of the same name and size before it.
function framesOf(data) {
  let before = new Map();
  return data.frames.map((f) => {
    const now = new Map();
    const arrays = f.a.map((a) => {
      const old = before.get(a.n);
      const base = old && old.groups.length === a.c ? old : { groups: [], control: [] };
      const merged = { name: a.n, groups: [], control: [], chains: a.l || {}, changed: new Set() };
      for (let i = 0; i < a.c; i++) {
        merged.groups.push(a.g?.[i] ?? base.groups[i] ?? "");
        merged.control.push(a.w?.[i] ?? base.control[i] ?? "");
      }
      now.set(a.n, merged);
      return merged;
    });
    before = now;
    return { note: f.n, arrays };
  });
}

// MapPlayer steps through the frames of a map.
class MapPlayer {
  constructor(root) {
    this.root = root;
    this.frames = framesOf(JSON.parse(document.getElementById(root.dataset.map).textContent));
    this.note = root.querySelector(".step-note");
    this.stage = root.querySelector(".arrays");
    this.control = element("p", "control");
    this.control.setAttribute("aria-live", "polite");
    this.timer = 0;
    this.arrays = [];
    root.querySelector(".key").remove();
    root.querySelector(".roles").hidden = false;
    this.stage.after(this.control);
    if (this.frames.length > 1) root.prepend(this.controls());
    this.show(Number(root.dataset.shown));
    this.stage.addEventListener("pointerover", (e) => this.tell(e.target));
    this.stage.addEventListener("click", (e) => this.tell(e.target));
    this.stage.addEventListener("focusin", (e) => this.tell(e.target));
  }

  controls() {
    const bar = element("div", "player");
    const button = (text, name, act) => {
      const b = element("button", "", text);
      b.type = "button";
      b.setAttribute("aria-label", name);
      b.addEventListener("click", act);
      return b;
    };
    this.play = button("▶\uFE0E", "Play", () => this.toggle());
    this.slider = element("input");
    Object.assign(this.slider, { type: "range", min: 0, max: this.frames.length - 1, step: 1 });
    this.slider.setAttribute("aria-label", "Step");
    this.slider.addEventListener("input", () => {
      this.stop();
      this.show(Number(this.slider.value));
    });
    this.place = element("span", "at");
    bar.append(this.play,
      button("←", "Previous step", () => this.step(-1)), this.slider,
      button("→", "Next step", () => this.step(1)), this.place);
    // The slider has the arrow keys already; here they work from its buttons.
    bar.addEventListener("keydown", (e) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!by || e.target === this.slider) return;
      e.preventDefault();
      this.step(by);
    });
    return bar;
  }

  step(by) {
    this.stop();
    this.show(Math.min(Math.max(this.at + by, 0), this.frames.length - 1));
  }

  toggle() {
    if (this.timer) return this.stop();
    if (!this.played || this.at === this.frames.length - 1) this.show(0);
    this.played = true;
    this.play.textContent = "❚❚";
    this.play.setAttribute("aria-label", "Pause");
    // All of it in about 15 seconds, and each step long enough to be read.
    const pause = Math.min(Math.max(15000 / this.frames.length, 350), 1200);
    this.timer = setInterval(() => {
      if (this.at === this.frames.length - 1) return this.stop();
      this.show(this.at + 1);
    }, pause);
  }

  stop() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = "▶\uFE0E";
    this.play.setAttribute("aria-label", "Play");
  }

  show(n) {
    const frame = this.frames[n], before = this.frames[n - 1];
    this.at = n;
    this.root.dataset.at = n;
    this.note.textContent = frame.note;
    if (this.slider) {
      this.slider.value = n;
      this.slider.setAttribute("aria-valuetext", `${n + 1}: ${frame.note}`);
      this.place.textContent = `${n + 1} of ${this.frames.length}`;
    }
    frame.arrays.forEach((a, i) => {
      let view = this.arrays[i];
      if (!view || view.name !== a.name || view.groups.length !== a.groups.length) {
        const fresh = this.build(a);
        if (view) view.node.replaceWith(fresh.node); else this.stage.append(fresh.node);
        this.arrays[i] = view = fresh;
      }
      this.paint(view, a, before?.arrays.find((b) => b.name === a.name && b.groups.length === a.groups.length));
    });
    while (this.arrays.length > frame.arrays.length) this.arrays.pop().node.remove();
    if (this.shown) this.describe(...this.shown);
  }

  build(a) {
    // What was there for readers without scripts goes when the first is built.
    for (const old of this.stage.querySelectorAll("pre")) old.parentElement.remove();
    const node = element("div", "array"), list = element("div", "groups");
    const title = element("h5", "", a.name + " ");
    title.append(element("span", "dim", `${a.groups.length} ${this.root.dataset.word}${a.groups.length === 1 ? "" : "s"}`));
    const groups = a.groups.map((g, i) => {
      const box = element("div", "group");
      box.dataset.group = i;
      box.tabIndex = i === 0 ? 0 : -1;
      const slots = [...g].map(() => element("i", "slot"));
      box.append(element("b", "", String(i)), ...slots);
      list.append(box);
      return { box, slots, chain: null };
    });
    list.addEventListener("keydown", (e) => this.walk(e, groups));
    node.append(title, list);
    return { name: a.name, node, groups };
  }

  // walk moves between the groups of an array by arrow keys, so that Tab
  // passes it in one step.
  walk(e, groups) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[e.key];
    const from = groups.findIndex((g) => g.box === e.target);
    const to = groups[from + by];
    if (!by || from < 0 || !to) return;
    e.preventDefault();
    groups[from].box.tabIndex = -1;
    to.box.tabIndex = 0;
    to.box.focus();
  }

  paint(view, a, before) {
    view.data = a;
    view.groups.forEach((g, i) => {
      const now = a.groups[i], old = before?.groups[i];
      g.slots.forEach((s, j) => {
        const name = "slot " + (SLOTS[now[j]] || "s-empty") + (old !== undefined && old[j] !== now[j] ? " is-new" : "");
        if (s.className !== name) s.className = name;
      });
      const behind = a.chains[i] || 0;
      if (behind > 0 && !g.chain) g.box.append(g.chain = element("em"));
      if (g.chain) g.chain.textContent = behind > 0 ? "+" + behind : "";
    });
  }

  tell(target) {
    const box = target.closest?.(".group");
    if (!box) return;
    const view = this.arrays.find((v) => v.node.contains(box));
    if (view) this.describe(view, Number(box.dataset.group));
  }

  describe(view, i) {
    for (const g of this.root.querySelectorAll(".group.is-on")) g.classList.remove("is-on");
    const slots = view.data.groups[i];
    if (!this.arrays.includes(view) || slots === undefined) {
      this.shown = null;
      this.control.textContent = "";
      return;
    }
    this.shown = [view, i];
    view.groups[i].box.classList.add("is-on");
    const count = table({});
    for (const s of slots) count[s] = (count[s] || 0) + 1;
    const states = Object.keys(SLOT_NAMES).filter((s) => count[s]).map((s) => `${count[s]} ${SLOT_NAMES[s]}`);
    const word = view.data.control[i], behind = view.data.chains[i];
    this.control.textContent = [
      `${view.name}, ${this.root.dataset.word} ${i}: ${states.join(", ")}`,
      word ? `control ${word.match(/../g).join(" ")}` : "",
      behind ? `${behind} overflow behind it` : "",
    ].filter(Boolean).join(" · ");
  }
}
