//go:build ghostread_guest

package guest

import (
	"errors"
	"internal/ghostread/detect"
	"internal/ghostread/event"
	"internal/ghostread/wire"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// oracle compares our race detector with the C one of the release, where the
// process has both: after each execution it reads what that one reported.
type oracle struct {
	name string // of the file it reports to, which is there from the first report on
	file *os.File
	both int64
	seen map[string]bool // differences that have been sent
}

func (o *oracle) open(j *wire.Job) error {
	o.name = j.OracleLog() + "." + strconv.Itoa(os.Getpid())
	o.seen = map[string]bool{}
	if runtimeOracle(-1) < 0 {
		return errors.New("built without a C race detector to compare with")
	}
	return nil
}

// begin makes the C detector forget what earlier executions did. What it
// reported since the last one is not for us.
func (o *oracle) begin() {
	if o.name != "" {
		o.reports()
	}
	runtimeOracle(-1)
}

// reports reads the reports that are new.
func (o *oracle) reports() (list []string) {
	if o.file == nil {
		f, err := os.Open(o.name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			complain(err.Error())
			return nil
		}
		o.file = f
	}
	text, err := io.ReadAll(o.file)
	if err != nil {
		complain(err.Error())
	}
	for part := range strings.SplitSeq(string(text), "==================\n") {
		if strings.HasPrefix(part, "WARNING: DATA RACE\n") {
			list = append(list, part)
		}
	}
	return list
}

// reportAddr is the address in the second line of a report: "Read at 0x... by ...".
func reportAddr(report string) uint64 {
	_, rest, _ := strings.Cut(report, " at 0x")
	hex, _, _ := strings.Cut(rest, " ")
	addr, _ := strconv.ParseUint(hex, 16, 64)
	return addr
}

// maxDiffer bounds what a process sends. Who sees so many looks for one cause.
const maxDiffer = 500

// compare compares what the two detectors say of the execution that ended, and
// sends what is new.
func (l *loop) compare(log []event.Event) {
	o := &l.oracle
	var text []string
	var reports []detect.Report
	for i, t := range o.reports() {
		if at := runtimeOracle(int32(i)); at >= 0 && at < int64(len(log)) {
			text = append(text, t)
			reports = append(reports, detect.Report{Event: int32(at), Addr: reportAddr(t)})
		}
	}
	both, differ := l.detector.Compare(log, reports)
	o.both += int64(both)
	for _, d := range differ {
		r := wire.Record{Kind: "differ"}.Int("why", int64(d.Why)).Uint("execution", l.head.Execution)
		key := strconv.Itoa(int(d.Why))
		if d.Report >= 0 {
			r = r.With("report", text[d.Report])
			key += "r" + places(text[d.Report])
		}
		for _, i := range [...]int32{d.First, d.Second} {
			if i < 0 || int(i) >= len(log) {
				continue
			}
			e := &log[i]
			name := "second"
			if i == d.First {
				name = "first"
			}
			r = r.Uint(name, e.PC).Int(name+"kind", int64(e.Kind)).Int(name+"g", int64(e.G))
			key += " " + strconv.FormatUint(e.PC, 16)
		}
		if !o.seen[key] && len(o.seen) < maxDiffer {
			o.seen[key] = true
			send(r)
		}
	}
}

// places are the lines of a report that name code: the same for reports that
// differ in addresses and goroutines only.
func places(report string) (list string) {
	for line := range strings.Lines(report) {
		if strings.HasPrefix(line, "      ") {
			list += line
		}
	}
	return list
}

// sum sends on how many races the detectors agreed in this process.
func (o *oracle) sum() { send(wire.Record{Kind: "agree"}.Int("both", o.both)) }
