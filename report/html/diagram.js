"use strict";

// table returns an object that knows only its own names: a source may call a
// state or a mark "constructor".
function table(entries) { return Object.assign(Object.create(null), entries); }

// Timeline is the data of one diagram, read from its columns. Points keep their
// index; everything that is asked often is an array by index.
class Timeline {
  constructor(data) {
    this.data = data;
    const n = data.lane.length;
    this.count = n;
    this.lane = Int32Array.from(data.lane);
    this.at = new Float64Array(n);
    this.x = new Float64Array(n);
    let at = 0;
    for (let i = 0; i < n; i++) {
      at += data.at[i];
      this.at[i] = at;
      // Steps of a schedule have an order and no duration: each takes one unit.
      // Where time was measured, distance shows it.
      this.x[i] = data.unit === "ns" ? at : i;
    }
    this.category = Uint8Array.from(data.ops, categoryOf);
    this.lanes = data.lanes.map(([name, note]) => ({ name, note, points: [] }));
    for (let i = 0; i < n; i++) this.lanes[this.lane[i]].points.push(i);
    this.marks = new Map(data.marked.map(([point, mark]) => [point, data.marks[mark]]));
    this.edges = data.edges.map(([from, to, kind]) => ({ from, to, kind }));
    this.edgesOf = new Map();
    for (const e of this.edges) {
      for (const p of [e.from, e.to]) {
        if (!this.edgesOf.has(p)) this.edgesOf.set(p, []);
        this.edgesOf.get(p).push(e);
      }
    }
    this.spans = data.spans.map(([lane, start, end, state, text]) => ({ lane, from: this.position(start), to: this.position(end), state, text }));
    this.first = this.x[0];
    this.last = this.x[n - 1];
  }

  // position returns the x of a time.
  position(at) {
    return this.data.unit === "ns" ? at : lowerBound(this.at, at);
  }

  op(i) { return this.data.ops[this.data.op[i]]; }
  text(i) { return this.data.texts[this.data.text[i]]; }
  address(i) { return this.data.addrs[this.data.addr[i]]; }
  kind(i) { return this.category[this.data.op[i]]; }
  laneName(i) { return this.lanes[this.lane[i]].name; }

  when(i) {
    const at = BigInt(this.data.first) + BigInt(Math.trunc(this.at[i]));
    return this.data.unit === "step" ? `step ${at}` : `${at} ${this.data.unit}`;
  }

  // stack returns the frames of a point, innermost first.
  stack(i) {
    const s = this.data.stack[i];
    if (s < 0) return [];
    return this.data.stacks[s].map((f) => {
      const [func, file, line, plumbing] = this.data.frames[f];
      return { func, file, line, plumbing: plumbing === 1, place: line > 0 ? `${file}:${line}` : file };
    });
  }

  // excerpt returns the lines around a frame, or null.
  excerpt(frame) {
    for (const f of this.data.files) {
      const at = frame.line - f.first;
      if (f.file !== frame.file || at < 0 || at >= f.lines.length) continue;
      const from = Math.max(0, at - 5);
      return f.lines.slice(from, at + 6).map((text, i) => ({ number: f.first + from + i, text, here: from + i === at }));
    }
    return null;
  }

  // nearest returns the point of a lane that is closest to x, or -1.
  nearest(lane, x) {
    const points = this.lanes[lane].points;
    if (points.length === 0) return -1;
    let lo = 0, hi = points.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.x[points[mid]] < x) lo = mid + 1; else hi = mid;
    }
    if (lo === points.length) return points[lo - 1];
    if (lo > 0 && x - this.x[points[lo - 1]] < this.x[points[lo]] - x) return points[lo - 1];
    return points[lo];
  }

  // landmarks lists the marked points, the most telling first.
  landmarks() {
    const rank = table({ ghost: 0, stop: 1, stuck: 2, rival: 3, origin: 4 });
    return [...this.marks.keys()].sort((a, b) => (rank[this.marks.get(a)] ?? 9) - (rank[this.marks.get(b)] ?? 9) || a - b);
  }
}

// lowerBound returns the first index of a sorted array whose value is not less
// than v.
function lowerBound(a, v) {
  let lo = 0, hi = a.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (a[mid] < v) lo = mid + 1; else hi = mid;
  }
  return lo;
}

// What an operation does decides its shape, so that shape does not need colour
// to be understood.
const READ = 0, WRITE = 1, SYNC = 2, CHANNEL = 3, LIFE = 4, OTHER = 5;

function categoryOf(op) {
  const s = op.toLowerCase();
  if (/chan|send|recv|receive|close|select/.test(s)) return CHANNEL;
  if (/lock|wait|signal|broadcast|acquire|release|once|\badd\b|\bdone\b/.test(s)) return SYNC;
  if (/write|store|rmw|swap|delete|clear|assign/.test(s)) return WRITE;
  if (/read|load|get/.test(s)) return READ;
  if (/spawn|\bgo\b|exit|block|wake|sleep|timer|yield|adopt|stop|panic|gc/.test(s)) return LIFE;
  return OTHER;
}

const SHAPES = [
  [READ, "read"], [WRITE, "write"], [SYNC, "lock, wait"], [CHANNEL, "channel"], [LIFE, "start, end, wake"], [OTHER, "other"],
];

const MARKS = table({
  ghost: "the read that lies",
  origin: "where its value came from",
  rival: "not ordered with it",
  stuck: "waits for ever",
  stop: "stops here",
});

// View is the window on a timeline: which x is at the left, and how many pixels
// a unit takes.
class View {
  constructor(timeline) {
    this.timeline = timeline;
    this.left = 0;
    this.scale = 1;
    this.width = 100; // of the plot, in pixels
    this.top = 0;     // of the lanes, in pixels
  }

  get extent() { return Math.max(this.timeline.last - this.timeline.first, 1); }
  // closeness is the scale at which operations are about as many pixels apart.
  closeness(pixels) { return pixels * this.timeline.count / this.extent; }
  get margin() { return 26; }
  get smallest() { return (this.width - 2 * this.margin) / this.extent; }
  get largest() { return Math.max(160, this.smallest); }

  toPixel(x) { return (x - this.left) * this.scale; }
  toX(pixel) { return pixel / this.scale + this.left; }

  fit() {
    this.scale = this.smallest;
    this.clamp();
  }

  // show makes the window hold the points from..to with room on both sides.
  show(from, to, most) {
    const a = this.timeline.x[from], b = this.timeline.x[to];
    this.scale = Math.min((this.width - 4 * this.margin) / Math.max(b - a, 1e-9), most);
    this.clamp();
    this.left = (a + b) / 2 - this.width / this.scale / 2;
    this.clamp();
  }

  zoom(factor, pixel) {
    const x = this.toX(pixel);
    this.scale *= factor;
    this.clamp();
    this.left = x - pixel / this.scale;
    this.clamp();
  }

  pan(pixels) {
    this.left += pixels / this.scale;
    this.clamp();
  }

  // reveal moves as little as is needed to show a point.
  reveal(point) {
    const room = Math.min(80, this.width / 4);
    const at = this.toPixel(this.timeline.x[point]);
    if (at < room) this.left -= (room - at) / this.scale;
    if (at > this.width - room) this.left += (at - this.width + room) / this.scale;
    this.clamp();
  }

  clamp() {
    this.scale = Math.min(Math.max(this.scale, this.smallest), this.largest);
    const room = this.margin / this.scale;
    const lo = this.timeline.first - room, hi = this.timeline.last + room - this.width / this.scale;
    this.left = lo > hi ? (lo + hi) / 2 : Math.min(Math.max(this.left, lo), hi);
  }
}
