package lab

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/ghostread/ghostread/explore/overlay"
)

// Options say what to measure.
type Options struct {
	Experiments []*Experiment
	Releases    []string            // as a user names them: 1.22, 1.22.12
	Tools       bool                // also the steps that are optional: tools
	Dir         string              // for programs and patched sources; the user's cache when empty
	Tool        string              // name and version, for the record
	Progress    func(done Progress) // may be nil; not called concurrently
}

// Progress is how far a measurement has come.
type Progress struct {
	Done, All  int
	Release    string
	Experiment string
	Step       string
}

// Measure runs experiments on releases and judges their claims. It keeps all
// CPUs busy with what does not mind company, and runs the rest alone
// afterwards. When ctx ends it returns what it has, with the rest skipped.
//
// The error says that nothing could be measured; what went wrong with a
// release or a step is in the record.
func Measure(ctx context.Context, opts Options) (*Record, error) {
	start := time.Now()
	local, err := overlay.Detect(ctx, os.TempDir(), baseEnv())
	if err != nil {
		return nil, err
	}
	b, err := newBench(opts.Dir)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.temp)
	rec := &Record{Version: FormatVersion, Tool: opts.Tool, Tools: opts.Tools, Date: start.UTC().Truncate(time.Second), Host: thisHost()}
	m := &matrix{bench: b, opts: opts}
	for _, name := range opts.Releases {
		r := find(ctx, name, local)
		m.releases = append(m.releases, r)
		rec.Releases = append(rec.Releases, r.info)
	}
	if err := unusable(rec.Releases); err != nil {
		return nil, err
	}
	results := m.lay()
	m.runShared(ctx)
	m.runAlone(ctx)
	for i, e := range opts.Experiments {
		r := e.result(results[i])
		r.Claims = e.Judge(rec.Releases, r.Steps)
		r.Tables = e.tables(rec.Releases, r.Steps)
		rec.Experiments = append(rec.Experiments, r)
	}
	rec.Took = time.Since(start)
	return rec, nil
}

// unusable is an error if there is no release to measure on.
func unusable(releases []ReleaseInfo) error {
	var reasons []string
	for _, r := range releases {
		if r.Skipped == "" {
			return nil
		}
		reasons = append(reasons, "\n\t"+r.Skipped)
	}
	return fmt.Errorf("there is no Go release to measure with:%s", strings.Join(reasons, ""))
}

// matrix is a measurement under way.
type matrix struct {
	*bench
	opts     Options
	releases []release

	mu    sync.Mutex
	tasks [][]*task // by release, not yet begun
	busy  []int     // by release: how many build with it
	alone []*task
	done  int
	all   int
}

// task is a step on a release.
type task struct {
	release    int
	experiment *Experiment
	step       *Step
	run        *StepRun
	ready      built
}

// lay makes a task of every step on every release.
func (m *matrix) lay() [][]StepResult {
	m.tasks = make([][]*task, len(m.releases))
	m.busy = make([]int, len(m.releases))
	results := make([][]StepResult, len(m.opts.Experiments))
	for i, e := range m.opts.Experiments {
		for _, s := range e.Steps {
			results[i] = append(results[i], StepResult{Name: s.Name, Title: s.Title, Runs: make([]StepRun, len(m.releases))})
		}
		for j, s := range e.Steps {
			for k, r := range m.releases {
				run := &results[i][j].Runs[k]
				run.Release = r.info.Version
				if run.Release == "" {
					run.Release = r.info.Asked
				}
				if run.Skipped = s.skip(r.info, m.opts.Tools); run.Skipped == "" {
					m.tasks[k] = append(m.tasks[k], &task{release: k, experiment: e, step: s, run: run})
					m.all++
				}
			}
		}
	}
	return results
}

// next takes a task, of a release that nobody else builds with if there is
// one: two builds with one release would both compile its standard library.
func (m *matrix) next() *task {
	m.mu.Lock()
	defer m.mu.Unlock()
	pick := -1
	for i, tasks := range m.tasks {
		if len(tasks) > 0 && (pick < 0 || m.busy[pick] > m.busy[i]) {
			pick = i
		}
	}
	if pick < 0 {
		return nil
	}
	t := m.tasks[pick][0]
	m.tasks[pick] = m.tasks[pick][1:]
	m.busy[pick]++
	return t
}

// runShared builds everything, and runs what does not need to be alone.
func (m *matrix) runShared(ctx context.Context) {
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for t := m.next(); t != nil; t = m.next() {
				m.work(ctx, t)
			}
		})
	}
	wg.Wait()
}

func (m *matrix) work(ctx context.Context, t *task) {
	defer func() {
		m.mu.Lock()
		m.busy[t.release]--
		m.mu.Unlock()
	}()
	if ctx.Err() != nil {
		t.run.Skipped = interrupted
		return
	}
	ready, err := m.prepare(ctx, m.releases[t.release], t.experiment, t.step)
	if err != nil {
		t.run.Failed = m.clean(m.releases[t.release], m.temp, []byte(err.Error()))
		m.finish(t)
		return
	}
	t.ready = ready
	if t.step.Run.Alone && ready.ok {
		m.mu.Lock()
		m.alone = append(m.alone, t)
		m.mu.Unlock()
		return
	}
	m.execute(ctx, t)
}

// runAlone runs the steps that need the machine for themselves.
func (m *matrix) runAlone(ctx context.Context) {
	for _, t := range m.alone {
		m.execute(ctx, t)
	}
}

func (m *matrix) execute(ctx context.Context, t *task) {
	name := t.run.Release
	if ctx.Err() != nil {
		t.run.Skipped = interrupted
	} else {
		r := m.releases[t.release]
		*t.run = m.measure(ctx, r, t.experiment, t.step, t.ready)
		t.run.Release, t.run.Failed = name, m.clean(r, m.temp, []byte(t.run.Failed))
	}
	m.finish(t)
}

// finish counts a task and says so.
func (m *matrix) finish(t *task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done++
	if m.opts.Progress != nil {
		m.opts.Progress(Progress{m.done, m.all, t.run.Release, t.experiment.Name, t.step.Name})
	}
}

// result is what a record says of an experiment besides its claims.
func (e *Experiment) result(steps []StepResult) ExperimentResult {
	r := ExperimentResult{
		Name: e.Name, Title: e.Title, Question: e.Question, Rule: e.Rule, Lesson: strings.TrimSpace(e.Lesson),
		Steps: steps, Programs: map[string]string{},
	}
	for i, s := range e.Steps {
		for _, name := range e.sourceFiles(s) {
			src, err := fs.ReadFile(e.dir, name)
			if err != nil {
				continue // found when the step was run
			}
			r.Programs[name] = string(src)
			r.Steps[i].Files = append(r.Steps[i].Files, name)
		}
	}
	return r
}

// sourceFiles are the files of a step that a reader wants to see.
func (e *Experiment) sourceFiles(s *Step) []string {
	if s.Litmus != nil {
		return s.Litmus.Files
	}
	if s.folder() == "" {
		return nil
	}
	var names []string
	_ = fs.WalkDir(e.dir, s.folder(), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Base(name) != sumFile {
			if info, err := d.Info(); err == nil && info.Size() > 0 { // an empty .s file says nothing
				names = append(names, name)
			}
		}
		return nil
	})
	return names
}

// tables puts facts side by side.
func (e *Experiment) tables(releases []ReleaseInfo, steps []StepResult) []Table {
	var tables []Table
	for _, spec := range e.Tables {
		t := Table{Title: spec.Title, Rows: spec.Rows, Marks: spec.Marks}
		for i, r := range releases {
			cells := TableValues{Release: r.Version, Rows: make([][]string, len(spec.Rows))}
			for _, c := range spec.Columns {
				some := false
				var column []string
				for _, row := range spec.Rows {
					v, ok := factOf(steps, c.Step, i, row)
					some = some || ok
					column = append(column, v)
				}
				if !some {
					continue
				}
				cells.Columns = append(cells.Columns, c.Heading)
				for j, v := range column {
					cells.Rows[j] = append(cells.Rows[j], v)
				}
			}
			if len(cells.Columns) > 0 {
				t.Cells = append(t.Cells, cells)
			}
		}
		tables = append(tables, t)
	}
	return tables
}

// factOf is a fact as a table shows it.
func factOf(steps []StepResult, step string, release int, name string) (string, bool) {
	for _, s := range steps {
		if s.Name != step {
			continue
		}
		v, ok := s.Runs[release].Facts[name]
		if list, is := v.([]any); is {
			var words []string
			for _, w := range list {
				words = append(words, FormatFact(w))
			}
			return strings.Join(words, " "), true
		}
		if ok {
			return FormatFact(v), true
		}
	}
	return "", false
}
