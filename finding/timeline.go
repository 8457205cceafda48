package finding

// Timeline is anything that can be drawn as lanes over time: a schedule, a
// trace, a history, a migration. One renderer draws them all.
//
// Points are sorted by At. Indices in Spans, Edges and Evidence refer to
// positions in the slices of the same Timeline.
type Timeline struct {
	Title   string   `json:"title,omitempty"`
	Unit    string   `json:"unit"` // of At: "step" or "ns"
	Lanes   []Lane   `json:"lanes"`
	Points  []Point  `json:"points"`
	Spans   []Span   `json:"spans,omitempty"`
	Edges   []Edge   `json:"edges,omitempty"`
	Frames  []Frame  `json:"frames,omitempty"`  // shared by Stacks
	Stacks  [][]int  `json:"stacks,omitempty"`  // indices into Frames, innermost first
	Sources []Source `json:"sources,omitempty"` // excerpts of the files that Frames name
	Omitted int      `json:"omitted,omitempty"` // points left out because there were too many
}

// Lane is one actor: a goroutine, a client, a node.
type Lane struct {
	ID   int    `json:"id"`
	Name string `json:"name"`           // "G7"
	Note string `json:"note,omitempty"` // "started by G1 at store.go:31"
}

// Mark sets a point of a timeline apart from the ordinary ones.
type Mark string

// The marks of a point.
const (
	MarkNone   Mark = ""
	MarkGhost  Mark = "ghost"  // the read that lies
	MarkOrigin Mark = "origin" // the write its value came from
	MarkRival  Mark = "rival"  // the access it is not ordered with
	MarkStuck  Mark = "stuck"  // where a goroutine waits for ever
	MarkStop   Mark = "stop"   // panic or failed assertion
)

// Point is one operation.
type Point struct {
	Lane  int    `json:"lane"` // Lane.ID
	At    int64  `json:"at"`
	Op    string `json:"op"`             // "read", "write", "lock", "send", ...
	Text  string `json:"text,omitempty"` // what on, for the hover
	Addr  uint64 `json:"addr,omitempty"`
	Stack int    `json:"stack"` // index into Timeline.Stacks; -1: none
	Mark  Mark   `json:"mark,omitempty"`
}

// Span is a stretch of time in a lane, e.g. running, blocked.
type Span struct {
	Lane  int    `json:"lane"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`   // exclusive
	State string `json:"state"` // "run", "blocked", "sleep", "hold"
	Text  string `json:"text,omitempty"`
}

// Edge ties two points.
type Edge struct {
	From int    `json:"from"` // index into Points
	To   int    `json:"to"`
	Kind string `json:"kind"` // "spawn", "wake", "sync", "reads-from", "unordered"
}

// Source is a run of lines of one file.
type Source struct {
	File  string   `json:"file"`
	First int      `json:"first"` // number of Lines[0]
	Lines []string `json:"lines"`
}
