//go:build ghostread_guest

package guest

import (
	"internal/ghostread/event"
	"internal/ghostread/strategy"
	"internal/ghostread/wire"
	"strconv"
	"strings"
	"unsafe"
)

// Provided by package runtime (ghostread_api.go there).

//go:linkname runtimeRun
func runtimeRun(c unsafe.Pointer)

//go:linkname runtimeGoroutine
func runtimeGoroutine(id int32, to *goroutine) bool

//go:linkname runtimeCurrent
func runtimeCurrent() int32

//go:linkname runtimeClearPools
func runtimeClearPools()

//go:linkname runtimeFinalize
func runtimeFinalize()

//go:linkname runtimeHeap
func runtimeHeap() uint64

//go:linkname runtimeIsType
func runtimeIsType(p uintptr) bool

//go:linkname runtimeOracle
func runtimeOracle(i int32) int64

// config has the layout of ghostConfig in the runtime.
type config struct {
	body   func()
	choose func(*strategy.Choice) int32
	shared *wire.Header
	dec    []int32

	events    unsafe.Pointer
	maxEvents uint64
	stacks    unsafe.Pointer
	maxWords  uint64

	seed     uint64
	wall     int64
	maxSteps uint64
	maxTime  int64
	logging  bool
	capture  bool
	whole    bool
	cases    bool
	early    bool
	fire     func(*strategy.Choice) bool
	watch    bool
	base     uint64
	again    uint64

	reason     int32
	goroutines int32
	loose      bool
	external   bool
	outside    uint8
	full       bool
	coasted    bool
	failing    bool
	fired      int32
	looked     bool
	report     string
	waits      string
	reporter   int32
	reportPC   uintptr
	reportAt   uint64
	certain    bool
	since      uint64
}

// goroutine has the layout of ghostGoroutine in the runtime.
type goroutine struct {
	id       int32
	born     int32
	waiting  bool
	timer    bool
	reason   uint8
	kind     uint8
	obj      uintptr // complemented
	created  uintptr
	channels [8]uintptr // complemented
	nchan    int32
	nstack   int32
	stack    [64]uintptr
	text     string

	hopeless bool // nothing that can still run could wake it; set by package guest
}

// stuck returns the goroutines of the world that ended without having ended.
func (l *loop) stuck(c *config) (list []goroutine) {
	for id := int32(1); id <= c.goroutines; id++ {
		if runtimeGoroutine(id, &l.scratch) {
			list = append(list, l.scratch)
		}
	}
	return list
}

// parked reports whether g waits for another goroutine: it was started by
// this execution, is parked on a channel or in package sync, and no timer can
// wake it.
func (g *goroutine) parked() bool {
	if !g.waiting || g.timer || g.born < 0 {
		return false
	}
	for _, p := range [...]string{"chan ", "select", "sync.", "semacquire"} {
		if strings.HasPrefix(g.text, p) {
			return !strings.HasSuffix(g.text, "(durable)")
		}
	}
	return false
}

// key is the same for goroutines that wait in the same place.
func (g *goroutine) key() uint64 {
	h := uint64(g.reason)
	for _, pc := range g.stack[:g.nstack] {
		h = hash(11, h, uint64(pc))
	}
	return h
}

func (g *goroutine) record() wire.Record {
	r := wire.Record{Kind: "goroutine"}.Int("id", int64(g.id)).Int("born", int64(g.born)).
		With("waiting", strconv.FormatBool(g.waiting)).With("timer", strconv.FormatBool(g.timer)).
		With("hopeless", strconv.FormatBool(g.hopeless)).Uint("key", g.key()).
		With("reason", g.text).Int("kind", int64(g.kind)).Uint("obj", uint64(^g.obj)).Uint("created", uint64(g.created))
	var b []byte
	for i, c := range g.channels[:g.nchan] {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendUint(b, uint64(^c), 16)
	}
	r = r.With("channels", string(b))
	b = nil
	for i, pc := range g.stack[:g.nstack] {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendUint(b, uint64(pc), 16)
	}
	return r.With("stack", string(b))
}

// counter returns what a WaitGroup that g waits for still waits for: the upper
// half of its state, which is its first word (sync/waitgroup.go).
func (g *goroutine) counter() int64 {
	if !g.waiting || g.kind != uint8(event.WaitGroupWait) {
		return 0
	}
	return int64(*(*uint64)(unsafe.Pointer(^g.obj))) >> 32
}
