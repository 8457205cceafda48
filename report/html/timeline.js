// Diagram ties a timeline to its canvas, its panel and the keyboard.
class Diagram {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector(".plot canvas");
    this.panel = root.querySelector(".panel");
    this.tip = root.querySelector(".tip");
    this.announcement = root.querySelector(".announce");
    this.timeline = new Timeline(JSON.parse(document.getElementById(root.dataset.diagram).textContent));
    this.view = new View(this.timeline);
    this.painter = new Painter(this.canvas, this.timeline, this.view);
    this.selected = -1;
    this.hovered = -1;
    this.pending = false;
    this.legend();
    this.listen();
    this.resize();
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement);
  }

  resize() {
    const before = this.view.width, centre = this.view.toX(before / 2);
    if (!this.painter.measure()) return;
    if (this.selected < 0) this.open();
    else this.view.left = centre - this.view.width / this.view.scale / 2;
    this.view.clamp();
    this.redraw();
  }

  // open shows what matters first: the marked operations, close enough to read,
  // and everything if there is little.
  open() {
    const marks = this.timeline.landmarks();
    if (marks.length === 0 || this.timeline.count * 12 < this.view.width) {
      this.view.fit();
    } else {
      this.view.show(Math.min(...marks), Math.max(...marks), this.view.closeness(46));
      this.view.reveal(marks[0]);
    }
    this.select(marks.length > 0 ? marks[0] : 0, true);
  }

  // redraw draws before the next frame, however often it is called until then.
  // The attributes show the state to tests and to style sheets.
  redraw() {
    const d = this.root.dataset;
    d.selected = this.selected;
    d.scale = this.view.scale.toPrecision(6);
    d.left = this.view.left.toPrecision(9);
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.painter.draw(this.selected, this.hovered);
    });
  }

  select(point, quiet) {
    this.selected = point;
    if (!quiet) this.view.reveal(point);
    this.revealLane(this.timeline.lane[point]);
    this.fillPanel(point);
    if (!quiet) this.announcement.textContent = this.sentence(point);
    this.redraw();
  }

  revealLane(lane) {
    const p = this.painter, room = p.row * 2.5, y = (lane + 0.5) * p.row;
    this.view.top = Math.min(Math.max(this.view.top, y + room - p.rows), y - room);
    this.clampTop();
  }

  clampTop() {
    const p = this.painter;
    this.view.top = Math.min(Math.max(this.view.top, 0), Math.max(0, this.timeline.lanes.length * p.row - p.rows));
  }

  sentence(i) {
    const t = this.timeline, mark = t.marks.get(i);
    const frame = place(t.stack(i));
    return [t.laneName(i), t.when(i), t.op(i), t.text(i), mark ? MARKS[mark] || mark : "", frame ? frame.place : ""].filter(Boolean).join(", ");
  }

  step(by) {
    this.select(Math.min(Math.max(this.selected + by, 0), this.timeline.count - 1));
  }

  // sideways selects the closest operation in the next lane that has any.
  sideways(by) {
    const t = this.timeline;
    for (let lane = t.lane[this.selected] + by; lane >= 0 && lane < t.lanes.length; lane += by) {
      const point = t.nearest(lane, t.x[this.selected]);
      if (point >= 0) return this.select(point);
    }
  }

  ghost() {
    const marks = this.timeline.landmarks();
    if (marks.length === 0) return;
    const next = marks[(marks.indexOf(this.selected) + 1) % marks.length];
    if (this.view.scale < this.view.closeness(14)) {
      this.view.scale = this.view.closeness(30);
      this.view.clamp();
      this.view.left = this.timeline.x[next] - this.view.width / this.view.scale / 2;
      this.view.clamp();
    }
    this.select(next);
  }

  zoom(factor) {
    const at = this.painter.pointX(this.selected) - this.painter.gutter;
    this.view.zoom(factor, at >= 0 && at <= this.view.width ? at : this.view.width / 2);
    this.redraw();
  }

  do(action) {
    switch (action) {
      case "previous": return this.step(-1);
      case "next": return this.step(1);
      case "up": return this.sideways(-1);
      case "down": return this.sideways(1);
      case "first": return this.select(0);
      case "last": return this.select(this.timeline.count - 1);
      case "ghost": return this.ghost();
      case "in": return this.zoom(1.5);
      case "out": return this.zoom(1 / 1.5);
      case "fit": this.view.fit(); return this.redraw();
      case "help": {
        const keys = this.root.querySelector(".keys");
        keys.hidden = !keys.hidden;
        this.root.querySelector("[data-do=help]").setAttribute("aria-expanded", String(!keys.hidden));
      }
    }
  }

  listen() {
    const keys = {
      ArrowLeft: "previous", ArrowRight: "next", ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last",
      g: "ghost", "+": "in", "=": "in", "-": "out", "0": "fit", "?": "help",
    };
    this.canvas.addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
      e.preventDefault();
      this.hideTip();
      this.do(keys[e.key]);
    });
    for (const b of this.root.querySelectorAll("[data-do]")) b.addEventListener("click", () => this.do(b.dataset.do));
    this.canvas.addEventListener("pointerdown", (e) => this.press(e));
    this.canvas.addEventListener("pointermove", (e) => this.hover(e));
    this.canvas.addEventListener("pointerleave", () => this.hideTip());
    this.canvas.addEventListener("dblclick", (e) => {
      this.view.zoom(2, e.offsetX - this.painter.gutter);
      this.redraw();
    });
    this.canvas.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
  }

  // wheel zooms once the diagram has been chosen by a click or by Tab. Before
  // that the wheel belongs to the page: a long report must scroll past its
  // diagrams without falling into one.
  wheel(e) {
    if (document.activeElement !== this.canvas && !e.ctrlKey) return;
    e.preventDefault();
    this.hideTip();
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) this.view.pan(e.deltaX);
    else if (e.shiftKey) this.view.pan(e.deltaY);
    else this.view.zoom(Math.exp(-Math.max(-300, Math.min(300, e.deltaY)) * 0.002), e.offsetX - this.painter.gutter);
    this.redraw();
  }

  press(e) {
    if (e.button !== 0) return;
    this.canvas.setPointerCapture(e.pointerId);
    const start = { x: e.offsetX, y: e.offsetY }, strip = e.offsetY >= this.painter.overviewTop;
    let lastX = start.x, lastY = start.y, moved = false;
    const centre = (x) => {
      this.view.left = this.painter.shareToX(x) - this.view.width / this.view.scale / 2;
      this.view.clamp();
      this.redraw();
    };
    if (strip) centre(start.x);
    const move = (m) => {
      if (strip) return centre(m.offsetX);
      if (!moved && Math.hypot(m.offsetX - start.x, m.offsetY - start.y) < 4) return;
      moved = true;
      this.hideTip();
      this.view.pan(lastX - m.offsetX);
      this.view.top += lastY - m.offsetY;
      this.clampTop();
      lastX = m.offsetX;
      lastY = m.offsetY;
      this.redraw();
    };
    const up = (u) => {
      this.canvas.removeEventListener("pointermove", move);
      this.canvas.removeEventListener("pointerup", up);
      this.canvas.removeEventListener("pointercancel", up);
      if (moved || strip || u.type === "pointercancel") return;
      const point = this.painter.hit(start.x, start.y);
      if (point >= 0) this.select(point);
    };
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerup", up);
    this.canvas.addEventListener("pointercancel", up);
  }

  hover(e) {
    if (e.buttons !== 0) return;
    const point = this.painter.hit(e.offsetX, e.offsetY);
    if (point < 0) return this.hideTip();
    if (point !== this.hovered) {
      this.hovered = point;
      this.fillTip(point);
      this.fillPanel(point);
      this.redraw();
    }
    this.tip.hidden = false;
    const plot = this.canvas.parentElement;
    const x = this.painter.pointX(point), y = this.painter.pointY(point);
    this.tip.style.left = Math.max(6, Math.min(x - 20, plot.clientWidth - this.tip.offsetWidth - 6)) + "px";
    this.tip.style.top = (y + 20) + "px";
  }

  hideTip() {
    if (this.hovered < 0) return;
    this.hovered = -1;
    this.tip.hidden = true;
    this.fillPanel(this.selected);
    this.redraw();
  }

  heading(i, tag) {
    const t = this.timeline, mark = t.marks.get(i);
    return element(tag, mark ? "m-" + mark : "", [t.op(i), t.text(i)].filter(Boolean).join(" "));
  }

  facts(i) {
    const t = this.timeline, mark = t.marks.get(i);
    return element("p", "facts", [mark ? MARKS[mark] || mark : "", t.laneName(i), t.when(i), t.address(i)].filter(Boolean).join(" · "));
  }

  fillTip(i) {
    const frames = this.timeline.stack(i);
    const own = frames.filter((f) => !f.plumbing);
    const list = element("ol", "stack");
    for (const f of (own.length > 0 ? own : frames).slice(0, 4)) list.append(frameItem(f));
    this.tip.replaceChildren(this.heading(i, "b"), this.facts(i), list);
  }

  fillPanel(i) {
    const t = this.timeline, frames = t.stack(i);
    const nodes = [this.heading(i, "h4"), this.facts(i)];
    const note = t.lanes[t.lane[i]].note;
    if (note) nodes.push(element("p", "facts", `${t.laneName(i)}: ${note}`));
    const source = element("div", "r-" + roleOf(t.marks.get(i)));
    const list = element("ol", "stack");
    const buttons = [];
    const show = (f, button) => {
      source.replaceChildren(...sourceNodes(f, t.excerpt(f)));
      for (const b of buttons) b.removeAttribute("aria-current");
      if (button) button.setAttribute("aria-current", "true");
    };
    const first = place(frames);
    for (const f of frames) {
      const b = element("button", f.plumbing ? "dim" : "");
      b.type = "button";
      b.append(element("span", "fn", f.func), element("span", "at", f.place));
      b.addEventListener("click", () => show(f, b));
      buttons.push(b);
      const li = element("li", f.plumbing ? "dim" : "");
      li.append(b);
      list.append(li);
    }
    if (first) show(first, buttons[frames.indexOf(first)]);
    // Where no operation has a stack, nobody looks for one.
    if (frames.length === 0 && t.data.stacks.length > 0) source.append(element("p", "empty", "No stack was taken here."));
    nodes.push(source, list);
    this.panel.replaceChildren(...nodes);
  }

  legend() {
    const list = this.root.querySelector(".legend");
    const colour = this.painter.colour, t = this.timeline;
    const item = (text, paint) => {
      const li = element("li"), c = element("canvas");
      const ratio = window.devicePixelRatio || 1;
      c.width = 26 * ratio;
      c.height = 16 * ratio;
      const g = c.getContext("2d");
      g.scale(ratio, ratio);
      paint(g);
      c.setAttribute("aria-hidden", "true");
      li.append(c, text);
      list.append(li);
    };
    list.replaceChildren();
    const used = new Set(t.category);
    const marks = new Set(t.marks.values());
    for (const mark of Object.keys(MARKS)) {
      if (marks.has(mark)) item(MARKS[mark], (g) => {
        g.globalAlpha = 0.25;
        drawShape(g, WRITE, 13, 8, 7, colour[mark], colour.card);
        g.globalAlpha = 1;
        drawShape(g, mark === "ghost" ? READ : WRITE, 13, 8, 4.5, colour[mark], colour.card, 2);
      });
    }
    const line = (c, dash, width) => (g) => {
      g.strokeStyle = c;
      g.lineWidth = width;
      g.setLineDash(dash);
      g.beginPath();
      g.moveTo(1, 8);
      g.lineTo(25, 8);
      g.stroke();
    };
    const kinds = new Set(t.edges.map((e) => e.kind));
    if (kinds.has("reads-from")) item("value read from", line(colour.origin, [], 2.5));
    if (kinds.has("unordered")) item("nothing orders the two", line(colour.rival, [5, 3], 2.5));
    kinds.delete("reads-from");
    kinds.delete("unordered");
    if (kinds.size > 0) item([...kinds].join(", "), line(colour.edge, [], 1.25));
    for (const state of new Set(t.spans.map((s) => s.state))) item(state, (g) => drawSpan(g, colour, state, 1, 8, 24));
    for (const [kind, name] of SHAPES) if (used.has(kind)) item(name, (g) => drawShape(g, kind, 13, 8, 4.5, colour.op, colour.card));
  }

  restyle() {
    this.painter.restyle();
    this.legend();
    this.redraw();
  }
}

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text) e.textContent = text;
  return e;
}

function frameItem(f) {
  const li = element("li", f.plumbing ? "dim" : "");
  li.append(element("span", "fn", f.func), element("span", "at", f.place));
  return li;
}

// place returns the frame that a reader should look at.
function place(frames) { return frames.find((f) => !f.plumbing) || frames[0]; }

const ROLES = table({ ghost: "read", rival: "write", origin: "origin", stuck: "wait", stop: "panic" });

function roleOf(mark) { return ROLES[mark] || "none"; }

function sourceNodes(frame, lines) {
  const file = element("p", "file", frame.place);
  if (!lines) return [file];
  const pre = element("pre", "source");
  for (const l of lines) {
    const span = element("span", l.here ? "line here" : "line");
    span.append(element("i", "", String(l.number)), l.text.replaceAll("\t", "    ") + "\n");
    pre.append(span);
  }
  return [file, pre];
}

// copy works without permission and from a file, where the clipboard of the
// browser may be closed to scripts.
async function copy(button) {
  const text = button.dataset.copy;
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    const area = element("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "Copied" : "Select and copy";
  setTimeout(() => { button.textContent = "Copy"; }, 1600);
}
