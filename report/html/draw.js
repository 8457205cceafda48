const AXIS = 26;      // height of the scale on top
const OVERVIEW = 34;  // height of the strip that shows everything
const MOST_ROWS = 430; // height of the lanes before they scroll

// Painter draws a view of a timeline. It keeps no state but colours and
// measures, so each frame is drawn from scratch and shows what is true now.
class Painter {
  constructor(canvas, timeline, view) {
    this.canvas = canvas;
    this.g = canvas.getContext("2d");
    this.timeline = timeline;
    this.view = view;
    this.density = null;
    this.restyle();
  }

  restyle() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue("--" + name).trim();
    this.colour = table({});
    for (const name of ["bg", "card", "sunk", "fg", "soft", "rule", "ghost", "origin", "rival", "stuck", "stop", "op", "op-soft", "lane", "edge", "select"]) {
      this.colour[name] = get(name);
    }
    this.sans = get("sans");
    this.mono = get("mono");
  }

  // measure fits the canvas to its box. It returns false while the box has no
  // size, e.g. when printing.
  measure() {
    const lanes = this.timeline.lanes.length;
    this.row = Math.max(26, Math.min(64, MOST_ROWS / lanes));
    this.rows = Math.min(lanes * this.row, MOST_ROWS);
    // The panel beside the plot needs some height to be of use.
    this.padTop = Math.max(0, (330 - this.rows) / 2);
    this.height = AXIS + this.padTop * 2 + this.rows + OVERVIEW;
    const width = this.canvas.parentElement.clientWidth;
    if (width === 0) return false;
    this.g.font = `600 12.5px ${this.sans}`;
    let widest = 0;
    for (const l of this.timeline.lanes.slice(0, 400)) widest = Math.max(widest, this.g.measureText(l.name).width);
    this.gutter = Math.min(Math.max(widest + 26, 48), Math.min(180, width * 0.3));
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.canvas.style.height = this.height + "px";
    this.ratio = ratio;
    this.width = width;
    this.view.width = width - this.gutter;
    this.density = null;
    return true;
  }

  get lanesTop() { return AXIS + this.padTop; }
  get lanesBottom() { return this.lanesTop + this.rows; }
  get overviewTop() { return this.height - OVERVIEW; }

  laneY(lane) { return this.lanesTop + (lane + 0.5) * this.row - this.view.top; }
  laneAt(y) { return Math.floor((y - this.lanesTop + this.view.top) / this.row); }
  pointX(i) { return this.gutter + this.view.toPixel(this.timeline.x[i]); }
  pointY(i) { return this.laneY(this.timeline.lane[i]); }

  draw(selected, hovered) {
    const { g, timeline: t, view, colour: c } = this;
    if (!this.width) return;
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.fillStyle = c.card;
    g.fillRect(0, 0, this.width, this.height);
    const a = Math.max(0, lowerBound(t.x, view.toX(-20)) - 1);
    const b = Math.min(t.count, lowerBound(t.x, view.toX(view.width + 20)) + 1);
    const spacing = view.width / Math.max(1, b - a);

    this.axis(a, b);
    g.save();
    g.beginPath();
    g.rect(this.gutter, AXIS, view.width, this.overviewTop - AXIS);
    g.clip();
    this.tracks();
    if (selected >= 0) this.crosshair(selected);
    // Only in a schedule does one operation hand over to the next.
    if (t.data.unit === "step" && spacing >= 5) this.turns(a, b);
    this.threads(a, b, spacing, selected);
    if (spacing >= 2.5) this.shapes(a, b, spacing); else this.dense(a, b);
    this.ties();
    this.landmarks();
    if (hovered >= 0 && hovered !== selected) this.ring(hovered, c["op-soft"], 10);
    if (selected >= 0) this.ring(selected, c.select, this.timeline.marks.has(selected) ? 13 : 10);
    g.restore();
    this.names(selected);
    this.overview(selected);
  }

  axis(a, b) {
    const { g, timeline: t, view, colour: c } = this;
    g.font = `11px ${this.sans}`;
    g.fillStyle = c.soft;
    g.textBaseline = "middle";
    g.textAlign = "left";
    g.fillText(t.data.unit, 12, AXIS / 2);
    g.textAlign = "center";
    g.strokeStyle = c.rule;
    g.lineWidth = 1;
    const every = roundStep(90 / view.scale);
    for (let x = Math.ceil(view.toX(0) / every) * every; x <= view.toX(view.width); x += every) {
      if (x < t.first || x > t.last) continue;
      const px = Math.round(this.gutter + view.toPixel(x)) + 0.5;
      let label = "";
      if (t.data.unit === "ns") label = duration(x);
      else if (Number.isInteger(x)) label = String(BigInt(t.data.first) + BigInt(t.at[x]));
      const half = g.measureText(label).width / 2;
      if (px - half > this.gutter && px + half < this.width) g.fillText(label, px, AXIS / 2);
      g.beginPath();
      g.moveTo(px, AXIS - 4);
      g.lineTo(px, AXIS);
      g.stroke();
    }
    g.beginPath();
    g.moveTo(0, AXIS + 0.5);
    g.lineTo(this.width, AXIS + 0.5);
    g.stroke();
  }

  // tracks draws the lanes from their first to their last operation, and what
  // state they were in.
  tracks() {
    const { g, timeline: t, view, colour: c } = this;
    g.lineWidth = 2;
    t.lanes.forEach((lane, i) => {
      const y = this.laneY(i);
      if (y < AXIS || y > this.overviewTop || lane.points.length === 0) return;
      g.strokeStyle = c.lane;
      g.beginPath();
      g.moveTo(Math.max(this.gutter, this.pointX(lane.points[0])), y);
      g.lineTo(Math.min(this.width, this.pointX(lane.points[lane.points.length - 1])), y);
      g.stroke();
    });
    for (const s of t.spans) {
      const y = this.laneY(s.lane);
      const from = this.gutter + view.toPixel(s.from), to = this.gutter + view.toPixel(s.to);
      if (to < this.gutter || from > this.width || y < AXIS || y > this.overviewTop) continue;
      const x = Math.max(from, this.gutter - 4), w = Math.max(Math.min(to, this.width + 4) - x, 1);
      drawSpan(g, c, s.state, x, y, w);
    }
  }

  // turns joins each operation with the next one: the path of the schedule.
  turns(a, b) {
    const { g, timeline: t, colour: c } = this;
    g.strokeStyle = c.lane;
    g.lineWidth = 1.5;
    g.beginPath();
    for (let i = a; i + 1 < b; i++) {
      if (t.lane[i] === t.lane[i + 1]) continue;
      const x = this.pointX(i), y = this.pointY(i), x2 = this.pointX(i + 1), y2 = this.pointY(i + 1), mid = (x + x2) / 2;
      g.moveTo(x, y);
      g.bezierCurveTo(mid, y, mid, y2, x2, y2);
    }
    g.stroke();
  }

  crosshair(i) {
    const { g } = this;
    const x = Math.round(this.pointX(i)) + 0.5;
    g.strokeStyle = this.colour["op-soft"];
    g.lineWidth = 1;
    g.setLineDash([2, 3]);
    g.beginPath();
    g.moveTo(x, AXIS);
    g.lineTo(x, this.overviewTop);
    g.stroke();
    g.setLineDash([]);
  }

  // threads draws the thin edges. In a crowd only those of the selected
  // operation are of use.
  threads(a, b, spacing, selected) {
    const { timeline: t, colour: c } = this;
    let drawn = 0;
    if (spacing >= 9) {
      for (const e of t.edges) {
        if (isTie(e) || e.from === selected || e.to === selected) continue;
        if (Math.max(e.from, e.to) < a || Math.min(e.from, e.to) > b) continue;
        if (++drawn > 500) break;
        this.edge(e, c.edge, 1, []);
      }
    }
    for (const e of t.edgesOf.get(selected) || []) {
      if (!isTie(e)) this.edge(e, c.select, 1.5, []);
    }
  }

  // ties draws the edges that make the finding.
  ties() {
    const { timeline: t, colour: c } = this;
    for (const e of t.edges) {
      if (e.kind === "unordered") this.edge(e, c.rival, 2.5, [6, 4]);
      if (e.kind === "reads-from") this.edge(e, c.origin, 2.5, []);
    }
  }

  edge(e, colour, width, dash) {
    const { g } = this;
    const x = this.pointX(e.from), y = this.pointY(e.from), x2 = this.pointX(e.to), y2 = this.pointY(e.to);
    const wide = width > 2 ? 9 : 6;
    g.strokeStyle = g.fillStyle = colour;
    g.lineWidth = width;
    g.setLineDash(dash);
    g.beginPath();
    let angle;
    if (y === y2) {
      const lift = Math.min(this.row * 0.45, 10 + Math.abs(x2 - x) * 0.1);
      g.moveTo(x, y - wide + 2);
      g.quadraticCurveTo((x + x2) / 2, y - wide - lift, x2, y2 - wide + 2);
      angle = Math.atan2(lift + 2, (x2 - x) / 2);
      g.stroke();
      g.setLineDash([]);
      this.head(x2, y2 - wide + 2, angle, width);
      return;
    }
    const bend = Math.sign(y2 - y) * Math.min(Math.abs(y2 - y) * 0.5, 60);
    const start = y + Math.sign(y2 - y) * wide, end = y2 - Math.sign(y2 - y) * (wide + 1);
    g.moveTo(x, start);
    g.bezierCurveTo(x, start + bend, x2, end - bend, x2, end);
    g.stroke();
    g.setLineDash([]);
    this.head(x2, end, Math.sign(y2 - y) * Math.PI / 2, width);
  }

  head(x, y, angle, width) {
    const { g } = this;
    const size = 4 + width * 1.4;
    g.save();
    g.translate(x, y);
    g.rotate(angle);
    g.beginPath();
    g.moveTo(1, 0);
    g.lineTo(-size, -size * 0.55);
    g.lineTo(-size, size * 0.55);
    g.fill();
    g.restore();
  }

  shapes(a, b, spacing) {
    const { g, timeline: t, colour: c } = this;
    const r = Math.min(Math.max(spacing * 0.3, 1.8), 5.5);
    const named = spacing >= 44;
    g.font = `11px ${this.sans}`;
    g.textAlign = "center";
    g.textBaseline = "middle";
    for (let i = a; i < b; i++) {
      const x = this.pointX(i), y = this.pointY(i);
      if (y < AXIS || y > this.overviewTop) continue;
      const mark = t.marks.get(i);
      if (!mark) drawShape(g, t.kind(i), x, y, r, c.op, c.card);
      if (named && !mark && this.row >= 44) {
        g.fillStyle = c.soft;
        g.fillText(shorten(g, t.op(i), Math.max(spacing * 1.6, 40)), x, y + 18);
      }
    }
  }

  // dense draws one bar for all operations of a lane that fall on one pixel, so
  // the work depends on the width of the screen once points are found.
  dense(a, b) {
    const { g, timeline: t, colour: c } = this;
    const last = new Int32Array(t.lanes.length).fill(-1);
    const half = Math.min(9, this.row * 0.3);
    g.fillStyle = c.op;
    for (let i = a; i < b; i++) {
      const px = Math.round(this.pointX(i));
      if (last[t.lane[i]] === px) continue;
      last[t.lane[i]] = px;
      const y = this.pointY(i);
      if (y < AXIS || y > this.overviewTop) continue;
      g.fillRect(px, y - half, 1, half * 2);
    }
  }

  landmarks() {
    const { g, timeline: t, colour: c } = this;
    g.font = `600 11.5px ${this.sans}`;
    g.textAlign = "center";
    g.textBaseline = "middle";
    const seen = t.landmarks().filter((i) => this.pointX(i) > this.gutter - 60 && this.pointX(i) < this.width + 60);
    // What matters most comes last, on top of the others, ...
    for (const i of seen.toReversed()) {
      const x = this.pointX(i), y = this.pointY(i), mark = t.marks.get(i), colour = c[mark] || c.fg;
      g.globalAlpha = 0.2;
      g.fillStyle = colour;
      g.beginPath();
      g.arc(x, y, 13, 0, 2 * Math.PI);
      g.fill();
      g.globalAlpha = 1;
      drawShape(g, t.kind(i), x, y, mark === "ghost" ? 7 : 6, colour, c.card, 2.5);
      if (mark === "stop") drawCross(g, x, y, c.card);
    }
    // ... and gets the first choice of a place for its name.
    const taken = [];
    for (const i of seen) {
      const x = this.pointX(i), y = this.pointY(i), mark = t.marks.get(i);
      const label = shorten(g, mark + " · " + t.op(i), 150);
      const w = g.measureText(label).width + 12;
      const lx = Math.min(Math.max(x, this.gutter + w / 2 + 3), this.width - w / 2 - 3);
      const box = { x: lx - w / 2, y: this.tiedAbove(i) ? y + 16 : y - 34, w, h: 18 };
      if (box.y < AXIS) box.y = y + 16;
      if (taken.some((o) => o.x < box.x + box.w && box.x < o.x + o.w && o.y < box.y + box.h && box.y < o.y + o.h)) continue;
      taken.push(box);
      g.fillStyle = c[mark] || c.fg;
      g.beginPath();
      g.roundRect(box.x, box.y, w, 18, 5);
      g.fill();
      g.fillStyle = c.card;
      g.fillText(label, lx, box.y + 9.5);
    }
  }

  // tiedAbove reports whether a tie leaves point i upwards, where its name would
  // cover it.
  tiedAbove(i) {
    const t = this.timeline;
    return (t.edgesOf.get(i) || []).some((e) => isTie(e) && t.lane[e.from === i ? e.to : e.from] < t.lane[i]);
  }

  ring(i, colour, r) {
    const { g } = this;
    g.strokeStyle = colour;
    g.lineWidth = 1.75;
    g.beginPath();
    g.arc(this.pointX(i), this.pointY(i), r, 0, 2 * Math.PI);
    g.stroke();
  }

  names(selected) {
    const { g, timeline: t, colour: c } = this;
    g.save();
    g.beginPath();
    g.rect(0, AXIS + 1, this.gutter, this.overviewTop - AXIS - 1);
    g.clip();
    g.fillStyle = c.card;
    g.fillRect(0, AXIS + 1, this.gutter, this.height);
    g.textAlign = "left";
    g.textBaseline = "middle";
    const active = selected >= 0 ? t.lane[selected] : -1;
    t.lanes.forEach((lane, i) => {
      const y = this.laneY(i);
      if (y < AXIS - 20 || y > this.overviewTop + 20) return;
      g.font = `${i === active ? 700 : 500} 12.5px ${this.sans}`;
      g.fillStyle = i === active ? c.fg : c.soft;
      g.fillText(shorten(g, lane.name, this.gutter - 20), 12, y);
    });
    g.restore();
    g.fillStyle = c.rule;
    g.fillRect(this.gutter - 1, AXIS, 1, this.overviewTop - AXIS);
  }

  // overview draws the strip at the bottom: how busy each moment was, where the
  // marks are, and what part is shown above.
  overview(selected) {
    const { g, timeline: t, view, colour: c } = this;
    const top = this.overviewTop, w = view.width;
    if (!this.density) this.density = this.countDensity(Math.max(1, Math.floor(w)));
    g.fillStyle = c.sunk;
    g.fillRect(0, top, this.width, OVERVIEW);
    g.fillStyle = c.soft;
    g.font = `11px ${this.sans}`;
    g.textAlign = "left";
    g.textBaseline = "middle";
    g.fillText("all", 12, top + OVERVIEW / 2);
    g.fillStyle = c["op-soft"];
    let most = 1;
    for (const d of this.density) most = Math.max(most, d);
    this.density.forEach((d, x) => {
      if (d === 0) return;
      const h = 3 + (OVERVIEW - 14) * (d / most);
      g.globalAlpha = 0.55;
      g.fillRect(this.gutter + x, top + OVERVIEW - 4 - h, 1, h);
    });
    g.globalAlpha = 1;
    for (const [i, mark] of t.marks) {
      g.fillStyle = c[mark] || c.fg;
      g.fillRect(this.gutter + this.share(t.x[i]) * w - 1.5, top + 3, 3, OVERVIEW - 6);
    }
    if (selected >= 0) {
      g.fillStyle = c.select;
      g.fillRect(this.gutter + this.share(t.x[selected]) * w - 0.5, top, 1, OVERVIEW);
    }
    const from = Math.max(0, this.share(view.toX(0))) * w, to = Math.min(1, this.share(view.toX(w))) * w;
    g.strokeStyle = c.select;
    g.lineWidth = 1;
    if (to - from < w) {
      g.globalAlpha = 0.1;
      g.fillStyle = c.select;
      g.fillRect(this.gutter + from, top + 1, Math.max(to - from, 3), OVERVIEW - 2);
      g.globalAlpha = 0.6;
      g.strokeRect(this.gutter + from + 0.5, top + 1.5, Math.max(to - from, 3) - 1, OVERVIEW - 3);
      g.globalAlpha = 1;
    }
  }

  share(x) { return (x - this.timeline.first) / this.view.extent * 0.98 + 0.01; }
  shareToX(pixel) { return ((pixel - this.gutter) / this.view.width - 0.01) / 0.98 * this.view.extent + this.timeline.first; }

  countDensity(width) {
    const d = new Float64Array(width);
    for (let i = 0; i < this.timeline.count; i++) {
      d[Math.min(width - 1, Math.max(0, Math.floor(this.share(this.timeline.x[i]) * width)))]++;
    }
    return d;
  }

  // hit returns the operation under a pixel, or -1.
  hit(px, py) {
    const { timeline: t, view } = this;
    if (px < this.gutter || py < AXIS || py >= this.overviewTop) return -1;
    const lane = this.laneAt(py);
    if (lane < 0 || lane >= t.lanes.length) return -1;
    const x = view.toX(px - this.gutter);
    let best = t.nearest(lane, x);
    if (best < 0 || Math.abs(this.pointX(best) - px) > 14) return -1;
    // A mark wins over its neighbours: it is what people aim at.
    for (const i of t.marks.keys()) {
      if (t.lane[i] === lane && Math.abs(this.pointX(i) - px) <= 8) best = i;
    }
    return best;
  }
}

function isTie(e) { return e.kind === "unordered" || e.kind === "reads-from"; }

const SPANS = table({ run: [6, "op-soft"], hold: [12, "origin"], blocked: [4, "stuck"] });

// drawSpan draws a state as a bar: the more a goroutine has, the thicker.
function drawSpan(g, colours, state, x, y, w) {
  const [h, colour] = SPANS[state] || [4, "op-soft"];
  g.globalAlpha = 0.4;
  g.fillStyle = colours[colour];
  g.fillRect(x, y - h / 2, w, h);
  g.globalAlpha = 1;
}

function drawShape(g, kind, x, y, r, colour, ground, line = 1.5) {
  g.beginPath();
  g.fillStyle = g.strokeStyle = colour;
  g.lineWidth = Math.min(line, r * 0.7);
  switch (kind) {
    case READ:
      g.fillStyle = ground;
      g.arc(x, y, r, 0, 2 * Math.PI);
      g.fill();
      g.stroke();
      return;
    case WRITE:
      g.arc(x, y, r + 0.5, 0, 2 * Math.PI);
      break;
    case SYNC:
      g.rect(x - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7);
      break;
    case CHANNEL:
      g.moveTo(x - r * 0.9, y - r);
      g.lineTo(x + r * 1.1, y);
      g.lineTo(x - r * 0.9, y + r);
      break;
    case LIFE:
      g.moveTo(x, y - r * 1.1);
      g.lineTo(x + r * 1.1, y);
      g.lineTo(x, y + r * 1.1);
      g.lineTo(x - r * 1.1, y);
      break;
    default:
      g.arc(x, y, r * 0.5, 0, 2 * Math.PI);
  }
  g.fill();
}

function drawCross(g, x, y, colour) {
  g.strokeStyle = colour;
  g.lineWidth = 2;
  g.beginPath();
  g.moveTo(x - 2.5, y - 2.5);
  g.lineTo(x + 2.5, y + 2.5);
  g.moveTo(x + 2.5, y - 2.5);
  g.lineTo(x - 2.5, y + 2.5);
  g.stroke();
}

// shorten cuts s so that it is at most width pixels wide.
function shorten(g, s, width) {
  if (g.measureText(s).width <= width) return s;
  let lo = 0, hi = s.length;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if (g.measureText(s.slice(0, mid) + "…").width <= width) lo = mid; else hi = mid - 1;
  }
  return s.slice(0, lo) + "…";
}

// roundStep returns the next 1, 2 or 5 times a power of ten.
function roundStep(least) {
  const power = Math.pow(10, Math.floor(Math.log10(Math.max(least, 1))));
  for (const m of [1, 2, 5, 10]) if (m * power >= least) return m * power;
  return 10 * power;
}

function duration(ns) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    if (ns >= size) return String(+(ns / size).toPrecision(4)) + " " + unit;
  }
  return ns + " ns";
}
